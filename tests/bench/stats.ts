/**
 * What many trials come to.
 *
 * @module
 */

/** A summary of numbers that all have the same unit. */
export interface Summary {
  readonly trials: number;
  readonly min: number;
  readonly p50: number;
  /** Only with enough trials that it is not just another word for the maximum. */
  readonly p99?: number;
  readonly max: number;
  readonly mean: number;
}

/** With fewer, the 99th percentile says nothing. */
const TRIALS_FOR_P99 = 100;

/**
 * Summarises the values of some trials.
 *
 * @param values One per trial.
 * @returns `undefined` if there are none.
 */
export function summarise(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  return {
    trials: sorted.length,
    min: sorted[0]!,
    p50: quantile(sorted, 0.5),
    ...(sorted.length >= TRIALS_FOR_P99 ? { p99: quantile(sorted, 0.99) } : {}),
    max: sorted.at(-1)!,
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
  };
}

/** The smallest value that so many are not above (nearest rank): always one that was measured. */
export function quantile(sorted: readonly number[], share: number): number {
  const rank = Math.ceil(share * sorted.length);
  return sorted[Math.max(0, rank - 1)]!;
}

/** The middle of some values; 0 of none. */
export function median(values: readonly number[]): number {
  return summarise(values)?.p50 ?? 0;
}
