/**
 * Rolling updates as the Deployment in `k8s/` makes them: one more replica, and when that is ready, one of
 * the old ones is told to stop, until all are new. How long nobody leads, in all.
 *
 * @module
 */
import { sleepBetween } from "./bell.ts";
import { Contest } from "./contest.ts";
import type { Make } from "./makes.ts";
import { type Figure, figure, type Row } from "./report.ts";
import { type Bench, bothMakes, note, type Outcome } from "./trials.ts";

const REPLICAS = 3;
const ROLLOUTS = 20;
const MOST_FAILURES = 3;

/** What became of one rolling update. */
export interface Rollout {
  /** From the SIGTERM of each replica that led to the election of the next leader, together. */
  readonly leaderlessMs: number;
  /** How often the leader changed. */
  readonly moves: number;
}

/** Rolling update of three replicas. */
export async function rollout(bench: Bench): Promise<Row[]> {
  const { makes } = bench;
  const figures = await bothMakes(makes, makes.service, (make) => rollouts(bench, make));
  const what = "rolling update of three replicas: time without a leader, in all";
  return [{ key: "rollout", what, unit: "ms", target: { p50: 100 }, figures }];
}

async function rollouts(bench: Bench, make: Make): Promise<Figure> {
  const outcome: Outcome<Rollout> = { results: [], failures: [] };
  await using contest = await Contest.of(bench.cluster, make, REPLICAS);
  const total = bench.trials(ROLLOUTS);
  for (let trial = 1; trial <= total && outcome.failures.length < MOST_FAILURES; trial++) {
    await note(outcome, async () => void outcome.results.push(await rollOut(contest)));
  }
  bench.say(`rollout of ${make.name}: ${outcome.results.length} of ${total}`);
  const moves = [0, 1, 2, 3].map((number) =>
    outcome.results.filter((result) => result.moves === number).length
  );
  const values = outcome.results.map(({ leaderlessMs }) => leaderlessMs);
  const notes = [`the leader moved 0, 1, 2 or 3 times in ${moves.join(", ")} of them`];
  return figure(make.name, values, outcome.failures, notes);
}

/**
 * One rolling update. Which of the old ones goes next is left to chance: a cluster does not know either
 * which of them leads.
 *
 * @throws {Error} If a replica does not end with 0, or nobody takes over.
 */
export async function rollOut(contest: Contest): Promise<Rollout> {
  let [leaderlessMs, moves] = [0, 0];
  for (const old = [...contest.replicas]; old.length > 0;) {
    await contest.following(contest.join());
    // Starting a process takes both cores for a moment; and the next signal meets any phase of a renewal.
    await sleepBetween(400, 800);
    const [replica] = old.splice(Math.floor(Math.random() * old.length), 1);
    const leads = replica === contest.leader;
    const at = replica!.signal("SIGTERM");
    if (leads) {
      const elected = await contest.elected(at, contest.others(replica!));
      leaderlessMs += elected.at - at;
      moves++;
    }
    const { code } = await replica!.ended();
    if (code !== 0) throw new Error(`${replica!.name} ended with ${code}:\n${replica!.tail}`);
    await contest.remove(replica!);
  }
  return { leaderlessMs, moves };
}
