// Real electors in virtual time: nothing is wrong in many seeds, and what is broken on purpose is found.
import { assert, assertEquals, assertGreater, assertNotEquals } from "@std/assert";
import { Driver } from "../../../lib/driver.ts";
import { LiveTerm } from "../../../lib/term.ts";
import { parseFlags } from "./main.ts";
import { run } from "./shell.ts";

const SEEDS = 200;
const MOST_SEEDS = 200;

Deno.test("I1 I2 I4 I5 I7 I8 I10 hold for electors, whatever goes wrong around them", async () => {
  const sum = { terms: 0, acts: 0, faults: 0 };
  for (let seed = 0; seed < SEEDS; seed++) {
    const { violation, terms, acts, faults } = await run(seed);
    assertEquals(violation?.message, undefined, `seed ${seed}`);
    sum.terms += terms;
    sum.acts += acts;
    sum.faults += faults;
  }
  assertGreater(sum.terms, SEEDS);
  assertGreater(sum.acts, 3 * SEEDS);
  assertGreater(sum.faults, 30 * SEEDS);
});

Deno.test("a seed always plays the same way", async () => {
  const hashes = new Set<string>();
  for (let seed = 0; seed < 5; seed++) {
    const [first, second] = [await run(seed, { traced: true }), await run(seed, { traced: true })];
    assertEquals(first.trace!.hash(), second.trace!.hash());
    assertNotEquals(first.trace!.entries.length, 0);
    hashes.add(first.trace!.hash());
  }
  assertEquals(hashes.size, 5);
});

/** Puts something else in the place of a method while seeds are played. */
async function findsBroken<T, K extends keyof T>(type: T, method: K, broken: T[K]) {
  const whole = type[method];
  type[method] = broken;
  try {
    for (let seed = 0; seed < MOST_SEEDS; seed++) {
      const { violation } = await run(seed);
      if (violation !== undefined) return violation.invariant;
    }
  } finally {
    type[method] = whole;
  }
}

Deno.test("a term that never says that it is over is found", async () => {
  const found = await findsBroken(LiveTerm.prototype, "check", () => {});
  assert(found === "I1" || found === "I2", found);
});

Deno.test("a release that waits for no piece of work is found", async () => {
  assertEquals(await findsBroken(LiveTerm.prototype, "idle", () => Promise.resolve()), "I5");
});

Deno.test("a term that is ended, and whose work is not told, is found", async () => {
  assert(await findsBroken(LiveTerm.prototype, "end", () => {}) !== undefined);
});

Deno.test("a driver that leaves its timer and its requests behind is found", async () => {
  const { leave } = Driver.prototype;
  const found = await findsBroken(Driver.prototype, "leave", function (this: Driver) {
    this.enter();
    leave.call(this);
  });
  assertEquals(found, "I10");
});

Deno.test("flags of the shell's simulator", () => {
  assertEquals(parseFlags(["--seed", "7"]), { seed: 7 });
  assertEquals(parseFlags("--seeds 1..3 --minutes 0.5".split(" ")), {
    seeds: [1, 3],
    minutes: 0.5,
  });
  const wrong = [
    "--sed 1",
    "--seed",
    "--seed x",
    "--seed 4294967296",
    "--seeds 3..1",
    "--minutes 0",
  ];
  for (const args of wrong) {
    const told = parseFlags(args.split(" "));
    assert(typeof told === "string" && /^Cannot [^\n]*$/.test(told), args);
  }
});
