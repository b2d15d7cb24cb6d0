/**
 * The `Status` bodies with which an API server refuses, in its own words.
 *
 * @module
 */

/** One fault of a refused object. */
export interface StatusCause {
  /** As `FieldValueInvalid`. */
  reason: string;
  /** For people. */
  message: string;
  /** Where, as `spec.leaseDurationSeconds`. */
  field?: string;
}

/** Which object a Status speaks of. */
export interface StatusDetails {
  /** The name of the object. */
  name?: string;
  /** The API group. */
  group?: string;
  /** The resource (`leases`) or the kind (`Lease`), as the server happens to say. */
  kind?: string;
  /** Of the object. */
  uid?: string;
  /** One for each fault. */
  causes?: StatusCause[];
  /** When it is worth to try again, in seconds. */
  retryAfterSeconds?: number;
}

/** The body of a refusal, and of a successful DELETE. */
export interface Status {
  /** Always `Status`. */
  kind: "Status";
  /** Always `v1`. */
  apiVersion: "v1";
  /** Empty. */
  metadata: Record<string, never>;
  /** Whether it was done. */
  status: "Success" | "Failure";
  /** For people. */
  message?: string;
  /** For programs, as `Conflict`; absent from internal errors. */
  reason?: string;
  /** What it speaks of. */
  details?: StatusDetails;
  /** The HTTP status code; absent from a success. */
  code?: number;
}

/** The API group of Leases. */
export const GROUP = "coordination.k8s.io";

/** The API group of access reviews. */
export const REVIEW_GROUP = "authorization.k8s.io";

/** A fault of a field, as validation finds it. */
export interface Fault {
  /** Where, as `spec.leaseDurationSeconds`. */
  field: string;
  /** Of which sort. */
  reason:
    | "FieldValueInvalid"
    | "FieldValueRequired"
    | "FieldValueTooLong"
    | "FieldValueForbidden"
    | "FieldValueNotSupported";
  /** With the sort in words: `Invalid value: 0: must be greater than 0`. */
  message: string;
}

/** @returns A refusal. */
export function failure(
  code: number,
  reason: string | undefined,
  message: string,
  details?: StatusDetails,
): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    ...(reason === undefined ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  };
}

/** @returns 400. */
export function badRequest(message: string): Status {
  return failure(400, "BadRequest", message);
}

/** @returns 500 without a reason, as Go errors come through that nobody made a Status of. */
export function internal(message: string): Status {
  return failure(500, undefined, message);
}

/** @returns 404 for a Lease. */
export function notFound(name: string): Status {
  return failure(404, "NotFound", `leases.${GROUP} "${name}" not found`, {
    name,
    group: GROUP,
    kind: "leases",
  });
}

/** @returns 409 because of the version or life of a Lease. */
export function conflict(name: string, why: string, kind = "leases"): Status {
  const message = `Operation cannot be fulfilled on ${kind}.${GROUP} "${name}": ${why}`;
  return failure(409, "Conflict", message, { name, group: GROUP, kind });
}

/** @returns 422 for the faults of an object; of a Lease unless said otherwise. */
export function invalid(
  name: string,
  faults: readonly Fault[],
  kind = "Lease",
  group = GROUP,
): Status {
  const texts = [...new Set(faults.map(({ field, message }) => `${field}: ${message}`))];
  const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  const causes = faults.map(({ reason, message, field }) => ({ reason, message, field }));
  const prefix = group === "" ? kind : `${kind}.${group}`;
  return failure(422, "Invalid", `${prefix} "${name}" is invalid: ${list}`, {
    ...(name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    ...(kind === "" ? {} : { kind }),
    causes,
  });
}
