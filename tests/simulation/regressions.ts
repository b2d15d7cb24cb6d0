// Plans that broke a law once, as short as they could be made, and what was wrong.
import type { Plan } from "./plan.ts";
import graceAfterARestore from "./regressions/grace_after_a_restore.json" with { type: "json" };
import graceAfterASuspend from "./regressions/grace_after_a_suspend.json" with { type: "json" };
import releaseDuringAClaim from "./regressions/release_during_a_claim.json" with { type: "json" };

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
  {
    seed: 11_681,
    sentence:
      "I2: an elector whose guard is stopped gives no grace after a fence by the wall clock",
    plan: graceAfterASuspend as Plan,
  },
  {
    seed: 835,
    sentence: "I1: a guard releases nothing while a living elector may say that it leads",
    plan: releaseDuringAClaim as Plan,
  },
];
