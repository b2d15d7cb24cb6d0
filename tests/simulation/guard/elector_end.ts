// The elector's end of the line to its guard, as `lib/guarding.ts` and `lib/guard/link.ts` have it, without waiting:
// no write before a reading, no term before the guard is armed, no goodbye while something may act.
import type { Effect } from "../../../lib/election.ts";
import type { Facts, GuardMessage } from "../../../lib/guard/messages.ts";
import { ANNOTATION, type Lease } from "../../../lib/lease.ts";
import type { Token } from "../../../lib/token.ts";
import type { Said } from "./pipe.ts";

/** What it needs of its surroundings. */
export interface ElectorSurroundings {
  readonly facts: Facts;
  /** Connects; what is said from then on goes there. */
  connect(): void;
  tell(message: Said): void;
  /** Closes the connection. */
  close(): void;
  /** The write may be sent. */
  send(id: number, kind: "acquire" | "renew", lease: Lease): void;
  /** The write was not sent. */
  unsent(id: number): void;
  armed(token: Token): void;
  /** The guard is gone. */
  gone(): void;
  ended(how: { readonly stopped: boolean } | undefined): void;
  drain(): void;
}

interface Asked {
  readonly id: number;
  readonly kind: "acquire" | "renew";
  readonly lease: Lease;
}

/** That of one process. */
export class ElectorEnd {
  readonly #around: ElectorSurroundings;
  readonly #asked = new Map<number, Asked>();
  #open = false;
  #armed = false;
  #leaving = false;
  #token?: Token;
  /** The guard is gone for good. */
  gone = false;

  constructor(around: ElectorSurroundings) {
    this.#around = around;
  }

  /** Somebody wants to contend; says whether there is a guard. */
  enter(): boolean {
    if (this.gone) return false;
    this.#leaving = false;
    if (this.#open) return true;
    this.#open = true;
    this.#around.connect();
    this.#around.tell({ type: "hello", version: 1, secret: "", ...this.#around.facts });
    return true;
  }

  /** Nobody contends any more. */
  leave(): void {
    this.#leaving = this.#armed;
    if (!this.#open || this.#leaving) return;
    this.#open = false;
    this.#around.tell({ type: "goodbye" });
    this.#around.close();
  }

  /** Whether all that it had to say is said. */
  get left(): boolean {
    return !this.#open;
  }

  /** A write that needs a reading first. */
  ask(id: number, kind: "acquire" | "renew", lease: Lease): void {
    if (!this.#open) return this.#around.unsent(id);
    const notes = lease.metadata.annotations!;
    const sequence = Number(notes[ANNOTATION.write]!.split(".")[1]);
    this.#asked.set(sequence, { id, kind, lease });
    this.#around.tell({ type: "ask", sequence, token: notes[ANNOTATION.token]! });
  }

  /** A request is given up; says whether it has been sent. */
  abandon(id: number): boolean {
    for (const [sequence, asked] of this.#asked) {
      if (asked.id !== id) continue;
      this.#asked.delete(sequence);
      return false;
    }
    return true;
  }

  /** Passes on what the guard has to know. */
  hear(effect: Effect): void {
    switch (effect.type) {
      case "confirmed":
        this.#armed = true;
        return this.#tell({ type: "confirmed", sequence: effect.sequence });
      case "startTerm":
        this.#token = effect.token;
        return;
      case "endTerm":
      case "revokeTerm": {
        const revoked = effect.type === "revokeTerm";
        const { reason } = effect;
        return this.#tell({ type: "over", token: this.#token!, reason, revoked });
      }
      case "disarm":
        this.#armed = false;
        this.#tell({ type: "disarm", token: effect.token });
        if (this.#leaving) this.leave();
    }
  }

  /** Has the command run; says whether there is anybody to ask. */
  run(token: Token): boolean {
    this.#tell({ type: "run", token });
    return this.#open;
  }

  #tell(message: Said): void {
    if (this.#open) this.#around.tell(message);
  }

  /** The guard says something. */
  heard(message: GuardMessage): void {
    if (!this.#open) return;
    switch (message.type) {
      case "reading": {
        const asked = this.#asked.get(message.sequence);
        this.#asked.delete(message.sequence);
        if (asked !== undefined) this.#around.send(asked.id, asked.kind, asked.lease);
        return;
      }
      case "armed":
        return this.#around.armed(message.token);
      case "ended":
        return this.#around.ended(message);
      case "drain":
        return this.#around.drain();
    }
  }

  /** The end of file. */
  eof(): void {
    if (!this.#open) return;
    this.#open = false;
    this.gone = true;
    for (const { id } of this.#asked.values()) this.#around.unsent(id);
    this.#asked.clear();
    this.#around.gone();
    this.#around.ended(undefined);
  }
}
