/**
 * The leader loses its network, or is frozen: what it does that it may not do any more.
 *
 * @module
 */
import { actsOf, readActs, staleActs } from "./acts.ts";
import { sleep, sleepBetween } from "./bell.ts";
import type { ProxiedWay } from "./cluster.ts";
import { Contest } from "./contest.ts";
import type { Make } from "./makes.ts";
import { type Figure, figure, type Row } from "./report.ts";
import { type Bench, bothMakes, inBatches } from "./trials.ts";

const REPLICAS = 3;
const TRIALS = 20;
const WIDTH = 5;
const RENEWAL_MS = 2_000;
/** client-go has been seen to act for 22 s after its last commit. */
const CUT_MS = 30_000;
const FROZEN_MS = 20_000;
/** client-go goes on for its RenewDeadline of 10 s. */
const AFTER_WAKING_MS = 13_000;

/** A contest whose leader reaches the API server through a proxy. */
interface Proxied extends AsyncDisposable {
  readonly contest: Contest;
  readonly way: ProxiedWay;
}

interface Cut {
  readonly lastActMs: number;
  /** Acts after the first act of the next term. */
  readonly stale: number;
  readonly succeeded: boolean;
}

/** Network of the leader cut: its last act after its last renewal, and overlaps. */
export async function cut(bench: Bench): Promise<Row[]> {
  const { makes } = bench;
  const overlaps: Figure[] = [];
  const figures = await bothMakes(makes, makes.worker, async (make) => {
    const { results, failures } = await inBatches(bench, {
      what: `cut of ${make.name}`,
      total: bench.trials(TRIALS),
      width: WIDTH,
      prepare: () => prepareProxied(bench, make),
      measure: cutLeader,
    });
    const overlapping = results.filter(({ stale }) => stale > 0).length;
    overlaps.push(figure(make.name, results.map(({ stale }) => stale), [], [
      `another led while the old leader still acted: ${overlapping} of ${results.length}`,
    ]));
    const missing = results.filter(({ succeeded }) => !succeeded)
      .map(() => "no other replica led in time");
    return figure(make.name, results.map((r) => r.lastActMs), [...failures, ...missing]);
  });
  const what = "network of the leader cut: last act after its last renewal";
  const acts = "the same: acts beside the next leader, by the log of acts";
  return [
    { key: "cut", what, unit: "ms", target: { max: 12_000 }, figures },
    { key: "cut-overlap", what: acts, unit: "acts", target: { max: 0 }, figures: overlaps },
  ];
}

async function prepareProxied(bench: Bench, make: Make): Promise<Proxied> {
  const way = await bench.cluster.proxied();
  try {
    const { kubeconfig } = way;
    const contest = await Contest.of(bench.cluster, make, REPLICAS, { kubeconfig });
    const dispose = async () => {
      await contest[Symbol.asyncDispose]();
      await way[Symbol.asyncDispose]();
    };
    return { contest, way, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await way[Symbol.asyncDispose]();
    throw error;
  }
}

async function cutLeader({ contest, way }: Proxied): Promise<Cut> {
  await sleepBetween(0, RENEWAL_MS);
  const { leader, holder } = contest;
  way.proxy.cut();
  await sleep(CUT_MS);
  const { last, next } = contest.watch.lastOf(holder);
  const acts = await readActs(contest.acts);
  const lastAct = actsOf(acts, leader.name).at(-1);
  if (lastAct === undefined) throw new Error("the leader never acted");
  return {
    lastActMs: lastAct.at - last.renewedAt,
    stale: staleActs(acts).length,
    succeeded: next !== undefined,
  };
}

/** Leader frozen for 20 s: acts after it wakes under its old term. */
export async function freeze(bench: Bench): Promise<Row[]> {
  const { makes } = bench;
  const figures = await bothMakes(makes, makes.worker, async (make) => {
    const { results, failures } = await inBatches(bench, {
      what: `freeze of ${make.name}`,
      total: bench.trials(TRIALS),
      width: WIDTH,
      prepare: () => Contest.of(bench.cluster, make, REPLICAS),
      measure: freezeLeader,
    });
    const acted = results.filter((count) => count > 0).length;
    const notes = [`acted after it woke: ${acted} of ${results.length}`];
    return figure(make.name, results, failures, notes);
  });
  const what = "leader frozen for 20 s: acts after it wakes, under the old term";
  return [{ key: "freeze", what, unit: "acts", target: { max: 0 }, figures }];
}

async function freezeLeader(contest: Contest): Promise<number> {
  await sleepBetween(0, RENEWAL_MS);
  const { leader } = contest;
  const at = leader.signal("SIGSTOP");
  await sleep(FROZEN_MS);
  await contest.elected(at, contest.others(leader), 1);
  const terms = new Set(actsOf(await readActs(contest.acts), leader.name).map(({ term }) => term));
  const before = actsOf(await readActs(contest.acts), leader.name).length;
  leader.signal("SIGCONT");
  await sleep(AFTER_WAKING_MS);
  const after = actsOf(await readActs(contest.acts), leader.name);
  return after.slice(before).filter(({ term }) => terms.has(term)).length;
}
