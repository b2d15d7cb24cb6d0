// One state of the small world that is explored: plain data that is never changed, so that states share what
// they have in common.
import type { State, WriteKind } from "../../../lib/election.ts";
import type { Answer, Lease, LeaseRecord, WatchEnd, WatchEvent } from "../../../lib/lease.ts";
import type { Token } from "../../../lib/token.ts";

/** Everything there is. */
export interface World {
  /** True time. */
  readonly tick: number;
  readonly hosts: readonly Host[];
  readonly store: Store;
  /** Messages on their way, in no order. */
  readonly flights: readonly Flight[];
  /** What may still go wrong, in the order of `FAULTS`. */
  readonly left: readonly number[];
}

/** One candidate and what belongs to it. */
export interface Host {
  /** Counts its processes. */
  readonly life: number;
  readonly state: State;
  /** What its machine asked for at its last step, monotonic. */
  readonly due: number;
  readonly paused: boolean;
  readonly stream?: Stream;
  readonly work?: Work;
  /** The tick at which its last committed write was sent; `-Infinity` once a release is. */
  readonly proof: number;
  /** The token of the last acquisition that this process has truly committed. */
  readonly acquired?: Token;
}

/** The work of a term, until it has settled. */
export interface Work {
  readonly term: number;
  /** Whether it has been told to stop. */
  readonly told: boolean;
}

/** What arrives at once on a watch. */
export type Batch = readonly WatchEvent[] | WatchEnd;

/** A watch, as far as it has not been read. */
export interface Stream {
  readonly watch: number;
  readonly batches: readonly Batch[];
  /** It says nothing for now. */
  readonly stalled: boolean;
}

/** The API server. */
export interface Store {
  readonly revision: number;
  /** How often the Lease was created. */
  readonly uids: number;
  /** The newest versions, as far as a watch can go back. */
  readonly log: readonly Version[];
  /** The largest token of any acquisition. */
  readonly highest: Token;
}

/** A version of the Lease, or its absence, and what no client can know of it. */
export interface Version {
  readonly rv: number;
  readonly record?: LeaseRecord;
  readonly kind: WriteKind | "hand" | "delete";
  /** The tick since which the Lease says this of the election. */
  readonly claimedAt: number;
  /** Whether no work of any term goes on behind it. */
  readonly free: boolean;
}

/** A message on its way. */
export type Flight =
  & {
    readonly who: number;
    /** By which its sender knows it; 0 once nobody waits for the answer. */
    readonly id: number;
    /** Whether it may arrive later than in this very tick. */
    readonly delayed: boolean;
  }
  & (
    | {
      readonly type: "write";
      readonly kind: WriteKind;
      readonly lease: Lease;
      readonly life: number;
      /** The tick at which it was sent. */
      readonly sent: number;
    }
    | { readonly type: "read" }
    | { readonly type: "answer"; readonly answer: Answer }
  );

/** The monotonic clock of a host, in milliseconds. */
export function monoOf(world: Pick<World, "tick">, perTick: number): number {
  return world.tick * perTick;
}

/** The present version. */
export function presentOf(store: Store): Version | undefined {
  return store.log.at(-1);
}
