/**
 * The Lease as the wire has it, the record that this project keeps in it, and the forms in which the
 * API server tells about it.
 *
 * Our part of the record stands in annotations, written in the same PUT as the spec, so that it can
 * never disagree with it.
 *
 * @module
 */
import { MalformedAnswer } from "./errors.ts";
import { isToken, type Token } from "./token.ts";

/** The annotations of this project. */
export const ANNOTATION = {
  /** Equal to `spec.holderIdentity`, or else somebody of another make wrote the record. */
  holder: "k8sensus.dev/holder",
  /** `<nonce>.<sequence>`, by which an elector recognises its own writes. */
  write: "k8sensus.dev/write",
  /** The fencing token of the term. */
  token: "k8sensus.dev/fencing-token",
  /** `<identity>;<token>;<resourceVersion replaced>;<renewTime>`, the proof of a release. */
  released: "k8sensus.dev/released",
} as const;

/** `metadata` of an object, as far as it is read; the rest is sent back as it came. */
export interface ObjectMeta {
  /** The name. */
  name: string;
  /** The namespace. */
  namespace?: string;
  /** Of one life of the object: re-creating it gives another. */
  uid?: string;
  /** Of one version of the object. */
  resourceVersion?: string;
  /** Free text by key. */
  annotations?: Record<string, string>;
  /** Whatever else the server keeps. */
  [field: string]: unknown;
}

/** `spec` of a Lease, with the field names of Kubernetes. */
export interface LeaseSpec {
  /** Who holds it. */
  holderIdentity?: string;
  /** For how long, in seconds. */
  leaseDurationSeconds?: number;
  /** When the term began: MicroTime. */
  acquireTime?: string;
  /** When it was last renewed: MicroTime. */
  renewTime?: string;
  /** How often it changed hands. */
  leaseTransitions?: number;
  /** Whom coordinated election would like to see as holder. */
  preferredHolder?: string;
  /** Whatever else the server keeps. */
  [field: string]: unknown;
}

/** A `coordination.k8s.io/v1` Lease. */
export interface Lease {
  /** Always `coordination.k8s.io/v1`. */
  apiVersion: string;
  /** Always `Lease`. */
  kind: string;
  /** Name, version, annotations. */
  metadata: ObjectMeta;
  /** Holder and times. */
  spec: LeaseSpec;
}

/** What {@linkcode ANNOTATION.released} says. */
export interface ReleaseMark {
  /** The token of the term that was released. */
  readonly token: Token;
  /** The resource version that the releasing write replaced. */
  readonly rv: string;
  /** `renewTime` of the releasing write, in microseconds since the epoch. */
  readonly renewMicros: number;
}

/** One version of the Lease, read for what it means. Plain data. */
export interface LeaseRecord {
  /** As it came. */
  readonly lease: Lease;
  /** Of this life of the Lease. */
  readonly uid: string;
  /** Of this version: a decimal number. */
  readonly rv: string;
  /** Who holds it; `""` if nobody does. */
  readonly holder: string;
  /** Whether the last writer was one of ours: else its write and release marks are void. */
  readonly ours: boolean;
  /** Which write made this version, `<nonce>.<sequence>`; void if it is not ours. */
  readonly write?: string;
  /** The token in the record, of whatever make; `"malformed"` if it cannot be compared. */
  readonly token?: Token | "malformed";
  /** A release mark that agrees with the record; absent from every version that is held. */
  readonly released?: ReleaseMark;
  /** What the record says, in milliseconds. */
  readonly durationMs?: number;
  /** When it says that it was renewed, in microseconds since the epoch. */
  readonly renewMicros?: number;
  /** How often it changed hands. */
  readonly transitions: number;
  /** Whom coordinated election would like to see. */
  readonly preferredHolder?: string;
}

/** What became of a request, as the machine needs to know it. */
export type Answer =
  /** Success, with the Lease as it is now. */
  | { readonly kind: "lease"; readonly record: LeaseRecord }
  /** There is no such Lease: a 404 that speaks of this very Lease. */
  | { readonly kind: "missing" }
  /** The version written against is not the present one. */
  | { readonly kind: "conflict" }
  /** The server said no, and why. */
  | {
    readonly kind: "refused";
    readonly status: number;
    readonly message: string;
    readonly retryAfterMs?: number;
  }
  /** Timeout, reset, 5xx, an unreadable answer: it may or may not have happened. */
  | { readonly kind: "unknown"; readonly message: string };

/** What a watch reports. */
export type WatchEvent =
  /** The stream is open. */
  | { readonly type: "opened" }
  /** The Lease was created or changed, or is what stood there when the watch began. */
  | { readonly type: "lease"; readonly record: LeaseRecord }
  /** The Lease was deleted. */
  | { readonly type: "deleted"; readonly rv: string }
  /** Nothing happened up to this version. */
  | { readonly type: "bookmark"; readonly rv: string }
  /** All that stood there when the watch began has been reported. */
  | { readonly type: "synced"; readonly rv: string };

/** Why a watch ended. */
export type WatchEnd =
  /** The server ended it in good order. */
  | "ended"
  /** The version asked for is gone (410): begin anew. */
  | "expired"
  /** It broke, or could not be opened. */
  | "failed"
  /** The permission is missing (403). */
  | "forbidden";

/**
 * Reads a Lease out of a decoded JSON body.
 *
 * @param value Anything.
 * @returns The record.
 * @throws {MalformedAnswer} If it is not a Lease as an API server would send it.
 */
export function readLease(value: unknown): LeaseRecord {
  const lease = asObject(value, "the answer") as unknown as Lease;
  if (lease.kind !== "Lease") {
    throw new MalformedAnswer(
      `Cannot read a Lease: kind is ${JSON.stringify(lease.kind) ?? "absent"}`,
    );
  }
  const meta = asObject(lease.metadata, "metadata") as ObjectMeta;
  const spec = (lease.spec ?? {}) as LeaseSpec;
  asObject(spec, "spec");
  const uid = text(meta.uid, "metadata.uid");
  const rv = text(meta.resourceVersion, "metadata.resourceVersion");
  if (uid === undefined || uid === "") {
    throw new MalformedAnswer("Cannot read a Lease without a uid");
  }
  if (rv === undefined || !isToken(rv)) {
    throw new MalformedAnswer(
      `Cannot use resourceVersion ${
        JSON.stringify(rv)
      }: this server does not number its versions, ` +
        `so no fencing token can be made from them`,
    );
  }
  const notes = meta.annotations == null ? {} : asObject(meta.annotations, "metadata.annotations");
  const holder = text(spec.holderIdentity, "spec.holderIdentity") ?? "";
  const seconds = int32(spec.leaseDurationSeconds, "spec.leaseDurationSeconds");
  const renewMicros = readMicroTime(text(spec.renewTime, "spec.renewTime"));
  const token = readToken(text(notes[ANNOTATION.token], ANNOTATION.token));
  const mark = readReleaseMark(text(notes[ANNOTATION.released], ANNOTATION.released));
  const agrees = text(notes[ANNOTATION.holder], ANNOTATION.holder) === holder;
  const released = agrees && holder === "" && mark !== undefined && mark.token === token &&
      mark.renewMicros === renewMicros
    ? mark
    : undefined;
  // A record without a holder is ours only as a release: client-go, too, leaves the holder empty.
  const ours = agrees && (holder !== "" || released !== undefined);
  return {
    lease: { ...lease, metadata: meta, spec },
    uid,
    rv,
    holder,
    ours,
    write: ours ? text(notes[ANNOTATION.write], ANNOTATION.write) : undefined,
    token,
    released,
    durationMs: seconds === undefined ? undefined : seconds * 1_000,
    renewMicros,
    transitions: int32(spec.leaseTransitions, "spec.leaseTransitions") ?? 0,
    preferredHolder: text(spec.preferredHolder, "spec.preferredHolder") || undefined,
  };
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new MalformedAnswer(`Cannot read a Lease: ${what} is not an object`);
}

function text(value: unknown, what: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  throw new MalformedAnswer(`Cannot read a Lease: ${what} is not a text`);
}

function int32(value: unknown, what: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (Number.isInteger(value) && Math.abs(value as number) < 2 ** 31) return value as number;
  throw new MalformedAnswer(`Cannot read a Lease: ${what} is not a 32-bit number`);
}

function readToken(token: string | undefined): Token | "malformed" | undefined {
  return token === undefined || isToken(token) ? token : "malformed";
}

function readReleaseMark(mark: string | undefined): ReleaseMark | undefined {
  const [, token, rv, renewTime] = /^[^;]*;([^;]*);([^;]*);([^;]*)$/.exec(mark ?? "") ?? [];
  const renewMicros = readMicroTime(renewTime);
  if (token === undefined || rv === undefined || renewMicros === undefined) return undefined;
  return isToken(token) && isToken(rv) ? { token, rv, renewMicros } : undefined;
}

/**
 * Reads a time as Kubernetes writes it.
 *
 * @param time RFC 3339, with any number of digits, or absent.
 * @returns Microseconds since the epoch, or `undefined` if it is absent or no time.
 */
export function readMicroTime(time: string | undefined): number | undefined {
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(
    time ?? "",
  );
  if (parts === null) return undefined;
  const ms = Date.parse(parts[1]! + parts[3]!);
  if (Number.isNaN(ms)) return undefined;
  return ms * 1_000 + Number((parts[2] ?? "").padEnd(6, "0").slice(0, 6));
}

/**
 * Writes a time with exactly six digits, which is all that MicroTime accepts.
 *
 * @param micros Microseconds since the epoch, within the years 1 to 9999.
 */
export function writeMicroTime(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const rest = Math.trunc(micros - seconds * 1e6);
  return `${new Date(seconds * 1_000).toISOString().slice(0, -5)}.${
    String(rest).padStart(6, "0")
  }Z`;
}

/** What a writing elector puts into the record. */
export interface Claim {
  /** The whole identity. */
  readonly identity: string;
  /** `<nonce>.<sequence>` of this write. */
  readonly write: string;
  /** The token of the term. */
  readonly token: Token;
  /** D in milliseconds. */
  readonly durationMs: number;
  /** `renewTime`, in microseconds since the epoch. */
  readonly renewMicros: number;
}

/** The Lease as it is created: without a holder, so that it can overwrite nothing and names nobody. */
export function newLease(namespace: string, name: string): Lease {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace },
    spec: {},
  };
}

/** The Lease that takes over from `record`: a new term. */
export function acquiredLease(record: LeaseRecord, claim: Claim): Lease {
  const lease = claimed(record, claim);
  lease.spec.acquireTime = lease.spec.renewTime;
  lease.spec.leaseTransitions = Math.min(record.transitions + 1, 2 ** 31 - 1);
  delete lease.spec.preferredHolder;
  return lease;
}

/** The Lease that renews the term that `record` stands for. */
export function renewedLease(record: LeaseRecord, claim: Claim): Lease {
  return claimed(record, claim);
}

/** The Lease that gives the term up: no holder, and a mark by which others know that it is free. */
export function releasedLease(record: LeaseRecord, claim: Claim): Lease {
  const lease = claimed(record, claim);
  const notes = lease.metadata.annotations!;
  lease.spec.holderIdentity = notes[ANNOTATION.holder] = "";
  notes[ANNOTATION.released] =
    `${claim.identity};${claim.token};${record.rv};${lease.spec.renewTime}`;
  return lease;
}

/** What all three have in common; it carries uid and resourceVersion, and all that is not ours. */
function claimed(record: LeaseRecord, claim: Claim): Lease {
  const { lease } = record;
  const annotations: Record<string, string> = {
    ...lease.metadata.annotations,
    [ANNOTATION.holder]: claim.identity,
    [ANNOTATION.write]: claim.write,
    [ANNOTATION.token]: claim.token,
  };
  delete annotations[ANNOTATION.released];
  const metadata: ObjectMeta = { ...lease.metadata, annotations };
  // The server keeps these by itself; sending them back only makes the request longer.
  delete metadata.managedFields;
  return {
    ...lease,
    metadata,
    spec: {
      ...lease.spec,
      holderIdentity: claim.identity,
      leaseDurationSeconds: claim.durationMs / 1_000,
      renewTime: writeMicroTime(claim.renewMicros),
    },
  };
}

/**
 * Whether two versions of one Lease say the same of the election, and differ in foreign metadata alone.
 */
export function sameClaim(a: LeaseRecord, b: LeaseRecord): boolean {
  return a.uid === b.uid && a.holder === b.holder && a.ours === b.ours && a.write === b.write &&
    a.token === b.token && a.durationMs === b.durationMs && a.renewMicros === b.renewMicros &&
    a.transitions === b.transitions && a.preferredHolder === b.preferredHolder &&
    a.released?.rv === b.released?.rv && a.lease.spec.acquireTime === b.lease.spec.acquireTime;
}

/**
 * The name in an identity `<name>_<nonce>_<pod uid or ->`; an identity of another make is its own name.
 *
 * @param identity As it stands in `holderIdentity`.
 */
export function nameOf(identity: string): string {
  return /^(.+)_[0-9a-f]{32}_[^_]+$/.exec(identity)?.[1] ?? identity;
}
