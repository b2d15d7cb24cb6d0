/**
 * Leases in memory, with the rules of an API server: one revision for all, optimistic concurrency,
 * writes that change nothing, a history that can be followed.
 *
 * Synchronous and without clock, timer or randomness of its own, so that a deterministic simulator can
 * run on it as well as the embedded API server.
 *
 * @module
 */
import type { Lease } from "../lease.ts";
import { ConfigError } from "../errors.ts";
import { decodeLease, type LeaseDraft } from "./decode.ts";
import { mergePatch } from "./merge_patch.ts";
import {
  contentOf,
  extras,
  freezeLease,
  misaddressed,
  misplaced,
  unparsable,
  wrongVersion,
} from "./lease_rules.ts";
import {
  badRequest,
  conflict,
  failure,
  GROUP,
  internal,
  invalid,
  notFound,
  type Status,
} from "./status.ts";
import { validateLease } from "./validate.ts";

/** What a write came to. */
export type Outcome =
  /** Done, or nothing to do. The Lease is frozen. */
  | {
    readonly ok: true;
    /** 201 if it was created by this. */
    readonly status: 200 | 201;
    /** As it is now; after a deletion: as it was. */
    readonly lease: Lease;
    /** Such as `unknown field "spec.foo"`. */
    readonly warnings: readonly string[];
  }
  /** Refused; nothing has changed. */
  | { readonly ok: false; readonly refusal: Status };

/** One change. */
export interface StoreEvent {
  /** As on a watch. */
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** Of the whole store, after the change. */
  readonly revision: bigint;
  /** As it is now; after a deletion: as it was, with the revision of the deletion. Frozen. */
  readonly lease: Lease;
  /** As it was before; absent from `ADDED`. Frozen. */
  readonly previous?: Lease;
}

/** The whole state of a store at one instant. Plain data, never changed afterwards. */
export interface Snapshot {
  /** Of the store. */
  readonly revision: bigint;
  /** All Leases. */
  readonly leases: readonly Lease[];
}

/** What a store needs. */
export interface LeaseStoreOptions {
  /** The wall clock, in milliseconds since the epoch. */
  readonly now: () => number;
  /** Makes a uid that was never made before. */
  readonly uid: () => string;
  /** How many changes the history holds. @default {1000} */
  readonly historySize?: number;
  /** The revision of the empty store; its first change gets the next one. @default {1} */
  readonly firstResourceVersion?: number | bigint;
  /** The namespaces that exist; creating in another is refused. All exist unless given. */
  readonly namespaces?: readonly string[];
}

/** How a write is to be treated. */
export interface WriteOptions {
  /** Whether unknown fields are refused rather than dropped. @default {false} */
  readonly strict?: boolean;
  /** Asked when a PUT is about to create; what it returns is the answer. */
  readonly refuseCreate?: () => Status | undefined;
}

/** What has to hold for a deletion. */
export interface Preconditions {
  /** Of this life of the Lease. */
  readonly uid?: string;
  /** Of this version. */
  readonly resourceVersion?: string;
}

/** etcd takes no larger request. */
const LARGEST_OBJECT = 1.5 * 1024 * 1024;

/** Leases in memory. What it returns is frozen: change a copy. */
export class LeaseStore {
  readonly #options: LeaseStoreOptions;
  readonly #historySize: number;
  readonly #listeners = new Set<() => void>();
  /** By namespace and name, joined by a slash. */
  #leases = new Map<string, Lease>();
  #revision: bigint;
  /** The changes after {@linkcode LeaseStore.compacted}, oldest first. */
  #history: StoreEvent[] = [];
  #compacted: bigint;

  /**
   * An empty store.
   *
   * @param options Time, uids and limits.
   * @throws {ConfigError} If a number is out of its range.
   */
  constructor(options: LeaseStoreOptions) {
    this.#options = options;
    this.#historySize = options.historySize ?? 1_000;
    const first = options.firstResourceVersion ?? 1;
    if (!Number.isSafeInteger(this.#historySize) || this.#historySize < 0) {
      throw new ConfigError(
        `Cannot keep a history of ${this.#historySize} changes: give a whole number of at least 0`,
      );
    }
    if (typeof first === "number" && !Number.isSafeInteger(first) || first < 1) {
      throw new ConfigError(
        `Cannot start at resourceVersion ${first}: give a whole number of at least 1`,
      );
    }
    this.#revision = this.#compacted = BigInt(first);
  }

  /** The revision of the last change. */
  get revision(): bigint {
    return this.#revision;
  }

  /** The oldest revision from which changes can still be told. */
  get compacted(): bigint {
    return this.#compacted;
  }

  /** The Lease of this name, if there is one. */
  get(namespace: string, name: string): Lease | undefined {
    return this.#leases.get(`${namespace}/${name}`);
  }

  /** All Leases, of one namespace if given, sorted by namespace and name. */
  list(namespace?: string): Lease[] {
    const found = [...this.#leases].filter(([, { metadata }]) =>
      namespace === undefined || metadata.namespace === namespace
    );
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, lease]) => lease);
  }

  /**
   * Replaces a Lease, or creates it if it is missing and no uid is given.
   *
   * @param namespace Of the URL.
   * @param name Of the URL.
   * @param body A Lease as JSON; checked as the real server does.
   * @param options How to treat it.
   */
  put(namespace: string, name: string, body: unknown, options: WriteOptions = {}): Outcome {
    const decoded = decodeLease(body, options.strict);
    if (decoded.refusal !== undefined) return refused(decoded.refusal);
    const { draft, warnings } = decoded;
    const wrong = misaddressed(draft, namespace, name);
    if (wrong !== undefined) return refused(wrong);
    const existing = this.get(namespace, name);
    const uid = existing?.metadata.uid ?? "";
    if ((draft.meta.uid ?? "") !== "" && draft.meta.uid !== uid) {
      return refused(conflict(
        name,
        `StorageError: invalid object, Code: 4, Key: /registry/leases/${namespace}/${name}, ` +
          `ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ` +
          `UID in precondition: ${draft.meta.uid}, UID in object meta: ${uid}`,
      ));
    }
    if (existing !== undefined) return this.#replace(existing, draft, warnings);
    const refusal = this.#missingNamespace(namespace) ?? wrongVersion(draft, name, undefined) ??
      validateLease(draft, name) ?? options.refuseCreate?.();
    return refusal === undefined
      ? this.#create(namespace, name, draft, warnings)
      : refused(refusal);
  }

  /**
   * Creates a Lease, by POST to the collection.
   *
   * @param namespace Of the URL.
   * @param body A Lease as JSON; checked as the real server does.
   * @param options How to treat it.
   */
  create(namespace: string, body: unknown, options: WriteOptions = {}): Outcome {
    const decoded = decodeLease(body, options.strict);
    if (decoded.refusal !== undefined) return refused(decoded.refusal);
    const { draft, warnings } = decoded;
    const { meta } = draft;
    const missing = misplaced(draft, namespace) ?? this.#missingNamespace(namespace);
    if (missing !== undefined) return refused(missing);
    const name = meta.name || (meta.generateName ? meta.generateName + this.#suffix() : "");
    const wrong = validateLease(draft, name);
    if (wrong !== undefined) return refused(wrong);
    // What is no number passes, as with the real server.
    const version = meta.resourceVersion || "0";
    if (unparsable(version) === undefined && BigInt(version) !== 0n) {
      return refused(internal("resourceVersion should not be set on objects to be created"));
    }
    if (this.get(namespace, name) === undefined) {
      return this.#create(namespace, name, draft, warnings);
    }
    const details = { name, group: GROUP, kind: "leases" };
    const message = `leases.${GROUP} "${name}" already exists`;
    return refused(failure(409, "AlreadyExists", message, details));
  }

  /**
   * Changes parts of a Lease, by a merge patch (RFC 7386).
   *
   * @param namespace Of the URL.
   * @param name Of the URL.
   * @param patch What to change; `null` removes. A resourceVersion in it makes it conditional.
   * @param options How to treat it.
   */
  patch(namespace: string, name: string, patch: unknown, options: WriteOptions = {}): Outcome {
    const existing = this.get(namespace, name);
    if (existing === undefined) return refused(notFound(name));
    if (patch === null) return refused(badRequest("Invalid JSON Patch"));
    if (typeof patch !== "object" || Array.isArray(patch)) {
      const type = Array.isArray(patch) ? "array" : typeof patch;
      return refused(badRequest(
        `error decoding patch: json: cannot unmarshal ${type} into Go value of type ` +
          "map[string]interface {}",
      ));
    }
    const merged = mergePatch(existing, patch);
    const decoded = decodeLease(merged, options.strict);
    if (decoded.refusal !== undefined) {
      const why = decoded.refusal.message!.replace(/^.*? cannot be handled as a Lease: /, "");
      const message = `Invalid value: ${JSON.stringify(JSON.stringify(merged))}: ${why}`;
      return refused(
        invalid("", [{ field: "patch", reason: "FieldValueInvalid", message }], "", ""),
      );
    }
    const { draft, warnings } = decoded;
    const wrong = misaddressed(draft, namespace, name);
    if (wrong !== undefined) return refused(wrong);
    const { uid } = draft.meta;
    if (uid !== undefined && uid !== "" && uid !== existing.metadata.uid) {
      const message = `Invalid value: ${JSON.stringify(uid)}: field is immutable`;
      const fault = { field: "metadata.uid", reason: "FieldValueInvalid", message } as const;
      // Twice, as the real server: it looks at it for the update and for the object.
      return refused(invalid(name, [fault, fault]));
    }
    return this.#replace(existing, draft, warnings);
  }

  /**
   * Deletes a Lease.
   *
   * @param namespace Of the URL.
   * @param name Of the URL.
   * @param preconditions What has to hold.
   */
  delete(namespace: string, name: string, preconditions: Preconditions = {}): Outcome {
    const existing = this.get(namespace, name);
    if (existing === undefined) return refused(notFound(name));
    const { uid, resourceVersion } = existing.metadata;
    if (preconditions.uid !== undefined && preconditions.uid !== uid) {
      return refused(conflict(
        name,
        `the UID in the precondition (${preconditions.uid}) does not match the UID in record ` +
          `(${uid}). The object might have been deleted and then recreated`,
        "Lease",
      ));
    }
    const wanted = preconditions.resourceVersion;
    if (wanted !== undefined && wanted !== resourceVersion) {
      return refused(conflict(
        name,
        `the ResourceVersion in the precondition (${wanted}) does not match the ` +
          `ResourceVersion in record (${resourceVersion}). The object might have been modified`,
        "Lease",
      ));
    }
    this.#leases.delete(`${namespace}/${name}`);
    const revision = ++this.#revision;
    const metadata = Object.freeze({ ...existing.metadata, resourceVersion: String(revision) });
    const lease = Object.freeze({ ...existing, metadata });
    this.#append({ type: "DELETED", revision, lease, previous: existing });
    return { ok: true, status: 200, lease: existing, warnings: [] };
  }

  /**
   * The changes after a revision, oldest first; none if that revision has not been reached.
   *
   * @returns `undefined` if they are no longer known.
   */
  since(revision: bigint): readonly StoreEvent[] | undefined {
    if (revision < this.#compacted) return undefined;
    if (revision >= this.#revision) return [];
    // Each change raises the revision by one, so its place is known.
    return this.#history.slice(Number(revision - this.#compacted));
  }

  /** Forgets the history: what happened up to now can no longer be told. */
  compact(): void {
    this.#history = [];
    this.#compacted = this.#revision;
  }

  /** The whole state at this moment, for {@linkcode LeaseStore.restore}. */
  snapshot(): Snapshot {
    return { revision: this.#revision, leases: this.list() };
  }

  /** Puts an earlier state back, its revision too: later revisions will be given out a second time. */
  restore(snapshot: Snapshot): void {
    this.#leases = new Map(
      snapshot.leases.map((lease) => [`${lease.metadata.namespace}/${lease.metadata.name}`, lease]),
    );
    this.#revision = snapshot.revision;
    this.compact();
  }

  /**
   * Calls back after every change, before the write returns.
   *
   * @returns A function that ends it.
   */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #create(namespace: string, name: string, draft: LeaseDraft, warnings: string[]): Outcome {
    const uid = this.#options.uid();
    const created = `${new Date(this.#options.now()).toISOString().slice(0, 19)}Z`;
    const type = "ADDED";
    return this.#commit({ type, namespace, name, uid, created, draft, warnings });
  }

  #replace(existing: Lease, draft: LeaseDraft, warnings: string[]): Outcome {
    const { name, namespace, uid, resourceVersion, creationTimestamp } = existing.metadata;
    const wrong = wrongVersion(draft, name, resourceVersion) ?? validateLease(draft, name);
    if (wrong !== undefined) return refused(wrong);
    if (contentOf(draft.meta, draft.spec) === contentOf(existing.metadata, existing.spec)) {
      return { ok: true, status: 200, lease: existing, warnings };
    }
    return this.#commit({
      type: "MODIFIED",
      namespace: namespace!,
      name,
      uid: uid!,
      created: String(creationTimestamp),
      draft,
      warnings,
      previous: existing,
    });
  }

  #commit(
    { type, namespace, name, uid, created, draft, warnings, previous }: {
      readonly type: "ADDED" | "MODIFIED";
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
      readonly created: string;
      readonly draft: LeaseDraft;
      readonly warnings: string[];
      readonly previous?: Lease;
    },
  ): Outcome {
    const revision = this.#revision + 1n;
    const lease = freezeLease({
      name,
      ...(draft.meta.generateName ? { generateName: draft.meta.generateName } : {}),
      namespace,
      uid,
      resourceVersion: String(revision),
      creationTimestamp: created,
      ...extras(draft.meta),
    }, draft.spec);
    if (JSON.stringify(lease).length > LARGEST_OBJECT) {
      return refused(internal("etcdserver: request is too large"));
    }
    this.#revision = revision;
    this.#leases.set(`${namespace}/${name}`, lease);
    this.#append({ type, revision, lease, previous });
    return { ok: true, status: type === "ADDED" ? 201 : 200, lease, warnings };
  }

  #append(event: StoreEvent): void {
    this.#history.push(event);
    if (this.#history.length > this.#historySize) this.#compacted = this.#history.shift()!.revision;
    for (const listener of this.#listeners) listener();
  }

  #missingNamespace(namespace: string): Status | undefined {
    if (this.#options.namespaces?.includes(namespace) ?? true) return undefined;
    const details = { name: namespace, kind: "namespaces" };
    return failure(404, "NotFound", `namespaces "${namespace}" not found`, details);
  }

  /** Five characters that spell no words, as the real server appends them. */
  #suffix(): string {
    const alphabet = "bcdfghjklmnpqrstvwxz2456789";
    const digits = this.#options.uid().replaceAll("-", "").slice(-12);
    let number = BigInt(`0x${/^[0-9a-f]+$/.test(digits) ? digits : "0"}`);
    let suffix = "";
    for (let i = 0; i < 5; i++) {
      suffix += alphabet[Number(number % 27n)];
      number /= 27n;
    }
    return suffix;
  }
}

function refused(refusal: Status): Outcome {
  return { ok: false, refusal };
}
