/**
 * Lines on their way to stderr. Nobody waits for them: who stood still because nobody reads its log could not
 * stop, or kill, in time.
 *
 * @module
 */
import { type Clock, sleep, systemClock } from "../clock.ts";

/** Lines that nobody has read yet may take up so many bytes; what comes beyond is dropped. */
const LARGEST_BACKLOG = 1 << 18;
/** How long the last lines may take. */
const LAST_LINES_MS = 500;

/** Where bytes go. */
export interface Sink {
  /** Writes some of them, and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Writes lines in their order, as it can. */
export class Backlog {
  readonly #sink: Sink;
  readonly #clock: Clock;
  readonly #encoder = new TextEncoder();
  #bytes = 0;
  #dropped = 0;
  #writing: Promise<void> = Promise.resolve();

  /**
   * @param sink Where it goes. By default, stderr.
   * @param clock For the time that the last lines may take.
   */
  constructor(sink: Sink = Deno.stderr, clock: Clock = systemClock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  /** Whether there is room for a line; if not, one is counted as dropped. */
  admits(): boolean {
    if (this.#bytes <= LARGEST_BACKLOG) return true;
    this.#dropped++;
    return false;
  }

  /** How many lines were dropped since this was asked last, as a field for the next one. */
  takeDropped(): { dropped?: number } {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped > 0 ? { dropped } : {};
  }

  /** Writes one line, which comes without its end, when it can. */
  write(line: string): void {
    const bytes = this.#encoder.encode(`${line}\n`);
    this.#bytes += bytes.length;
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
    this.#bytes -= bytes.length;
  }
}
