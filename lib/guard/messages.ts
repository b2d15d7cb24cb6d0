/**
 * What guard and elector say to each other. No message carries a time: what lies in the pipe for long can
 * only shorten a deadline.
 *
 * @module
 */
import type { LossReason } from "../errors.ts";
import { isToken, type Token } from "../token.ts";

/** By what an elector finds its guard, in the environment. */
export const GUARD_ENV = {
  /** The path of the socket. */
  socket: "K8SENSUS_GUARD_SOCKET",
  /** What `hello` has to show. */
  secret: "K8SENSUS_GUARD_SECRET",
  /** The name of the variable that marks what the guard starts, for the elector of `exec`. */
  mark: "K8SENSUS_GUARD_MARK",
  /** The process of the guard, for the same. */
  pid: "K8SENSUS_GUARD_PID",
} as const;

/** Of these messages. Guard and program may come from different releases of this project. */
export const VERSION = 1;

/** Who an elector is; durations in milliseconds, as in {@linkcode Timing}. */
export interface Facts {
  /** The whole identity. */
  readonly identity: string;
  /** Of this very elector: what its write marks begin with. */
  readonly nonce: string;
  /** Of the Lease. */
  readonly namespace: string;
  /** Of the Lease. */
  readonly leaseName: string;
  /** D. */
  readonly leaseDurationMs: number;
  /** F. */
  readonly fenceMs: number;
  /** F − K. */
  readonly stopMs: number;
  /** The longest pause between retries. */
  readonly retryPeriodMs: number;
  /** How long one request may take. */
  readonly attemptTimeoutMs: number;
}

/** How to reach the API server at this moment, as the elector's own client does. */
export interface Access {
  /** Base address. */
  readonly server: string;
  /** The name in the server's certificate, if it is not that of the address. */
  readonly tlsServerName?: string;
  /** A proxy for all requests. */
  readonly proxyUrl?: string;
  /** Whether the server's certificate may be anybody's. */
  readonly skipsVerification?: boolean;
  /** Bearer token. */
  readonly token?: string;
  /** Certificate authority, PEM. */
  readonly ca?: string;
  /** Client certificate, PEM. */
  readonly cert?: string;
  /** Its key, PEM. */
  readonly key?: string;
}

/** What an elector says. */
export type ElectorMessage =
  /** The first message. */
  | ({ readonly type: "hello"; readonly version: number; readonly secret: string } & Facts)
  /** The second, and again whenever it has changed. */
  | ({ readonly type: "access" } & Access)
  /** A write of this sequence, which may begin or lengthen the term of this token, is about to be sent. */
  | { readonly type: "ask"; readonly sequence: number; readonly token: Token }
  /** That write counts. */
  | { readonly type: "confirmed"; readonly sequence: number }
  /** Start the command; `url` is where the elector answers over HTTP. `exec` only. */
  | { readonly type: "run"; readonly token: Token; readonly url?: string }
  /** The term is over; `revoked`: it may not act any more, not even to its end. */
  | {
    readonly type: "over";
    readonly token: Token;
    readonly reason: LossReason;
    readonly revoked: boolean;
  }
  /** Nothing of the term can act any more. */
  | { readonly type: "disarm"; readonly token: Token }
  /** No release is open: the end of this connection is no crash. */
  | { readonly type: "goodbye" };

/** How a process ended. */
export interface Exit {
  /** The exit code; after a signal n, 128 + n. */
  readonly code: number;
  /** The signal that ended it. */
  readonly signal?: string;
}

/** What a guard says. */
export type GuardMessage =
  /** The clocks have been read: the write may be sent. */
  | { readonly type: "reading"; readonly sequence: number }
  /** The term of this token will be stopped at its fence. */
  | { readonly type: "armed"; readonly token: Token }
  /** The command has started as this process, and leads a group of its own. */
  | { readonly type: "running"; readonly token: Token; readonly pid: number }
  /** The command has ended, and nothing that it started lives. `stopped`: because the guard made it. */
  | ({ readonly type: "ended"; readonly token: Token; readonly stopped: boolean } & Exit)
  /** Give the term up, and the election. */
  | { readonly type: "drain" };

type Check = (value: unknown) => boolean;
type Form = Readonly<Record<string, Check>>;

const text: Check = (value) => typeof value === "string";
const token: Check = (value) => typeof value === "string" && isToken(value);
const yesNo: Check = (value) => typeof value === "boolean";
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const ms: Check = (value) => Number.isFinite(value) && (value as number) >= 0;
const optional = (check: Check): Check => (value) => value === undefined || check(value);

const ELECTOR_FORMS: Readonly<Record<ElectorMessage["type"], Form>> = {
  hello: {
    version: count,
    secret: text,
    identity: text,
    nonce: text,
    namespace: text,
    leaseName: text,
    leaseDurationMs: ms,
    fenceMs: ms,
    stopMs: ms,
    retryPeriodMs: ms,
    attemptTimeoutMs: ms,
  },
  access: {
    server: text,
    tlsServerName: optional(text),
    proxyUrl: optional(text),
    skipsVerification: optional(yesNo),
    token: optional(text),
    ca: optional(text),
    cert: optional(text),
    key: optional(text),
  },
  ask: { sequence: count, token },
  confirmed: { sequence: count },
  run: { token, url: optional(text) },
  over: { token, reason: text, revoked: yesNo },
  disarm: { token },
  goodbye: {},
};

const GUARD_FORMS: Readonly<Record<GuardMessage["type"], Form>> = {
  reading: { sequence: count },
  armed: { token },
  running: { token, pid: count },
  ended: { token, stopped: yesNo, code: count, signal: optional(text) },
  drain: {},
};

/**
 * Reads what an elector said.
 *
 * @returns The message; `undefined` if the line is not exactly one.
 */
export function readElectorMessage(line: string): ElectorMessage | undefined {
  return read(line, ELECTOR_FORMS) as ElectorMessage | undefined;
}

/**
 * Reads what a guard said.
 *
 * @returns The message; `undefined` if the line is not exactly one.
 */
export function readGuardMessage(line: string): GuardMessage | undefined {
  return read(line, GUARD_FORMS) as GuardMessage | undefined;
}

function read(line: string, forms: Readonly<Record<string, Form>>): unknown {
  let message: Record<string, unknown>;
  try {
    message = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) return undefined;
  const { type, ...fields } = message;
  const form = typeof type === "string" && Object.hasOwn(forms, type) ? forms[type]! : undefined;
  if (form === undefined) return undefined;
  const known = Object.keys(fields).every((name) => Object.hasOwn(form, name));
  const right = Object.entries(form).every(([name, check]) => check(fields[name]));
  return known && right ? message : undefined;
}
