// The mutants themselves, and what runs them.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { HELP, parseFlags } from "./flags.ts";
import { type Mutant, mutate } from "./mutant.ts";
import { MUTANTS, TESTS } from "./mutants.ts";
import { addSeeds, addTests, type Reliability, type SeedVerdict } from "./reliability.ts";
import { readHung, readVerdict, type Verdict } from "./verdict.ts";
import { Workshop } from "./workshop.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("every mutant fits the code as it is: mend its `from` and `to` when you change the code", async () => {
  const stale: string[] = [];
  for (const mutant of MUTANTS) {
    const text = await Deno.readTextFile(new URL(mutant.file, ROOT));
    const broken = mutate(text, mutant);
    if (broken === undefined || broken === text) stale.push(`${mutant.name} in ${mutant.file}`);
  }
  assertEquals(stale, []);
});

Deno.test("every mutant has a name of its own, a rule that it breaks, and tests that should kill it", () => {
  assertEquals(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  for (const { name, breaks, tests } of MUTANTS) {
    assertMatch(breaks, /^(I([1-9]|10)|H([1-9]|1\d|20))$/, name);
    assert(tests.length > 0, name);
    for (const file of tests) assert(TESTS.includes(file), `${name}: TESTS lacks ${file}`);
  }
});

Deno.test("every safety invariant has a mutant", () => {
  const broken = new Set(MUTANTS.map(({ breaks }) => breaks));
  for (let i = 1; i <= 10; i++) assert(broken.has(`I${i}`), `I${i}`);
});

Deno.test("the tests that may kill are there", async () => {
  for (const file of TESTS) await Deno.stat(new URL(`tests/${file}`, ROOT));
});

Deno.test("mutate() breaks a text at one place, or not at all", () => {
  const mutant = (from: string, to: string) => ({ from, to }) as Mutant;
  assertEquals(mutate("a < b", mutant("<", "<=")), "a <= b");
  assertEquals(mutate("a + b", mutant("<", "<=")), undefined);
  assertEquals(mutate("a < b < c", mutant("<", "<=")), undefined);
  assertEquals(mutate("a.b", mutant(".", "$&")), "a$&b");
});

Deno.test("flags: what is taken, and what is said of the rest in one line", () => {
  const cores = navigator.hardwareConcurrency;
  const names = ["one", "two"];
  assertEquals(parseFlags([], names), {
    only: undefined,
    list: false,
    jobs: cores,
    seeds: undefined,
    record: undefined,
  });
  const all = ["--list", "--jobs", "3", "--only", "two,one", "--seeds", "9", "--record", "r.json"];
  assertEquals(parseFlags(all, names), {
    only: ["two", "one"],
    list: true,
    jobs: 3,
    seeds: 9,
    record: "r.json",
  });
  assertEquals(parseFlags(["--jobs", "1", "--help"], names), HELP);
  const wrong: [args: string[], complaint: string][] = [
    [["--fast"], 'Cannot take "--fast"'],
    [["one"], 'Cannot take "one"'],
    [["--only", "one,three"], 'Cannot find the mutant "three"'],
    [["--only"], 'Cannot find the mutant ""'],
    [["--jobs", "0"], 'Cannot run "0" jobs: give a whole number above 0'],
    [["--jobs", "many"], 'Cannot run "many" jobs'],
    [["--jobs"], 'Cannot run "" jobs'],
    [["--record"], "Cannot record nowhere"],
    [["--only", "one", "--record", "r.json"], "Cannot record what tests make of some mutants"],
    [["--seeds", "0"], 'Cannot play "0" seeds: give a whole number above 0'],
  ];
  for (const [args, complaint] of wrong) {
    const message = parseFlags(args, names) as string;
    assertStringIncludes(message, complaint);
    assert(!message.includes("\n"));
  }
});

Deno.test("the record: what seeds and tests found stands beside what was there", () => {
  const toKill = (...found: [string, SeedVerdict][]) => ({
    seeds: 9,
    toKill: new Map(found),
    told: new Map<string, string>(),
  });
  const names = ["one", "two", "three"];
  const one = { seed: 4, invariant: "I2" };
  let record: Reliability = { simulator: { seeds: 1 } };
  record = addTests(record, { killed: 3, survived: 0 });
  record = addSeeds(record, toKill(["one", null], ["gone", "hung"], ["three", null]), names);
  assertEquals(record.mutants!.simulator!.survived, 2);
  const told = new Map([["three", "timing"]]);
  record = addSeeds(record, { seeds: 9, toKill: new Map(), told }, names);
  assertEquals(record.mutants!.simulator!.survived, 1);
  record = addSeeds(record, toKill(["one", one]), names);
  record = addSeeds(record, toKill(["two", null]), names);
  assertEquals(record, {
    simulator: { seeds: 1 },
    mutants: {
      killed: 3,
      survived: 0,
      simulator: {
        seeds: 9,
        killed: 1,
        survived: 1,
        toKill: { one, two: null },
        told: { three: "timing" },
      },
    },
  });
});

Deno.test("readHung() names the test that went on", () => {
  assertEquals(readHung("a ... ok (1ms)\nb ...\n  of b ..."), { kind: "hung", test: "of b" });
});

const SUM = "lib/sum.ts";

function mutantOf(from: string, to: string): Mutant {
  return { name: `${from} ${to}`, breaks: "I1", file: SUM, from, to, tests: [] };
}

/** A project with one function, and the tests of it. */
async function makeProject(root: string): Promise<void> {
  const files = {
    "deno.json": "{}",
    "mod.ts": "",
    "tools/empty.ts": "",
    [SUM]: "export const sum = (a: number, b: number): number => a + b;\n",
    "tests/sum_test.ts": `import { sum } from "../lib/sum.ts";
Deno.test("adds => up", () => { if (sum(1, 2) !== 3) throw new Error("1 + 2"); });
Deno.test("adds none", async (t) => {
  await t.step("on the left", () => { if (sum(0, 2) !== 2) throw new Error("0 + 2"); });
});
`,
    "tests/late_test.ts": `import { sum } from "../lib/sum.ts";
Deno.test("adds later", async () => {
  setTimeout(() => { if (sum(1, 2) !== 3) throw new Error("1 + 2"); });
  await new Promise((resolve) => setTimeout(resolve, 50));
});
`,
    "tests/once_test.ts": `import { sum } from "../lib/sum.ts";
if (sum(1, 2) !== 3) throw new Error("1 + 2");
Deno.test("nothing", () => {});
`,
  };
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(`${root}${path}`.replace(/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${root}${path}`, text);
  }
}

Deno.test("a workshop tells a kill from what proves nothing, and repairs what it broke", async (t) => {
  const root = `${await Deno.makeTempDir({ prefix: "k8sensus-mutants-test-" })}/`;
  try {
    await makeProject(root);
    const text = await Deno.readTextFile(root + SUM);
    using workshop = await Workshop.open(root, 1);
    const [tree] = workshop.trees;
    const cases: [name: string, from: string, to: string, file: string, verdict: Verdict][] = [
      ["a test", "a + b;", "a - b;", "sum", {
        kind: "killed",
        test: "adds => up",
        file: "tests/sum_test.ts",
      }],
      ["a step", "a + b;", "a && a + b;", "sum", {
        kind: "killed",
        test: "adds none ... on the left",
        file: "tests/sum_test.ts",
      }],
      ["a callback", "a + b;", "a - b;", "late", {
        kind: "killed",
        test: "an error outside of any test",
        file: "tests/late_test.ts",
      }],
      ["nothing", "a + b;", "b + a;", "sum", { kind: "survived" }],
      ["its loading", "a + b;", "a - b;", "once", {
        kind: "broken",
        why: "(in promise) Error: 1 + 2",
      }],
      ["nowhere", "a * b;", "a - b;", "sum", { kind: "stale" }],
    ];
    for (const [name, from, to, file, expected] of cases) {
      await t.step(name, async () => {
        const tests = [`${file}_test.ts`];
        const verdict = await workshop.judge(tree!, mutantOf(from, to), tests, 60_000);
        assertEquals(verdict, expected);
        assertEquals(await Deno.readTextFile(`${tree}/${SUM}`), text);
      });
    }
    assertEquals((await workshop.test(tree!, ["sum_test.ts"], 1)).kind, "hung");
    const [unknown, half] = [mutantOf("a + b;", "a + c;"), mutantOf("a + b;", "a +;")];
    const others = [mutantOf("a + b;", "b + a;"), mutantOf("a * b;", "b * a;")];
    assertEquals(
      await workshop.check([...others, unknown, half]),
      new Map([
        [half, "error: SyntaxError: Expression expected"],
        [unknown, "TS2304 [ERROR]: Cannot find name 'c'."],
      ]),
    );
    const left = [...Deno.readDirSync(`${tree}/lib`)].map(({ name }) => name);
    assertEquals(left, ["sum.ts"]);
    assertEquals(await Deno.readTextFile(root + SUM), text, "only copies are broken");
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("readVerdict() of a run without a result: nothing is proven", () => {
  const output = "error: SyntaxError: Expression expected\n    |\n";
  assertEquals(readVerdict(1, output), {
    kind: "broken",
    why: "SyntaxError: Expression expected",
  });
  assertEquals(readVerdict(137, ""), { kind: "broken", why: "exit code 137" });
});
