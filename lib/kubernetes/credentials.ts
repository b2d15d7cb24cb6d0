/**
 * What a client shows to the API server, and by what it knows it: read again when it may have rotated.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/** Everything secret about a connection, as PEM and plain text. */
export interface Secrets {
  /** Bearer token. */
  readonly token?: string;
  /** Certificate authority of the server. */
  readonly ca?: string;
  /** Client certificate. */
  readonly cert?: string;
  /** Key of the client certificate. */
  readonly key?: string;
}

/**
 * Reads secrets where they lie.
 *
 * @param refused Whether the server has refused the last ones.
 */
export type SecretReader = (refused: boolean) => Promise<Secrets>;

/** kubelet rotates token and CA long before they expire; a minute is what client-go allows too. */
const FRESH_MS = 60_000;

/** Secrets that are read anew every minute, and at once after a refusal. */
export class Credentials {
  readonly #read: SecretReader;
  readonly #clock: Clock;
  readonly #freshMs: number;
  #secrets?: Secrets;
  #readAt = -Infinity;
  #refused = false;
  #reading?: Promise<void>;

  /**
   * Reads nothing yet.
   *
   * @param read Reads them where they lie.
   * @param clock Whose minute.
   * @param freshMs For how long they are not read again, in milliseconds; 0 for a reader that keeps them.
   */
  constructor(read: SecretReader, clock: Clock, freshMs: number = FRESH_MS) {
    this.#read = read;
    this.#clock = clock;
    this.#freshMs = freshMs;
  }

  /**
   * The secrets as they are now.
   *
   * @param signal Ends the wait for them; what has begun to read goes on.
   * @throws If they have never been readable, or the signal aborts; later failures keep what there was.
   */
  async get(signal?: AbortSignal): Promise<Secrets> {
    const age = this.#clock.now().mono - this.#readAt;
    if (this.#secrets !== undefined && age < this.#freshMs) return this.#secrets;
    // Whoever else asks meanwhile waits for the same reading.
    this.#reading ??= this.#renew().finally(() => this.#reading = undefined);
    await within(this.#reading, signal);
    return this.#secrets!;
  }

  /**
   * They may no longer be the right ones: they are read again before the next request.
   *
   * @param refused Whether the server said so; else it could not be reached with them.
   */
  expire(refused = false): void {
    this.#readAt = -Infinity;
    this.#refused ||= refused;
  }

  async #renew(): Promise<void> {
    const refused = this.#refused;
    this.#readAt = this.#clock.now().mono;
    this.#refused = false;
    try {
      this.#secrets = await this.#read(refused);
    } catch (error) {
      this.#readAt = -Infinity;
      this.#refused ||= refused;
      if (this.#secrets === undefined) throw error;
    }
  }
}

/** Waits for a promise, or for the signal. */
function within<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
