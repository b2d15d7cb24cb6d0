// Hosts, and the processes on them: an elector each, with its own clock and way to the API server.
import { Elector } from "../../../lib/elector.ts";
import type { Logger } from "../../../lib/logger.ts";
import type { Term } from "../../../lib/term.ts";
import type { Token } from "../../../lib/token.ts";
import type { Clocks } from "../clocks.ts";
import type { Event } from "./schedule.ts";
import type { ShellSimulation } from "./shell.ts";
import { SimClient } from "./sim_client.ts";
import { SimClock } from "./sim_clock.ts";
import { NAME } from "./sim_server.ts";

/** A machine with its clocks. */
export interface Host {
  readonly index: number;
  readonly clocks: Clocks;
  /** Nothing reaches its process before. */
  pausedUntil: number;
  process?: Process;
}

/** A process with one elector. */
export class Process {
  readonly clock: SimClock;
  readonly client: SimClient;
  readonly elector: Elector;
  alive = true;
  /** The term whose work goes on, and how many pieces of it. */
  current?: Term;
  running = 0;
  /** Whether it was told that its work is not waited for any longer. */
  unfinished = false;
  /** The token of the term that was told to begin and not yet to end. */
  told?: Token;
  /** When its last committed write was sent, by its monotonic clock. */
  proof = -Infinity;
  /** The tokens of the acquisitions that it has committed. */
  readonly acquired = new Set<Token>();
  #closing?: Promise<void>;

  constructor(readonly sim: ShellSimulation, readonly host: Host, readonly life: number) {
    this.clock = new SimClock(this);
    this.client = new SimClient(this);
    this.elector = new Elector({
      leaseName: NAME,
      identity: `h${host.index}`,
      client: this.client.asClient,
      clock: this.clock,
      logger: this.#logger(),
      leaseDurationMs: sim.leaseDurationMs,
      drainMs: sim.leaseDurationMs,
    });
  }

  get name(): string {
    return `h${this.host.index}.${this.life}`;
  }

  /** Whether its elector is closed, or about to be. */
  get closing(): boolean {
    return this.#closing !== undefined;
  }

  note(text: string): void {
    this.sim.trace?.note(this.sim.time, this.host.index, text);
  }

  /** Does something after a while, unless the process has died. */
  later(delayMs: number, run: () => void): Event {
    const { sim, host } = this;
    return sim.schedule.add(sim.time + delayMs, host.index, () => {
      if (this.alive) run();
    });
  }

  nap(ms: number): Promise<void> {
    return new Promise((resolve) => void this.later(ms, resolve));
  }

  /** Closes the elector, at most once. */
  close(): Promise<void> {
    this.note("close()");
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await this.elector.close();
    // What was aborted may come to its end first.
    await this.nap(0);
    this.sim.judge.closed(this);
  }

  /** It is gone, and nothing that it waits for will ever come. */
  kill(): void {
    this.note("! dies");
    this.alive = false;
    this.current = undefined;
  }

  #logger(): Logger {
    const log: Logger["info"] = (_message, fields) => {
      const { event, token } = fields ?? {};
      this.note(`says ${event}`);
      this.sim.judge.hears(this, String(event), String(token));
    };
    return { debug: log, info: log, warn: log, error: log };
  }
}
