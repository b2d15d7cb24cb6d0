/**
 * The part `mutants` of `reliability.json`: what kills the mutants, and how many seeds of the simulator it takes.
 *
 * @module
 */

/** What the seeds of the simulator told of one mutant. */
export type SeedVerdict =
  /** The first seed that is a violation, and which law it breaks. */
  | { readonly seed: number; readonly invariant: string }
  /** It never came to an end. */
  | "hung"
  /** No seed told. */
  | null;

/** What is known of the mutants. */
export interface MutantRecord {
  /** By the tests. */
  readonly killed?: number;
  readonly survived?: number;
  /** By the simulator alone. */
  readonly simulator?: {
    /** How many seeds were played on each at the most. */
    readonly seeds: number;
    readonly killed: number;
    readonly survived: number;
    readonly toKill: Readonly<Record<string, SeedVerdict>>;
    /** Of these no seed can tell, and why. */
    readonly told: Readonly<Record<string, string>>;
  };
}

/** `reliability.json`. */
export interface Reliability {
  readonly mutants?: MutantRecord;
  readonly [part: string]: unknown;
}

/** What a run of seeds found. */
export interface SeedRun {
  readonly seeds: number;
  readonly toKill: ReadonlyMap<string, SeedVerdict>;
  /** Why of some mutants no seed can tell. */
  readonly told: ReadonlyMap<string, string>;
}

/**
 * Adds what seeds found; of mutants that were not played now, what was found before stays.
 *
 * @param record What stands there so far.
 * @param run What was found now.
 * @param names The mutants that there are: of others nothing is kept.
 */
export function addSeeds(
  record: Reliability,
  run: SeedRun,
  names: readonly string[],
): Reliability {
  const { mutants } = record;
  const last = mutants?.simulator;
  const pick = <T>(all: Readonly<Record<string, T>>, others: ReadonlyMap<string, unknown>) =>
    Object.fromEntries(
      names.filter((name) => name in all && !others.has(name)).map((name) => [name, all[name]!]),
    );
  const toKill = pick({ ...last?.toKill, ...Object.fromEntries(run.toKill) }, run.told);
  const told = pick({ ...last?.told, ...Object.fromEntries(run.told) }, run.toKill);
  const survived = Object.values(toKill).filter((verdict) => verdict === null).length;
  return {
    ...record,
    mutants: {
      ...mutants,
      simulator: {
        seeds: run.seeds,
        killed: Object.keys(toKill).length - survived,
        survived,
        toKill,
        told,
      },
    },
  };
}

/** Puts down what the tests made of all mutants. */
export function addTests(
  record: Reliability,
  { killed, survived }: { killed: number; survived: number },
): Reliability {
  return { ...record, mutants: { ...record.mutants, killed, survived } };
}
