/**
 * What SIGTERM and SIGINT mean to a command that holds a Lease.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { ProcessLog } from "./log.ts";

const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

/** `deno task` doubles Ctrl-C within a millisecond: a second signal counts only after this long. */
const SECOND_SIGNAL_MS = 500;

/**
 * Aborts `stop` at the first SIGTERM or SIGINT; a later one ends the process at once with 128 + n.
 *
 * @returns What takes the listeners away again.
 */
export function onStopSignals(logger: ProcessLog, stop: AbortController): Disposable {
  let first: number | undefined;
  const listeners = (["SIGTERM", "SIGINT"] as const).map((signal) => {
    const listener = () => {
      const now = systemClock.now().mono;
      if (first === undefined) {
        first = now;
        logger.info(`${signal}: stopping`, { event: "stopping", signal });
        stop.abort();
      } else if (now - first >= SECOND_SIGNAL_MS) {
        logger.warn(`${signal} again: leaving at once`, { event: "killed", signal });
        logger.flush().finally(() => Deno.exit(128 + NUMBERS[signal]));
      }
    };
    Deno.addSignalListener(signal, listener);
    return { signal, listener };
  });
  return {
    [Symbol.dispose]() {
      for (const { signal, listener } of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}
