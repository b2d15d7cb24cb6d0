/**
 * The guard process: it carries out what the machine says, and has no opinion of its own.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { Client } from "../kubernetes/client.ts";
import { Credentials } from "../kubernetes/credentials.ts";
import { Leases } from "../kubernetes/leases.ts";
import type { Answer } from "../lease.ts";
import { DeadlineFile } from "./deadline_file.ts";
import { type Effect, Guard, type Input, type Note, type Settings } from "./guard.ts";
import { type Access, type Exit, type Facts, GUARD_ENV } from "./messages.ts";
import { kill, Processes } from "./processes.ts";
import { GuardSocket } from "./socket.ts";
import { keepThread } from "./thread.ts";

/** A program and its arguments. */
export interface Program {
  readonly program: string;
  readonly args: readonly string[];
}

/** What a guard is told. */
export interface WardenOptions extends Omit<Settings, "kind" | "nonce"> {
  /** The elector of `exec`, or the program that is guarded. */
  readonly ward: Program;
  /** The command of `exec`. */
  readonly command?: Program;
  /** Takes what is to be logged; it must not block. */
  readonly log: (note: Note) => void;
}

/** Everything that may be passed on; SIGTSTP is taken to be ignored, since who guards must not sleep. */
const SIGNALS = [
  "SIGTERM",
  "SIGINT",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
] as const;

/** The deadlines of a command are told by the clock that `/proc/uptime` shows. */
const HAS_UPTIME = Deno.build.os === "linux";

/** Runs a guard to its end. */
export class Warden {
  readonly #options: WardenOptions;
  readonly #clock: Clock = systemClock;
  readonly #guard: Guard;
  readonly #mark: string;
  readonly #processes: Processes;
  readonly #secret: string;
  readonly #folder: string;
  readonly #deadline: DeadlineFile;
  readonly #socket: GuardSocket;
  readonly #facts = new Map<number, Facts>();
  readonly #clients = new Map<number, Client>();
  readonly #requests = new Map<number, AbortController>();
  readonly #inputs: Input[] = [];
  readonly #exit = Promise.withResolvers<number>();
  #stepping = false;
  #cancelTimer = () => {};
  #wardPid?: number;
  #commandPid?: number;

  /** Listens for electors, and takes over the signals of this process. */
  private constructor(options: WardenOptions, folder: string) {
    const { settleMs, stopSignal, restart, command } = options;
    this.#options = options;
    this.#guard = new Guard({
      kind: command === undefined ? "program" : "exec",
      settleMs,
      stopSignal,
      restart,
      nonce: this.#clock.nonce(),
    });
    this.#mark = `K8SENSUS_MARK_${this.#clock.nonce()}`;
    this.#processes = new Processes(this.#mark);
    this.#secret = this.#clock.nonce();
    this.#folder = folder;
    this.#deadline = new DeadlineFile(
      `${folder}/deadline`,
      this.#clock,
      (message) => this.#tell("warn", "deadline-file", `cannot write the deadline: ${message}`),
    );
    Deno.mkdirSync(`${folder}/guard`, { mode: 0o700 });
    this.#socket = new GuardSocket(this.#path, this.#secret, {
      said: (session, message) => {
        if (message.type === "hello") this.#facts.set(session, message);
        this.step({ type: "said", session, message });
      },
      access: (session, access) => this.#connect(session, access),
      closed: (session) => {
        this.step({ type: "closed", session });
        this.#forget(session);
      },
      refused: (why) => this.#tell("error", "refused", `refused a connection: ${why}`),
    });
  }

  /**
   * Starts the ward and guards it until nothing is left to do.
   *
   * @returns The exit code.
   */
  static async run(options: WardenOptions): Promise<number> {
    using _thread = keepThread();
    // Those of a guard above this one are no business of what this one starts.
    for (const name of Object.values(GUARD_ENV)) Deno.env.delete(name);
    const folder = makeFolder();
    try {
      const warden = new Warden(options, folder);
      using _signals = warden.#listenToSignals();
      try {
        warden.#tellLimits();
        warden.#start();
        return await warden.#exit.promise;
      } finally {
        warden.#close();
      }
    } finally {
      removeFolder(folder);
    }
  }

  /** Takes one input in. */
  step(input: Input): void {
    this.#inputs.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next; (next = this.#inputs.shift()) !== undefined;) {
        const effects = this.#guard.step(next, this.#clock.now(), this.#clock.random());
        for (const effect of effects) this.#perform(effect);
      }
    } finally {
      this.#stepping = false;
    }
    this.#arm();
  }

  get #path(): string {
    return `${this.#folder}/guard/socket`;
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "say":
        return this.#socket.say(effect.session, effect.message);
      case "drop":
        return this.#socket.drop(effect.session);
      case "spawn":
        return this.#spawnCommand(effect.env);
      case "signalCommand":
        return this.#signal(this.#commandPid, effect.signal, effect.group);
      case "killCommand":
        return this.#signal(this.#commandPid, "SIGKILL", true);
      case "signalWard":
        return this.#signal(this.#wardPid, effect.signal, false);
      case "killWard":
        return this.#signal(this.#wardPid, "SIGKILL", true);
      case "sweep":
        return this.#sweep(effect.id, effect.spareWard);
      case "deadline":
        if (!HAS_UPTIME) return;
        if (this.#commandPid === undefined) return this.#deadline.writeSync(effect);
        return void this.#deadline.write(effect);
      case "warm":
        return this.#warm(effect.session);
      case "read":
        return this.#request(effect, (leases, signal) => leases.read(signal));
      case "write":
        return this.#request(effect, (leases, signal) => leases.write(effect.lease, signal));
      case "abandon":
        return this.#requests.get(effect.id)?.abort();
      case "note":
        return this.#options.log(effect.note);
      case "exit":
        return this.#exit.resolve(effect.code);
    }
  }

  /** Starts the elector, or the program. */
  #start(): void {
    const { ward, command } = this.#options;
    const exec = command !== undefined;
    const env: Record<string, string> = {
      [GUARD_ENV.socket]: this.#path,
      [GUARD_ENV.secret]: this.#secret,
      ...(exec
        ? { [GUARD_ENV.mark]: this.#mark, [GUARD_ENV.pid]: `${Deno.pid}` }
        : { [this.#mark]: "1" }),
    };
    const streams = exec
      ? { stdin: "null", stdout: "null" } as const
      : { stdin: "inherit", stdout: "inherit" } as const;
    const { exit, pid } = this.#spawn(ward, env, streams);
    this.#wardPid = pid;
    exit.then((exit) => {
      this.#wardPid = undefined;
      this.step({ type: "wardExited", exit });
    });
  }

  #spawnCommand(extra: Readonly<Record<string, string>>): void {
    const env: Record<string, string> = {
      ...extra,
      ...(HAS_UPTIME ? { K8SENSUS_DEADLINE_FILE: this.#deadline.path } : {}),
      [this.#mark]: "1",
    };
    const { exit, pid } = this.#spawn(this.#options.command!, env);
    this.#commandPid = pid;
    if (pid !== undefined) this.step({ type: "spawned", pid });
    exit.then((exit) => {
      this.#commandPid = undefined;
      this.step({ type: "commandExited", exit });
    });
  }

  /**
   * Starts a program in a session of its own; one that cannot be started ends with 126 or 127.
   *
   * @param env What is added to our own environment, which it inherits as it is, be it text or not.
   */
  #spawn(
    { program, args }: Program,
    env: Record<string, string>,
    streams: { stdin?: "null" | "inherit"; stdout?: "null" | "inherit" } = {},
  ): { exit: Promise<Exit>; pid?: number } {
    try {
      const child = new Deno.Command(program, {
        args: [...args],
        env,
        stdin: "inherit",
        stdout: "inherit",
        stderr: "inherit",
        ...streams,
        detached: true,
      }).spawn();
      return { exit: this.#processes.own(child), pid: child.pid };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#tell("error", "not-started", `cannot start ${program}: ${message}`);
      const code = error instanceof Deno.errors.NotFound ? 127 : 126;
      return { exit: Promise.resolve({ code }) };
    }
  }

  #signal(pid: number | undefined, signal: string, group: boolean): void {
    if (pid === undefined) return;
    if (group) kill(-pid, signal);
    else kill(pid, signal);
  }

  #sweep(id: number, spareWard: boolean): void {
    this.#processes.sweep(spareWard ? this.#wardPid : undefined).then((pass) =>
      this.step({ type: "swept", id, ...pass })
    );
  }

  #connect(session: number, access: Access): void {
    const { token, ca, cert, key, ...route } = access;
    const secrets = { token, ca, cert, key };
    const credentials = new Credentials(() => Promise.resolve(secrets), this.#clock);
    // Requests of the old one end by their own signals.
    this.#clients.get(session)?.close();
    const first = !this.#clients.has(session);
    try {
      this.#clients.set(session, new Client({ ...route, credentials }, this.#clock));
      if (first) this.#greet(session);
    } catch (error) {
      this.#tell("error", "refused", `cannot use the API server that it named: ${error}`);
    }
  }

  /** Drops what is known of an elector that is gone for good, with nothing left to release. */
  #forget(session: number): void {
    const { doom, releases } = this.#guard.state;
    if (doom !== undefined || releases.some((release) => release.session === session)) return;
    this.#clients.get(session)?.close();
    this.#clients.delete(session);
    this.#facts.delete(session);
  }

  #leases(session: number): Leases | undefined {
    const client = this.#clients.get(session);
    const facts = this.#facts.get(session);
    if (client === undefined || facts === undefined) return undefined;
    return new Leases(client, facts.namespace, facts.leaseName, { clock: this.#clock });
  }

  /**
   * Makes the first connection, when nobody waits for it: it takes 40 ms, for all the authorities that might
   * be trusted. And tells if there is none, which otherwise only a crash would show.
   */
  #greet(session: number): void {
    this.#warm(session, (answer) => {
      if (answer.kind !== "unknown" && answer.kind !== "refused") return;
      this.#tell(
        "warn",
        "unreachable",
        `the guard cannot read the Lease (${answer.message}): after a crash nothing would be released now`,
      );
    });
  }

  /** Opens a connection. No request of the machine has such a number, so nobody waits for the answer. */
  #warm(session: number, look: (answer: Answer) => void = () => {}): void {
    this.#request({ id: -session, session }, async (leases, signal) => {
      const answer = await leases.read(signal);
      look(answer);
      return answer;
    });
  }

  #request(
    { id, session }: { id: number; session: number },
    send: (leases: Leases, signal: AbortSignal) => Promise<Answer>,
  ): void {
    const controller = new AbortController();
    this.#requests.set(id, controller);
    const leases = this.#leases(session);
    const answer = leases === undefined
      ? Promise.resolve<Answer>({ kind: "unknown", message: "the API server is not known" })
      : send(leases, controller.signal);
    answer.then((answer) => {
      this.#requests.delete(id);
      this.step({ type: "answered", id, answer });
    });
  }

  #arm(): void {
    this.#cancelTimer();
    const now = this.#clock.now();
    const wait = this.#guard.deadline(now) - now.mono;
    if (wait === Infinity || this.#guard.state.exited) return;
    this.#cancelTimer = this.#clock.schedule(
      Math.max(0, wait),
      () => this.step({ type: "timer" }),
    );
  }

  #listenToSignals(): Disposable {
    const listeners: [Deno.Signal, () => void][] = [
      ...SIGNALS.map((signal): [Deno.Signal, () => void] => [
        signal,
        () => this.step({ type: "signalled", signal }),
      ]),
      ["SIGTSTP", () => this.#tell("info", "awake", "SIGTSTP: a guard does not sleep")],
      ["SIGCHLD", () => this.#processes.reap()],
    ];
    for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
    return {
      [Symbol.dispose]() {
        for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
      },
    };
  }

  /** What no guard can cover. */
  #tellLimits(): void {
    this.#tell(
      "info",
      "limits",
      "not covered: if the whole container is killed, for want of memory or otherwise, or the node is " +
        "lost, the next leader waits a lease duration",
    );
    if (Deno.pid === 1) {
      this.#tell(
        "info",
        "limits",
        "this guard is process 1: if it ends, so does all in the container, and the Lease runs out by itself",
      );
    }
    const { unprovable } = this.#processes;
    if (unprovable !== undefined) {
      this.#tell(
        "warn",
        "limits",
        `no death can be proven here (${unprovable}): after a crash the Lease runs out by itself`,
      );
    }
  }

  #tell(level: Note["level"], event: string, message: string): void {
    this.#options.log({ level, event, message, fields: {} });
  }

  #close(): void {
    this.#cancelTimer();
    for (const controller of this.#requests.values()) controller.abort();
    for (const client of this.#clients.values()) client.close();
    this.#socket.close();
  }
}

/** A folder of our own: in memory if possible, so that no full or slow disk is ever waited for. */
function makeFolder(): string {
  let why: unknown;
  for (const dir of ["/dev/shm", undefined]) {
    try {
      const folder = Deno.makeTempDirSync({ dir, prefix: "k8sensus-" });
      // The command may be of another user, who reads its deadline here; the socket is one folder deeper.
      Deno.chmodSync(folder, 0o711);
      return folder;
    } catch (error) {
      why = error;
    }
  }
  throw new Error(
    `Cannot make a folder for the guard's socket: ${why instanceof Error ? why.message : why}; ` +
      `let TMPDIR name one that can be written to, such as an emptyDir`,
  );
}

function removeFolder(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch {
    // Somebody else has tidied up.
  }
}
