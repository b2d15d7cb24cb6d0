// When two worlds are one: 64 bits of what is left when everything that can make no difference is taken away.
// Times count from now, versions and tokens by their order, sequences of writes by their order, and candidates
// whose clocks go alike may change places.
//
// What this file does not know of, such as a new field of the state, counts as it is: that can only tell apart
// what could be one.
import { ANNOTATION, type LeaseRecord } from "../../../lib/lease.ts";
import { type Cast, processOf } from "./cast.ts";
import { type Form, KIND, STATE } from "./forms.ts";
import { type Scope, tickOf } from "./scope.ts";
import type { Batch, Flight, Host, Version, World } from "./world.ts";

/** Numbers of one world; more than any needs. */
const ROOM = 8_192;
const UNRANKED = -1;
/** Behind every other number that is written. */
const NEVER = 0x7fffffff;
/** A version and a token that differ by more than one are simply in order. */
const WIDEST_GAP = 2;
/** The spaces of numbers of which only the order counts: versions and tokens, then sequences by host. */
const PLAIN = 0, VERSION = 1, SEQUENCE = 2;

/** What a record says, as numbers. */
interface Facts {
  readonly numbers: readonly number[];
  readonly uid: number;
  readonly rv: number;
  readonly token: number;
  readonly markRv: number;
  readonly markToken: number;
  /** Absent if it is no candidate. */
  readonly holder?: { readonly who: number; readonly life: number };
  readonly writer?: { readonly who: number; readonly life: number };
  readonly sequence: number;
}

/** Makes fingerprints of the worlds of one scope. */
export class Fingerprints {
  low = 0;
  high = 0;
  readonly #scope: Scope;
  readonly #orders: readonly (readonly number[])[];
  readonly #numbers = new Float64Array(ROOM);
  readonly #spaces = new Uint8Array(ROOM);
  #count = 0;
  readonly #words = new Map<string, number>();
  readonly #facts = new WeakMap<LeaseRecord, Facts>();
  /** Where numbers stand of which only the order counts. */
  readonly #ordered: number[] = [];
  readonly #sorted = new Float64Array(ROOM);
  /** By number. */
  readonly #ranks = new Int32Array(ROOM);
  // Of the world and host that are being written.
  #world!: World;
  #places!: readonly number[];
  #who = 0;
  #now = 0;

  constructor(cast: Cast) {
    this.#scope = cast.scope;
    this.#orders = ordersOf(cast.scope);
  }

  /** Sets {@linkcode low} and {@linkcode high} to those of a world. */
  take(world: World): void {
    let [least, its] = [Infinity, Infinity];
    for (const order of this.#orders) {
      this.#write(world, order);
      this.#hash();
      if (this.high > least || (this.high === least && this.low >= its)) continue;
      [least, its] = [this.high, this.low];
    }
    [this.high, this.low] = [least, its];
  }

  #write(world: World, order: readonly number[]): void {
    this.#world = world;
    this.#count = this.#ordered.length = 0;
    this.#places = order.map((_, who) => order.indexOf(who));
    const { left, store } = world;
    for (let i = 0; i < left.length; i++) this.#put(left[i]!);
    this.#put(store.revision, VERSION);
    this.#put(Number(store.highest), VERSION);
    this.#put(store.log.length);
    for (let i = 0; i < store.log.length; i++) {
      this.#version(store.log[i]!, store.log.length - 1 - i);
    }
    for (let i = 0; i < order.length; i++) this.#host(world.hosts[order[i]!]!, order[i]!);
  }

  #version(version: Version, age: number): void {
    this.#put(version.rv, VERSION);
    if (version.record !== undefined) this.#record(version.record);
    // What is past was checked when it was the present.
    if (age > 0) return;
    this.#word(version.kind);
    this.#put(version.free ? 1 : 0);
    this.#put(Math.min(this.#world.tick - version.claimedAt, 3 * this.#ticksToWait));
  }

  get #ticksToWait(): number {
    return Math.ceil(this.#scope.timing.leaseDurationMs / tickOf(this.#scope, this.#who));
  }

  #host(host: Host, who: number): void {
    this.#who = who;
    this.#now = this.#world.tick * tickOf(this.#scope, who);
    const { paused, stream, work, proof, acquired, due, state } = host;
    this.#put(paused ? 1 : 0);
    this.#put(Math.max(0, due - this.#now));
    this.#put(Math.min(this.#world.tick - proof, this.#ticksToWait));
    this.#put(Number(acquired ?? 0), VERSION);
    const { role } = state;
    const term = "tenure" in role ? role.tenure.term : role.name === "settling" ? role.term : 0;
    this.#put(work === undefined ? 0 : (work.told ? 1 : 2) + (work.term === term ? 2 : 0));
    this.#put(stream === undefined ? 0 : stream.stalled ? 1 : 2);
    if (stream !== undefined) {
      this.#put(stream.batches.length);
      for (const batch of stream.batches) this.#batch(batch);
    }
    this.#form(state, STATE);
    // At most one write, one read and one answer to each, and rarely a write that nobody waits for.
    for (const flight of this.#world.flights) if (flight.who === who) this.#flight(flight);
  }

  #batch(batch: Batch): void {
    if (typeof batch === "string") return this.#word(batch);
    this.#put(batch.length);
    for (const event of batch) {
      this.#word(event.type);
      if (event.type === "lease") this.#record(event.record);
      else if ("rv" in event) this.#put(Number(event.rv), VERSION);
    }
  }

  #flight(flight: Flight): void {
    this.#word(flight.type);
    this.#put((flight.delayed ? 2 : 0) + (flight.id === 0 ? 1 : 0));
    if (flight.type === "answer") {
      const { answer } = flight;
      const { exchange } = this.#world.hosts[flight.who]!.state;
      this.#put(exchange?.id === flight.id ? 1 : 0);
      this.#word(answer.kind);
      if (answer.kind === "lease") this.#record(answer.record);
    }
    if (flight.type !== "write") return;
    const { kind, sent, lease: { metadata } } = flight;
    this.#word(kind);
    this.#put(Math.min(this.#world.tick - sent, this.#ticksToWait));
    this.#put(Number(metadata.resourceVersion ?? 0), VERSION);
    const [nonce, sequence] = (metadata.annotations?.[ANNOTATION.write] ?? "").split(".");
    if (sequence !== undefined) this.#sequence(processOf(nonce!), Number(sequence));
    this.#put(Number(metadata.annotations?.[ANNOTATION.token] ?? 0), VERSION);
  }

  /** Writes a value, as its form says. */
  #form(value: unknown, form: Form): void {
    if (typeof form === "number") return this.#field(value, form);
    if (Array.isArray(value)) {
      this.#put(value.length);
      for (const item of value) this.#form(item, form);
      return;
    }
    if (typeof value !== "object" || value === null) return this.#field(value, KIND.plain);
    for (const key in value) {
      const kind = form[key] ?? KIND.plain;
      const field = (value as Record<string, unknown>)[key];
      if (kind === KIND.none || field === undefined) continue;
      this.#word(key);
      this.#form(field, kind);
    }
  }

  #field(value: unknown, kind: number): void {
    const { timing } = this.#scope;
    switch (kind) {
      case KIND.version:
        return this.#put(Number(value), VERSION);
      case KIND.sequence:
        return this.#put(value as number, SEQUENCE + this.#places[this.#who]!);
      case KIND.record:
        return this.#record(value as LeaseRecord);
      case KIND.future:
        return this.#put(Math.max(0, (value as number) - this.#now));
      case KIND.past:
        return this.#put(Math.min(this.#now - (value as number), 3 * timing.leaseDurationMs));
      case KIND.recent:
        return this.#put(Math.min(this.#now - (value as number), timing.leaseDurationMs));
      case KIND.last:
        return this.#put(Math.min(this.#now - (value as number), timing.attemptTimeoutMs));
      case KIND.instant:
        return this.#field((value as { mono: number }).mono, KIND.recent);
      case KIND.count:
        return this.#put(Math.min(value as number, 3));
      case KIND.budget: {
        const { left, at } = value as { left: number; at: number };
        const whole = Math.min(10, left + 3 * (this.#now - at) / timing.retryPeriodMs);
        return this.#put(Math.round(64 * whole));
      }
    }
    if (typeof value === "object" && value !== null) return this.#form(value, {});
    if (typeof value === "string") return this.#word(value);
    this.#put(Number(value));
  }

  #record(record: LeaseRecord): void {
    let facts = this.#facts.get(record);
    if (facts === undefined) this.#facts.set(record, facts = factsOf(record));
    for (const number of facts.numbers) this.#put(number);
    this.#put(this.#world.store.uids - facts.uid);
    this.#put(facts.rv, VERSION);
    this.#put(facts.token, VERSION);
    if (facts.markRv !== 0) {
      this.#put(facts.markRv, VERSION);
      this.#put(facts.markToken, VERSION);
    }
    if (facts.holder !== undefined) this.#process(facts.holder);
    if (facts.writer !== undefined) this.#sequence(facts.writer, facts.sequence);
  }

  /** A process that is dead is nobody in particular. */
  #process({ who, life }: { who: number; life: number }): boolean {
    const alive = this.#world.hosts[who]?.life === life;
    this.#put(alive ? this.#places[who]! : -1);
    return alive;
  }

  #sequence(process: { who: number; life: number }, sequence: number): void {
    if (this.#process(process)) this.#put(sequence, SEQUENCE + this.#places[process.who]!);
  }

  #word(word: string): void {
    let number = this.#words.get(word);
    if (number === undefined) this.#words.set(word, number = -2 - this.#words.size);
    this.#put(number);
  }

  #put(value: number, space = PLAIN): void {
    if (space !== PLAIN) this.#ordered.push(this.#count);
    this.#numbers[this.#count] = value;
    this.#spaces[this.#count++] = space;
  }

  /** Puts places in order for the numbers of which only the order counts, and mixes all of it. */
  #hash(): void {
    const spaces = SEQUENCE + this.#scope.clocks.length;
    for (let space = VERSION; space < spaces; space++) this.#rank(space);
    let [a, b] = [0x2545f491, 0x1b873593];
    for (let i = 0; i < this.#count; i++) {
      const value = this.#numbers[i]!;
      const word = Number.isFinite(value) ? value | 0 : value > 0 ? NEVER : -NEVER;
      a = Math.imul(a ^ word, 0xcc9e2d51);
      a = (a << 13 | a >>> 19) + i | 0;
      b = Math.imul(b + word | 0, 0x85ebca6b);
      b ^= b >>> 15;
    }
    a = Math.imul(a ^ a >>> 16 ^ b, 0xc2b2ae35);
    b = Math.imul(b ^ b >>> 13 ^ a, 0x27d4eb2f);
    this.low = (a ^ a >>> 16) | 0;
    this.high = (b ^ b >>> 15) | 0;
  }

  #rank(space: number): void {
    const { length } = this.#ordered;
    let count = 0;
    for (let i = 0; i < length; i++) {
      const at = this.#ordered[i]!;
      const number = this.#numbers[at]!;
      if (this.#spaces[at] !== space || this.#ranks[number] === UNRANKED) continue;
      this.#ranks[number] = UNRANKED;
      let k = count++;
      for (; k > 0 && this.#sorted[k - 1]! > number; k--) this.#sorted[k] = this.#sorted[k - 1]!;
      this.#sorted[k] = number;
    }
    let [rank, before] = [0, 0];
    for (let k = 0; k < count; k++) {
      const number = this.#sorted[k]!;
      rank += Math.min(number - before, WIDEST_GAP);
      before = number;
      this.#ranks[number] = rank;
    }
    for (let i = 0; i < length; i++) {
      const at = this.#ordered[i]!;
      if (this.#spaces[at] === space) this.#numbers[at] = this.#ranks[this.#numbers[at]!]!;
    }
  }
}

function factsOf(record: LeaseRecord): Facts {
  const { uid, rv, holder, ours, write, token, released, durationMs, renewMicros } = record;
  const nonce = /^c\d+_([0-9a-f]{32})_-$/.exec(holder)?.[1];
  const mark = /^([0-9a-f]{32})\.(\d+)$/.exec(write ?? "");
  const kind = holder === "" ? 0 : nonce === undefined ? 1 : 2;
  const labels = (record.lease.metadata.labels as { times?: string } | undefined)?.times?.length;
  const unheld = renewMicros === undefined ? 1 : 0;
  return {
    numbers: [kind, ours ? 1 : 0, durationMs ?? 0, unheld, labels ?? 0, released ? 1 : 0]
      .concat(record.transitions === 0 ? 1 : 0, mark === null ? 0 : 1),
    uid: Number(uid.split("-")[1]),
    rv: Number(rv),
    token: Number(token ?? 0),
    markRv: Number(released?.rv ?? 0),
    markToken: Number(released?.token ?? 0),
    holder: nonce === undefined ? undefined : processOf(nonce),
    writer: mark === null ? undefined : processOf(mark[1]!),
    sequence: Number(mark?.[2] ?? 0),
  };
}

/** All orders of the candidates in which those of equal clocks change places. */
function ordersOf({ clocks }: Scope): number[][] {
  const orders: number[][] = [[]];
  for (const clock of clocks) {
    for (const order of orders.splice(0)) {
      for (let who = 0; who < clocks.length; who++) {
        if (clocks[who] === clock && !order.includes(who)) orders.push([...order, who]);
      }
    }
  }
  return orders;
}
