// One guard under the hand of a test: virtual clocks, messages and processes by hand, every effect on record.
import { assert } from "@std/assert";
import { type Effect, Guard, type Input, type Settings } from "../../lib/guard/guard.ts";
import type { ElectorMessage, Exit, Facts, GuardMessage } from "../../lib/guard/messages.ts";
import {
  acquiredLease,
  type Answer,
  type LeaseRecord,
  newLease,
  renewedLease,
} from "../../lib/lease.ts";
import { makeTiming } from "../../lib/timing.ts";
import { ME, NONCE, stored, WALL } from "./rig.ts";

export const D = 15_000;
export const F = 12_000;
export const STOP = 10_000;
export const K = F - STOP;
export const SETTLE = 1_000;
export const TOKEN = "41";
export const GUARD_NONCE = "0".repeat(31) + "f";
export const KILLED: Exit = { code: 137, signal: "SIGKILL" };

const { leaseDurationMs, fenceMs, stopMs, retryPeriodMs, attemptTimeoutMs } = makeTiming();

export const FACTS: Facts = {
  identity: ME,
  nonce: NONCE,
  namespace: "default",
  leaseName: "x",
  leaseDurationMs,
  fenceMs,
  stopMs,
  retryPeriodMs,
  attemptTimeoutMs,
};

type Of<T extends Effect["type"]> = Extract<Effect, { type: T }>;
type Said = Exclude<ElectorMessage, { type: "access" }>;

export class GuardRig {
  readonly guard: Guard;
  mono = 0;
  wallOffset = WALL;
  /** All effects since the last {@linkcode take}, but for the log. */
  effects: Effect[] = [];
  /** The events of the log. */
  readonly log: string[] = [];
  /** What kill passes find, one after the other; then nothing. */
  finds: number[] = [];
  unprovable?: string;
  /** Whether passes are answered at once. */
  sweeps = true;
  #sequence = 0;

  constructor(options: Partial<Settings> = {}) {
    this.guard = new Guard({
      kind: "exec",
      settleMs: SETTLE,
      stopSignal: "SIGTERM",
      restart: false,
      nonce: GUARD_NONCE,
      ...options,
    });
  }

  get now() {
    return { mono: this.mono, wall: this.mono + this.wallOffset };
  }

  step(input: Input): void {
    const effects = this.guard.step(input, this.now, 0.5);
    assert(
      this.guard.deadline(this.now) > this.mono || this.guard.state.exited,
      "nothing is left overdue",
    );
    for (const effect of effects) {
      if (effect.type === "note") this.log.push(effect.note.event);
      else this.effects.push(effect);
    }
    for (const effect of effects) if (effect.type === "sweep" && this.sweeps) this.swept(effect);
  }

  swept({ id }: { id: number }): void {
    const found = this.finds.shift() ?? 0;
    this.step({ type: "swept", id, found, unprovable: this.unprovable });
  }

  /** Lets time pass, with a timer at every deadline. */
  sleep(ms: number): void {
    const end = this.mono + ms;
    while (this.guard.deadline(this.now) <= end) {
      this.mono = Math.max(this.mono, this.guard.deadline(this.now));
      this.step({ type: "timer" });
    }
    this.mono = end;
  }

  say(message: Said, session = 1): void {
    this.step({ type: "said", session, message });
  }

  hello(session = 1, facts = FACTS): this {
    this.say({ type: "hello", version: 1, secret: "s", ...facts }, session);
    return this;
  }

  /** Asks for a write of the next sequence, and has it confirmed unless told otherwise. */
  write(token = TOKEN, confirmed = true, session = 1): number {
    const sequence = ++this.#sequence;
    this.say({ type: "ask", sequence, token }, session);
    if (confirmed) this.say({ type: "confirmed", sequence }, session);
    return sequence;
  }

  /** An elector whose command has just been started, by a reading of this very moment. */
  running(): this {
    this.hello().write();
    this.say({ type: "run", token: TOKEN });
    this.step({ type: "spawned", pid: 77 });
    this.effects = [];
    return this;
  }

  answer(effect: { id: number }, answer: Answer): void {
    this.step({ type: "answered", id: effect.id, answer });
  }

  /** Everything that was said to an elector since the last {@linkcode take} of it. */
  said(): GuardMessage[] {
    return this.take("say").map(({ message }) => message);
  }

  take<T extends Effect["type"]>(type: T): Of<T>[] {
    const found = this.effects.filter((effect): effect is Of<T> => effect.type === type);
    this.effects = this.effects.filter((effect) => effect.type !== type);
    return found;
  }

  only<T extends Effect["type"]>(type: T): Of<T> {
    const found = this.take(type);
    assert(found.length === 1, `one ${type} expected, ${found.length} found`);
    return found[0]!;
  }

  types(): string[] {
    return this.effects.map(({ type }) => type);
  }
}

/** The Lease as the elector of {@linkcode FACTS} holds it by the write of this sequence. */
export function heldBy(rv: number, sequence: number, token = TOKEN, identity = ME): LeaseRecord {
  const claim = {
    identity,
    write: `${NONCE}.${sequence}`,
    token,
    durationMs: D,
    renewMicros: WALL * 1_000 + sequence,
  };
  const acquired = stored(acquiredLease(stored(newLease("default", "x"), 1), claim), rv);
  return sequence === 1 ? acquired : stored(renewedLease(acquired, claim), rv);
}
