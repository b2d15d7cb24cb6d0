// The clock of one elector in virtual time.
import type { Clock, Instant } from "../../../lib/clock.ts";
import type { Process } from "./process.ts";

/** Counts its timers, so that one that is left over shows. */
export class SimClock implements Clock {
  readonly #process: Process;
  #timers = 0;

  constructor(process: Process) {
    this.#process = process;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers;
  }

  now(): Instant {
    const { host, sim } = this.#process;
    return host.clocks.now(sim.time);
  }

  schedule(delayMs: number, run: () => void): () => void {
    const { host, sim } = this.#process;
    const due = host.clocks.mono(sim.time) + delayMs;
    this.#timers++;
    let set = true;
    const done = () => {
      if (set) this.#timers--;
      set = false;
    };
    // Real timers are late by up to a millisecond, and now and then by more.
    const late = sim.dice.next() + sim.some("lateTimer");
    const event = this.#process.later(
      Math.max(0, host.clocks.when(due, sim.time) - sim.time) + late,
      () => {
        done();
        run();
      },
    );
    return () => {
      event.cancelled = true;
      done();
    };
  }

  random(): number {
    return this.#process.sim.dice.next();
  }

  nonce(): string {
    const { dice } = this.#process.sim;
    return Array.from({ length: 32 }, () => dice.below(16).toString(16)).join("");
  }
}
