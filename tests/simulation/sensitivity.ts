// Simulations that must fail: one that finds nothing in them proves nothing by finding nothing elsewhere.
import { CLOCK_RATE_ERROR } from "../../lib/timing.ts";
import { Dice, mixed } from "./dice.ts";
import type { Contender, Fault, FaultKind, Make, Plan } from "./plan.ts";
import { tightestSkewMs } from "./planner.ts";
import { type Options, simulate } from "./simulation.ts";

/** Plans that differ by their seeds, and what they must break. */
export interface Experiment {
  readonly name: string;
  readonly plan: (seed: number) => Plan;
  readonly options: Options;
}

const D = 15_000;
const CHAOS_MS = 20 * D;

/** The usual durations, as tight as is allowed. */
const TIGHT = {
  leaseDurationMs: D,
  clockSkewMs: tightestSkewMs(D),
  stopGraceMs: 2_600,
  retryPeriodMs: 2_000,
  attemptTimeoutMs: 2_500,
  drainMs: D,
};

function plan(
  seed: number,
  contenders: readonly Contender[],
  faults: Fault[],
  rest: Partial<Plan>,
): Plan {
  return {
    seed,
    leaseDurationMs: D,
    contenders,
    chaosMs: CHAOS_MS,
    latencyMs: 1e-3,
    traffic: 0,
    trustUnheld: false,
    settleMs: 10,
    actMs: D / 50,
    effectMs: 1,
    faults: faults.sort((a, b) => a.at - b.at),
    ...rest,
  };
}

/** So many faults of one kind, each for some seconds, on hosts at random. */
function several(dice: Dice, kind: FaultKind, times: number, fields: Partial<Fault> = {}): Fault[] {
  return Array.from({ length: times }, () => ({
    kind,
    who: dice.below(3),
    at: dice.between(2 * D, CHAOS_MS - 2 * D),
    forMs: dice.between(D, 2 * D),
    rate: 1,
    ms: D,
    pick: dice.below(2 ** 30),
    ...fields,
  }));
}

/** Leaders are cut off, some with a slow clock while those of others are fast; their work acts to the end. */
function drifting(error: number): (seed: number) => Plan {
  return (seed) => {
    const dice = new Dice(mixed(seed, 0));
    const contenders = [0, 1, 2].map((): Contender => ({
      make: "k8sensus",
      rate: 1 + dice.pick([-1, 1]) * error,
      timing: TIGHT,
      wallOffsetMs: 0,
    }));
    return plan(seed, contenders, several(dice, "partition", 6, { pick: 0 }), { settleMs: D });
  };
}

function fleet(make: Make, faults: (dice: Dice) => Fault[], rest: Partial<Plan> = {}) {
  return (seed: number): Plan => {
    const dice = new Dice(mixed(seed, 0));
    const contenders = [0, 1, 2].map((): Contender => ({
      make,
      rate: 1,
      timing: TIGHT,
      wallOffsetMs: 0,
    }));
    return plan(seed, contenders, faults(dice), rest);
  };
}

/** An answer is withheld for seconds, and then the line is cut. */
const lateAnswers = (dice: Dice): Fault[] =>
  several(dice, "delayAnswer", 6, { ms: 0.6 * D }).flatMap((fault) => [
    fault,
    { ...fault, kind: "loseRequest" as const, at: fault.at + 0.2 * D, forMs: 2 * D },
  ]);
/** Somebody makes another candidate the holder. */
const otherHolders = (dice: Dice): Fault[] => several(dice, "swapHolder", 4);
/** Users stop a leader whose work takes its time. */
const cancels = (dice: Dice): Fault[] => several(dice, "withdraw", 6, { forMs: D });

const EXCLUSIVE: Options = { exclusive: true, chaosOnly: true };

/** Drift half as large again as is allowed for; the wall of client-go's known overlaps. */
export const MUST_FAIL: readonly Experiment[] = [
  { name: "clocks that drift by 1.5 ρ", plan: drifting(1.5 * CLOCK_RATE_ERROR), options: {} },
  ...(["client-go", "client-go-old"] as const).flatMap((make) => [
    { name: `${make}: a late answer`, plan: fleet(make, lateAnswers), options: EXCLUSIVE },
    {
      name: `${make}: another holder is seen`,
      plan: fleet(make, otherHolders),
      options: EXCLUSIVE,
    },
    {
      name: `${make}: release before stop`,
      plan: fleet(make, cancels, { settleMs: 0.3 * D }),
      options: EXCLUSIVE,
    },
  ]),
];

/** The same, within what is allowed, with contenders of this project: nothing is to be found. */
export const MUST_HOLD: readonly Experiment[] = [
  { name: "clocks that drift by ρ", plan: drifting(CLOCK_RATE_ERROR), options: {} },
  { name: "a late answer", plan: fleet("k8sensus", lateAnswers), options: {} },
  { name: "another holder is seen", plan: fleet("k8sensus", otherHolders), options: {} },
  {
    name: "slow work is stopped",
    plan: fleet("k8sensus", cancels, { settleMs: 0.3 * D }),
    options: {},
  },
];

/** How many seeds it takes until two lead at a time; `undefined` if more than `most`. */
export function seedsUntilOverlap({ plan, options }: Experiment, most: number): number | undefined {
  for (let seed = 1; seed <= most; seed++) {
    if (simulate(plan(seed), options).violation?.invariant === "I1") return seed;
  }
  return undefined;
}
