// The simulator itself: the same seed plays the same way, plans get shorter, and no seed breaks a law.
import { assert, assertEquals, assertExists, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { Agenda } from "./agenda.ts";
import { BROKEN } from "./broken.ts";
import { playSeeds, SEEDS } from "./campaign.ts";
import { makePlan } from "./planner.ts";
import { REGRESSIONS } from "./regressions.ts";
import { shorten } from "./shorten.ts";
import { simulate } from "./simulation.ts";
import { timeline } from "./timeline.ts";

/** Seeds that are played in each of the shares. */
const SHARE = 400;

function playShare(first: number, count: number): void {
  const { found, tally } = playSeeds(first, count);
  assertEquals(found, []);
  assertEquals(tally.seeds, count);
}

Deno.test("I1 … I10 hold in the first seeds", () => playShare(1, SHARE));

Deno.test("I1 … I10 hold in fresh seeds", () => {
  const first = crypto.getRandomValues(new Uint32Array(1))[0]! % (SEEDS - SHARE);
  console.log(`seeds ${first}..${first + SHARE - 1}`);
  playShare(first, SHARE);
});

Deno.test("what the simulator found once stays mended", async (t) => {
  for (const { seed, sentence, plan } of REGRESSIONS) {
    await t.step(`${seed}: ${sentence}`, () => {
      assertEquals(simulate(plan).violation?.message, undefined);
    });
  }
});

Deno.test("a seed always plays the same way, and another one differently", () => {
  for (const seed of [1, 2, 3, 4_294_967_295]) {
    const [one, two, other] = [seed, seed, seed ^ 1].map((seed) => {
      return simulate(makePlan(seed), { traced: true });
    });
    assert(one!.trace!.entries.length > 100);
    assertEquals(two!.trace!.lines(two!.names), one!.trace!.lines(one!.names));
    assertEquals(two!.trace!.hash(), one!.trace!.hash());
    assertNotEquals(other!.trace!.hash(), one!.trace!.hash());
    const untraced = simulate(makePlan(seed));
    assertEquals(untraced.tally, one!.tally, "looking changes nothing");
  }
});

Deno.test("a shortened plan breaks the same law with fewer faults", () => {
  const { machine } = BROKEN.find(({ what }) => what.startsWith("acts whatever"))!;
  const options = { machine };
  let shortened = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const plan = makePlan(seed);
    const law = simulate(plan, options).violation?.invariant;
    if (law === undefined || plan.faults.length < 10) continue;
    const shorter = shorten(plan, options);
    const { violation, trace, names } = simulate(shorter, { ...options, traced: true });
    assertEquals(violation?.invariant, law);
    assert(shorter.faults.length < plan.faults.length / 2, `${shorter.faults.length} are left`);
    assertExists(timeline(trace!.entries, names).find((line) => line.includes(violation!.message)));
    if (++shortened === 5) return;
  }
  assert(shortened > 0);
});

Deno.test("a plan that breaks nothing is left as it is", () => {
  const plan = makePlan(1);
  assertEquals(shorten(plan), plan);
});

Deno.test("the agenda gives back what is due first, and first come first served", () => {
  const times = fc.array(fc.nat(20), { maxLength: 300, size: "max" });
  fc.assert(fc.property(times, times, (some, more) => {
    const agenda = new Agenda();
    let waiting: { at: number; number: number }[] = [];
    let added = 0;
    const add = (at: number) => {
      waiting.push({ at, number: added });
      agenda.add(at, 1, 0, added++);
    };
    const take = () => {
      const first = waiting.reduce((first, entry) => entry.at < first.at ? entry : first);
      waiting = waiting.filter((entry) => entry !== first);
      assertEquals(agenda.next, first.at);
      agenda.take();
      assertEquals([agenda.at, agenda.number], [first.at, first.number]);
    };
    some.forEach(add);
    for (const at of more) {
      if (waiting.length > 0) take();
      add(at);
    }
    while (waiting.length > 0) take();
    assertEquals(agenda.next, Infinity);
  }));
});
