/**
 * Killing, and proving dead. The end of a connection or of a process only *starts* a proof.
 *
 * @module
 */
import { note, type Proof, type Step } from "./state.ts";

/** Passes that must find nothing, one after the other. */
const CLEAN_PASSES = 2;
/** The longest pause between passes, in milliseconds. */
const LONGEST_PAUSE_MS = 50;
/** What lives on for so long in spite of SIGKILL cannot be proven dead. */
const LIMIT_MS = 60_000;

/** Kills everything: the elector cannot be relied on any more. */
export function doom(step: Step, event: string, why: string, code?: number): void {
  const { state } = step;
  if (state.doom !== undefined) return;
  state.doom = { why, code };
  note(step, code === undefined ? "error" : "warn", event, `${why}: killing all that it started`);
  killCommand(step);
  killWard(step);
  for (const { id, term } of state.sessions) {
    if (term !== undefined) step.effects.push({ type: "warm", session: id });
  }
  startProof(step, false);
}

/** SIGKILL to the command's group, once. */
export function killCommand(step: Step): void {
  const { state, effects } = step;
  const { command } = state;
  if (command === undefined || command.killed || command.exit !== undefined) return;
  state.command = { ...command, killed: true, killAt: Infinity };
  effects.push({ type: "killCommand" });
}

function killWard({ state, effects }: Step): void {
  if (state.ward.killed || state.ward.exit !== undefined) return;
  state.ward = { ...state.ward, killed: true };
  effects.push({ type: "killWard" });
}

/** Begins the passes. Those that spare nobody take the place of those that spare the elector. */
export function startProof(step: Step, spareWard: boolean): void {
  const { state, now } = step;
  if (state.proof !== undefined && spareWard) return;
  state.proof = { spareWard, since: now.mono, clean: 0, busy: 0, at: now.mono };
}

/**
 * Begins to count anew: a child has ended, perhaps while a pass was under way that saw neither it nor what it
 * left behind.
 */
export function recount({ state, now }: Step): void {
  const { proof } = state;
  if (proof === undefined) return;
  proof.clean = 0;
  proof.pending = undefined;
  proof.at = now.mono;
}

/** Starts the next pass when it is time. */
export function proofTick({ state, effects, now }: Step): void {
  const { proof } = state;
  if (proof === undefined || proof.pending !== undefined || now.mono < proof.at) return;
  if (proof.clean >= CLEAN_PASSES) return;
  proof.pending = ++state.lastId;
  effects.push({ type: "sweep", id: proof.pending, spareWard: proof.spareWard });
}

/** A pass is over. */
export function swept({ state, now }: Step, id: number, found: number, unprovable?: string): void {
  const { proof } = state;
  if (proof?.pending !== id) return;
  proof.pending = undefined;
  proof.unprovable = unprovable;
  if (found === 0) {
    proof.clean++;
    proof.at = now.mono;
  } else {
    proof.clean = 0;
    proof.at = now.mono + Math.min(2 ** proof.busy++, LONGEST_PAUSE_MS);
  }
}

/**
 * What came of the proof: everything that it is about is dead, or why that will never be proven; while it
 * goes on, `undefined`.
 */
export function verdict(
  { state, now }: Step,
  proof: Proof,
): { proven: true } | { proven: false; why: string } | undefined {
  const { command, ward } = state;
  const ended = (command === undefined || command.exit !== undefined) &&
    (proof.spareWard || ward.exit !== undefined);
  if (proof.clean >= CLEAN_PASSES && ended) {
    const why = proof.unprovable;
    return why === undefined ? { proven: true } : { proven: false, why };
  }
  if (now.mono < proof.since + LIMIT_MS) return undefined;
  return { proven: false, why: proof.unprovable ?? "processes live on after SIGKILL" };
}

/** When the proof next has something to do, monotonic. */
export function proofDeadline(proof: Proof | undefined): number {
  if (proof === undefined) return Infinity;
  const next = proof.pending === undefined && proof.clean < CLEAN_PASSES ? proof.at : Infinity;
  return Math.min(next, proof.since + LIMIT_MS);
}
