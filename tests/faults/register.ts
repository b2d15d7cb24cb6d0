/**
 * A store that checks tokens: what it has once taken from a newer leader, no older one can change any more.
 * Acts come through a named pipe, which the kernel orders as it does appends to a file.
 *
 * @module
 */
import { compareTokens } from "../support/act_log.ts";
import { readAct } from "./acts.ts";

/** What makes the reader end. */
const END = "end\n";

/** Acts of one token in a row. */
interface Run {
  readonly token: string;
  count: number;
}

/** What has acted under one token. */
export interface Seen {
  readonly token: string;
  readonly identity: string;
  /** `performance.now()` of its first act. */
  readonly since: number;
  /** Who has acted, by process id. */
  readonly pids: Set<number>;
}

/** The store. */
export class Register implements AsyncDisposable {
  /** Where to write acts. */
  readonly path: string;
  /** Acts that were refused. */
  refused = 0;
  readonly #takes: (token: string, highest: string) => boolean;
  readonly #reader: Deno.FsFile;
  readonly #reading: Promise<void>;
  readonly #taken: Run[] = [];
  readonly #seen = new Map<string, Seen>();
  #highest = "0";
  #fault: unknown;

  private constructor(path: string, takes: (token: string, highest: string) => boolean) {
    this.path = path;
    this.#takes = takes;
    // For writing too: an open that only reads would wait for somebody who writes.
    this.#reader = Deno.openSync(path, { read: true, write: true });
    this.#reading = this.#read().catch((error) => {
      this.#fault = error;
    });
  }

  /**
   * Makes the pipe and reads from it.
   *
   * @param path Where it is to be.
   * @param takes Whether an act is taken, by its token and the highest one taken so far.
   */
  static async open(
    path: string,
    takes = (token: string, highest: string) => compareTokens(token, highest) >= 0,
  ): Promise<Register> {
    const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
    if (!success) throw new Error(`Cannot make the pipe ${path}`);
    return new Register(path, takes);
  }

  /** Acts that were taken. */
  get accepted(): number {
    return this.#taken.reduce((sum, { count }) => sum + count, 0);
  }

  /** Acts that were taken although one of a newer leader had been. It looks at what was done, not at why. */
  get lateAccepted(): number {
    let highest = "0";
    let late = 0;
    for (const { token, count } of this.#taken) {
      if (compareTokens(token, highest) < 0) late += count;
      else highest = token;
    }
    return late;
  }

  /** The newest leader that has acted. */
  get newest(): Seen | undefined {
    return this.#seen.get(this.#highest);
  }

  /** @throws {Error} If something else than acts was written. */
  check(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  #take(line: string): void {
    const { token, identity, pid } = readAct(line);
    if (!this.#takes(token, this.#highest)) return void this.refused++;
    const last = this.#taken.at(-1);
    if (last?.token === token) last.count++;
    else this.#taken.push({ token, count: 1 });
    if (compareTokens(token, this.#highest) > 0) this.#highest = token;
    const seen = this.#seen.get(token);
    if (seen !== undefined) return void seen.pids.add(pid);
    this.#seen.set(token, { token, identity, since: performance.now(), pids: new Set([pid]) });
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(1 << 16);
    const decoder = new TextDecoder();
    for (let rest = "";;) {
      const size = await this.#reader.read(buffer);
      const lines = (rest + decoder.decode(buffer.subarray(0, size ?? 0))).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (`${line}\n` === END) return;
        this.#take(line);
      }
    }
  }

  /** Reads what is left, and ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.writeTextFile(this.path, END, { append: true, create: false });
    await this.#reading;
    this.#reader.close();
  }
}
