// The API server of the small world: compare-and-swap by uid and resourceVersion, and a short history.
import type { WriteKind } from "../../../lib/election.ts";
import { type Answer, type Lease, type LeaseRecord, readLease } from "../../../lib/lease.ts";
import { checkAcquisition } from "./checks.ts";
import type { Edit } from "./edits.ts";
import { type Batch, presentOf, type Store, type Version } from "./world.ts";

/** A watch from a version before these begins anew. */
const HISTORY = 4;

const MISSING: Answer = { kind: "missing" };
const CONFLICT: Answer = { kind: "conflict" };
const INVALID: Answer = { kind: "refused", status: 422, message: "resourceVersion is missing" };

/** When a write was sent, and how fast the clock of its sender goes. */
export interface Sender {
  readonly sent: number;
  readonly perTick: number;
}

/** One Lease. */
export class Server {
  /**
   * @param store Is never changed, but replaced.
   * @param tick True time.
   * @param onCommit Told of every new version.
   */
  constructor(
    public store: Store,
    readonly tick: number,
    readonly onCommit: (version: Version) => void,
  ) {}

  /** GET. */
  read(): Answer {
    const record = presentOf(this.store)?.record;
    return record === undefined ? MISSING : { kind: "lease", record };
  }

  /** PUT. */
  write(lease: Lease, kind: WriteKind, sender: Sender): Answer {
    const { uid, resourceVersion } = lease.metadata;
    const before = presentOf(this.store);
    const record = before?.record;
    if (record === undefined && uid !== undefined) return CONFLICT;
    if (record !== undefined) {
      if (resourceVersion === undefined) return INVALID;
      if (resourceVersion !== record.rv || uid !== record.uid) return CONFLICT;
    }
    const version = this.#commit(lease, kind);
    if (kind === "acquire") {
      this.store = checkAcquisition(this.store, before!, version.record!, sender);
    }
    return { kind: "lease", record: version.record! };
  }

  delete(): void {
    const rv = this.store.revision + 1;
    this.#append({ rv, kind: "delete", claimedAt: this.tick, free: false });
  }

  edit({ change }: Edit): void {
    const { lease } = presentOf(this.store)!.record!;
    const edited = structuredClone(lease);
    change(edited);
    // What changes nothing makes no version.
    if (JSON.stringify(edited) !== JSON.stringify(lease)) this.#commit(edited, "hand");
  }

  /** What a new watch begins with. */
  open(from?: string): Batch[] {
    const { log, revision } = this.store;
    if (from === undefined) {
      const record = presentOf(this.store)?.record;
      const present = record === undefined ? [] : [{ type: "lease", record } as const];
      return [[{ type: "opened" }, ...present, { type: "synced", rv: String(revision) }]];
    }
    const since = log.filter(({ rv }) => rv > Number(from));
    if (since.length === HISTORY) return ["expired"];
    return [[
      { type: "opened" },
      ...since.map(({ rv, record }) =>
        record === undefined
          ? { type: "deleted", rv: String(rv) } as const
          : { type: "lease", record } as const
      ),
    ]];
  }

  #commit(lease: Lease, kind: Version["kind"]): Version {
    const before = presentOf(this.store);
    const rv = this.store.revision + 1;
    if (before?.record === undefined) this.store = { ...this.store, uids: this.store.uids + 1 };
    const uid = before?.record?.uid ?? `uid-${this.store.uids}`;
    const metadata = { ...lease.metadata, uid, resourceVersion: String(rv) };
    const record = readLease({ ...lease, metadata });
    const same = before?.record !== undefined && claimOf(record) === claimOf(before.record);
    return this.#append({
      rv,
      record,
      kind,
      claimedAt: same ? before.claimedAt : this.tick,
      free: record.released !== undefined && (kind === "release" || before!.free),
    });
  }

  #append(version: Version): Version {
    const log = [...this.store.log.slice(1 - HISTORY), version];
    this.store = { ...this.store, revision: version.rv, log };
    this.onCommit(version);
    return version;
  }
}

/** All of a record that the election is about. */
function claimOf({ lease, rv: _rv, ...said }: LeaseRecord): string {
  return JSON.stringify([said, lease.spec.acquireTime]);
}
