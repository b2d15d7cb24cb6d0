/**
 * When a draft may replace what is stored, and what of it is stored.
 *
 * @module
 */
import type { Lease } from "../lease.ts";
import type { LeaseDraft } from "./decode.ts";
import { badRequest, conflict, GROUP, internal, invalid, type Status } from "./status.ts";

const LARGEST_REVISION = 2n ** 64n - 1n;

/** @returns Why namespace and name do not agree with the URL, if so. */
export function misaddressed(
  draft: LeaseDraft,
  namespace: string,
  name: string,
): Status | undefined {
  const given = draft.meta.name ?? "";
  const wrong = misplaced(draft, namespace);
  if (wrong !== undefined || given === name) return wrong;
  if (given === "") {
    return badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  return badRequest(
    `the name of the object (${given}) does not match the name on the URL (${name})`,
  );
}

/** @returns Why the namespace does not agree with the URL, if so. */
export function misplaced(draft: LeaseDraft, namespace: string): Status | undefined {
  if (!draft.meta.namespace || draft.meta.namespace === namespace) return undefined;
  return badRequest(
    "the namespace of the provided object does not match the namespace sent on the request",
  );
}

/**
 * @param current The version there is; `undefined` if there is none: then any number will do.
 * @returns Why this draft may not replace it, if so.
 */
export function wrongVersion(
  draft: LeaseDraft,
  name: string,
  current: string | undefined,
): Status | undefined {
  const given = draft.meta.resourceVersion || "0";
  const wrong = unparsable(given);
  if (wrong !== undefined) return internal(wrong);
  if (current === undefined || given === current) return undefined;
  if (BigInt(given) === 0n) {
    const message = "Invalid value: 0: must be specified for an update";
    const field = "metadata.resourceVersion";
    return invalid(name, [{ field, reason: "FieldValueInvalid", message }], "leases");
  }
  if (BigInt(given) === BigInt(current)) return undefined;
  return conflict(
    name,
    "the object has been modified; please apply your changes to the latest version and try again",
  );
}

/** @returns Why a resourceVersion is no number that fits into 64 bits, in the words of Go, if so. */
export function unparsable(resourceVersion: string): string | undefined {
  const why = !/^\d+$/.test(resourceVersion)
    ? "invalid syntax"
    : resourceVersion.length > 19 && BigInt(resourceVersion) > LARGEST_REVISION
    ? "value out of range"
    : undefined;
  if (why === undefined) return undefined;
  return `strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: ${why}`;
}

/** The parts of metadata that belong to the client; empty ones are as good as absent. */
export function extras(meta: LeaseDraft["meta"]): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const field of ["labels", "annotations", "ownerReferences", "finalizers"] as const) {
    const value = meta[field];
    if (value !== undefined && Object.keys(value).length > 0) found[field] = Object.freeze(value);
  }
  return found;
}

/** Equal if and only if a write would change nothing. */
export function contentOf(meta: LeaseDraft["meta"] | Lease["metadata"], spec: object): string {
  const own = extras(meta as LeaseDraft["meta"]);
  return JSON.stringify([meta.generateName || undefined, own, spec]);
}

/** @returns A Lease that nobody can change. */
export function freezeLease(metadata: Lease["metadata"], spec: LeaseDraft["spec"]): Lease {
  return Object.freeze({
    kind: "Lease",
    apiVersion: `${GROUP}/v1`,
    metadata: Object.freeze(metadata),
    // `null` stands for the year 1; the type of the wire knows of absent times only.
    spec: Object.freeze(spec) as Lease["spec"],
  });
}
