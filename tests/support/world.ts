// A small world: a few machines, one Lease, and everything between them that can go wrong. It has its own
// true time, and one number from which all chance is drawn, so that a plan always plays the same way.
import { assert } from "@std/assert";
import type { Instant } from "../../lib/clock.ts";
import { type Effect, Election, type Input } from "../../lib/election.ts";
import type { Answer, WatchEvent } from "../../lib/lease.ts";
import { makeTiming } from "../../lib/timing.ts";
import { Laws, type Subject } from "./world_laws.ts";
import { HANDS, Store, type Version } from "./world_store.ts";

/** What can go wrong on the way of one machine, for a while. */
export const WEATHER = [
  "loseRequests",
  "loseAnswers",
  "delayRequests",
  "delayAnswers",
  "duplicate",
  "refuse",
  "failAfter",
  "breakWatch",
  "silenceWatch",
  "delayWatch",
  "expireWatch",
] as const;

/** What happens at one instant, or to a machine itself. */
export const EVENTS = [
  "pause",
  "suspend",
  "jump",
  "freezeWall",
  "crash",
  "finish",
  "resign",
  "withdraw",
  "delete",
  ...Object.keys(HANDS) as (keyof typeof HANDS)[],
] as const;

export interface Fault {
  readonly kind: typeof WEATHER[number] | typeof EVENTS[number];
  readonly machine: number;
  /** When it begins, in milliseconds of true time. */
  readonly at: number;
  /** How long it lasts. */
  readonly forMs: number;
  /** By how much it delays, jumps… */
  readonly ms: number;
}

export interface Plan {
  /** All chance comes from here. */
  readonly seed: number;
  /** How fast each clock goes: between 1 − ρ and 1 + ρ. */
  readonly rates: readonly number[];
  readonly faults: readonly Fault[];
  /** How long work takes to end, at most. */
  readonly workMs: number;
}

/** As tight as is allowed: nothing to spare between two leaders. */
export const TIMING = makeTiming({
  leaseDurationMs: 15_000,
  clockSkewMs: 2_308,
  stopGraceMs: 2_692,
});
/** As the shell does it. */
const LONGEST_TURN_MS = 5_000;

class Machine implements Subject {
  readonly election: Election;
  alive = true;
  pausedUntil = -Infinity;
  timer = 0;
  /** The term whose work goes on. */
  working?: number;
  readonly streams = new Set<Stream>();
  #base: { at: number; mono: number; wall: number };
  #speed: { mono: number; wall: number };

  constructor(
    readonly world: World,
    readonly index: number,
    readonly rate: number,
    nonce: string,
    clock: Instant,
  ) {
    this.election = new Election({
      identity: `m${index}_${nonce}_-`,
      nonce,
      namespace: "default",
      leaseName: "x",
      timing: TIMING,
      trustUnheld: false,
    });
    this.#base = { at: world.time, ...clock };
    this.#speed = { mono: rate, wall: rate };
  }

  get name(): string {
    return `m${this.index}`;
  }

  /** One clock may be in trouble at a time: the other is what the leader then goes by. */
  get wallTrouble(): boolean {
    return (this.world.plan.seed >> this.index) % 2 === 1;
  }

  now = (): Instant => {
    const passed = this.world.time - this.#base.at;
    return {
      mono: this.#base.mono + passed * this.#speed.mono,
      wall: this.#base.wall + passed * this.#speed.wall,
    };
  };

  /** Sets how fast its clocks go from now on, and by how much the wall clock jumps. */
  setClock(mono: boolean, wall: boolean, jumpMs = 0): void {
    const now = this.now();
    this.#base = { at: this.world.time, mono: now.mono, wall: now.wall + jumpMs };
    this.#speed = { mono: mono ? this.rate : 0, wall: wall ? this.rate : 0 };
  }
}

/** A watch as the server sees it. */
class Stream {
  open = true;
  silent = false;
  /** Nothing overtakes. */
  due = 0;
  constructor(readonly machine: Machine, readonly number: number) {}
}

interface Task {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Plays one plan. */
export class World {
  time = 0;
  readonly store = new Store();
  readonly laws = new Laws(this.store);
  readonly machines: Machine[] = [];
  /** Everything that happened, in words. */
  readonly trace: string[] = [];
  #tasks: Task[] = [];
  #order = 0;
  #random: number;
  #nonces = 0;

  /**
   * @param plan What goes wrong.
   * @param cloning Put a clone in the place of every state, after every step.
   */
  constructor(readonly plan: Plan, readonly cloning = false) {
    this.#random = plan.seed;
    for (const index of plan.rates.keys()) this.#boot(index);
    const committed = this.store.onCommit;
    this.store.onCommit = (version) => {
      committed(version);
      this.#note("store", `${version.rv} ${version.kind} ${version.record?.write ?? ""}`);
      for (const { streams } of this.machines) {
        for (const stream of streams) this.#report(stream, Store.event(version));
      }
    };
    for (const fault of plan.faults) this.#at(fault.at, () => this.#begin(fault));
  }

  /** Lets true time pass. */
  run(until: number): void {
    for (let task; (task = this.#tasks[0]) !== undefined && task.at <= until;) {
      this.#tasks.shift();
      this.time = task.at;
      task.run();
      this.laws.look(this.machines);
    }
    this.time = until;
  }

  /** Has everybody contend who does not. */
  contend(): void {
    for (const machine of this.machines) this.step(machine, { type: "contend" });
  }

  /** Ends everything in good order. */
  stop(): void {
    for (const machine of this.machines) {
      this.step(machine, { type: "withdraw" });
      this.#settle(machine, 1);
    }
    this.run(this.time + 3 * TIMING.leaseDurationMs);
    for (const machine of this.machines) this.step(machine, { type: "stop" });
    this.run(this.time + TIMING.leaseDurationMs);
  }

  /** Machines that may start new work now. */
  leaders(): Machine[] {
    return this.machines.filter((machine) => {
      return machine.election.mayStart(machine.election.state.terms, machine.now());
    });
  }

  step(machine: Machine, input: Input): void {
    if (!machine.alive) return;
    if (this.time < machine.pausedUntil) {
      return this.#at(machine.pausedUntil, () => this.step(machine, input));
    }
    this.#note(machine.name, `< ${input.type}`);
    if (input.type === "answered" && input.answer.kind === "lease") {
      this.laws.received(machine, input.answer.record);
    }
    if (input.type === "watched" && input.event.type === "lease") {
      this.laws.received(machine, input.event.record);
    }
    const { election } = machine;
    const now = machine.now();
    const effects = election.step(input, now, this.#chance());
    if (this.cloning) election.state = structuredClone(election.state);
    for (const effect of effects) this.#perform(machine, effect);
    const deadline = election.deadline(now);
    assert(deadline > now.mono, `I9: ${machine.name} wants to be called at once, again and again`);
    this.#arm(machine);
  }

  #perform(machine: Machine, effect: Effect): void {
    this.#note(machine.name, `> ${words(effect)}`);
    this.laws.effect(machine, effect);
    switch (effect.type) {
      case "write":
        return this.#request(machine, effect.id, () => this.store.write(effect.lease, effect.kind));
      case "read":
        return this.#request(machine, effect.id, () => this.store.read());
      case "watch":
        return this.#watch(machine, effect.watch, effect.from);
      case "unwatch":
        return this.#close(machine, effect.watch);
      case "startTerm":
        machine.working = effect.term;
        return;
      case "endTerm":
        return this.#settle(machine, this.#chance());
    }
  }

  /** Work ends some time after it was told to. */
  #settle(machine: Machine, share: number): void {
    const term = machine.working;
    if (term === undefined) return;
    this.#at(this.time + this.plan.workMs * share, () => {
      if (machine.working !== term || !machine.alive) return;
      if (this.time < machine.pausedUntil) {
        return this.#at(machine.pausedUntil, () => this.#settle(machine, 0));
      }
      machine.working = undefined;
      this.laws.settled(machine);
      this.step(machine, { type: "settled", term });
    });
  }

  #request(machine: Machine, id: number, apply: () => Answer): void {
    const { lost, late, twice, refused } = {
      lost: this.#weather(machine, "loseRequests"),
      late: this.#weather(machine, "delayRequests"),
      twice: this.#weather(machine, "duplicate"),
      refused: this.#weather(machine, "refuse"),
    };
    const answer = (answer: Answer) => this.#answer(machine, id, answer);
    if (lost !== undefined) return;
    this.#at(this.time + this.#latency() + (late?.ms ?? 0), () => {
      if (refused !== undefined) return answer(refusal(refused.ms));
      const first = apply();
      if (twice === undefined) return answer(first);
      this.#at(this.time + this.#latency() + twice.ms / 10, () => answer(apply()));
    });
  }

  #answer(machine: Machine, id: number, answer: Answer): void {
    if (this.#weather(machine, "loseAnswers") !== undefined) return;
    const failed = this.#weather(machine, "failAfter") !== undefined;
    const late = this.#weather(machine, "delayAnswers");
    this.#at(this.time + this.#latency() + (late?.ms ?? 0), () => {
      const shown: Answer = failed ? { kind: "unknown", message: "504" } : answer;
      this.step(machine, { type: "answered", id, answer: shown });
    });
  }

  #watch(machine: Machine, number: number, from: string | undefined): void {
    if (this.#weather(machine, "loseRequests") !== undefined) return;
    const stream = new Stream(machine, number);
    machine.streams.add(stream);
    this.#at(this.time + this.#latency(), () => {
      if (!stream.open) return;
      if (this.#weather(machine, "breakWatch") !== undefined) return this.#end(stream, "failed");
      if (this.#weather(machine, "expireWatch") !== undefined) return this.#end(stream, "expired");
      this.#report(stream, { type: "opened" });
      const { log, revision, present } = this.store;
      if (from === undefined) {
        if (present?.record !== undefined) this.#report(stream, Store.event(present));
        this.#report(stream, { type: "synced", rv: `${revision}` });
      } else {
        const missed = log.filter((version: Version) => version.rv > Number(from));
        for (const version of missed) this.#report(stream, Store.event(version));
      }
      stream.silent = this.#weather(machine, "silenceWatch") !== undefined;
    });
  }

  /** Sends one event, in order. */
  #report(stream: Stream, event: WatchEvent): void {
    const { machine, number: watch } = stream;
    if (!stream.open || stream.silent) return;
    const late = this.#weather(machine, "delayWatch")?.ms ?? 0;
    stream.due = Math.max(stream.due, this.time + this.#latency() + late);
    this.#at(stream.due, () => {
      if (stream.open) this.step(machine, { type: "watched", watch, event });
    });
  }

  #end(stream: Stream, end: "failed" | "expired" | "ended"): void {
    if (!stream.open) return;
    const { machine, number: watch } = stream;
    stream.open = false;
    machine.streams.delete(stream);
    this.#at(this.time + this.#latency(), () => {
      this.step(machine, { type: "watchEnded", watch, end });
    });
  }

  #close(machine: Machine, number: number): void {
    for (const stream of machine.streams) if (stream.number === number) this.#end(stream, "failed");
  }

  #begin({ kind, machine: index, forMs, ms }: Fault): void {
    const machine = this.machines[index % this.machines.length]!;
    this.#note(machine.name, `! ${kind}`);
    switch (kind) {
      case "pause":
        machine.pausedUntil = this.time + forMs;
        return;
      case "suspend":
        if (machine.wallTrouble) return;
        machine.pausedUntil = this.time + forMs;
        machine.setClock(false, true);
        return this.#at(this.time + forMs, () => {
          machine.setClock(true, true);
          this.#arm(machine);
        });
      case "jump":
        if (machine.wallTrouble) machine.setClock(true, true, (ms % 2 ? 1 : -1) * 60 * ms);
        return;
      case "freezeWall":
        if (!machine.wallTrouble) return;
        machine.setClock(true, false);
        return this.#at(this.time + forMs, () => machine.setClock(true, true));
      case "crash":
        machine.alive = false;
        for (const stream of machine.streams) this.#end(stream, "failed");
        this.laws.remove(machine);
        return this.#boot(machine.index);
      case "finish":
        return this.#settle(machine, 0);
      case "resign":
        return this.step(machine, { type: "resign", reason: "resigned" });
      case "withdraw":
        this.step(machine, { type: "withdraw" });
        return this.#at(this.time + forMs, () => this.step(machine, { type: "contend" }));
      case "delete":
        return this.store.delete();
      case "breakWatch":
        for (const stream of machine.streams) this.#end(stream, "failed");
        return;
      case "silenceWatch":
        for (const stream of machine.streams) stream.silent = true;
        return;
      default:
        if (kind in HANDS) this.store.edit(HANDS[kind as keyof typeof HANDS]);
    }
  }

  /** The fault of this kind that this machine is in. */
  #weather(machine: Machine, kind: typeof WEATHER[number]): Fault | undefined {
    return this.plan.faults.find((fault) =>
      fault.kind === kind && fault.machine % this.machines.length === machine.index &&
      fault.at <= this.time && this.time < fault.at + fault.forMs
    );
  }

  #boot(index: number): void {
    const nonce = `${++this.#nonces}`.padStart(32, "0");
    const clock = { mono: this.#chance() * 1e6, wall: 1.8e12 + this.#chance() * 1e9 };
    const machine = new Machine(this, index, this.plan.rates[index]!, nonce, clock);
    this.machines[index] = machine;
    this.laws.add(machine);
    this.step(machine, { type: "start" });
    this.step(machine, { type: "contend" });
  }

  /** Sets the one timer of a machine; it is a little late. */
  #arm(machine: Machine): void {
    const timer = ++machine.timer;
    const now = machine.now();
    const wait = Math.min(machine.election.deadline(now) - now.mono, LONGEST_TURN_MS);
    this.#at(this.time + Math.max(0, wait) / machine.rate + 1e-3 + this.#chance(), () => {
      if (timer === machine.timer) this.step(machine, { type: "timer" });
    });
  }

  #at(at: number, run: () => void): void {
    const task = { at, order: this.#order++, run };
    // From the end, where most belong.
    let place = this.#tasks.length;
    while (place > 0 && this.#tasks[place - 1]!.at > at) place--;
    this.#tasks.splice(place, 0, task);
  }

  /** Mulberry32. */
  #chance(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  #latency(): number {
    return 0.5 + 10 * this.#chance();
  }

  #note(who: string, what: string): void {
    this.trace.push(`${this.time.toFixed(3)} ${who} ${what}`);
  }
}

function refusal(ms: number): Answer {
  const status = [401, 403, 429, 500, 503][ms % 5]!;
  if (status === 500) return { kind: "unknown", message: "500" };
  const retryAfterMs = status >= 429 ? 3_600_000 : undefined;
  return { kind: "refused", status, message: "no", retryAfterMs };
}

function words(effect: Effect): string {
  if (effect.type === "write") return `write ${effect.id} ${effect.kind}`;
  if (effect.type === "notice") return `notice ${effect.notice.event}`;
  return JSON.stringify(effect);
}
