/**
 * The guard as a pure machine: it is told what electors say, how processes end and what signals come, and
 * says what to kill, what to answer and what to release. It does no I/O and reads no clock, so that the
 * guard process and the simulator run the same code.
 *
 * @module
 */
import type { Instant } from "../clock.ts";
import type { Token } from "../token.ts";
import {
  commandCleared,
  commandClock,
  commandDeadline,
  commandExited,
  over,
  run,
  spawned,
  tellDeadline,
} from "./command.ts";
import type { ElectorMessage, Exit } from "./messages.ts";
import { doom, proofDeadline, proofTick, recount, swept, verdict } from "./proof.ts";
import { beginRelease, releaseAnswered, releaseDeadline, releaseTick } from "./release.ts";
import {
  type Effect,
  fieldsOf,
  initialState,
  type Input,
  note,
  say,
  type Session,
  sessionOf,
  type Settings,
  type State,
  type Step,
  toFenceMs,
} from "./state.ts";

export type { Effect, Input, Note, Settings, State } from "./state.ts";

/** What an elector says in the course of time. */
type Said = Exclude<ElectorMessage, { type: "access" }>;

/** An elector that has ended had this long to say goodbye; its last words may still be in the pipe. */
const LAST_WORDS_MS = 100;
/** Who is told to stop, and has nothing to be stopped, has so many lease durations to release and say goodbye. */
const GOODBYE_DURATIONS = 2;
/** `deno task` doubles Ctrl-C within a millisecond: a second signal counts only after this long. */
const SECOND_SIGNAL_MS = 500;
/** The exit code after a crash of the elector that has left nothing behind. */
const ELECTOR_CRASHED = 70;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGINT: 2, SIGTERM: 15 };

/** The guard of one elector and its command, or of one program with electors in it. */
export class Guard {
  /** All that it remembers: plain data, which `structuredClone` copies whole. */
  state: State;

  /**
   * @param settings What it is told once.
   * @param state Where to begin; by default the ward has just been started.
   */
  constructor(readonly settings: Settings, state: State = initialState()) {
    this.state = state;
  }

  /**
   * Takes one input in.
   *
   * @param input What happened.
   * @param now Both clocks, read after it happened.
   * @param random A number in [0, 1), for jitter.
   * @returns What is to be done, in this order.
   */
  step(input: Input, now: Instant, random: number): Effect[] {
    const step: Step = { settings: this.settings, state: this.state, effects: [], now, random };
    if (this.state.exited) return step.effects;
    commandClock(step);
    takeIn(step, input);
    lastWords(step);
    concludeProof(step);
    proofTick(step);
    releaseTick(step);
    leave(step);
    return step.effects;
  }

  /**
   * When it wants to be called next with a `timer`, if nothing else happens first.
   *
   * @param now Both clocks.
   * @returns A monotonic time; `Infinity` if it waits for nothing.
   */
  deadline(now: Instant): number {
    const { state } = this;
    const words = state.doom === undefined && state.sessions.length > 0
      ? state.ward.goneAt + LAST_WORDS_MS
      : Infinity;
    return Math.min(
      words,
      commandDeadline(state, now),
      proofDeadline(state.proof),
      ...state.releases.map((release) => releaseDeadline(release, now)),
    );
  }
}

function takeIn(step: Step, input: Input): void {
  const { state, now } = step;
  switch (input.type) {
    case "said":
      // Who is being killed has nothing to say any more.
      if (state.doom === undefined) said(step, input.session, input.message);
      return;
    case "closed":
      if (sessionOf(state, input.session) === undefined) return;
      return doom(step, "crashed", "the elector broke off without a goodbye");
    case "wardExited":
      state.ward = { ...state.ward, exit: input.exit, goneAt: now.mono };
      return recount(step);
    case "spawned":
      return spawned(step, input.pid);
    case "commandExited":
      return commandExited(step, input.exit);
    case "signalled":
      return signalled(step, input.signal);
    case "swept":
      return swept(step, input.id, input.found, input.unprovable);
    case "answered":
      return releaseAnswered(step, input.id, input.answer);
    case "timer":
  }
}

function said(step: Step, id: number, message: Said): void {
  const { state, effects, settings } = step;
  const session = sessionOf(state, id);
  if (message.type === "hello") {
    if (session !== undefined || (settings.kind === "exec" && state.greeted)) {
      return void effects.push({ type: "drop", session: id });
    }
    const { type: _type, version: _version, secret: _secret, ...facts } = message;
    state.sessions.push({ id, facts, answerBy: Infinity });
    state.greeted = true;
    return;
  }
  if (session === undefined) return void effects.push({ type: "drop", session: id });
  switch (message.type) {
    case "ask":
      return ask(step, session, message.sequence, message.token);
    case "confirmed":
      return confirmed(step, session, message.sequence);
    case "run":
      return run(step, session, message.token, message.url);
    case "over":
      return over(step, session, message.token, message.reason, message.revoked);
    case "disarm":
      if (session.term?.token !== message.token) return;
      session.term.phase = "disarmed";
      session.answerBy = goodbyeBy(step, session);
      return;
    case "goodbye":
      return goodbye(step, session);
  }
}

/** A write is about to be sent: this very moment is the reading that may be handed back for it. */
function ask(step: Step, session: Session, sequence: number, token: Token): void {
  const { now } = step;
  const { id, term } = session;
  if (term?.token !== token) {
    // A term under way has only one token: two would mean that one of them is not guarded.
    if (term?.phase === "armed" || term?.phase === "expired") return;
    session.term = {
      token,
      first: sequence,
      last: sequence,
      lastAt: now,
      asked: [{ sequence, at: now }],
      phase: "asked",
      over: false,
      releasing: false,
    };
  } else {
    // No write may lengthen a term that is over for the guard, or that it is releasing.
    if (term.phase === "expired" || term.releasing || sequence <= term.last) return;
    term.last = sequence;
    term.lastAt = now;
    // A thousand attempts of one term, none of them confirmed: only the newest can matter.
    term.asked = [...term.asked.slice(-999), { sequence, at: now }];
  }
  say(step, id, { type: "reading", sequence });
}

/** A reading is handed back: the fence counts from it. */
function confirmed(step: Step, session: Session, sequence: number): void {
  const { term } = session;
  if (term === undefined || (term.phase !== "asked" && term.phase !== "armed")) return;
  const reading = term.asked.find((asked) => asked.sequence === sequence);
  if (reading === undefined) return;
  term.since = reading.at;
  term.asked = term.asked.filter((asked) => asked.sequence > sequence);
  // Too late to begin a term, or to lengthen one: what the clock decides stands.
  if (toFenceMs(step, session) <= 0 && term.phase === "asked") return;
  if (term.phase === "asked") {
    term.phase = "armed";
    step.state.unreleased = false;
    say(step, session.id, { type: "armed", token: term.token });
  }
  tellDeadline(step, session);
}

function goodbye(step: Step, session: Session): void {
  const { state } = step;
  if (state.command?.session === session.id) {
    return doom(step, "crashed", "the elector said goodbye while its command runs");
  }
  state.sessions = state.sessions.filter((other) => other !== session);
  state.lastTerm = session.term?.token;
}

function signalled(step: Step, signal: string): void {
  const { state, settings, now, effects } = step;
  if (settings.kind === "program") {
    return void effects.push({ type: "signalWard", signal });
  }
  const number = SIGNAL_NUMBERS[signal];
  if (number === undefined) {
    if (state.command === undefined || state.command.exit !== undefined) return;
    effects.push({ type: "signalCommand", signal, group: signal === "SIGWINCH" });
    return;
  }
  const { stop } = state;
  if (stop !== undefined && now.mono - stop.at < SECOND_SIGNAL_MS) return;
  state.stop = { signal, at: now.mono };
  if (stop !== undefined) {
    const doomed = state.doom !== undefined;
    doom(step, "killed", `${signal} again`, 128 + number);
    if (doomed) exit(step, 128 + number);
    return;
  }
  note(step, "info", "stopping", `${signal}: stopping`, { signal });
  if (!state.greeted && state.ward.exit === undefined) {
    return doom(step, "stopped", "the elector has not begun yet", 0);
  }
  for (const session of state.sessions) {
    say(step, session.id, { type: "drain" });
    const guarded = session.term?.phase === "armed" || session.term?.phase === "expired";
    if (!guarded) session.answerBy = goodbyeBy(step, session);
  }
}

/** By when an elector must have said goodbye, monotonic; its fence sees to one that has a term. */
function goodbyeBy({ state, now }: Step, { facts }: Session): number {
  if (state.stop === undefined) return Infinity;
  return now.mono + GOODBYE_DURATIONS * facts.leaseDurationMs;
}

/** The ward has ended: its last words may still come, or were a goodbye, or there were none. */
function lastWords(step: Step): void {
  const { state, now } = step;
  if (state.doom !== undefined || state.ward.exit === undefined) return;
  if (state.sessions.length > 0 && now.mono >= state.ward.goneAt + LAST_WORDS_MS) {
    doom(step, "crashed", "the elector ended without a goodbye");
  }
}

function concludeProof(step: Step): void {
  const { state } = step;
  const { proof } = state;
  if (proof === undefined) return;
  const found = verdict(step, proof);
  if (found === undefined) return;
  if (!found.proven) return unproven(step, found.why);
  if (proof.spareWard) {
    const session = sessionOf(state, state.command!.session);
    commandCleared(step);
    // Only the command acts, so its death at the fence proves that the term is over.
    if (session?.term?.phase === "expired") beginRelease(step, session, true);
    return;
  }
  state.proof = undefined;
  state.doom!.proven = true;
  note(step, "info", "proven", "nothing of it lives any more");
  for (const session of state.sessions) beginRelease(step, session);
}

/** What is not proven is not claimed. */
function unproven(step: Step, why: string): void {
  const { state } = step;
  if (state.doom === undefined) {
    return doom(step, "unproven", `cannot prove that all work has ended (${why})`);
  }
  state.proof = undefined;
  state.doom.proven = false;
  for (const { facts, term } of state.sessions) {
    if (term === undefined) continue;
    state.unreleased = true;
    note(
      step,
      "error",
      "unproven",
      `nothing is released, since nothing is proven (${why}): the Lease runs out by itself`,
      fieldsOf(facts, term.token),
    );
  }
}

/** Leaves when nothing is left to do. */
function leave(step: Step): void {
  const { state } = step;
  if (state.releases.length > 0) return;
  const { doom, ward, sessions, command } = state;
  if (doom !== undefined) {
    if (doom.proven !== undefined) exit(step, exitCode(step, ward.exit));
  } else if (ward.exit !== undefined && sessions.length === 0 && command === undefined) {
    exit(step, exitCode(step, ward.exit));
  }
}

function exit({ state, effects }: Step, code: number): void {
  state.exited = true;
  effects.push({ type: "exit", code });
}

function exitCode({ state, settings }: Step, ward: Exit | undefined): number {
  const { doom, unreleased, greeted, lastEnd } = state;
  const left = unreleased ? 1 : 0;
  if (settings.kind === "program") return ward?.code || left;
  if (doom !== undefined) return doom.code ?? (left || ELECTOR_CRASHED);
  if (!greeted) return ward?.code || 1;
  const released = state.released !== undefined && state.released === state.lastTerm;
  return commandCode(settings, lastEnd) || (ward?.code === 0 || released ? left : 1);
}

/** What the end of the command says: 0 if it only did what it was told. */
function commandCode({ restart, stopSignal }: Settings, end: State["lastEnd"]): number {
  if (end === undefined) return 0;
  if (end.cause === undefined) return restart ? 0 : end.code;
  return end.cause === "drain" && end.signal !== stopSignal ? end.code : 0;
}
