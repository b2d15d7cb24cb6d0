// The checker bites: every law is broken once by a contender with one fault, and noticed.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { BROKEN } from "./broken.ts";
import { Checker } from "./checker.ts";
import { makePlan } from "./planner.ts";
import { simulate } from "./simulation.ts";
import { Violation } from "./violation.ts";

/** Seeds in which each fault must show; most show in the first few. */
const SEEDS = 300;

Deno.test("the checker notices a contender that", async (t) => {
  for (const { what, law, machine } of BROKEN) {
    await t.step(`${what}: ${law}`, () => {
      const laws = new Set<string>();
      for (let seed = 1; seed <= SEEDS && !laws.has(law); seed++) {
        const { violation } = simulate(makePlan(seed), { machine });
        if (violation !== undefined) laws.add(violation.invariant);
      }
      assert(laws.has(law), `broken were ${[...laws].join(", ") || "none"}`);
    });
  }
});

Deno.test("I3: a store that takes a smaller token, or an equal one of another holder, is noticed", () => {
  const checker = new Checker();
  checker.accepted("9", "a");
  checker.accepted("9", "a");
  checker.accepted("10", "b");
  assertThrows(() => checker.accepted("9", "a"), Violation, "I3");
  assertThrows(() => checker.accepted("10", "a"), Violation, "I3");
});

Deno.test("late effects reach the store, and are refused", () => {
  let refused = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    refused += simulate(makePlan(seed), { chaosOnly: true }).tally.effectsRefused;
  }
  assert(refused > 0);
});

Deno.test("a sound contender breaks no law where the broken ones do", () => {
  for (let seed = 1; seed <= 100; seed++) {
    assertEquals(simulate(makePlan(seed)).violation?.message, undefined, `seed ${seed}`);
  }
});
