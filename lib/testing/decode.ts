/**
 * From a JSON value to a Lease, as the API server decodes it: known fields are checked for their type,
 * unknown ones are dropped with a warning, times become UTC.
 *
 * @module
 */
import { unrecognized } from "./body.ts";
import { readMicroTime, readTime } from "./micro_time.ts";
import { badRequest, GROUP, type Status } from "./status.ts";

/** What can be said of a Lease from outside; all else is the server's. */
export interface LeaseDraft {
  /** As given; the server decides whether it may stand. */
  meta: {
    name?: string;
    generateName?: string;
    namespace?: string;
    uid?: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    ownerReferences?: unknown[];
    finalizers?: unknown[];
  };
  /** Known fields alone. */
  spec: SpecDraft;
}

/** The fields of `spec` in the order in which the server writes them. */
export interface SpecDraft {
  /** Who holds it. */
  holderIdentity?: string;
  /** int32. */
  leaseDurationSeconds?: number;
  /** UTC with six digits; `null` for the year 1. */
  acquireTime?: string | null;
  /** UTC with six digits; `null` for the year 1. */
  renewTime?: string | null;
  /** int32. */
  leaseTransitions?: number;
}

/** What a body turned out to be. */
export type Decoded =
  | { readonly draft: LeaseDraft; readonly warnings: string[]; readonly refusal?: undefined }
  | { readonly refusal: Status };

/** Thrown and caught in this file. */
class DecodeError extends Error {}

type Json = Record<string, unknown>;
/** Reads one value, or throws {@linkcode DecodeError}. */
type Reader = (value: unknown, at: string) => unknown;

/**
 * Decodes a Lease.
 *
 * @param body Parsed JSON.
 * @param strict Whether unknown fields are refused, as `fieldValidation=Strict` does.
 */
export function decodeLease(body: unknown, strict = false): Decoded {
  const wrong = wrongKind(body);
  if (wrong !== undefined) return { refusal: wrong };
  const warnings: string[] = [];
  try {
    const draft = body === null
      ? { meta: {}, spec: {} }
      : readDraft(body as Json, (field) => warnings.push(`unknown field "${field}"`));
    if (!strict || warnings.length === 0) return { draft, warnings };
    return { refusal: unreadable(`strict decoding error: ${warnings.join(", ")}`) };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { refusal: unreadable(error.message) };
  }
}

function unreadable(why: string): Status {
  return badRequest(`Lease in version "v1" cannot be handled as a Lease: ${why}`);
}

/** @returns Why this is not a Lease at all, if so. */
function wrongKind(body: unknown): Status | undefined {
  if (body === null) return undefined;
  const unmarshal = (what: unknown, into: string) => {
    const why = `json: cannot unmarshal ${typeOf(what)} into Go ${into}`;
    return unrecognized("Lease", why, JSON.stringify(body));
  };
  if (typeof body !== "object" || Array.isArray(body)) {
    const fields = 'APIVersion string "json:\\"apiVersion,omitempty\\""; ' +
      'Kind string "json:\\"kind,omitempty\\""';
    return unmarshal(body, `value of type struct { ${fields} }`);
  }
  const { apiVersion, kind } = body as Json;
  for (const [field, value] of [["apiVersion", apiVersion], ["kind", kind]] as const) {
    if (value === undefined || value === null || typeof value === "string") continue;
    return unmarshal(value, `struct field .${field} of type string`);
  }
  const version = apiVersion || `${GROUP}/v1`;
  if (version === `${GROUP}/v1beta1` && (kind || "Lease") === "Lease") {
    return badRequest(
      `the API version in the data (${version}) does not match ` +
        `the expected API version (${GROUP}/v1)`,
    );
  }
  if (version === `${GROUP}/v1` && (kind || "Lease") === "Lease") return undefined;
  const short = String(version).split("/").at(-1);
  return badRequest(
    `${kind || "Lease"} in version "${short}" cannot be handled as a Lease: ` +
      `no kind "${kind || "Lease"}" is registered for version "${version}" in scheme ` +
      `"pkg/runtime/scheme.go:111"`,
  );
}

function readDraft(body: Json, unknownField: (field: string) => void): LeaseDraft {
  const draft: LeaseDraft = { meta: {}, spec: {} };
  const fields = (from: Json, readers: Record<string, Reader>, prefix: string): Json => {
    const found: Json = {};
    for (const [key, value] of Object.entries(from)) {
      const reader = Object.hasOwn(readers, key) ? readers[key] : undefined;
      if (reader === undefined) unknownField(prefix + key);
      else if (value !== null) found[key] = reader(value, prefix + key);
    }
    return found;
  };
  const object = (value: unknown, at: string, type: string): Json => {
    if (typeOf(value) === "object") return value as Json;
    throw mismatch(value, `Lease.${at}`, `v1.${type}`);
  };
  fields(body, {
    apiVersion: text,
    kind: text,
    metadata(value, at) {
      draft.meta = fields(object(value, at, "ObjectMeta"), META, "metadata.") as LeaseDraft["meta"];
    },
    spec(value, at) {
      draft.spec = ordered(fields(object(value, at, "LeaseSpec"), SPEC, "spec."));
    },
  }, "");
  return draft;
}

function ordered(spec: SpecDraft): SpecDraft {
  const copy: Json = {};
  for (const field of SPEC_ORDER) if (spec[field] !== undefined) copy[field] = spec[field];
  return copy;
}

const SPEC_ORDER = [
  "holderIdentity",
  "leaseDurationSeconds",
  "acquireTime",
  "renewTime",
  "leaseTransitions",
] as const satisfies readonly (keyof SpecDraft)[];

const text: Reader = (value, at) => {
  if (typeof value === "string") return value;
  throw mismatch(value, struct(at), "string");
};

const integer = (bits: 32 | 64): Reader => (value, at) => {
  const limit = 2 ** (bits - 1);
  if (Number.isInteger(value) && value as number >= -limit && value as number < limit) return value;
  const shown = typeof value === "number" ? ` ${value}` : "";
  throw mismatch(value, struct(at), `int${bits}`, shown);
};

const microTime: Reader = (value, at) => {
  const read = readMicroTime(text(value, at) as string);
  if (read.error !== undefined) throw new DecodeError(read.error);
  return read.text;
};

const time: Reader = (value, at) => {
  const wrong = readTime(text(value, at) as string);
  if (wrong !== undefined) throw new DecodeError(wrong);
};

/** Sorted, as Go writes its maps; a `null` in it becomes the empty text. */
const texts: Reader = (value, at) => {
  if (typeOf(value) !== "object") throw mismatch(value, struct(at), "map[string]string");
  const entries = Object.entries(value as Json).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    entries.map(([key, item]) => [key, item === null ? "" : text(item, at)]),
  );
};

const list = (type: string): Reader => (value, at) => {
  if (Array.isArray(value)) return value;
  throw mismatch(value, struct(at), type);
};

const META: Record<string, Reader> = {
  name: text,
  generateName: text,
  namespace: text,
  selfLink: text,
  uid: text,
  resourceVersion: text,
  generation: integer(64),
  creationTimestamp: time,
  deletionTimestamp: time,
  deletionGracePeriodSeconds: integer(64),
  labels: texts,
  annotations: texts,
  ownerReferences: list("[]v1.OwnerReference"),
  finalizers: list("[]string"),
  managedFields: list("[]v1.ManagedFieldsEntry"),
};

/** `strategy` and `preferredHolder` are known but dropped: CoordinatedLeaderElection is off. */
const SPEC: Record<string, Reader> = {
  holderIdentity: text,
  leaseDurationSeconds: integer(32),
  acquireTime: microTime,
  renewTime: microTime,
  leaseTransitions: integer(32),
  strategy: text,
  preferredHolder: text,
};

function struct(at: string): string {
  return at.startsWith("spec.")
    ? `LeaseSpec.${at}`
    : at.startsWith("metadata.")
    ? `ObjectMeta.${at}`
    : `Lease.${at}`;
}

function mismatch(value: unknown, field: string, type: string, shown = ""): DecodeError {
  return new DecodeError(
    `json: cannot unmarshal ${typeOf(value)}${shown} into Go struct field ${field} of type ${type}`,
  );
}

/** The type of a JSON value in the words of Go. */
function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}
