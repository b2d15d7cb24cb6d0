// Laws of the election in a world where everything may go wrong: generated plans, played in virtual time.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { EVENTS, type Fault, type Plan, TIMING, WEATHER, World } from "./support/world.ts";

const RHO = 1 / 12;
/** How long things go wrong. */
const CHAOS_MS = 90_000;
/** Nothing that is on its way takes longer. */
const LONGEST_MS = 30_000;

const fault: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constantFrom(...WEATHER, ...WEATHER, ...EVENTS),
  machine: fc.nat(2),
  at: fc.nat(CHAOS_MS),
  forMs: fc.oneof(fc.nat(3_000), fc.nat(LONGEST_MS)),
  ms: fc.oneof(fc.nat(3_000), fc.nat(LONGEST_MS)),
});

const rate = fc.oneof(
  fc.constantFrom(1 - RHO, 1 + RHO, 1),
  fc.double({ min: 1 - RHO, max: 1 + RHO, noNaN: true }),
);

const plan: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(),
  rates: fc.array(rate, { minLength: 2, maxLength: 3 }),
  faults: fc.array(fault, { maxLength: 12, size: "max" }),
  workMs: fc.oneof(fc.nat(100), fc.nat(20_000)),
});

function play(plan: Plan, cloning = false): World {
  const world = new World(plan, cloning);
  world.run(CHAOS_MS + 2 * LONGEST_MS);
  return world;
}

/** With the tail of what happened, where something is wrong. */
function traced(world: World, run: () => void): void {
  try {
    run();
  } catch (error) {
    throw new Error(`${error}\n${world.trace.slice(-60).join("\n")}`, { cause: error });
  }
}

Deno.test("I1 I2 I4 I5 I6 I7 I8 I9 I10 hold, whatever goes wrong", () => {
  fc.assert(
    fc.property(plan, (plan) => {
      const world = new World(plan);
      traced(world, () => {
        world.run(CHAOS_MS + 2 * LONGEST_MS);
        world.contend();
        const { leaseDurationMs: D, attemptTimeoutMs } = TIMING;
        world.run(world.time + plan.workMs + (2 * D + 3_000) / (1 - RHO) + 5 * attemptTimeoutMs);
        assertEquals(world.leaders().length, 1, "I7: one leader, when all is well again");
        world.stop();
        for (const { election, name, streams, now } of world.machines) {
          assertEquals(election.state.role.name, "observing", name);
          assertEquals(election.state.open, [], `I10: ${name} waits for no write`);
          assertEquals(streams.size, 0, `I10: ${name} watches nothing`);
          assertEquals(election.deadline(now()), Infinity, "I10: no timer");
        }
      });
    }),
    { numRuns: 150, interruptAfterTimeLimit: 60_000 },
  );
});

Deno.test("the same plan plays the same way, with clones in the place of every state too", () => {
  fc.assert(
    fc.property(plan, (plan) => {
      const [one, two] = [play(plan), play(plan, true)];
      assert(one.trace.length > 0);
      assertEquals(two.trace.join("\n") === one.trace.join("\n"), true);
      for (const [i, { election }] of one.machines.entries()) {
        assertEquals(structuredClone(election.state), two.machines[i]!.election.state);
      }
    }),
    { numRuns: 15 },
  );
});
