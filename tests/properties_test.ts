// Laws of the election where everything may go wrong: plans made from numbers, played in virtual time.
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Election } from "../lib/election.ts";
import { SEEDS } from "./simulation/campaign.ts";
import { electionOf } from "./simulation/makes.ts";
import { makePlan } from "./simulation/planner.ts";
import { simulate } from "./simulation/simulation.ts";

const seed = fc.noShrink(fc.integer({ min: 0, max: SEEDS - 1 }));

/** An election that forgets everything but its state, and even that is another after every step. */
class Cloned extends Election {
  override step(...args: Parameters<Election["step"]>) {
    this.state = structuredClone(this.state);
    return super.step(...args);
  }
}

Deno.test("I1 I2 I3 I4 I5 I6 I7 I8 I9 I10 hold, whatever goes wrong", () => {
  fc.assert(
    fc.property(seed, (seed) => {
      assertEquals(simulate(makePlan(seed)).violation?.message, undefined);
    }),
    { numRuns: 150, interruptAfterTimeLimit: 60_000 },
  );
});

Deno.test("the same plan plays the same way, with clones in the place of every state too", () => {
  fc.assert(
    fc.property(seed, (seed) => {
      const plan = makePlan(seed);
      const ours = plan.contenders.filter(({ make }) => make === "k8sensus");
      const [one, two] = [Election, Cloned].map((Machine) => {
        const machine = electionOf(Machine);
        return simulate({ ...plan, contenders: ours }, { traced: true, machine });
      });
      assertEquals(two!.trace!.hash(), one!.trace!.hash());
    }),
    { numRuns: 15, interruptAfterTimeLimit: 60_000 },
  );
});
