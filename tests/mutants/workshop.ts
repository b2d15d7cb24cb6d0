/**
 * Copies of the project in which things are broken, one copy a job, and the runs of Deno in them.
 *
 * @module
 */
import { type Mutant, mutate } from "./mutant.ts";
import { readHung, readVerdict, type Verdict } from "./verdict.ts";

/** What the tests need of the project. */
const PARTS = ["lib", "tests", "tools", "mod.ts", "deno.json"];

/** How long the types of all mutants may take to be checked. */
const CHECK_LIMIT_MS = 300_000;

/** How a run of Deno ended. */
interface Run {
  readonly code: number;
  readonly output: string;
  /** Whether it was killed because it took too long. */
  readonly late: boolean;
}

/** A folder with copies of the project; it is removed in the end. */
export class Workshop implements Disposable {
  /** One for each job. */
  readonly trees: readonly string[];
  readonly #folder: string;
  readonly #flags: readonly string[];
  readonly #children = new Set<Deno.ChildProcess>();

  private constructor(folder: string, trees: readonly string[], flags: readonly string[]) {
    this.#folder = folder;
    this.trees = trees;
    this.#flags = flags;
  }

  /**
   * Makes the copies.
   *
   * @param root The project, with a slash at its end.
   * @param jobs How many copies.
   * @param flags For `deno check` and `deno test`, from the root of a copy.
   */
  static async open(root: string, jobs: number, flags: readonly string[] = []): Promise<Workshop> {
    const folder = await Deno.makeTempDir({ prefix: "k8sensus-mutants-" });
    const trees = Array.from({ length: jobs }, (_, job) => `${folder}/${job}`);
    const workshop = new Workshop(folder, trees, flags);
    for (const tree of trees) {
      await Deno.mkdir(tree);
      for (const part of PARTS) await copy(`${root}${part}`, `${tree}/${part}`);
    }
    return workshop;
  }

  /**
   * Checks the types of mutants, all at once: tests run without, and a mutant shall die of what it does.
   *
   * @param mutants Some that are stale are passed over.
   * @returns Those that are broken, and why.
   */
  async check(mutants: readonly Mutant[]): Promise<Map<Mutant, string>> {
    const [tree] = this.trees;
    // Each in a file of its own, beside the one that it breaks.
    const files = new Map<string, Mutant>();
    for (const [i, mutant] of mutants.entries()) {
      const broken = mutate(await Deno.readTextFile(`${tree}/${mutant.file}`), mutant);
      if (broken === undefined) continue;
      const file = mutant.file.replace(/[^/]+$/, `mutant_${i}.ts`);
      await Deno.writeTextFile(`${tree}/${file}`, broken);
      files.set(file, mutant);
    }
    const all = [...files.keys()];
    const found = new Map<Mutant, string>();
    while (files.size > 0) {
      const args = ["check", ...this.#flags, ...files.keys()];
      const { code, output } = await this.#deno(tree!, args, CHECK_LIMIT_MS);
      if (code === 0) break;
      // A file that cannot be parsed hides what is wrong with the others: once more without it.
      const wrong = [...files].filter(([file]) => output.includes(`/${file}:`));
      if (wrong.length === 0) throw new Error(`Cannot check the types of the mutants: ${output}`);
      for (const [file, mutant] of wrong) {
        found.set(mutant, complaintOf(file, output));
        files.delete(file);
      }
    }
    for (const file of all) await Deno.remove(`${tree}/${file}`);
    return found;
  }

  /**
   * Runs tests on a copy as it is.
   *
   * @param tree One of {@linkcode trees}.
   * @param files The tests, below `tests/`.
   * @param limitMs When they count as hung.
   */
  async test(tree: string, files: readonly string[], limitMs: number): Promise<Verdict> {
    const paths = files.map((file) => `tests/${file}`);
    const args = ["test", "--no-check", "--fail-fast", "--allow-all", ...this.#flags, ...paths];
    const { code, output, late } = await this.#deno(tree, args, limitMs);
    return late ? readHung(output) : readVerdict(code, output);
  }

  /**
   * Breaks a copy, runs tests on it, and repairs it.
   *
   * @param tree One of {@linkcode trees}.
   * @param mutant What to break.
   * @param files The tests, below `tests/`.
   * @param limitMs When they count as hung.
   */
  async judge(
    tree: string,
    mutant: Mutant,
    files: readonly string[],
    limitMs: number,
  ): Promise<Verdict> {
    return await this.#broken(tree, mutant, () => this.test(tree, files, limitMs)) ??
      { kind: "stale" };
  }

  /**
   * Breaks a copy, plays seeds of the simulator on it until one is a violation, and repairs it.
   *
   * @param tree One of {@linkcode trees}.
   * @param mutant What to break.
   * @param most How many seeds at most.
   * @param limitMs When they count as hung.
   * @returns The seed and what it violates; `hung`; or `undefined` if nothing was found.
   */
  async play(
    tree: string,
    mutant: Mutant,
    most: number,
    limitMs: number,
  ): Promise<{ seed: number; message: string } | "hung" | undefined> {
    const guarded = mutant.file.startsWith("lib/guard/") ? ["guarded"] : [];
    const play = ["tests/mutants/play.ts", String(most), ...guarded];
    const args = ["run", "--no-check", ...this.#flags, ...play];
    const run = await this.#broken(tree, mutant, () => this.#deno(tree, args, limitMs));
    if (run?.late) return "hung";
    const [, seed, message] = /^(\d+) (.+)$/m.exec(run?.output ?? "") ?? [];
    return message === undefined ? undefined : { seed: Number(seed), message };
  }

  /** Does something while a copy is broken; `undefined` if the mutant is stale. */
  async #broken<T>(tree: string, mutant: Mutant, run: () => Promise<T>): Promise<T | undefined> {
    const path = `${tree}/${mutant.file}`;
    const text = await Deno.readTextFile(path);
    const broken = mutate(text, mutant);
    if (broken === undefined) return undefined;
    try {
      await Deno.writeTextFile(path, broken);
      return await run();
    } finally {
      await Deno.writeTextFile(path, text);
    }
  }

  async #deno(tree: string, args: readonly string[], limitMs: number): Promise<Run> {
    const child = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: tree,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", NO_PROXY: noProxy() },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#children.add(child);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, limitMs);
    const { code, stdout, stderr } = await child.output();
    clearTimeout(timer);
    this.#children.delete(child);
    const text = new TextDecoder();
    return { code, output: text.decode(stderr) + text.decode(stdout), late };
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill("SIGKILL");
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** Whatever proxy there is, it is not for the servers of the tests. */
function noProxy(): string {
  return ["127.0.0.1", Deno.env.get("NO_PROXY"), Deno.env.get("no_proxy")].join(",");
}

/** What `deno check` has to say of a file; the place comes after the complaint. */
function complaintOf(file: string, output: string): string {
  const before = output.slice(0, output.indexOf(`/${file}:`));
  return before.match(/^(error: |TS\d+ ).+$/gm)?.at(-1) ?? before;
}

async function copy(from: string, to: string): Promise<void> {
  if (!(await Deno.stat(from)).isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}
