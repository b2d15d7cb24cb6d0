// The command and the record that it keeps.
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { HELP, parseFlags } from "./flags.ts";
import {
  addRun,
  addScope,
  addShellRun,
  nextSeed,
  type Reliability,
  type Run,
} from "./reliability.ts";
import { readRecord, updateRecord } from "../support/record_file.ts";
import { Tally } from "./tally.ts";

const MAIN = new URL("main.ts", import.meta.url).pathname;

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-read", "--allow-write", MAIN, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, err: err! };
}

Deno.test("--seed prints the same trace, byte for byte", async () => {
  const [one, two] = await Promise.all([run("--seed", "7"), run("--seed", "7")]);
  assertEquals(one.code, 0, one.err);
  assertEquals(two.out, one.out);
  assertStringIncludes(one.out, "TERM 1 begins");
  assertStringIncludes(one.out, "no violation");
});

Deno.test("--seeds plays them in threads, tells its progress, and records them once", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, `{"mutants": {"killed": 3}}`);
    const { code, out, err } = await run("--seeds", "1..250", "--jobs", "2", "--record", file);
    assertEquals(code, 0, err);
    assertStringIncludes(out, "seeds 1..250: 0 violations");
    assertStringIncludes(err, "250 seeds");
    const record = JSON.parse(await Deno.readTextFile(file)) as Reliability;
    assertEquals(record.simulator!.seeds, 250);
    assertEquals(record.simulator!.ranges, [[1, 250]]);
    assertEquals(record.mutants, { killed: 3 });
    const again = await run("--seeds", "250..260", "--record", file);
    assertEquals(again.code, 2, "before anything is played");
    assertStringIncludes(again.err, "go on from 251");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("flags that cannot be taken are said in one line", () => {
  const wrong = [
    "--seed x",
    "--seed 4294967296",
    "--seeds 5..4",
    "--seeds 5",
    "--jobs 0",
    "--bogus",
    "x",
  ]
    .concat(["--minutes 0", "--minutes", "--record"]);
  for (const line of wrong) {
    const said = parseFlags(line.split(" "), 2);
    assert(typeof said === "string" && /^Cannot .+: .+$/.test(said), `${line}: ${said}`);
  }
  assertEquals(parseFlags(["--help"], 2), HELP);
  assertEquals(parseFlags(["--seeds", "3..9", "--minutes", "0.5"], 2), {
    jobs: 2,
    seeds: [3, 9],
    minutes: 0.5,
  });
});

function runOf(first: number, count: number): Run {
  const tally = new Tally();
  Object.assign(tally, { seeds: count, simulatedMs: count * 3.6e6, terms: count });
  tally.faults[0] = 2 * count;
  return { first, count, tally, found: [], spentMs: count * 10 };
}

Deno.test("parts of the record add up, in any order", () => {
  let record: Reliability = {};
  for (const [first, count] of [[100, 50], [1, 9], [10, 90], [200, 1]] as const) {
    record = addRun(record, runOf(first, count));
  }
  const { simulator } = record;
  assertEquals(simulator!.ranges, [[1, 149], [200, 200]]);
  assertEquals([simulator!.seeds, simulator!.simulatedHours, simulator!.faults], [150, 150, 300]);
  assertEquals(simulator!.seedsPerSecond, 100);
  assertEquals(nextSeed(simulator!.ranges), 201);
  assertEquals(nextSeed(), 0);
  assertThrows(() => addRun(record, runOf(149, 1)), RangeError, "go on from 201");
});

Deno.test("runs of electors add up", () => {
  const sums = { seeds: 10, simulatedMs: 3.6e6, events: 5, terms: 4, acts: 3, faults: 2 };
  const once = addShellRun({ more: 1 }, 1, sums, 0);
  const { shell, more } = addShellRun(once, 11, sums, 1);
  assertEquals(shell!.ranges, [[1, 20]]);
  assertEquals([shell!.seeds, shell!.simulatedHours, shell!.faults], [20, 2, 4]);
  assertEquals([shell!.violations, more], [1, 1]);
  assertThrows(() => addShellRun(once, 10, sums, 0), RangeError, "go on from 11");
});

Deno.test("a record keeps the last exploration of each scope, beside what others wrote", () => {
  const file = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(file, '{"more": [1]}');
    const seen = { transitions: 1, depth: 1, complete: false };
    for (const [scope, states] of [["a", 10], ["b", 20], ["a", 15]] as const) {
      updateRecord(file, (record: Reliability) => addScope(record, { ...seen, scope, states }));
    }
    const violation = "I1";
    updateRecord(
      file,
      (record: Reliability) => addScope(record, { ...seen, scope: "c", states: 1, violation }),
    );
    const { explorer, more } = readRecord<Reliability>(file);
    assertEquals([explorer?.states, explorer?.violations], [36, 1]);
    assertEquals(explorer?.scopes.map(({ scope }) => scope), ["b", "a", "c"]);
    assertEquals(more, [1]);
  } finally {
    Deno.removeSync(file);
  }
});
