// The clocks of one host, as functions of true time.
import type { Instant } from "../../lib/clock.ts";

/** A monotonic and a wall clock that go at one rate, unless something is the matter with one of them. */
export class Clocks {
  #at: number;
  #mono: number;
  #wall: number;
  #monoRate: number;
  #wallRate: number;
  #rate: number;
  #suspended = false;
  #frozen = false;

  /**
   * @param at True time now, in milliseconds.
   * @param rate How fast they go, against true time.
   */
  constructor(at: number, rate: number, mono: number, wall: number) {
    this.#at = at;
    this.#mono = mono;
    this.#wall = wall;
    this.#rate = this.#monoRate = this.#wallRate = rate;
  }

  now(at: number): Instant {
    const passed = at - this.#at;
    return { mono: this.mono(at), wall: this.#wall + passed * this.#wallRate };
  }

  mono(at: number): number {
    return this.#mono + (at - this.#at) * this.#monoRate;
  }

  /** The true time at which the monotonic clock will show this; `Infinity` while it stands still. */
  when(mono: number, at: number): number {
    const left = mono - this.mono(at);
    if (left <= 0) return at;
    return this.#monoRate === 0 ? Infinity : at + left / this.#monoRate;
  }

  setRate(at: number, rate: number): void {
    this.#rate = rate;
    this.#restart(at, 0);
  }

  /** During suspend the monotonic clock stands still. */
  suspend(at: number, suspended: boolean): void {
    this.#suspended = suspended;
    this.#restart(at, 0);
  }

  /** Somebody holds the wall clock. */
  freeze(at: number, frozen: boolean): void {
    this.#frozen = frozen;
    this.#restart(at, 0);
  }

  /** Somebody sets the wall clock. */
  jump(at: number, ms: number): void {
    this.#restart(at, ms);
  }

  #restart(at: number, jumpMs: number): void {
    const { mono, wall } = this.now(at);
    this.#at = at;
    this.#mono = mono;
    this.#wall = wall + jumpMs;
    this.#monoRate = this.#suspended ? 0 : this.#rate;
    this.#wallRate = this.#frozen ? 0 : this.#rate;
  }

  get rate(): number {
    return this.#rate;
  }
}
