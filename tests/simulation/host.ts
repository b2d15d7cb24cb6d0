// A host, its clocks, its weather, and the process that contends on it.
import type { Instant } from "../../lib/clock.ts";
import type { Timing } from "../../lib/timing.ts";
import type { Subject } from "./checker.ts";
import type { Clocks } from "./clocks.ts";
import type { Container } from "./guard/container.ts";
import type { Dice } from "./dice.ts";
import type { Machine } from "./machine.ts";
import type { Request, Stream } from "./network.ts";
import { type Contender, type Make, WEATHER } from "./plan.ts";
import { PLACE, type Tally } from "./tally.ts";
import type { Job } from "./work.ts";

/** What a host needs to know of its world. */
interface World {
  readonly time: number;
  readonly tally: Tally;
}

/** Something that comes to a process: the fields of an entry in the agenda. */
export interface Letter {
  readonly kind: number;
  readonly number: number;
  readonly ref: unknown;
  readonly more: unknown;
}

/** One contender. */
export class Host implements Subject {
  readonly name: string;
  readonly make: Make;
  /** Counts the processes that ran here, from 1. */
  life = 0;
  alive = false;
  identity = "";
  machine!: Machine;
  /** The process does nothing before. */
  pausedUntil = -Infinity;
  /** A pause that the next step will meet after its reading of the clock. */
  pauseInStepMs = 0;
  /** When the machine wants its timer, by the monotonic clock. */
  deadline = Infinity;
  /** When it gets it, in true time. */
  due = Infinity;
  /** How many steps in a row have left something that was due. */
  overdue = 0;
  /** Its timer has been held up already. */
  late = false;
  /** Whether its user wants it to contend. */
  wanted = false;
  /** Whether the machine neither leads nor contends. */
  withdrawn = true;
  /** Whether it was told to watch. */
  watching = false;
  readonly streams: Stream[] = [];
  /** What came while the process was paused. */
  readonly inbox: Letter[] = [];
  /** Requests that have not been answered yet. */
  readonly asked: Request[] = [];
  job?: Job;
  /** The guard that it runs under, and all that runs beside it. */
  guarded?: Container = undefined;
  /** How many kinds of weather there are at present. */
  storms = 0;
  /** How probable each kind of weather is to strike, by how much, in which variant, and until when. */
  readonly rates = new Float64Array(WEATHER.length);
  readonly sizes = new Float64Array(WEATHER.length);
  readonly variants = new Int32Array(WEATHER.length);
  readonly untils = new Float64Array(WEATHER.length);

  constructor(
    readonly world: World,
    readonly index: number,
    contender: Contender,
    readonly timing: Timing,
    readonly promises: Subject["promises"],
    readonly lawful: boolean,
    readonly trustUnheld: boolean,
    readonly graceMs: number | undefined,
    readonly wallTrouble: boolean,
    readonly clocks: Clocks,
    readonly dice: Dice,
  ) {
    this.make = contender.make;
    this.name = `${this.make === "k8sensus" ? "c" : this.make}${index}`;
  }

  now(): Instant {
    return this.clocks.now(this.world.time);
  }

  mayAct(term: number, now = this.now()): boolean {
    return this.machine.mayAct(term, now);
  }

  mayStart(term: number, now = this.now()): boolean {
    return this.machine.mayStart(term, now);
  }

  /** Whether weather of this kind strikes now; a strike is counted. */
  hit(place: number): boolean {
    const rate = this.rates[place]!;
    if (rate === 0 || (rate < 1 && this.dice.next() >= rate)) return false;
    this.world.tally.faults[place]!++;
    return true;
  }

  /** Whether the timer that is due comes later still. */
  postpone(): boolean {
    if (this.storms === 0 || this.late || !this.hit(PLACE.lateTimer)) return false;
    this.late = true;
    this.due = this.world.time + this.some(PLACE.lateTimer);
    return true;
  }

  /** Some time up to the size of this weather. */
  some(place: number): number {
    return this.sizes[place]! * this.dice.next();
  }
}
