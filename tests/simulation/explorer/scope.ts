// What is explored: who takes part, how fast their clocks go, and how much may go wrong.
import { makeTiming, type Timing } from "../../../lib/timing.ts";

/** Seconds that a clock goes on while twelve of true time pass: 1 − ρ, 1, 1 + ρ. */
export const CLOCKS = { slow: 11, exact: 12, fast: 13 } as const;

/** How fast a clock goes. */
export type ClockName = keyof typeof CLOCKS;

/** True time goes on by so much at once, in milliseconds. */
export const TICK_MS = 12_000;

/** What can go wrong, each only so often. */
export const FAULTS = [
  /** A request or an answer never arrives, or the connection breaks with it. */
  "losses",
  /** A message arrives whenever it likes, maybe after its sender has given it up. */
  "delays",
  /** A write is sent twice by something in between, and answered as the second one. */
  "resends",
  /** A watch breaks. */
  "cuts",
  /** A process stands still for any time. */
  "pauses",
  /** The Lease is deleted. */
  "deletes",
  /** The Lease is changed by hand. */
  "edits",
  /** A leader gives its term up. */
  "resigns",
  /** A process dies and another one of its name starts. */
  "crashes",
] as const;

/** The name of a {@linkcode FAULTS}. */
export type FaultName = typeof FAULTS[number];

/** How much may go wrong. */
export type Budgets = Readonly<Record<FaultName, number>>;

/** A world that is small enough to see all of it. */
export interface Scope {
  /** One for every candidate. */
  readonly clocks: readonly ClockName[];
  readonly timing: Timing;
  readonly budgets: Budgets;
}

/** No more than these candidates: their states would be too many anyway. */
export const MOST_CANDIDATES = 4;

/**
 * The durations with which the fence of the slowest clock and the wait of the fastest end at the same
 * instant, so many ticks after the write: nothing is to spare.
 *
 * @param ticks At least 3.
 */
export function tightTiming(ticks: number): Timing {
  const second = 1_000;
  return makeTiming({
    leaseDurationMs: 13 * ticks * second,
    clockSkewMs: 2 * ticks * second,
    stopGraceMs: 11 * second,
    retryPeriodMs: 11 * second,
    attemptTimeoutMs: Math.floor((11 * ticks - 22) / 3) * second,
    drainMs: 11 * second,
  });
}

/** As many of each fault as are named, and none of the others. */
export function budgetsOf(some: Partial<Budgets>): Budgets {
  const none = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<FaultName, number>;
  return { ...none, ...some };
}

/** What is meant where nothing is said. */
export function makeScope(
  clocks: readonly ClockName[] = ["slow", "fast"],
  budgets: Partial<Budgets> = {},
  timing: Timing = tightTiming(3),
): Scope {
  return { clocks, timing, budgets: budgetsOf(budgets) };
}

/** How fast the clock of a candidate goes, in its milliseconds a tick. */
export function tickOf(scope: Scope, who: number): number {
  return CLOCKS[scope.clocks[who]!] * 1_000;
}
