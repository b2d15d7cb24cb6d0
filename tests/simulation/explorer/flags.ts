// The flags of the explorer.
import {
  type ClockName,
  CLOCKS,
  type FaultName,
  FAULTS,
  makeScope,
  MOST_CANDIDATES,
  type Scope,
  tightTiming,
} from "./scope.ts";

/** What the explorer is told. */
export interface ExplorerFlags {
  readonly scope: Scope;
  readonly mostStates: number;
  readonly mostMs: number;
  /** Add what was seen to this file. */
  readonly record?: string;
}

const DEFAULT_FAULTS = { losses: 1, delays: 1, resigns: 1 };
const LEAST_TICKS = 3;
/** The numbers of moves, and of faults in a state, are small. */
const MOST_FAULTS = 9;

/** What `--help` prints. */
export const HELP = `deno task explore [flags]

Sees all interleavings of a small world: candidates that run the election of this project, one Lease, and a
few faults. Clocks are as wrong as is allowed, and durations leave nothing to spare.

  --candidates N   1 to ${MOST_CANDIDATES}; 2 if not given
  --clocks A,B,…   how fast each clock goes: ${
  Object.keys(CLOCKS).join(", ")
}; slow,fast,fast,slow if not given
  --ticks N        steps of time from a write to the fence, at least ${LEAST_TICKS}; ${LEAST_TICKS} if not given
  --most-states N  stop after so many
  --minutes N      stop after so long
  --record FILE    add the result to FILE

Faults, each at most ${MOST_FAULTS}; if none is given, one each of ${
  Object.keys(DEFAULT_FAULTS).join(", ")
}:

${FAULTS.map((fault) => `  --${fault} N`).join("\n")}

It ends with 0 if all is well, 1 with the shortest way to a violation, 2 if a flag cannot be used.`;

const BEGINNING: readonly ClockName[] = ["slow", "fast", "fast", "slow"];

/**
 * Reads the flags.
 *
 * @returns They, or what to print instead.
 */
export function parseFlags(args: readonly string[]): ExplorerFlags | string {
  const numbers = new Map<string, number>();
  let clocks: ClockName[] | undefined;
  let record: string | undefined;
  for (let i = 0; i < args.length; i++) {
    const flag = args[i]!;
    const limits = limitsOf(flag);
    const text = args[i + 1] ?? "";
    if (flag === "--help") return HELP;
    if (flag === "--record") {
      if (text === "") return "Cannot record without a file: give --record FILE";
      record = text;
    } else if (flag === "--clocks") {
      clocks = text.split(",") as ClockName[];
      const unknown = clocks.find((clock) => !Object.hasOwn(CLOCKS, clock));
      if (unknown !== undefined || clocks.length > MOST_CANDIDATES) {
        return `Cannot use the clocks ${JSON.stringify(text)}: give up to ${MOST_CANDIDATES} of ${
          Object.keys(CLOCKS).join(", ")
        }`;
      }
    } else if (limits === undefined) {
      return `Cannot take ${JSON.stringify(flag)}: --help shows what there is`;
    } else {
      const [least, most, whole] = limits;
      const number = text.trim() === "" ? NaN : Number(text);
      if (!(number >= least && number <= most) || (whole && !Number.isInteger(number))) {
        return `Cannot use ${flag} ${JSON.stringify(text)}: give a ${
          whole ? "whole " : ""
        }number ` +
          (most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`);
      }
      numbers.set(flag, number);
    }
    i++;
  }
  const candidates = numbers.get("--candidates") ?? clocks?.length ?? 2;
  if (clocks !== undefined && clocks.length !== candidates) {
    return `Cannot give ${clocks.length} clocks to ${candidates} candidates: one each, or none`;
  }
  return { ...settle(numbers, clocks ?? BEGINNING.slice(0, candidates)), record };
}

/** From, to, and whether it must be a whole number. */
function limitsOf(flag: string): readonly [number, number, boolean] | undefined {
  if (flag === "--candidates") return [1, MOST_CANDIDATES, true];
  if (flag === "--ticks") return [LEAST_TICKS, 20, true];
  if (flag === "--most-states") return [1, Infinity, true];
  if (flag === "--minutes") return [0.01, Infinity, false];
  if (FAULTS.some((fault) => flag === `--${fault}`)) return [0, MOST_FAULTS, true];
}

function settle(numbers: ReadonlyMap<string, number>, clocks: readonly ClockName[]): ExplorerFlags {
  const given = FAULTS.filter((fault) => numbers.has(`--${fault}`));
  const budgets: Partial<Record<FaultName, number>> = given.length === 0
    ? DEFAULT_FAULTS
    : Object.fromEntries(given.map((fault) => [fault, numbers.get(`--${fault}`)!]));
  const ticks = numbers.get("--ticks") ?? LEAST_TICKS;
  return {
    scope: makeScope(clocks, budgets, tightTiming(ticks)),
    mostStates: numbers.get("--most-states") ?? Infinity,
    mostMs: (numbers.get("--minutes") ?? Infinity) * 60_000,
  };
}
