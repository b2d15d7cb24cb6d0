// Makes the plan of a seed.
import { CLOCK_RATE_ERROR, makeTiming, type TimingOptions } from "../../lib/timing.ts";
import { Dice, mixed } from "./dice.ts";
import { guarded } from "./guard/guard_planner.ts";
import {
  type Contender,
  type Fault,
  type FaultKind,
  HANDS,
  LEADER,
  type Make,
  MISHAPS,
  type Plan,
  WEATHER,
} from "./plan.ts";

/** How long things go wrong, in lease durations. */
const CHAOS = 37;

/** One clock of a host may be in trouble at a time: the leader goes by the other. */
const OF_THE_WALL: readonly FaultKind[] = ["wallJump", "freezeWall"];

/** The smallest clock skew that is allowed, a hair above the exact bound because of rounding. */
export function tightestSkewMs(leaseDurationMs: number): number {
  const least = 2 * CLOCK_RATE_ERROR / (1 + CLOCK_RATE_ERROR);
  return leaseDurationMs * least + 1e-6;
}

/** Makes the plan of a seed: the same one every time. */
export function makePlan(seed: number): Plan {
  const dice = new Dice(mixed(seed, 0));
  const leaseDurationMs = 1_000 * (1 + dice.below(60));
  const count = 2 + dice.below(6);
  const kinds = drawKinds(dice);
  const handless = !kinds.some((kind) => (HANDS as readonly string[]).includes(kind));
  const foreign = dice.chance(0.2) ? 1 + dice.below(2) : 0;
  const alone = handless && foreign === 0;
  const trustUnheld = alone && dice.chance(0.3);
  const longer = alone && !trustUnheld && dice.chance(0.3);
  const common = drawTiming(dice, leaseDurationMs);
  const contenders: Contender[] = [];
  const all = Math.min(7, count + foreign);
  for (let i = 0; i < all; i++) {
    const make: Make = i < all - foreign
      ? "k8sensus"
      : dice.pick(["client-go", "client-go-old", "kubert"]);
    const own = leaseDurationMs * (longer && dice.chance(0.5) ? 2 : 1);
    const timing = own === leaseDurationMs && dice.chance(0.8) ? common : drawTiming(dice, own);
    const wallOffsetMs = dice.chance(0.5) ? 0 : dice.between(-3.6e6, 3.6e6);
    contenders.push({ make, rate: drawRate(dice), timing, wallOffsetMs });
  }
  const chaosMs = CHAOS * leaseDurationMs;
  const attemptMs = common.attemptTimeoutMs!;
  const centres = Array.from({ length: dice.below(4) }, () => dice.between(0, chaosMs));
  const bounds = { seed, count: all, chaosMs, leaseDurationMs, centres };
  const faults = kinds.flatMap((kind) => drawFaults(dice, kind, bounds));
  return guarded({
    seed,
    leaseDurationMs,
    contenders,
    chaosMs,
    latencyMs: dice.chance(0.3) ? 1e-3 : dice.skewed(attemptMs / 10) + 1e-3,
    traffic: dice.pick([0, 0, 1, 20]),
    trustUnheld,
    foreignGraceMs: dice.chance(0.2) ? dice.between(0, 3 * leaseDurationMs) : undefined,
    settleMs: dice.skewed(leaseDurationMs),
    actMs: leaseDurationMs * dice.between(0.05, 0.5),
    effectMs: dice.chance(0.5) ? dice.skewed(3 * leaseDurationMs) : 1,
    faults: faults.sort((a, b) => a.at - b.at),
  });
}

/** Valid durations: half of them as tight as is allowed. */
function drawTiming(dice: Dice, leaseDurationMs: number): Required<TimingOptions> {
  if (dice.chance(0.2)) {
    const { retryPeriodMs, attemptTimeoutMs, fenceMs, stopMs } = makeTiming({ leaseDurationMs });
    return {
      leaseDurationMs,
      clockSkewMs: leaseDurationMs - fenceMs,
      stopGraceMs: fenceMs - stopMs,
      retryPeriodMs,
      attemptTimeoutMs,
      drainMs: leaseDurationMs * dice.between(0, 2),
    };
  }
  const tightest = tightestSkewMs(leaseDurationMs);
  const clockSkewMs = dice.chance(0.6) ? tightest : leaseDurationMs * dice.between(0.16, 0.5);
  const fenceMs = leaseDurationMs - clockSkewMs;
  const stopGraceMs = dice.chance(0.05) ? 0 : fenceMs * dice.between(0, 0.4);
  const stopMs = fenceMs - stopGraceMs;
  const retryPeriodMs = stopMs * dice.between(0.18, 0.5);
  const attemptTimeoutMs = (stopMs - retryPeriodMs) / 3 * dice.between(0.3, 1);
  const drainMs = leaseDurationMs * dice.between(0, 2);
  return { leaseDurationMs, clockSkewMs, stopGraceMs, retryPeriodMs, attemptTimeoutMs, drainMs };
}

function drawRate(dice: Dice): number {
  const extreme = dice.pick([-1, 0, 1, dice.between(-1, 1)]);
  return 1 + extreme * CLOCK_RATE_ERROR;
}

/** Which kinds of faults there are: a random subset, some seeds with many, some with none. */
function drawKinds(dice: Dice): FaultKind[] {
  const share = dice.pick([0, 0.1, 0.2, 0.3, 0.5]);
  const handShare = dice.chance(0.5) ? dice.pick([0.08, 0.2, 0.4]) : 0;
  return [
    ...WEATHER.filter(() => dice.chance(share)),
    ...MISHAPS.filter(() => dice.chance(share)),
    ...HANDS.filter(() => dice.chance(handShare)),
  ];
}

interface Bounds {
  readonly seed: number;
  readonly count: number;
  readonly chaosMs: number;
  readonly leaseDurationMs: number;
  /** Times around which troubles gather. */
  readonly centres: readonly number[];
}

/** How often a fault of this kind comes, each time at random. */
function drawFaults(dice: Dice, kind: FaultKind, bounds: Bounds): Fault[] {
  const times = 1 + dice.below(dice.pick([1, 3, 8]));
  return Array.from({ length: times }, () => drawFault(dice, kind, bounds));
}

function drawFault(dice: Dice, kind: FaultKind, bounds: Bounds): Fault {
  const { count, chaosMs, leaseDurationMs: unit, centres } = bounds;
  const gathered = centres.length > 0 && dice.chance(0.5);
  const fault = {
    kind,
    who: dice.chance(0.4) ? LEADER : dice.below(count),
    at: gathered
      ? Math.min(chaosMs, Math.max(0, dice.pick(centres) + dice.between(-0.5 * unit, 1.5 * unit)))
      : dice.between(0, chaosMs),
    forMs: dice.skewed(5 * unit),
    rate: dice.chance(0.4) ? 1 : dice.between(0.03, 1),
    ms: dice.skewed(3 * unit),
    pick: dice.below(2 ** 30),
  };
  switch (kind) {
    case "pause":
    case "pauseInStep":
    case "suspend":
      fault.forMs = dice.skewed(10 * unit);
      break;
    case "outage":
      fault.forMs = dice.skewed(3 * unit);
      break;
    case "hangWork":
      fault.rate *= 0.3;
      break;
    case "drift":
      fault.rate = drawRate(dice);
      break;
    case "wallForward":
      fault.ms = dice.skewed(3.6e6);
      break;
    case "wallJump":
      fault.ms = dice.chance(0.5) ? dice.between(-3.6e6, 3.6e6) : dice.between(-3 * unit, 3 * unit);
  }
  if (kind === "suspend") fault.who = drawHost(dice, bounds, false);
  if (OF_THE_WALL.includes(kind)) fault.who = drawHost(dice, bounds, true);
  return fault;
}

/** A host whose wall clock people play with, or one whose suspend button: never both. */
function drawHost(dice: Dice, { seed, count }: Bounds, wall: boolean): number {
  const first = (seed + (wall ? 1 : 0)) % 2;
  return first + 2 * dice.below(Math.floor((count - first + 1) / 2));
}
