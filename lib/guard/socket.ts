/**
 * The guard's end of the connections to electors.
 *
 * @module
 */
import { Lines } from "./lines.ts";
import {
  type Access,
  type ElectorMessage,
  type GuardMessage,
  readElectorMessage,
  VERSION,
} from "./messages.ts";

/** What comes in. */
export interface Hearing {
  /** An elector said something. */
  said(session: number, message: Exclude<ElectorMessage, { type: "access" }>): void;
  /** An elector said how to reach the API server. */
  access(session: number, access: Access): void;
  /** A connection that had said hello is over. */
  closed(session: number): void;
  /** Somebody was refused. */
  refused(why: string): void;
}

/** Listens for electors. */
export class GuardSocket {
  readonly #listener: Deno.UnixListener;
  readonly #secret: string;
  readonly #hearing: Hearing;
  readonly #open = new Map<number, Lines>();
  #lastId = 0;

  /**
   * Listens at once.
   *
   * @param path Of the socket, in a folder of our own.
   * @param secret What a hello has to show.
   * @param hearing Told what comes in.
   */
  constructor(path: string, secret: string, hearing: Hearing) {
    this.#secret = secret;
    this.#hearing = hearing;
    this.#listener = Deno.listen({ transport: "unix", path });
    this.#accept();
  }

  /** Says something to an elector that is still there. */
  say(session: number, message: GuardMessage): void {
    this.#open.get(session)?.send(message);
  }

  /** Ends a connection. */
  drop(session: number): void {
    this.#open.get(session)?.close();
    this.#open.delete(session);
  }

  /** Ends them all. */
  close(): void {
    this.#listener.close();
    for (const session of [...this.#open.keys()]) this.drop(session);
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) this.#serve(new Lines(connection));
    } catch {
      // Closed.
    }
  }

  async #serve(lines: Lines): Promise<void> {
    const session = ++this.#lastId;
    this.#open.set(session, lines);
    let greeted = false;
    for await (const line of lines.read()) {
      const message = readElectorMessage(line);
      const refusal = message === undefined
        ? "what it said cannot be read"
        : greeted
        ? undefined
        : this.#refusal(message);
      if (refusal !== undefined) {
        this.#hearing.refused(refusal);
        break;
      }
      greeted = true;
      if (message!.type === "access") {
        const { type: _type, ...access } = message!;
        this.#hearing.access(session, access);
      } else this.#hearing.said(session, message!);
    }
    this.drop(session);
    if (greeted) this.#hearing.closed(session);
  }

  /** Why a first message is not good enough. */
  #refusal(message: ElectorMessage): string | undefined {
    if (message.type !== "hello") return "it did not say hello";
    if (message.secret !== this.#secret) return "it did not know the secret";
    if (message.version === VERSION) return undefined;
    return `it speaks version ${message.version} of the messages, this guard version ${VERSION}; ` +
      `use the same release of k8sensus for both`;
  }
}
