/**
 * Waiting for what other processes do, never without a limit.
 *
 * @module
 */

/** Rung whenever something happened; those who wait look again. */
export class Bell {
  #next = Promise.withResolvers<void>();

  /** Something happened. */
  ring(): void {
    const rung = this.#next;
    this.#next = Promise.withResolvers();
    rung.resolve();
  }

  /**
   * Looks now and whenever the bell rings, until there is an answer.
   *
   * @param what Named in the error.
   * @param limitMs How long at most.
   * @param look Gives the answer, or `undefined` to be asked again.
   * @throws {Error} If the limit passes.
   */
  async until<T>(what: string, limitMs: number, look: () => T | undefined): Promise<T> {
    const end = Date.now() + limitMs;
    for (;;) {
      const rung = this.#next.promise;
      const answer = look();
      if (answer !== undefined) return answer;
      const left = end - Date.now();
      if (left <= 0) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
      await within(rung, left);
    }
  }
}

/** Waits for a promise, or so long. */
export async function within(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([promise, timeout]);
  clearTimeout(timer);
}

/** Lets time pass. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}

/** Lets a random time pass, so that trials do not all meet the same phase of the renewals. */
export function sleepBetween(leastMs: number, mostMs: number): Promise<void> {
  return sleep(leastMs + Math.random() * (mostMs - leastMs));
}
