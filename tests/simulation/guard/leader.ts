// The loop of the elector of `exec`, as `lib/cli/exec_elector.ts` has it: it has the command run in a term, and
// kills it itself if the guard does not.
import type { Election } from "../../../lib/election.ts";
import { LastResort } from "../../../lib/guard/last_resort.ts";
import type { Host } from "../host.ts";
import type { Processes } from "./processes.ts";
import type { Job } from "../work.ts";

const LOOK_MS = 250;
/** Between two passes. */
const PAUSE_MS = 25;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** What the loop needs of its surroundings. */
export interface LeaderSurroundings {
  readonly host: Host;
  readonly restart: boolean;
  /** Does something later, by the clock of the host, in the process of the elector. */
  later(ms: number, what: () => void): void;
  /** Asks the guard to start the command; says whether there is anybody to ask. */
  run(job: Job): boolean;
  readonly processes: Processes;
  begun(job: Job): void;
  settle(job: Job): void;
}

/** Leads a command through the terms of one elector. */
export class Leader {
  readonly #around: LeaderSurroundings;
  #job?: Job;
  #round = 0;
  #running = false;
  #started = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #lastResort?: LastResort;

  constructor(around: LeaderSurroundings) {
    this.#around = around;
  }

  /** It waits for the end of the command. */
  get running(): boolean {
    return this.#running;
  }

  /** A term has begun. */
  lead(job: Job): void {
    this.#job = job;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#around.later(0, () => this.#next(job));
  }

  /** Its work is told to stop. */
  told(job: Job): void {
    if (!this.#running) this.#around.later(0, () => this.#next(job));
  }

  #next(job: Job): void {
    if (job !== this.#job || job.settled || this.#running) return;
    if (job.told) return this.#done(job, false);
    this.#around.begun(job);
    this.#running = true;
    this.#started = this.#around.host.now().mono;
    const { fenceMs, stopMs } = this.#around.host.timing;
    this.#lastResort = new LastResort(fenceMs - stopMs);
    const round = ++this.#round;
    if (!this.#around.run(job)) return this.ended(undefined);
    this.#watch(job, round);
  }

  /** The command has ended, or (`undefined`) the guard is gone. */
  ended(how: { readonly stopped: boolean } | undefined): void {
    const job = this.#job;
    if (!this.#running || job === undefined) return;
    this.#round++;
    this.#running = false;
    if (how === undefined) return this.#killMarked(() => this.#done(job, false));
    if (how.stopped) return this.#done(job, false);
    if (!this.#around.restart) return this.#done(job, true);
    const ran = this.#around.host.now().mono - this.#started;
    if (ran > LONGEST_PAUSE_MS) this.#pauseMs = FIRST_PAUSE_MS;
    this.#around.later(this.#pauseMs, () => this.#next(job));
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
  }

  #done(job: Job, all: boolean): void {
    if (job !== this.#job || job.settled) return;
    if (all) job.finishes = true;
    this.#around.settle(job);
  }

  #watch(job: Job, round: number): void {
    if (round !== this.#round) return;
    const { host } = this.#around;
    const now = host.now();
    const remainingMs = (host.machine as Election).remainingMs(job.term, now);
    const leftMs = this.#lastResort!.look(remainingMs, now);
    if (remainingMs === 0 && leftMs <= 0) return this.#killMarked(() => {});
    this.#around.later(Math.min(leftMs, LOOK_MS), () => this.#watch(job, round));
  }

  /** SIGKILL to the command and all that carries its mark, until two passes find none. */
  #killMarked(then: () => void): void {
    const { processes } = this.#around;
    processes.killGroup();
    const pass = (clean: number): void => {
      const marked = processes.alive.filter(({ marked }) => marked);
      for (const process of marked) processes.kill(process);
      const next = marked.length === 0 ? clean + 1 : 0;
      this.#around.later(PAUSE_MS, () => next === 2 ? then() : pass(next));
    };
    pass(0);
  }
}
