// One simulation: contenders on their hosts, one Lease, everything between them, and a plan of what goes wrong.
// Time is virtual and everything is synchronous, so that a plan always plays the same way.
import type { Effect, Input } from "../../lib/election.ts";
import { ANNOTATION } from "../../lib/lease.ts";
import { makeTiming } from "../../lib/timing.ts";
import { Agenda } from "./agenda.ts";
import { Checker } from "./checker.ts";
import { Clocks } from "./clocks.ts";
import { Dice, mixed } from "./dice.ts";
import { EVENT } from "./events.ts";
import type { GuardMachine, GuardSettings } from "./guard/guard_process.ts";
import { Container } from "./guard/container.ts";
import { heal } from "./healing.ts";
import { Host } from "./host.ts";
import { nonceOf } from "./identity.ts";
import { LeaseServer, type Version } from "./lease_server.ts";
import type { Machine } from "./machine.ts";
import { makeMachine } from "./makes.ts";
import { Mishaps } from "./mishaps.ts";
import { Network, type Request, type Stream } from "./network.ts";
import type { Contender, Plan } from "./plan.ts";
import { Tally } from "./tally.ts";
import { Trace } from "./trace.ts";
import { Violation } from "./violation.ts";
import { type Job, Work } from "./work.ts";

/** How a simulation is played. */
export interface Options {
  /** Keep in words what happens. */
  readonly traced?: boolean;
  /** Makes the machine of a contender; by default the election of this project, or the model of another make. */
  readonly machine?: (host: Host, nonce: string) => Machine;
  /** Makes guards; by default those of this project. */
  readonly guard?: (settings: GuardSettings) => GuardMachine;
  /** Hold those of other makes, too, to I1. */
  readonly exclusive?: boolean;
  /** End with the chaos, without healing. */
  readonly chaosOnly?: boolean;
}

/** What became of a simulation. */
export interface Outcome {
  readonly tally: Tally;
  readonly violation?: Violation;
  readonly trace?: Trace;
  /** The names of the contenders, for the trace. */
  readonly names: readonly string[];
}

/** More than any seed needs: beyond it, something goes round in circles. */
const MOST_STEPS = 1_000_000;
const BOOKMARKS_MS = 60_000;
/** A step may leave something for a next one at the same instant, but not again and again. */
const MOST_OVERDUE = 3;

/** Plays a plan to its end, or to the first violation. */
export function simulate(plan: Plan, options: Options = {}): Outcome {
  const sim = new Simulation(plan, options);
  const { tally, trace } = sim;
  const names = sim.hosts.map(({ name }) => name);
  let violation: Violation | undefined;
  try {
    sim.play();
  } catch (error) {
    violation = error instanceof Violation ? error : new Violation("crash", String(error));
    trace?.note(sim.time, -1, `VIOLATION ${violation.message}`);
  }
  tally.seeds = 1;
  tally.simulatedMs = sim.time;
  tally.leaseDurations = sim.time / plan.leaseDurationMs;
  return { tally, violation, trace, names };
}

/** The state of a simulation that is going on. */
export class Simulation {
  /** True time, in milliseconds. */
  time = 0;
  readonly agenda = new Agenda();
  readonly server: LeaseServer;
  readonly checker = new Checker();
  readonly tally = new Tally();
  readonly trace?: Trace;
  readonly hosts: Host[];
  readonly network: Network;
  readonly work: Work;
  readonly mishaps: Mishaps;
  /** Faults are over, and other makes are gone. */
  healing = false;
  /** Nobody is to contend any more. */
  closing = false;
  /** Who stops contending goes on watching. */
  lingering = false;
  /** Chance that belongs to nobody. */
  readonly chance: Dice;

  constructor(readonly plan: Plan, readonly options: Options) {
    this.chance = new Dice(mixed(plan.seed, 1));
    if (options.traced) this.trace = new Trace();
    this.hosts = plan.contenders.map((contender, index) => this.#makeHost(contender, index));
    this.server = new LeaseServer((version) => this.#committed(version));
    this.network = new Network(this);
    this.work = new Work(this);
    this.mishaps = new Mishaps(this);
    if (options.machine !== undefined) return;
    for (const [index, { guard }] of plan.contenders.entries()) {
      if (guard !== undefined) {
        this.hosts[index]!.guarded = new Container(this, this.hosts[index]!, guard);
      }
    }
  }

  #makeHost(contender: Contender, index: number): Host {
    const { plan, options } = this;
    const ours = contender.make === "k8sensus";
    const dice = new Dice(mixed(plan.seed, 100 + index));
    const wall = Date.UTC(2026, 0, 1) + contender.wallOffsetMs;
    const timing = makeTiming(contender.timing);
    const lawful = /^client-go/.test(contender.make) && plan.faults.every((f) => !disturbs(f.kind));
    return new Host(
      this,
      index,
      contender,
      timing,
      ours ? "everything" : options.exclusive ? "exclusion" : "nothing",
      lawful && timing.leaseDurationMs >= plan.leaseDurationMs,
      plan.trustUnheld,
      plan.foreignGraceMs,
      plan.faults.some(({ kind, who }) => /^wallJump|^freezeWall/.test(kind) && who === index),
      new Clocks(0, contender.rate, dice.between(0, 1e6), wall),
      dice,
    );
  }

  /** Chaos, then calm, then the end. */
  play(): void {
    const { plan, agenda, chance } = this;
    for (const host of this.hosts) {
      agenda.add(chance.skewed(plan.leaseDurationMs), EVENT.boot, host.index);
    }
    for (const [number, fault] of plan.faults.entries()) {
      agenda.add(fault.at, EVENT.fault, 0, number);
    }
    agenda.add(BOOKMARKS_MS, EVENT.bookmark, 0);
    this.run(plan.chaosMs);
    if (!this.options.chaosOnly) heal(this);
  }

  /** Lets true time pass, until an end or until something holds. */
  run(end: number, done?: () => boolean): boolean {
    const { agenda, hosts } = this;
    for (;;) {
      if (done?.()) return true;
      let due = agenda.next;
      let first: Host | undefined;
      for (let i = 0; i < hosts.length; i++) {
        const host = hosts[i]!;
        if (host.due < due) {
          due = host.due;
          first = host;
        }
      }
      if (due > end) break;
      this.time = Math.max(this.time, due);
      if (first !== undefined) this.#timer(first);
      else this.#happen();
    }
    this.time = end;
    return false;
  }

  #timer(host: Host): void {
    if (this.time < host.pausedUntil) {
      host.due = host.pausedUntil + (host.dice.chance(0.5) ? 0 : 2e-3);
      return;
    }
    if (host.postpone()) return;
    this.step(host, { type: "timer" });
  }

  /** Takes the next entry of the agenda. */
  #happen(): void {
    const { agenda, hosts, plan } = this;
    agenda.take();
    const { kind, number, ref, more } = agenda;
    const host = hosts[agenda.who]!;
    switch (kind) {
      case EVENT.request:
        return this.network.arrive(ref as Request);
      case EVENT.open:
        return this.network.open(ref as Stream);
      case EVENT.effect:
        return this.work.land(ref as Job);
      case EVENT.bookmark:
        this.network.bookmark();
        return agenda.add(this.time + BOOKMARKS_MS, EVENT.bookmark, 0);
      case EVENT.fault:
        return this.mishaps.begin(plan.faults[number]!, number);
      case EVENT.fade:
        return this.mishaps.end(plan.faults[number]!);
      case EVENT.rate:
        host.clocks.setRate(this.time, number);
        host.guarded?.arm();
        return this.arm(host);
      case EVENT.wake:
        host.clocks.suspend(this.time, false);
        return this.arm(host);
      case EVENT.thaw:
        return host.clocks.freeze(this.time, false);
      case EVENT.reopen:
        return this.mishaps.reopen();
      case EVENT.boot:
        return this.boot(host);
      case EVENT.guard:
        return (ref as () => void)();
      case EVENT.resume:
        return this.resume(host);
    }
    if (this.time < host.pausedUntil || host.inbox.length > 0) {
      if (host.inbox.length === 0) agenda.add(host.pausedUntil + 1e-3, EVENT.resume, host.index);
      return void host.inbox.push({ kind, number, ref, more });
    }
    this.#reach(host, kind, number, ref, more);
  }

  /** A process goes on, with what lay in its buffers, in the order in which it came. */
  resume(host: Host): void {
    let taken = 0;
    while (taken < host.inbox.length && this.time >= host.pausedUntil) {
      const { kind, number, ref, more } = host.inbox[taken++]!;
      this.#reach(host, kind, number, ref, more);
    }
    host.inbox.splice(0, taken);
    if (host.inbox.length === 0) return;
    this.agenda.add(Math.max(this.time, host.pausedUntil) + 1e-3, EVENT.resume, host.index);
  }

  /** Something comes to a process that runs. */
  #reach(host: Host, kind: number, life: number, ref: unknown, more: unknown): void {
    if (!host.alive) return;
    switch (kind) {
      case EVENT.answer:
        return this.network.answered(host, ref as Request, more as Version);
      case EVENT.watched:
        return this.network.watched(host, ref as Stream, more as Version);
      case EVENT.ended:
        return this.network.ended(host, ref as Stream, more as "failed");
      case EVENT.call:
        if (life === host.life) this.call(host, ref as Input);
        return;
      case EVENT.heard:
        if (life === host.life) (ref as () => void)();
        return;
    }
    const job = ref as Job;
    if (job.life !== host.life) return;
    if (kind === EVENT.work) this.work.call(host, job);
    else if (kind === EVENT.act) this.work.act(host, job);
    else this.work.settle(host, job);
  }

  /** A user calls; says whether it meant anything. */
  call(host: Host, input: Input): boolean {
    if (!host.alive) return false;
    if (input.type === "withdraw" && host.guarded?.terminate() === true) return true;
    if (this.time < host.pausedUntil) {
      this.agenda.add(this.time, EVENT.call, host.index, host.life, input);
      return true;
    }
    switch (input.type) {
      case "contend":
        if (this.closing) return false;
        host.wanted = true;
        if (!host.withdrawn || host.guarded?.enter() === false) return false;
        host.withdrawn = false;
        this.checker.contends(host, true);
        if (!host.watching) {
          host.watching = true;
          this.step(host, { type: "start" });
        }
        break;
      case "stop":
        if (host.wanted || !host.withdrawn || !host.watching) return false;
        host.watching = false;
        this.step(host, input);
        this.network.abort(host);
        return true;
      case "resign":
        if (host.job === undefined || host.job.told) return false;
    }
    this.step(host, input);
    return true;
  }

  /** A process starts, when the operator lets it. */
  boot(host: Host): void {
    if (host.alive || (this.healing && host.make !== "k8sensus")) return;
    if (host.guarded !== undefined && (host.guarded.up || this.closing)) return;
    const notBefore = Math.max(this.mishaps.closedUntil, host.pausedUntil);
    if (this.time < notBefore) return this.agenda.add(notBefore, EVENT.boot, host.index);
    const nonce = nonceOf(host.index, ++host.life);
    host.identity = `${host.name}_${nonce}_-`;
    host.machine = (this.options.machine ?? makeMachine)(host, nonce);
    host.alive = host.withdrawn = true;
    host.watching = false;
    this.trace?.note(this.time, host.index, `process ${host.life} starts`);
    this.checker.booted(host, host.identity);
    host.guarded?.boot(nonce);
    this.call(host, { type: "contend" });
  }

  /** A process dies, and all that runs beside it. */
  kill(host: Host): void {
    host.guarded?.end();
    if (host.alive) this.dies(host);
  }

  /** A process dies. */
  dies(host: Host): void {
    this.trace?.note(this.time, host.index, "the process dies");
    host.alive = false;
    host.due = Infinity;
    host.job = undefined;
    host.inbox.length = 0;
    this.network.drop(host);
    this.checker.crashed(host);
  }

  /** Steps a machine, and carries out what it wants. */
  step(host: Host, input: Input): void {
    if (!host.alive) return;
    const { trace, time } = this;
    if (++this.tally.steps > MOST_STEPS) throw new Error("this never ends");
    trace?.input(time, host.index, input);
    const now = host.now();
    const effects = host.machine.step(input, now, host.dice.next());
    if (host.pauseInStepMs > 0 && effects.length > 0) {
      host.pausedUntil = Math.max(host.pausedUntil, time + host.pauseInStepMs);
      host.pauseInStepMs = 0;
    }
    for (let i = 0; i < effects.length; i++) {
      trace?.effect(time, host.index, effects[i]!);
      this.#perform(host, effects[i]!);
    }
    this.arm(host, now);
    host.overdue = host.deadline <= now.mono ? host.overdue + 1 : 0;
    if (host.overdue > MOST_OVERDUE) {
      throw new Violation("I9", `${host.name} wants to be called at once, again and again`);
    }
    this.checker.look();
  }

  #perform(host: Host, effect: Effect): void {
    const { checker, network } = this;
    switch (effect.type) {
      case "write": {
        const mark = effect.lease.metadata.annotations?.[ANNOTATION.write] ?? "";
        const now = host.now();
        this.#request(host, now.mono);
        checker.writes(host, effect.kind, effect.lease, mark, now);
        if (host.guarded?.asks(effect) === true) return;
        return network.ask(host, effect.id, effect.kind, effect.lease);
      }
      case "read":
        this.#request(host, host.clocks.mono(this.time));
        return network.ask(host, effect.id, "read");
      case "abandon":
        if (host.guarded?.abandons(effect.id) === true) return;
        return network.abandon(host, effect.id);
      case "watch":
        this.#request(host, host.clocks.mono(this.time));
        return network.watch(host, effect.watch, effect.from);
      case "unwatch":
        return network.close(host, effect.watch);
      case "startTerm":
        if (host.promises === "everything") this.tally.terms++;
        else this.tally.foreignTerms++;
        checker.started(host, effect.term, effect.token);
        host.guarded?.hear(effect);
        return this.work.start(host, effect.term, effect.token);
      case "endTerm":
        host.guarded?.hear(effect);
        checker.told(host, effect.term);
        return this.work.tell(host, effect.term);
      case "confirmed":
      case "disarm":
        return host.guarded?.hear(effect);
      case "revokeTerm":
        host.guarded?.hear(effect);
        return checker.over(host, effect.term, "revoked");
      case "released":
        return checker.over(host, effect.term, effect.done ? "released" : "given up");
      case "withdrawn":
        return this.#withdrawn(host);
    }
  }

  #request(host: Host, mono: number): void {
    this.tally.requests++;
    this.checker.requests(host, mono);
  }

  /** The machine has stopped contending; its user may want more, now or later, or wants it to stop watching. */
  #withdrawn(host: Host): void {
    const { agenda, time, plan } = this;
    this.checker.contends(host, false);
    host.withdrawn = true;
    host.guarded?.leave();
    const rest = host.dice.skewed(plan.leaseDurationMs);
    if (host.wanted) {
      agenda.add(time + rest, EVENT.call, host.index, host.life, { type: "contend" });
    } else if (!this.lingering) {
      agenda.add(time, EVENT.call, host.index, host.life, { type: "stop" });
    }
  }

  /** Sets the timer of a machine; it never fires early. */
  arm(host: Host, now = host.now()): void {
    if (!host.alive) return;
    // As the shell does: nobody is there who wants anything.
    if (!host.watching) {
      host.due = host.deadline = Infinity;
      return;
    }
    host.deadline = host.machine.deadline(now);
    host.due = host.clocks.when(host.deadline, this.time) + 1e-3 + host.dice.next();
    host.late = false;
  }

  #committed(version: Version): void {
    this.tally.commits++;
    if (this.trace !== undefined) {
      const who = version.by < 0 ? "" : ` by ${this.hosts[version.by]!.name}`;
      this.trace.note(this.time, -1, `version ${version.rv}: ${version.kind}${who}`);
    }
    this.checker.committed(version);
    this.hosts[version.by]?.guarded?.committed(version);
    this.network.broadcast(version);
  }
}

/** Whether a fault makes a Lease look free to those of other makes. */
function disturbs(kind: Plan["faults"][number]["kind"]): boolean {
  return ["empty", "replace", "delete", "recreate", "putBackHeld", "putBackReleased", "restore"]
    .concat(["webhook", "shorten", "steal", "swapHolder", "noop"]).includes(kind);
}
