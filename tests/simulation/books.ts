// What is known of one life of one contender, from outside: what it sent, what has come to it, what it was told.
import type { Instant } from "../../lib/clock.ts";
import type { LeaseRecord } from "../../lib/lease.ts";
import type { Timing } from "../../lib/timing.ts";
import type { Version } from "./lease_server.ts";

/** What a write that was sent says. */
export interface Sent {
  /** When it was sent, by the clocks of its sender. */
  readonly at: Instant;
  /** The life of the Lease that it is for. */
  readonly uid?: string;
  readonly token?: string;
  readonly durationMs: number;
}

/** How a term ended; `given up`: its release has not been confirmed. */
export type Ending = "revoked" | "released" | "given up";

/** The books of one life of one contender. */
export class Books {
  term = 0;
  phase: "none" | "going" | "told" | "over" = "none";
  token = "";
  working = false;
  /** Its release was sent: no act may follow. */
  released = false;
  /** The term whose window was seen shut, for acts and for new work. */
  shut = 0;
  closed = 0;
  /** The term whose window had passed, for acts and for new work, when something came to it. */
  overslept = 0;
  stopped = 0;
  withdrawn = true;
  /** When its work was told to stop, and when its release had an outcome, by its monotonic clock. */
  toldAt = -Infinity;
  releasedAt = -Infinity;
  /** How its last term ended. */
  ending?: Ending;
  /** When the last write of this term that it has evidence for was sent, by its own clocks. */
  confirmed?: Instant;
  /** When the newest version was made that showed it as the holder. */
  heldAt = -Infinity;
  /** The term of which it has seen that the Lease is gone or another's. */
  lost = 0;
  readonly sent = new Map<string, Sent>();
  /** What it received, and when by its monotonic clock. */
  readonly versions: Version[] = [];
  readonly monos: number[] = [];
  /** The newest version that it has received since the server went back in time. */
  newest = 0;
  /** The version that a watch showed last. */
  shown?: Version;
  /** Records put back that came on a watch, right behind the version that they replaced. */
  readonly witnessed = new Set<Version>();
  /** The version that showed that the server had gone back in time. */
  relapse?: Version;
  /** As far as it knows, there may be no Lease. */
  mayMiss = true;
  /** The newest version of which it knows that there was no Lease. */
  missing = 0;
  /** Its watch is open; it was told that it may not watch. */
  watching = false;
  blind = false;
  /** When something came to it last, by its monotonic clock. */
  heardAt = -Infinity;
  /** Since when nobody knows what became of its acquisition. */
  doubtAt = -Infinity;
  requests = 0;
  requestsAt: number;
  /** Renewals that followed one another at once, and when the last was sent. */
  hasty = 0;
  renewedAt = -Infinity;

  constructor(readonly identity: string, mono: number) {
    this.requestsAt = mono;
  }

  /** Whether a term is under way. */
  get underWay(): boolean {
    return this.phase === "going" || this.phase === "told";
  }

  /** H16: what comes to a process whose time has passed meanwhile finds a term that is over for good. */
  wakes({ fenceMs, stopMs }: Timing, now: Instant): void {
    if (!this.underWay || this.confirmed === undefined) return;
    if (left(this.confirmed, fenceMs, now) <= 0) this.overslept = this.term;
    if (left(this.confirmed, stopMs, now) <= 0) this.stopped = this.term;
  }

  /** When the work of a term that was told to stop has had its time, by the monotonic clock. */
  drainedAt(drainMs: number): number {
    return this.phase === "none" || this.phase === "going" ? Infinity : this.toldAt + drainMs;
  }

  /** The write of its own that made this record, untouched by others and not made void by a later one. */
  ownWrite(record: LeaseRecord): Sent | undefined {
    const sent = this.sent.get(record.write ?? "");
    if (sent === undefined || record.holder !== this.identity) return undefined;
    const whole = record.uid === sent.uid && record.token === sent.token &&
      record.durationMs === sent.durationMs;
    return whole && sent.at.mono >= (this.confirmed?.mono ?? -Infinity) ? sent : undefined;
  }
}

/** What is left of `limitMs`: of both clocks, the one that has gone further counts. */
export function left(since: Instant, limitMs: number, now: Instant): number {
  return Math.min(since.mono + limitMs - now.mono, since.wall + limitMs - now.wall);
}
