/**
 * What is known of the Lease, and how it is kept up to date: by a watch, and by reads where the watch
 * breaks, falls silent or lags.
 *
 * @module
 */
import type { Answer, LeaseRecord, WatchEnd, WatchEvent } from "../lease.ts";
import { sameClaim } from "../lease.ts";
import { compareTokens, type Token } from "../token.ts";
import {
  type Known,
  mayRequest,
  prefersOther,
  readBy,
  type Reading,
  remember,
  requestAt,
  retryDelayMs,
  type Settings,
  type State,
  type Step,
  tell,
} from "./state.ts";

/** A watch that says nothing at all for so long is replaced; bookmarks come about every minute. */
const WATCH_IDLE_MS = 180_000;
/** Where the `watch` permission is missing, asking again is for people who are adding it. */
const FORBIDDEN_RETRY_PERIODS = 5;

/** Requests that a watch leaves in the budget: renewals come first. */
const WATCH_SPARE = 1;

/** Where a version was met: on the stream behind the version `after`, or in an answer. */
type Source = { readonly stream: true; readonly after?: string } | { readonly stream: false };

/** D*: how long the present version must stand before it may be taken, in milliseconds. */
export function waitMs(settings: Settings, state: State): number {
  const { known, longest } = state;
  const own = settings.timing.leaseDurationMs;
  const whole = Math.max(known?.countedMs ?? 0, longest.ms, own);
  const others = prefersOther(settings, known?.record) ? whole : 0;
  if (known?.free) return others;
  return whole + (known?.grace ? settings.foreignGraceMs ?? whole + 3_000 : 0) + others;
}

/** Takes in one version of the Lease; older ones are dropped. Says whether the server went back in time. */
function learn(step: Step, record: LeaseRecord, source: Source): boolean {
  const { state, now } = step;
  const { known, watch, longest } = state;
  const order = known === undefined ? 1 : compareTokens(record.rv, known.rv);
  remember(state, record.token);
  if (order < 0) {
    outdate(state, record);
    return false;
  }
  // A version that was said to be gone, and is shown again, is taken for a new one.
  if (order === 0 && known!.record !== undefined) {
    // One number for two versions: it was given out twice.
    if (!sameClaim(known!.record, record)) {
      regress(step, record);
      return true;
    }
    if (known!.pending && source.stream) {
      state.known = { ...known!, pending: false, free: follows(record, source) };
    }
    return false;
  }
  const before = known?.record;
  const followed = source.stream && source.after !== undefined && source.after === known?.rv;
  const counts = before === undefined || !record.ours || record.write !== before.write;
  const countedMs = counts ? record.durationMs ?? 0 : known!.countedMs;
  const larger = isLater(record.token, longest.token);
  if (larger) state.longest = { ms: countedMs, token: record.token };
  else longest.ms = Math.max(longest.ms, countedMs);

  const kept = followed && before !== undefined && sameClaim(before, record);
  const free = looksFree(step, record) &&
    (kept ? known!.free : source.stream ? follows(record, source) : provenByAnswer(step, record));
  state.known = {
    record,
    rv: record.rv,
    since: kept ? known!.since : now.mono,
    countedMs,
    grace: needsGrace(record, known, followed),
    free: free || trusted(step, record),
    pending: !free && !source.stream && watch.phase === "open" && looksFree(step, record),
    jitterMs: state.clean >= 2 ? 0 : step.random * 5,
  };
  remember(state, known?.rv);
  if (record.holder !== (before?.holder ?? "")) tellHolder(step);
  if (record.holder === "" && !state.known.free && !state.known.pending) {
    const leftMs = state.known.since + waitMs(step.settings, state) - now.mono;
    tell(
      step,
      "info",
      "waiting",
      `the Lease names no holder, but nothing proves that the last one has stopped: it may be taken ` +
        `in ${Math.ceil(leftMs / 100) / 10}s`,
    );
  }
  if (countedMs > step.settings.timing.leaseDurationMs && countedMs !== known?.countedMs) {
    tell(
      step,
      "warn",
      "longer-duration",
      `the Lease was written with a duration of ${countedMs / 1_000}s, longer than the ` +
        `${
          step.settings.timing.leaseDurationMs / 1_000
        }s given here: waiting for the longer one; ` +
        `give all candidates of a Lease the same duration`,
    );
  }
  return false;
}

/** Whether a token is of a later term than all that were seen. */
function isLater(token: LeaseRecord["token"], newest: Token | undefined): token is Token {
  return token !== undefined && token !== "malformed" &&
    (newest === undefined || compareTokens(token, newest) > 0);
}

/**
 * What is too old to be believed may still tell of a later term than any that was known: the release of an
 * older one proves nothing then.
 */
function outdate(state: State, { token, durationMs }: LeaseRecord): void {
  const { known, longest } = state;
  if (!isLater(token, longest.token)) return;
  state.longest = { ms: Math.max(longest.ms, durationMs ?? 0), token };
  const released = known?.record?.released?.token;
  if (released !== undefined && compareTokens(released, token) < 0) {
    state.known = { ...known!, free: false, pending: false };
  }
}

function tellHolder(step: Step): void {
  const record = step.state.known?.record;
  const token = record?.token === "malformed" ? undefined : record?.token;
  step.effects.push({ type: "holder", holder: record?.holder ?? "", token });
}

/** A release mark that agrees with its record, of the newest term seen. */
function looksFree(step: Step, record: LeaseRecord): boolean {
  const { longest } = step.state;
  return record.released !== undefined &&
    (longest.token === undefined || compareTokens(record.released.token, longest.token) >= 0);
}

/** On the stream, a release must have replaced the version that was shown before it. */
function follows(record: LeaseRecord, source: Source & { stream: true }): boolean {
  return source.after === undefined || record.released?.rv === source.after;
}

/** Without a stream the mark alone must do; with one, it must fit what is known, or wait for the stream. */
function provenByAnswer(step: Step, record: LeaseRecord): boolean {
  const { watch, known } = step.state;
  return watch.phase !== "open" || known === undefined || record.released?.rv === known.rv;
}

function unheld(record: LeaseRecord): boolean {
  return record.holder === "" && record.renewMicros === undefined && record.transitions === 0;
}

function trusted(step: Step, record: LeaseRecord): boolean {
  return step.settings.trustUnheld && unheld(record);
}

/** Whether a holder of another make, who may act long after it was cut off, may be behind this record. */
function needsGrace(record: LeaseRecord, known: Known | undefined, followed: boolean): boolean {
  if (record.ours) return false;
  if (record.holder !== "") return true;
  if (unheld(record)) return known?.grace ?? false;
  return !(followed && known?.record?.ours === true);
}

/** Takes in that there is no Lease. */
function learnAbsent(step: Step, rv?: string): void {
  const { state, now } = step;
  const { known } = state;
  const seen = rv ?? known?.rv ?? "0";
  if (known !== undefined && compareTokens(seen, known.rv) < 0) return;
  if (known !== undefined && known.record === undefined) return;
  const held = known?.record !== undefined && known.record.holder !== "";
  remember(state, known?.rv);
  state.known = {
    rv: seen,
    since: now.mono,
    countedMs: 0,
    grace: known?.grace ?? false,
    free: false,
    pending: false,
    jitterMs: 0,
  };
  if (held) tellHolder(step);
}

/**
 * The server has gone back in time: believe what it says now, and prove nothing from it. A holder of another
 * make who was seen before may act on, whatever the Lease says now.
 */
function regress(step: Step, record: LeaseRecord): void {
  const { state, now } = step;
  const grace = state.known?.grace ?? false;
  tell(
    step,
    "error",
    "regressed",
    `the API server shows version ${record.rv} of the Lease after ${state.known?.rv}: was etcd ` +
      `restored from a backup? Restore with --bump-revision, or stop all candidates for a ` +
      `lease duration`,
  );
  closeWatch(step);
  state.watch.rv = state.watch.shown = undefined;
  state.watch.retryAt = now.mono;
  remember(state, state.known?.rv);
  state.known = undefined;
  learn(step, record, { stream: false });
  state.known = {
    ...state.known!,
    grace: state.known!.grace || grace,
    free: false,
    pending: false,
  };
}

/** What the Lease looked like in an answer that can truly show nothing older than `oldestRv`. */
export function learnAnswer(step: Step, record: LeaseRecord, oldestRv: string): boolean {
  if (compareTokens(record.rv, oldestRv) >= 0) return learn(step, record, { stream: false });
  regress(step, record);
  return true;
}

/** An answer said that there is no such Lease. */
export function learnMissing(step: Step): void {
  learnAbsent(step);
}

/** Takes in the answer to a read; says whether it showed that the server went back in time. */
export function readAnswered(step: Step, reading: Reading, answer: Answer): boolean {
  const { state, now } = step;
  const { reads } = state;
  state.reading = undefined;
  reads.lastAt = now.mono;
  if (answer.kind === "lease" || answer.kind === "missing") {
    reads.failures = 0;
    if (answer.kind === "lease") return learnAnswer(step, answer.record, reading.oldestRv);
    // Something else was learnt meanwhile: the answer may be older than that. Ask again.
    const overtaken = state.known?.rv !== reading.knownRv ||
      oldestRv(state.known) !== reading.oldestRv;
    if (overtaken) readBy(state, now.mono);
    else learnAbsent(step);
    return false;
  }
  reads.failures++;
  if (reads.failures === 1) {
    const why = "message" in answer ? answer.message : answer.kind;
    tell(step, "warn", "read-failed", `cannot read the Lease: ${why}`);
  }
  if (reading.demanded) readBy(state, now.mono + retryDelayMs(step, reads.failures));
  return false;
}

/** Takes in what the watch reports; says whether it showed that the server went back in time. */
export function watched(step: Step, event: WatchEvent): boolean {
  const { state, now } = step;
  const { watch } = state;
  watch.heardAt = now.mono;
  if (event.type === "opened") {
    watch.phase = "open";
    watch.forbidden = false;
    return false;
  }
  watch.failures = 0;
  if (event.type === "lease") {
    const source = { stream: true, after: watch.shown } as const;
    watch.shown = watch.rv = event.record.rv;
    return learn(step, event.record, source);
  }
  watch.rv = event.rv;
  if (event.type === "deleted") {
    watch.shown = event.rv;
    learnAbsent(step, event.rv);
  } else if (event.type === "synced" && watch.shown === undefined) {
    watch.shown = event.rv;
    learnAbsent(step, event.rv);
  }
  return false;
}

/** Takes in that the watch is over. */
export function watchEnded(step: Step, end: WatchEnd): void {
  const { watch } = step.state;
  const { retryPeriodMs } = step.settings.timing;
  watch.phase = "closed";
  watch.failures++;
  if (end === "expired") watch.rv = watch.shown = undefined;
  if (end === "forbidden" && !watch.forbidden) {
    tell(
      step,
      "error",
      "watch-forbidden",
      "the permission to watch the Lease is missing: nothing is known of it, and nobody leads here",
    );
  }
  watch.forbidden = end === "forbidden";
  watch.retryAt = step.now.mono +
    (watch.forbidden
      ? FORBIDDEN_RETRY_PERIODS * retryPeriodMs
      : retryDelayMs(step, watch.failures));
  if (end !== "ended" && !watch.forbidden && watch.failures === 2) {
    tell(
      step,
      "warn",
      "watch-failed",
      "the watch breaks again and again: reading the Lease instead",
    );
  }
}

function openWatch(step: Step): void {
  const { watch } = step.state;
  watch.number++;
  watch.phase = "opening";
  watch.heardAt = step.now.mono;
  watch.behindSince = undefined;
  step.effects.push({ type: "watch", watch: watch.number, from: watch.rv });
}

/** Closes the watch, if there is one. */
export function closeWatch(step: Step): void {
  const { watch } = step.state;
  if (watch.phase !== "closed") step.effects.push({ type: "unwatch", watch: watch.number });
  watch.phase = "closed";
}

/** When a silent, lagging or unanswered watch must be given up, monotonic. */
function distrustAt(settings: Settings, state: State): number {
  const { watch } = state;
  const { attemptTimeoutMs } = settings.timing;
  if (watch.phase === "closed") return Infinity;
  const answered = watch.phase === "open" && watch.rv !== undefined;
  const silent = watch.heardAt + (answered ? WATCH_IDLE_MS : attemptTimeoutMs);
  return Math.min(silent, (watch.behindSince ?? Infinity) + attemptTimeoutMs);
}

/** When the next read is due, monotonic. */
function readDue(settings: Settings, state: State): number {
  const { reads, watch, known, role } = state;
  const { retryPeriodMs } = settings.timing;
  const broken = watch.phase !== "open" && watch.failures >= 2 && !watch.forbidden;
  const poll = watch.wanted && broken ? reads.lastAt + retryPeriodMs : Infinity;
  const heartbeat = known !== undefined && role.name === "observing" &&
    (state.contending || (known.record?.holder ?? "") !== "") && !watch.forbidden;
  const silence = Math.max(2 * retryPeriodMs, (known?.countedMs ?? 0) / 3);
  const probe = watch.wanted && heartbeat
    ? Math.max(known.since, reads.lastAt) + silence
    : Infinity;
  return Math.min(reads.at, poll, probe);
}

/** Keeps the watch and the reads going. */
export function observingTick(step: Step): void {
  const { state, settings, now } = step;
  const { watch, known, reads } = state;
  const behind = known !== undefined && watch.phase === "open" && watch.rv !== undefined &&
    compareTokens(watch.rv, known.rv) < 0;
  watch.behindSince = behind ? watch.behindSince ?? now.mono : undefined;
  if (now.mono >= distrustAt(settings, state)) {
    if (behind) readBy(state, now.mono);
    closeWatch(step);
    watchEnded(step, "failed");
    watch.behindSince = undefined;
  }
  if (
    watch.wanted && watch.phase === "closed" && now.mono >= watch.retryAt &&
    mayRequest(step, WATCH_SPARE)
  ) {
    openWatch(step);
  }
  if (state.reading === undefined && now.mono >= readDue(settings, state) && mayRequest(step)) {
    const id = ++state.lastId;
    const timeoutAt = now.mono + settings.timing.attemptTimeoutMs;
    const demanded = reads.at <= now.mono;
    reads.at = Infinity;
    state.reading = { id, oldestRv: oldestRv(known), knownRv: known?.rv, demanded, timeoutAt };
    step.effects.push({ type: "read", id });
  }
}

/** The oldest version that a read sent now can truly show: a Lease that is gone comes back with a newer one. */
function oldestRv(known: Known | undefined): string {
  if (known === undefined) return "0";
  return known.record === undefined ? String(BigInt(known.rv) + 1n) : known.rv;
}

/** When {@linkcode observingTick} next has something to do, monotonic. */
export function observingDeadline(settings: Settings, state: State): number {
  const { watch, reading } = state;
  const open = watch.wanted && watch.phase === "closed" ? watch.retryAt : Infinity;
  const read = reading === undefined ? readDue(settings, state) : Infinity;
  return Math.min(
    distrustAt(settings, state),
    Math.max(open, requestAt(settings, state, WATCH_SPARE)),
    Math.max(read, requestAt(settings, state)),
    reading?.timeoutAt ?? Infinity,
  );
}
