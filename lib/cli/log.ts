/**
 * The log of the commands: `@std/log`, wired to the one interface that the library logs through.
 *
 * @module
 */
import { BaseHandler, getLogger, type LogRecord, setup } from "@std/log";
import type { LogFields, Logger } from "../logger.ts";
import { Backlog } from "./backlog.ts";
import { hasColors, type LineFormat, logLine } from "./line_format.ts";

/** How the log looks. */
export interface LogOptions extends LineFormat {
  /** What is below is not logged. */
  level: "debug" | "info" | "warn" | "error";
  /** Where lines go. By default, to stderr. */
  backlog?: Backlog;
}

/** Writes records to stderr; the handlers that `@std/log` brings write to stdout, which is for data. */
class StderrHandler extends BaseHandler {
  readonly #backlog: Backlog;

  constructor(formatter: (record: LogRecord) => string, backlog: Backlog) {
    super("DEBUG", { formatter });
    this.#backlog = backlog;
  }

  override handle(record: LogRecord): void {
    if (this.#backlog.admits()) super.handle(record);
  }

  override log(line: string): void {
    this.#backlog.write(line);
  }
}

/** The log of this process. */
export interface ProcessLog extends Logger {
  /** Waits for the last lines, but not for ever. */
  flush(): Promise<void>;
}

/**
 * Sets up the log of this process and gives the logger to pass on.
 *
 * @param options How it looks.
 * @returns A logger that never throws, nor waits for whoever reads it.
 */
export function createLogger(options: LogOptions): ProcessLog {
  const { backlog = new Backlog() } = options;
  const format = { color: hasColors(), ...options };
  const formatter = ({ datetime, levelName, msg, args }: LogRecord) => {
    const fields = { ...fieldsOf(args), ...backlog.takeDropped() };
    return logLine({ time: datetime, level: levelName, message: msg, fields }, format);
  };
  const stderr = new StderrHandler(formatter, backlog);
  setup({
    handlers: { stderr },
    loggers: {
      // Whoever else logs through @std/log in this process ends up here too, not on stdout.
      default: { level: "WARN", handlers: ["stderr"] },
      k8sensus: { level: LEVELS[options.level], handlers: ["stderr"] },
    },
  });
  const logger = getLogger("k8sensus");
  return {
    debug: (message, fields) => void logger.debug(message, fields),
    info: (message, fields) => void logger.info(message, fields),
    warn: (message, fields) => void logger.warn(message, fields),
    error: (message, fields) => void logger.error(message, fields),
    flush: () => backlog.flush(),
  };
}

const LEVELS = { debug: "DEBUG", info: "INFO", warn: "WARN", error: "ERROR" } as const;

function fieldsOf([fields]: unknown[]): LogFields {
  return typeof fields === "object" && fields !== null ? fields as LogFields : {};
}
