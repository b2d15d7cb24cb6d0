/**
 * One candidate, a process of its own, and what it says in its log.
 *
 * Times are those of the wall clock: bench and candidates share one machine, so they share the clock,
 * and a line carries the time at which it was written, not that at which it was read.
 *
 * @module
 */
import { TextLineStream } from "./text_lines.ts";
import { type Bell, within } from "./bell.ts";

/** A process that was told to go has this long. */
const END_LIMIT_MS = 40_000;
const KEPT_LINES = 20;

/** A line of a candidate's log. */
export interface LogEvent {
  /** Unix time in milliseconds. */
  readonly at: number;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly replica: Replica;
}

/** What to run. */
export interface Program {
  readonly path: string;
  readonly args: readonly string[];
}

/** Every process that is alive, so that an interrupted bench can end them. */
const alive = new Set<Replica>();

/** A running candidate. */
export class Replica implements AsyncDisposable {
  readonly name: string;
  /** Just before the process was started. */
  readonly startedAt: number;
  readonly events: LogEvent[] = [];
  readonly #process: Deno.ChildProcess;
  readonly #bell: Bell;
  readonly #lines: string[] = [];
  readonly #read: Promise<void>;
  #exit?: Deno.CommandStatus;

  /**
   * Starts it.
   *
   * @param name Its identity.
   * @param program What runs.
   * @param bell Rung at every line, and at its end.
   */
  constructor(name: string, program: Program, bell: Bell) {
    this.name = name;
    this.#bell = bell;
    this.startedAt = Date.now();
    this.#process = new Deno.Command(program.path, {
      args: [...program.args],
      cwd: new URL("../../", import.meta.url),
      // Deno colours nothing and client-go's logger stays quiet: only JSON lines matter.
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    alive.add(this);
    this.#read = this.#readLog();
    this.#process.status.then((status) => {
      this.#exit = status;
      alive.delete(this);
      this.#bell.ring();
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** How it ended, if it has. */
  get exit(): Deno.CommandStatus | undefined {
    return this.#exit;
  }

  /** The last lines of its log, for an error message. */
  get tail(): string {
    return this.#lines.join("\n");
  }

  /** Its first event of a kind at or after a time. */
  find(event: string, from = 0): LogEvent | undefined {
    return this.events.find((line) => line.event === event && line.at >= from);
  }

  /** Waits for an event of a kind. */
  async heard(event: string, limitMs: number, from = 0): Promise<LogEvent> {
    return await this.#bell.until(`${this.name}: ${event}`, limitMs, () => {
      const found = this.find(event, from);
      if (found !== undefined || this.#exit === undefined) return found;
      throw new Error(`${this.name} ended with ${this.#exit.code} before ${event}:\n${this.tail}`);
    });
  }

  /**
   * Sends a signal, if it still lives.
   *
   * @returns The time just before.
   */
  signal(signal: Deno.Signal): number {
    const at = Date.now();
    try {
      if (this.#exit === undefined) this.#process.kill(signal);
    } catch (error) {
      // It has ended this instant.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
    return at;
  }

  /** Waits for its end, whatever its cause. */
  async ended(limitMs = END_LIMIT_MS): Promise<Deno.CommandStatus> {
    return await this.#bell.until(`${this.name}: its end`, limitMs, () => this.#exit);
  }

  /** Resident memory in kilobytes. */
  async rssKb(): Promise<number> {
    return await rssKb(this.pid);
  }

  /** Kills it, even if it is stopped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await within(this.#process.status, END_LIMIT_MS);
    await within(this.#read, END_LIMIT_MS);
  }

  async #readLog(): Promise<void> {
    const lines = this.#process.stderr.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    const fields = parse(line);
    if (fields === undefined) return;
    const at = Date.parse(String(fields.time));
    this.events.push({ at, event: String(fields.event), fields, replica: this });
    this.#bell.ring();
  }
}

/** Resident memory of a process in kilobytes: all of it, or what it shares with no other process and no file. */
export async function rssKb(pid: number, kind: "VmRSS" | "RssAnon" = "VmRSS"): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(new RegExp(`^${kind}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? NaN);
}

/** Processes below a replica that stand still: not even the end of that one would end them. */
const stopped = new Set<number>();

/** Stops a process below a replica, until what this returns is disposed of. */
export function stop(pid: number): Disposable {
  stopped.add(pid);
  Deno.kill(pid, "SIGSTOP");
  return {
    [Symbol.dispose]() {
      stopped.delete(pid);
      resume(pid);
    },
  };
}

function resume(pid: number): void {
  try {
    Deno.kill(pid, "SIGCONT");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Kills all that is alive, at once, for an interrupted bench; electors then do the same to their commands. */
export function killAll(): void {
  for (const replica of alive) replica.signal("SIGKILL");
  stopped.forEach(resume);
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const fields = JSON.parse(line) as Record<string, unknown>;
    return typeof fields.event === "string" ? fields : undefined;
  } catch {
    return undefined;
  }
}
