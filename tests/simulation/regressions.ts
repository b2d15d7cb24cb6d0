// Seeds that broke a law once, and what was wrong.

/** A seed, and what it found. */
export interface Regression {
  readonly seed: number;
  readonly sentence: string;
}

/** What the simulator found in this project; the mended code has tests of its own beside these. */
export const REGRESSIONS: readonly Regression[] = [];
