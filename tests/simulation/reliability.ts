// The record of what has been simulated: parts add up, and no seed counts twice.
import type { Found, Share } from "./campaign.ts";
import { type PlainTally, Tally } from "./tally.ts";

/** `reliability.json`. Other parts of it, of other programs, are kept as they are. */
export interface Reliability {
  readonly simulator?: Simulated;
  readonly shell?: ShellSimulated;
  readonly explorer?: Explored;
  readonly [part: string]: unknown;
}

/** What the simulator of the machine has played. */
export interface Simulated {
  /** First and last seed of what was played. */
  readonly ranges: Ranges;
  readonly seeds: number;
  /** True time that was simulated, from a few lease durations a seed; a year has 8,766 hours. */
  readonly simulatedHours: number;
  readonly simulatedYears: number;
  /** How often a fault took effect: a lost request counts, a time in which some are lost does not. */
  readonly faults: number;
  readonly terms: number;
  readonly acts: number;
  /** Acts that `check()` refused, and effects that came too late and that a store refused by their tokens. */
  readonly actsRefused: number;
  readonly effectsRefused: number;
  readonly violations: readonly Found[];
  /** Computing time of all threads together. */
  readonly cpuHours: number;
  /** In a second of one processor's time. */
  readonly seedsPerSecond: number;
  /** Everything that was counted. */
  readonly tally: PlainTally;
}

/** What the simulator of electors has played. */
export interface ShellSimulated extends ShellSums {
  /** First and last seed of what was played. */
  readonly ranges: Ranges;
  readonly simulatedHours: number;
  readonly violations: number;
}

/** What the simulator of electors counts. */
export interface ShellSums {
  readonly seeds: number;
  readonly simulatedMs: number;
  readonly events: number;
  readonly terms: number;
  readonly acts: number;
  readonly faults: number;
}

/** First and last seed of what was played, in order, neighbours made one. */
type Ranges = readonly (readonly [first: number, last: number])[];

/** What the explorer has seen. */
export interface Explored {
  /** Of all scopes together. */
  readonly states: number;
  readonly violations: number;
  readonly scopes: readonly ExploredScope[];
}

/** What the explorer has seen of one scope. */
export interface ExploredScope {
  /** Candidates, clocks and faults. */
  readonly scope: string;
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** Whether that is all there is. */
  readonly complete: boolean;
  readonly violation?: string;
}

const HOURS_MS = 3_600_000;
const HOURS_A_YEAR = 8_766;

/** A run: seeds in one piece. */
export interface Run extends Share {
  /** Computing time of all threads together, in milliseconds. */
  readonly spentMs: number;
}

/**
 * Adds a run to a record.
 *
 * @param record What stands there so far.
 * @param run What was played.
 * @throws {RangeError} If a seed of it has been counted already.
 */
export function addRun(record: Reliability, run: Run): Reliability {
  const { simulator } = record;
  const { first, count, found, spentMs } = run;
  const last = first + count - 1;
  checkUncounted(simulator?.ranges, first, last);
  const tally = simulator === undefined ? new Tally() : Tally.from(simulator.tally);
  tally.add(run.tally);
  const cpuHours = (simulator?.cpuHours ?? 0) + spentMs / HOURS_MS;
  const hours = tally.simulatedMs / HOURS_MS;
  return {
    ...record,
    simulator: {
      ranges: joined([...simulator?.ranges ?? [], [first, last]]),
      seeds: tally.seeds,
      simulatedHours: Math.round(hours),
      simulatedYears: Math.round(100 * hours / HOURS_A_YEAR) / 100,
      faults: tally.faults.reduce((sum, count) => sum + count, 0),
      terms: tally.terms,
      acts: tally.acts,
      actsRefused: tally.actsRefused,
      effectsRefused: tally.effectsRefused,
      violations: [...simulator?.violations ?? [], ...found],
      cpuHours,
      seedsPerSecond: Math.round(tally.seeds / (cpuHours * 3_600)),
      tally: tally.toJSON(),
    },
  };
}

/**
 * Adds to a record what electors were put through.
 *
 * @param record What stands there so far.
 * @param first The first seed.
 * @param run What was counted.
 * @param violations How many seeds were violations.
 * @throws {RangeError} If a seed of it has been counted already.
 */
export function addShellRun(
  record: Reliability,
  first: number,
  run: ShellSums,
  violations: number,
): Reliability {
  const { shell } = record;
  const last = first + run.seeds - 1;
  checkUncounted(shell?.ranges, first, last);
  const sum = (key: keyof ShellSums) => (shell?.[key] ?? 0) + run[key];
  const simulatedMs = sum("simulatedMs");
  return {
    ...record,
    shell: {
      ranges: joined([...shell?.ranges ?? [], [first, last]]),
      seeds: sum("seeds"),
      simulatedMs,
      simulatedHours: Math.round(simulatedMs / HOURS_MS),
      events: sum("events"),
      terms: sum("terms"),
      acts: sum("acts"),
      faults: sum("faults"),
      violations: (shell?.violations ?? 0) + violations,
    },
  };
}

/** Adds what was seen of one scope to a record, in the place of what was seen of it before. */
export function addScope(record: Reliability, one: ExploredScope): Reliability {
  const others = record.explorer?.scopes.filter(({ scope }) => scope !== one.scope) ?? [];
  const scopes = [...others, one];
  return {
    ...record,
    explorer: {
      states: scopes.reduce((sum, { states }) => sum + states, 0),
      violations: scopes.filter(({ violation }) => violation !== undefined).length,
      scopes,
    },
  };
}

/**
 * Makes sure that no seed is counted twice.
 *
 * @throws {RangeError} If one of `first` to `last` has been counted already.
 */
export function checkUncounted(ranges: Ranges | undefined, first: number, last: number): void {
  const taken = ranges?.find((range) => first <= range[1] && range[0] <= last);
  if (taken === undefined) return;
  throw new RangeError(
    `Cannot count the seeds ${first}..${last}: ${taken.join("..")} are in the record already; ` +
      `go on from ${nextSeed(ranges)}`,
  );
}

/** The first seed behind all of these. */
export function nextSeed(ranges: Ranges = []): number {
  return Math.max(0, ...ranges.map(([, last]) => last + 1));
}

function joined(ranges: Ranges): [number, number][] {
  const all: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = all.at(-1);
    if (before !== undefined && before[1] + 1 === first) before[1] = last;
    else all.push([first, last]);
  }
  return all;
}
