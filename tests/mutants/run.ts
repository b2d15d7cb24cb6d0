/**
 * Breaks the code on purpose, one thing at a time, and expects the tests to notice: `deno task mutants`.
 *
 * @module
 */
import { HELP, type MutantFlags, parseFlags } from "./flags.ts";
import type { Mutant } from "./mutant.ts";
import { MUTANTS, TESTS } from "./mutants.ts";
import {
  addSeeds,
  addTests,
  type Reliability,
  type SeedRun,
  type SeedVerdict,
} from "./reliability.ts";
import type { Verdict } from "./verdict.ts";
import { updateRecord } from "../support/record_file.ts";
import { Workshop } from "./workshop.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Tests hang if they take so much longer than on the code as it is: the machine may be busy. */
const LIMIT_MS = 20_000;
const LIMIT_TIMES = 5;
/** The same for the code as it is. */
const SOUND_LIMIT_MS = 300_000;

/** Thousands of seeds take a minute; a mutant that is slow, or does not end, must not take hours. */
const PLAY_LIMIT_MS = 600_000;
/** What the simulator runs: the machine of the election, and that of the guard. */
const MACHINE =
  /^lib\/(election(\.ts$|\/)|lease\.ts$|token\.ts$|timing\.ts$|guard\/(guard|state|proof|release|command|last_resort)\.ts$)/;

/** The code as it is fails its tests, so that a failure proves nothing. */
class Unsound extends Error {}

/** Runs mutants, and counts what became of them. */
class Hunt {
  readonly counts: Record<Verdict["kind"], number> = {
    killed: 0,
    hung: 0,
    survived: 0,
    broken: 0,
    stale: 0,
  };
  readonly #workshop: Workshop;
  /** How long each file of tests takes on the code as it is, in milliseconds. */
  readonly #soundMs = new Map<string, number>();

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
  }

  /** Tries first the tests that should kill, then, on what survives, all others. */
  async run(mutants: readonly Mutant[]): Promise<void> {
    const broken = await this.#workshop.check(mutants);
    for (const [mutant, why] of broken) this.#report(mutant, { kind: "broken", why }, 0);
    const whole = mutants.filter((mutant) => !broken.has(mutant));
    await this.#prove(whole.flatMap(({ tests }) => tests));
    const left: Mutant[] = [];
    await this.#share(whole, async (tree, mutant) => {
      const { verdict, ms } = await this.#judge(tree, mutant, mutant.tests);
      if (verdict.kind === "survived") left.push(mutant);
      else this.#report(mutant, verdict, ms);
    });
    if (left.length === 0) return;
    await this.#prove(TESTS);
    await this.#share(left, async (tree, mutant) => {
      const others = TESTS.filter((file) => !mutant.tests.includes(file));
      const first = await this.#judge(tree, mutant, others);
      // Nobody expected it of these tests: it may have been the machine that was too slow for one.
      const { verdict } = first.verdict.kind === "killed"
        ? await this.#judge(tree, mutant, [first.verdict.file.replace("tests/", "")])
        : first;
      this.#report(mutant, verdict, first.ms);
    });
  }

  /** Makes sure that tests pass on the code as it is. */
  async #prove(files: readonly string[]): Promise<void> {
    const unproven = new Set(files.filter((file) => !this.#soundMs.has(file)));
    await this.#share([...unproven], async (tree, file) => {
      const start = performance.now();
      const verdict = await this.#workshop.test(tree, [file], SOUND_LIMIT_MS);
      if (verdict.kind !== "survived") {
        const where = "test" in verdict ? `in "${verdict.test}"` : describe(verdict);
        throw new Unsound(`Cannot go by tests/${file}: it fails on the code as it is, ${where}`);
      }
      this.#soundMs.set(file, performance.now() - start);
    });
  }

  async #judge(tree: string, mutant: Mutant, files: readonly string[]) {
    const start = performance.now();
    const soundMs = files.reduce((sum, file) => sum + this.#soundMs.get(file)!, 0);
    const limitMs = LIMIT_MS + LIMIT_TIMES * soundMs;
    const verdict = await this.#workshop.judge(tree, mutant, files, limitMs);
    return { verdict, ms: performance.now() - start };
  }

  #report(mutant: Mutant, verdict: Verdict, ms: number): void {
    this.counts[verdict.kind]++;
    console.log(`${mutant.name} (${mutant.breaks}): ${describe(verdict, ms)}`);
  }

  /** Does something with every item, one at a time in each copy. */
  async #share<T>(
    items: readonly T[],
    run: (tree: string, item: T) => Promise<void>,
  ): Promise<void> {
    const queue = items.values();
    await Promise.all(this.#workshop.trees.map(async (tree) => {
      for (const item of queue) await run(tree, item);
    }));
  }
}

/** Tells how many seeds of the simulator it takes to find each mutant of the machine. */
async function playSeeds(
  workshop: Workshop,
  mutants: readonly Mutant[],
  most: number,
): Promise<SeedRun> {
  const toKill = new Map<string, SeedVerdict>();
  const told = new Map<string, string>();
  const queue = mutants.filter(({ file }) => MACHINE.test(file)).values();
  await Promise.all(workshop.trees.map(async (tree) => {
    for (const mutant of queue) {
      const { name, breaks, seedless } = mutant;
      let said = `told by tests alone: ${seedless}`;
      if (seedless !== undefined) told.set(name, seedless);
      else {
        const kill = await workshop.play(tree, mutant, most, PLAY_LIMIT_MS) ?? null;
        const found = kill !== null && kill !== "hung";
        toKill.set(name, found ? { seed: kill.seed, invariant: lawOf(kill.message) } : kill);
        said = found ? `seed ${kill.seed}: ${kill.message}` : kill ?? `not found in ${most} seeds`;
      }
      console.log(`${name} (${breaks}): ${said}`);
    }
  }));
  const unfound = toKill.values().filter((kill) => kill === null).toArray().length;
  console.log(
    `${toKill.size - unfound} found by the simulator, ${unfound} not; ` +
      `${told.size} are told by tests alone`,
  );
  return { seeds: most, toKill, told };
}

/** Which law a violation is of. */
function lawOf(message: string): string {
  return message.slice(0, message.indexOf(":"));
}

function describe(verdict: Verdict, ms = 0): string {
  const after = `after ${(ms / 1_000).toFixed(1)}s`;
  switch (verdict.kind) {
    case "killed":
      return `killed by "${verdict.test}" in ${verdict.file} ${after}`;
    case "hung":
      return `killed, hung in "${verdict.test}" ${after}`;
    case "survived":
      return "SURVIVED";
    case "broken":
      return `BROKEN, which proves nothing: ${verdict.why}`;
    case "stale":
      return "STALE: the text that it replaces does not stand exactly once in the file";
  }
}

/** The flag that lets Deno do without JSR, where that is needed. */
async function importMap(): Promise<string[]> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "tools/registry.ts"],
    cwd: ROOT,
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((flag) => flag !== "");
}

/** @returns The exit code. */
async function main({ only, list, jobs, seeds, record }: MutantFlags): Promise<number> {
  const mutants = MUTANTS.filter(({ name }) => only === undefined || only.includes(name));
  if (list) {
    for (const { name, breaks, file } of mutants) console.log(`${name} (${breaks}) ${file}`);
    return 0;
  }
  using workshop = await Workshop.open(ROOT, jobs, await importMap());
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.addSignalListener(signal, () => {
      workshop[Symbol.dispose]();
      Deno.exit(code);
    });
  }
  if (seeds !== undefined) {
    const run = await playSeeds(workshop, mutants, seeds);
    const names = MUTANTS.map(({ name }) => name);
    if (record !== undefined) {
      updateRecord(record, (before: Reliability) => addSeeds(before, run, names));
    }
    return 0;
  }
  const hunt = new Hunt(workshop);
  try {
    await hunt.run(mutants);
  } catch (error) {
    if (!(error instanceof Unsound)) throw error;
    console.error(error.message);
    return 1;
  }
  const { killed, hung, survived, broken, stale } = hunt.counts;
  if (broken + stale > 0) console.log(`${broken} broken, ${stale} stale: mend them`);
  console.log(`${killed + hung} killed, ${survived} survived`);
  if (record !== undefined) {
    updateRecord(
      record,
      (before: Reliability) => addTests(before, { killed: killed + hung, survived }),
    );
  }
  return survived + broken + stale > 0 ? 1 : 0;
}

if (import.meta.main) {
  const flags = parseFlags(Deno.args, MUTANTS.map(({ name }) => name));
  if (typeof flags === "string") {
    const wrong = flags !== HELP;
    (wrong ? console.error : console.log)(flags);
    Deno.exit(wrong ? 2 : 0);
  }
  Deno.exit(await main(flags));
}
