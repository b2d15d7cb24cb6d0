// Judges a simulation from outside: by acts, by what was sent and committed, by what arrived where, in true
// time. It knows nothing of how a contender decides; what it asks of one is what a user of it would ask.
import type { Instant } from "../../lib/clock.ts";
import { ANNOTATION, type Lease } from "../../lib/lease.ts";
import type { WriteKind } from "../../lib/election.ts";
import type { Timing } from "../../lib/timing.ts";
import { Books, type Ending, left } from "./books.ts";
import type { Version } from "./lease_server.ts";
import { broken } from "./violation.ts";
import { isExport, tokenOf, Waits } from "./waits.ts";
import { saysAmiss } from "./writing.ts";

/** A contender, as the checker sees it. */
export interface Subject {
  readonly index: number;
  readonly name: string;
  /** What it is held to: all laws, that there is one leader at a time (I1), or nothing at all. */
  readonly promises: "everything" | "exclusion" | "nothing";
  /** A contender of another make that takes a Lease only after waiting as long as ours would act. */
  readonly lawful: boolean;
  readonly timing: Timing;
  readonly trustUnheld: boolean;
  /** Extra wait after a holder of another make, where one was asked for. */
  readonly graceMs?: number;
  /** Whether people set its wall clock back, so that a window that was shut may open again. */
  readonly wallTrouble: boolean;
  /** Both clocks of its host. */
  now(): Instant;
  /** Whether work of this term may act now, or at another reading of the clocks. */
  mayAct(term: number, now?: Instant): boolean;
  /** Whether this term admits new work. */
  mayStart(term: number, now?: Instant): boolean;
}

/** I9: a bucket of ten requests that fills by three in a retry period. */
const BURST = 10;
const REQUESTS_PER_PERIOD = 3;
/** Six renewals each of which follows so soon on the last are no accident. */
const LEAST_PAUSE_MS = 25;
const MOST_HASTY = 6;
/** Clocks are read as floating-point numbers: where two readings are compared, so much may be lost. */
const ROUNDING_MS = 1e-3;

/** Keeps the books, and throws a {@linkcode Violation} when a law is broken. */
export class Checker {
  readonly #subjects: Subject[] = [];
  readonly #books: Books[] = [];
  /** The books of those whose term is not over. */
  readonly #open: Subject[] = [];
  /** Whose tokens are: identities and contenders. */
  readonly #owners = new Map<string, { readonly identity: string; readonly index: number }>();
  #highest = 0n;
  /** The token of the newest term. */
  #started = 0n;
  /** The newest token that has acted. */
  #acted = 0n;
  #accepted = 0n;
  #acceptedFrom = "";
  /** etcd went back to what it was: versions count twice from then on. */
  restored = false;
  readonly #waits = new Waits(this);

  /** Whether the contender of this number is of this project. */
  isOurs(index: number): boolean {
    return this.#subjects[index]?.promises === "everything";
  }

  /** A process has started. */
  booted(subject: Subject, identity: string): void {
    this.crashed(subject);
    this.#subjects[subject.index] = subject;
    this.#books[subject.index] = new Books(identity, subject.now().mono);
  }

  /** A process is dead: it acts no more. What it sent may yet arrive. */
  crashed({ index }: Subject): void {
    const place = this.#open.findIndex((open) => open.index === index);
    if (place >= 0) this.#open.splice(place, 1);
    if (this.#books[index] !== undefined) this.#books[index]!.phase = "none";
  }

  /**
   * A version, or its absence, has come to a process.
   *
   * @param floor What the answer to a request must not be older than; absent if a watch brought it.
   */
  received(subject: Subject, version: Version, now: Instant, floor?: number): void {
    const books = this.#books[subject.index]!;
    books.wakes(subject.timing, now);
    if (floor === undefined) {
      const follows = isExport(version) && books.shown === version.before;
      if (follows && !books.versions.includes(version)) books.witnessed.add(version);
      books.shown = version;
    }
    books.heardAt = now.mono;
    books.doubtAt = -Infinity;
    const { record, rv } = version;
    const back = record !== undefined && floor !== undefined && rv < floor;
    if (back) {
      books.lost = books.term;
      books.relapse = version;
    } else if (floor !== undefined && isExport(version) && books.watching) {
      // Its watch would have shown what the mark says.
      if (books.shown !== undefined && !books.versions.includes(version)) {
        books.witnessed.add(version);
      }
    }
    if (record !== undefined) {
      if (rv > Math.max(books.newest, books.missing)) books.mayMiss = false;
      books.newest = back ? rv : Math.max(books.newest, rv);
    } else if (floor === undefined) {
      books.mayMiss = true;
      books.missing = Math.max(books.missing, rv);
    }
    if (books.versions.at(-1) === version) return;
    books.versions.push(version);
    books.monos.push(now.mono);
    const own = record === undefined ? undefined : books.ownWrite(record);
    if (own !== undefined) {
      books.heldAt = Math.max(books.heldAt, version.at);
      books.confirmed = own.at;
      books.hasty = 0;
    } else if (version.at > books.heldAt && !this.restored) {
      books.lost = books.term;
    }
  }

  /** A process is told, in answer to a request, that there is no Lease. */
  misses({ index }: Subject, read: boolean, floor: number): void {
    const books = this.#books[index]!;
    books.doubtAt = -Infinity;
    // What else has come meanwhile may be newer than the answer to a read.
    if (!read || floor === books.newest) books.mayMiss = true;
  }

  /** A watch has shown all that it began with, up to a version: nothing, if there was no Lease. */
  begins({ index }: Subject, base: Version | undefined, rv: number): void {
    if (base?.record !== undefined) return;
    const books = this.#books[index]!;
    books.shown ??= base;
    books.mayMiss = true;
    books.missing = Math.max(books.missing, rv);
  }

  /** A watch begins with the present state: whatever came before is a gap away. */
  watchesAnew({ index }: Subject): void {
    const books = this.#books[index]!;
    books.shown = undefined;
    books.witnessed.clear();
  }

  /** The largest token with which the Lease was ever taken; "0" before the first. */
  get newestToken(): string {
    return String(this.#highest);
  }

  /** A process has an open watch, or none; or is told that it may not watch. */
  watches({ index }: Subject, how: "open" | "closed" | "forbidden"): void {
    const books = this.#books[index]!;
    books.watching = how === "open";
    books.blind = how === "forbidden";
  }

  /** Nobody can tell a process what became of its acquisition on this version, unless it has seen a newer one. */
  doubts(subject: Subject, rv: number): void {
    const books = this.#books[subject.index]!;
    if (subject.promises !== "everything" || rv < books.newest) return;
    books.doubtAt = subject.now().mono;
  }

  /** Whether a process was told that it may not watch. */
  isBlind({ index }: Subject): boolean {
    return this.#books[index]!.blind;
  }

  /** How long nothing has come to a process, by its own clock. */
  silenceMs(subject: Subject): number {
    return subject.now().mono - this.#books[subject.index]!.heardAt;
  }

  /** The newest version that a process has received. */
  newestOf({ index }: Subject): number {
    return this.#books[index]!.newest;
  }

  /** When the newest version was made that showed a process that it holds the Lease, in true time. */
  heldAt({ index }: Subject): number {
    return this.#books[index]!.heldAt;
  }

  /** How the last term of a process ended. */
  endingOf({ index }: Subject): Ending | undefined {
    return this.#books[index]!.ending;
  }

  /** Whether a process has received a version of which this holds. */
  hasSeen({ index }: Subject, what: (version: Version) => boolean): boolean {
    return this.#books[index]!.versions.some(what);
  }

  /** A contender sends something, at this reading of its monotonic clock. */
  requests(subject: Subject, mono: number): void {
    if (subject.promises !== "everything") return;
    const books = this.#books[subject.index]!;
    const drained = (mono - books.requestsAt) * REQUESTS_PER_PERIOD /
      subject.timing.retryPeriodMs;
    books.requests = Math.max(0, books.requests - drained) + 1;
    books.requestsAt = mono;
    if (books.requests > BURST + 1e-6) {
      broken("I9", `${subject.name} sends ${Math.floor(books.requests)} requests at once`);
    }
  }

  /** A contender sends a write. */
  writes(subject: Subject, kind: WriteKind, lease: Lease, mark: string, now: Instant): void {
    if (subject.promises !== "everything") return;
    const books = this.#books[subject.index]!;
    const { uid, resourceVersion } = lease.metadata;
    const { name, timing } = subject;
    const fresh = kind === "create" || kind === "acquire";
    if (fresh && now.mono - books.releasedAt < timing.retryPeriodMs - ROUNDING_MS) {
      broken("I7", `${name} contends again before others had a chance`);
    }
    // Under a guard, a tenure whose term has not begun yet is renewed already.
    const begun = lease.metadata.annotations?.[ANNOTATION.token] === books.token;
    if (kind === "renew" && begun && now.mono - books.drainedAt(timing.drainMs) > ROUNDING_MS) {
      broken("I7", `${name} renews though its work has had its time to end`);
    }
    if (fresh && books.blind) {
      broken("I6", `${name} takes the Lease without being able to watch it`);
    }
    if (kind === "create") {
      const harmless = uid === undefined && resourceVersion === undefined;
      if (!books.mayMiss) broken("I6", `${name} creates a Lease that it has seen`);
      if (!harmless || lease.spec.holderIdentity) broken("I6", `${name} may overwrite by creating`);
      return;
    }
    const token = lease.metadata.annotations?.[ANNOTATION.token];
    books.sent.set(mark, { at: now, uid, token, durationMs: timing.leaseDurationMs });
    if (uid === undefined || resourceVersion === undefined) {
      broken("I4", `${name} writes without saying what it replaces`);
    }
    const replaced = books.versions.findLast(({ record }) => record?.rv === resourceVersion);
    if (replaced === undefined) {
      broken("I6", `${name} replaces version ${resourceVersion} without having seen it`);
    }
    const wrong = saysAmiss(lease, kind, replaced!.record!, replaced!.by < 0);
    if (wrong !== undefined) broken("I4", `${name} writes ${wrong}`);
    if (kind === "acquire") this.#waits.mayTake(subject, books, replaced!, now.mono);
    if (kind === "renew") {
      books.hasty = now.mono - books.renewedAt < LEAST_PAUSE_MS ? books.hasty + 1 : 0;
      books.renewedAt = now.mono;
      if (books.hasty >= MOST_HASTY) broken("I9", `${name} tries again and again without a pause`);
    }
    if (kind !== "release") return;
    if (books.working) broken("I5", `${name} releases while its work goes on`);
    if (subject.mayAct(books.term)) broken("I5", `${name} may act after its release`);
    books.released = true;
  }

  /** The server has a new version. */
  committed(version: Version): void {
    const { by, kind, record, before } = version;
    if (by < 0 || record === undefined) return;
    const subject = this.#subjects[by]!;
    if (subject.promises !== "everything") {
      // An empty holder may be the work of its own make, whose release can erase a successor: us.
      const last = before?.record?.holder ?? "";
      const waited = last !== "" && record.holder !== "" && last !== record.holder;
      if (subject.lawful && waited) this.#mustBeShut(`${subject.name} has taken the Lease`);
      return;
    }
    if (kind === "acquire") this.#acquired(subject, version);
    if (this.restored || (kind !== "renew" && kind !== "release")) return;
    // A guard releases for a dead term what names that term, though a later one was there in between.
    if (kind === "release" && before?.kind === "hand" && before.by < 0) this.#waits.misled = true;
    const replaced = before?.record?.holder ?? "";
    // What it has written itself is its own, though a webhook or a hand has touched it.
    let origin = before;
    while (origin?.record !== undefined && origin.by < 0) origin = origin.before;
    const own = before !== undefined &&
      (origin?.by === by || this.#owners.get(tokenOf(before))?.index === by);
    if (!own || replaced === "") {
      broken("I5", `a ${kind} of ${subject.name} replaces ${replaced || "nobody"}`);
    }
  }

  #acquired({ name, index }: Subject, version: Version): void {
    const token = tokenOf(version);
    const number = BigInt(token);
    // Where etcd goes back, a late duplicate of an old write may be committed once more: no term comes of it.
    if (number <= this.#highest && !this.restored) {
      broken("I4", `${name} takes the Lease with token ${token} after ${this.#highest}`);
    }
    if (number > this.#highest) this.#highest = number;
    this.#owners.set(token, { identity: version.record!.holder, index });
  }

  /** A term begins. */
  started(subject: Subject, term: number, token: string): void {
    const books = this.#books[subject.index]!;
    const { name } = subject;
    if (subject.promises !== "nothing") this.#open.push(subject);
    const over = books.phase === "none" || books.phase === "over";
    if (subject.promises === "everything") {
      if (!over || books.working) broken("I8", `${name} is elected while its last term goes on`);
      if (term <= books.term) broken("I8", `${name} is elected for term ${term} again`);
      if (this.#owners.get(token)?.identity !== books.identity) {
        broken("I4", `${name} leads with token ${token}, which it has not committed`);
      }
      if (BigInt(token) <= this.#started) {
        broken("I4", `${name} leads with token ${token} after ${this.#started}`);
      }
      this.#started = BigInt(token);
      const { confirmed } = books;
      if (confirmed === undefined || left(confirmed, subject.timing.stopMs, subject.now()) <= 0) {
        broken("I2", `${name} is elected though its time has passed`);
      }
    }
    Object.assign(books, { term, token, phase: "going", released: false });
  }

  /** Its work is told to stop. */
  told(subject: Subject, term: number): void {
    const books = this.#books[subject.index]!;
    if (books.phase !== "going" || books.term !== term) {
      broken("I8", `${subject.name} loses term ${term}, which does not go on`);
    }
    books.phase = "told";
    books.toldAt = subject.now().mono;
  }

  /** The term is over: it was taken away, or its release has an outcome. */
  over(subject: Subject, term: number, how: Ending): void {
    const books = this.#books[subject.index]!;
    const { name } = subject;
    const released = how !== "revoked";
    books.ending = how;
    if (released) books.releasedAt = subject.now().mono;
    if (released && term === books.term + 1 && !books.working) {
      // Taken when nobody wanted to lead any more: it never was a term.
      books.term = term;
      return;
    }
    if (books.phase !== "told" || books.term !== term) {
      broken("I8", `${name} ends term ${term} before telling its work`);
    }
    if (released && books.working) {
      broken("I5", `${name} releases while its work goes on`);
    }
    books.phase = "over";
    const place = this.#open.findIndex((open) => open.index === subject.index);
    if (place >= 0) this.#open.splice(place, 1);
  }

  /** It contends again, or says that it has stopped contending. */
  contends(subject: Subject, contending: boolean): void {
    const books = this.#books[subject.index]!;
    if (!contending && books.withdrawn) broken("I8", `${subject.name} withdraws twice`);
    if (!contending && books.underWay) {
      broken("I8", `${subject.name} withdraws in the middle of a term`);
    }
    const leftMs = books.drainedAt(subject.timing.drainMs) - subject.now().mono;
    const doubted = subject.now().mono - books.doubtAt;
    if (!contending && doubted < subject.timing.attemptTimeoutMs - ROUNDING_MS) {
      broken("I7", `${subject.name} goes without asking whether it holds the Lease`);
    }
    books.doubtAt = -Infinity;
    if (!contending && books.working && leftMs > ROUNDING_MS) {
      broken("I10", `${subject.name} does not wait for its work, which has time to end`);
    }
    books.withdrawn = !contending;
  }

  /** Work of the present term begins or ends. */
  works({ index }: Subject, working: boolean): void {
    this.#books[index]!.working = working;
  }

  /** Work asks whether it may act (or start something new), gets an answer, and goes by it. */
  acts(subject: Subject, term: number, starts: boolean, allowed: boolean): void {
    const books = this.#books[subject.index]!;
    const { name, timing } = subject;
    if (!allowed) {
      if (term === books.term) books[starts ? "closed" : "shut"] = term;
      return;
    }
    if (subject.promises !== "everything") return;
    const token = BigInt(books.token);
    if (token < this.#acted) {
      broken("I1", `${name} acts with ${token} after ${this.#acted} has acted`);
    }
    this.#acted = token;
    if (term !== books.term || (books.phase !== "going" && books.phase !== "told")) {
      broken("I2", `${name} acts in term ${term}, which is over`);
    }
    if (books.lost === term) broken("I2", `${name} acts though it saw that it has lost the Lease`);
    if (books.released) broken("I5", `${name} acts after its release`);
    if (starts && books.phase === "told") {
      broken("I2", `${name} starts work after it was told to stop`);
    }
    const { confirmed } = books;
    const limitMs = starts ? timing.stopMs : timing.fenceMs;
    const what = starts ? "starts work" : "acts";
    const leftMs = confirmed === undefined ? -Infinity : left(confirmed, limitMs, subject.now());
    if (leftMs <= 0) {
      broken("I2", `${name} ${what} ${limitMs - leftMs} ms after its last renewal`);
    }
    if ((starts ? books.stopped : books.overslept) === term) {
      broken("I2", `${name} ${what} though its time had passed when it woke up`);
    }
    if ((starts ? books.closed : books.shut) === term && !subject.wallTrouble) {
      broken("I2", `${name} ${what} again after its end`);
    }
    const end = { mono: confirmed!.mono + limitMs, wall: confirmed!.wall };
    if (starts ? subject.mayStart(term, end) : subject.mayAct(term, end)) {
      broken("I2", `${name} ${what} at the very moment of its end`);
    }
  }

  /** Something of ours acts without asking anybody: I1 alone judges it here. */
  actsUnasked({ index }: Subject, token: string, who: string): void {
    // Who never asks goes on until it is killed, whoever was led to believe that the Lease is free.
    if (this.#waits.misled) return;
    const number = BigInt(token);
    if (number < this.#acted) broken("I1", `${who} acts with ${token} after ${this.#acted}`);
    this.#acted = number;
    const other = this.#open.find((subject) => subject.index !== index && this.#mayAct(subject));
    if (other !== undefined) broken("I1", `${who} acts while ${other.name} may act`);
  }

  /** I1, at this instant. */
  look(): void {
    if (this.#open.length < 2) return;
    const acting = this.#open.filter((subject) => this.#mayAct(subject));
    if (acting.length < 2) return;
    broken("I1", `${acting.map(({ name }) => name).join(" and ")} may act at the same time`);
  }

  #mayAct(subject: Subject): boolean {
    return subject.mayAct(this.#books[subject.index]!.term);
  }

  #mustBeShut(when: string): void {
    const acting = this.#open.find((subject) => this.#mayAct(subject));
    if (acting !== undefined) broken("I1", `${acting.name} may act though ${when}`);
  }

  /** A store that checks tokens has taken an effect in. */
  accepted(token: string, identity: string): void {
    const number = BigInt(token);
    if (number < this.#accepted || (number === this.#accepted && identity !== this.#acceptedFrom)) {
      broken("I3", `${token} of ${identity} after ${this.#accepted} of ${this.#acceptedFrom}`);
    }
    this.#accepted = number;
    this.#acceptedFrom = identity;
  }
}
