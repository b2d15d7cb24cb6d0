/**
 * Running trials one after the other, or some at once on Leases of their own.
 *
 * @module
 */
import { sleep } from "./bell.ts";
import type { Cluster } from "./cluster.ts";
import type { Make, Makes } from "./makes.ts";
import type { Figure } from "./report.ts";

/** All that a row needs. */
export interface Bench {
  readonly cluster: Cluster;
  readonly makes: Makes;
  /** How many trials, where `full` is what the table asks for. */
  trials(full: number): number;
  readonly quick: boolean;
  say(line: string): void;
}

/** What came of some trials. */
export interface Outcome<T> {
  readonly results: T[];
  readonly failures: string[];
}

/** Trials that run at once. */
export interface Batches<S extends AsyncDisposable, T> {
  readonly what: string;
  readonly total: number;
  /** How many at once: few enough that they do not disturb each other. */
  readonly width: number;
  /** Makes what a trial needs. One after the other: starting processes takes all cores. */
  prepare(): Promise<S>;
  /** Measures. All of a batch at once, after a rest. */
  measure(subject: S): Promise<T>;
}

/** The machine comes to rest after processes were started. */
const REST_MS = 2_000;

/** Runs trials in batches. A trial that fails is reported and does not end the others. */
export async function inBatches<S extends AsyncDisposable, T>(
  bench: Bench,
  { what, total, width, prepare, measure }: Batches<S, T>,
): Promise<Outcome<T>> {
  const outcome: Outcome<T> = { results: [], failures: [] };
  for (let done = 0; done < total; done += width) {
    const subjects: S[] = [];
    try {
      for (let i = done; i < Math.min(done + width, total); i++) {
        await note(outcome, async () => void subjects.push(await prepare()));
      }
      await sleep(REST_MS);
      await Promise.all(
        subjects.map((subject) =>
          note(outcome, async () => void outcome.results.push(await measure(subject)))
        ),
      );
    } finally {
      await Promise.all(subjects.map((subject) => subject[Symbol.asyncDispose]()));
    }
    bench.say(`${what}: ${outcome.results.length} of ${total}`);
  }
  return outcome;
}

/** Runs a trial, and notes its failure. */
export async function note<T>(outcome: Outcome<T>, trial: () => Promise<void>): Promise<void> {
  try {
    await trial();
  } catch (error) {
    outcome.failures.push(error instanceof Error ? error.message : String(error));
  }
}

/** Measures ours and, where there is one, the rival. */
export async function bothMakes(
  makes: Makes,
  ours: Make,
  measure: (make: Make) => Promise<Figure>,
): Promise<Figure[]> {
  const figures = [await measure(ours)];
  if (makes.rival !== undefined) figures.push(await measure(makes.rival));
  return figures;
}
