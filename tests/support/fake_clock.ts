// A clock that stands until the test moves it.
import type { Clock, Instant } from "../../lib/clock.ts";

export class FakeClock implements Clock {
  mono = 1_000;
  /** Added to the monotonic clock. */
  wallOffset = Date.UTC(2026, 0, 1);
  #timers = new Set<{ due: number; run: () => void }>();

  now(): Instant {
    return { mono: this.mono, wall: this.mono + this.wallOffset };
  }

  schedule(delayMs: number, run: () => void): () => void {
    const timer = { due: this.mono + delayMs, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  random(): number {
    return 0.5;
  }

  nonce(): string {
    return "0".repeat(31) + "c";
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Lets time pass, with every timer at its time. */
  advance(ms: number): void {
    const end = this.mono + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > end) break;
      this.#timers.delete(next);
      this.mono = next.due;
      next.run();
    }
    this.mono = end;
  }
}
