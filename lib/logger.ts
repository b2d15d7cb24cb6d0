/**
 * The one way out for what this library has to say. It says nothing unless it is given a logger.
 *
 * @module
 */

/** What a log line carries beside its message: `event`, `lease`, `identity`, `token`, `reason`, … */
export type LogFields = Record<string, string | number | boolean | undefined>;

/** Where log lines go. The four levels are those of `@std/log`. */
export interface Logger {
  /** For those who look for a fault. */
  debug(message: string, fields?: LogFields): void;
  /** What happened, a line an event. */
  info(message: string, fields?: LogFields): void;
  /** Something to look at soon. */
  warn(message: string, fields?: LogFields): void;
  /** Something to act on now. */
  error(message: string, fields?: LogFields): void;
}

const nothing = () => {};

/** A logger that drops everything. */
export const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * Makes a logger that never throws: one that fails must not cost anybody the leadership, or worse, the end
 * of it.
 */
export function shield(logger: Logger): Logger {
  const safely = (level: keyof Logger): Logger[keyof Logger] => (message, fields) => {
    try {
      const told: unknown = logger[level](message, fields);
      if (told instanceof Promise) told.catch(nothing);
    } catch {
      // There is no place left to tell of it.
    }
  };
  return {
    debug: safely("debug"),
    info: safely("info"),
    warn: safely("warn"),
    error: safely("error"),
  };
}
