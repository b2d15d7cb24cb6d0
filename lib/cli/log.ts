/**
 * The log of the commands: `@std/log`, wired to the one interface that the library logs through.
 *
 * @module
 */
import { BaseHandler, getLogger, type LogRecord, setup } from "@std/log";
import type { LogFields, Logger } from "../logger.ts";
import { escapeControls, writeLine } from "./stderr.ts";

/** How the log looks. */
export interface LogOptions {
  /** What is below is not logged. */
  level: "debug" | "info" | "warn" | "error";
  /** Lines of text, or one JSON object a line. */
  format: "text" | "json";
  /** Whether levels are coloured, in text. By default, if stderr is a terminal and `NO_COLOR` is unset. */
  color?: boolean;
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
  const color = options.color ?? (Deno.stderr.isTerminal() && !Deno.noColor);
  const formatter = options.format === "json"
    ? asJson
    : (record: LogRecord) => asText(record, color);
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

/** ANSI colours: grey, blue, yellow, red. */
const COLORS: Record<string, number> = { DEBUG: 90, INFO: 34, WARN: 33, ERROR: 31 };

function fieldsOf(record: LogRecord): [key: string, value: LogFields[string]][] {
  const fields = record.args[0];
  if (typeof fields !== "object" || fields === null) return [];
  return Object.entries(fields).filter(([, value]) => value !== undefined);
}

function asText(record: LogRecord, color: boolean): string {
  const level = record.levelName.padEnd(5);
  const code = COLORS[record.levelName];
  const shown = color && code !== undefined ? `\x1b[${code}m${level}\x1b[0m` : level;
  const fields = fieldsOf(record).map(([key, value]) => `${escapeControls(key)}=${quoted(value)}`);
  const message = escapeControls(record.msg);
  const line = `${record.datetime.toISOString()} ${shown} ${message}`;
  return fields.length === 0 ? line : `${line}  ${fields.join(" ")}`;
}

/** A value as text: in quotes where it could not be told from what stands around it. */
function quoted(value: unknown): string {
  const text = String(value);
  const plain = /^[^\s"=\\]+$/.test(text) && text === escapeControls(text);
  return plain ? text : escapeControls(JSON.stringify(text));
}

function asJson(record: LogRecord): string {
  const line: Record<string, unknown> = {
    time: record.datetime.toISOString(),
    level: record.levelName.toLowerCase(),
    msg: record.msg,
  };
  // A field of a name that is taken must not overwrite the line's own.
  for (const [key, value] of fieldsOf(record)) line[key in line ? `${key}_` : key] = value;
  return escapeControls(JSON.stringify(line));
}
