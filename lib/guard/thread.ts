/**
 * A thread in hand, for when there is none to be had.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";

/** An idle thread is let go after 10 s. */
const PAUSE_MS = 2_000;

/**
 * Keeps one of the threads on which Deno reads and writes files, its log among them. Deno makes them when they
 * are needed, and aborts the process if it cannot. A command that uses up the processes that a pod or a user
 * may have would so end who is to stop it, guard and elector alike, at their next line of log.
 *
 * @param clock Tells when.
 * @returns What lets it go.
 */
export function keepThread(clock: Clock = systemClock): Disposable {
  let cancel = () => {};
  const use = () => {
    // It only has to be done, on such a thread; what comes of it does not matter.
    Deno.lstat("/").catch(() => {});
    cancel = clock.schedule(PAUSE_MS, use);
  };
  use();
  return { [Symbol.dispose]: () => cancel() };
}
