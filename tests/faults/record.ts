/**
 * What has been tried with real processes: the part `realProcesses` of `reliability.json`. Runs add up, and no
 * seed counts twice; the parts of other programs stay as they are.
 *
 * @module
 */
import type { Outcome } from "./round.ts";

/** `reliability.json`. */
export interface Reliability {
  readonly realProcesses?: RealProcesses;
  readonly [part: string]: unknown;
}

/** Times from a fault to the first act of the next leader, in whole milliseconds. */
export interface Failovers {
  readonly medianMs: number;
  readonly maxMs: number;
  /** All of them, rising. */
  readonly eachMs: readonly number[];
}

/** What came of the rounds of one fault. */
export interface ByFault {
  readonly rounds: number;
  /** By how long a proven death was let settle, in milliseconds. */
  readonly bySettleMs: Readonly<Record<string, Failovers>>;
  /** Acts behind the first one of the next leader, where guard or elector could prevent them. */
  readonly staleActs: number;
  /** Acts that reached the store behind one of the next leader. */
  readonly lateActsTried: number;
}

/** What was played, and what came of it. */
export interface RealProcesses {
  /** Each with how many rounds of it were played, from the first one on. */
  readonly seeds: readonly (readonly [seed: number, rounds: number])[];
  readonly rounds: number;
  /** Rounds with each candidate in a PID namespace of its own, under an init. */
  readonly contained: number;
  readonly byWork: Readonly<Record<string, number>>;
  readonly byFault: Readonly<Record<string, ByFault>>;
  /** Times that a next leader took over. */
  readonly failovers: number;
  readonly acts: number;
  readonly staleActs: number;
  /** How long after the next leader's first act the last stale one came. */
  readonly largestOverlapMs: number;
  /** Where neither guard nor elector could do anything: acts that came to the store too late. */
  readonly lateActsTried: number;
  readonly lateActsAccepted: number;
  /** Stale acts of an overlap made on purpose, which the judge had to see: of the last run. */
  readonly staleActsSeenOnPurpose: number;
  /** What else was not as promised, and rounds that could not be played. */
  readonly violations: readonly string[];
}

/** A run. */
export interface Run {
  readonly seed: number;
  readonly rounds: number;
  readonly outcomes: readonly Outcome[];
  readonly staleActsSeenOnPurpose: number;
  readonly violations: readonly string[];
}

const NOTHING: RealProcesses = {
  seeds: [],
  rounds: 0,
  contained: 0,
  byWork: {},
  byFault: {},
  failovers: 0,
  acts: 0,
  staleActs: 0,
  largestOverlapMs: 0,
  lateActsTried: 0,
  lateActsAccepted: 0,
  staleActsSeenOnPurpose: 0,
  violations: [],
};

/**
 * Adds a run to a record.
 *
 * @throws {RangeError} If its seed has been counted already.
 */
export function addRun(record: Reliability, run: Run): Reliability {
  checkUncounted(record, run.seed);
  let sum = record.realProcesses ?? NOTHING;
  for (const outcome of run.outcomes) sum = addOutcome(sum, outcome);
  return {
    ...record,
    realProcesses: {
      ...sum,
      seeds: [...sum.seeds, [run.seed, run.rounds]],
      staleActsSeenOnPurpose: run.staleActsSeenOnPurpose,
      violations: [...sum.violations, ...run.violations],
    },
  };
}

/**
 * Makes sure that no seed is counted twice.
 *
 * @throws {RangeError} If this one has been counted already.
 */
export function checkUncounted({ realProcesses }: Reliability, seed: number): void {
  if (realProcesses?.seeds.every(([counted]) => counted !== seed) ?? true) return;
  throw new RangeError(`Cannot count the seed ${seed} twice: leave --seed out, or give another`);
}

function addOutcome(sum: RealProcesses, outcome: Outcome): RealProcesses {
  const { plan: { fault, work, contained }, findings } = outcome;
  const { acts, refused, lateAccepted } = findings;
  // Where only the token helps, acts that come too late are no fault if they are refused.
  const staleActs = fault.tokenOnly ? 0 : findings.staleActs;
  const overlapMs = fault.tokenOnly ? 0 : findings.largestOverlapMs;
  const before = sum.byFault[fault.name] ??
    { rounds: 0, bySettleMs: {}, staleActs: 0, lateActsTried: 0 };
  const byFault: ByFault = {
    rounds: before.rounds + 1,
    bySettleMs: addFailover(before.bySettleMs, outcome),
    staleActs: before.staleActs + staleActs,
    lateActsTried: before.lateActsTried + refused + lateAccepted,
  };
  return {
    ...sum,
    rounds: sum.rounds + 1,
    contained: sum.contained + Number(contained),
    byWork: { ...sum.byWork, [work]: (sum.byWork[work] ?? 0) + 1 },
    byFault: { ...sum.byFault, [fault.name]: byFault },
    failovers: sum.failovers + 1,
    acts: sum.acts + acts,
    staleActs: sum.staleActs + staleActs,
    largestOverlapMs: Math.max(sum.largestOverlapMs, overlapMs),
    lateActsTried: sum.lateActsTried + refused + lateAccepted,
    lateActsAccepted: sum.lateActsAccepted + lateAccepted,
  };
}

function addFailover(
  before: ByFault["bySettleMs"],
  { plan: { settleMs }, failoverMs }: Outcome,
): ByFault["bySettleMs"] {
  const eachMs = [...before[settleMs]?.eachMs ?? [], Math.round(failoverMs)].sort((a, b) => a - b);
  const medianMs = eachMs[Math.ceil(eachMs.length / 2) - 1]!;
  return { ...before, [settleMs]: { medianMs, maxMs: eachMs.at(-1)!, eachMs } };
}

/** The figures by fault, as a table. */
export function summaryText({ byFault, ...sum }: RealProcesses): string {
  const row = (name: string, cells: readonly (string | number)[]) =>
    name.padEnd(26) + cells.map((cell) => String(cell).padStart(13)).join("");
  const times = (failovers?: Failovers) =>
    failovers === undefined ? "-" : `${failovers.medianMs} / ${failovers.maxMs}`;
  const lines = [
    "Milliseconds from the fault to the next leader's first act, median / max:",
    row("fault", ["rounds", "settle 0 s", "settle 1 s", "stale acts", "refused"]),
  ];
  for (const [name, fault] of Object.entries(byFault).sort(([a], [b]) => a < b ? -1 : 1)) {
    const { rounds, bySettleMs, staleActs, lateActsTried } = fault;
    const cells = [times(bySettleMs[0]), times(bySettleMs[1_000])];
    lines.push(row(name, [rounds, ...cells, staleActs, lateActsTried]));
  }
  const { rounds, acts, staleActs, lateActsTried, lateActsAccepted, violations } = sum;
  lines.push(
    `${rounds} rounds, ${acts} acts: ${staleActs} stale; of ${lateActsTried} that came too late where ` +
      `only the token helps, the store took ${lateActsAccepted}; ${violations.length} violations`,
  );
  return lines.join("\n");
}
