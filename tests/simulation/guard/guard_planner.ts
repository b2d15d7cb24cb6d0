// Puts contenders of a plan under guards, and adds what goes wrong with those. Its chance is its own, so that
// everything else in a plan stays as it is.
import { CLOCK_RATE_ERROR, makeTiming, type TimingOptions } from "../../../lib/timing.ts";
import { Dice, mixed } from "../dice.ts";
import {
  type Contender,
  type Fault,
  GUARD_MISHAPS,
  type GuardPlan,
  LEADER,
  type Plan,
} from "../plan.ts";

/** The share of the seeds in which somebody is guarded. */
const SHARE = 0.1;
/**
 * From a deadline to the last act, in true time, which timing has to leave room for: a timer and a SIGKILL, and,
 * while the guard is stopped, the 25 ms that the elector leaves it.
 */
const EPSILON_MS = 60;

/** The same plan, in a share of the seeds with guards. */
export function guarded(plan: Plan): Plan {
  const dice = new Dice(mixed(plan.seed, 7));
  if (!dice.chance(SHARE)) return plan;
  const all = dice.chance(0.5);
  const contenders = plan.contenders.map((contender): Contender => {
    if (contender.make !== "k8sensus" || !(all || dice.chance(0.5))) return contender;
    const guard = drawGuard(dice, plan.leaseDurationMs);
    return { ...contender, timing: withEpsilon(contender.timing), guard };
  });
  if (contenders.every(({ guard }) => guard === undefined)) return plan;
  const share = dice.pick([0, 0.1, 0.2, 0.4]);
  const kinds = GUARD_MISHAPS.filter(() => dice.chance(share));
  const faults = kinds.flatMap((kind) => {
    const times = 1 + dice.below(dice.pick([1, 3, 8]));
    return Array.from({ length: times }, () => drawFault(dice, kind, plan));
  });
  return { ...plan, contenders, faults: [...plan.faults, ...faults].sort((a, b) => a.at - b.at) };
}

function drawGuard(dice: Dice, leaseDurationMs: number): GuardPlan {
  const kind = dice.chance(0.6) ? "exec" : "program";
  return {
    kind,
    settleMs: dice.pick([0, 0, Math.min(1_000, leaseDurationMs / 5)]),
    restart: dice.chance(0.5),
    strays: dice.pick([0, 1, 3]),
    obedience: dice.pick([0, 0.5, 1]),
    deaf: kind === "program" && dice.chance(0.4),
  };
}

function drawFault(
  dice: Dice,
  kind: Fault["kind"],
  { chaosMs, leaseDurationMs, contenders }: Plan,
): Fault {
  const long = kind === "slowSweep" || kind === "lateKill" || kind === "unprovable";
  return {
    kind,
    who: dice.chance(0.6) ? LEADER : dice.below(contenders.length),
    at: dice.between(0, chaosMs),
    forMs: dice.skewed((long ? 10 : 5) * leaseDurationMs),
    rate: 1,
    ms: dice.skewed((kind === "pipeDelay" ? 2 : 1) * leaseDurationMs),
    pick: dice.below(2 ** 30),
  };
}

/** The same durations, with an earlier fence where that leaves too little room behind it. */
function withEpsilon(timing: TimingOptions): TimingOptions {
  const { leaseDurationMs, fenceMs, stopMs, retryPeriodMs, attemptTimeoutMs } = makeTiming(timing);
  const latest = (leaseDurationMs / (1 + CLOCK_RATE_ERROR) - EPSILON_MS) * (1 - CLOCK_RATE_ERROR);
  if (fenceMs <= latest) return timing;
  const share = latest / fenceMs;
  return {
    ...timing,
    clockSkewMs: leaseDurationMs - latest,
    stopGraceMs: (fenceMs - stopMs) * share,
    retryPeriodMs: retryPeriodMs * share,
    attemptTimeoutMs: attemptTimeoutMs * share,
  };
}
