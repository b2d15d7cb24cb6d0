/**
 * The only place that reads time, sets timers, or makes randomness. Everything else is handed a
 * {@linkcode Clock}, so that tests and the simulator can bring their own.
 *
 * @module
 */

/** One reading of both clocks, in milliseconds. */
export interface Instant {
  /** Monotonic: it never goes back, and stands still while the machine is suspended. Starts anywhere. */
  readonly mono: number;
  /** Wall clock, since the Unix epoch: it goes on during suspend, and people may set it. */
  readonly wall: number;
}

/** Time and chance, as an elector needs them. */
export interface Clock {
  /** Reads both clocks. */
  now(): Instant;
  /**
   * Calls `run` once after `delayMs`, not earlier by the monotonic clock.
   *
   * @returns A function that cancels it.
   */
  schedule(delayMs: number, run: () => void): () => void;
  /** A number in [0, 1), for jitter only. */
  random(): number;
  /** 128 random bits as 32 hexadecimal digits. */
  nonce(): string;
}

/** `setTimeout` fires at once beyond this many milliseconds, so longer waits are cut and armed again. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The clocks and the randomness of this machine. */
export const systemClock: Clock = {
  now: () => ({ mono: performance.now(), wall: Date.now() }),

  schedule(delayMs, run) {
    const due = performance.now() + delayMs;
    let timer: ReturnType<typeof setTimeout>;
    const arm = () => {
      const left = due - performance.now();
      if (left <= 0) return run();
      timer = setTimeout(arm, Math.min(Math.ceil(left), LONGEST_TIMEOUT_MS));
    };
    timer = setTimeout(arm, Math.min(Math.max(0, Math.ceil(delayMs)), LONGEST_TIMEOUT_MS));
    return () => clearTimeout(timer);
  },

  random: () => Math.random(),

  nonce: () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0"))
      .join(""),
};

/**
 * Waits.
 *
 * @param clock Whose time.
 * @param ms How long, in milliseconds.
 * @param signal Ends the wait early; its abort is not an error.
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.schedule(ms, done);
    signal?.addEventListener("abort", done, { once: true });
  });
}
