/**
 * Voluntary ends and quick starts: SIGTERM of the leader, and a start while the Lease is released.
 *
 * @module
 */
import { sleepBetween } from "./bell.ts";
import { Contest } from "./contest.ts";
import type { Make } from "./makes.ts";
import { type Figure, figure, type Row } from "./report.ts";
import { median } from "./stats.ts";
import { type Bench, bothMakes, note, type Outcome } from "./trials.ts";

const REPLICAS = 3;
const HANDOVERS = 300;
/** The rival takes a second and more for each. */
const RIVAL_SHARE = 1 / 3;
const STARTS = 20;
const SAID_EVERY = 25;
const MOST_FAILURES = 3;

/** What a hand-over is made of, in milliseconds from the signal. */
interface Parts {
  readonly told: number[];
  readonly released: number[];
}

/** SIGTERM of the leader → next leader. */
export async function handover(bench: Bench): Promise<Row[]> {
  const { makes } = bench;
  const wanted = bench.trials(HANDOVERS);
  const figures = await bothMakes(makes, makes.service, (make) => {
    return handovers(bench, make, make === makes.rival ? Math.ceil(wanted * RIVAL_SHARE) : wanted);
  });
  const what = "SIGTERM of the leader → next leader";
  return [{ key: "handover", what, unit: "ms", target: { p50: 20, p99: 60 }, figures }];
}

async function handovers(bench: Bench, make: Make, total: number): Promise<Figure> {
  const outcome: Outcome<number> = { results: [], failures: [] };
  const parts: Parts = { told: [], released: [] };
  await using contest = await Contest.of(bench.cluster, make, REPLICAS);
  for (let trial = 1; trial <= total; trial++) {
    await note(outcome, async () => void outcome.results.push(await handOver(contest, parts)));
    if (trial % SAID_EVERY === 0) bench.say(`handover of ${make.name}: ${trial} of ${total}`);
    // Each costs minutes of waiting in vain, and what is left of the contest proves nothing.
    if (outcome.failures.length >= MOST_FAILURES) break;
  }
  const { told, released } = parts;
  const notes = released.length === 0 ? [] : [
    `of it, p50: ${median(told)} ms until the work is told to stop, ` +
    `${median(released)} ms until the old leader knows that its release is written`,
  ];
  return figure(make.name, outcome.results, outcome.failures, notes);
}

/** One hand-over; afterwards there are as many replicas as before, and all have come to rest. */
async function handOver(contest: Contest, { told, released }: Parts): Promise<number> {
  const old = contest.leader;
  const at = old.signal("SIGTERM");
  const elected = await contest.elected(at, contest.others(old));
  await old.ended();
  for (const [event, times] of [["lost", told], ["released", released]] as const) {
    const found = old.find(event, at);
    if (found !== undefined) times.push(found.at - at);
  }
  await contest.remove(old);
  await contest.following(contest.join());
  // Starting a process takes both cores for a moment; and the next signal meets any phase of a renewal.
  await sleepBetween(400, 800);
  return elected.at - at;
}

/** Process start → elected, the Lease released before. */
export async function start(bench: Bench): Promise<Row[]> {
  const { makes } = bench;
  const figures = await bothMakes(makes, makes.service, (make) => starts(bench, make));
  const what = "process start → elected, Lease released before";
  return [{ key: "start", what, unit: "ms", target: { max: 300 }, figures }];
}

async function starts(bench: Bench, make: Make): Promise<Figure> {
  const outcome: Outcome<number> = { results: [], failures: [] };
  await using contest = await Contest.of(bench.cluster, make, 1);
  const total = bench.trials(STARTS);
  for (let trial = 0; trial < total; trial++) {
    await note(outcome, async () => {
      const old = contest.leader;
      old.signal("SIGTERM");
      await old.ended();
      await contest.remove(old);
      await sleepBetween(300, 600);
      const fresh = contest.join();
      const { at } = await contest.elected(fresh.startedAt, [fresh]);
      outcome.results.push(at - fresh.startedAt);
      await sleepBetween(300, 600);
    });
  }
  bench.say(`start of ${make.name}: ${outcome.results.length} of ${total}`);
  return figure(make.name, outcome.results, outcome.failures);
}
