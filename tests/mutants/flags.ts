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
  --seeds N          play up to N seeds of the simulator on each mutant of the machine, and tell how many it took
  --record FILE      put the result into the part "mutants" of this JSON file

Each mutant is the code with one thing broken on purpose; the tests must fail on it. Exit 1 if one survives.`;

/** What the runner is told. */
export interface MutantFlags {
  /** The names of the mutants to run; `undefined` for all. */
  readonly only?: readonly string[];
  readonly list: boolean;
  readonly jobs: number;
  /** How many seeds of the simulator to play instead of running tests; `undefined` for none. */
  readonly seeds?: number;
  /** The file that records the result. */
  readonly record?: string;
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
  let seeds: number | undefined;
  let record: string | undefined;
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
    } else if (flag === "--seeds") {
      const text = args[++i] ?? "";
      seeds = Number(text);
      if (!Number.isInteger(seeds) || seeds < 1) {
        return `Cannot play ${JSON.stringify(text)} seeds: give a whole number above 0`;
      }
    } else if (flag === "--record") {
      record = args[++i];
      if (record === undefined) return "Cannot record nowhere: give a file";
    } else {
      return `Cannot take ${JSON.stringify(flag)}: --help shows what there is`;
    }
  }
  if (record !== undefined && only !== undefined && seeds === undefined) {
    return "Cannot record what tests make of some mutants: leave --only out, or play --seeds";
  }
  return { only, list, jobs, seeds, record };
}
