// The explorer finds nothing in the real machine, and what is wrong with broken ones.
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import type { Instant } from "../../../lib/clock.ts";
import { type Effect, Election, type Input, type Settings } from "../../../lib/election.ts";
import { ANNOTATION } from "../../../lib/lease.ts";
import { Cast } from "./cast.ts";
import { explore } from "./explorer.ts";
import { Fingerprints } from "./fingerprint.ts";
import { HELP, parseFlags } from "./flags.ts";
import { movesOf } from "./moves.ts";
import { type Budgets, FAULTS, makeScope, tightTiming } from "./scope.ts";
import { firstWorld, play } from "./turn.ts";
import { timeline } from "../timeline.ts";
import { Visited } from "./visited.ts";
import type { World } from "./world.ts";

const MOST_STATES = 200_000;

Deno.test("all of a small world is seen, and nothing is wrong in it", () => {
  const found = explore(makeScope(["slow", "fast"], { delays: 1 }), { mostStates: MOST_STATES });
  assertEquals(found.violation, undefined);
  assert(found.complete);
  assertGreater(found.states, 50_000);
  assertGreater(found.transitions, found.states);
});

Deno.test("every kind of fault alone does no harm, to two candidates or three", () => {
  const faults = ["losses", "resends", "cuts", "deletes", "edits", "resigns", "crashes"] as const;
  for (const fault of faults) {
    const found = explore(makeScope(["fast", "slow"], { [fault]: 1 }), { mostStates: MOST_STATES });
    assertEquals(found.violation, undefined, fault);
    assert(found.complete, fault);
  }
  assert(explore(makeScope(["slow", "fast", "fast"]), { mostStates: MOST_STATES }).complete);
});

Deno.test("candidates of equal clocks may change places", () => {
  const equal = explore(makeScope(["exact", "exact"], { resigns: 1 }));
  const unequal = explore(makeScope(["exact", "slow"], { resigns: 1 }));
  assert(equal.complete && unequal.complete);
  assertGreater(unequal.states, 1.5 * equal.states);
});

Deno.test("worlds that count as one go on alike", () => {
  const scope = makeScope(["slow", "fast"], { crashes: 1 });
  const cast = new Cast(scope);
  const prints = new Fingerprints(cast);
  const printOf = (world: World) => {
    prints.take(world);
    return `${prints.low} ${prints.high}`;
  };
  const nextOf = (world: World) =>
    movesOf(scope, world).map((move) => play(cast, world, move)).map((next) => ({
      next,
      print: printOf(next),
    }));
  const after = new Map<string, string>();
  let merged = 0;
  const waiting = [firstWorld(cast, FAULTS.map((fault) => scope.budgets[fault]))];
  for (let world; (world = waiting.pop()) !== undefined;) {
    const print = printOf(world);
    const all = nextOf(world);
    const ways = all.map((way) => way.print).sort().join();
    const known = after.get(print);
    if (known !== undefined) {
      merged++;
      assertEquals(ways, known);
      continue;
    }
    after.set(print, ways);
    waiting.push(...all.map(({ next }) => next));
  }
  assertGreater(merged, 1_000);
});

/** A machine that is wrong in one point; `amend` sees what the real one did. */
function mutant(amend: (machine: Election, effects: Effect[], now: Instant) => void) {
  return (settings: Settings): Election =>
    new class extends Election {
      override step(input: Input, now: Instant, random: number): Effect[] {
        const effects = super.step(input, now, random);
        amend(this, effects, now);
        return effects;
      }
    }(settings);
}

interface Broken {
  readonly name: string;
  readonly budgets: Partial<Budgets>;
  readonly make: (settings: Settings) => Election;
  readonly invariants: readonly string[];
}

const BROKEN: readonly Broken[] = [
  {
    name: "a fence one second too late",
    budgets: { pauses: 1 },
    make: (settings) => {
      const timing = { ...settings.timing, fenceMs: settings.timing.fenceMs + 1_000 };
      return new Election({ ...settings, timing });
    },
    invariants: ["I1", "I2"],
  },
  {
    name: "acts at the very instant of the fence",
    budgets: { pauses: 1 },
    make: (settings) =>
      new class extends Election {
        override mayAct(term: number, { mono, wall }: Instant): boolean {
          return super.mayAct(term, { mono: mono - 1, wall: wall - 1 });
        }
      }(settings),
    invariants: ["I1", "I2"],
  },
  {
    name: "a wait that is not started anew for a new version",
    budgets: {},
    make: (settings) => {
      const since = new Map<number, number>();
      return mutant(({ state }) => {
        const { known } = state;
        if (known?.record === undefined || state.role.name !== "observing") return;
        const first = since.get(state.terms) ?? known.since;
        since.set(state.terms, Math.min(first, known.since));
        state.known = { ...known, since: since.get(state.terms)! };
      })(settings);
    },
    invariants: ["I6"],
  },
  {
    name: "a release before the work has stopped",
    budgets: { resigns: 1 },
    make: (settings) =>
      new class extends Election {
        override step(input: Input, now: Instant, random: number): Effect[] {
          const effects = super.step(input, now, random);
          const end = effects.find((effect) => effect.type === "endTerm");
          if (end === undefined) return effects;
          return [...effects, ...super.step({ type: "settled", term: end.term }, now, random)];
        }
      }(settings),
    invariants: ["I5"],
  },
  {
    name: "validity counted from the answer",
    budgets: { pauses: 1 },
    make: (settings) =>
      new class extends Election {
        override step(input: Input, now: Instant, random: number): Effect[] {
          const { state } = this;
          if (input.type === "answered") {
            state.open = state.open.map((attempt) => ({ ...attempt, sent: now }));
          }
          return super.step(input, now, random);
        }
      }(settings),
    invariants: ["I1", "I2"],
  },
  {
    name: "an empty holder taken for a free Lease",
    budgets: { edits: 1 },
    make: mutant(({ state }) => {
      if (state.known?.record?.holder === "") state.known = { ...state.known, free: true };
    }),
    invariants: ["I6"],
  },
  {
    name: "a new term while the work of the last one goes on",
    budgets: { pauses: 1, resigns: 1 },
    make: mutant(({ state }) => {
      if (state.role.name === "settling") state.role = { name: "observing" };
    }),
    invariants: ["I8"],
  },
  {
    name: "a token that does not grow",
    budgets: { resigns: 1 },
    make: mutant(({ state }, effects) => {
      for (const effect of effects) {
        if (effect.type !== "write" || effect.kind !== "acquire") continue;
        effect.lease.metadata.annotations![ANNOTATION.token] = "1";
        state.open = state.open.map((attempt) => ({ ...attempt, token: "1" }));
      }
    }),
    invariants: ["I4"],
  },
];

for (const { name, budgets, make, invariants } of BROKEN) {
  Deno.test(`the explorer finds ${name}`, () => {
    const scope = makeScope(["slow", "fast"], budgets);
    const found = explore(scope, { make, mostStates: MOST_STATES });
    assert(found.violation !== undefined, `not in ${found.states} states`);
    assert(invariants.includes(found.violation.invariant), found.violation.message);
    const lines = timeline(found.trace!.entries, ["c0", "c1"]);
    assertStringIncludes(lines.join("\n"), `VIOLATION ${found.violation.invariant}`);
    // The same scope shows nothing in the real machine up to there.
    const real = explore(scope, { mostStates: found.states });
    assertEquals(real.violation, undefined);
  });
}

Deno.test("the fence of the slowest clock and the wait of the fastest end together", () => {
  for (const ticks of [3, 4, 6, 20]) {
    const { fenceMs, leaseDurationMs, stopBudgetMs } = tightTiming(ticks);
    assertEquals([fenceMs / 11_000, leaseDurationMs / 13_000], [ticks, ticks]);
    assert(stopBudgetMs < 1e-6);
  }
});

Deno.test("fingerprints are remembered once, however many there are", () => {
  const visited = new Visited(4);
  assert(visited.add(0, 0));
  assert(!visited.add(0, 0));
  for (let i = 0; i < 10_000; i++) assert(visited.add(Math.imul(i, 0x9e3779b1), ~i), `${i}`);
  for (let i = 0; i < 10_000; i++) assert(!visited.add(Math.imul(i, 0x9e3779b1), ~i), `${i}`);
  assertEquals(visited.size, 10_001);
});

Deno.test("flags of the explorer", () => {
  assertEquals(parseFlags(["--losses", "1", "--help"]), HELP);
  const flags = parseFlags("--candidates 3 --cuts 2 --minutes 0.5 --most-states 10".split(" "));
  assert(typeof flags !== "string");
  assertEquals(flags.scope.clocks, ["slow", "fast", "fast"]);
  assertEquals([flags.scope.budgets.cuts, flags.scope.budgets.losses], [2, 0]);
  assertEquals([flags.mostMs, flags.mostStates], [30_000, 10]);
  const wrong = [
    "--lossess 1",
    "--losses",
    "--losses -1",
    "--losses 1.5",
    "--candidates 9",
    "--clocks slow,late",
    "--clocks slow --candidates 2",
    "--ticks 2",
    "--minutes soon",
  ];
  for (const args of wrong) {
    const told = parseFlags(args.split(" "));
    assert(typeof told === "string" && told.startsWith("Cannot "), args);
    assertEquals(told.split("\n").length, 1, args);
  }
});
