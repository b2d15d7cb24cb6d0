// The way between the processes and the API server, and all that can go wrong on it.
import type { Answer, Lease, WatchEnd, WatchEvent } from "../../lib/lease.ts";
import type { WriteKind } from "../../lib/election.ts";
import { EVENT } from "./events.ts";
import type { Host } from "./host.ts";
import { Version, type VersionKind } from "./lease_server.ts";
import { type Ambush, CONFLICT, meddle, MISSING, REFUSALS, RESET } from "./replies.ts";
import type { Simulation } from "./simulation.ts";
import { PLACE } from "./tally.ts";
import { Violation } from "./violation.ts";

/** Somebody on the host who sends requests, but is not the elector. */
export interface Other {
  /** The process sends nothing before. */
  readonly pausedUntil: number;
  /** An answer has come. */
  answered(request: Request, reply: Version | Answer): void;
}

/** A request on its way. */
export interface Request {
  readonly who: number;
  readonly id: number;
  /** Absent if the elector sent it. */
  readonly other?: Other;
  /** Absent for a read. */
  readonly lease?: Lease;
  readonly kind: WriteKind | "read";
  /** The version that it was sent with knowledge of: an answer must not show an older one. */
  readonly floor: number;
  /** How often it has reached the server, and the answer to which time is brought back. */
  arrived: number;
  answerTo: number;
}

/** A watch, seen from both ends. */
export class Stream {
  /** The client has not closed it, nor the server. */
  live = true;
  /** It has told the client that it is open. */
  opened = false;
  /** The server sends events. */
  subscribed = false;
  /** Half open: nothing comes through any more. */
  silent = false;
  /** There are bookmarks of this version instead of events. */
  stuckAt = 0;
  /** The newest version it was sent. */
  shown = 0;
  /** When the last event arrives: nothing overtakes it. */
  due = 0;
  /** What it began with. */
  base?: Version;
  /** Only newer versions are sent. */
  after = -Infinity;

  constructor(
    readonly who: number,
    readonly number: number,
    readonly from: string | undefined,
    readonly life: number,
  ) {}
}

/** Versions older than so many of their kind are gone. */
const COMPACTED = 1_000;
const OPENED: WatchEvent = { type: "opened" };
/** Carries requests, answers and watch events. */
export class Network {
  /** Nobody is answered; 1: not at all, 2: with 503. */
  outage = 0;
  /** What lies in wait for the next requests, in this order. */
  readonly ambushes: Ambush[] = [];
  readonly #sim: Simulation;

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  /** How long one message takes. */
  #latency(host: Host): number {
    return this.#sim.plan.latencyMs * (0.5 + host.dice.next());
  }

  /** Whether a partition stops what goes out from a host, or what comes in. */
  #blocked(host: Host, out: boolean): boolean {
    const place = PLACE.partition;
    if (host.rates[place] === 0) return false;
    const variant = host.variants[place]! % 4;
    const period = 1 + host.sizes[place]! / 2;
    const flapping = variant === 3 && Math.floor(this.#sim.time / period) % 2 === 0;
    if (flapping || variant === (out ? 1 : 2)) return false;
    this.#sim.tally.faults[place]!++;
    return true;
  }

  /** A process sends a request. */
  ask(host: Host, id: number, kind: Request["kind"], lease?: Lease, other?: Other): void {
    const { agenda, time } = this.#sim;
    const { index: who, dice } = host;
    const floor = lease === undefined
      ? this.#sim.checker.newestOf(host)
      : Number(lease.metadata.resourceVersion ?? 0);
    const request: Request = { who, id, other, kind, lease, floor, arrived: 0, answerTo: 1 };
    if (other === undefined) {
      if (kind !== "read" && host.asked.some(({ kind }) => kind !== "read")) this.#tooMany(host);
      host.asked.push(request);
    }
    const from = other === undefined ? host.pausedUntil : other.pausedUntil;
    const due = Math.max(time, from) + this.#latency(host);
    if (host.storms === 0) return agenda.add(due, EVENT.request, who, 0, request);
    if (this.#blocked(host, true)) return;
    if (host.hit(PLACE.loseRequest)) {
      if (dice.chance(0.5)) this.#bring(due, request, RESET);
      return;
    }
    const late = host.hit(PLACE.delayRequest) ? host.some(PLACE.delayRequest) : 0;
    agenda.add(due + late, EVENT.request, who, 0, request);
    if (!host.hit(PLACE.duplicate)) return;
    request.answerTo = 1 + dice.below(2);
    const again = due + late + this.#latency(host) + host.some(PLACE.duplicate);
    agenda.add(again, EVENT.request, who, 0, request);
  }

  #tooMany({ name, promises }: Host): void {
    if (promises !== "everything") return;
    throw new Violation("I9", `${name} sends a write while another is on its way`);
  }

  /** A process gives a request up; it may be carried out nevertheless. */
  abandon(host: Host, id: number): void {
    const place = host.asked.findIndex((request) => request.id === id);
    if (place < 0) return;
    const [request] = host.asked.splice(place, 1);
    if (request!.kind === "acquire") this.#sim.checker.doubts(host, request!.floor);
  }

  /** A request reaches the server. */
  arrive(request: Request): void {
    const { server, plan, hosts, chance } = this.#sim;
    const host = hosts[request.who]!;
    request.arrived++;
    server.passRevisions(plan.traffic === 0 ? 0 : chance.below(plan.traffic + 1));
    if (this.outage > 0) {
      this.#sim.tally.faults[PLACE.outage]!++;
      if (this.outage === 2) this.#respond(host, request, REFUSALS[9]!);
      return;
    }
    if (this.ambushes.length > 0 && this.#meets(host, request)) return;
    if (host.storms === 0) return this.#respond(host, request, this.#carryOut(host, request));
    if (host.hit(PLACE.refuse)) {
      return this.#respond(host, request, REFUSALS[host.dice.below(REFUSALS.length)]!);
    }
    if (host.hit(PLACE.lie)) return this.#respond(host, request, this.#lie(host, request));
    const reply = this.#carryOut(host, request);
    if (host.hit(PLACE.failAfter)) {
      return this.#respond(host, request, REFUSALS[host.dice.below(REFUSALS.length)]!);
    }
    this.#respond(host, request, reply);
  }

  /** Whether a request is met by what lies in wait for it. */
  #meets(host: Host, request: Request): boolean {
    const { server, time } = this.#sim;
    const kind = request.kind === "read" ? "read" : "write";
    const { who = host.index, done, label, answer, ...ambush } = this.ambushes[0]!;
    if (who !== host.index || ambush.kind !== kind) return false;
    this.ambushes.shift();
    const reply = done ? this.#carryOut(host, request) : undefined;
    if (label) server.edit(time, ({ metadata }) => void (metadata.labels = { at: String(time) }));
    if (answer !== "none") this.#respond(host, request, answer ?? reply!);
    return true;
  }

  /** The watches of a host show an old version again, or that there was none. */
  showAgain({ streams, index }: Host): undefined {
    const { server: { log }, agenda, time } = this.#sim;
    const old = log.findLast(({ kind }) => kind === "delete") ?? log.at(-3);
    if (old === undefined) return;
    for (const stream of streams) {
      if (stream.opened && !stream.silent) agenda.add(time, EVENT.watched, index, 0, stream, old);
    }
  }

  /** Reads or writes, as a sound server does, maybe an old replica or one with webhooks. */
  #carryOut(host: Host, { kind, lease, who }: Request): Version | Answer {
    const { server, time } = this.#sim;
    if (kind === "read") {
      const stale = host.hit(PLACE.staleRead);
      return (stale ? server.asOf(time - host.some(PLACE.staleRead)) : server.present) ?? MISSING;
    }
    if (host.hit(PLACE.noop) && server.record !== undefined) {
      return lease!.metadata.resourceVersion === server.record.rv ? server.present! : CONFLICT;
    }
    let written = lease!;
    let by: VersionKind = kind;
    if (!this.#sim.mishaps.tokensAhead && host.hit(PLACE.webhook)) {
      written = structuredClone(written);
      const touched = meddle(written, host.variants[PLACE.webhook]!);
      // A release stays one in truth: whoever wrote it has stopped.
      if (touched && (kind === "acquire" || kind === "renew")) by = "hand";
    }
    const answer = server.write(written, by, who, time);
    return answer.kind === "lease" ? server.present! : answer;
  }

  #lie(host: Host, request: Request): Version | Answer {
    const { server, time } = this.#sim;
    const past = () => server.asOf(time - host.some(PLACE.lie)) ?? MISSING;
    switch (host.dice.below(5)) {
      case 0:
        return CONFLICT;
      case 1:
        return MISSING;
      case 2:
        return past();
      case 3:
        this.#carryOut(host, request);
        return CONFLICT;
      default:
        this.#carryOut(host, request);
        return past();
    }
  }

  #respond(host: Host, request: Request, reply: Version | Answer): void {
    const { time } = this.#sim;
    if (request.arrived !== request.answerTo) return;
    const due = time + this.#latency(host);
    if (host.storms === 0) return this.#bring(due, request, reply);
    if (this.#blocked(host, false)) return;
    if (host.hit(PLACE.loseAnswer)) {
      if (host.dice.chance(0.5)) this.#bring(due, request, RESET);
      return;
    }
    const late = host.hit(PLACE.delayAnswer) ? host.some(PLACE.delayAnswer) : 0;
    this.#bring(due + late, request, reply);
  }

  /** Brings an answer to whoever asked. */
  #bring(due: number, request: Request, reply: Version | Answer): void {
    const { agenda } = this.#sim;
    const { who, other } = request;
    if (other === undefined) return agenda.add(due, EVENT.answer, who, 0, request, reply);
    agenda.add(due, EVENT.guard, who, 0, () => other.answered(request, reply));
  }

  /** An answer reaches its process. */
  answered(host: Host, request: Request, reply: Version | Answer): void {
    const place = host.asked.indexOf(request);
    if (place < 0) return;
    host.asked.splice(place, 1);
    const { id } = request;
    const { kind } = reply instanceof Version ? reply.answer : reply;
    if (kind === "missing") {
      this.#sim.checker.misses(host, request.kind === "read", request.floor);
    }
    if (!(reply instanceof Version)) {
      const { checker } = this.#sim;
      if (request.kind === "acquire" && reply.kind === "unknown") {
        checker.doubts(host, request.floor);
      }
      return this.#sim.step(host, { type: "answered", id, answer: reply });
    }
    this.#sim.checker.received(host, reply, host.now(), request.floor);
    this.#sim.step(host, { type: "answered", id, answer: reply.answer });
  }

  /** A process opens a watch. */
  watch(host: Host, number: number, from: string | undefined): void {
    const stream = new Stream(host.index, number, from, host.life);
    host.streams.push(stream);
    if (from === undefined) this.#sim.checker.watchesAnew(host);
    if (this.#blocked(host, true) || host.hit(PLACE.loseRequest)) return;
    const due = Math.max(this.#sim.time, host.pausedUntil) + this.#latency(host);
    this.#sim.agenda.add(due, EVENT.open, host.index, 0, stream);
  }

  /** A process closes a watch. */
  close(host: Host, number: number): void {
    const place = host.streams.findIndex((stream) => stream.number === number);
    if (place < 0) return;
    host.streams[place]!.live = false;
    host.streams.splice(place, 1);
    this.#sim.checker.watches(host, "closed");
  }

  /** A watch reaches the server. */
  open(stream: Stream): void {
    const { server, hosts, time } = this.#sim;
    if (!stream.live) return;
    const host = hosts[stream.who]!;
    if (this.outage === 1) return;
    if (this.outage === 2 || host.hit(PLACE.cutWatch)) return this.end(stream, "failed");
    if (host.hit(PLACE.denyWatch)) return this.end(stream, "forbidden");
    const { log, revision } = server;
    const { from } = stream;
    const first = log[Math.max(0, log.length - COMPACTED)]?.rv ?? 0;
    if (
      from !== undefined &&
      (host.hit(PLACE.expireWatch) || Number(from) < Math.max(first - 1, server.compacted))
    ) {
      return this.end(stream, "expired");
    }
    stream.subscribed = true;
    this.#report(stream, OPENED);
    if (from === undefined) {
      const stale = host.hit(PLACE.staleRead);
      const base = stale ? server.asOf(time - host.some(PLACE.staleRead)) : server.present;
      stream.base = base;
      stream.after = base?.rv ?? 0;
      if (base?.record !== undefined) this.#report(stream, base);
      this.#report(stream, {
        type: "synced",
        rv: String(stale ? Math.max(1, stream.after) : revision),
      });
    } else {
      stream.after = Number(from);
    }
    for (const version of log) if (version.rv > stream.after) this.#report(stream, version);
  }

  /** The server has a new version. */
  broadcast(version: Version): void {
    for (const { streams } of this.#sim.hosts) {
      for (const stream of streams) {
        if (stream.subscribed && version.rv > stream.after) this.#report(stream, version);
      }
    }
  }

  /** The server tells how far it has come. */
  bookmark(): void {
    const event: WatchEvent = { type: "bookmark", rv: String(this.#sim.server.revision) };
    for (const { streams } of this.#sim.hosts) {
      for (const stream of streams) {
        if (stream.subscribed && this.#sim.server.revision >= stream.after) {
          this.#report(stream, event);
        }
      }
    }
  }

  /** The next events of all watches come so much later, so that reads are faster. */
  holdUp(ms: number): void {
    for (const { streams } of this.#sim.hosts) {
      for (const stream of streams) stream.due = Math.max(stream.due, this.#sim.time + ms);
    }
  }

  /** Sends one event, in order. */
  #report(stream: Stream, what: Version | WatchEvent): void {
    const { agenda, time, hosts, server } = this.#sim;
    if (stream.silent) return;
    const host = hosts[stream.who]!;
    let due = time + this.#latency(host);
    if (host.storms > 0 || this.outage > 0) {
      if (this.outage === 1 || host.hit(PLACE.silenceWatch)) stream.silent = true;
      else if (this.#blocked(host, false)) {
        // What was lost comes again when the way is free, or the connection is dead.
        if (host.dice.chance(0.5)) stream.silent = true;
        else due = Math.max(due, host.untils[PLACE.partition]!);
      } else if (host.hit(PLACE.cutWatch)) {
        return this.end(stream, host.dice.chance(0.5) ? "failed" : "ended");
      }
      if (stream.silent) return;
      if (host.hit(PLACE.delayWatch)) due += host.some(PLACE.delayWatch);
      if (what instanceof Version && stream.shown > 0 && host.hit(PLACE.bookmarksOnly)) {
        stream.stuckAt = stream.shown;
      }
      // What a stream has not begun with it cannot repeat.
      if (stream.shown > 0 && host.hit(PLACE.repeatWatch)) {
        const old = server.asOf(time - host.some(PLACE.repeatWatch));
        if (old !== undefined) this.#send(agenda, stream, due, old);
      }
    }
    if (stream.stuckAt > 0) what = { type: "bookmark", rv: String(stream.stuckAt) };
    else if (what instanceof Version) stream.shown = what.rv;
    this.#send(agenda, stream, due, what);
  }

  #send(agenda: Simulation["agenda"], stream: Stream, due: number, what: unknown): void {
    stream.due = Math.max(stream.due, due);
    agenda.add(stream.due, EVENT.watched, stream.who, 0, stream, what);
  }

  /** The server, or the way to it, ends a watch. */
  end(stream: Stream, end: WatchEnd): void {
    stream.subscribed = false;
    stream.silent = true;
    const host = this.#sim.hosts[stream.who]!;
    const due = Math.max(stream.due, this.#sim.time + this.#latency(host));
    this.#sim.agenda.add(due, EVENT.ended, stream.who, 0, stream, end);
  }

  /** An event reaches its process. */
  watched(host: Host, stream: Stream, what: Version | WatchEvent): void {
    if (stream.life !== host.life) return;
    const { number: watch } = stream;
    const known = what instanceof Version;
    if (what === OPENED && stream.live) {
      stream.opened = true;
      this.#sim.checker.watches(host, "open");
    }
    if (stream.live && !known && what.type === "synced") {
      this.#sim.checker.begins(host, stream.base, Number(what.rv));
    }
    // What comes of a watch that was closed means nothing.
    if (known && stream.live) this.#sim.checker.received(host, what, host.now());
    this.#sim.step(host, { type: "watched", watch, event: known ? what.event : what });
  }

  /** The end of a watch reaches its process. */
  ended(host: Host, stream: Stream, end: WatchEnd): void {
    if (!stream.live) return;
    this.close(host, stream.number);
    if (end === "forbidden") this.#sim.checker.watches(host, end);
    this.#sim.step(host, { type: "watchEnded", watch: stream.number, end });
  }

  /** A process has no more use for what it asked. */
  abort(host: Host): void {
    const { agenda, time } = this.#sim;
    for (const request of host.asked) agenda.add(time, EVENT.answer, host.index, 0, request, RESET);
  }

  /** Whatever a process had open, its death closes. */
  drop(host: Host): void {
    for (const stream of host.streams) stream.live = false;
    host.streams.length = host.asked.length = 0;
  }
}
