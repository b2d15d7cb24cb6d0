// Breadth first through all worlds of a scope, so that the first violation has the shortest trace.
import { Trace } from "../trace.ts";
import { Violation } from "../violation.ts";
import { Cast, type MakeElection } from "./cast.ts";
import { Fingerprints } from "./fingerprint.ts";
import { Lineage } from "./lineage.ts";
import { type Move, movesOf } from "./moves.ts";
import { FAULTS, type Scope } from "./scope.ts";
import { firstWorld, play } from "./turn.ts";
import { Visited } from "./visited.ts";
import type { World } from "./world.ts";

/** How far to go. */
export interface Limits {
  /** Stops at so many states. */
  readonly mostStates?: number;
  /** Stops after so many milliseconds. */
  readonly mostMs?: number;
  /** Told of the progress after every so many states. */
  readonly onProgress?: (figures: Figures) => void;
  /** Makes the machines, if not the real ones are explored. */
  readonly make?: MakeElection;
}

/** How much was seen. */
export interface Figures {
  readonly states: number;
  readonly transitions: number;
  /** Moves from the first world to the farthest. */
  readonly depth: number;
  /** Worlds of this depth that wait to be gone on from. */
  readonly waiting: number;
  readonly ms: number;
}

/** What was found. */
export interface Found extends Figures {
  /** Whether there is nothing more to see. */
  readonly complete: boolean;
  readonly violation?: Violation;
  /** What led to the violation, in words. */
  readonly trace?: Trace;
}

const PROGRESS_STATES = 100_000;

/** Sees as much of a scope as the limits allow. */
export function explore(scope: Scope, limits: Limits = {}): Found {
  return new Explorer(scope, limits).run();
}

class Explorer {
  readonly #cast: Cast;
  readonly #visited = new Visited();
  readonly #lineage = new Lineage();
  readonly #prints: Fingerprints;
  readonly #limits: Limits;
  readonly #left: readonly number[];
  readonly #began = performance.now();
  #transitions = 0;
  #depth = 0;
  #worlds: World[] = [];
  #numbers: number[] = [];
  #next: World[] = [];
  #nextNumbers: number[] = [];

  constructor(scope: Scope, limits: Limits) {
    this.#cast = new Cast(scope, limits.make);
    this.#prints = new Fingerprints(this.#cast);
    this.#left = FAULTS.map((fault) => scope.budgets[fault]);
    this.#limits = limits;
  }

  run(): Found {
    this.#meet(firstWorld(this.#cast, this.#left), -1, 0);
    while (this.#next.length > 0) {
      [this.#worlds, this.#numbers] = [this.#next, this.#nextNumbers];
      [this.#next, this.#nextNumbers] = [[], []];
      for (let i = 0; i < this.#worlds.length; i++) {
        if (this.#over()) return this.#found(false);
        const violation = this.#goOn(this.#worlds[i]!, this.#numbers[i]!);
        if (violation !== undefined) return violation;
        // So that its memory is given back.
        this.#worlds[i] = undefined as unknown as World;
      }
      if (this.#next.length > 0) this.#depth++;
    }
    return this.#found(true);
  }

  #over(): boolean {
    const { mostStates = Infinity, mostMs = Infinity } = this.#limits;
    return this.#visited.size >= mostStates || performance.now() - this.#began >= mostMs;
  }

  /** Tries all that may happen next. */
  #goOn(world: World, number: number): Found | undefined {
    for (const move of movesOf(this.#cast.scope, world)) {
      this.#transitions++;
      let next: World;
      try {
        next = play(this.#cast, world, move);
      } catch (error) {
        return this.#violated(error, number, move);
      }
      this.#meet(next, number, move);
    }
  }

  /** Takes a world in, if it is new. */
  #meet(world: World, parent: number, move: Move): void {
    this.#prints.take(world);
    if (!this.#visited.add(this.#prints.low, this.#prints.high)) return;
    this.#next.push(world);
    this.#nextNumbers.push(this.#lineage.add(parent, move));
    if (this.#visited.size % PROGRESS_STATES === 0) this.#limits.onProgress?.(this.#figures());
  }

  #figures(): Figures {
    return {
      states: this.#visited.size,
      transitions: this.#transitions,
      depth: this.#depth,
      waiting: this.#next.length,
      ms: performance.now() - this.#began,
    };
  }

  #found(complete: boolean): Found {
    return { ...this.#figures(), complete };
  }

  /** Goes the way again that led there, and tells of it. */
  #violated(error: unknown, number: number, last: Move): Found {
    const violation = error instanceof Violation ? error : new Violation("crash", String(error));
    const trace = new Trace();
    try {
      let world = firstWorld(this.#cast, this.#left, trace);
      for (const move of [...this.#lineage.movesTo(number), last]) {
        world = play(this.#cast, world, move, trace);
      }
    } catch {
      // It is what was to be shown.
    }
    const at = trace.entries.at(-1)?.at ?? 0;
    trace.note(at, -1, `VIOLATION ${violation.message}`);
    return { ...this.#found(false), violation, trace };
  }
}
