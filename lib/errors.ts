/**
 * The closed set of errors that this library throws. Each carries what is needed to act on it; nothing
 * has to be read out of a message.
 *
 * @module
 */

/** Why a term of leadership ended. */
export type LossReason =
  /** The clock reached the point where work must stop before a renewal was confirmed. */
  | "expired"
  /** The Lease names somebody else. */
  | "superseded"
  /** The Lease was changed by another hand. */
  | "edited"
  /** The Lease was deleted. */
  | "deleted"
  /** The API server showed a state older than one already seen, as after a restore. */
  | "regressed"
  /** This process gave the term up. */
  | "resigned"
  /** `spec.preferredHolder` asks for another holder. */
  | "preempted"
  /** As `expired`, when the last renewals were refused for want of a permission. */
  | "forbidden"
  /** The guard process is gone. */
  | "unguarded";

/** What all errors of this library have in common. */
export abstract class K8sensusError extends Error {
  /** The name of the class, so that it survives serialisation. */
  abstract override readonly name: string;
}

/** A setting cannot be used: the message says what was given, what is allowed and what to change. */
export class ConfigError extends K8sensusError {
  /** Always `"ConfigError"`. */
  override readonly name = "ConfigError";
}

/** Work went on after its term: thrown by {@linkcode Term.check} and {@linkcode Term.run}. */
export class TermOver extends K8sensusError {
  /** Always `"TermOver"`. */
  override readonly name = "TermOver";

  /**
   * Says which term is over.
   *
   * @param token The fencing token of the term.
   * @param reason Why it ended.
   */
  constructor(readonly token: string, readonly reason: LossReason) {
    super(`Cannot act for term ${token}: it is over (${reason})`);
  }
}

/** Work was told to stop and did not: its term is over, its Lease is left to expire, it may still run. */
export class WorkUnfinished extends K8sensusError {
  /** Always `"WorkUnfinished"`. */
  override readonly name = "WorkUnfinished";

  /**
   * Says whose work it is.
   *
   * @param token The fencing token of the term.
   */
  constructor(readonly token: string) {
    super(
      `Cannot wait any longer for the work of term ${token}: it was told to stop by term.signal and ` +
        `has not ended; the Lease is not released, and whoever waits for it may lead when it expires; ` +
        `end this process`,
    );
  }
}

/** The elector was closed, or is already contending. */
export class ElectorBusy extends K8sensusError {
  /** Always `"ElectorBusy"`. */
  override readonly name = "ElectorBusy";
}

/** An elector with `guard: true` has lost its guard, or never reached it: it cannot lead. */
export class Unguarded extends K8sensusError {
  /** Always `"Unguarded"`. */
  override readonly name = "Unguarded";
}

/** The API server gave an answer that cannot be what was asked for. */
export class MalformedAnswer extends K8sensusError {
  /** Always `"MalformedAnswer"`. */
  override readonly name = "MalformedAnswer";
}

/** A request to the API server brought no answer; whether it took effect is unknown. */
export class RequestFailed extends K8sensusError {
  /** Always `"RequestFailed"`. */
  override readonly name = "RequestFailed";
}

/** The API server answered with an error. */
export class ApiError extends K8sensusError {
  /** Always `"ApiError"`. */
  override readonly name = "ApiError";

  /**
   * Says what the server answered.
   *
   * @param status The HTTP status code.
   * @param message What the server said.
   * @param retryAfterMs What its `Retry-After` asked for, in milliseconds.
   */
  constructor(readonly status: number, message: string, readonly retryAfterMs?: number) {
    super(message);
  }
}

/**
 * Whether trying again, without changing anything, may help.
 *
 * @param error What was thrown.
 * @returns `true` for outages and refusals that pass by themselves, `false` for mistakes.
 */
export function isRetryable(error: unknown): boolean {
  if (error instanceof RequestFailed || error instanceof MalformedAnswer) return true;
  if (error instanceof ApiError) return error.status === 429 || error.status >= 500;
  return false;
}
