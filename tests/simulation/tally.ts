// What a simulation counts.
import { type FaultKind, GUARD_MISHAPS, HANDS, MISHAPS, WEATHER } from "./plan.ts";

/** All kinds of faults, in one order; the weather comes first, so that its places are those of the hosts. */
export const FAULTS: readonly FaultKind[] = [...WEATHER, ...MISHAPS, ...HANDS, ...GUARD_MISHAPS];

/** The place of each kind among {@linkcode FAULTS}. */
export const PLACE = Object.fromEntries(FAULTS.map((kind, place) => [kind, place])) as Readonly<
  Record<FaultKind, number>
>;

/** Sums over one simulation or many. */
export class Tally {
  seeds = 0;
  /** True time that was simulated. */
  simulatedMs = 0;
  /** The same, in lease durations. */
  leaseDurations = 0;
  /** Steps of contenders. */
  steps = 0;
  requests = 0;
  commits = 0;
  /** Terms of this project's contenders, and of others. */
  terms = 0;
  foreignTerms = 0;
  /** Acts that were allowed, and those that were refused. */
  acts = 0;
  actsRefused = 0;
  /** Effects that a store which checks tokens took in, and those it refused: they came too late. */
  effectsAccepted = 0;
  effectsRefused = 0;
  /** Terms under a guard, commands that were started, and releases by proof of death. */
  guardedTerms = 0;
  commands = 0;
  proofs = 0;
  /** Acts after the fence that nobody was there to prevent: guard and elector were stopped or dead. */
  actsUnguarded = 0;
  /** How often each kind of fault took effect: a lost request, not a time in which some are lost. */
  readonly faults: Float64Array = new Float64Array(FAULTS.length);

  /** Adds what another has counted. */
  add(other: Tally): void {
    for (const key of SUMS) this[key] += other[key];
    for (let place = 0; place < FAULTS.length; place++) this.faults[place]! += other.faults[place]!;
  }

  /** As plain data, faults by name. */
  toJSON(): PlainTally {
    const sums = Object.fromEntries(SUMS.map((key) => [key, this[key]])) as Sums;
    const faults = Object.fromEntries(FAULTS.map((kind, place) => [kind, this.faults[place]!]));
    return { ...sums, faults };
  }

  /** The opposite of {@linkcode toJSON}; what is missing counts as 0. */
  static from(plain: PlainTally): Tally {
    const tally = new Tally();
    for (const key of SUMS) tally[key] = plain[key] ?? 0;
    for (const [place, kind] of FAULTS.entries()) tally.faults[place] = plain.faults[kind] ?? 0;
    return tally;
  }
}

const SUMS = [
  "seeds",
  "simulatedMs",
  "leaseDurations",
  "steps",
  "requests",
  "commits",
  "terms",
  "foreignTerms",
  "acts",
  "actsRefused",
  "effectsAccepted",
  "effectsRefused",
  "guardedTerms",
  "commands",
  "proofs",
  "actsUnguarded",
] as const;

type Sums = Record<typeof SUMS[number], number>;

/** A {@linkcode Tally} as plain data. */
export type PlainTally = Sums & { readonly faults: Readonly<Record<string, number>> };
