// The simulator of the shell: real electors, their real loops and watch code, in virtual time. Between two events
// all promises come to rest, so that a seed always plays the same way.
import { setImmediate } from "node:timers";
import { CLOCK_RATE_ERROR, makeTiming } from "../../../lib/timing.ts";
import { Clocks } from "../clocks.ts";
import { Dice, mixed } from "../dice.ts";
import { Trace } from "../trace.ts";
import type { Violation } from "../violation.ts";
import { type ChaosName, drawRates, type Rates } from "./chaos.ts";
import { Judge } from "./judge.ts";
import { Listeners } from "./listeners.ts";
import { type Host, Process } from "./process.ts";
import { Schedule } from "./schedule.ts";
import { SimServer } from "./sim_server.ts";
import { use } from "./users.ts";

/** What became of a seed. */
export interface ShellOutcome {
  readonly seed: number;
  readonly violation?: Violation;
  readonly trace?: Trace;
  /** The names of the hosts, for the trace. */
  readonly names: readonly string[];
  readonly simulatedMs: number;
  readonly events: number;
  readonly terms: number;
  readonly acts: number;
  readonly faults: number;
}

/** How a seed is played. */
export interface ShellOptions {
  /** Keep in words what happens. */
  readonly traced?: boolean;
}

/** More than any seed needs. */
const MOST_EVENTS = 200_000;
/** Between two things that hands do to the Lease, to a host or to a process. */
const HANDS_MS = 500;

/** Plays a seed. */
export function run(seed: number, options: ShellOptions = {}): Promise<ShellOutcome> {
  return new ShellSimulation(seed, options).play();
}

/** Lets all promises come to rest. */
function rest(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** A simulation that is going on. */
export class ShellSimulation {
  /** True time, in milliseconds. */
  time = 0;
  readonly schedule = new Schedule();
  readonly dice: Dice;
  readonly trace?: Trace;
  readonly judge = new Judge(this);
  readonly server: SimServer;
  readonly hosts: readonly Host[];
  readonly leaseDurationMs: number;
  readonly fenceMs: number;
  /** When everything is to be well again. */
  readonly healAt: number;
  /** Does as servers before 1.32. */
  readonly oldServer: boolean;
  healing = false;
  /** All electors are to be closed. */
  closing = false;
  readonly #rates: Rates;
  #faults = 0;
  #events = 0;
  #lives = 0;
  #killed = false;
  /** What users still do, by those who are alive. */
  readonly #users = new Map<Process, Promise<void>>();

  constructor(readonly seed: number, options: ShellOptions) {
    const dice = this.dice = new Dice(mixed(seed, 7));
    if (options.traced) this.trace = new Trace();
    this.leaseDurationMs = dice.pick([1, 2, 5, 15]) * 1_000;
    this.fenceMs = makeTiming({ leaseDurationMs: this.leaseDurationMs }).fenceMs;
    this.healAt = (3 + 9 * dice.next()) * this.leaseDurationMs;
    this.oldServer = dice.chance(0.2);
    this.#rates = drawRates(dice);
    this.server = new SimServer(() => this.time, (lease) => this.judge.commits(lease));
    this.hosts = Array.from({ length: 2 + dice.below(3) }, (_, index) => {
      const rate = 1 + CLOCK_RATE_ERROR * dice.pick([-1, 0, 1, 2 * dice.next() - 1]);
      const wall = Date.UTC(2026, 0, 1) + dice.between(-1e6, 1e6);
      return { index, clocks: new Clocks(0, rate, dice.between(0, 1e6), wall), pausedUntil: 0 };
    });
  }

  /** Whether this goes wrong now; it is counted if it does. */
  hit(name: ChaosName): boolean {
    const rate = this.healing ? 0 : this.#rates[name];
    if (rate === 0 || !this.dice.chance(rate)) return false;
    this.#faults++;
    return true;
  }

  /** No time at all, or up to three lease durations, mostly little. */
  some(name: ChaosName): number {
    return this.hit(name) ? this.dice.skewed(3 * this.leaseDurationMs) : 0;
  }

  async play(): Promise<ShellOutcome> {
    using listeners = new Listeners();
    const unhandled = (event: PromiseRejectionEvent) => {
      event.preventDefault();
      this.judge.accuse("I10", `nobody handles ${event.reason?.stack ?? event.reason}`);
    };
    globalThis.addEventListener("unhandledrejection", unhandled);
    try {
      await this.#playAll(listeners);
    } finally {
      globalThis.removeEventListener("unhandledrejection", unhandled);
    }
    const { seed, trace, time, hosts, judge: { violation, terms, acts } } = this;
    trace?.note(time, -1, violation === undefined ? "ends" : `VIOLATION ${violation.message}`);
    return {
      seed,
      violation,
      trace,
      names: hosts.map(({ index }) => `h${index}`),
      simulatedMs: time,
      events: this.#events,
      terms,
      acts,
      faults: this.#faults,
    };
  }

  async #playAll(listeners: Listeners): Promise<void> {
    const D = this.leaseDurationMs;
    for (const host of this.hosts) {
      this.schedule.add(this.dice.skewed(D), -1, () => this.#boot(host));
    }
    this.#hands();
    await this.#run(this.healAt);
    this.healing = true;
    this.trace?.note(this.time, -1, "! all is well");
    const { terms } = this.judge;
    const led = () => this.judge.terms > terms;
    // Users rest, work may last, and permissions are asked for but every half a minute.
    if (!await this.#run(this.healAt + 16 * D + 45_000, led)) {
      this.judge.accuse("I7", "nobody leads, though all is well");
    }
    await this.#run(this.time + 3 * D);
    this.closing = true;
    for (const { process } of this.hosts) {
      if (process?.alive) this.#guard(process, process.close());
    }
    if (!await this.#run(this.time + 16 * D + 45_000, () => this.#users.size === 0)) {
      const [process] = this.#users.keys();
      this.judge.accuse("I10", `${process?.name} never comes to its end`);
    }
    // Those of the dead stay for ever.
    if (listeners.left > 0 && !this.#killed) {
      this.judge.accuse("I10", `${listeners.left} listeners are left`);
    }
  }

  /** Lets time pass, until an end or until something holds. */
  async #run(end: number, done = () => false): Promise<boolean> {
    await rest();
    let over = false;
    this.schedule.add(end, -1, () => over = true);
    while (!over && !done()) {
      const event = this.schedule.take()!;
      const host = this.hosts[event.who];
      if (host !== undefined && event.at < host.pausedUntil) {
        this.schedule.postpone(event, host.pausedUntil);
        continue;
      }
      this.time = Math.max(this.time, event.at);
      event.run();
      await rest();
      this.judge.look();
      if (this.judge.violation !== undefined) return true;
      if (++this.#events > MOST_EVENTS) this.judge.accuse("I9", "this never ends");
    }
    return done();
  }

  #boot(host: Host): void {
    if (this.closing) return;
    const process = new Process(this, host, ++this.#lives);
    host.process = process;
    process.note("! starts");
    this.#guard(
      process,
      use(process).then(async () => {
        await process.close();
        if (process.alive) {
          process.later(this.dice.skewed(this.leaseDurationMs), () => this.#boot(host));
        }
      }),
    );
  }

  /** Remembers what a process still does. */
  #guard(process: Process, doing: Promise<void>): void {
    const all = Promise.all([this.#users.get(process), doing]).then(
      () => {},
      (error) => this.judge.accuse("crash", `${process.name}: ${error?.stack ?? error}`),
    );
    this.#users.set(process, all);
    all.then(() => {
      if (this.#users.get(process) === all) this.#users.delete(process);
    });
  }

  /** Every now and then, somebody does something to the Lease, a host or a process. */
  #hands(): void {
    if (this.healing) return;
    this.schedule.add(this.time + HANDS_MS * 2 * this.dice.next(), -1, () => {
      const host = this.dice.pick(this.hosts);
      const { process } = host;
      if (this.hit("pause")) {
        process?.note("! stands still");
        host.pausedUntil = this.time + this.dice.skewed(3 * this.leaseDurationMs);
      }
      if (this.hit("wallJump")) host.clocks.jump(this.time, this.dice.between(-3.6e6, 3.6e6));
      if (process?.alive && this.hit("crash")) {
        process.kill();
        this.#killed = true;
        this.#users.delete(process);
        this.schedule.add(
          this.time + this.dice.skewed(this.leaseDurationMs),
          -1,
          () => this.#boot(host),
        );
      }
      this.#touch();
      this.#hands();
    });
  }

  #touch(): void {
    const { server, dice } = this;
    if (this.hit("delete")) server.store.delete("default", "x");
    if (this.hit("compact")) server.store.compact();
    if (this.hit("label") || dice.chance(0.05)) {
      server.edit(({ metadata }) => {
        metadata.labels = { team: `a${dice.below(9)}` };
        metadata.annotations = { ...metadata.annotations, note: `領導者 🗳 ${dice.below(9)}` };
      });
    }
    if (this.hit("empty")) server.edit(({ spec }) => spec.holderIdentity = "");
    if (this.hit("steal")) server.edit(({ spec }) => spec.holderIdentity = "somebody");
  }
}
