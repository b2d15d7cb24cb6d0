/**
 * The file in which a command of any language reads how long it may work.
 *
 * @module
 */
import type { Clock, Instant } from "../clock.ts";
import { leftMs } from "../election/state.ts";
import type { Token } from "../token.ts";

/** `/proc/uptime` has two decimals, so whoever reads it may be this late, in seconds. */
const COARSENESS_S = 0.01;

/** What the file says, counted from a reading of our own clocks. */
export interface Deadlines {
  readonly token: Token;
  readonly since: Instant;
  /** No new work from here on; absent: already. */
  readonly stopMs?: number;
  /** No act from here on; absent: already. */
  readonly fenceMs?: number;
}

/**
 * The one line of the file: two times in seconds of CLOCK_BOOTTIME, and the token.
 *
 * @param deadlines What it says.
 * @param uptimeS CLOCK_BOOTTIME, read before `now`, so that both times can only come out early.
 * @param now Our own clocks.
 */
export function deadlineLine(deadlines: Deadlines, uptimeS: number, now: Instant): string {
  const { token, since, stopMs, fenceMs } = deadlines;
  const at = (limitMs: number | undefined) => {
    const leftS = limitMs === undefined ? 0 : leftMs(since, limitMs, now) / 1_000;
    if (leftS <= 0) return "0";
    return (Math.floor((uptimeS + leftS - COARSENESS_S) * 100) / 100).toFixed(2);
  };
  return `${at(stopMs)} ${at(fenceMs)} ${token}\n`;
}

/** Keeps the file up to date, without ever waiting for a disk. */
export class DeadlineFile {
  readonly path: string;
  readonly #clock: Clock;
  readonly #onFailure: (message: string) => void;
  #next?: Deadlines;
  #writing = false;
  /** That it cannot be written was told, and it was not written since. */
  #failing = false;

  /**
   * @param path Where it is.
   * @param clock Our own clocks.
   * @param onFailure Told when it cannot be written, once until it can.
   */
  constructor(path: string, clock: Clock, onFailure: (message: string) => void) {
    this.path = path;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** Writes it at once, for a command that is about to start. */
  writeSync(deadlines: Deadlines): void {
    try {
      this.#clear();
      Deno.writeTextFileSync(this.#new, this.#line(deadlines), { createNew: true });
      Deno.renameSync(this.#new, this.path);
      this.#failing = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Writes it soon; of several, only the newest. */
  async write(deadlines: Deadlines): Promise<void> {
    this.#next = deadlines;
    if (this.#writing) return;
    this.#writing = true;
    try {
      for (let next; (next = this.#next) !== undefined;) {
        this.#next = undefined;
        this.#clear();
        await Deno.writeTextFile(this.#new, this.#line(next), { createNew: true });
        await Deno.rename(this.#new, this.path);
        this.#failing = false;
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#writing = false;
    }
  }

  get #new(): string {
    return `${this.path}.new`;
  }

  /** What the command may have put there is not opened: a pipe would be waited for, a link be followed. */
  #clear(): void {
    try {
      Deno.removeSync(this.#new);
    } catch {
      // There is nothing, as there should be; all else shows when the file is made.
    }
  }

  #line(deadlines: Deadlines): string {
    const uptime = Number.parseFloat(Deno.readTextFileSync("/proc/uptime"));
    return deadlineLine(deadlines, uptime, this.#clock.now());
  }

  #failed(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#onFailure(error instanceof Error ? error.message : String(error));
  }
}
