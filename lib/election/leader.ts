/**
 * The rules of the leader: renewing, resolving what is uncertain, the fence, draining, releasing.
 *
 * @module
 */
import type { Instant } from "../clock.ts";
import type { LossReason } from "../errors.ts";
import {
  type Answer,
  type Claim,
  type LeaseRecord,
  releasedLease,
  renewedLease,
} from "../lease.ts";
import { compareTokens, type Token } from "../token.ts";
import {
  type Attempt,
  type Exchange,
  leftMs,
  mayRequest,
  prefersOther,
  readBy,
  requestAt,
  retryDelayMs,
  sendWrite,
  type Settings,
  type State,
  type Step,
  tell,
  type Tenure,
} from "./state.ts";

/** Older ones are forgotten: what is forgotten is not believed, which costs a wait and nothing else. */
const MOST_OPEN = 1_000;

/** The tenure of the present role, if it has one. */
export function tenureOf(state: State): Tenure | undefined {
  const { role } = state;
  switch (role.name) {
    case "arming":
    case "leading":
    case "draining":
    case "releasing":
      return role.tenure;
    default:
      return undefined;
  }
}

/** Draws the sequence of a new write and remembers when it was sent. */
export function openAttempt(
  step: Step,
  token: Token,
  renewMicros: number,
  release = false,
): Claim {
  const { state, settings, now } = step;
  const sequence = ++state.sequence;
  if (state.open.length === MOST_OPEN) state.open.shift();
  state.open.push({ sequence, sent: now, renewMicros, token, release });
  return {
    identity: settings.identity,
    write: `${settings.nonce}.${sequence}`,
    token,
    durationMs: settings.timing.leaseDurationMs,
    renewMicros,
  };
}

/** The unresolved write of this elector that made `record`, untouched by any other hand. */
export function ownAttempt(step: Step, record: LeaseRecord): Attempt | undefined {
  const { settings, state } = step;
  const attempt = state.open.find((a) => record.write === `${settings.nonce}.${a.sequence}`);
  if (attempt === undefined || record.token !== attempt.token) return undefined;
  if (record.durationMs !== settings.timing.leaseDurationMs) return undefined;
  return record.holder === (attempt.release ? "" : settings.identity) ? attempt : undefined;
}

/** Whether `record` is the last confirmed write of the tenure, but for foreign metadata. */
function isLastWrite(step: Step, tenure: Tenure, record: LeaseRecord): boolean {
  const { settings } = step;
  return record.write === `${settings.nonce}.${tenure.sequence}` &&
    record.holder === settings.identity && record.token === tenure.token &&
    record.durationMs === settings.timing.leaseDurationMs;
}

/** Begins a term, or releases at once if nobody wants to lead any more. */
export function acquired(step: Step, attempt: Attempt, record: LeaseRecord): void {
  const { state, effects, settings } = step;
  const tenure: Tenure = {
    term: ++state.terms,
    token: attempt.token,
    sent: attempt.sent,
    sequence: attempt.sequence,
    renewMicros: attempt.renewMicros,
    record,
    disputed: false,
    forbidden: false,
  };
  state.open = [];
  state.pace = { at: attempt.sent.mono + settings.timing.retryPeriodMs, failures: 0 };
  if (!state.contending) {
    state.pace.at = step.now.mono;
    state.role = { name: "releasing", tenure };
    return;
  }
  if (settings.guarded) {
    state.role = { name: "arming", tenure };
    effects.push({ type: "confirmed", sequence: tenure.sequence });
  } else startTerm(step, tenure);
}

function startTerm({ state, effects }: Step, tenure: Tenure): void {
  state.role = { name: "leading", tenure };
  effects.push({ type: "startTerm", term: tenure.term, token: tenure.token });
}

/** The guard is ready for the term of this token. */
export function armed(step: Step, token: Token): void {
  const { role } = step.state;
  if (role.name === "arming" && role.tenure.token === token) startTerm(step, role.tenure);
}

/** There is nothing left that the guard would have to stop. */
function disarm({ settings, effects }: Step, token: Token): void {
  if (settings.guarded) effects.push({ type: "disarm", token });
}

/** The present version has changed, or has been read again, while the Lease is (or was) ours. */
export function leaderSees(step: Step, regressed: boolean): void {
  const { state, settings } = step;
  const tenure = tenureOf(state);
  if (tenure === undefined) return;
  const record = state.known?.record;
  const releasing = state.role.name === "releasing";
  if (regressed) return releasing ? finish(step, false) : lose(step, "regressed");
  if (record === undefined || record.uid !== tenure.record.uid) {
    return releasing ? finish(step, true) : lose(step, "deleted");
  }
  const attempt = ownAttempt(step, record);
  if (attempt?.release) return finish(step, true);
  if (attempt !== undefined) {
    confirm(step, tenure, attempt, record);
  } else if (isLastWrite(step, tenure, record)) {
    // Writes conditioned on an older version cannot be committed any more.
    if (record.rv !== tenure.record.rv) state.open = [];
    tenure.record = record;
    tenure.disputed = false;
  } else if (releasing) {
    return finish(step, state.open.some((a) => a.release));
  } else {
    const other = record.holder !== "" && record.holder !== settings.identity;
    return lose(step, other ? "superseded" : "edited");
  }
  if (prefersOther(settings, record)) resign(step, "preempted");
}

function confirm(step: Step, tenure: Tenure, attempt: Attempt, record: LeaseRecord): void {
  const { state, settings } = step;
  tenure.sent = attempt.sent;
  tenure.sequence = attempt.sequence;
  tenure.renewMicros = attempt.renewMicros;
  tenure.record = record;
  tenure.disputed = tenure.forbidden = false;
  state.open = [];
  const releasing = state.role.name === "releasing";
  if (settings.guarded && !releasing) {
    step.effects.push({ type: "confirmed", sequence: attempt.sequence });
  }
  state.pace = {
    at: releasing ? step.now.mono : attempt.sent.mono + settings.timing.retryPeriodMs,
    failures: 0,
  };
}

/** Ends the term, but not yet the tenure: work is told to stop. */
export function resign(step: Step, reason: LossReason): void {
  const { state, now, settings } = step;
  // A term that has not begun has no work, and nobody to be told.
  if (state.role.name === "arming") return release(step, state.role.tenure);
  if (state.role.name !== "leading") return;
  const { tenure } = state.role;
  step.effects.push({ type: "endTerm", term: tenure.term, reason });
  state.role = { name: "draining", tenure, reason, until: now.mono + settings.timing.drainMs };
}

/** Ends the term for good. */
export function lose(step: Step, reason: LossReason): void {
  const { state, effects } = step;
  if (state.role.name === "arming") return forgo(step, state.role.tenure);
  resign(step, reason);
  const { role } = state;
  if (role.name !== "draining") return;
  const { term, token } = role.tenure;
  effects.push({ type: "revokeTerm", term, reason });
  state.role = { name: "settling", term, token, until: role.until };
  state.open = [];
  state.pace = { at: -Infinity, failures: 0 };
}

/** Ends a tenure whose term never began. */
function forgo(step: Step, tenure: Tenure): void {
  const { state } = step;
  disarm(step, tenure.token);
  state.role = { name: "observing" };
  state.open = [];
  state.pace = { at: -Infinity, failures: 0 };
}

/** No act can start any more: the Lease may be given back. */
function release(step: Step, tenure: Tenure): void {
  step.state.role = { name: "releasing", tenure };
  step.state.pace = { at: step.now.mono, failures: 0 };
  disarm(step, tenure.token);
}

/** The tenure is over: its release is written, unnecessary, or given up. */
function finish(step: Step, done: boolean): void {
  const { state, now, settings, effects } = step;
  const tenure = tenureOf(state)!;
  effects.push({ type: "released", term: tenure.term, token: tenure.token, done });
  state.role = { name: "observing" };
  state.open = [];
  state.pace = { at: -Infinity, failures: 0 };
  // After a resignation somebody else should have the chance.
  state.notBefore = now.mono + settings.timing.retryPeriodMs;
  if (!state.contending) effects.push({ type: "withdrawn" });
}

/** All work of the term has ended. */
export function settled(step: Step, term: number): void {
  const { state, effects } = step;
  if (state.role.name === "settling" && state.role.term === term) {
    const told = state.role.until === Infinity;
    disarm(step, state.role.token);
    state.role = { name: "observing" };
    if (!state.contending && !told) effects.push({ type: "withdrawn" });
    return;
  }
  if (tenureOf(state)?.term !== term) return;
  resign(step, "resigned");
  if (state.role.name === "draining") release(step, state.role.tenure);
}

/** What the clock alone decides. It comes before anything else in every step. */
export function leaderClock(step: Step): void {
  const { state, now, settings: { timing } } = step;
  const tenure = tenureOf(state);
  if (tenure === undefined) return;
  const past = (limitMs: number) => leftMs(tenure.sent, limitMs, now) <= 0;
  const why = tenure.forbidden ? "forbidden" : "expired";
  if (state.role.name === "releasing") {
    if (past(timing.leaseDurationMs)) finish(step, false);
  } else if (past(timing.fenceMs)) {
    lose(step, why);
  } else if (past(timing.stopMs)) {
    resign(step, why);
  }
}

/** Whether the next write of this tenure is only a matter of time. */
function mayWrite(state: State, now: number): boolean {
  const { role, exchange } = state;
  const tenure = tenureOf(state);
  if (tenure === undefined || tenure.disputed || exchange !== undefined) return false;
  return role.name !== "draining" || now < role.until;
}

/** Renews or releases when it is time; stops waiting for work that does not stop. */
export function leaderTick(step: Step): void {
  const { state, now, effects } = step;
  if (state.role.name === "settling" && now.mono >= settlingUntil(state)) {
    state.role = { ...state.role, until: Infinity };
    effects.push({ type: "withdrawn" });
  }
  if (!mayWrite(state, now.mono) || now.mono < state.pace.at || !mayRequest(step)) return;
  const tenure = tenureOf(state)!;
  const wall = Math.trunc(now.wall * 1_000);
  if (state.role.name === "releasing") {
    const claim = openAttempt(step, tenure.token, Math.max(wall, tenure.renewMicros + 1), true);
    return sendWrite(step, "release", releasedLease(tenure.record, claim));
  }
  // Followers of other makes compare whole seconds, so each renewal must show a new one.
  const nextSecond = (Math.floor(tenure.renewMicros / 1e6) + 1) * 1e6;
  const claim = openAttempt(step, tenure.token, Math.max(wall, nextSecond));
  sendWrite(step, "renew", renewedLease(tenure.record, claim));
}

/** How long work is waited for whose term is over, monotonic: for ever by who wants to lead again. */
function settlingUntil({ role, contending }: State): number {
  return role.name === "settling" && !contending ? role.until : Infinity;
}

/** A renewal or release came to nothing, or to nobody knows what. */
export function leaderFailed(step: Step, exchange: Exchange, answer: Answer): void {
  const { state, now, settings: { timing } } = step;
  const tenure = tenureOf(state);
  if (tenure === undefined) return;
  const { pace } = state;
  pace.failures++;
  pace.at = now.mono + retryDelayMs(step, pace.failures);
  if (answer.kind === "conflict") {
    // The watch may have shown the newer version already; else a read has to explain it.
    tenure.disputed = compareTokens(tenure.record.rv, exchange.rv!) <= 0;
    if (tenure.disputed) readBy(state, now.mono);
    return;
  }
  tenure.forbidden = answer.kind === "refused" && answer.status === 403;
  if (answer.kind === "refused" && answer.retryAfterMs !== undefined) {
    const left = Math.max(0, leftMs(tenure.sent, timing.stopMs, now));
    pace.at = Math.max(pace.at, now.mono + Math.min(answer.retryAfterMs, left / 2));
  }
  const why = "message" in answer ? answer.message : `answered ${answer.kind}`;
  tell(step, pace.failures === 1 ? "warn" : "debug", `${exchange.kind}-failed`, why);
}

/** How often a leader looks at the clocks: a wall clock that jumps, or went on in suspend, tells nobody. */
function lookMs({ fenceMs, stopMs }: Settings["timing"]): number {
  return Math.max(250, (fenceMs - stopMs) / 4);
}

/** When the leader next has something to do, monotonic. */
export function leaderDeadline(settings: Settings, state: State, now: Instant): number {
  const tenure = tenureOf(state);
  if (tenure === undefined) return settlingUntil(state);
  const { timing } = settings;
  const { role } = state;
  const limit = role.name === "releasing"
    ? timing.leaseDurationMs
    : role.name === "draining"
    ? timing.fenceMs
    : timing.stopMs;
  const write = mayWrite(state, now.mono)
    ? Math.max(state.pace.at, requestAt(settings, state))
    : Infinity;
  return Math.min(now.mono + Math.min(leftMs(tenure.sent, limit, now), lookMs(timing)), write);
}
