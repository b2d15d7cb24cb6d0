/**
 * A command under `exec` that hangs, and an elector that is stopped: the guard alone can end it. How long
 * after the fence it still acts.
 *
 * @module
 */
import { makeTiming } from "../../lib/timing.ts";
import { electorOf } from "../support/exec_rig.ts";
import { actsOf, readActs } from "./acts.ts";
import { sleepBetween } from "./bell.ts";
import { Contest } from "./contest.ts";
import { ACT } from "./makes.ts";
import { stop } from "./replica.ts";
import { type Figure, figure, type Row } from "./report.ts";
import { type Bench, inBatches } from "./trials.ts";

const TRIALS = 100;
const WIDTH = 5;
/** The shortest with which the time in the Lease does not run ahead of the clock. */
const LEASE_MS = 8_000;
const RETRY_MS = 2 / 15 * LEASE_MS;
const LIMIT_MS = 30_000;
/** Acts every 2 ms, without a process for each, and hears nothing. */
const DEAF = `trap '' TERM; exec 3<> <(:); while ${ACT}; do read -rt 0.002 -u 3; done`;
const BUSY = "while :; do :; done";

/** On an idle machine, and with a busy loop for each of its cores. */
export async function execFence(bench: Bench): Promise<Row[]> {
  const row = (key: string, where: string, p99: number, figure: Figure): Row => ({
    key,
    what: `exec: hung command, stopped elector, ${where}: last act after the fence`,
    unit: "ms",
    target: { p99 },
    figures: [figure],
  });
  const idle = row("exec-fence", "idle machine", 50, await fences(bench, "idle"));
  using _load = new Load(navigator.hardwareConcurrency);
  return [idle, row("exec-fence-load", "all cores busy", 500, await fences(bench, "busy"))];
}

async function fences(bench: Bench, machine: string): Promise<Figure> {
  const make = bench.makes.exec(DEAF, [`--lease-duration=${LEASE_MS}ms`]);
  const { results, failures } = await inBatches(bench, {
    what: `fence of a hung command, ${machine} machine`,
    total: bench.trials(TRIALS),
    width: WIDTH,
    prepare: () => Contest.of(bench.cluster, make, 1),
    measure: lastAct,
  });
  return figure("k8sensus", results, failures, [
    "from the time written into the Lease plus F, which the guard cannot reach any sooner",
  ]);
}

async function lastAct(contest: Contest): Promise<number> {
  const { leader, holder, watch } = contest;
  await leader.heard("command-started", LIMIT_MS);
  await sleepBetween(0, 2 * RETRY_MS);
  using _stopped = stop(await electorOf(leader));
  await leader.heard("fenced", LIMIT_MS);
  await leader.ended();
  const { fenceMs } = makeTiming({ leaseDurationMs: LEASE_MS });
  const acts = actsOf(await readActs(contest.acts), leader.name);
  if (acts.length === 0) throw new Error("the command never acted");
  return acts.at(-1)!.at - (watch.lastOf(holder).last.renewedAt + fenceMs);
}

/** Processes that do nothing, as fast as they can. */
class Load implements Disposable {
  readonly #processes: Deno.ChildProcess[];

  constructor(count: number) {
    const command = new Deno.Command("bash", { args: ["-c", BUSY], stdin: "null" });
    this.#processes = Array.from({ length: count }, () => command.spawn());
  }

  [Symbol.dispose](): void {
    for (const process of this.#processes) process.kill("SIGKILL");
  }
}
