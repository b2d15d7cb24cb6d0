// Judges what happens under a guard, from outside, in true time: by what was sent, committed and done, by who lived
// and who could have done something about it. It knows nothing of how a guard decides.
import type { Instant } from "../../../lib/clock.ts";
import { ANNOTATION, type Lease } from "../../../lib/lease.ts";
import type { Token } from "../../../lib/token.ts";
import type { Host } from "../host.ts";
import type { LeaseServer, Version } from "../lease_server.ts";
import { type Invariant, Violation } from "../violation.ts";
import type { Process } from "./processes.ts";

/** What the judge needs to see. */
export interface Scene {
  readonly time: number;
  readonly host: Host;
  readonly server: LeaseServer;
  /** Until when the guard is stopped; `Infinity` if it is dead. */
  readonly guardDownUntil: number;
  /** The same of the elector. */
  readonly electorDownUntil: number;
  /** Passes over all processes see nobody. */
  readonly blind: boolean;
  /** Whoever may act in the term of this token: processes, or work in the program. */
  livingOf(token: Token): string | undefined;
  /** Tells the checker of an act of which nobody was asked. */
  acted(token: Token, what: string): void;
}

/** What is known of one term. */
class Term {
  /** Its writes, by their marks, and the reading of the clocks when the first byte was sent. */
  readonly sent = new Map<string, Instant>();
  /** That of its newest write that was committed. */
  committed?: Instant;
  /** When the guard last read its clocks for it, and for which writes it has. */
  readAt?: Instant;
  readonly read = new Set<number>();
  /** When the guard was told that it may not act any more, monotonic. */
  revokedAt?: number;
}

/**
 * From a deadline to the last act, on the clocks of the host: the guard's timer and its SIGKILL; or, while the
 * guard is stopped, those of the elector, which leaves it 25 ms.
 */
const EPSILON_MS = 40;
/** So long, in true time, may whoever was stopped take to catch up. */
const GRACE_MS = 60;
/** Guard and elector look at their clocks every 250 ms: what jumps, or went on in suspend, tells nobody. */
const LOOK_MS = 350;

/** Keeps the books of one contender. */
export class Judge {
  readonly #scene: Scene;
  readonly #terms = new Map<Token, Term>();
  readonly #guardMarks = new Map<string, Token>();
  #clockTroubleUntil = -Infinity;
  #suspendedUntil = -Infinity;
  #lastDeathAt = -Infinity;
  /** The tokens of terms that were released by proof of death. */
  readonly released = new Set<Token>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** A wall clock has jumped. */
  clockJumps(): void {
    this.#clockTroubleUntil = this.#scene.time + LOOK_MS;
  }

  /** The whole host sleeps until then. */
  suspends(until: number): void {
    this.#suspendedUntil = Math.max(this.#suspendedUntil, until + LOOK_MS);
    this.#clockTroubleUntil = Math.max(this.#clockTroubleUntil, until + LOOK_MS);
  }

  /** The first byte of a write that begins or lengthens a term is sent now. */
  sends({ metadata }: Lease, now: Instant): void {
    const { [ANNOTATION.token]: token, [ANNOTATION.write]: mark } = metadata.annotations!;
    const term = this.#termOf(token!);
    if (!term.read.has(Number(mark!.split(".")[1]))) {
      this.#broken("I2", "sends a write that its guard has not read its clocks for");
    }
    term.sent.set(mark!, now);
  }

  /** The guard reads its clocks for a write of this term. */
  reads(token: Token, sequence: number, now: Instant): void {
    const term = this.#termOf(token);
    term.readAt = now;
    term.read.add(sequence);
  }

  #termOf(token: Token): Term {
    let term = this.#terms.get(token);
    if (term === undefined) this.#terms.set(token, term = new Term());
    return term;
  }

  /** The guard is told that a term may not act any more. */
  revoked(token: Token, now: Instant): void {
    const term = this.#terms.get(token);
    if (term !== undefined) term.revokedAt ??= now.mono;
  }

  /** A process of a term is dead. */
  died(now: Instant): void {
    this.#lastDeathAt = now.mono;
  }

  /** A version that this contender, or its guard, has written. */
  committed({ record, kind }: Version): void {
    if (record === undefined) return;
    for (const term of this.#terms.values()) {
      const sent = term.sent.get(record.write ?? "");
      if (sent !== undefined && sent.mono >= (term.committed?.mono ?? -Infinity)) {
        term.committed = sent;
      }
    }
    if (kind !== "release") return;
    const token = this.#guardMarks.get(record.write ?? "");
    if (token !== undefined) this.released.add(token);
    this.#mustBeDead(token ?? String(record.token), "its release is committed");
  }

  /** The guard sends a release. */
  releases({ metadata, spec }: Lease, identity: string, settleMs: number, now: Instant): void {
    const { host, server } = this.#scene;
    const { [ANNOTATION.token]: token, [ANNOTATION.write]: mark } = metadata.annotations!;
    const { uid, resourceVersion: rv } = metadata;
    this.#guardMarks.set(mark!, token!);
    if (uid === undefined || rv === undefined || spec.holderIdentity) {
      this.#broken("I5", "has a guard that does not write a release");
    }
    this.#mustBeDead(token!, "its guard releases");
    if (now.mono - this.#lastDeathAt < settleMs) {
      this.#broken("I5", `is released by its guard before ${settleMs} ms have passed`);
    }
    const term = this.#terms.get(token!);
    if (term?.readAt === undefined) {
      this.#broken("I5", "has a guard that releases no term of its own");
    }
    const passed = elapsed(term!.readAt!, now);
    if (passed >= host.timing.leaseDurationMs) {
      this.#broken("I5", `is released by its guard ${passed} ms after its last renewal`);
    }
    const record = server.log.findLast((version) => version.record?.rv === rv)?.record;
    if (record === undefined) return;
    const own = record.holder === identity && record.token === token &&
      term!.sent.has(record.write!);
    if (!own) this.#broken("I5", `has a guard that releases what ${record.holder} holds`);
  }

  #mustBeDead(token: Token, when: string): void {
    const living = this.#scene.livingOf(token);
    if (living !== undefined) this.#broken("I5", `has ${living} that may act when ${when}`);
  }

  /** The guard starts the command. */
  starts(token: Token): void {
    const { host } = this.#scene;
    const { committed, revokedAt } = this.#terms.get(token) ?? {};
    const now = host.now();
    if (committed === undefined) return this.#broken("I4", "starts a command in no term");
    const passed = now.mono - committed.mono;
    if (passed >= host.timing.stopMs || revokedAt !== undefined) {
      this.#broken("I2", `starts its command ${passed} ms after its last renewal`);
    }
  }

  /** A process acts, or work in the program (`undefined`) that does not ask. Says whether that counts. */
  acts(token: Token, process: Process | undefined): boolean {
    const { host, time } = this.#scene;
    const { committed, revokedAt } = this.#terms.get(token) ?? {};
    const what = process === undefined ? "work" : process.main ? "a command" : "a stray";
    if (committed === undefined) this.#broken("I4", `has ${what} in no term`);
    const { fenceMs, stopMs } = host.timing;
    const now = host.now();
    const mono = now.mono - committed!.mono;
    const wall = time > this.#clockTroubleUntil ? now.wall - committed!.wall : -Infinity;
    const passed = Math.max(mono, wall);
    const grace = revokedAt === undefined ? 0 : now.mono - revokedAt - (fenceMs - stopMs);
    const late = passed >= fenceMs + EPSILON_MS;
    if (this.#excuses(process)) {
      // Nobody was there who could have stopped it: the token alone helps.
      if (Math.max(mono, now.wall - committed!.wall) >= fenceMs) return false;
    } else if (late) {
      this.#broken("I2", `has ${what} that acts ${passed} ms after its last renewal`);
    } else if (process !== undefined && grace >= EPSILON_MS + this.#lookMs) {
      this.#broken("I2", `has ${what} that acts ${grace} ms after K had passed since the loss`);
    }
    this.#scene.acted(token, `${host.name} has ${what} that`);
    return true;
  }

  /** Where the guard is stopped, the elector sees a loss at its next look. */
  get #lookMs(): number {
    return this.#scene.guardDownUntil + GRACE_MS > this.#scene.time ? LOOK_MS : 0;
  }

  /** Whether nobody could have stopped it in time. */
  #excuses(process: Process | undefined): boolean {
    const { time, guardDownUntil, electorDownUntil } = this.#scene;
    if (time < this.#suspendedUntil) return true;
    const guardDown = guardDownUntil + GRACE_MS > time;
    // A guard that sees no process kills the command and, while that lives, its group; no more. Nor does a pass
    // see what is forked in its course: the next one does.
    if (process?.main === false && (this.#scene.blind || process.newborn)) return true;
    // Work in the program is stopped by the guard alone; so is what hides from the mark.
    if (process?.marked !== true) return guardDown;
    return guardDown && electorDownUntil + GRACE_MS > time;
  }

  #broken(invariant: Invariant, what: string): void {
    throw new Violation(invariant, `${this.#scene.host.name} ${what}`);
  }
}

/** Of both clocks, the one that has gone further counts. */
function elapsed(since: Instant, now: Instant): number {
  return Math.max(now.mono - since.mono, now.wall - since.wall);
}
