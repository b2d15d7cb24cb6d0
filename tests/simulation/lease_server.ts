// The API server and its etcd as far as one Lease is concerned: compare-and-swap by uid and resourceVersion,
// revisions that other objects share, a history, and restores. It also remembers what no client can know: when
// each version was made, by whom, and what for.
import {
  type Answer,
  type Lease,
  type LeaseRecord,
  readLease,
  type WatchEvent,
} from "../../lib/lease.ts";
import type { WriteKind } from "../../lib/election.ts";

/** What made a version: a write of a contender, foreign metadata alone, any other edit, a deletion. */
export type VersionKind = WriteKind | "label" | "hand" | "delete";

const MISSING: Answer = { kind: "missing" };
const CONFLICT: Answer = { kind: "conflict" };
const INVALID: Answer = {
  kind: "refused",
  status: 422,
  message: "metadata.resourceVersion must be specified for an update",
};

/** One version of the Lease, or its absence. */
export class Version {
  /** What a watch says of it; shared by all. */
  readonly event: WatchEvent;
  /** What a read, or the write itself, is answered; shared by all. */
  readonly answer: Answer;

  /**
   * @param rv Its revision.
   * @param record Absent if the Lease was deleted.
   * @param by The contender that wrote it; -1 if none did.
   * @param at True time.
   * @param before What it replaced.
   */
  constructor(
    readonly rv: number,
    readonly record: LeaseRecord | undefined,
    readonly kind: VersionKind,
    readonly by: number,
    readonly at: number,
    readonly before: Version | undefined,
  ) {
    this.event = record === undefined
      ? { type: "deleted", rv: String(rv) }
      : { type: "lease", record };
    this.answer = record === undefined ? MISSING : { kind: "lease", record };
  }
}

/** One Lease and its history. */
export class LeaseServer {
  /** The versions of this timeline; a restore cuts it. */
  readonly log: Version[] = [];
  /** The newest revision, of this Lease or of any other object. */
  revision = 1;
  /** The newest revision that was ever given, in any timeline. */
  highest = 1;
  /** A watch from an earlier revision expires. */
  compacted = 0;
  readonly #undone = new Set<number>();
  #uids = 0;

  /** @param onCommit Told of every new version. */
  constructor(readonly onCommit: (version: Version) => void) {}

  get present(): Version | undefined {
    return this.log.at(-1);
  }

  get record(): LeaseRecord | undefined {
    return this.present?.record;
  }

  /** GET. */
  read(): Answer {
    return this.present?.answer ?? MISSING;
  }

  /** The version that was the present one at some time; `undefined` before the first. */
  asOf(at: number): Version | undefined {
    return this.log.findLast((version) => version.at <= at);
  }

  /** PUT. */
  write(lease: Lease, kind: VersionKind, by: number, at: number): Answer {
    const { uid, resourceVersion } = lease.metadata;
    const { record } = this;
    if (record === undefined) {
      if (uid !== undefined) return CONFLICT;
      return this.#commit(lease, kind, by, at, `uid-${++this.#uids}`).answer;
    }
    if (resourceVersion === undefined) return INVALID;
    if (resourceVersion !== record.rv || (uid !== undefined && uid !== record.uid)) return CONFLICT;
    const same = lease.spec.renewTime === record.lease.spec.renewTime &&
      JSON.stringify(lease) === JSON.stringify(record.lease);
    if (same) return this.read();
    return this.#commit(lease, kind, by, at, record.uid).answer;
  }

  /** DELETE. */
  delete(at: number): void {
    if (this.record === undefined) return;
    const rv = this.#nextRevision();
    this.#append(new Version(rv, undefined, "delete", -1, at, this.present));
  }

  /** Changes the present Lease as an editor does. */
  edit(at: number, change: (lease: Lease) => void): void {
    if (this.record === undefined) return;
    const lease = structuredClone(this.record.lease);
    change(lease);
    const same = claimOf(readLease(lease)) === claimOf(this.record);
    this.write(lease, same ? "label" : "hand", -1, at);
  }

  /** Other objects are written. */
  passRevisions(count: number): void {
    this.revision += count;
    this.highest = Math.max(this.highest, this.revision);
  }

  /**
   * etcd goes back to a version that it has a backup of; what came after it never happened. The present
   * version looks like that one, but it proves nothing any more.
   *
   * Numbers of versions that were undone are not given to the Lease again: should one be, a compare-and-swap that
   * is still on its way would take the new version for the old one, which no client can prevent. That is why
   * operators must bump revisions.
   *
   * @param bump By how much revisions are bumped; older ones are compacted then.
   */
  restore({ rv, record, before }: Version, at: number, bump: number): void {
    const cut = this.log.findLastIndex((version) => version.rv === rv);
    for (const undone of this.log.splice(cut)) this.#undone.add(undone.rv);
    this.log.push(new Version(rv, record, "hand", -1, at, before));
    this.revision = rv;
    if (bump === 0) return;
    this.passRevisions(this.highest - rv + bump);
    this.compacted = this.revision;
  }

  #commit(lease: Lease, kind: VersionKind, by: number, at: number, uid: string): Version {
    const rv = this.#nextRevision();
    const metadata = { ...lease.metadata, uid, resourceVersion: String(rv) };
    const record = readLease({ ...lease, metadata });
    const version = new Version(rv, record, kind, by, at, this.present);
    this.#append(version);
    return version;
  }

  #nextRevision(): number {
    do this.passRevisions(1); while (this.#undone.has(this.revision));
    return this.revision;
  }

  #append(version: Version): void {
    this.log.push(version);
    this.onCommit(version);
  }
}

/** All of a record that the election is about. */
export function claimOf(record: LeaseRecord): string {
  const { lease, rv: _rv, ...said } = record;
  return JSON.stringify([said, lease.spec.acquireTime]);
}
