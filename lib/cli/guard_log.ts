/**
 * The log of a guard, and of the elector of `exec`. It never waits: who stood still because nobody reads its
 * stderr could not kill in time. And it does without `@std/log`, since a guard is to be small.
 *
 * @module
 */
import { type Clock, sleep, systemClock } from "../clock.ts";
import type { Note } from "../guard/guard.ts";
import type { LogFields, Logger } from "../logger.ts";
import { hasColors, logLine } from "./line_format.ts";

/** Lines that nobody has read yet may take up so much; what comes beyond is dropped. */
const LARGEST_BACKLOG = 1 << 18;
/** How long the last lines may take. */
const LAST_LINES_MS = 500;
const LEVELS = ["debug", "info", "warn", "error"] as const;

/** How the log of a guard looks. */
export interface GuardLogOptions {
  /** What is below is not logged. */
  readonly logLevel: Note["level"];
  /** Lines of text, or one JSON object a line. */
  readonly logFormat: "text" | "json";
}

/** Where bytes go. */
export interface Sink {
  /** Writes some of them, and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Takes notes, and writes them as it can. */
export class GuardLog {
  readonly #options: GuardLogOptions;
  readonly #sink: Sink;
  readonly #clock: Clock;
  readonly #color = hasColors();
  readonly #encoder = new TextEncoder();
  #backlog = 0;
  #dropped = 0;
  #writing: Promise<void> = Promise.resolve();

  /**
   * @param options How it looks.
   * @param sink Where it goes. By default, stderr.
   * @param clock For the time in each line.
   */
  constructor(options: GuardLogOptions, sink: Sink = Deno.stderr, clock: Clock = systemClock) {
    this.#options = options;
    this.#sink = sink;
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
    if (this.#backlog > LARGEST_BACKLOG) return void this.#dropped++;
    const dropped = this.#dropped > 0 ? { dropped: this.#dropped } : {};
    this.#dropped = 0;
    const line = logLine({
      time: new Date(this.#clock.now().wall),
      level: level.toUpperCase(),
      message,
      fields: { event, ...fields, ...dropped },
    }, { format: this.#options.logFormat, color: this.#color });
    const bytes = this.#encoder.encode(`${line}\n`);
    this.#backlog += bytes.length;
    this.#writing = this.#writing.then(() => this.#write(bytes));
  }

  /** Waits for the last lines, but not for ever. */
  async flush(): Promise<void> {
    const late = new AbortController();
    await Promise.race([this.#writing, sleep(this.#clock, LAST_LINES_MS, late.signal)]);
    late.abort();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#sink.write(rest));
    } catch {
      // There is nowhere left to tell it.
    }
    this.#backlog -= bytes.length;
  }
}
