/**
 * When an elector kills its command itself: at the fence, if the guard has not done so.
 *
 * @module
 */
import type { Instant } from "../clock.ts";
import { leftMs } from "../election/state.ts";

/** The guard is faster than this, if it is awake. */
const GUARD_FIRST_MS = 25;

/** Counts what is left of one run of a command. */
export class LastResort {
  readonly #graceMs: number;
  #leftMs = Infinity;
  #seenAt?: Instant;

  /** @param graceMs K: how long a command may go on whose term was taken away, but never beyond the fence. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /**
   * Looks at the term and at the clocks, of which the one that has gone further counts.
   *
   * @param remainingMs How long the term may still act; 0 when it is over.
   * @param now Both clocks, read just now.
   * @returns In how many milliseconds the command is to be killed; 0 or less: at once.
   */
  look(remainingMs: number, now: Instant): number {
    const lastMs = this.#seenAt === undefined ? Infinity : leftMs(this.#seenAt, this.#leftMs, now);
    this.#leftMs = remainingMs > 0 ? remainingMs : Math.min(lastMs, this.#graceMs);
    this.#seenAt = now;
    return this.#leftMs + GUARD_FIRST_MS;
  }
}
