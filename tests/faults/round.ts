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
import { type Candidate, signalParts } from "./candidate.ts";
import type { Plan } from "./matrix.ts";
import { signal } from "./process_table.ts";
import type { Seen } from "./register.ts";

const WRITER = new URL("./writer.sh", import.meta.url).pathname;
/** What was stopped sleeps on for so long while another leads, and has so long to do harm when it wakes. */
const AFTERMATH_MS = 600;

/** What came of a round. */
export interface Outcome {
  readonly plan: Plan;
  /** From the fault to the first act of the next leader. */
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
    const { candidate, seen } = await arena.leader();
    await pause(plan.restMs);
    const { at, thaw } = await strike(arena, plan, candidate, seen);
    const { since } = await arena.nextLeader(seen);
    await pause(AFTERMATH_MS);
    thaw();
    await pause(AFTERMATH_MS);
    const findings = await arena.findings();
    const faults = [...findings.faults, ...promised(plan, findings, seen)];
    return { plan, failoverMs: since - at, findings, faults };
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
  if (fault.how === "cut" && writes.some(({ releasedBy }) => releasedBy === identity)) {
    faults.push("a release was written without the API server");
  }
  return faults;
}

/** Strikes the leader. @returns When, and how what was stopped is woken up. */
async function strike(
  arena: Arena,
  { fault }: Plan,
  leader: Candidate,
  { token }: Seen,
): Promise<{ at: number; thaw: () => void }> {
  const { how, parts } = fault;
  const pids = leader.parts();
  const absent = parts.find((part) => pids[part] === undefined);
  if (absent !== undefined) throw new Error(`There is no ${absent}:\n${leader.lastLines}`);
  if (how === "cut") leader.proxy.cut();
  let at = performance.now();
  if (how === "block") await Deno.writeTextFile(`${arena.terms.hang}-${token}`, "");
  else signalParts(parts, pids, how === "stop" ? "SIGSTOP" : "SIGKILL");
  if (fault.name === "stop command") {
    // That is no reason to give up the term; but who is told to must not wait for it for ever.
    await pause(AFTERMATH_MS);
    at = performance.now();
    signal(pids.guard!, "SIGTERM");
  }
  const thaw = () => {
    if (how === "stop") signalParts(parts, pids, "SIGCONT");
  };
  return { at, thaw };
}

/**
 * Plays a round that is wrong on purpose: the leader has a process that its guard cannot know, which acts on
 * when the guard has proven that all is dead. Who sees no overlap here would see none anywhere.
 */
export async function playUnsafe(stage: Stage): Promise<Findings> {
  const fault = { name: "unsafe", how: "kill", parts: ["elector"], tokenOnly: true } as const;
  const plan: Plan = { fault, work: "plain", settleMs: 0, contained: false, restMs: 0 };
  const arena = await Arena.open(stage.plane, stage.namespace, plan, stage.leaseDurationMs);
  try {
    const { candidate, seen } = await arena.leader();
    const { log, register } = arena.terms;
    const args = [WRITER, log, register, seen.identity, seen.token, "0.02"];
    await using _writer = TestProcess.command("sh", { args });
    await strike(arena, plan, candidate, seen);
    await arena.nextLeader(seen);
    await until("a refused act", () => arena.register.refused > 0);
    return await arena.findings();
  } finally {
    await arena.close();
  }
}
