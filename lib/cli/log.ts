/**
 * The log of the commands: `@std/log`, wired to the one interface that the library logs through.
 *
 * @module
 */
import { BaseHandler, getLogger, type LogRecord, setup } from "@std/log";
import type { LogFields, Logger } from "../logger.ts";
import { hasColors, type LineFormat, logLine } from "./line_format.ts";
import { writeLine } from "./stderr.ts";

/** How the log looks. */
export interface LogOptions extends LineFormat {
  /** What is below is not logged. */
  level: "debug" | "info" | "warn" | "error";
  /** Takes each line. By default it goes to stderr, at once. */
  write?: (line: string) => void;
}

/** Writes records to stderr; the handlers that `@std/log` brings write to stdout, which is for data. */
class StderrHandler extends BaseHandler {
  readonly #write: (line: string) => void;

  constructor(formatter: (record: LogRecord) => string, write: (line: string) => void) {
    super("DEBUG", { formatter });
    this.#write = write;
  }

  override log(line: string): void {
    this.#write(line);
  }
}

/**
 * Sets up the log of this process and gives the logger to pass on.
 *
 * @param options How it looks.
 * @returns A logger that never throws.
 */
export function createLogger(options: LogOptions): Logger {
  const format = { color: hasColors(), ...options };
  const formatter = ({ datetime, levelName, msg, args }: LogRecord) =>
    logLine({ time: datetime, level: levelName, message: msg, fields: fieldsOf(args) }, format);
  const stderr = new StderrHandler(formatter, options.write ?? ((line) => writeLine(line)));
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
  };
}

const LEVELS = { debug: "DEBUG", info: "INFO", warn: "WARN", error: "ERROR" } as const;

function fieldsOf([fields]: unknown[]): LogFields {
  return typeof fields === "object" && fields !== null ? fields as LogFields : {};
}
