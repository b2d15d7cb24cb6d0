/**
 * Stands in for `@std/log@0.224.14` on machines that cannot reach JSR; no npm package republishes it. Our
 * own writing: the part of the documented interface that `lib/cli/log.ts` uses, with the same behaviour.
 *
 * @module
 */

/** The levels and their numbers. */
export const LogLevels = {
  NOTSET: 0,
  DEBUG: 10,
  INFO: 20,
  WARN: 30,
  ERROR: 40,
  CRITICAL: 50,
} as const;

/** The name of a level. */
export type LevelName = keyof typeof LogLevels;
/** The number of a level. */
export type LogLevel = typeof LogLevels[LevelName];

/** @returns The number of a level. @throws {Error} If there is no such level. */
export function getLevelByName(name: LevelName): LogLevel {
  const level = LogLevels[name];
  if (level === undefined) throw new Error(`Cannot get log level: no level named ${name}`);
  return level;
}

/** @returns The name of a level. @throws {Error} If there is no such level. */
export function getLevelName(level: LogLevel): LevelName {
  for (const [name, number] of Object.entries(LogLevels)) {
    if (number === level) return name as LevelName;
  }
  throw new Error(`Cannot get log level: no name for level: ${level}`);
}

/** What a {@linkcode LogRecord} is made from. */
export interface LogRecordOptions {
  /** The message, as text. */
  msg: string;
  /** What was passed after the message. */
  args: unknown[];
  /** How urgent it is. */
  level: LogLevel;
  /** Which logger it went through. */
  loggerName: string;
}

/** One thing that was logged. */
export class LogRecord {
  readonly #args: unknown[];
  readonly #time: number = Date.now();
  /** The message, as text. */
  readonly msg: string;
  /** The number of the level. */
  readonly level: number;
  /** The name of the level. */
  readonly levelName: string;
  /** Which logger it went through. */
  readonly loggerName: string;

  /** @param options What was logged. */
  constructor(options: LogRecordOptions) {
    this.msg = options.msg;
    this.#args = [...options.args];
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
  }

  /** What was passed after the message. */
  get args(): unknown[] {
    return [...this.#args];
  }

  /** When it was logged. */
  get datetime(): Date {
    return new Date(this.#time);
  }
}

/** Writes one record as text. */
export type FormatterFunction = (logRecord: LogRecord) => string;

/** What a handler can be told. */
export interface BaseHandlerOptions {
  /** How records are written; `LEVEL message` unless given. */
  formatter?: FormatterFunction;
}

/** Takes records from loggers. Subclasses say in `log` where the text goes. */
export class BaseHandler {
  #level: LogLevel;
  /** How records are written. */
  formatter: FormatterFunction;

  /**
   * @param levelName Records below this level are dropped.
   * @param options How records are written.
   */
  constructor(levelName: LevelName, options: BaseHandlerOptions = {}) {
    this.#level = getLevelByName(levelName);
    this.formatter = options.formatter ?? (({ levelName, msg }) => `${levelName} ${msg}`);
  }

  /** Records below this level are dropped. */
  get level(): LogLevel {
    return this.#level;
  }
  set level(level: LogLevel) {
    this.#level = level;
  }

  /** The name of that level. */
  get levelName(): LevelName {
    return getLevelName(this.#level);
  }
  set levelName(levelName: LevelName) {
    this.#level = getLevelByName(levelName);
  }

  /** Takes one record. */
  handle(logRecord: LogRecord): void {
    if (logRecord.level >= this.#level) this.log(this.format(logRecord));
  }

  /** Writes one record as text. */
  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  /** Takes the text of one record. */
  log(_msg: string): void {}
  /** Called when the handler is put to use. */
  setup(): void {}
  /** Called when the handler is put out of use. */
  destroy(): void {}
  /** As {@linkcode BaseHandler.destroy}. */
  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** What a logger can be told. */
export interface LoggerConfig {
  /** Records below this level are dropped; `INFO` unless given. */
  level?: LevelName;
  /** The names of its handlers. */
  handlers?: string[];
}

/** Which handlers and loggers there are. */
export interface LogConfig {
  /** Handlers by name. */
  handlers?: Record<string, BaseHandler>;
  /** Loggers by name; the one that is got without a name is `default`. */
  loggers?: Record<string, LoggerConfig>;
}

/** Hands records to its handlers. */
export class Logger {
  readonly #name: string;
  /** Where records go. */
  handlers: BaseHandler[];
  /** Records below this level are dropped. */
  level: LogLevel;

  /**
   * @param loggerName Its name.
   * @param levelName Records below this level are dropped.
   * @param options Where records go.
   */
  constructor(
    loggerName: string,
    levelName: LevelName,
    options: { handlers?: BaseHandler[] } = {},
  ) {
    this.#name = loggerName;
    this.level = getLevelByName(levelName);
    this.handlers = options.handlers ?? [];
  }

  /** Its name. */
  get loggerName(): string {
    return this.#name;
  }

  /** The name of its level. */
  get levelName(): LevelName {
    return getLevelName(this.level);
  }
  set levelName(levelName: LevelName) {
    this.level = getLevelByName(levelName);
  }

  #log<T>(level: LogLevel, message: T | (() => T), args: unknown[]): T | undefined {
    const lazy = typeof message === "function";
    if (this.level > level) return lazy ? undefined : message;
    const value = lazy ? (message as () => T)() : message;
    const msg = asText(value);
    const record = new LogRecord({ msg, args, level, loggerName: this.#name });
    for (const handler of this.handlers) handler.handle(record);
    return value;
  }

  /** Logs at level DEBUG. @returns The message. */
  debug<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.DEBUG, msg, args);
  }
  /** Logs at level INFO. @returns The message. */
  info<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.INFO, msg, args);
  }
  /** Logs at level WARN. @returns The message. */
  warn<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.WARN, msg, args);
  }
  /** Logs at level ERROR. @returns The message. */
  error<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.ERROR, msg, args);
  }
  /** Logs at level CRITICAL. @returns The message. */
  critical<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.CRITICAL, msg, args);
  }
}

function asText(value: unknown): string {
  if (value instanceof Error) return value.stack ?? String(value);
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  return String(value);
}

class StdoutHandler extends BaseHandler {
  override log(msg: string): void {
    console.log(msg);
  }
}

const handlers = new Map<string, BaseHandler>();
const loggers = new Map<string, Logger>();

/**
 * Says which handlers and loggers there are, in place of those before. As upstream, the `default` handler
 * (INFO, to stdout) and logger remain unless the configuration names its own.
 */
export function setup(config: LogConfig): void {
  for (const handler of handlers.values()) handler.destroy();
  handlers.clear();
  loggers.clear();
  const all = { default: new StdoutHandler("INFO"), ...config.handlers };
  for (const [name, handler] of Object.entries(all)) {
    handler.setup();
    handlers.set(name, handler);
  }
  const named: Record<string, LoggerConfig> = {
    default: { level: "INFO", handlers: ["default"] },
    ...config.loggers,
  };
  for (const [name, settings] of Object.entries(named)) {
    const own = (settings.handlers ?? []).flatMap((handler) => handlers.get(handler) ?? []);
    loggers.set(name, new Logger(name, settings.level ?? "INFO", { handlers: own }));
  }
}

/**
 * Gives a logger by name. One that {@linkcode setup} does not know drops what it is given, as upstream.
 *
 * @param name The name, `default` unless given.
 */
export function getLogger(name = "default"): Logger {
  const known = loggers.get(name);
  if (known !== undefined) return known;
  const logger = new Logger(name, "NOTSET", { handlers: [] });
  loggers.set(name, logger);
  return logger;
}

setup({});
