/**
 * The words of the election: its inputs, its effects and its state, which is plain data.
 *
 * @module
 */
import type { Instant } from "../clock.ts";
import type { LossReason } from "../errors.ts";
import {
  type Answer,
  type Lease,
  type LeaseRecord,
  nameOf,
  type WatchEnd,
  type WatchEvent,
} from "../lease.ts";
import type { Timing } from "../timing.ts";
import { hasSuccessor, maxToken, type Token } from "../token.ts";

/** What an election is told once. */
export interface Settings {
  /** `<name>_<nonce>_<pod uid or ->`. */
  readonly identity: string;
  /** 128 random bits in hexadecimal, of this very elector. */
  readonly nonce: string;
  /** Where the Lease is. */
  readonly namespace: string;
  /** What it is called. */
  readonly leaseName: string;
  /** The durations, checked. */
  readonly timing: Timing;
  /** Take a Lease that looks as if it had never been held, at once. */
  readonly trustUnheld: boolean;
  /** Extra wait after a holder of another make; by default D* plus 3 s. */
  readonly foreignGraceMs?: number;
  /** Whether a guard watches over the terms: none begins before that is armed. */
  readonly guarded?: boolean;
}

/** What may happen to an election. */
export type Input =
  /** Begin to watch the Lease. */
  | { readonly type: "start" }
  /** Stop watching it; the election must be observing. */
  | { readonly type: "stop" }
  /** Try to lead. */
  | { readonly type: "contend" }
  /** Stop trying; a term that is under way is resigned. */
  | { readonly type: "withdraw" }
  /** End the term that is under way, for this reason; contend again after one retry period. */
  | { readonly type: "resign"; readonly reason: LossReason }
  /** All work of this term has ended. */
  | { readonly type: "settled"; readonly term: number }
  /** The guard will stop the term of this token at its fence. */
  | { readonly type: "armed"; readonly token: Token }
  /** The guard is gone. */
  | { readonly type: "unguarded" }
  /** A request has been answered, or has failed. */
  | { readonly type: "answered"; readonly id: number; readonly answer: Answer }
  /** The watch reports something. */
  | { readonly type: "watched"; readonly watch: number; readonly event: WatchEvent }
  /** The watch is over. */
  | { readonly type: "watchEnded"; readonly watch: number; readonly end: WatchEnd }
  /** The time of `deadline()` has come. */
  | { readonly type: "timer" };

/** What a write is for. */
export type WriteKind = "create" | "acquire" | "renew" | "release";

/** What an election wants done, in this order. */
export type Effect =
  /** PUT this Lease and report the answer under `id`. */
  | { readonly type: "write"; readonly id: number; readonly kind: WriteKind; readonly lease: Lease }
  /** GET the Lease and report the answer under `id`. */
  | { readonly type: "read"; readonly id: number }
  /** Give this request up: it has taken too long. */
  | { readonly type: "abandon"; readonly id: number }
  /** Open a watch, from this version, or from the present state if there is none. */
  | { readonly type: "watch"; readonly watch: number; readonly from?: string }
  /** Close this watch. */
  | { readonly type: "unwatch"; readonly watch: number }
  /** A term has begun. */
  | { readonly type: "startTerm"; readonly term: number; readonly token: Token }
  /** The term admits no new work, and its work is told to stop; once per term. */
  | { readonly type: "endTerm"; readonly term: number; readonly reason: LossReason }
  /** The term may not act any more: its fence has passed, or it was taken away; its Lease is not released. */
  | { readonly type: "revokeTerm"; readonly term: number; readonly reason: LossReason }
  /** The release of the term was written (or its Lease is gone), or it was given up. */
  | {
    readonly type: "released";
    readonly term: number;
    readonly token: Token;
    readonly done: boolean;
  }
  /** The write of this sequence counts: the guard may measure the fence from it. Only if guarded. */
  | { readonly type: "confirmed"; readonly sequence: number }
  /** Nothing of the term of this token can act any more, nor begin. Only if guarded. */
  | { readonly type: "disarm"; readonly token: Token }
  /** Nobody here leads or contends any more; work that has not ended by now is not waited for. */
  | { readonly type: "withdrawn" }
  /** The Lease names another holder now, or none (`""`). */
  | { readonly type: "holder"; readonly holder: string; readonly token?: Token }
  /** Something to tell. */
  | { readonly type: "notice"; readonly notice: Notice };

/** Something worth a line in the log. */
export interface Notice {
  /** As in the logger. */
  readonly level: "debug" | "info" | "warn" | "error";
  /** A fixed word for it. */
  readonly event: string;
  /** The whole story. */
  readonly message: string;
}

/** A write whose outcome may still turn out to be a commit. */
export interface Attempt {
  /** Part of its write mark. */
  readonly sequence: number;
  /** Read before the first byte was sent. */
  readonly sent: Instant;
  /** `renewTime` that it writes, in microseconds since the epoch. */
  readonly renewMicros: number;
  /** The token that it writes. */
  readonly token: Token;
  /** Whether it is a release. */
  readonly release: boolean;
}

/** The one write that is on its way. */
export interface Exchange {
  readonly id: number;
  readonly kind: WriteKind;
  /** The version it is conditioned on; none for a creation. */
  readonly rv?: string;
  /** When it is abandoned, monotonic. */
  readonly timeoutAt: number;
}

/** The one read that is on its way. */
export interface Reading {
  readonly id: number;
  /** The oldest version that its answer can truly show. */
  readonly oldestRv: string;
  /** The newest version that was known when it was sent. */
  readonly knownRv?: string;
  /** Whether something waits for the answer, so that a failure is tried again. */
  readonly demanded: boolean;
  readonly timeoutAt: number;
}

/** What is known of the Lease. */
export interface Known {
  /** Absent if there is no Lease. */
  readonly record?: LeaseRecord;
  /** The newest version known, be it of the Lease or of its deletion. */
  readonly rv: string;
  /** When this version was first received, monotonic. */
  readonly since: number;
  /** The duration that counts for the wait. */
  readonly countedMs: number;
  /** Whether work of a holder of another make may be going on. */
  readonly grace: boolean;
  /** Whether this version is proven to be free. */
  readonly free: boolean;
  /** Whether the stream has yet to show which version this one followed. */
  readonly pending: boolean;
  /** Added to the wait, so that candidates do not all write at one instant. */
  readonly jitterMs: number;
}

/** A stretch in which the Lease is ours. */
export interface Tenure {
  /** Counts the terms of this elector, from 1. */
  readonly term: number;
  readonly token: Token;
  /** When the last confirmed write was sent: the fence counts from here. */
  sent: Instant;
  /** The sequence of that write. */
  sequence: number;
  /** `renewTime` in it, in microseconds since the epoch. */
  renewMicros: number;
  /** The present version, known to be ours. */
  record: LeaseRecord;
  /** A conflict that a read has yet to explain. */
  disputed: boolean;
  /** Whether the last answer was a 403. */
  forbidden: boolean;
}

/** The name of a {@linkcode Role}. */
export type RoleName =
  | "observing"
  | "acquiring"
  | "arming"
  | "leading"
  | "draining"
  | "releasing"
  | "settling";

/** What this elector is, each with only what it needs. */
export type Role =
  /** Waits for the Lease to become free, if it contends. */
  | { readonly name: "observing" }
  /** A compare-and-swap on `from` is under way. */
  | {
    readonly name: "acquiring";
    readonly from: LeaseRecord;
    readonly token: Token;
    /** Who no longer contends waits so long (monotonic) to learn whether it holds the Lease after all. */
    readonly until?: number;
  }
  /** The Lease is ours; the term begins when the guard is armed. */
  | { readonly name: "arming"; readonly tenure: Tenure }
  | { readonly name: "leading"; readonly tenure: Tenure }
  /** Work has been told to stop; the Lease is renewed until it has, or until `until` (monotonic). */
  | {
    readonly name: "draining";
    readonly tenure: Tenure;
    readonly reason: LossReason;
    readonly until: number;
  }
  /** No act can start any more; the release is being written. */
  | { readonly name: "releasing"; readonly tenure: Tenure }
  /**
   * The term is over, its work is not; who no longer contends waits for it until `until` (monotonic), which
   * is `Infinity` once it has been told that it waits no longer.
   */
  | {
    readonly name: "settling";
    readonly term: number;
    readonly token: Token;
    readonly until: number;
  };

/** The watch, as it is meant to be. */
export interface Watch {
  /** Whether there should be one. */
  wanted: boolean;
  /** Counts the watches opened; events of older ones are dropped. */
  number: number;
  phase: "closed" | "opening" | "open";
  /** Where to resume. */
  rv?: string;
  /** The version that the unbroken stream showed last. */
  shown?: string;
  /** When it last said anything, or was opened, monotonic. */
  heardAt: number;
  /** Since when it shows less than is known, monotonic. */
  behindSince?: number;
  /** Failures in a row. */
  failures: number;
  /** When to open the next one, monotonic. */
  retryAt: number;
  /** The permission is missing. */
  forbidden: boolean;
}

/** Everything that an election remembers: plain data, cloned by `structuredClone`. */
export interface State {
  role: Role;
  /** Whether it tries to lead. */
  contending: boolean;
  /** Not before this monotonic time. */
  notBefore: number;
  known?: Known;
  watch: Watch;
  exchange?: Exchange;
  reading?: Reading;
  /** When an answer is needed (`Infinity`: none), when the last came or failed, failures in a row. */
  reads: { at: number; lastAt: number; failures: number };
  /** Writes that may yet turn out to be committed. */
  open: Attempt[];
  /** When the next write may be sent (monotonic), after how many failures in a row. */
  pace: { at: number; failures: number };
  /**
   * The highest token, or resource version before the present one, ever seen. The present version is not
   * among them, so that a token equal to it stands out: after a restore of etcd a version may come again.
   */
  highest?: Token;
  /** The longest duration that counted since the last acquisition, and the token of that. */
  longest: { ms: number; token?: Token };
  /** Acquisitions in a row that met no conflict. */
  clean: number;
  /** Requests that may be sent now, and the monotonic time of that count. */
  budget: { left: number; at: number };
  /** Running numbers. */
  lastId: number;
  sequence: number;
  terms: number;
}

/** One step of the machine: what all its parts work on. */
export interface Step {
  readonly settings: Settings;
  readonly state: State;
  readonly effects: Effect[];
  readonly now: Instant;
  /** One number in [0, 1). */
  readonly random: number;
}

/** I9: at most this many requests in a burst, and… */
const BURST = 10;
/** …this many per retry period in the long run. */
const REQUESTS_PER_PERIOD = 3;

/** The state at the very beginning. Every field is there, so that all states are of one shape to the engine. */
export function initialState(): State {
  return {
    role: { name: "observing" },
    contending: false,
    notBefore: -Infinity,
    known: undefined,
    watch: {
      wanted: false,
      number: 0,
      phase: "closed",
      rv: undefined,
      shown: undefined,
      heardAt: -Infinity,
      behindSince: undefined,
      failures: 0,
      retryAt: -Infinity,
      forbidden: false,
    },
    exchange: undefined,
    reading: undefined,
    reads: { at: Infinity, lastAt: -Infinity, failures: 0 },
    open: [],
    pace: { at: -Infinity, failures: 0 },
    highest: undefined,
    longest: { ms: 0, token: undefined },
    clean: 2,
    budget: { left: BURST, at: -Infinity },
    lastId: 0,
    sequence: 0,
    terms: 0,
  };
}

/**
 * What is left of `limitMs` for a leader. Of both clocks the one that has gone further counts, since the
 * monotonic one stands still during suspend.
 */
export function leftMs(since: Instant, limitMs: number, now: Instant): number {
  return Math.min(since.mono + limitMs - now.mono, since.wall + limitMs - now.wall);
}

/**
 * Takes one request out of the budget.
 *
 * @param spare How many must be left for others: a watch that breaks again and again leaves one to writes.
 */
export function mayRequest(step: Step, spare = 0): boolean {
  const { budget } = step.state;
  const { mono } = step.now;
  budget.left = Math.min(BURST, budget.left + (mono - budget.at) / budgetStepMs(step.settings));
  budget.at = mono;
  if (budget.left < 1 + spare) return false;
  budget.left -= 1;
  return true;
}

/** When the next request may be sent, monotonic. */
export function requestAt(settings: Settings, state: State, spare = 0): number {
  const { left, at } = state.budget;
  const short = 1 + spare - left;
  // A hair later than exact, so that rounding cannot leave the budget just short when it is due.
  return short <= 0 ? -Infinity : at + (short + 1e-6) * budgetStepMs(settings);
}

const budgetStepMs = (settings: Settings) => settings.timing.retryPeriodMs / REQUESTS_PER_PERIOD;

/** Pause before a retry: none at first, then doubling from 50 ms up to the retry period, with jitter. */
export function retryDelayMs(step: Step, failures: number): number {
  if (failures <= 1) return 0;
  const whole = Math.min(50 * 2 ** (failures - 2), step.settings.timing.retryPeriodMs);
  return whole * (0.5 + step.random / 2);
}

/**
 * Remembers a token, or the version of a past that was taken back, so that every later token is larger. One
 * that none can follow is a mistake that people will correct: it is not remembered.
 */
export function remember(state: State, token: LeaseRecord["token"]): void {
  if (token === undefined || token === "malformed" || !hasSuccessor(token)) return;
  state.highest = maxToken(token, state.highest);
}

/** Whether coordinated election asks for somebody else, by name or by whole identity. */
export function prefersOther({ identity }: Settings, record: LeaseRecord | undefined): boolean {
  const preferred = record?.preferredHolder;
  return preferred !== undefined && preferred !== identity && preferred !== nameOf(identity);
}

/** Asks for a read at `at` (monotonic) or earlier. */
export function readBy(state: State, at: number): void {
  state.reads.at = Math.min(state.reads.at, at);
}

/** Says something. */
export function tell(step: Step, level: Notice["level"], event: string, message: string): void {
  step.effects.push({ type: "notice", notice: { level, event, message } });
}

/** Sends a write, the only one on its way. */
export function sendWrite(step: Step, kind: WriteKind, lease: Lease): void {
  const { state, now, settings } = step;
  const id = ++state.lastId;
  const timeoutAt = now.mono + settings.timing.attemptTimeoutMs;
  state.exchange = { id, kind, rv: lease.metadata.resourceVersion, timeoutAt };
  step.effects.push({ type: "write", id, kind, lease });
}
