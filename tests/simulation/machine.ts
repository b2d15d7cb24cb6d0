// What a simulation needs of a contender: the election of this project has it, and so have the models of others.
import type { Instant } from "../../lib/clock.ts";
import type { Effect, Input } from "../../lib/election.ts";

/** Something that contends for a Lease: pure, driven by inputs and the clock. */
export interface Machine {
  /** Takes one input in; returns what is to be done, in this order. */
  step(input: Input, now: Instant, random: number): readonly Effect[];
  /** When it wants a `timer`, by its monotonic clock. */
  deadline(now: Instant): number;
  /** Whether admitted work of this term may act now. */
  mayAct(term: number, now: Instant): boolean;
  /** Whether this term admits new work now. */
  mayStart(term: number, now: Instant): boolean;
}
