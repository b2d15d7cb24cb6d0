// One contender under a guard: guard, elector and command, each of which may stop or die by itself, the socket
// between them, and the container that ends when the guard does and is then started again.
import type { Effect as ElectionEffect } from "../../../lib/election.ts";
import type { Input } from "../../../lib/guard/guard.ts";
import { Dice, mixed } from "../dice.ts";
import { EVENT } from "../events.ts";
import type { Host } from "../host.ts";
import type { Version } from "../lease_server.ts";
import type { Fault, GuardPlan } from "../plan.ts";
import type { Simulation } from "../simulation.ts";
import { PLACE } from "../tally.ts";
import type { Job } from "../work.ts";
import { befall } from "./befall.ts";
import type { ElectorEnd } from "./elector_end.ts";
import { electorEnd } from "./wiring.ts";
import { GuardProcess } from "./guard_process.ts";
import { Judge } from "./judge.ts";
import { Leader } from "./leader.ts";
import { Pipes, type Said } from "./pipe.ts";
import { type Process, Processes } from "./processes.ts";
import { Troubles } from "./troubles.ts";
import { sayMessage } from "./words.ts";

/** A container whose guard is dead may go on for this long, in lease durations. */
const AFTERLIFE = 1;

/** How a process ends that is killed. */
const KILLED = { code: 137, signal: "SIGKILL" };

/** Everything on one host that has a guard. */
export class Container {
  readonly processes: Processes;
  readonly judge: Judge;
  readonly pipes: Pipes;
  readonly dice: Dice;
  readonly troubles = new Troubles();
  readonly #sim: Simulation;
  readonly #host: Host;
  readonly #plan: GuardPlan;
  /** Counts the guards, and with them the containers. */
  #life = 0;
  #guard?: GuardProcess;
  #end?: ElectorEnd;
  #leader?: Leader;
  /** The elector knows that it is to leave. */
  #leaving = false;
  /** The container runs. */
  up = false;
  constructor(sim: Simulation, host: Host, plan: GuardPlan) {
    this.#sim = sim;
    this.#host = host;
    this.#plan = plan;
    this.dice = new Dice(mixed(sim.plan.seed, 500 + host.index));
    this.processes = new Processes(this);
    this.judge = new Judge(this);
    this.pipes = new Pipes(this);
  }

  // What its parts ask of their surroundings.

  get time(): number {
    return this.#sim.time;
  }

  get host(): Host {
    return this.#host;
  }

  get server(): Simulation["server"] {
    return this.#sim.server;
  }

  get actMs(): number {
    return this.#sim.plan.actMs;
  }

  get strays(): number {
    return this.#plan.strays;
  }

  get lateKillMs(): number {
    return this.troubles.killMs(this.time);
  }

  get exec(): boolean {
    return this.#plan.kind === "exec";
  }

  get deaf(): boolean {
    return this.#plan.deaf;
  }

  get restart(): boolean {
    return this.#plan.restart;
  }

  get guardAlive(): boolean {
    return this.#guard !== undefined;
  }

  get guardDownUntil(): number {
    return this.#guard?.pausedUntil ?? Infinity;
  }

  get electorDownUntil(): number {
    return this.#host.alive ? this.#host.pausedUntil : Infinity;
  }

  /** Nothing of it is broken: no proof is under way, and nobody is on the way out. */
  get whole(): boolean {
    const state = this.#guard?.state;
    return this.#host.alive && state !== undefined && state.doom === undefined &&
      state.stop === undefined && this.#end?.gone === false && !this.#leaving;
  }

  /** It leads, and has no command. */
  get idle(): boolean {
    return this.exec && this.#leader?.running === true && this.processes.main === undefined;
  }

  /** Passes see nobody. */
  get blind(): boolean {
    return this.troubles.justBlind(this.time);
  }

  /** Nothing acts, and nobody waits for anything. */
  get quiet(): boolean {
    return !this.exec || !this.up;
  }

  at(time: number, what: () => void): void {
    const life = this.#life;
    this.#sim.agenda.add(time, EVENT.guard, this.#host.index, 0, () => {
      if (life === this.#life && this.up) what();
    });
  }

  atElector(time: number, what: () => void): void {
    const { index, life } = this.#host;
    this.#sim.agenda.add(time, EVENT.heard, index, life, what);
  }

  atGuard(time: number, what: () => void): void {
    this.at(time, what);
  }

  later(ms: number, what: () => void): void {
    const { clocks } = this.#host;
    const due = clocks.when(clocks.mono(this.time) + ms, this.time);
    // While the clock stands still nobody knows when: the look after next tells.
    this.atElector(Math.max(Math.min(due, this.time + 1e6), this.#host.pausedUntil) + 1e-3, what);
  }

  delayMs(): number {
    return 1e-3 + (0.3 + this.troubles.pipeMs(this.time)) * this.dice.next();
  }

  said(session: number, message: Said): void {
    this.feed({ type: "said", session, message });
  }

  closed(session: number): void {
    this.feed({ type: "closed", session });
  }

  note(text: string): void {
    this.#sim.trace?.note(this.time, this.#host.index, text);
  }

  // Life and death.

  /** A guard and its elector start. */
  boot(nonce: string): void {
    const { settleMs, restart, kind } = this.#plan;
    this.#life++;
    this.up = true;
    this.#leaving = false;
    this.#guard = new GuardProcess(this, this.#sim, {
      kind,
      settleMs,
      restart,
      stopSignal: "SIGTERM",
      nonce: `9${nonce.slice(1)}`,
    });
    this.#leader = new Leader(this);
    this.#end = electorEnd(this, this.#sim, this.#leader, nonce);
  }

  /** The elector connects. */
  connect(): void {
    const end = this.#end!;
    this.pipes.connect((message) => {
      if (this.#sim.trace !== undefined) this.note(`< guard: ${sayMessage(message)}`);
      end.heard(message);
    }, () => end.eof());
  }

  /** The guard dies: the end of file is all that anybody gets to know of it. */
  guardDies(): void {
    if (!this.guardAlive) return;
    this.note("guard dies");
    this.#guardGone();
    this.#endSoon(this.dice.skewed(AFTERLIFE * this.#sim.plan.leaseDurationMs));
  }

  /** The elector (or program) dies, or leaves. */
  electorDies(exit: { readonly code: number; readonly signal?: string } = KILLED): void {
    if (!this.#host.alive) return;
    this.#sim.dies(this.#host);
    // An elector beside a command does not act.
    if (!this.exec) this.judge.died(this.#host.now());
    this.pipes.hangUp();
    const notice = this.time + this.dice.skewed(20) + 1e-3;
    this.at(notice, () => this.feed({ type: "wardExited", exit }));
  }

  /** The main process has ended: the container ends, and is started again. */
  #endSoon(ms: number): void {
    this.at(this.time + ms, () => {
      this.end();
      const { agenda, plan, closing } = this.#sim;
      if (this.#host.alive) this.#sim.dies(this.#host);
      if (closing) return;
      agenda.add(this.time + this.dice.skewed(plan.leaseDurationMs), EVENT.boot, this.#host.index);
    });
  }

  /** Everything in it is dead at once. */
  end(): void {
    if (!this.up) return;
    this.note("the container ends");
    this.#guardGone();
    this.up = false;
    this.processes.clear();
  }

  /** Something comes to the guard. */
  feed(input: Input): void {
    this.#guard?.feed(input);
  }

  /** The clocks go at another rate. */
  arm(): void {
    this.#guard?.arm();
  }

  pauseGuard(until: number): void {
    this.#guard?.pause(until);
  }

  /** Faults are over. */
  calm(): void {
    this.troubles.clear();
    this.processes.goOn();
    this.#guard?.goOn();
  }

  /** The guard has nothing left to do. */
  guardExits(): void {
    this.#guardGone();
    this.#endSoon(1);
  }

  #guardGone(): void {
    if (this.#guard !== undefined) this.#guard.dead = true;
    this.#guard = undefined;
    this.pipes.close();
  }

  // The command.

  /** Starts it; says as which process. */
  spawn(token: string): number {
    const { job } = this.#host;
    this.judge.starts(token);
    this.#sim.tally.commands++;
    // Its user may have another term by now, but then no command is started.
    this.processes.spawn(job!.token === token ? job! : { ...job!, token });
    return 1_000 + this.#sim.tally.commands;
  }

  /** The stop signal. */
  tellCommand(): void {
    const { main } = this.processes;
    const { plan } = this.#sim;
    if (main === undefined || !this.dice.chance(this.#plan.obedience)) return;
    if (this.#host.hit(PLACE.hangWork)) return;
    const slow = this.#host.hit(PLACE.slowWork) ? this.#host.some(PLACE.slowWork) : 0;
    const after = plan.settleMs * this.dice.next() + slow;
    this.at(this.time + after, () => this.processes.ends(main, "SIGTERM"));
  }

  /** A process acts. */
  acts(process: Process): void {
    this.#act(process.job, process);
  }

  /** Work in the program acts without asking. */
  actsDeaf(job: Job): void {
    this.#act(job, undefined);
  }

  #act(job: Job, process: Process | undefined): void {
    if (this.#sim.trace !== undefined) {
      this.note(`${process?.main === false ? "a stray " : ""}acts`);
    }
    const counts = this.judge.acts(job.token, process);
    if (!counts) this.#sim.tally.actsUnguarded++;
    this.#sim.work.actUnasked(this.#host, job);
  }

  acted(token: string, who: string): void {
    this.#sim.checker.actsUnasked(this.#host, token, who);
  }

  died(process: Process, signal: string | undefined): void {
    this.judge.died(this.#host.now());
    if (this.#sim.trace !== undefined) {
      this.note(`${process.main ? "the command" : "a stray"} ends${signal ? ` by ${signal}` : ""}`);
    }
    if (!process.main) return;
    const exit = signal === "SIGKILL"
      ? KILLED
      : signal === undefined
      ? { code: 0 }
      : { code: 143, signal };
    const notice = this.time + this.dice.skewed(10) + 1e-3;
    this.at(notice, () => this.feed({ type: "commandExited", exit }));
  }

  /** Whoever may act in the term of this token. */
  livingOf(token: string): string | undefined {
    const process = this.processes.alive.find(({ job }) => job.token === token);
    if (process !== undefined) return process.main ? "a command" : "a stray";
    const { alive, job } = this.#host;
    const works = !this.exec && alive && job?.token === token && job.begun && !job.settled;
    return works ? "work" : undefined;
  }

  // The elector.

  /** It wants to contend; says whether it can. */
  enter(): boolean {
    return this.#end!.enter();
  }

  /** A write has to wait for a reading; says whether it does. */
  asks(effect: Extract<ElectionEffect, { type: "write" }>): boolean {
    const { id, kind, lease } = effect;
    if (kind !== "acquire" && kind !== "renew") return false;
    this.#end!.ask(id, kind, lease);
    return true;
  }

  /** A request is given up; says whether it was never sent. */
  abandons(id: number): boolean {
    return !this.#end!.abandon(id);
  }

  hear(effect: ElectionEffect): void {
    this.#end!.hear(effect);
  }

  /** A term has begun; says whether a command does its work. */
  leads(job: Job): boolean {
    this.#sim.tally.guardedTerms++;
    if (this.exec) this.#leader!.lead(job);
    return this.exec;
  }

  /** Its work is told to stop; says whether a command does it. */
  told(job: Job): boolean {
    if (this.exec) this.#leader!.told(job);
    return this.exec;
  }

  run(job: Job): boolean {
    return this.#end!.run(job.token);
  }

  begun(job: Job): void {
    if (job.begun) return;
    job.begun = true;
    this.#sim.checker.works(this.#host, true);
  }

  settle(job: Job): void {
    this.#sim.work.settle(this.#host, job);
    this.mayLeave();
  }

  /** The command ends by itself. */
  finish(signal?: string): boolean {
    const { main } = this.processes;
    if (main === undefined) return false;
    this.processes.ends(main, signal);
    return true;
  }

  /** It has stopped contending. */
  leave(): void {
    if (!this.exec) this.#end!.leave();
    this.atElector(this.time + 1e-3, () => this.mayLeave());
  }

  /** The elector of `exec` ends when it contends no more, and so does a program whose guard is gone. */
  mayLeave(): void {
    const { withdrawn, job, alive } = this.#host;
    const end = this.#end!;
    if (!alive || this.#leaving || !withdrawn || !(this.exec || end.gone)) return;
    if (job !== undefined && !job.settled) return;
    this.#leaving = true;
    if (this.exec) end.leave();
    this.atElector(this.time + 1e-3, () => this.electorDies({ code: end.gone ? 1 : 0 }));
  }

  /** SIGTERM to the guard of a command, which drains it; says whether there is such a guard. */
  terminate(): boolean {
    if (!this.exec || !this.guardAlive) return false;
    this.feed({ type: "signalled", signal: "SIGTERM" });
    return true;
  }

  // Faults.

  /** Says whether it did. */
  befalls(fault: Fault): boolean {
    return this.up && befall(this, fault);
  }

  /** The host sleeps. */
  suspend(until: number): void {
    this.judge.suspends(until);
    this.pauseGuard(until);
    for (const process of this.processes.alive) this.processes.stop(process, until);
  }

  committed(version: Version): void {
    const { released } = this.judge;
    const before = released.size;
    this.judge.committed(version);
    this.#sim.tally.proofs += released.size - before;
  }
}
