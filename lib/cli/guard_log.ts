/**
 * The log of a guard, and of the elector of `exec`: without `@std/log`, since a guard is to be small.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import type { Note } from "../guard/guard.ts";
import type { LogFields, Logger } from "../logger.ts";
import { Backlog, type Sink } from "./backlog.ts";
import { hasColors, logLine } from "./line_format.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** How the log of a guard looks. */
export interface GuardLogOptions {
  /** What is below is not logged. */
  readonly logLevel: Note["level"];
  /** Lines of text, or one JSON object a line. */
  readonly logFormat: "text" | "json";
}

/** Takes notes, and writes them as it can. */
export class GuardLog {
  readonly #options: GuardLogOptions;
  readonly #backlog: Backlog;
  readonly #clock: Clock;
  readonly #color = hasColors();

  /**
   * @param options How it looks.
   * @param sink Where it goes. By default, stderr.
   * @param clock For the time in each line.
   */
  constructor(options: GuardLogOptions, sink?: Sink, clock: Clock = systemClock) {
    this.#options = options;
    this.#backlog = new Backlog(sink, clock);
    this.#clock = clock;
  }

  /** The same, for whoever logs through the one interface of this project. */
  get logger(): Logger {
    const at = (level: Note["level"]) => (message: string, { event, ...fields }: LogFields = {}) =>
      this.log({ level, event: String(event), message, fields });
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  /** Takes one note. */
  log({ level, event, message, fields }: Note): void {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(this.#options.logLevel)) return;
    if (!this.#backlog.admits()) return;
    const line = logLine({
      time: new Date(this.#clock.now().wall),
      level: level.toUpperCase(),
      message,
      fields: { event, ...fields, ...this.#backlog.takeDropped() },
    }, { format: this.#options.logFormat, color: this.#color });
    this.#backlog.write(line);
  }

  /** Waits for the last lines, but not for ever. */
  flush(): Promise<void> {
    return this.#backlog.flush();
  }
}
