/**
 * Statements about answers.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import type { Answer, Draft } from "./target.ts";

/** The API group of Leases. */
export const GROUP = "coordination.k8s.io";

/** What a refusal says. */
export interface Refusal {
  readonly code: number;
  /** As `Conflict`; absent from internal errors. */
  readonly reason?: string;
  /** The whole message, or a pattern where it contains what differs from run to run. */
  readonly message: string | RegExp;
  /** `causes` aside, which {@linkcode assertRefused} compares only if they are given here. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Fails unless the answer is this refusal: a whole Status, and nothing beside it. */
export function assertRefused(answer: Answer, refusal: Refusal): void {
  assertEquals(answer.status, refusal.code, JSON.stringify(answer.body));
  assertStatus(answer.body, refusal);
}

/** Fails unless this is the Status of a refusal. */
export function assertStatus(
  // deno-lint-ignore no-explicit-any -- as parsed
  status: any,
  { code, reason, message, details }: Refusal,
): void {
  if (typeof message !== "string") assertMatch(status.message, message);
  const { causes: _, ...bare } = status.details ?? {};
  assertEquals(
    { ...status, ...(status.details && details?.causes === undefined ? { details: bare } : {}) },
    {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: typeof message === "string" ? message : status.message,
      ...(reason === undefined ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    },
  );
}

/** Fails unless it was done; gives the Lease. */
// deno-lint-ignore no-explicit-any -- as parsed
export function assertDone(answer: Answer, status: 200 | 201 = 200): any {
  assertEquals(answer.status, status, JSON.stringify(answer.body));
  return answer.body;
}

/** @returns A Lease to send. */
export function draft(
  name: string,
  spec: Readonly<Record<string, unknown>> = {},
  metadata: Readonly<Record<string, unknown>> = {},
): Draft {
  return { metadata: { name, ...metadata }, spec };
}

/** @returns The refusal of an outdated version. */
export function modified(name: string): Refusal {
  return conflict(
    name,
    "the object has been modified; please apply your changes to the latest version and try again",
  );
}

/** @returns The refusal of a write that does not fit what is stored. */
export function conflict(name: string, why: string, kind = "leases"): Refusal {
  const message = `Operation cannot be fulfilled on ${kind}.${GROUP} "${name}": ${why}`;
  return { code: 409, reason: "Conflict", message, details: { name, group: GROUP, kind } };
}

/** @returns The refusal of a name that nobody has. */
export function notFound(name: string): Refusal {
  const message = `leases.${GROUP} "${name}" not found`;
  return {
    code: 404,
    reason: "NotFound",
    message,
    details: { name, group: GROUP, kind: "leases" },
  };
}

/** @returns The refusal of a request that cannot be understood. */
export function bad(message: string | RegExp): Refusal {
  return { code: 400, reason: "BadRequest", message };
}

/** @returns The refusal of a Lease that cannot be decoded. */
export function undecodable(why: string): Refusal {
  return bad(`Lease in version "v1" cannot be handled as a Lease: ${why}`);
}

/** @returns The refusal of a Lease for one fault. */
export function invalid(name: string, field: string, message: string): Refusal {
  const causes = [{ reason: "FieldValueInvalid", message, field }];
  return {
    code: 422,
    reason: "Invalid",
    message: `Lease.${GROUP} "${name}" is invalid: ${field}: ${message}`,
    details: { name, group: GROUP, kind: "Lease", causes },
  };
}
