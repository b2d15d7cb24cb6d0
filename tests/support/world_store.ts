// A Lease as the API server keeps it, in memory: compare-and-swap by uid and resourceVersion, and a log of
// what happened. It also knows what no elector can: who wrote each version, and what for.
import {
  ANNOTATION,
  type Answer,
  type Lease,
  type LeaseRecord,
  readLease,
  type WatchEvent,
} from "../../lib/lease.ts";

/** Where a version came from. */
export interface Version {
  readonly rv: number;
  /** Absent if the Lease was deleted. */
  readonly record?: LeaseRecord;
  /** What made it; `label` is a change of foreign metadata alone. */
  readonly kind: "create" | "acquire" | "renew" | "release" | "label" | "hand" | "delete";
  /** The version that it replaced. */
  readonly before?: Version;
}

/** One Lease, and its history. */
export class Store {
  readonly log: Version[] = [];
  #uid = 0;
  /** Told of every new version. */
  onCommit: (version: Version) => void = () => {};

  get present(): Version | undefined {
    return this.log.at(-1);
  }

  get revision(): number {
    return this.present?.rv ?? 1;
  }

  get record(): LeaseRecord | undefined {
    return this.present?.record;
  }

  /** The version of this number. */
  find(rv: string): Version {
    const version = this.log.findLast((version) => version.rv === Number(rv));
    if (version === undefined) throw new Error(`there was no version ${rv}`);
    return version;
  }

  read(): Answer {
    return this.record === undefined ? { kind: "missing" } : { kind: "lease", record: this.record };
  }

  /** PUT, with the rules of a real API server. */
  write(lease: Lease, kind: Version["kind"]): Answer {
    const { uid, resourceVersion } = lease.metadata;
    const { record } = this;
    if (record === undefined) {
      if (uid !== undefined) return { kind: "conflict" };
      return { kind: "lease", record: this.#commit(lease, kind, `uid-${++this.#uid}`) };
    }
    if (resourceVersion === undefined) {
      return { kind: "refused", status: 422, message: "resourceVersion must be specified" };
    }
    if (resourceVersion !== record.rv || (uid !== undefined && uid !== record.uid)) {
      return { kind: "conflict" };
    }
    if (JSON.stringify(lease) === JSON.stringify(record.lease)) return { kind: "lease", record };
    return { kind: "lease", record: this.#commit(lease, kind, record.uid) };
  }

  delete(): void {
    if (this.record !== undefined) this.#append({ kind: "delete" });
  }

  /** Changes the Lease as an editor does. */
  edit(change: (lease: Lease) => void): void {
    if (this.record === undefined) return;
    const lease = structuredClone(this.record.lease);
    change(lease);
    this.write(lease, says(lease) === says(this.record.lease) ? "label" : "hand");
  }

  /** What a watch reports of a version. */
  static event({ rv, record }: Version): WatchEvent {
    return record === undefined ? { type: "deleted", rv: `${rv}` } : { type: "lease", record };
  }

  #commit(lease: Lease, kind: Version["kind"], uid: string): LeaseRecord {
    const copy = structuredClone(lease);
    copy.metadata.uid = uid;
    copy.metadata.resourceVersion = `${this.revision + 1}`;
    const record = frozen(readLease(copy));
    this.#append({ kind, record });
    return record;
  }

  #append(version: Pick<Version, "kind" | "record">): void {
    const whole = { ...version, rv: this.revision + 1, before: this.present };
    this.log.push(whole);
    this.onCommit(whole);
  }
}

/** All of a Lease that the election is about. */
function says({ spec, metadata }: Lease): string {
  const ours = Object.values(ANNOTATION).map((name) => metadata.annotations?.[name]);
  return JSON.stringify([{ ...spec, holderIdentity: spec.holderIdentity || undefined }, ours]);
}

/** What people and other makes do to a Lease. */
export const HANDS = {
  label: (lease: Lease) => {
    const labels = lease.metadata.labels as Record<string, string> | undefined;
    lease.metadata.labels = { n: `${labels?.n ?? ""}x` };
  },
  empty: (lease: Lease) => void (lease.spec.holderIdentity = ""),
  strip: (lease: Lease) => void delete lease.metadata.annotations,
  shorten: (lease: Lease) => void (lease.spec.leaseDurationSeconds = 1),
  retoken: (lease: Lease) => {
    const notes = lease.metadata.annotations;
    if (notes?.[ANNOTATION.token] !== undefined) notes[ANNOTATION.token] += "0";
  },
  /** As client-go does: foreign annotations are kept. */
  steal: (lease: Lease) => {
    lease.spec.holderIdentity = "go-client";
    lease.spec.leaseDurationSeconds = 15;
    lease.spec.renewTime = "2026-02-02T00:00:00.000000Z";
    lease.spec.leaseTransitions = (lease.spec.leaseTransitions ?? 0) + 1;
  },
  /** As client-go lets go. */
  letGo: (lease: Lease) => {
    if (lease.spec.holderIdentity !== "go-client") return;
    lease.spec.holderIdentity = "";
    lease.spec.leaseDurationSeconds = 1;
  },
} as const;

/** Nobody may change what was handed to them. */
function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value);
    for (const part of Object.values(value)) frozen(part);
  }
  return value;
}
