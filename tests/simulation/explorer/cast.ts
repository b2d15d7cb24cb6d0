// The machines that are explored. All that they remember is put into them before each step.
import type { Instant } from "../../../lib/clock.ts";
import { Election, type Settings } from "../../../lib/election.ts";
import { type Scope, tickOf } from "./scope.ts";
import type { Host } from "./world.ts";

/** Makes a machine; mutants are made in its place. */
export type MakeElection = (settings: Settings) => Election;

const WALL = Date.UTC(2026, 0, 1);
/** Short, so that what it leads to is near. */
const FOREIGN_GRACE_MS = 13_000;
/** The lives of a host have their own nonces; more of them than budgets allow. */
const MOST_LIVES = 100;

/** The machines of a scope, by host and life. */
export class Cast {
  readonly #machines = new Map<number, Election>();

  constructor(
    readonly scope: Scope,
    readonly make: MakeElection = (settings) => new Election(settings),
  ) {}

  /** The machine of a process, with what it remembers in it. */
  machine(who: number, { life, state }: Pick<Host, "life" | "state">): Election {
    const key = who * MOST_LIVES + life;
    let machine = this.#machines.get(key);
    if (machine === undefined) this.#machines.set(key, machine = this.#cast(who, life));
    machine.state = state;
    return machine;
  }

  #cast(who: number, life: number): Election {
    const nonce = nonceOf(who, life);
    return this.make({
      identity: `c${who}_${nonce}_-`,
      nonce,
      namespace: "default",
      leaseName: "x",
      timing: this.scope.timing,
      trustUnheld: false,
      foreignGraceMs: FOREIGN_GRACE_MS,
    });
  }

  /** How far the clocks of a host go in a tick, in milliseconds. */
  tickMs(who: number): number {
    return tickOf(this.scope, who);
  }

  /** Both clocks of a host. */
  now(tick: number, who: number): Instant {
    const mono = tick * tickOf(this.scope, who);
    return { mono, wall: WALL + mono };
  }
}

/** The nonce of a process. */
export function nonceOf(who: number, life: number): string {
  return "0".repeat(28) + `${who}`.padStart(2, "0") + `${life}`.padStart(2, "0");
}

/** The host and the life that a nonce stands for. */
export function processOf(nonce: string): { readonly who: number; readonly life: number } {
  return { who: Number(nonce.slice(28, 30)), life: Number(nonce.slice(30)) };
}

/** Copies what a machine remembers, but for records, which never change. */
export function copyOf<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf) as T;
  if ("lease" in value) return value;
  const copy: Record<string, unknown> = {};
  for (const key in value) copy[key] = copyOf(value[key]);
  return copy as T;
}
