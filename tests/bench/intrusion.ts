/**
 * Somebody writes another holder into the Lease, or deletes it: how soon the leader stops.
 *
 * @module
 */
import { actsOf, readActs } from "./acts.ts";
import { sleep, sleepBetween } from "./bell.ts";
import { Contest } from "./contest.ts";
import type { Make } from "./makes.ts";
import type { Replica } from "./replica.ts";
import { type Figure, figure, type Row } from "./report.ts";
import { type Bench, inBatches, note, type Outcome } from "./trials.ts";

const REPLICAS = 3;
const TRIALS = 20;
const WIDTH = 10;
const RENEWAL_MS = 2_000;
/** client-go notices within RetryPeriod and gives up after RenewDeadline. */
const STOP_LIMIT_MS = 16_000;
/** So that what is in flight has come in when the acts are read. */
const AFTER_MS = 150;

/** What is done to the Lease. */
type Deed = "written" | "deleted";

const WHAT: Readonly<Record<Deed, string>> = {
  written: "a stranger written into the Lease → stopped",
  deleted: "the Lease deleted → stopped",
};

/** Both deeds, a row each. */
export async function intrusion(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const deed of ["written", "deleted"] as const) {
    const figures = [await ourStops(bench, deed)];
    if (bench.makes.rival !== undefined) {
      figures.push(await rivalStops(bench, bench.makes.rival, deed));
    }
    rows.push({ key: deed, what: WHAT[deed], unit: "ms", target: { max: 60 }, figures });
  }
  return rows;
}

/** One contest is enough: after a deletion somebody leads again at once. */
async function ourStops(bench: Bench, deed: Deed): Promise<Figure> {
  const outcome: Outcome<number> = { results: [], failures: [] };
  const total = bench.trials(TRIALS);
  await using contest = await Contest.of(bench.cluster, bench.makes.worker, REPLICAS);
  for (let trial = 0; trial < total; trial++) {
    await note(outcome, async () => {
      await sleepBetween(500, 500 + RENEWAL_MS);
      const from = Date.now();
      outcome.results.push(await stop(bench, contest, contest.leader, deed));
      if (deed === "written") await bench.cluster.deleteLease(contest.lease);
      await contest.elected(from);
    });
  }
  bench.say(`${deed} of k8sensus: ${outcome.results.length} of ${total}`);
  return figure("k8sensus", outcome.results, outcome.failures);
}

/** Ten seconds each, so on many Leases at once. */
async function rivalStops(bench: Bench, rival: Make, deed: Deed): Promise<Figure> {
  let unmoved = 0;
  const { results, failures } = await inBatches(bench, {
    what: `${deed} of ${rival.name}`,
    total: bench.trials(TRIALS),
    width: WIDTH,
    prepare: () => Contest.of(bench.cluster, rival, REPLICAS),
    measure: async (contest) => {
      await sleepBetween(0, RENEWAL_MS);
      try {
        return await stop(bench, contest, contest.leader, deed);
      } catch (error) {
        if (contest.leader.exit !== undefined) throw error;
        // It takes the Lease for its own and goes on.
        unmoved++;
        return NaN;
      }
    },
  });
  const notes = unmoved === 0 ? [] : [`went on as if nothing had happened: ${unmoved}`];
  return figure(rival.name, results.filter((ms) => !Number.isNaN(ms)), failures, notes);
}

/**
 * Does the deed and waits for the leader to stop.
 *
 * @returns From before the deed's request is sent to the later of last act and report of the loss.
 */
async function stop(
  bench: Bench,
  { lease, acts }: Contest,
  leader: Replica,
  deed: Deed,
): Promise<number> {
  await bench.cluster.warmUp();
  const at = Date.now();
  if (deed === "written") await bench.cluster.setHolder(lease, "stranger");
  else await bench.cluster.deleteLease(lease);
  const lost = await leader.heard("lost", STOP_LIMIT_MS, at);
  await sleep(AFTER_MS);
  const terms = actsOf(await readActs(acts), leader.name);
  const old = terms.findLast((act) => act.at < at)?.term;
  const lastAct = terms.findLast(({ term }) => term === old)?.at ?? 0;
  return Math.max(lost.at, lastAct) - at;
}
