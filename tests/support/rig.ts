// One election under the hand of a test: virtual clocks, answers by hand, and every effect on record.
import { assert } from "@std/assert";
import { type Effect, Election, type Input, type Settings } from "../../lib/election.ts";
import {
  acquiredLease,
  ANNOTATION,
  type Answer,
  type Lease,
  type LeaseRecord,
  newLease,
  readLease,
  releasedLease,
  renewedLease,
  type WatchEnd,
  type WatchEvent,
} from "../../lib/lease.ts";
import { makeTiming, type TimingOptions } from "../../lib/timing.ts";

export const NONCE = "0".repeat(31) + "a";
export const OTHER = "0".repeat(31) + "b";
export const ME = `me_${NONCE}_-`;
export const THEM = `them_${OTHER}_-`;
/** Any wall clock will do. */
export const WALL = Date.UTC(2026, 0, 1);

type Of<T extends Effect["type"]> = Extract<Effect, { type: T }>;

export class Rig {
  readonly election: Election;
  mono = 0;
  /** Added to the monotonic clock. */
  wallOffset = WALL;
  random = 0.5;
  /** All effects since the last {@linkcode take}. */
  effects: Effect[] = [];

  constructor(options: TimingOptions & Partial<Settings> = {}) {
    const settings: Settings = {
      identity: ME,
      nonce: NONCE,
      namespace: "default",
      leaseName: "x",
      trustUnheld: false,
      ...options,
      timing: makeTiming(options),
    };
    this.election = new Election(settings);
  }

  get now() {
    return { mono: this.mono, wall: this.mono + this.wallOffset };
  }

  get role() {
    return this.election.state.role.name;
  }

  step(input: Input): Effect[] {
    const effects = this.election.step(input, this.now, this.random);
    this.effects.push(...effects);
    assert(this.election.deadline(this.now) > this.mono, "a step leaves nothing overdue");
    return effects;
  }

  /** Lets time pass, with a timer at every deadline. */
  sleep(ms: number): void {
    const end = this.mono + ms;
    for (;;) {
      const due = this.election.deadline(this.now);
      if (due > end) break;
      this.mono = Math.max(this.mono, due);
      this.step({ type: "timer" });
    }
    this.mono = end;
  }

  /** Starts, contends, and has the watch show this much. */
  begin(...events: WatchEvent[]): this {
    this.step({ type: "start" });
    this.step({ type: "contend" });
    this.watch({ type: "opened" }, ...events);
    return this;
  }

  watch(...events: WatchEvent[]): Effect[] {
    const watch = this.election.state.watch.number;
    return events.flatMap((event) => this.step({ type: "watched", watch, event }));
  }

  show(record: LeaseRecord): Effect[] {
    return this.watch({ type: "lease", record });
  }

  endWatch(end: WatchEnd): Effect[] {
    return this.step({ type: "watchEnded", watch: this.election.state.watch.number, end });
  }

  /** Answers the request of this effect. */
  answer(effect: { id: number }, answer: Answer): Effect[] {
    return this.step({ type: "answered", id: effect.id, answer });
  }

  /** Answers a write with success, as this version. */
  commit(write: Of<"write">, rv: number | string): LeaseRecord {
    const record = stored(write.lease, rv);
    this.answer(write, { kind: "lease", record });
    return record;
  }

  /** Takes the effects of one type off the record. */
  take<T extends Effect["type"]>(type: T): Of<T>[] {
    const found = this.effects.filter((effect): effect is Of<T> => effect.type === type);
    this.effects = this.effects.filter((effect) => effect.type !== type);
    return found;
  }

  /** Takes the one effect of its type off the record. */
  only<T extends Effect["type"]>(type: T): Of<T> {
    const found = this.take(type);
    assert(found.length === 1, `one ${type} expected, ${found.length} found`);
    return found[0]!;
  }

  /** Takes over a released Lease, so that a term begins now, sent now, at version 20. */
  lead(): LeaseRecord {
    this.begin({ type: "lease", record: released(10) }, { type: "synced", rv: "10" });
    const write = this.only("write");
    const record = this.commit(write, 20);
    assert(this.role === "leading");
    return record;
  }
}

/** A written Lease as the server would give it back. */
export function stored(lease: Lease, rv: number | string, uid = "uid-1"): LeaseRecord {
  return readLease(structuredClone({
    ...lease,
    metadata: { ...lease.metadata, uid: lease.metadata.uid ?? uid, resourceVersion: String(rv) },
  }));
}

/** A Lease that nobody has held. */
export function unheld(rv: number): LeaseRecord {
  return stored(newLease("default", "x"), rv);
}

export interface HeldOptions {
  identity?: string;
  write?: string;
  token?: string;
  durationMs?: number;
  renewMicros?: number;
  base?: LeaseRecord;
}

/** A Lease held by one of ours. */
export function held(rv: number, options: HeldOptions = {}): LeaseRecord {
  return stored(acquiredLease(options.base ?? unheld(1), claim(rv, options)), rv);
}

/** The same holder, one renewal later. */
export function renewed(base: LeaseRecord, rv: number, options: HeldOptions = {}): LeaseRecord {
  return stored(renewedLease(base, claim(rv, { token: base.token, ...options })), rv);
}

/** A Lease given back by one of ours; its mark names the version `from`. */
export function released(rv: number, from: LeaseRecord = held(rv - 1)): LeaseRecord {
  return stored(releasedLease(from, claim(rv, { token: from.token })), rv);
}

function claim(rv: number, options: HeldOptions) {
  return {
    identity: THEM,
    write: `${OTHER}.${rv}`,
    token: String(rv - 1),
    durationMs: 15_000,
    renewMicros: WALL * 1_000 + rv,
    ...options,
  };
}

/** A Lease as client-go leaves it: it writes the spec and keeps foreign annotations. */
export function byClientGo(base: LeaseRecord, rv: number, holder = "go-client"): LeaseRecord {
  const lease = structuredClone(base.lease);
  lease.spec.holderIdentity = holder;
  lease.spec.leaseDurationSeconds = holder === "" ? 1 : 15;
  lease.spec.renewTime = "2026-02-02T00:00:00.000000Z";
  return stored(lease, rv);
}

/** The record with something changed by hand. */
export function edited(
  base: LeaseRecord,
  rv: number,
  change: (lease: Lease) => void,
): LeaseRecord {
  const lease = structuredClone(base.lease);
  change(lease);
  return stored(lease, rv);
}

export { ANNOTATION };
