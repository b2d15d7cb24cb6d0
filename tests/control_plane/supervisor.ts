/**
 * Long-lived programs that leave nothing behind, whatever becomes of the test process.
 *
 * They run below one shell, which is told over a pipe what to start. When the pipe closes, it kills them
 * and removes their folder, so even `kill -9` of the test process leaves nothing running. To Deno the
 * shell is the only resource: programs may start, die and start again inside a test without its
 * sanitizers taking notice, although the shell was started before the test.
 *
 * @module
 */

/** How long a signal or the start of a process may take on a busy machine. */
const LIMIT_MS = 20_000;
const POLL_MS = 20;

/** A folder, and a shell that runs programs in it. */
export class Supervisor implements AsyncDisposable {
  /** Working directory of all programs; goes with the supervisor. */
  readonly dir: string;
  readonly #shell: Deno.ChildProcess;
  readonly #pipe: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(dir: string, shell: Deno.ChildProcess) {
    this.dir = dir;
    this.#shell = shell;
    this.#pipe = shell.stdin.getWriter();
  }

  /** Makes a folder and starts the shell in it. */
  static start(): Supervisor {
    const dir = Deno.makeTempDirSync({ prefix: "k8sensus-control-plane-" });
    // A group of its own: Ctrl-C in a terminal goes to the test process alone, which then ends, and with
    // it the pipe.
    const shell = new Deno.Command("sh", {
      args: [`${import.meta.dirname!}/supervise.sh`, dir],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
    return new Supervisor(dir, shell);
  }

  /** Writes one line to the shell: a name and a command. */
  async tell(name: string, command: readonly string[]): Promise<void> {
    const line = `${name} ${command.map(quote).join(" ")}\n`;
    await this.#pipe.write(new TextEncoder().encode(line));
  }

  /** Kills what still runs, removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pipe.close().catch(() => {});
    await this.#shell.status;
  }
}

/** A program that can be started, hurt, and started again. */
export class Program {
  /** Names its log. */
  readonly name: string;
  readonly #command: readonly string[];
  readonly #supervisor: Supervisor;
  #pid = 0;

  /**
   * @param supervisor Runs it.
   * @param name A plain word.
   * @param command Path and arguments.
   */
  constructor(supervisor: Supervisor, name: string, command: readonly string[]) {
    this.#supervisor = supervisor;
    this.name = name;
    this.#command = command;
  }

  /** Process id of the last start. */
  get pid(): number {
    return this.#pid;
  }

  /**
   * Starts it; does not wait until it is ready for anything.
   *
   * @throws {Error} If it runs already.
   */
  async start(): Promise<void> {
    if (this.#pid !== 0) {
      if (await this.exitStatus() === undefined) {
        throw new Error(`Cannot start ${this.name}: it runs as process ${this.#pid}`);
      }
      await Deno.remove(this.#file("pid"));
      await Deno.remove(this.#file("exit"));
    }
    await this.#supervisor.tell(this.name, this.#command);
    const pid = await poll(LIMIT_MS, () => readNumber(this.#file("pid")));
    if (pid === undefined) throw new Error(`Cannot start ${this.name}: no answer from the shell`);
    this.#pid = pid;
  }

  /** Its exit status, 128 + n after signal n; `undefined` while it runs. */
  async exitStatus(): Promise<number | undefined> {
    return await readNumber(this.#file("exit"));
  }

  /** SIGSTOP: it keeps its sockets and does nothing. */
  async freeze(): Promise<void> {
    await this.#signal("SIGSTOP");
  }

  /** SIGCONT after {@linkcode freeze}. */
  async resume(): Promise<void> {
    await this.#signal("SIGCONT");
  }

  /** SIGKILL, and waits until it is gone; ends a frozen one too. */
  async kill(): Promise<void> {
    await this.#signal("SIGKILL");
    if (await this.ended(LIMIT_MS) === undefined) {
      throw new Error(`Cannot end ${this.name}: process ${this.#pid} survives SIGKILL`);
    }
  }

  /** SIGTERM, also of a frozen one, and SIGKILL when it has not ended by the limit. */
  async terminate(limitMs: number): Promise<void> {
    await this.#signal("SIGTERM");
    await this.#signal("SIGCONT");
    if (await this.ended(limitMs) === undefined) await this.kill();
  }

  /** Waits for its end, at most so long; the exit status, or `undefined` if it still runs. */
  async ended(limitMs: number): Promise<number | undefined> {
    return await poll(limitMs, () => this.exitStatus());
  }

  /** The last lines it has written. */
  async log(lines = 20): Promise<string> {
    const text = await Deno.readTextFile(this.#file("log")).catch(() => "");
    return text.trimEnd().split("\n").slice(-lines).join("\n");
  }

  async #signal(signal: Deno.Signal): Promise<void> {
    if (this.#pid === 0 || await this.exitStatus() !== undefined) return;
    try {
      Deno.kill(this.#pid, signal);
    } catch (error) {
      // It may have ended since, its status not yet written.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #file(kind: "log" | "pid" | "exit"): string {
    return `${this.#supervisor.dir}/${this.name}.${kind}`;
  }
}

/**
 * Asks again and again until there is an answer.
 *
 * @param limitMs How long at most.
 * @param ask Gives the answer, or `undefined` to be asked again.
 * @returns The answer, or `undefined` when the time is over.
 */
export async function poll<T>(
  limitMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const end = performance.now() + limitMs;
  while (true) {
    const answer = await ask();
    if (answer !== undefined || performance.now() >= end) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function readNumber(path: string): Promise<number | undefined> {
  try {
    return Number(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function quote(argument: string): string {
  if (argument.includes("\n")) throw new Error("Cannot pass an argument of several lines");
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}
