/**
 * The flags of the mutants.
 *
 * @module
 */

/** What `--help` prints. */
export const HELP = `deno task mutants [flags]

  --only NAME,NAME   only these
  --list             print their names, what they break and where, and break nothing
  --jobs N           so many at a time, instead of one a core

Each mutant is the code with one thing broken on purpose; the tests must fail on it. Exit 1 if one survives.`;

/** What the runner is told. */
export interface MutantFlags {
  /** The names of the mutants to run; `undefined` for all. */
  readonly only?: readonly string[];
  readonly list: boolean;
  readonly jobs: number;
}

/**
 * Reads the flags.
 *
 * @param args The command line.
 * @param names The names of all mutants.
 * @returns They, or what to print instead.
 */
export function parseFlags(
  args: readonly string[],
  names: readonly string[],
): MutantFlags | string {
  let only: string[] | undefined;
  let list = false;
  let jobs: number = navigator.hardwareConcurrency;
  for (let i = 0; i < args.length; i++) {
    const flag = args[i]!;
    if (flag === "--help") return HELP;
    if (flag === "--list") {
      list = true;
    } else if (flag === "--only") {
      only = (args[++i] ?? "").split(",");
      const unknown = only.find((name) => !names.includes(name));
      if (unknown !== undefined) {
        return `Cannot find the mutant ${JSON.stringify(unknown)}: --list shows what there is`;
      }
    } else if (flag === "--jobs") {
      const text = args[++i] ?? "";
      jobs = Number(text);
      if (!Number.isInteger(jobs) || jobs < 1) {
        return `Cannot run ${JSON.stringify(text)} jobs: give a whole number above 0`;
      }
    } else {
      return `Cannot take ${JSON.stringify(flag)}: --help shows what there is`;
    }
  }
  return { only, list, jobs };
}
