// What must fail does, within a few seeds; what is like it, but allowed, does not.
import { assertEquals, assertExists } from "@std/assert";
import { MUST_FAIL, MUST_HOLD, seedsUntilOverlap } from "./sensitivity.ts";
import { simulate } from "./simulation.ts";

/** No overlap may need more seeds to be found. */
const MOST_SEEDS = 200;

Deno.test("I1: the checker finds the overlap of", async (t) => {
  for (const experiment of MUST_FAIL) {
    await t.step(experiment.name, () => {
      const seeds = seedsUntilOverlap(experiment, MOST_SEEDS);
      assertExists(seeds);
      console.log(`${experiment.name}: found by seed ${seeds}`);
    });
  }
});

Deno.test("I1: nothing is found with", async (t) => {
  for (const { name, plan, options } of MUST_HOLD) {
    await t.step(name, () => {
      for (let seed = 1; seed <= MOST_SEEDS; seed++) {
        assertEquals(simulate(plan(seed), options).violation?.message, undefined, `seed ${seed}`);
      }
    });
  }
});
