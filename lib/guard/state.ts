/**
 * The words of the guard: its inputs, its effects and its state, which is plain data.
 *
 * @module
 */
import type { Instant } from "../clock.ts";
import { leftMs } from "../election/state.ts";
import type { Answer, Lease, LeaseRecord } from "../lease.ts";
import type { LogFields } from "../logger.ts";
import type { Token } from "../token.ts";
import type { ElectorMessage, Exit, Facts, GuardMessage } from "./messages.ts";

/** What a guard is told once. */
export interface Settings {
  /**
   * `exec`: its ward is an elector, and the guard runs the command beside it. `program`: its ward is a
   * program with electors in it.
   */
  readonly kind: "exec" | "program";
  /** How long after a proof of death the release is written, for bytes that are still on their way. */
  readonly settleMs: number;
  /** The signal by which the command is told to stop. */
  readonly stopSignal: string;
  /** Whether the command is started again when it ends by itself. */
  readonly restart: boolean;
  /** 128 random bits in hexadecimal, for the guard's own writes. */
  readonly nonce: string;
}

/** What may happen to a guard. */
export type Input =
  /** An elector said something; the first thing is always `hello`. */
  | {
    readonly type: "said";
    readonly session: number;
    readonly message: Exclude<ElectorMessage, { type: "access" }>;
  }
  /** The connection of an elector ended, or carried nonsense. */
  | { readonly type: "closed"; readonly session: number }
  /** The elector (or program) has ended. */
  | { readonly type: "wardExited"; readonly exit: Exit }
  /** The command runs as this process. */
  | { readonly type: "spawned"; readonly pid: number }
  /** The command has ended, or could not be started (126, 127). */
  | { readonly type: "commandExited"; readonly exit: Exit }
  /** A signal came. */
  | { readonly type: "signalled"; readonly signal: string }
  /**
   * A kill pass is over. `found` counts what lived and what was newly dead; `unprovable` says why no number
   * of passes could prove anything here.
   */
  | {
    readonly type: "swept";
    readonly id: number;
    readonly found: number;
    readonly unprovable?: string;
  }
  /** A request to the API server has been answered, or has failed. */
  | { readonly type: "answered"; readonly id: number; readonly answer: Answer }
  /** The time of `deadline()` has come. */
  | { readonly type: "timer" };

/** What a guard wants done, in this order. */
export type Effect =
  /** Tell an elector. */
  | { readonly type: "say"; readonly session: number; readonly message: GuardMessage }
  /** Close the connection of an elector. */
  | { readonly type: "drop"; readonly session: number }
  /** Start the command, with this beside its environment; `spawned` and `commandExited` follow. */
  | { readonly type: "spawn"; readonly env: Readonly<Record<string, string>> }
  /** Send a signal to the command, or to its whole group. */
  | { readonly type: "signalCommand"; readonly signal: string; readonly group: boolean }
  /** SIGKILL to the command's group. */
  | { readonly type: "killCommand" }
  /** Send a signal to the elector (or program). */
  | { readonly type: "signalWard"; readonly signal: string }
  /** SIGKILL to it and its group. */
  | { readonly type: "killWard" }
  /** One kill pass over everything that the guard started, the elector too unless it is spared. */
  | { readonly type: "sweep"; readonly id: number; readonly spareWard: boolean }
  /**
   * Let the command know its deadlines: no new work from `since` + `stopMs` on, no act from `since` +
   * `fenceMs` on; absent: already.
   */
  | {
    readonly type: "deadline";
    readonly token: Token;
    readonly since: Instant;
    readonly stopMs?: number;
    readonly fenceMs?: number;
  }
  /** Open a connection to the API server for what comes. */
  | { readonly type: "warm"; readonly session: number }
  /** GET the Lease of this elector and report the answer under `id`. */
  | { readonly type: "read"; readonly id: number; readonly session: number }
  /** PUT it. */
  | {
    readonly type: "write";
    readonly id: number;
    readonly session: number;
    readonly lease: Lease;
  }
  /** Give this request up. */
  | { readonly type: "abandon"; readonly id: number }
  /** Something for the log. */
  | { readonly type: "note"; readonly note: Note }
  /** It is all over. Nothing follows. */
  | { readonly type: "exit"; readonly code: number };

/** A line for the log. */
export interface Note {
  readonly level: "debug" | "info" | "warn" | "error";
  /** A fixed word for it. */
  readonly event: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** A term, as the guard knows it. */
export interface Term {
  readonly token: Token;
  /** The sequence of the first write that was asked for in it… */
  readonly first: number;
  /** …and of the last, … */
  last: number;
  /** …which was sent after this reading: D counts from here. */
  lastAt: Instant;
  /** Readings that may yet be handed back. */
  asked: { readonly sequence: number; readonly at: Instant }[];
  /** The reading that was handed back: the fence counts from here. */
  since?: Instant;
  /** `expired`: its fence has passed while it was armed. */
  phase: "asked" | "armed" | "expired" | "disarmed";
  /** The elector said that it ended. */
  over: boolean;
  /** Its release by the guard has begun, and is never begun again. */
  releasing: boolean;
}

/** The connection of one elector. */
export interface Session {
  readonly id: number;
  readonly facts: Facts;
  term?: Term;
  /** When an elector that has not disarmed after its fence, or not said goodbye, is taken to hang, monotonic. */
  answerBy: number;
}

/** Why a command was told to stop. */
export type StopCause = "drain" | "expired" | "lost";

/** The command, from its start until nothing of it lives. */
export interface Command {
  readonly session: number;
  readonly token: Token;
  readonly pid?: number;
  /** Why it was told to stop; absent as long as it was not. */
  readonly cause?: StopCause;
  /** When it is killed if it has not ended, monotonic. */
  readonly killAt: number;
  readonly killed: boolean;
  /** How it ended; what it started may live on. */
  readonly exit?: Exit;
}

/** The passes by which everything is killed, and proven dead. */
export interface Proof {
  /** Whether the elector may live. */
  readonly spareWard: boolean;
  readonly since: number;
  /** Passes in a row that found nothing. */
  clean: number;
  /** Passes that found something. */
  busy: number;
  /** Why passes prove nothing here. */
  unprovable?: string;
  /** When the next begins, monotonic… */
  at: number;
  /** …unless this one is under way. */
  pending?: number;
}

/** Everything is being killed, since the elector cannot be relied on any more. */
export interface Doom {
  /** In words, for the log. */
  readonly why: string;
  /** The exit code, where it does not follow from what is left behind. */
  readonly code?: number;
  /** Set when the passes are over. */
  proven?: boolean;
}

/** A release that the guard writes. */
export interface Release {
  readonly session: number;
  readonly facts: Facts;
  readonly token: Token;
  readonly first: number;
  readonly last: number;
  /** D counts from here. */
  readonly lastAt: Instant;
  /** When the next request may be sent, monotonic. */
  at: number;
  failures: number;
  /** Of the guard's own writes. */
  sequence: number;
  /** What the last read showed, if it may be released. */
  record?: LeaseRecord;
  exchange?: { readonly id: number; readonly timeoutAt: number; readonly write: boolean };
}

/** Everything that a guard remembers: plain data, cloned by `structuredClone`. */
export interface State {
  sessions: Session[];
  /** Whether any elector ever said hello. */
  greeted: boolean;
  ward: { readonly exit?: Exit; readonly goneAt: number; readonly killed: boolean };
  command?: Command;
  /** How the last command ended, and why it was told to stop if it was. */
  lastEnd?: Exit & { readonly cause?: StopCause };
  /** The first signal that asks us to stop. */
  stop?: { readonly signal: string; readonly at: number };
  doom?: Doom;
  proof?: Proof;
  releases: Release[];
  /** The token of the last term that this guard has released. */
  released?: Token;
  /** The token of the last term of an elector that said goodbye. */
  lastTerm?: Token;
  /** Whether a Lease had to be left to run out. */
  unreleased: boolean;
  exited: boolean;
  lastId: number;
}

/** One step of the machine: what all its parts work on. */
export interface Step {
  readonly settings: Settings;
  readonly state: State;
  readonly effects: Effect[];
  readonly now: Instant;
  /** One number in [0, 1). */
  readonly random: number;
}

/** The state at the very beginning. */
export function initialState(): State {
  return {
    sessions: [],
    greeted: false,
    ward: { goneAt: Infinity, killed: false },
    releases: [],
    unreleased: false,
    exited: false,
    lastId: 0,
  };
}

/** Milliseconds until the fence of a term; negative when it has passed. */
export function toFenceMs(step: Step, session: Session): number {
  const since = session.term?.since;
  return since === undefined ? -Infinity : leftMs(since, session.facts.fenceMs, step.now);
}

/** The same until F − K. */
export function toStopMs(step: Step, session: Session): number {
  const since = session.term?.since;
  return since === undefined ? -Infinity : leftMs(since, session.facts.stopMs, step.now);
}

/** Looks up a connection. */
export function sessionOf(state: State, id: number): Session | undefined {
  return state.sessions.find((session) => session.id === id);
}

/** Tells an elector. */
export function say(step: Step, session: number, message: GuardMessage): void {
  step.effects.push({ type: "say", session, message });
}

/** Writes to the log. */
export function note(
  step: Step,
  level: Note["level"],
  event: string,
  message: string,
  fields: LogFields = {},
): void {
  step.effects.push({ type: "note", note: { level, event, message, fields } });
}

/** What log lines about a term carry. */
export function fieldsOf(facts: Facts, token?: Token): LogFields {
  return { lease: `${facts.namespace}/${facts.leaseName}`, identity: facts.identity, token };
}
