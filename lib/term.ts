/**
 * One unbroken period of leadership, as the work that it permits holds it.
 *
 * @module
 */
import { type LossReason, TermOver } from "./errors.ts";
import type { Token } from "./token.ts";

/** A period of leadership. It ends once, and never comes back. */
export interface Term {
  /**
   * The fencing token: larger than that of every earlier term. Send it with every act, and let the
   * resource refuse what is smaller than the largest that it has seen. A decimal number of up to 39
   * digits: compare by length, then bytewise, never as a JavaScript number.
   */
  readonly token: Token;
  /** The whole identity under which the Lease is held. */
  readonly identity: string;
  /**
   * Aborts when work must stop: at the stop deadline, on any evidence of loss, or when the term is
   * given up. Its reason is a {@linkcode TermOver}.
   */
  readonly signal: AbortSignal;
  /** Milliseconds until the fence, by the clock at this instant; 0 when it has passed. */
  readonly remainingMs: number;
  /** Why the term ended; `undefined` while it goes on. */
  readonly reason: LossReason | undefined;
  /**
   * Makes sure, by the clock at this instant, that an act may start. Call it right before the act and
   * await nothing in between.
   *
   * @throws {TermOver} If the fence has passed or the term was lost.
   */
  check(): void;
  /**
   * Runs a piece of work that counts as part of the term: the Lease is not released before it has ended.
   *
   * @param work Starts at once.
   * @returns What `work` returns.
   * @throws {TermOver} If the term admits no new work any more.
   */
  run<T>(work: () => T | Promise<T>): Promise<T>;
}

/** What a term asks of the election. */
export interface TermSource {
  /** Whether new work is admitted at this instant. */
  mayStart(): boolean;
  /** Milliseconds until the fence. */
  remainingMs(): number;
}

/** A {@linkcode Term}, with what the elector needs to end it. */
export class LiveTerm implements Term {
  readonly #source: TermSource;
  readonly #ended = new AbortController();
  readonly signal: AbortSignal = this.#ended.signal;
  /** Whether its release was written; `undefined` while that is open. */
  released?: boolean;
  #reason?: LossReason;
  #running = 0;
  #idle?: PromiseWithResolvers<void>;
  readonly #abandoned = Promise.withResolvers<undefined>();
  /** Resolves when its work is not waited for any longer. */
  readonly abandoned: Promise<undefined> = this.#abandoned.promise;

  /**
   * @param number Counts the terms of one elector.
   * @param token The fencing token.
   * @param identity Under which the Lease is held.
   * @param source Where the truth is.
   */
  constructor(
    readonly number: number,
    readonly token: Token,
    readonly identity: string,
    source: TermSource,
  ) {
    this.#source = source;
  }

  get reason(): LossReason | undefined {
    return this.#reason;
  }

  get remainingMs(): number {
    return this.#source.remainingMs();
  }

  check(): void {
    if (this.#source.remainingMs() <= 0) throw this.#over();
  }

  async run<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#reason !== undefined || !this.#source.mayStart()) throw this.#over();
    this.#running++;
    try {
      return await work();
    } finally {
      if (--this.#running === 0) this.#idle?.resolve();
    }
  }

  /** Tells the work to stop. */
  end(reason: LossReason): void {
    this.#reason ??= reason;
    this.#ended.abort(this.#over());
  }

  /** Waits until nothing that {@linkcode run} started is running. */
  async idle(): Promise<void> {
    while (this.#running > 0) {
      this.#idle = Promise.withResolvers();
      await this.#idle.promise;
    }
  }

  /** Its work is not waited for any longer, whether it has ended or not. */
  abandon(): void {
    this.#abandoned.resolve(undefined);
  }

  #over(): TermOver {
    return new TermOver(this.token, this.#reason ?? "expired");
  }
}

/** Whether work ended only because its term did. */
export function isStop(error: unknown): boolean {
  return error instanceof TermOver ||
    (error instanceof DOMException && error.name === "AbortError");
}
