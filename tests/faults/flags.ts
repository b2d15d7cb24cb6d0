/**
 * The flags of the torture.
 *
 * @module
 */

/** What it is told. */
export interface Flags {
  readonly rounds: number;
  readonly seed: number;
  /** How many rounds at once. */
  readonly jobs: number;
  /** Play only faults whose name has this in it. */
  readonly only: string;
  /** Add what was played to this file. */
  readonly record?: string;
}

const SEEDS = 2 ** 32;

/** What `--help` prints. */
export const HELP = `deno task torture [flags]

Real candidates contend on a real control plane, a fault strikes the leader, another must take over, and
nothing of the old one may act any more.

  --rounds N      play so many rounds, chosen at random (default: 30)
  --seed N        choose by this seed (default: a fresh one, which is printed)
  --jobs N        play so many rounds at once (default: 2)
  --only TEXT     only faults that have this in their names, such as "stop guard"
  --record FILE   add the result to FILE, as the part "realProcesses"

The exit code is 1 if a promise was broken, or a round could not be played.`;

/**
 * Reads the flags.
 *
 * @returns They, or one line that says what is wrong with them, or {@linkcode HELP}.
 */
export function parseFlags(args: readonly string[]): Flags | string {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  const flags: { -readonly [name in keyof Flags]: Flags[name] } = {
    ...{ rounds: 30, seed, jobs: 2, only: "" },
  };
  for (let i = 0; i < args.length; i += 2) {
    const [flag, value] = [args[i]!, args[i + 1] ?? ""];
    if (flag === "--help") return HELP;
    switch (flag) {
      case "--record":
      case "--only":
        if (value === "") return `Cannot take ${flag} without a value: --help shows what it may be`;
        flags[flag === "--only" ? "only" : "record"] = value;
        break;
      case "--rounds":
      case "--seed":
      case "--jobs": {
        const name = flag.slice(2) as "rounds" | "seed" | "jobs";
        const least = name === "seed" ? 0 : 1;
        const number = /^\d+$/.test(value) ? Number(value) : NaN;
        if (!(number >= least && number < SEEDS)) {
          return `Cannot take ${flag} ${value}: give a whole number from ${least} to ${SEEDS - 1}`;
        }
        flags[name] = number;
        break;
      }
      default:
        return `Cannot take ${JSON.stringify(flag)}: --help shows what there is`;
    }
  }
  return flags;
}
