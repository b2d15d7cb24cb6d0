// One move: it makes the next world out of a world, with the real machine in it.
import type { Effect, Input } from "../../../lib/election.ts";
import { initialState } from "../../../lib/election/state.ts";
import type { Answer, WatchEnd, WatchEvent } from "../../../lib/lease.ts";
import type { Trace } from "../trace.ts";
import { firstStore } from "./beginning.ts";
import { type Cast, copyOf } from "./cast.ts";
import { check, checkStart } from "./checks.ts";
import { EDITS } from "./edits.ts";
import { aboutOf, kindOf, MOVE, type Move, priceOf } from "./moves.ts";
import { TICK_MS } from "./scope.ts";
import { Server } from "./server.ts";
import {
  type Batch,
  type Flight,
  type Host,
  presentOf,
  type Version,
  type World,
} from "./world.ts";

/** A stream with more than this on it is cut by the server. */
const MOST_BATCHES = 4;

const UNKNOWN: Answer = { kind: "unknown", message: "the connection broke" };

/** A world under construction. */
class Turn {
  readonly hosts: Host[];
  readonly server: Server;
  flights: Flight[];
  left: readonly number[];
  tick: number;

  constructor(readonly cast: Cast, world: World, readonly trace?: Trace) {
    this.hosts = [...world.hosts];
    this.flights = [...world.flights];
    this.left = world.left;
    this.tick = world.tick;
    this.server = new Server(world.store, this.tick, (version) => this.#broadcast(version));
  }

  /** What has become of it, once it is seen to be sound. */
  done(): World {
    // In a fixed order, so that the order in which they were sent makes no difference.
    this.flights = this.flights.flatMap((flight) => this.#kept(flight)).sort(inOrder);
    const { tick, hosts, flights, left, server: { store } } = this;
    const world: World = { tick, hosts, store, flights, left };
    check(this.cast, world);
    return world;
  }

  note(who: number, text: string): void {
    this.trace?.note(this.tick * TICK_MS, who, text);
  }

  /** Takes a message off the wire. */
  take(index: number): Flight {
    return this.flights.splice(index, 1)[0]!;
  }

  change(who: number, change: Partial<Host>): void {
    this.hosts[who] = { ...this.hosts[who]!, ...change };
  }

  /** Steps a machine, and carries out what it wants. */
  step(who: number, input: Input): void {
    const host = this.hosts[who]!;
    const now = this.cast.now(this.tick, who);
    const machine = this.cast.machine(who, { life: host.life, state: copyOf(host.state) });
    this.trace?.input(this.tick * TICK_MS, who, input);
    const effects = machine.step(input, now, 0);
    this.change(who, { state: machine.state, due: machine.deadline(now) });
    for (const effect of effects) {
      if (effect.type !== "notice") this.trace?.effect(this.tick * TICK_MS, who, effect);
      this.#perform(who, effect);
    }
  }

  #perform(who: number, effect: Effect): void {
    const host = this.hosts[who]!;
    switch (effect.type) {
      case "write": {
        const { id, kind, lease } = effect;
        checkStart(host, who, kind);
        if (kind === "release") this.change(who, { proof: -Infinity });
        const { life } = host;
        const flight = { type: "write", who, id, delayed: false, kind, lease, life } as const;
        this.flights.push({ ...flight, sent: this.tick });
        return;
      }
      case "read":
        this.flights.push({ type: "read", who, id: effect.id, delayed: false });
        return;
      case "watch": {
        const batches = this.server.open(effect.from);
        return this.change(who, { stream: { watch: effect.watch, batches, stalled: false } });
      }
      case "unwatch":
        return this.change(who, { stream: undefined });
      case "startTerm":
        checkStart(host, who, "term", effect.token);
        return this.change(who, { work: { term: effect.term, told: false } });
      case "endTerm":
        if (host.work === undefined) return;
        return this.change(who, { work: { ...host.work, told: true } });
    }
  }

  #broadcast(version: Version): void {
    const { record, rv } = version;
    this.note(-1, `version ${rv}: ${version.kind}`);
    const event: WatchEvent = record === undefined
      ? { type: "deleted", rv: String(rv) }
      : { type: "lease", record };
    for (const [who, { stream }] of this.hosts.entries()) {
      if (stream === undefined || stream.batches.at(-1) === "failed") continue;
      const batches: Batch[] = [...stream.batches, [event]];
      if (batches.length > MOST_BATCHES) batches.push("failed");
      this.change(who, { stream: { ...stream, batches } });
    }
  }

  /** A request reaches the server, and an answer is on its way. */
  arrive(flight: Flight & { type: "read" | "write" }): void {
    const { who, id } = flight;
    const answer = flight.type === "read" ? this.server.read() : this.#write(flight);
    if (id !== 0) this.flights.push({ type: "answer", who, id, delayed: false, answer });
  }

  #write(flight: Flight & { type: "write" }): Answer {
    const { who, kind, sent, lease, life } = flight;
    const host = this.hosts[who]!;
    const answer = this.server.write(lease, kind, { sent, perTick: this.cast.tickMs(who) });
    if (answer.kind !== "lease" || life !== host.life) return answer;
    const { token } = answer.record;
    if (kind === "acquire") this.change(who, { proof: sent, acquired: token });
    if (kind === "renew") this.change(who, { proof: Math.max(host.proof, sent) });
    return answer;
  }

  /** What the watch says next. */
  event(who: number): void {
    const stream = this.hosts[who]!.stream!;
    const [batch, ...batches] = stream.batches;
    const stalled = stream.stalled && batches.length > 0;
    this.change(who, { stream: { ...stream, batches, stalled } });
    if (typeof batch === "string") return this.endStream(who, batch);
    for (const event of batch!) {
      // A step may have closed it.
      if (this.hosts[who]!.stream?.watch !== stream.watch) return;
      this.step(who, { type: "watched", watch: stream.watch, event });
    }
  }

  endStream(who: number, end: WatchEnd): void {
    const { watch } = this.hosts[who]!.stream!;
    this.change(who, { stream: undefined });
    this.step(who, { type: "watchEnded", watch, end });
  }

  settle(who: number): void {
    const { term } = this.hosts[who]!.work!;
    this.change(who, { work: undefined });
    this.step(who, { type: "settled", term });
  }

  /** A process begins, after another or as the first. */
  boot(who: number, life: number): void {
    this.note(who, life === 0 ? "starts" : "dies, and starts anew");
    this.hosts[who] = {
      life,
      state: initialState(),
      due: Infinity,
      paused: false,
      proof: -Infinity,
    };
    this.step(who, { type: "start" });
    this.step(who, { type: "contend" });
  }

  crash(who: number): void {
    this.flights = this.flights.flatMap((flight) => {
      if (flight.who !== who) return [flight];
      return flight.type === "write" ? [{ ...flight, id: 0 }] : [];
    });
    this.boot(who, this.hosts[who]!.life + 1);
  }

  /** A message that nobody waits for any more, and that can change nothing, is as good as gone. */
  #kept(flight: Flight): Flight[] {
    const { state } = this.hosts[flight.who]!;
    const awaited = flight.id !== 0 &&
      (state.exchange?.id === flight.id || state.reading?.id === flight.id);
    if (awaited) return [flight];
    if (flight.type !== "write") return [];
    const { uid, resourceVersion } = flight.lease.metadata;
    const record = presentOf(this.server.store)?.record;
    if (resourceVersion !== record?.rv || uid !== record?.uid) return [];
    return [flight.id === 0 ? flight : { ...flight, id: 0 }];
  }
}

function inOrder(a: Flight, b: Flight): number {
  return a.who - b.who || (a.type < b.type ? -1 : a.type > b.type ? 1 : a.id - b.id);
}

/**
 * Makes a move.
 *
 * @param trace Is told what happens.
 * @returns The next world.
 * @throws {Violation} If something is not as it must be.
 */
export function play(cast: Cast, world: World, move: Move, trace?: Trace): World {
  const turn = new Turn(cast, world, trace);
  const kind = kindOf(move);
  const price = priceOf(kind);
  if (price >= 0) turn.left = world.left.map((left, i) => i === price ? left - 1 : left);
  make(turn, kind, aboutOf(move));
  return turn.done();
}

function make(turn: Turn, kind: number, about: number): void {
  switch (kind) {
    case MOVE.tick:
      turn.tick++;
      return turn.note(-1, "—");
    case MOVE.timer:
      return turn.step(about, { type: "timer" });
    case MOVE.event:
      return turn.event(about);
    case MOVE.settle:
      return turn.settle(about);
    case MOVE.resume:
      turn.note(about, "! goes on");
      return turn.change(about, { paused: false });
    case MOVE.pause:
      turn.note(about, "! stands still");
      return turn.change(about, { paused: true });
    case MOVE.stall:
      turn.note(about, "! the watch falls silent");
      return turn.change(about, { stream: { ...turn.hosts[about]!.stream!, stalled: true } });
    case MOVE.cut:
      turn.note(about, "! the watch breaks");
      return turn.hosts[about]!.paused
        ? turn.change(about, { stream: { ...turn.hosts[about]!.stream!, batches: ["failed"] } })
        : turn.endStream(about, "failed");
    case MOVE.delete:
      turn.note(-1, "! the Lease is deleted");
      return turn.server.delete();
    case MOVE.edit:
      turn.note(-1, `! ${EDITS[about]!.name}`);
      return turn.server.edit(EDITS[about]!);
    case MOVE.resign:
      return turn.step(about, { type: "resign", reason: "resigned" });
    case MOVE.crash:
      return turn.crash(about);
    default:
      return send(turn, kind, about);
  }
}

/** What happens to a message. */
function send(turn: Turn, kind: number, index: number): void {
  const flight = turn.take(index);
  const { who, id } = flight;
  const what = flight.type === "write" ? flight.kind : flight.type;
  switch (kind) {
    case MOVE.deliver:
      if (flight.type === "answer") {
        return turn.step(who, { type: "answered", id, answer: flight.answer });
      }
      return turn.arrive(flight);
    case MOVE.lose:
      return turn.note(who, `! ${what} ${id} is lost`);
    case MOVE.reset:
      turn.note(who, `! ${what} ${id} is lost with its connection`);
      turn.flights.push({ type: "answer", who, id, delayed: false, answer: UNKNOWN });
      return;
    case MOVE.delay:
      turn.note(who, `! ${what} ${id} is delayed`);
      turn.flights.push({ ...flight, delayed: true });
      return;
    case MOVE.resend:
      turn.note(who, `! ${what} ${id} is sent twice`);
      turn.arrive({ ...flight, id: 0 } as Flight & { type: "write" });
      return turn.arrive(flight as Flight & { type: "write" });
  }
  throw new Error(`there is no move ${kind}`);
}

/** The world in which everything begins: all contend for a Lease that is free. */
export function firstWorld(cast: Cast, left: readonly number[], trace?: Trace): World {
  const count = cast.scope.clocks.length;
  const store = firstStore(cast.scope);
  const turn = new Turn(cast, { tick: 0, hosts: [], store, flights: [], left }, trace);
  for (let who = 0; who < count; who++) turn.boot(who, 0);
  return turn.done();
}
