/**
 * The elector's end of the line to its guard.
 *
 * @module
 */
import { ConfigError, type LossReason, Unguarded } from "../errors.ts";
import type { Token } from "../token.ts";
import { Lines } from "./lines.ts";
import {
  type Access,
  type ElectorMessage,
  type Exit,
  type Facts,
  GUARD_ENV,
  type GuardMessage,
  readGuardMessage,
  VERSION,
} from "./messages.ts";

/** What a guard tells an elector without being asked. */
export interface GuardEvents {
  /** The term of this token will be stopped at its fence, so it may begin. */
  armed(token: Token): void;
  /** The guard is gone, and will not come back. */
  gone(): void;
}

/** What an elector asks of a guard. */
export interface GuardApi {
  /**
   * Introduces the elector.
   *
   * @param facts Who it is.
   * @param access How to reach the API server; asked again before every write.
   * @param events Told until {@linkcode goodbye}.
   * @throws {Unguarded} If there is no guard any more.
   */
  open(facts: Facts, access: () => Promise<Access>, events: GuardEvents): Promise<void>;
  /**
   * Asks the guard to read its clocks for a write that is about to be sent.
   *
   * @returns Whether it has; if not, the write must not be sent.
   */
  ask(sequence: number, token: Token, signal: AbortSignal): Promise<boolean>;
  /** The write of this sequence counts. */
  confirmed(sequence: number): void;
  /** The term is over, or (`revoked`) may not act any more. */
  over(token: Token, reason: LossReason, revoked: boolean): void;
  /** Nothing of the term can act any more. */
  disarm(token: Token): void;
  /** No release is open any more; resolves when the guard can know. */
  goodbye(): Promise<void>;
}

/** How a command ended. */
export interface Ended extends Exit {
  /** Because the guard made it. */
  readonly stopped: boolean;
}

/** The line to the guard that this process runs under. */
export class GuardLink implements GuardApi {
  readonly #path: string;
  readonly #secret: string;
  readonly #onDrain: () => void;
  readonly #readings = new Map<number, () => void>();
  #lines?: Lines;
  #access = "";
  #command?: PromiseWithResolvers<Ended | undefined>;
  #pid?: number;

  /**
   * @param path Of the socket.
   * @param secret What it wants to be shown.
   * @param onDrain Called when the term and the election are to be given up; `exec` only.
   */
  constructor(path: string, secret: string, onDrain: () => void = () => {}) {
    this.#path = path;
    this.#secret = secret;
    this.#onDrain = onDrain;
  }

  /**
   * The line that the environment names.
   *
   * @throws {ConfigError} If it names none.
   */
  static fromEnvironment(onDrain?: () => void): GuardLink {
    const [path, secret] = [Deno.env.get(GUARD_ENV.socket), Deno.env.get(GUARD_ENV.secret)];
    if (path && secret) return new GuardLink(path, secret, onDrain);
    throw new ConfigError(
      `Cannot be guarded: ${GUARD_ENV.socket} is not set, so this program runs under no guard; start ` +
        `it by "deno task guard -- deno run app.ts", or leave the option guard out`,
    );
  }

  /** @inheritdoc */
  async open(facts: Facts, access: () => Promise<Access>, events: GuardEvents): Promise<void> {
    let connection: Deno.UnixConn;
    try {
      connection = await Deno.connect({ transport: "unix", path: this.#path });
    } catch (error) {
      throw new Unguarded(
        `Cannot reach the guard at ${this.#path}: ${
          error instanceof Error ? error.message : error
        }`,
        { cause: error },
      );
    }
    const lines = this.#lines = new Lines(connection);
    this.#access = "";
    this.#source = access;
    this.#tell({ type: "hello", version: VERSION, secret: this.#secret, ...facts });
    await this.#tellAccess();
    this.#listen(lines, events);
  }

  #source: () => Promise<Access> = () => Promise.reject(new Error("not open"));

  /** @inheritdoc */
  async ask(sequence: number, token: Token, signal: AbortSignal): Promise<boolean> {
    await this.#tellAccess();
    if (this.#lines === undefined || signal.aborted) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const giveUp = () => resolve(false);
    this.#readings.set(sequence, () => resolve(this.#lines !== undefined));
    signal.addEventListener("abort", giveUp, { once: true });
    this.#tell({ type: "ask", sequence, token });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
      this.#readings.delete(sequence);
    }
  }

  /** @inheritdoc */
  confirmed(sequence: number): void {
    this.#tell({ type: "confirmed", sequence });
  }

  /** @inheritdoc */
  over(token: Token, reason: LossReason, revoked: boolean): void {
    this.#tell({ type: "over", token, reason, revoked });
  }

  /** @inheritdoc */
  disarm(token: Token): void {
    this.#tell({ type: "disarm", token });
  }

  /** @inheritdoc */
  async goodbye(): Promise<void> {
    const lines = this.#lines;
    if (lines === undefined) return;
    this.#lines = undefined;
    lines.send({ type: "goodbye" });
    await lines.flush();
    lines.close();
  }

  /**
   * Has the guard run the command of `exec` for the present term.
   *
   * @param token Of the term.
   * @param url Where this process answers over HTTP.
   * @returns How it ended, when nothing of it lives any more; `undefined` if the guard is gone.
   */
  run(token: Token, url?: string): Promise<Ended | undefined> {
    this.#command = Promise.withResolvers();
    this.#pid = undefined;
    if (this.#lines === undefined) this.#command.resolve(undefined);
    this.#tell({ type: "run", token, url });
    return this.#command.promise;
  }

  /** The process of the command, and its group; `undefined` while none is known to run. */
  get commandPid(): number | undefined {
    return this.#pid;
  }

  #tell(message: ElectorMessage): void {
    this.#lines?.send(message);
  }

  /** Passes on how to reach the API server, if that has changed. */
  async #tellAccess(): Promise<void> {
    try {
      const access = await this.#source();
      const text = JSON.stringify(access);
      if (text !== this.#access) this.#tell({ type: "access", ...access });
      this.#access = text;
    } catch {
      // The write that follows will fail of the same, and say so.
    }
  }

  async #listen(lines: Lines, events: GuardEvents): Promise<void> {
    for await (const line of lines.read()) {
      const message = readGuardMessage(line);
      if (message === undefined) break;
      this.#hear(message, events);
    }
    lines.close();
    if (this.#lines !== lines) return;
    this.#lines = undefined;
    for (const resolve of this.#readings.values()) resolve();
    this.#command?.resolve(undefined);
    events.gone();
  }

  #hear(message: GuardMessage, events: GuardEvents): void {
    switch (message.type) {
      case "reading":
        return this.#readings.get(message.sequence)?.();
      case "armed":
        return events.armed(message.token);
      case "running":
        this.#pid = message.pid;
        return;
      case "ended":
        this.#pid = undefined;
        return this.#command?.resolve(message);
      case "drain":
        return this.#onDrain();
    }
  }
}
