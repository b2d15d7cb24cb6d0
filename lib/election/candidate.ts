/**
 * The rules of the candidate: when a Lease may be taken, and how.
 *
 * @module
 */
import { acquiredLease, ANNOTATION, type Answer, newLease, sameClaim } from "../lease.ts";
import { nextToken, type Token } from "../token.ts";
import { acquired, openAttempt, ownAttempt } from "./leader.ts";
import { waitMs } from "./observing.ts";
import {
  type Exchange,
  leftMs,
  mayRequest,
  readBy,
  requestAt,
  retryDelayMs,
  type Role,
  sendWrite,
  type Settings,
  type State,
  type Step,
  tell,
} from "./state.ts";

/** How long the watch may take to show what a conflict was about, before it is read. */
const CONFLICT_READ_MS = 50;

/** The token that taking the present version would have; `undefined` if it cannot be taken. */
function tokenToTake(state: State): Token | undefined {
  const record = state.known?.record;
  if (record === undefined || record.token === "malformed") return undefined;
  return nextToken(record.rv, record.token, state.highest);
}

/** When the Lease may be taken, or created, monotonic. */
export function takeAt(settings: Settings, state: State): number {
  const { known, role, pace } = state;
  if (!state.contending || known === undefined || state.watch.forbidden) return Infinity;
  if (role.name === "acquiring") return pace.at;
  if (role.name !== "observing") return Infinity;
  const earliest = Math.max(state.notBefore, pace.at);
  if (known.record === undefined) {
    // Somebody else may have created it: what was asked comes first, or creating would use up the requests.
    const asking = state.reads.at < Infinity || state.reading?.demanded;
    return asking ? Infinity : earliest;
  }
  if (tokenToTake(state) === undefined) return Infinity;
  return Math.max(earliest, known.since + waitMs(settings, state) + known.jitterMs);
}

/** The present version has changed, or has been read again, while this elector does not lead. */
export function candidateSees(step: Step, changed: boolean): void {
  const { state, now } = step;
  const { role } = state;
  const record = state.known?.record;
  if (changed && record !== undefined && tokenToTake(state) === undefined) {
    tell(
      step,
      "error",
      "malformed-token",
      `the fencing token in the Lease is ${
        JSON.stringify(record.lease.metadata.annotations?.[ANNOTATION.token]?.slice(0, 50))
      }, which no larger one can ` +
        `follow: correct or remove the annotation k8sensus.dev/fencing-token; nobody will lead before`,
    );
  }
  if (role.name !== "acquiring") return;
  // A Lease that was made anew, be it from what I wrote, is another one.
  const attempt = record?.uid === role.from.uid ? ownAttempt(step, record) : undefined;
  if (attempt === undefined) {
    // The version is what we wanted to replace: a conflict that was none.
    if (record?.rv === role.from.rv && sameClaim(record, role.from)) {
      if (!state.contending) return giveUp(step);
      if (state.pace.at === Infinity) state.pace.at = now.mono + retryDelayMs(step, 2);
      return;
    }
    state.clean = 0;
    return giveUp(step);
  }
  if (leftMs(attempt.sent, step.settings.timing.stopMs, now) <= 0) {
    tell(step, "warn", "late", "the Lease was taken, but the answer came too late to lead by it");
    return giveUp(step);
  }
  state.clean++;
  acquired(step, attempt, record!);
}

function giveUp(step: Step): void {
  const { state } = step;
  state.role = { name: "observing" };
  state.open = [];
  state.pace = { at: -Infinity, failures: 0 };
  if (!state.contending) step.effects.push({ type: "withdrawn" });
}

/** Nobody wants to lead any more, but the write may be committed: a Lease that is held must be released. */
function awaitOutcome(step: Step, role: Role & { name: "acquiring" }): void {
  const { state, now, settings } = step;
  if (role.until === undefined) {
    state.role = { ...role, until: now.mono + settings.timing.attemptTimeoutMs };
    readBy(state, now.mono);
  } else if (now.mono >= role.until) {
    giveUp(step);
  }
}

/** Takes the Lease, or creates it, when it is time. */
export function candidateTick(step: Step): void {
  const { state, settings, now } = step;
  if (state.exchange !== undefined) return;
  if (state.role.name === "acquiring" && !state.contending) return awaitOutcome(step, state.role);
  if (now.mono < takeAt(settings, state) || !mayRequest(step)) return;
  const record = state.known!.record;
  if (record === undefined) {
    return sendWrite(step, "create", newLease(settings.namespace, settings.leaseName));
  }
  if (state.role.name === "observing") {
    state.role = { name: "acquiring", from: record, token: tokenToTake(state)! };
    state.pace = { at: now.mono, failures: 0 };
  }
  if (state.role.name !== "acquiring") return;
  if (state.role.until !== undefined) state.role = { ...state.role, until: undefined };
  // What was sent too long ago to lead by is forgotten, so that this list cannot grow.
  state.open = state.open.filter((a) => leftMs(a.sent, settings.timing.stopMs, now) > 0);
  const claim = openAttempt(step, state.role.token, Math.trunc(now.wall * 1_000));
  sendWrite(step, "acquire", acquiredLease(state.role.from, claim));
}

/** A creation or acquisition came to nothing, or to nobody knows what. */
export function candidateFailed(step: Step, exchange: Exchange, answer: Answer): void {
  const { state, now, settings: { timing } } = step;
  const { pace, role } = state;
  if (exchange.kind === "acquire" && role.name !== "acquiring") return;
  if (exchange.kind === "create" && role.name !== "observing") return;
  const taken = answer.kind === "conflict" ||
    (exchange.kind === "create" && answer.kind === "refused" && answer.status === 422);
  if (taken) {
    pace.at = exchange.kind === "acquire"
      ? Infinity
      : now.mono + retryDelayMs(step, ++pace.failures + 1);
    // What is refused again and again is not there already: it cannot be.
    if (answer.kind === "refused" && pace.failures === 3) {
      tell(step, "error", "create-failed", answer.message);
    }
    return readBy(state, now.mono + (state.watch.phase === "open" ? CONFLICT_READ_MS : 0));
  }
  pace.failures++;
  const asked = answer.kind === "refused" ? answer.retryAfterMs ?? 0 : 0;
  pace.at = now.mono +
    Math.max(retryDelayMs(step, pace.failures), Math.min(asked, timing.retryPeriodMs));
  const why = "message" in answer ? answer.message : `answered ${answer.kind}`;
  tell(step, pace.failures === 1 ? "warn" : "debug", `${exchange.kind}-failed`, why);
}

/** When the candidate next has something to do, monotonic. */
export function candidateDeadline(settings: Settings, state: State): number {
  if (state.exchange !== undefined) return Infinity;
  if (state.role.name === "acquiring" && !state.contending) return state.role.until ?? -Infinity;
  return Math.max(takeAt(settings, state), requestAt(settings, state));
}
