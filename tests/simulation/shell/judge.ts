// What must hold, seen from outside: by true time, by what the API server committed, and by what users see.
import { ANNOTATION, type Lease } from "../../../lib/lease.ts";
import type { Term } from "../../../lib/term.ts";
import { compareTokens, type Token } from "../../../lib/token.ts";
import { type Invariant, Violation } from "../violation.ts";
import type { Process } from "./process.ts";
import type { ShellSimulation } from "./shell.ts";

/** Rounding of virtual clocks, in milliseconds. */
const HAIR_MS = 1e-6;

/** One write, one read, one watch, as much that has been given up, and four questions for permissions. */
const MOST_OPEN = 10;
/** Those that nothing has disturbed go on; users who come and go begin a few. */
const MOST_WATCHES = 20;

/** Keeps the first violation. */
export class Judge {
  violation?: Violation;
  /** Whose write is being carried out, and when it was sent by the sender's monotonic clock. */
  writing?: { readonly process: Process; readonly sent: number };
  terms = 0;
  acts = 0;
  readonly #sim: ShellSimulation;
  #holder = "";
  #token: Token = "";
  #highest: Token = "0";
  /** The largest token that the guarded store has accepted. */
  #accepted: Token = "0";

  constructor(sim: ShellSimulation) {
    this.#sim = sim;
  }

  accuse(invariant: Invariant, what: string): void {
    this.violation ??= new Violation(invariant, what);
  }

  /** A write leaves a process. */
  sends(process: Process, lease: Lease): void {
    const mark = lease.metadata.annotations?.[ANNOTATION.released];
    if (mark === undefined || process.running === 0) return;
    this.accuse("I5", `${process.name} releases while ${process.running} pieces of work go on`);
  }

  /** The server has a new version. */
  commits(lease: Lease | undefined): void {
    const holder = lease?.spec.holderIdentity ?? "";
    const token = lease?.metadata.annotations?.[ANNOTATION.token] ?? "";
    const renewed = holder === this.#holder && token === this.#token;
    [this.#holder, this.#token] = [holder, token];
    const process = this.writing?.process;
    if (process === undefined) return;
    if (lease?.metadata.annotations?.note?.includes("\ufffd")) {
      this.accuse("crash", `${process.name} sends back other people's annotations spoilt`);
    }
    if (holder === "") process.proof = -Infinity;
    if (holder !== process.elector.identity) return;
    process.proof = Math.max(process.proof, this.writing!.sent);
    if (renewed) return;
    if (compareTokens(token, this.#highest) <= 0) {
      this.accuse("I4", `${process.name} takes the Lease with ${token} after ${this.#highest}`);
    }
    this.#highest = token;
    process.acquired.add(token);
  }

  /** The work of a term is called. */
  begins(process: Process, term: Term): void {
    this.terms++;
    if (process.running > 0) this.accuse("I8", `${process.name} calls two works at once`);
    if (!process.acquired.has(term.token)) {
      this.accuse("I4", `${process.name} begins a term that it never committed`);
    }
    process.current = term;
  }

  /** An act has been admitted, and takes place at once. */
  acted(process: Process, term: Term): void {
    this.acts++;
    if (compareTokens(term.token, this.#accepted) < 0) {
      this.accuse("I1", `${process.name} acts with ${term.token} after ${this.#accepted}`);
    }
    this.#accepted = term.token;
    this.#checkFence(process);
  }

  /** The elector says that something happened. */
  hears(process: Process, event: string, token: Token): void {
    if (event === "elected") {
      if (process.told !== undefined) this.accuse("I8", `${process.name}: elected twice`);
      process.told = token;
    } else if (event === "lost") {
      if (process.told !== token) this.accuse("I8", `${process.name}: lost ${token}, not elected`);
      process.told = undefined;
    }
  }

  /** An elector has closed. */
  closed(process: Process): void {
    const { name, clock, client, told, elector } = process;
    if (clock.timers > 0) this.accuse("I10", `${name} is closed with ${clock.timers} timers set`);
    if (client.open > 0) this.accuse("I10", `${name} is closed with ${client.open} requests open`);
    if (client.calmWatches > MOST_WATCHES) {
      this.accuse("I9", `${name} began ${client.calmWatches} watches while all was well`);
    }
    if (client.closed) this.accuse("I10", `${name} closes a client that is not its own`);
    if (told !== undefined) this.accuse("I8", `${name}: elected, never lost`);
    if (process.running > 0 && !process.unfinished) {
      this.accuse("I5", `${name} is closed while work goes on`);
    }
    if (elector.isLeader) this.accuse("I2", `${name} is closed and leads`);
  }

  /** After everything that happens: who may act now? */
  look(): void {
    let acting: Process | undefined;
    for (const { process } of this.#sim.hosts) {
      if (process === undefined || !process.alive) continue;
      const { current, elector, client } = process;
      if (client.open > MOST_OPEN) {
        this.accuse("I10", `${process.name} has ${client.open} requests open at once`);
      }
      if (elector.isLeader && process.told === undefined) {
        this.accuse("I8", `${process.name} leads and never said so`);
      }
      if (current === undefined || process.running === 0 || current.remainingMs <= 0) continue;
      this.#checkFence(process);
      if (acting !== undefined) {
        this.accuse("I1", `${acting.name} and ${process.name} may act at the same time`);
      }
      acting = process;
    }
  }

  #checkFence(process: Process): void {
    const age = process.host.clocks.mono(this.#sim.time) - process.proof;
    if (age >= this.#sim.fenceMs + HAIR_MS) {
      this.accuse(
        "I2",
        `${process.name} may act ${age} ms after its last committed write was sent`,
      );
    }
  }
}
