/**
 * `deno task simulate`: plays elections in virtual time while everything goes wrong, and judges them.
 *
 * @module
 */
import process from "node:process";
import { type Found, SEEDS, type Share } from "./campaign.ts";
import { type Flags, HELP, parseFlags } from "./flags.ts";
import { makePlan } from "./planner.ts";
import { LEADER } from "./plan.ts";
import { playParallel } from "./pool.ts";
import { addRun, checkUncounted, nextSeed, type Reliability } from "./reliability.ts";
import { readRecord, updateRecord } from "../support/record_file.ts";
import { shorten } from "./shorten.ts";
import { simulate } from "./simulation.ts";
import { Tally } from "./tally.ts";
import { timeline } from "./timeline.ts";
import { faultText } from "./trace.ts";

const MINUTE_MS = 60_000;
const PROGRESS_MS = 5_000;
/** So many violations are looked into; more are only counted. */
const MOST_SHOWN = 3;

/** Plays one seed and prints all of it. @returns The exit code. */
function playOne(seed: number): number {
  const plan = makePlan(seed);
  const { trace, names, violation, tally } = simulate(plan, { traced: true });
  const { faults, ...rest } = plan;
  console.log(JSON.stringify(rest, undefined, 1));
  for (const fault of faults) {
    console.log(`${fault.at.toFixed(3).padStart(12)}  ${faultText(fault)}`);
  }
  console.log();
  for (const line of trace!.lines(names)) console.log(line);
  console.log(`\n${JSON.stringify(tally)}\ntrace ${trace!.hash()}`);
  console.log(violation === undefined ? "no violation" : `violation ${violation.message}`);
  return violation === undefined ? 0 : 1;
}

/** Prints why a seed is a violation, with as few faults as will do. */
function explain({ seed, message }: Found): void {
  console.log(`\nseed ${seed}: ${message}`);
  const plan = makePlan(seed);
  const shorter = shorten(plan);
  const { trace, names, violation } = simulate(shorter, { traced: true });
  if (violation === undefined) return;
  console.log(`${shorter.faults.length} of ${plan.faults.length} faults are enough:`);
  for (const fault of shorter.faults) {
    const whose = fault.who === LEADER ? "the leader" : names[fault.who % names.length];
    console.log(`${fault.at.toFixed(3).padStart(12)}  ${whose}: ${faultText(fault)}`);
  }
  for (const line of timeline(trace!.entries, names)) console.log(line);
}

/** The seeds that the flags ask for. */
function rangeOf({ seeds, record }: Flags): { first: number; count: number } {
  if (seeds !== undefined) {
    if (record !== undefined) {
      checkUncounted(readRecord<Reliability>(record).simulator?.ranges, ...seeds);
    }
    return { first: seeds[0], count: seeds[1] - seeds[0] + 1 };
  }
  if (record !== undefined) {
    const first = nextSeed(readRecord<Reliability>(record).simulator?.ranges);
    return { first, count: SEEDS - first };
  }
  const first = crypto.getRandomValues(new Uint32Array(1))[0]!;
  return { first, count: SEEDS - first };
}

/** Plays many seeds. @returns The exit code. */
async function playMany(flags: Flags): Promise<number> {
  const { first, count } = rangeOf(flags);
  const { jobs, record } = flags;
  const minutes = flags.minutes ?? (flags.seeds === undefined ? 1 : Infinity);
  const start = performance.now();
  const { user, system } = process.cpuUsage();
  const all = { tally: new Tally(), found: [] as Found[], played: 0, spentMs: 0 };
  let told = start;
  const progress = () => {
    told = performance.now();
    const seconds = (told - start) / 1_000;
    const rate = all.played / seconds;
    const left = Math.min((count - all.played) / rate, minutes * 60 - seconds);
    console.error(
      `${all.played} seeds, ${rate.toFixed(0)}/s in ${jobs} threads, ` +
        `${
          (all.tally.simulatedMs / 3.6e6).toFixed(0)
        } h simulated, ${all.found.length} violations, ` +
        `${Math.max(0, left).toFixed(0)} s left`,
    );
  };
  console.error(`seeds from ${first} on`);
  const enough = () => performance.now() - start >= minutes * MINUTE_MS;
  await playParallel({ first, count, jobs, enough }, (share: Share) => {
    all.tally.add(share.tally);
    all.found.push(...share.found);
    for (const { seed, message } of share.found) console.error(`seed ${seed}: ${message}`);
    all.played += share.count;
    if (performance.now() - told >= PROGRESS_MS) progress();
  });
  progress();
  const spent = process.cpuUsage();
  all.spentMs = (spent.user - user + spent.system - system) / 1_000;
  if (record !== undefined) {
    const run = { first, count: all.played, ...all };
    updateRecord(record, (before: Reliability) => addRun(before, run));
  }
  const { tally, found, played } = all;
  const faults = tally.faults.reduce((sum, count) => sum + count, 0);
  console.log(
    `seeds ${first}..${first + played - 1}: ${found.length} violations; ` +
      `${
        (tally.simulatedMs / 3.6e6).toFixed(0)
      } h simulated, ${faults} faults, ${tally.terms} terms, ` +
      `${tally.acts} acts, ${tally.actsRefused} refused, ${tally.effectsRefused} late effects refused; ` +
      `${(1_000 * played / all.spentMs).toFixed(0)} seeds per second of a processor`,
  );
  for (const one of found.slice(0, MOST_SHOWN)) explain(one);
  return found.length === 0 ? 0 : 1;
}

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, navigator.hardwareConcurrency);
  if (flags === HELP) {
    console.log(flags);
    return 0;
  }
  if (typeof flags === "string") {
    console.error(flags);
    return 2;
  }
  if (flags.seed !== undefined) return playOne(flags.seed);
  try {
    return await playMany(flags);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    return 2;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
