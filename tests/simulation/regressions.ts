// Plans that broke a law once, as short as they could be made, and what was wrong.
import type { Plan } from "./plan.ts";
import graceAfterARestore from "./regressions/grace_after_a_restore.json" with { type: "json" };

/** A plan, the seed from which it was made, and what it found. */
export interface Regression {
  readonly seed: number;
  readonly sentence: string;
  readonly plan: Plan;
}

/** What the simulator found in this project; the mended code has tests of its own beside these. */
export const REGRESSIONS: readonly Regression[] = [
  {
    seed: 1347,
    sentence: "I6: the wait for a holder of another make outlives a server that goes back in time",
    plan: graceAfterARestore as Plan,
  },
];
