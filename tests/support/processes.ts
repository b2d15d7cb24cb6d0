/**
 * Real processes under test: started, watched by their log, hurt by signals, and never left behind.
 *
 * @module
 */
import { killMarked, MARK } from "./process_mark.ts";

/** How long an event may take unless told otherwise: generous, for busy machines. */
const EVENT_LIMIT_MS = 30_000;
const ROOT = new URL("../../", import.meta.url).pathname;

/** A line of a program's JSON log. */
export interface LogLine {
  readonly event?: string;
  readonly [field: string]: unknown;
}

/** How to start a process. */
export interface StartOptions {
  /** After the script or the program's name. */
  readonly args?: readonly string[];
  /** Beside, or with `clearEnv` instead of, our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly clearEnv?: boolean;
  /** @default {the root of the repository} */
  readonly cwd?: string;
  /** Called with each line on stderr, as it comes. */
  readonly onLine?: (line: string) => void;
}

/** How to start a Deno program. */
export interface DenoOptions extends StartOptions {
  /** Flags of `deno run` before the script. @default {["--allow-all"]} */
  readonly flags?: readonly string[];
}

/** What to wait for. */
export interface EventOptions {
  /** @default {30_000} */
  readonly timeoutMs?: number;
  /** Only a line for which this is true. */
  readonly where?: (line: LogLine) => boolean;
}

/**
 * A process in a group of its own, with all that it starts. Its log lines are collected from stderr.
 *
 * Make one in each test that uses it: Deno's sanitizers object to one that was started before the test.
 */
export class TestProcess implements AsyncDisposable {
  /** Everything on stderr so far, by line. */
  readonly lines: string[] = [];
  /** The lines that were JSON objects. */
  readonly log: LogLine[] = [];
  /** How it ended. */
  readonly exit: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #mark: string;
  readonly #stdout: Promise<string>;
  readonly #stderr: Promise<void>;
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #readers: ReadableStreamDefaultReader<Uint8Array>[];
  #cursor = 0;
  #exited = false;
  /** Whether stderr has ended, so that no line can come any more. */
  #ended = false;
  #heard = Promise.withResolvers<void>();

  private constructor(program: string, args: readonly string[], options: StartOptions) {
    this.#mark = crypto.randomUUID();
    this.#onLine = options.onLine;
    this.#child = new Deno.Command(program, {
      args: [...args],
      env: { ...options.env, [MARK]: this.#mark },
      clearEnv: options.clearEnv ?? false,
      cwd: options.cwd ?? ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    this.exit = this.#child.status.then((status) => {
      this.#exited = true;
      return status;
    });
    const [stdout, stderr] = [this.#child.stdout.getReader(), this.#child.stderr.getReader()];
    this.#readers = [stdout, stderr];
    this.#stdout = readLines(stdout, () => {});
    this.#stderr = readLines(stderr, (line) => this.#hear(line)).then(() => {
      this.#ended = true;
      this.#heard.resolve();
    });
  }

  /** Starts a Deno program; it finds this project's imports also where JSR does not answer. */
  static async deno(script: string, options: DenoOptions = {}): Promise<TestProcess> {
    const flags = ["--quiet", ...await importFlags(), ...options.flags ?? ["--allow-all"]];
    const args = ["run", ...flags, script, ...options.args ?? []];
    return new TestProcess(Deno.execPath(), args, options);
  }

  /** Starts any program. */
  static command(program: string, options: StartOptions = {}): TestProcess {
    return new TestProcess(program, options.args ?? [], options);
  }

  /** Process id, and that of its group. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it has ended, and all that it said has been heard. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Everything it wrote to stdout, once it has ended and nothing it started holds stdout open. */
  get stdout(): Promise<string> {
    return this.#stdout;
  }

  /**
   * Waits for a log line with this event. Lines that came before the call count too, but each line is
   * found once: the next call looks behind the line that this one found.
   *
   * @returns The line.
   * @throws {Error} If the process ends or the time passes without it; with the end of the log.
   */
  async event(event: string, options: EventOptions = {}): Promise<LogLine> {
    const { timeoutMs = EVENT_LIMIT_MS, where = () => true } = options;
    const end = performance.now() + timeoutMs;
    while (true) {
      const index = this.log.findIndex((line, index) =>
        index >= this.#cursor && line.event === event && where(line)
      );
      if (index >= 0) {
        this.#cursor = index + 1;
        return this.log[index]!;
      }
      const leftMs = end - performance.now();
      if (this.#ended || leftMs <= 0) throw new Error(this.#noEvent(event, timeoutMs));
      await this.#nextLine(leftMs);
    }
  }

  /** Lines before this instant no longer count for {@linkcode event}. */
  forget(): void {
    this.#cursor = this.log.length;
  }

  /** Sends a signal to the process alone, not to what it started; nothing happens if it has ended. */
  signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      const gone = error instanceof TypeError || error instanceof Deno.errors.NotFound;
      if (!gone) throw error;
    }
  }

  /** Resident memory in bytes. Linux only. */
  async rss(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.pid}/status`);
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kilobytes === undefined) throw new Error(`Process ${this.pid} has no memory: it has ended`);
    return Number(kilobytes) * 1024;
  }

  /** SIGKILL to it and to all that it started, wherever that has gone, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    // The group too, while its number is certainly ours: its members may have cleaned their environment.
    if (!this.#exited) killGroup(this.pid);
    await killMarked(this.#mark);
    await this.exit;
    // Whoever got away may hold the pipes open for ever.
    for (const reader of this.#readers) await reader.cancel();
    await Promise.all([this.#stdout, this.#stderr]);
  }

  #hear(line: string): void {
    this.lines.push(line);
    const parsed = parseObject(line);
    if (parsed !== undefined) this.log.push(parsed);
    this.#onLine?.(line);
    this.#heard.resolve();
    this.#heard = Promise.withResolvers<void>();
  }

  async #nextLine(limitMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, limitMs));
    await Promise.race([this.#heard.promise, late]);
    clearTimeout(timer);
  }

  #noEvent(event: string, timeoutMs: number): string {
    const why = this.#ended ? "the process has ended" : `${timeoutMs} ms have passed`;
    return `No event "${event}" from process ${this.pid}: ${why}. Its last lines:\n` +
      this.lines.slice(-15).join("\n");
  }
}

let importFlagsAnswer: Promise<string[]> | undefined;

/** The import-map flag, with an absolute path, where JSR does not answer, else nothing. Asked once. */
export async function importFlags(): Promise<string[]> {
  importFlagsAnswer ??= askImportFlags();
  return await importFlagsAnswer;
}

async function askImportFlags(): Promise<string[]> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "tools/registry.ts"],
    cwd: ROOT,
    stdin: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error("Cannot learn which import map to use: tools/registry.ts failed");
  const flag = new TextDecoder().decode(stdout).trim();
  // Absolute, since the process may have another working directory.
  return flag === "" ? [] : [flag.replace(/^--import-map=/, `$&${ROOT}`)];
}

function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Reads to the end; gives each line as it comes, and all of the text at last. */
async function readLines(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  onLine: (line: string) => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let unfinished = "";
  while (true) {
    const { value, done } = await reader.read();
    if (done) break;
    const piece = decoder.decode(value, { stream: true });
    text += piece;
    const lines = (unfinished + piece).split("\n");
    unfinished = lines.pop()!;
    lines.forEach(onLine);
  }
  if (unfinished !== "") onLine(unfinished);
  return text;
}

function parseObject(line: string): LogLine | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
