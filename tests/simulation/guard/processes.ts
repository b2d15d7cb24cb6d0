// What runs under a guard beside the elector: the command and what it leaves behind. None of it ever asks whether
// it may act: it acts until it is stopped, ends, or is killed.
import type { Dice } from "../dice.ts";
import type { Job } from "../work.ts";

/** One process. */
export interface Process {
  readonly job: Job;
  /** The command itself; the others are what it started. */
  readonly main: boolean;
  /** In the group of the command; else it has called `setsid`. */
  readonly grouped: boolean;
  /** It carries the mark; else it has emptied its environment. */
  readonly marked: boolean;
  /** Forked in the course of a pass that kills, or by such a one. */
  readonly newborn: boolean;
  alive: boolean;
  killed: boolean;
  /** It does not act from then on: SIGKILL has reached it. */
  silentAt: number;
  /** SIGSTOP: it does nothing before. */
  stoppedUntil: number;
}

/** What processes need of their surroundings. */
export interface Surroundings {
  /** True time. */
  readonly time: number;
  readonly dice: Dice;
  /** How often they act. */
  readonly actMs: number;
  /** How many processes a command leaves beside it at most. */
  readonly strays: number;
  /** How much longer than usual a process takes to be gone, at most. */
  readonly lateKillMs: number;
  at(time: number, what: () => void): void;
  acts(process: Process): void;
  /** One has ended: the command by itself, or by a signal. */
  died(process: Process, signal: string | undefined): void;
}

/** The longest from a SIGKILL to the last act. */
export const KILL_MS = 8;
/** How many a process may fork in its last moment. */
const LAST_FORKS = 5;

/** All of them on one host. */
export class Processes {
  readonly #around: Surroundings;
  readonly #all: Process[] = [];
  #lastForks = 0;
  /** Those that were reaped since the last pass. */
  reaped = 0;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The living. */
  get alive(): readonly Process[] {
    return this.#all;
  }

  /** The command, while it lives. */
  get main(): Process | undefined {
    return this.#all.find(({ main }) => main);
  }

  /** Starts a command. */
  spawn(job: Job): Process {
    this.#lastForks = LAST_FORKS;
    return this.#add(job, true, true, true, false);
  }

  /** What is no longer in the group, or has lost the mark, has children of that kind. */
  #fork({ job, grouped, marked, newborn: young }: Process, stays: boolean, newborn: boolean): void {
    const keeps = this.#around.dice.chance(0.7);
    this.#add(job, false, grouped && stays, marked && keeps, newborn || young);
  }

  #add(job: Job, main: boolean, grouped: boolean, marked: boolean, newborn: boolean): Process {
    const { dice, actMs } = this.#around;
    const process: Process = {
      job,
      main,
      grouped,
      marked,
      newborn,
      alive: true,
      killed: false,
      silentAt: Infinity,
      stoppedUntil: -Infinity,
    };
    this.#all.push(process);
    this.#next(process, dice.skewed(actMs));
    return process;
  }

  #next(process: Process, afterMs: number): void {
    const { time } = this.#around;
    this.#around.at(
      Math.max(time, process.stoppedUntil) + 1e-3 + afterMs,
      () => this.#act(process),
    );
  }

  #act(process: Process): void {
    const { time, dice, actMs, strays } = this.#around;
    if (!process.alive || time >= process.silentAt) return;
    if (time < process.stoppedUntil) return this.#next(process, 0);
    this.#around.acts(process);
    if (this.#all.length <= strays && dice.chance(0.2)) {
      this.#fork(process, dice.chance(0.4), false);
    }
    this.#next(process, actMs * (0.5 + dice.next()));
  }

  /** One ends by itself, or by a signal that it obeys; what it started goes on. */
  ends(process: Process, signal?: string): void {
    const { time } = this.#around;
    if (!process.alive || process.killed) return;
    if (time < process.stoppedUntil) {
      return this.#around.at(process.stoppedUntil + 1e-3, () => this.ends(process, signal));
    }
    this.#die(process, signal);
  }

  /** SIGKILL, which works on who is stopped, too. */
  kill(process: Process): void {
    const { time, dice, lateKillMs } = this.#around;
    if (!process.alive || process.killed) return;
    process.killed = true;
    process.silentAt = time + KILL_MS * dice.next();
    if (this.#lastForks > 0 && time >= process.stoppedUntil && dice.chance(0.2)) {
      this.#lastForks--;
      this.#fork(process, false, true);
    }
    const late = lateKillMs * dice.next();
    this.#around.at(process.silentAt + late, () => this.#die(process, "SIGKILL"));
  }

  /** A pass comes by: it may fork and end in its course, and not be seen. Says whether it does. */
  hops(process: Process): boolean {
    const { time, dice } = this.#around;
    const able = this.#lastForks > 0 && time >= process.stoppedUntil && time < process.silentAt;
    if (!able || !dice.chance(0.3)) return false;
    this.#lastForks--;
    this.#fork(process, process.grouped, true);
    this.#die(process, process.killed ? "SIGKILL" : undefined);
    return true;
  }

  /** SIGKILL to the group of the command. */
  killGroup(): void {
    for (const process of this.#all.filter(({ grouped }) => grouped)) this.kill(process);
  }

  /** SIGSTOP for a while. */
  stop(process: Process, until: number): void {
    process.stoppedUntil = Math.max(process.stoppedUntil, until);
  }

  /** SIGCONT. */
  goOn(): void {
    const { time } = this.#around;
    for (const process of this.#all) process.stoppedUntil = Math.min(process.stoppedUntil, time);
  }

  /** The container ends, and all of them in it. */
  clear(): void {
    for (const process of this.#all) process.alive = false;
    this.#all.length = this.reaped = 0;
  }

  #die(process: Process, signal: string | undefined): void {
    if (!process.alive) return;
    process.alive = false;
    this.#all.splice(this.#all.indexOf(process), 1);
    // The command is reaped by whoever waits for it, and its end is told.
    if (!process.main) this.reaped++;
    this.#around.died(process, signal);
  }
}
