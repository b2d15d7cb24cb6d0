// The process of a guard: it runs the machine of production, has its effects carried out, and may be stopped.
import { type Effect, Guard, type Input, type Settings } from "../../../lib/guard/guard.ts";
import type { Answer } from "../../../lib/lease.ts";
import { Version } from "../lease_server.ts";
import type { Other, Request } from "../network.ts";
import type { Simulation } from "../simulation.ts";
import type { Container } from "./container.ts";
import { sayEffect, sayInput } from "./words.ts";

/** Its timer is late by this, at most. */
const TIMER_MS = 0.5;
/** A pass over all processes takes so long, at most. */
const PASS_MS = 4;

export type { Settings as GuardSettings } from "../../../lib/guard/guard.ts";

/** What a simulation needs of a guard. */
export type GuardMachine = Pick<Guard, "step" | "deadline" | "state">;

/** One of them. */
export class GuardProcess implements Other {
  readonly #container: Container;
  readonly #sim: Simulation;
  readonly #guard: GuardMachine;
  readonly #settleMs: number;
  /** Tokens by the writes that it was asked about. */
  readonly #asked = new Map<number, string>();
  readonly #requests = new Set<number>();
  readonly #inputs: Input[] = [];
  /** What came while it was stopped. */
  readonly #inbox: Input[] = [];
  #stepping = false;
  #timer = 0;
  /** It does nothing before. */
  pausedUntil = -Infinity;
  dead = false;

  constructor(container: Container, sim: Simulation, settings: Settings) {
    this.#container = container;
    this.#sim = sim;
    this.#settleMs = settings.settleMs;
    this.#guard = sim.options.guard?.(settings) ?? new Guard(settings);
  }

  get state(): GuardMachine["state"] {
    return this.#guard.state;
  }

  /** Something comes to it. */
  feed(input: Input): void {
    const { time } = this.#sim;
    if (this.dead) return;
    if (time < this.pausedUntil || this.#inbox.length > 0) return void this.#inbox.push(input);
    this.#inputs.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    for (let next; (next = this.#inputs.shift()) !== undefined;) this.#step(next);
    this.#stepping = false;
    this.arm();
  }

  #step(input: Input): void {
    const { judge, host, dice } = this.#container;
    const traced = this.#sim.trace !== undefined;
    if (traced && input.type !== "timer") this.#container.note(`guard < ${sayInput(input)}`);
    this.#sim.tally.steps++;
    const now = host.now();
    if (input.type === "said") {
      const { message } = input;
      if (message.type === "over" && message.revoked) judge.revoked(message.token, now);
      if (message.type === "ask") this.#asked.set(message.sequence, message.token);
    }
    for (const effect of this.#guard.step(input, now, dice.next())) {
      if (traced) this.#container.note(`guard > ${sayEffect(effect)}`);
      this.#perform(effect);
    }
  }

  #perform(effect: Effect): void {
    const { processes, dice, judge, host, time } = this.#container;
    switch (effect.type) {
      case "say": {
        const { message, session } = effect;
        if (message.type === "reading") {
          judge.reads(this.#asked.get(message.sequence)!, message.sequence, host.now());
        }
        return this.#container.pipes.answer(session, message);
      }
      case "drop":
        return this.#container.pipes.drop(effect.session);
      case "spawn": {
        const pid = this.#container.spawn(effect.env.K8SENSUS_TOKEN!);
        return void this.#inputs.push({ type: "spawned", pid });
      }
      case "signalCommand":
        return this.#container.tellCommand();
      case "killCommand":
        return processes.killGroup();
      case "killWard":
        return this.#container.at(time + dice.next(), () => this.#container.electorDies());
      case "sweep":
        return this.#sweep(effect.id, effect.spareWard);
      case "read":
        this.#requests.add(effect.id);
        return this.#sim.network.ask(host, effect.id, "read", undefined, this);
      case "write":
        judge.releases(effect.lease, host.identity, this.#settleMs, host.now());
        this.#requests.add(effect.id);
        return this.#sim.network.ask(host, effect.id, "release", effect.lease, this);
      case "abandon":
        return void this.#requests.delete(effect.id);
      case "exit":
        return this.#container.guardExits();
    }
  }

  /** One pass over all processes. */
  #sweep(id: number, spareWard: boolean): void {
    const { processes, dice, host, time, troubles } = this.#container;
    let found = processes.reaped;
    processes.reaped = 0;
    const blind = troubles.blind(time);
    troubles.passBegins(blind);
    // Who forks and ends in its course slips through, and so does its child.
    for (const process of blind ? [] : [...processes.alive]) {
      if (processes.hops(process)) continue;
      found++;
      processes.kill(process);
    }
    if (!spareWard && host.alive && !blind) {
      found++;
      this.#container.at(time + dice.next(), () => this.#container.electorDies());
    }
    const unprovable = troubles.unprovable(time) ? "so it is" : undefined;
    const passMs = (PASS_MS + troubles.sweepMs(time)) * dice.next();
    this.#container.at(time + passMs, () => {
      // At this instant the kernel says whether there is any child.
      const childless = spareWard || processes.alive.length === 0;
      this.feed({ type: "swept", id, found: found + (childless ? 0 : 1), unprovable });
    });
  }

  /** An answer to one of its requests. */
  answered({ id }: Request, reply: Version | Answer): void {
    if (!this.#requests.delete(id)) return;
    const answer = reply instanceof Version ? reply.answer : reply;
    this.feed({ type: "answered", id, answer });
  }

  /** Sets its timer. */
  arm(): void {
    if (this.#inbox.length > 0 || this.dead) return;
    const number = ++this.#timer;
    const { host, time, dice } = this.#container;
    const deadline = this.#guard.deadline(host.now());
    if (deadline === Infinity) return;
    const due = host.clocks.when(deadline, time) + 1e-3 + TIMER_MS * dice.next();
    // While the clock stands still the host sleeps, and this with it.
    if (due === Infinity) return;
    this.#container.at(due, () => {
      if (number === this.#timer) this.feed({ type: "timer" });
    });
  }

  /** SIGSTOP for a while. */
  pause(until: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, until);
    // What comes first when it goes on is what its clock says.
    if (this.#inbox.length === 0) this.#inbox.push({ type: "timer" });
    this.#container.at(this.pausedUntil + 1e-3, () => this.#resume());
  }

  /** SIGCONT. */
  goOn(): void {
    this.pausedUntil = Math.min(this.pausedUntil, this.#sim.time);
    this.#resume();
  }

  #resume(): void {
    if (this.#sim.time < this.pausedUntil) return;
    for (const input of this.#inbox.splice(0)) this.feed(input);
  }
}
