/**
 * The command of `exec`: when it may run, and when it must end. And the fence, for commands and programs.
 *
 * @module
 */
import type { Instant } from "../clock.ts";
import { leftMs } from "../election/state.ts";
import type { LossReason } from "../errors.ts";
import type { Token } from "../token.ts";
import type { Exit } from "./messages.ts";
import { doom, killCommand, recount, startProof } from "./proof.ts";
import { beginRelease } from "./release.ts";
import {
  fieldsOf,
  note,
  say,
  type Session,
  sessionOf,
  type State,
  type Step,
  type StopCause,
  toFenceMs,
  toStopMs,
} from "./state.ts";

/** How often the clocks are looked at in a term: one that jumps, or went on in suspend, tells nobody. */
const LOOK_MS = 250;
/** Even an elector with little time gets so long to say that nothing acts any more. */
const SHORTEST_ANSWER_MS = 1_000;

/** By when an elector must have answered, monotonic. */
function answerBy({ now }: Step, { facts }: Session): number {
  return now.mono + Math.max(facts.attemptTimeoutMs, SHORTEST_ANSWER_MS);
}

/** Starts the command for a term that admits new work; else it ends before it began. */
export function run(step: Step, session: Session, token: Token, url?: string): void {
  const { state, settings, effects } = step;
  const { id, facts, term } = session;
  const admitted = term?.token === token && term.phase === "armed" && !term.over &&
    toStopMs(step, session) > 0;
  const ready = settings.kind === "exec" && state.command === undefined;
  if (!admitted || !ready || state.stop !== undefined) {
    return say(step, id, { type: "ended", token, stopped: true, code: 0 });
  }
  state.command = { session: id, token, killAt: Infinity, killed: false };
  tellDeadline(step, session);
  effects.push({
    type: "spawn",
    env: {
      K8SENSUS_TOKEN: token,
      K8SENSUS_IDENTITY: facts.identity,
      K8SENSUS_LEASE: `${facts.namespace}/${facts.leaseName}`,
      ...(url === undefined ? {} : { K8SENSUS_URL: url }),
    },
  });
}

/** The command runs. */
export function spawned(step: Step, pid: number): void {
  const { state } = step;
  const { command } = state;
  if (command === undefined) return;
  state.command = { ...command, pid };
  const facts = sessionOf(state, command.session)?.facts;
  note(step, "info", "command-started", `started the command as process ${pid}`, {
    ...(facts && fieldsOf(facts, command.token)),
    pid,
  });
  say(step, command.session, { type: "running", token: command.token, pid });
}

/** The command has ended; its end is not the end of what it started. */
export function commandExited(step: Step, exit: Exit): void {
  const { state } = step;
  const { command } = state;
  if (command === undefined || command.exit !== undefined) return;
  state.command = { ...command, exit, killAt: Infinity };
  const how = exit.signal === undefined ? `with code ${exit.code}` : `by ${exit.signal}`;
  note(step, "info", "command-ended", `the command ended ${how}`, {
    code: exit.code,
    signal: exit.signal,
    stopped: command.cause,
  });
  recount(step);
  startProof(step, true);
}

/** Nothing of the command lives any more. */
export function commandCleared(step: Step): void {
  const { state } = step;
  const { session: id, token, cause, killed, exit } = state.command!;
  state.command = state.proof = undefined;
  // Only what a signal to us has ended says something by how it ended.
  state.lastEnd = cause === "drain" && state.stop === undefined ? undefined : { ...exit!, cause };
  say(step, id, { type: "ended", token, stopped: killed || cause !== undefined, ...exit! });
  const session = sessionOf(state, id);
  if (session?.term?.token === token && session.term.phase === "expired") {
    session.answerBy = answerBy(step, session);
  }
}

/** The elector says that its term is over, or (`revoked`) may not act any more. */
export function over(
  step: Step,
  session: Session,
  token: Token,
  reason: LossReason,
  revoked: boolean,
): void {
  const { state, now } = step;
  const { term, facts } = session;
  if (term?.token !== token) return;
  term.over = true;
  if (state.command?.token !== token) return;
  const drain = reason === "resigned" || reason === "preempted";
  stop(step, session, revoked ? "lost" : drain ? "drain" : "expired", reason);
  if (!revoked) return;
  const killAt = now.mono + facts.fenceMs - facts.stopMs;
  const command = state.command;
  if (!command.killed) {
    state.command = { ...command, killAt: Math.min(command.killAt, killAt) };
  }
  tellDeadline(step, session);
}

/** Tells the command to stop, once; `reason` is for the log. */
function stop(
  step: Step,
  session: Session,
  cause: StopCause,
  reason: LossReason = "expired",
): void {
  const { state, settings, effects } = step;
  const { command } = state;
  if (command === undefined || command.cause !== undefined || command.exit !== undefined) return;
  state.command = { ...command, cause };
  note(
    step,
    "info",
    "command-stopping",
    `${settings.stopSignal} to the command: the term is over`,
    { ...fieldsOf(session.facts, command.token), reason },
  );
  effects.push({ type: "signalCommand", signal: settings.stopSignal, group: true });
  tellDeadline(step, session);
}

/** Lets the command know how long it may work. */
export function tellDeadline({ state, effects }: Step, { facts, term }: Session): void {
  const { command } = state;
  if (command?.token !== term?.token || command === undefined || term?.since === undefined) return;
  const { token, since, over } = term;
  const stopMs = command.cause === undefined && !over ? facts.stopMs : undefined;
  const fenceMs = command.killAt === Infinity && !command.killed ? facts.fenceMs : undefined;
  effects.push({ type: "deadline", token, since, stopMs, fenceMs });
}

/** What the clock alone decides. It comes before anything else in every step. */
export function commandClock(step: Step): void {
  const { state, now } = step;
  if (state.doom !== undefined) return;
  for (const session of state.sessions) {
    if (session.term?.phase === "armed") fence(step, session);
    if (now.mono >= session.answerBy) {
      return doom(step, "hung", "the elector does not answer");
    }
  }
  const { command } = state;
  if (command !== undefined && now.mono >= command.killAt) {
    note(step, "warn", "killed", "the command did not stop in time after a loss: killing it");
    kill(step);
  }
}

function fence(step: Step, session: Session): void {
  const { state, settings } = step;
  const { facts, term } = session;
  const command = state.command?.token === term!.token ? state.command : undefined;
  if (toFenceMs(step, session) > 0) {
    if (command !== undefined && toStopMs(step, session) <= 0) stop(step, session, "expired");
    return;
  }
  term!.phase = "expired";
  const fields = fieldsOf(facts, term!.token);
  if (settings.kind === "program") {
    note(step, "error", "fenced", "the fence has passed and the work has not ended", fields);
    return doom(step, "killed", "the program still held its term at the fence");
  }
  if (command === undefined) {
    // Nothing acts; but an elector that lives would have said by now that nothing does.
    beginRelease(step, session, true);
    session.answerBy = answerBy(step, session);
  } else if (command.exit === undefined) {
    note(step, "error", "fenced", "the fence has passed: killing the command", fields);
    kill(step);
  }
}

/** SIGKILL to the command and all that it started. */
function kill(step: Step): void {
  const session = sessionOf(step.state, step.state.command!.session);
  killCommand(step);
  startProof(step, true);
  if (session !== undefined) tellDeadline(step, session);
}

/** When {@linkcode commandClock} next has something to do, monotonic. */
export function commandDeadline({ sessions, command, doom }: State, now: Instant): number {
  if (doom !== undefined) return Infinity;
  let next = command?.killAt ?? Infinity;
  for (const { term, facts, answerBy } of sessions) {
    next = Math.min(next, answerBy);
    if (term?.phase !== "armed" || term.since === undefined) continue;
    const running = command?.token === term.token && command.cause === undefined &&
      command.exit === undefined;
    const left = leftMs(term.since, running ? facts.stopMs : facts.fenceMs, now);
    next = Math.min(next, now.mono + Math.min(left, LOOK_MS));
  }
  return next;
}
