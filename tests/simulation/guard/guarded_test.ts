// The guard in the simulator: what must hold does, every fault takes effect, and guards with one fault are noticed.
import { assert, assertEquals, assertGreater } from "@std/assert";
import { Guard, type Input } from "../../../lib/guard/guard.ts";
import { Dice } from "../dice.ts";
import { GUARD_MISHAPS, type Plan } from "../plan.ts";
import { makePlan } from "../planner.ts";
import { shorten } from "../shorten.ts";
import { type Options, simulate } from "../simulation.ts";
import { Tally } from "../tally.ts";
import type { Invariant } from "../violation.ts";
import type { GuardMachine, GuardSettings } from "./guard_process.ts";
import { type Process, Processes } from "./processes.ts";

/** Plans in which somebody has a guard. */
function* guardedPlans(count: number): Generator<Plan> {
  for (let seed = 1; count > 0; seed++) {
    const plan = makePlan(seed);
    if (plan.contenders.every(({ guard }) => guard === undefined)) continue;
    count--;
    yield plan;
  }
}

Deno.test("I1 … I10 hold with guards, and every fault of theirs takes effect", () => {
  const tally = new Tally();
  for (const plan of guardedPlans(250)) {
    const { violation, tally: one } = simulate(plan);
    assertEquals(violation?.message, undefined, `seed ${plan.seed}`);
    tally.add(one);
  }
  const { guardedTerms, commands, proofs, actsUnguarded } = tally;
  assertGreater(Math.min(guardedTerms, commands, proofs), 100);
  assertGreater(actsUnguarded, 0, "what nobody can prevent happens, too");
  const { faults } = tally.toJSON();
  assertEquals(GUARD_MISHAPS.filter((kind) => faults[kind] === 0), []);
});

Deno.test("guards are for contenders of this project, and their faults for plans with guards", () => {
  for (const { contenders, faults } of guardedPlans(20)) {
    assert(contenders.every(({ make, guard }) => guard === undefined || make === "k8sensus"));
    assertEquals(faults, faults.toSorted((a, b) => a.at - b.at));
  }
  const none = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => makePlan(seed)).filter(({ contenders }) =>
    contenders.every(({ guard }) => guard === undefined)
  );
  assertGreater(none.length, 0);
  const kinds: readonly string[] = GUARD_MISHAPS;
  assert(none.every(({ faults }) => faults.every(({ kind }) => !kinds.includes(kind))));
});

/** A guard that hears and does other things. */
function changed(
  settings: GuardSettings,
  change: (step: (input: Input) => ReturnType<Guard["step"]>, input: Input) => ReturnType<
    Guard["step"]
  >,
): GuardMachine {
  const guard = new Guard(settings);
  return {
    get state() {
      return guard.state;
    },
    step: (input, now, random) => change((input) => guard.step(input, now, random), input),
    deadline: (now) => guard.deadline(now),
  };
}

/** A fault, the law that it breaks, and a guard that has it. */
const BROKEN: readonly { what: string; law: Invariant; guard: Options["guard"] }[] = [
  {
    what: "kills nobody",
    law: "I2",
    guard: (settings) =>
      changed(
        settings,
        (step, input) => step(input).filter(({ type }) => !/^(kill|sweep)/.test(type)),
      ),
  },
  {
    what: "believes in deaths that nobody has seen",
    law: "I5",
    guard: (settings) =>
      changed(settings, (step, input) => {
        const effects = step(input);
        for (let sweep; (sweep = effects.find(({ type }) => type === "sweep")) !== undefined;) {
          effects.splice(effects.indexOf(sweep), 1);
          if (sweep.type === "sweep") {
            effects.push(...step({ type: "swept", id: sweep.id, found: 0 }));
          }
        }
        return effects;
      }),
  },
  {
    what: "waits for no bytes that are on their way",
    law: "I5",
    guard: (settings) => new Guard({ ...settings, settleMs: 0 }),
  },
  {
    what: "arms nobody",
    law: "I7",
    guard: (settings) =>
      changed(
        settings,
        (step, input) =>
          step(input).filter((effect) => effect.type !== "say" || effect.message.type !== "armed"),
      ),
  },
  {
    what: "starts no command",
    law: "I7",
    guard: (settings) =>
      changed(settings, (step, input) => step(input).filter(({ type }) => type !== "spawn")),
  },
  {
    what: "does not release",
    law: "I7",
    guard: (settings) =>
      changed(settings, (step, input) => step(input).filter(({ type }) => type !== "read")),
  },
];

Deno.test("the judge notices a guard that", async (t) => {
  for (const { what, law, guard } of BROKEN) {
    await t.step(`${what}: ${law}`, () => {
      const laws = new Set<string>();
      for (const plan of guardedPlans(150)) {
        const { violation } = simulate(plan, { guard });
        if (violation !== undefined) laws.add(violation.invariant);
        if (laws.has(law)) return;
      }
      assert(false, `broken were ${[...laws].join(", ") || "none"}`);
    });
  }
});

Deno.test("plans with guards play the same way twice, and get shorter", () => {
  const { guard } = BROKEN[0]!;
  let shortened = 0;
  for (const plan of guardedPlans(60)) {
    if (shortened === 3) return;
    const [one, two] = [1, 2].map(() => simulate(plan, { traced: true }));
    assertEquals(one!.trace!.hash(), two!.trace!.hash());
    const law = simulate(plan, { guard }).violation?.invariant;
    if (law === undefined || plan.faults.length < 8) continue;
    const shorter = shorten(plan, { guard });
    assertEquals(simulate(shorter, { guard }).violation?.invariant, law);
    assert(shorter.faults.length < plan.faults.length);
    shortened++;
  }
  assertGreater(shortened, 0);
});

Deno.test("processes: killed while stopped, deaf while stopped, and orphans outlive the command", () => {
  const later: { at: number; what: () => void }[] = [];
  const acts: Process[] = [];
  const died: (string | undefined)[] = [];
  const around = {
    time: 0,
    dice: new Dice(1),
    actMs: 10,
    strays: 1,
    lateKillMs: 0,
    at: (at: number, what: () => void) => void later.push({ at, what }),
    acts: (process: Process) => void acts.push(process),
    died: (_: Process, signal: string | undefined) => void died.push(signal),
  };
  const pass = (until: number) => {
    for (;;) {
      later.sort((a, b) => a.at - b.at);
      if ((later[0]?.at ?? Infinity) > until) break;
      const { at, what } = later.shift()!;
      around.time = Math.max(around.time, at);
      what();
    }
    around.time = until;
  };
  const processes = new Processes(around);
  const job = {} as Process["job"];
  const command = processes.spawn(job);
  pass(1_000);
  assertGreater(acts.length, 50);
  assertEquals(processes.alive.length, 2, "it has left one beside it");
  processes.stop(command, 5_000);
  acts.length = 0;
  pass(2_000);
  assert(acts.length > 0 && !acts.includes(command), "who is stopped does not act");
  processes.ends(command, "SIGTERM");
  pass(4_000);
  assertEquals([command.alive, died.length], [true, 0], "a stopped process does not hear");
  pass(6_000);
  assertEquals(died[0], "SIGTERM");
  assertGreater(processes.alive.length, 0);
  acts.length = 0;
  for (const stray of [...processes.alive]) {
    processes.stop(stray, 9_000);
    processes.kill(stray);
  }
  pass(7_000);
  assertEquals([processes.alive.length, acts.length], [0, 0], "SIGKILL waits for no SIGCONT");
});
