// I6: how long a version has to be waited for before it may be taken, by who made it in truth.
import { ANNOTATION } from "../../lib/lease.ts";
import type { Books } from "./books.ts";
import type { Subject } from "./checker.ts";
import { claimOf, type Version } from "./lease_server.ts";
import { broken } from "./violation.ts";

/** Extra wait after a holder of another make, beyond twice the wait. */
const FOREIGN_GRACE_MS = 3_000;

/** What has to be known of the world. */
interface World {
  /** etcd went back to what it was: versions count twice from then on. */
  readonly restored: boolean;
  /** Whether the contender of this number is of this project. */
  isOurs(index: number): boolean;
}

/** Judges the taking of a Lease. */
export class Waits {
  readonly #world: World;
  /** A hand has put a record of the past back, and somebody went by it, which is outside what is promised. */
  misled = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** A version is taken only after its wait, or if it is free in truth. */
  mayTake(subject: Subject, books: Books, newest: Version, mono: number): void {
    const { versions, monos } = books;
    const { rv, token } = newest.record!;
    if (token === "malformed") {
      broken("I4", `${subject.name} follows a token that nothing can follow`);
    }
    // What differs in foreign metadata alone may keep the wait.
    const chain = [newest];
    while (this.#changesNothing(chain[0]!)) chain.unshift(chain[0]!.before!);
    const origin = chain[0]!;
    // After a restore the same may be written once more, and be taken for what was undone.
    const same = (version: Version) =>
      chain.includes(version) || (this.#world.restored && saysTheSame(version, newest));
    const first = versions.findIndex(same);
    const since = monos[first]!;
    const proven = books.witnessed.has(origin) || books.relapse === origin;
    if (isExport(origin) && !proven && !this.#knowsBetter(books, origin)) {
      this.misled = true;
      return;
    }
    const need = this.#needMs(subject, books, newest, origin);
    if (mono - since < need) {
      const waited = `after ${Math.round(mono - since)} of ${need} ms`;
      broken("I6", `${subject.name} takes version ${rv} ${waited}`);
    }
  }

  /**
   * Whether a version differs from the one before in foreign metadata alone. So does a write of another make
   * whose wall clock stands still, when a webhook adds a label.
   */
  #changesNothing(version: Version): boolean {
    const { kind, by, before } = version;
    if (before?.record === undefined) return false;
    if (kind === "label") return true;
    return by >= 0 && !this.#world.isOurs(by) && saysTheSame(before, version);
  }

  /** Whether a process has seen, in order, a newer term than the one whose release was put back. */
  #knowsBetter(books: Books, { record }: Version): boolean {
    if (this.#world.restored) return false;
    const token = BigInt(record!.released!.token);
    return inOrder(books.versions).some((version) => BigInt(tokenOf(version)) > token);
  }

  /** How long a version has to be waited for at the least, by who made it in truth. */
  #needMs(subject: Subject, books: Books, newest: Version, origin: Version): number {
    const { timing, trustUnheld, graceMs } = subject;
    const own = timing.leaseDurationMs;
    const preferred = newest.record!.preferredHolder;
    const others = preferred === undefined || preferred === books.identity ? 0 : own;
    if (this.#isFree(origin)) return others;
    const { kind, record, before } = origin;
    const grace = (whole: number) => whole + (graceMs ?? whole + FOREIGN_GRACE_MS) + others;
    if (kind === "create") {
      if (trustUnheld) return others;
      // A webhook may put a holder there, which looks like one of ours that has waited before.
      const held = record!.holder !== "" && this.#isOurs(origin);
      return !held && this.#followsOthers(books, origin) ? grace(own) : own + others;
    }
    // Nobody can tell what a version followed when versions count anew.
    if (this.#world.restored) return own;
    const longest = longestOf(books.versions, origin);
    const whole = Math.max(record!.durationMs ?? 0, own);
    if (this.#isOurs(origin)) return Math.max(longest, kind === "hand" ? own : whole) + others;
    const { holder, renewMicros, transitions } = record!;
    if (holder !== "") return grace(whole);
    // Emptied: by somebody of another make, or by hand.
    const wiped = renewMicros === undefined && transitions === 0;
    if (wiped || before?.record === undefined || this.#isOurs(before)) return own + others;
    if (before.record.holder === "") return own + others;
    return grace(whole);
  }

  /** Whether the Lease that was created anew is known to have been held by somebody of another make. */
  #followsOthers({ versions, relapse }: Books, created: Version): boolean {
    if (relapse !== undefined || this.#world.restored) return false;
    const earlier = inOrder(versions.slice(0, versions.indexOf(created)));
    const last = earlier.findLast(({ kind }) => kind !== "create");
    return last !== undefined && last.record!.holder !== "" && !this.#isOurs(last);
  }

  /** Whether the last writer was one of ours, as far as anybody can tell: people may put names everywhere. */
  #isOurs({ by, record }: Version): boolean {
    const { metadata, spec } = record!.lease;
    const holder = spec.holderIdentity ?? "";
    if (metadata.annotations?.[ANNOTATION.holder] !== holder) return false;
    return holder !== "" || by < 0 || this.#world.isOurs(by);
  }

  /** Whether its holder has given it up and nobody has taken it since, whatever was edited. */
  #isFree({ kind, by, record, before }: Version): boolean {
    if (kind === "release") return this.#world.isOurs(by);
    const last = before?.kind === "delete" ? before.before : before;
    const mark = record?.released;
    if (mark === undefined || (kind !== "hand" && kind !== "label")) return false;
    const { released, token, renewMicros } = last?.record ?? {};
    const kept = mark.rv === released?.rv && token === record!.token &&
      renewMicros === record!.renewMicros;
    return kept && this.#isFree(last!);
  }
}

/** Whether two versions say the same of the election. */
function saysTheSame(a: Version, b: Version): boolean {
  return a.record !== undefined && a.record.write === b.record!.write &&
    a.record.renewMicros === b.record!.renewMicros && claimOf(a.record) === claimOf(b.record!);
}

/** Versions as they came, without those that were old news then. */
function inOrder(versions: readonly Version[]): Version[] {
  let newest = 0;
  return versions.filter(({ rv, record }) => {
    if (record === undefined || rv < newest) return false;
    newest = rv;
    return true;
  });
}

/** The longest duration that a process has seen in writes of the term to which a version belongs. */
function longestOf(seen: readonly Version[], version: Version): number {
  let longest = 0;
  const known = inOrder(seen);
  for (let v: Version | undefined = version; v?.record !== undefined; v = v.before) {
    const written = v.kind === "acquire" || v.kind === "renew";
    if (written && known.includes(v)) longest = Math.max(longest, v.record.durationMs ?? 0);
    const { token } = v.before?.record ?? {};
    if (v.kind === "acquire" || v.kind === "create" || token !== version.record!.token) break;
  }
  return longest;
}

/**
 * Whether somebody has put a released record back. Who has not watched it replace what was there goes by the
 * mark alone, as one does that has just come: that is outside what is promised, but for I1.
 */
export function isExport({ kind, record, before }: Version): boolean {
  if (kind !== "hand" || before === undefined || record?.released === undefined) return false;
  const { released, token, renewMicros } = record;
  return released.token === token && released.renewMicros === renewMicros;
}

/** The token of a version that one of ours wrote. */
export function tokenOf({ record }: Version): string {
  return /^[1-9]/.test(record?.token ?? "") ? record!.token! : "0";
}
