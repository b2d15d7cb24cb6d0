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

/** kubelet rotates token and CA long before they expire; a minute is what client-go allows too. */
const FRESH_MS = 60_000;

/** Secrets that are read anew every minute, and at once after a refusal. */
export class Credentials {
  readonly #read: () => Promise<Secrets>;
  readonly #clock: Clock;
  #secrets?: Secrets;
  #readAt = -Infinity;

  /**
   * Reads nothing yet.
   *
   * @param read Reads them where they lie.
   * @param clock Whose minute.
   */
  constructor(read: () => Promise<Secrets>, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  /**
   * The secrets as they are now.
   *
   * @throws If they have never been readable; later failures keep what there was.
   */
  async get(): Promise<Secrets> {
    const now = this.#clock.now().mono;
    if (this.#secrets !== undefined && now - this.#readAt < FRESH_MS) return this.#secrets;
    this.#readAt = now;
    try {
      this.#secrets = await this.#read();
    } catch (error) {
      this.#readAt = -Infinity;
      if (this.#secrets === undefined) throw error;
    }
    return this.#secrets;
  }

  /** The server refused them, or could not be reached with them: read them again before the next request. */
  expire(): void {
    this.#readAt = -Infinity;
  }
}
