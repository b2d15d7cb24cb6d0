// `deno task simulate-shell`: plays electors, their loops and their watches in virtual time, seed by seed.
import { mixed } from "../dice.ts";
import { addShellRun, checkUncounted, type Reliability } from "../reliability.ts";
import { readRecord, updateRecord } from "../../support/record_file.ts";
import { timeline } from "../timeline.ts";
import { run, type ShellOutcome } from "./shell.ts";

/** What the simulator of the shell is told. */
export interface ShellFlags {
  /** Play this seed alone, and print everything. */
  readonly seed?: number;
  /** Play these. */
  readonly seeds?: readonly [first: number, last: number];
  /** Stop after this time. */
  readonly minutes?: number;
  /** Add what was played to this file. */
  readonly record?: string;
}

const SEEDS = 2 ** 32;
const PROGRESS_MS = 5_000;

const HELP = `deno task simulate-shell [flags]

  --seed N        play one seed, and print all that happens; a seed always plays the same way
  --seeds A..B    play these seeds, without their traces
  --minutes N     play for so long; without --seeds, from a fresh seed on (default: 1)
  --record FILE   add the result to FILE

A violation prints its seed and what happened; the exit code is 1 then.`;

/**
 * Reads the flags.
 *
 * @returns They, or what to print instead.
 */
export function parseFlags(args: readonly string[]): ShellFlags | string {
  const flags: { -readonly [name in keyof ShellFlags]: ShellFlags[name] } = {};
  for (let i = 0; i < args.length; i++) {
    const flag = args[i]!;
    if (flag === "--help") return HELP;
    if (!["--seed", "--seeds", "--minutes", "--record"].includes(flag)) {
      return `Cannot take ${JSON.stringify(flag)}: --help shows what there is`;
    }
    const value = args[++i] ?? "";
    const given = JSON.stringify(value);
    if (flag === "--record") {
      if (value === "") return "Cannot record without a file: give --record FILE";
      flags.record = value;
      continue;
    }
    if (flag === "--minutes") {
      flags.minutes = /^\d+(\.\d+)?$/.test(value) ? Number(value) : NaN;
      if (!(flags.minutes > 0)) return `Cannot play for ${given} minutes: give a number above 0`;
      continue;
    }
    const seeds = flag === "--seeds" ? /^(\d+)\.\.(\d+)$/.exec(value) : /^(\d+)$/.exec(value);
    const [low, high] = [Number(seeds?.[1]), Number(seeds?.[2] ?? seeds?.[1])];
    if (!(low <= high && high < SEEDS)) {
      return `Cannot play ${flag} ${given}: give ${
        flag === "--seed" ? "a whole number" : "A..B, both"
      } from 0 to ${SEEDS - 1}`;
    }
    if (flag === "--seed") flags.seed = low;
    else flags.seeds = [low, high];
  }
  return flags;
}

/** Plays one seed and prints all of it. @returns The exit code. */
async function playOne(seed: number): Promise<number> {
  const { trace, names, violation } = await run(seed, { traced: true });
  for (const line of trace!.lines(names)) console.log(line);
  console.log(`\ntrace ${trace!.hash()}`);
  console.log(violation === undefined ? "no violation" : `violation ${violation.message}`);
  return violation === undefined ? 0 : 1;
}

/** Plays many. @returns The exit code. */
async function playAll({ seeds, minutes, record }: ShellFlags): Promise<number> {
  const [first, last] = seeds ?? [mixed(Date.now(), 1) >>> 1, SEEDS - 1];
  if (record !== undefined) {
    checkUncounted(readRecord<Reliability>(record).shell?.ranges, first, last);
  }
  const endAt = performance.now() + (minutes ?? (seeds ? Infinity : 1)) * 60_000;
  const sum = { seeds: 0, simulatedMs: 0, events: 0, terms: 0, acts: 0, faults: 0 };
  const keep = (violations: number) => {
    if (record === undefined) return;
    updateRecord(record, (before: Reliability) => addShellRun(before, first, sum, violations));
  };
  const began = performance.now();
  let toldAt = began;
  for (let seed = first; seed <= last && performance.now() < endAt; seed++) {
    const outcome = await run(seed);
    sum.seeds++;
    for (const name of ["simulatedMs", "events", "terms", "acts", "faults"] as const) {
      sum[name] += outcome[name];
    }
    if (outcome.violation !== undefined) {
      keep(1);
      return await explain(outcome);
    }
    if (performance.now() - toldAt < PROGRESS_MS) continue;
    toldAt = performance.now();
    const rate = sum.seeds / (toldAt - began) * 1_000;
    const left = Math.min((last - seed) / rate, (endAt - toldAt) / 1_000);
    console.error(`  ${sum.seeds} seeds, ${rate.toFixed(1)} seeds/s, ${left.toFixed(0)} s left`);
  }
  keep(0);
  console.log(`seeds ${first}..${first + sum.seeds - 1}: no violation\n${JSON.stringify(sum)}`);
  return 0;
}

/** Plays a seed again, to tell what led to its violation. */
async function explain({ seed, violation }: ShellOutcome): Promise<number> {
  console.log(`seed ${seed}: ${violation!.message}\n`);
  const { trace, names } = await run(seed, { traced: true });
  for (const line of timeline(trace!.entries, names)) console.log(line);
  return 1;
}

/** Does what the flags say. @returns The exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args);
  if (typeof flags === "string") {
    (flags === HELP ? console.log : console.error)(flags);
    return flags === HELP ? 0 : 2;
  }
  if (flags.seed !== undefined) return await playOne(flags.seed);
  try {
    return await playAll(flags);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    return 2;
  }
}

if (import.meta.main) Deno.exitCode = await main(Deno.args);
