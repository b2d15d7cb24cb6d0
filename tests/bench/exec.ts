/**
 * Commands under `exec` that end, and electors that crash: how long until the next leader's command runs.
 *
 * @module
 */
import { electorOf } from "../support/exec_rig.ts";
import { readActs } from "./acts.ts";
import { sleep, sleepBetween } from "./bell.ts";
import { Contest } from "./contest.ts";
import { ACT, type Make } from "./makes.ts";
import type { Replica } from "./replica.ts";
import { type Figure, figure, type Row } from "./report.ts";
import { type Bench, inBatches, note, type Outcome } from "./trials.ts";

const REPLICAS = 3;
const TRIALS = 200;
const RIVAL_TRIALS = 20;
/** Leases of their own, whose waits end at different moments. */
const RIVAL_WIDTH = 4;
const RENEWAL_MS = 2_000;
const SAID_EVERY = 25;
const MOST_FAILURES = 3;
const LIMIT_MS = 30_000;
/** The command writes its first act right after it was started. */
const ACT_POLL_MS = 2;
/** Acts once, and lasts until it is killed. */
const SCRIPT = `${ACT}; exec sleep 100000`;

/** Kills something of a leader. @returns The time just before. */
type Blow = (leader: Replica) => Promise<number>;

/** The command is killed, or the elector: the next leader's command acts. */
export async function exec(bench: Bench): Promise<Row[]> {
  const ends = await rounds(bench, "command", killCommand);
  const crashes = await rounds(bench, "elector", killElector);
  const { rival } = bench.makes;
  const figures = rival === undefined ? [crashes] : [crashes, await rivalCrashes(bench, rival)];
  return [
    {
      key: "exec-end",
      what: "exec: the command dies → the next leader's command acts, --settle=0s",
      unit: "ms",
      target: { p99: 100 },
      figures: [ends],
    },
    {
      key: "exec-crash",
      what: "exec: elector killed −9 → the next leader's command acts, --settle=0s",
      unit: "ms",
      target: { p99: 150 },
      figures,
    },
  ];
}

async function rounds(bench: Bench, what: string, blow: Blow): Promise<Figure> {
  const outcome: Outcome<number> = { results: [], failures: [] };
  const total = bench.trials(TRIALS);
  await using contest = await Contest.of(bench.cluster, bench.makes.exec(SCRIPT), REPLICAS);
  for (let trial = 1; trial <= total; trial++) {
    await note(outcome, async () => void outcome.results.push(await round(contest, blow)));
    if (trial % SAID_EVERY === 0) bench.say(`exec, ${what} killed: ${trial} of ${total}`);
    // Each costs a lease duration, and what is left of the contest proves nothing.
    if (outcome.failures.length >= MOST_FAILURES) break;
  }
  return figure("k8sensus", outcome.results, outcome.failures);
}

/** One death; afterwards there are as many replicas as before, and all have come to rest. */
async function round(contest: Contest, blow: Blow): Promise<number> {
  const old = contest.leader;
  await old.heard("command-started", LIMIT_MS);
  const at = await blow(old);
  const { replica } = await contest.elected(at, contest.others(old));
  await replica.heard("command-started", LIMIT_MS, at);
  const actedAt = await firstAct(contest, replica);
  await old.ended();
  await contest.remove(old);
  await contest.following(contest.join());
  // Starting processes takes both cores for a moment; and the next blow meets any phase of a renewal.
  await sleepBetween(400, 800);
  return actedAt - at;
}

/** When the command of a replica, which leads for the first time, acted first. */
async function firstAct({ acts }: Contest, { name }: Replica): Promise<number> {
  const end = Date.now() + LIMIT_MS;
  while (Date.now() < end) {
    const act = (await readActs(acts)).find(({ term }) => term.startsWith(`${name}#`));
    if (act !== undefined) return act.at;
    await sleep(ACT_POLL_MS);
  }
  throw new Error(`the command of ${name} has not acted`);
}

function killCommand(leader: Replica): Promise<number> {
  const { fields } = leader.events.findLast(({ event }) => event === "command-started")!;
  return Promise.resolve(killNow(Number(fields.pid)));
}

async function killElector(leader: Replica): Promise<number> {
  return killNow(await electorOf(leader));
}

function killNow(pid: number): number {
  const at = Date.now();
  Deno.kill(pid, "SIGKILL");
  return at;
}

/** The same without a guard: the next one has to wait for the expiry of the Lease. */
async function rivalCrashes(bench: Bench, rival: Make): Promise<Figure> {
  const { results, failures } = await inBatches(bench, {
    what: `crash of ${rival.name}`,
    total: bench.trials(RIVAL_TRIALS),
    width: RIVAL_WIDTH,
    prepare: () => Contest.of(bench.cluster, rival, REPLICAS),
    measure: async (contest) => {
      await sleepBetween(0, RENEWAL_MS);
      const { leader } = contest;
      const at = leader.signal("SIGKILL");
      return (await contest.elected(at, contest.others(leader))).at - at;
    },
  });
  return figure(rival.name, results, failures, ["to its election"]);
}
