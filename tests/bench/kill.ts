/**
 * kill −9 of the leader: how long beyond the expiry of its Lease nobody leads.
 *
 * @module
 */
import { sleepBetween } from "./bell.ts";
import { Contest } from "./contest.ts";
import type { Make } from "./makes.ts";
import { type Figure, figure, type Row } from "./report.ts";
import { type Bench, bothMakes, inBatches } from "./trials.ts";

const REPLICAS = 3;
const TRIALS = 20;
/** Four leaders, four elections: they fall on different moments of two seconds. */
const WIDTH = 4;
const LEASE_MS = 15_000;
const RENEWAL_MS = 2_000;
/** Log lines and the bench itself count whole milliseconds. */
const RESOLUTION_MS = 1;

interface Kill {
  /** Beyond the last version's arrival at a watch, plus the lease duration. */
  readonly beyondMs: number;
  /** The same, from the time that the dead leader wrote into it: earlier than anybody could see it. */
  readonly beyondWrittenMs: number;
}

/** kill −9 → next leader, beyond the lease expiry. */
export async function kill(bench: Bench): Promise<Row[]> {
  const { makes } = bench;
  const figures = await bothMakes(makes, makes.service, (make) => kills(bench, make));
  const what = "kill −9: next leader, beyond lease expiry";
  const target = { p50: 15, max: 60, least: -RESOLUTION_MS };
  return [{ key: "kill", what, unit: "ms", target, figures }];
}

async function kills(bench: Bench, make: Make): Promise<Figure> {
  const { results, failures } = await inBatches(bench, {
    what: `kill of ${make.name}`,
    total: bench.trials(TRIALS),
    width: WIDTH,
    prepare: () => Contest.of(bench.cluster, make, REPLICAS),
    measure: killLeader,
  });
  const early = results.filter(({ beyondWrittenMs }) => beyondWrittenMs < -RESOLUTION_MS).length;
  return figure(make.name, results.map(({ beyondMs }) => beyondMs), failures, [
    `elected before the time written into the Lease + 15 s: ${early} of ${results.length}`,
  ]);
}

async function killLeader(contest: Contest): Promise<Kill> {
  await sleepBetween(0, RENEWAL_MS);
  const { leader } = contest;
  const at = leader.signal("SIGKILL");
  const elected = await contest.elected(at, contest.others(leader));
  // The watch of the bench is no slower than that: the next holder's version came before its log line.
  const next = await contest.watch.seen(
    "the next holder",
    LEASE_MS,
    ({ holder }) => holder.startsWith(elected.replica.name),
  );
  const before = contest.watch.versions.filter((version) => version.at <= next.at);
  const last = before.findLast(({ holder }) => holder.startsWith(leader.name));
  if (last === undefined) throw new Error("the dead leader was never seen to hold the Lease");
  return {
    beyondMs: elected.at - (last.at + LEASE_MS),
    beyondWrittenMs: elected.at - (last.renewedAt + LEASE_MS),
  };
}
