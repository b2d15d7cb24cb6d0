// The flags of the simulator.
import { SEEDS } from "./campaign.ts";

/** What the simulator is told. */
export interface Flags {
  /** Play this seed alone, and print everything. */
  readonly seed?: number;
  /** Play these. */
  readonly seeds?: readonly [first: number, last: number];
  /** Stop after this time. */
  readonly minutes?: number;
  readonly jobs: number;
  /** Add what was played to this file. */
  readonly record?: string;
}

/** What `--help` prints. */
export const HELP = `deno task simulate [flags]

  --seed N        play one seed, and print all that happens; a seed always plays the same way
  --seeds A..B    play these seeds, without their traces
  --minutes N     play for so long; without --seeds, from a fresh seed on (default: 1)
  --jobs N        in so many threads (default: one for each processor)
  --record FILE   add the result to FILE; without --seeds, go on behind the last seed in it

A violation prints its seed, the fewest faults that still cause it, and what happened; the exit code is 1 then.`;

/**
 * Reads the flags.
 *
 * @returns They, or one line that says what is wrong with them, or {@linkcode HELP}.
 */
export function parseFlags(args: readonly string[], processors: number): Flags | string {
  const flags: { -readonly [name in keyof Flags]: Flags[name] } = { jobs: processors };
  for (let i = 0; i < args.length; i++) {
    const flag = args[i]!;
    if (flag === "--help") return HELP;
    if (!["--seed", "--seeds", "--minutes", "--jobs", "--record"].includes(flag)) {
      return `Cannot take ${JSON.stringify(flag)}: --help shows what there is`;
    }
    const value = args[++i] ?? "";
    if (flag === "--record") {
      if (value === "") return "Cannot record without a file: give --record FILE";
      flags.record = value;
    } else if (flag === "--seeds") {
      const [, first, last] = /^(\d+)\.\.(\d+)$/.exec(value) ?? [];
      const [low, high] = [Number(first), Number(last)];
      if (first === undefined || low > high || high >= SEEDS) {
        return `Cannot play the seeds ${JSON.stringify(value)}: give A..B, both from 0 to ${
          SEEDS - 1
        }`;
      }
      flags.seeds = [low, high];
    } else {
      const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
      const fault = checkNumber(flag, value, number);
      if (fault !== undefined) return fault;
      flags[flag.slice(2) as "seed" | "minutes" | "jobs"] = number;
    }
  }
  return flags;
}

function checkNumber(flag: string, value: string, number: number): string | undefined {
  const given = JSON.stringify(value);
  if (flag === "--seed" && !(Number.isInteger(number) && number < SEEDS)) {
    return `Cannot play the seed ${given}: give a whole number from 0 to ${SEEDS - 1}`;
  }
  if (flag === "--jobs" && !(Number.isInteger(number) && number >= 1 && number <= 256)) {
    return `Cannot use ${given} threads: give a whole number from 1 to 256`;
  }
  if (flag === "--minutes" && !(number > 0)) {
    return `Cannot play for ${given} minutes: give a number above 0`;
  }
  return undefined;
}
