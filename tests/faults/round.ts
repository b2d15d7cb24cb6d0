/**
 * One round: candidates contend, a fault strikes the leader, another must take over, and nothing of the old
 * one may act any more.
 *
 * @module
 */
import type { ControlPlane } from "../control_plane/control_plane.ts";
import { TestProcess } from "../support/processes.ts";
import { pause, until } from "../support/until.ts";
import { Arena, type Findings } from "./arena.ts";
import { type Pids, signalParts } from "./candidate.ts";
import { FAULTS, type Part, type Plan } from "./matrix.ts";
import { signal } from "./process_table.ts";
import type { Seen } from "./register.ts";

const WRITER = new URL("./writer.sh", import.meta.url).pathname;
/** What was stopped sleeps on for so long while another leads, and has so long to do harm when it wakes. */
const AFTERMATH_MS = 600;
/** So often a leader may be gone again before it is struck. */
const TRIES = 100;

/** What came of a round. */
export interface Outcome {
  readonly plan: Plan;
  /** From the fault, or the order to resign if that was no reason to, to the next leader's first act. */
  readonly failoverMs: number;
  readonly findings: Findings;
  /** Why it is not what was promised; empty if it is. */
  readonly faults: readonly string[];
}

/** Where rounds are played. */
export interface Stage {
  readonly plane: ControlPlane;
  /** For the Lease of this round alone. */
  readonly namespace: string;
  readonly leaseDurationMs: number;
}

/**
 * Plays a round, and ends all that it has started, also when it fails.
 *
 * @throws {Error} If there is no leader before or after the fault; with the last lines of all logs.
 */
export async function play(stage: Stage, plan: Plan): Promise<Outcome> {
  const arena = await Arena.open(stage.plane, stage.namespace, plan, stage.leaseDurationMs);
  try {
    const { pids, seen, struckAt } = await strike(arena, plan);
    const resignedAt = await resign(arena, plan, pids, seen);
    const { since } = await arena.nextLeader(seen);
    await pause(AFTERMATH_MS);
    if (plan.fault.how === "stop") signalParts(plan.fault.parts, pids, "SIGCONT");
    await pause(AFTERMATH_MS);
    const findings = await arena.findings();
    const faults = [...findings.faults, ...promised(plan, findings, seen)];
    return { plan, failoverMs: since - (resignedAt ?? struckAt), findings, faults };
  } finally {
    await arena.close();
  }
}

/** What holds if guard or elector could do something. */
function promised({ fault }: Plan, findings: Findings, { identity }: Seen): string[] {
  const { staleActs, largestOverlapMs, refused, writes } = findings;
  const faults: string[] = [];
  if (!fault.tokenOnly && staleActs > 0) {
    faults.push(`${staleActs} stale acts, the last one ${largestOverlapMs} ms late`);
  }
  if (!fault.tokenOnly && refused > 0) faults.push(`${refused} late acts reached the store`);
  if (fault.cut && writes.some(({ releasedBy }) => releasedBy === identity)) {
    faults.push("a release was written without the API server");
  }
  return faults;
}

/** What has been struck, and when. */
interface Struck {
  readonly seen: Seen;
  readonly pids: Pids;
  readonly struckAt: number;
}

/** Strikes the leader when it has led for a while. */
async function strike(arena: Arena, { fault, restMs }: Plan): Promise<Struck> {
  const { how, parts, cut } = fault;
  const { candidate, seen, pids } = await settledLeader(arena, parts, restMs);
  if (cut) candidate.proxy.cut();
  const struckAt = performance.now();
  if (how === "block") await Deno.writeTextFile(`${arena.terms.hang}-${seen.token}`, "");
  else signalParts(parts, pids, how === "kill" ? "SIGKILL" : "SIGSTOP");
  return { seen, pids, struckAt };
}

/** Waits for a leader that still leads after a rest: on a busy machine one may lose its term by itself. */
async function settledLeader(arena: Arena, parts: readonly Part[], restMs: number) {
  for (let tries = 0;; tries++) {
    const { candidate, seen } = await arena.leader();
    await pause(restMs);
    const pids = candidate.parts();
    const whole = parts.every((part) => pids[part] !== undefined);
    if (whole && arena.register.newest!.token === seen.token) return { candidate, seen, pids };
    if (tries === TRIES) throw new Error(`No leader stays:\n${candidate.lastLines}`);
  }
}

/**
 * Ends a term that the fault was no reason to give up: a command that is stopped alone may sleep as long as
 * it likes, and who wakes up early enough leads on.
 *
 * @returns When the leader was told to stop; `undefined` if that was not necessary.
 */
async function resign(
  arena: Arena,
  { fault: { how, parts }, freezes }: Plan,
  pids: Pids,
  { token }: Seen,
): Promise<number | undefined> {
  if (how === "freeze") {
    await pause(freezes * arena.terms.leaseDurationMs);
    signalParts(parts, pids, "SIGCONT");
  } else if (how !== "stop" || parts.join() !== "command") {
    return undefined;
  }
  await pause(AFTERMATH_MS);
  if (arena.register.newest!.token !== token) return undefined;
  signal(pids.guard!, "SIGTERM");
  return performance.now();
}

/**
 * Plays a round that is wrong on purpose: the leader has a process that its guard cannot know, which acts on
 * when the guard has proven that all is dead. Who sees no overlap here would see none anywhere.
 */
export async function playUnsafe(stage: Stage): Promise<Findings> {
  const fault = FAULTS.find(({ name }) => name === "kill elector")!;
  const plan: Plan = {
    ...{ fault, work: "plain", settleMs: 0, contained: false, restMs: 300, freezes: 0 },
  };
  const arena = await Arena.open(stage.plane, stage.namespace, plan, stage.leaseDurationMs);
  try {
    const { log, register } = arena.terms;
    const { seen, pids } = await settledLeader(arena, fault.parts, plan.restMs);
    const args = [WRITER, log, register, seen.identity, seen.token, "0.02"];
    await using _writer = TestProcess.command("sh", { args });
    signalParts(fault.parts, pids, "SIGKILL");
    await arena.nextLeader(seen);
    await until("a refused act", () => arena.register.refused > 0);
    return await arena.findings();
  } finally {
    await arena.close();
  }
}
