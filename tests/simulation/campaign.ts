// Plays seeds one after the other, and sums up.
import { makePlan } from "./planner.ts";
import { type Options, simulate } from "./simulation.ts";
import { Tally } from "./tally.ts";

/** A seed that broke something. */
export interface Found {
  readonly seed: number;
  readonly message: string;
}

/** What a part of a campaign came to. */
export interface Share {
  /** The first seed, and how many. */
  readonly first: number;
  readonly count: number;
  readonly tally: Tally;
  readonly found: readonly Found[];
}

/** Every so many seeds one is played twice: both must go the same way. */
const TWICE_EVERY = 1_000;
/** Seeds are 32-bit numbers. */
export const SEEDS = 2 ** 32;

/** Plays `count` seeds from `first` on. */
export function playSeeds(first: number, count: number, options: Options = {}): Share {
  const tally = new Tally();
  const found: Found[] = [];
  for (let i = 0; i < count; i++) {
    const seed = (first + i) % SEEDS;
    const { tally: one, violation } = simulate(makePlan(seed), options);
    tally.add(one);
    if (violation !== undefined) found.push({ seed, message: violation.message });
    else if (seed % TWICE_EVERY === 0) found.push(...differs(seed, one, options));
  }
  return { first, count, tally, found };
}

/** Plays a seed twice more, with a trace, and compares. */
function differs(seed: number, once: Tally, options: Options): Found[] {
  const again = () => simulate(makePlan(seed), { ...options, traced: true });
  const [one, two] = [again(), again()];
  const same = one.trace!.hash() === two.trace!.hash() &&
    JSON.stringify(one.tally) === JSON.stringify(once);
  return same ? [] : [{ seed, message: "determinism: the same seed plays differently" }];
}
