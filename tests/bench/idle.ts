/**
 * What a candidate costs while nothing happens: requests of a follower, and memory.
 *
 * @module
 */
import { electorOf } from "../support/exec_rig.ts";
import { Bell, sleep } from "./bell.ts";
import type { CountedUser } from "./cluster.ts";
import { Contest } from "./contest.ts";
import type { Make } from "./makes.ts";
import { Replica, rssKb } from "./replica.ts";
import { type Figure, figure, type MakeName, type Row } from "./report.ts";
import { median } from "./stats.ts";
import type { Bench } from "./trials.ts";

const WINDOW_MS = 300_000;
/** A quick look cannot tell five minutes. */
const QUICK_WINDOW_MS = 30_000;
/** What a follower asks at its start is no part of idling. */
const SETTLED_MS = 15_000;
const FOLLOWERS = 2;
const SAMPLES = 20;
const SAMPLE_EVERY_MS = 1_000;
/** By then what the start has left behind is collected. */
const CALM_MS = 30_000;

/** A watch on followers that goes on beside the other rows. */
export interface IdleWatch extends AsyncDisposable {
  /** Waits until the window is long enough, and counts. */
  rows(): Promise<Row[]>;
}

interface Idler {
  readonly make: Make;
  readonly user: CountedUser;
  readonly contest: Contest;
}

/** Starts a leader and a follower of each make; the follower's requests are counted from then on. */
export async function watchIdle(bench: Bench): Promise<IdleWatch> {
  const { cluster, makes } = bench;
  const idlers: Idler[] = [];
  const users = { k8sensus: "idle-k8sensus", rival: "idle-client-go" } as const;
  const dispose = async () => {
    for (const { contest } of idlers) await contest[Symbol.asyncDispose]();
  };
  const add = async (make: Make, user: CountedUser) => {
    const contest = await Contest.of(cluster, make, 1);
    idlers.push({ make, user, contest });
    const kubeconfig = await cluster.countedKubeconfig(user);
    await contest.following(contest.join({ kubeconfig }));
  };
  try {
    await add(makes.service, users.k8sensus);
    if (makes.rival !== undefined) await add(makes.rival, users.rival);
  } catch (error) {
    await dispose();
    throw error;
  }
  const from = Date.now() + SETTLED_MS;
  return { [Symbol.asyncDispose]: dispose, rows: () => countRequests(bench, idlers, from) };
}

async function countRequests(bench: Bench, idlers: Idler[], from: number): Promise<Row[]> {
  const windowMs = bench.quick ? QUICK_WINDOW_MS : WINDOW_MS;
  const leftMs = from + windowMs - Date.now();
  if (leftMs > 0) bench.say(`idle: ${Math.ceil(leftMs / 1_000)} s to go`);
  await sleep(leftMs);
  const to = Date.now();
  const minutes = (to - from) / 60_000;
  const figures: Figure[] = [];
  for (const { make, user } of idlers) {
    const all = await bench.cluster.requestsOf(user);
    const counted = all.filter(({ at }) => at >= from && at <= to);
    const kinds = [...new Set(counted.map(({ what }) => what))];
    figures.push(figure(make.name, [counted.length / minutes * 5], [], [
      `${counted.length} in ${minutes.toFixed(1)} minutes${kinds.map((k) => `, ${k}`).join("")}; ` +
      `${all.filter(({ at }) => at < from).length} before, from its start on`,
    ]));
  }
  const what = "requests of an idle follower, by the API server's audit log";
  return [{ key: "idle", what, unit: "per 5 min", target: { max: 1 }, figures }];
}

/** Memory of a follower and of a leader, and of a process that only serves and watches. */
export async function memory(bench: Bench): Promise<Row[]> {
  const { cluster, makes } = bench;
  await using contest = await Contest.of(cluster, makes.service, 1 + FOLLOWERS);
  await using rival = makes.rival && await Contest.of(cluster, makes.rival, 1 + FOLLOWERS);
  await using bare = await startBare(bench, contest.lease);
  await sleep(bench.quick ? SAMPLE_EVERY_MS : CALM_MS);
  const ours = { leader: [] as number[], follower: [] as number[] };
  const theirs = { leader: [] as number[], follower: [] as number[] };
  const base: number[] = [];
  for (let sample = 0; sample < (bench.quick ? 3 : SAMPLES); sample++) {
    await sampleContest(contest, ours);
    if (rival) await sampleContest(rival, theirs);
    for (const process of bare.processes) base.push(await megabytes(process));
    await sleep(SAMPLE_EVERY_MS);
  }
  const baseMb = median(base);
  const row = (key: string, what: string, of: "leader" | "follower"): Row => ({
    key,
    what: `${what}: RSS beyond a bare Deno.serve holding one watch`,
    unit: "MB",
    target: { p50: 12 },
    figures: [
      beyond("k8sensus", ours[of], baseMb),
      ...(rival ? [beyond("client-go", theirs[of], baseMb)] : []),
      figure("bare Deno", base, [], ["in all, not beyond"]),
    ],
  });
  return [row("rss-follower", "follower", "follower"), row("rss-leader", "leader", "leader")];
}

/** Memory of the guard of `exec`: all, and without the program text that all Deno processes share. */
export async function guardMemory(bench: Bench): Promise<Row[]> {
  const { cluster, makes } = bench;
  await using contest = await Contest.of(cluster, makes.exec("exec sleep 100000"), 1 + FOLLOWERS);
  await using bare = await startBare(bench, contest.lease);
  const electors = await Promise.all(contest.replicas.map(electorOf));
  await sleep(bench.quick ? SAMPLE_EVERY_MS : CALM_MS);
  const pids = {
    guard: contest.replicas.map(({ pid }) => pid),
    elector: electors,
    bare: bare.processes.map(({ pid }) => pid),
  };
  const row = async (key: string, what: string, kind: "VmRSS" | "RssAnon"): Promise<Row> => {
    const sample = (pids: readonly number[]) =>
      Promise.all(pids.map(async (pid) => await rssKb(pid, kind) / 1_024));
    const base = await sample(pids.bare);
    const ours = beyond("k8sensus", await sample(pids.guard), median(base));
    const elector = median(await sample(pids.elector)).toFixed(1);
    return {
      key,
      what: `guard of exec: ${what} beyond a bare Deno.serve holding one watch`,
      unit: "MB",
      target: { p50: 5 },
      figures: [
        { ...ours, notes: [...ours.notes, `its elector in all: p50 ${elector} MB`] },
        figure("bare Deno", base, [], ["in all, not beyond"]),
      ],
    };
  };
  return [
    await row("rss-guard", "RSS", "VmRSS"),
    await row("private-guard", "memory of its own (RssAnon)", "RssAnon"),
  ];
}

function beyond(make: MakeName, samples: readonly number[], baseMb: number): Figure {
  const note = `in all: p50 ${median(samples).toFixed(1)} MB`;
  return figure(make, samples.map((mb) => mb - baseMb), [], [note]);
}

async function sampleContest(
  contest: Contest,
  into: { leader: number[]; follower: number[] },
): Promise<void> {
  const { leader } = contest;
  into.leader.push(await megabytes(leader));
  for (const follower of contest.others(leader)) into.follower.push(await megabytes(follower));
}

const megabytes = async (process: Replica) => await process.rssKb() / 1_024;

/** The same number of them as of followers. */
async function startBare(
  { cluster, makes }: Bench,
  lease: string,
): Promise<AsyncDisposable & { processes: Replica[] }> {
  const ca = `${cluster.dir}/bare.ca`;
  const token = `${cluster.dir}/bare.token`;
  await Deno.writeTextFile(ca, cluster.ca);
  await Deno.writeTextFile(token, cluster.token);
  const program = makes.bare([cluster.url, cluster.namespace, lease, ca, token]);
  const bell = new Bell();
  const processes: Replica[] = [];
  const dispose = async () => {
    for (const process of processes) await process[Symbol.asyncDispose]();
  };
  try {
    for (let i = 0; i < FOLLOWERS; i++) {
      const process = new Replica(`bare-${i}`, program, bell);
      processes.push(process);
      await process.heard("watching", CALM_MS);
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return { processes, [Symbol.asyncDispose]: dispose };
}
