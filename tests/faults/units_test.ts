// The parts of the torture that judge and count.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { until } from "../support/until.ts";
import { readAct, readActs } from "./acts.ts";
import { HELP, parseFlags } from "./flags.ts";
import { FAULTS, type Plan, worksFor } from "./matrix.ts";
import { addRun, type Reliability, type Run, summaryText } from "./record.ts";
import { Register } from "./register.ts";
import type { Outcome } from "./round.ts";

const LINUX = Deno.build.os === "linux";

Deno.test("an act is a whole line, or an error", async () => {
  assertEquals(readAct("7 a_x 12 3 4.25"), {
    ...{ pid: 7, identity: "a_x", token: "12", sequence: 3, monotonicMs: 4_250 },
  });
  for (const line of ["", "7 a_x 12 3", "7 a_x twelve 3 4.25", "7 a_x 12 3 4.25 7 a_x 12 4 4.26"]) {
    assertThrows(() => readAct(line), Error, "Cannot read an act");
  }
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, "7 a_x 12 3 4.25\n7 a_x 12 4");
    await assertRejects(() => readActs(path), Error, "not whole");
  } finally {
    await Deno.remove(path);
  }
});

/** Has a store take the acts of these tokens. */
async function fed(
  tokens: readonly string[],
  takes?: (token: string, highest: string) => boolean,
): Promise<Register> {
  const folder = await Deno.makeTempDir();
  try {
    await using register = await Register.open(`${folder}/pipe`, takes);
    const lines = tokens.map((token, i) => `${i} of-${token} ${token} ${i} 1.00\n`);
    await Deno.writeTextFile(register.path, lines.join(""), { append: true, create: false });
    await until("all are read", () => register.accepted + register.refused === tokens.length);
    register.check();
    return register;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "the store refuses what is older than what it has taken, and counts it",
  ignore: !LINUX,
  async fn() {
    const register = await fed(["9", "9", "10", "9", "10", "9"]);
    assertEquals([register.accepted, register.refused, register.lateAccepted], [4, 2, 0]);
    assertEquals(register.newest?.token, "10");
    assertEquals(register.newest?.pids, new Set([2, 4]));
  },
});

Deno.test({
  name: "a store that takes all is found out",
  ignore: !LINUX,
  async fn() {
    const register = await fed(["9", "9", "10", "9", "10", "9", "9"], () => true);
    assertEquals([register.accepted, register.refused, register.lateAccepted], [7, 0, 3]);
  },
});

Deno.test("each fault has works that it can be played on", () => {
  for (const fault of FAULTS) {
    const works = worksFor(fault);
    assert(works.length > 0);
    assert(!fault.parts.includes("command") || !works.includes("program"));
  }
  assertEquals(FAULTS.filter(({ tokenOnly }) => tokenOnly).map(({ name }) => name), [
    "kill guard+elector",
    "kill guard+elector+command",
    "stop guard+elector",
    "stop guard+elector+command",
    "freeze guard+elector",
    "freeze guard+elector+command",
  ]);
});

const findings = {
  ...{ acts: 100, staleActs: 5, largestOverlapMs: 600, refused: 4, lateAccepted: 0 },
  ...{ faults: [], writes: [] },
};

function outcome(name: string, failoverMs: number, settleMs = 0): Outcome {
  const fault = FAULTS.find((fault) => fault.name === name)!;
  const plan: Plan = {
    ...{ fault, work: "plain", settleMs, contained: true, restMs: 0, freezes: 1 },
  };
  return { plan, failoverMs, findings, faults: [] };
}

function runOf(seed: number, ...outcomes: Outcome[]): Run {
  const [rounds, violations] = [outcomes.length, [`of ${seed}`]];
  return { seed, rounds, outcomes, staleActsSeenOnPurpose: 30, violations };
}

Deno.test("runs add up in the record, and other parts stay", () => {
  const first = runOf(1, outcome("kill elector", 90), outcome("kill elector", 80.4, 1_000));
  const second = runOf(2, outcome("kill elector", 70), outcome("stop guard+elector", 3_000));
  const before: Reliability = { simulator: { seeds: 7 } };
  const { simulator, realProcesses } = addRun(addRun(before, first), second);
  assertEquals(simulator, { seeds: 7 });
  const { byFault, ...sum } = realProcesses!;
  assertEquals(sum, {
    ...{ seeds: [[1, 2], [2, 2]], rounds: 4, contained: 4, byWork: { plain: 4 }, failovers: 4 },
    // Late acts count as stale only where somebody could have prevented them.
    ...{ acts: 400, staleActs: 15, largestOverlapMs: 600, lateActsTried: 16, lateActsAccepted: 0 },
    ...{ staleActsSeenOnPurpose: 30, violations: ["of 1", "of 2"] },
  });
  assertEquals(byFault["kill elector"], {
    ...{ rounds: 3, staleActs: 15, lateActsTried: 12 },
    bySettleMs: {
      0: { medianMs: 70, maxMs: 90, eachMs: [70, 90] },
      1_000: { medianMs: 80, maxMs: 80, eachMs: [80] },
    },
  });
  assertEquals(byFault["stop guard+elector"]?.staleActs, 0);
  assert(summaryText(realProcesses!).includes("4 rounds, 400 acts: 15 stale"));
});

Deno.test("no seed counts twice", () => {
  const record = addRun({}, runOf(7, outcome("kill elector", 90)));
  assertThrows(() => addRun(record, runOf(7)), RangeError, "Cannot count the seed 7 twice");
});

Deno.test("flags of the torture", () => {
  assertEquals(parseFlags(["--rounds", "300", "--seed", "7", "--jobs", "3", "--record", "f"]), {
    ...{ rounds: 300, seed: 7, jobs: 3, only: "", record: "f" },
  });
  assertEquals(parseFlags(["--help"]), HELP);
  for (const args of [["--rounds", "0"], ["--seed", "-1"], ["--seed"], ["--record"], ["--round"]]) {
    assert(`${parseFlags(args)}`.startsWith("Cannot take "), args.join(" "));
  }
});
