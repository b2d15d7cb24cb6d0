/**
 * Waiting for what a test waits for: a condition, and never a time that should suffice for it.
 *
 * @module
 */

/** Longer than anything takes on the slowest machine; nothing is measured by it. */
const PATIENCE_MS = 60_000;

/** Neither `false` nor nothing. */
type Something<T> = Exclude<T, false | null | undefined>;

/**
 * Waits until something holds.
 *
 * @param what The condition in words, for the error.
 * @param ask Asked again and again; `false` or nothing means not yet.
 * @param everyMs How long to rest in between.
 * @returns The first answer that was something.
 * @throws {Error} If there is none in a minute.
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  everyMs = 2,
): Promise<Something<T>> {
  const end = performance.now() + PATIENCE_MS;
  while (true) {
    const answer = await ask();
    if (answer !== false && answer !== null && answer !== undefined) return answer as Something<T>;
    if (performance.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS / 1_000}s`);
    await pause(everyMs);
  }
}

/** Lets time pass. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until a signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Waits for a promise that a defect would leave open for ever. */
export async function settled<T>(what: string, promise: Promise<T>): Promise<T> {
  let over = false;
  promise.catch(() => {}).finally(() => over = true);
  await until(what, () => over);
  return await promise;
}
