/**
 * The durations of an election, and the inequality that makes them safe.
 *
 * @module
 */
import { formatDuration } from "./duration.ts";
import { ConfigError } from "./errors.ts";

/**
 * The bound ρ on the error of a clock's *rate*, 1/12: the fastest that chrony slews. Two clocks may
 * differ by any amount; what counts is how fast they drift apart.
 */
export const CLOCK_RATE_ERROR: number = 1 / 12;

/** What a user may choose; every duration in milliseconds. */
export interface TimingOptions {
  /**
   * D: how long a follower waits for a leader that is silent. Whole seconds, and the same for all
   * candidates of a Lease.
   *
   * @default {15000}
   */
  leaseDurationMs?: number;
  /**
   * How much earlier than D the leader stops: the fence F is `leaseDurationMs - clockSkewMs` after the
   * last confirmed renewal was sent.
   *
   * @default {leaseDurationMs / 5}
   */
  clockSkewMs?: number;
  /**
   * K: how long before the fence work is told to stop.
   *
   * @default {leaseDurationMs * 2 / 15}
   */
  stopGraceMs?: number;
  /**
   * How often the leader renews, and the longest pause between retries.
   *
   * @default {leaseDurationMs * 2 / 15}
   */
  retryPeriodMs?: number;
  /**
   * How long one request may take: connecting, answer and body together.
   *
   * @default {leaseDurationMs / 6}
   */
  attemptTimeoutMs?: number;
  /**
   * How long work may take to end after a voluntary stop, while the leader goes on renewing.
   *
   * @default {25000}
   */
  drainMs?: number;
}

/** Durations that have been checked; all in milliseconds. */
export interface Timing {
  /** D, a multiple of 1000. */
  readonly leaseDurationMs: number;
  /** F = D − skew, counted from the moment before the last confirmed renewal was sent. */
  readonly fenceMs: number;
  /** F − K, when work is told to stop and no new work is admitted. */
  readonly stopMs: number;
  /** How often the leader renews. */
  readonly retryPeriodMs: number;
  /** How long one request may take. */
  readonly attemptTimeoutMs: number;
  /** How long work may drain. */
  readonly drainMs: number;
  /** ε: how late the stop of work may come in real time before two leaders are possible. */
  readonly stopBudgetMs: number;
}

const show = (ms: number) => formatDuration(Math.round(ms * 1_000) / 1_000);

/**
 * Fills in the defaults and checks that the durations are safe together.
 *
 * @param options What the user chose.
 * @returns The durations, and the stop budget that remains.
 * @throws {ConfigError} If a duration is out of range, or if a leader with these durations could still
 * act when the next one takes over; the message shows the arithmetic.
 *
 * @example
 * ```ts
 * import { makeTiming } from "./timing.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const timing = makeTiming({ leaseDurationMs: 15_000 });
 * assertEquals(timing.fenceMs, 12_000);
 * assertEquals(Math.floor(timing.stopBudgetMs), 755);
 * ```
 */
export function makeTiming(options: TimingOptions = {}): Timing {
  const leaseDurationMs = options.leaseDurationMs ?? 15_000;
  if (!Number.isInteger(leaseDurationMs / 1_000) || leaseDurationMs < 1_000) {
    throw new ConfigError(
      `Cannot use a lease duration of ${show(leaseDurationMs)}: the Lease stores whole seconds, ` +
        `so give 1s, 2s, 15s, …`,
    );
  }
  if (leaseDurationMs / 1_000 > 2 ** 31 - 1) {
    throw new ConfigError(
      `Cannot use a lease duration of ${
        leaseDurationMs / 1_000
      }s: the Lease stores at most 2147483647s`,
    );
  }
  const skew = positive("clock skew", options.clockSkewMs ?? leaseDurationMs / 5, true);
  const grace = positive("stop grace", options.stopGraceMs ?? leaseDurationMs * 2 / 15, true);
  const retryPeriodMs = positive("retry period", options.retryPeriodMs ?? leaseDurationMs * 2 / 15);
  const attemptTimeoutMs = positive(
    "attempt timeout",
    options.attemptTimeoutMs ?? leaseDurationMs / 6,
  );
  const drainMs = positive("drain", options.drainMs ?? 25_000, true);
  const fenceMs = leaseDurationMs - skew;
  const stopMs = fenceMs - grace;
  below("clock skew", skew, "the lease duration", leaseDurationMs);
  below("stop grace", grace, "the fence, lease duration − clock skew", fenceMs);
  const stopBudgetMs = leaseDurationMs / (1 + CLOCK_RATE_ERROR) - fenceMs / (1 - CLOCK_RATE_ERROR);
  if (stopBudgetMs < 0) {
    const least = leaseDurationMs * 2 * CLOCK_RATE_ERROR / (1 + CLOCK_RATE_ERROR);
    throw new ConfigError(
      `Cannot use a clock skew of ${show(skew)} with a lease duration of ${
        show(leaseDurationMs)
      }: ` +
        `the leader stops after (${show(leaseDurationMs)} − ${show(skew)}) / (1 − 1/12) = ` +
        `${
          show(fenceMs / (1 - CLOCK_RATE_ERROR))
        } of real time at the latest, but the next may lead ` +
        `after ${show(leaseDurationMs)} / (1 + 1/12) = ` +
        `${show(leaseDurationMs / (1 + CLOCK_RATE_ERROR))}; give a clock skew of at least ` +
        `${show(Math.ceil(least))} or a longer lease duration`,
    );
  }
  if (retryPeriodMs + 3 * attemptTimeoutMs > stopMs + 1e-6) {
    throw new ConfigError(
      `Cannot use a retry period of ${show(retryPeriodMs)} with an attempt timeout of ` +
        `${show(attemptTimeoutMs)}: one retry period and three slow attempts take ` +
        `${show(retryPeriodMs + 3 * attemptTimeoutMs)}, but work is told to stop ${show(stopMs)} ` +
        `after a renewal (lease duration − clock skew − stop grace); shorten them, or lengthen the ` +
        `lease duration`,
    );
  }
  return {
    leaseDurationMs,
    fenceMs,
    stopMs,
    retryPeriodMs,
    attemptTimeoutMs,
    drainMs,
    stopBudgetMs,
  };
}

function below(name: string, ms: number, what: string, limitMs: number): void {
  if (ms < limitMs) return;
  throw new ConfigError(
    `Cannot use a ${name} of ${show(ms)}: it must be below ${show(limitMs)} (${what})`,
  );
}

function positive(name: string, ms: number, orZero = false): number {
  if (Number.isFinite(ms) && (ms > 0 || (orZero && ms === 0))) return ms;
  throw new ConfigError(
    `Cannot use a ${name} of ${ms}ms: give a duration ${orZero ? "of at least 0" : "above 0"}`,
  );
}
