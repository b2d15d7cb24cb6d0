// The socket between an elector and its guard: in order, both ways, sometimes slow, and closed by the end of either.
import type { ElectorMessage, GuardMessage } from "../../../lib/guard/messages.ts";

/** What an elector says in the course of time. */
export type Said = Exclude<ElectorMessage, { type: "access" }>;

/** What a pipe needs of its surroundings. */
export interface PipeEnds {
  /** True time. */
  readonly time: number;
  /** How long one message lies in the pipe. */
  delayMs(): number;
  /** Does something at this time in the process of the guard. */
  atGuard(at: number, what: () => void): void;
  /** The same in that of the elector. */
  atElector(at: number, what: () => void): void;
  /** Something comes out at the guard's end. */
  said(session: number, message: Said): void;
  /** The guard reads the end of file. */
  closed(session: number): void;
}

/** One connection. */
class Pipe {
  readonly #ends: PipeEnds;
  #toGuard = 0;
  #toElector = 0;
  #closed = false;

  /**
   * @param session Its number.
   * @param hear Takes what the guard says, at the elector's end.
   * @param eof Told there that nothing follows.
   */
  constructor(
    ends: PipeEnds,
    readonly session: number,
    readonly hear: (message: GuardMessage) => void,
    readonly eof: () => void,
  ) {
    this.#ends = ends;
  }

  /** The elector says something, not before `from`. */
  say(message: Said, from: number): void {
    if (!this.#closed) this.#up(from, () => this.#ends.said(this.session, message));
  }

  /** The guard says something. */
  answer(message: GuardMessage): void {
    if (!this.#closed) this.#down(() => this.hear(message));
  }

  /** Closes it; what lies in it is still read, and then the end. */
  close(from = this.#ends.time): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#up(from, () => this.#ends.closed(this.session));
    this.#down(this.eof);
  }

  #up(from: number, what: () => void): void {
    const { time } = this.#ends;
    this.#toGuard = Math.max(this.#toGuard, time, from) + this.#ends.delayMs();
    this.#ends.atGuard(this.#toGuard, what);
  }

  #down(what: () => void): void {
    this.#toElector = Math.max(this.#toElector, this.#ends.time) + this.#ends.delayMs();
    this.#ends.atElector(this.#toElector, what);
  }
}

/** All connections between one elector and its guard, of which the last is in use. */
export class Pipes {
  readonly #ends: PipeEnds;
  readonly #all = new Map<number, Pipe>();
  #last?: Pipe;
  #count = 0;

  constructor(ends: PipeEnds) {
    this.#ends = ends;
  }

  /** The elector connects. */
  connect(hear: (message: GuardMessage) => void, eof: () => void): void {
    this.#last = new Pipe(this.#ends, ++this.#count, hear, eof);
    this.#all.set(this.#count, this.#last);
  }

  /** It says something, not before `from`. */
  say(message: Said, from: number): void {
    this.#last?.say(message, from);
  }

  /** Its connection ends. */
  hangUp(from = this.#ends.time): void {
    this.#last?.close(from);
  }

  /** The guard says something in this session. */
  answer(session: number, message: GuardMessage): void {
    this.#all.get(session)?.answer(message);
  }

  /** The guard ends it. */
  drop(session: number): void {
    this.#all.get(session)?.close();
  }

  /** The guard ends all. */
  close(): void {
    for (const pipe of this.#all.values()) pipe.close();
    this.#all.clear();
    this.#last = undefined;
  }
}
