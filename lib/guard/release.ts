/**
 * Releases by proof of death: read, and only what is still the dead term's, write.
 *
 * @module
 */
import type { Instant } from "../clock.ts";
import { leftMs } from "../election/state.ts";
import { type Answer, type LeaseRecord, releasedLease } from "../lease.ts";
import { fieldsOf, note, type Release, type Session, type Step } from "./state.ts";

/**
 * Begins the release of an elector's term, if it has one and this was not begun before.
 *
 * An elector that lives may know of a later renewal than this guard was told of, when it was stopped before it
 * could tell, and say that it leads when it wakes up: no longer, though, than F after the last write that it
 * ever asked a reading for.
 *
 * @param lives Whether the elector lives.
 */
export function beginRelease(step: Step, session: Session, lives = false): void {
  const { state, now, settings } = step;
  const { id, facts, term } = session;
  if (term === undefined || term.releasing) return;
  term.releasing = true;
  const { token, first, last, lastAt } = term;
  const leadsMs = lives ? leftMs(lastAt, facts.fenceMs, now) : 0;
  state.releases.push({
    session: id,
    facts,
    token,
    first,
    last,
    lastAt,
    at: now.mono + Math.max(settings.settleMs, leadsMs),
    failures: 0,
    sequence: 0,
  });
}

/** Whether the record is held by the term that this release is about: holder, nonce, write and token. */
function isHeldBy(record: LeaseRecord, { facts, token, first, last }: Release): boolean {
  const [nonce, sequence] = record.write?.split(".") ?? [];
  return record.ours && record.holder === facts.identity && record.token === token &&
    nonce === facts.nonce && first <= Number(sequence) && Number(sequence) <= last;
}

/** Whether the record is what this release wrote. */
function isReleased(step: Step, record: LeaseRecord, release: Release): boolean {
  const [nonce, sequence] = record.write?.split(".") ?? [];
  return nonce === step.settings.nonce && Number(sequence) <= release.sequence &&
    record.token === release.token;
}

/** Sends what is due, and gives up what is too late. */
export function releaseTick(step: Step): void {
  const { state, now, effects } = step;
  for (const release of [...state.releases]) {
    const { exchange, facts } = release;
    if (leftMs(release.lastAt, facts.leaseDurationMs, now) <= 0) {
      // D after the last write was sent somebody else may lead.
      if (exchange !== undefined) effects.push({ type: "abandon", id: exchange.id });
      finish(step, release, "unreleased", "no release got through within a lease duration");
      continue;
    }
    if (exchange !== undefined && now.mono >= exchange.timeoutAt) {
      effects.push({ type: "abandon", id: exchange.id });
      failed(step, release, `no answer within ${Math.round(facts.attemptTimeoutMs)}ms`);
    }
    if (release.exchange === undefined && now.mono >= release.at) send(step, release);
  }
}

function send(step: Step, release: Release): void {
  const { state, now, settings, effects } = step;
  const { session, facts, token, record } = release;
  const id = ++state.lastId;
  const timeoutAt = now.mono + facts.attemptTimeoutMs;
  release.exchange = { id, timeoutAt, write: record !== undefined };
  if (record === undefined) return void effects.push({ type: "read", id, session });
  release.record = undefined;
  const lease = releasedLease(record, {
    identity: facts.identity,
    write: `${settings.nonce}.${++release.sequence}`,
    token,
    durationMs: facts.leaseDurationMs,
    renewMicros: Math.max(Math.trunc(now.wall * 1_000), (record.renewMicros ?? 0) + 1),
  });
  effects.push({ type: "write", id, session, lease });
}

/** A request was answered. */
export function releaseAnswered(step: Step, id: number, answer: Answer): void {
  const release = step.state.releases.find(({ exchange }) => exchange?.id === id);
  if (release === undefined) return;
  const { write } = release.exchange!;
  if (answer.kind === "missing") {
    return finish(step, release, "nothing-to-release", "the Lease is gone");
  }
  if (answer.kind === "lease") {
    const { record } = answer;
    if (isReleased(step, record, release)) {
      return finish(step, release, "released", "released the Lease by proof of death");
    }
    if (!isHeldBy(record, release)) {
      const holder = record.holder === "" ? "nobody" : record.holder;
      return finish(step, release, "nothing-to-release", `the Lease is held by ${holder}`);
    }
    release.exchange = undefined;
    // A write that was answered with the old version has changed nothing: read again, not at once.
    if (write) return failed(step, release, "the write changed nothing");
    release.record = record;
    release.at = step.now.mono;
    return;
  }
  // Somebody's write came first, perhaps one that the dead had sent: look again.
  if (answer.kind === "conflict") return failed(step, release, "the Lease has changed", true);
  failed(step, release, answer.message);
}

function failed(step: Step, release: Release, why: string, conflict = false): void {
  const { now, random } = step;
  release.exchange = undefined;
  release.failures++;
  const whole = Math.min(50 * 2 ** (release.failures - 1), release.facts.retryPeriodMs);
  release.at = now.mono + (release.failures === 1 ? 0 : whole * (0.5 + random / 2));
  const level = release.failures === 1 && !conflict ? "warn" : "debug";
  note(step, level, "release-failed", `cannot release the Lease yet: ${why}`, about(release));
}

type Outcome = "released" | "nothing-to-release" | "unreleased";

function finish(step: Step, release: Release, outcome: Outcome, message: string): void {
  const { state } = step;
  state.releases = state.releases.filter((other) => other !== release);
  if (outcome === "unreleased") state.unreleased = true;
  if (outcome === "released") state.released = release.token;
  const level = outcome === "unreleased" ? "warn" : "info";
  const end = outcome === "unreleased" ? ": it runs out by itself" : "";
  note(step, level, outcome, message + end, about(release));
}

const about = ({ facts, token }: Release) => fieldsOf(facts, token);

/** When a release next has something to do, monotonic. */
export function releaseDeadline(release: Release, now: Instant): number {
  const { exchange, at, lastAt, facts } = release;
  const left = leftMs(lastAt, facts.leaseDurationMs, now);
  return Math.min(exchange?.timeoutAt ?? at, now.mono + left);
}
