/**
 * Asking the API server, before the first election, whether this account may do all that it needs.
 *
 * @module
 */
import { ApiError } from "../errors.ts";
import type { Client } from "./client.ts";

/** What an elector does to its Lease. */
export type Verb = "get" | "watch" | "create" | "update";

/** All of them; `list` is not needed. */
export const VERBS: readonly Verb[] = ["get", "watch", "create", "update"];

/**
 * Finds the permissions that are missing, by SelfSubjectAccessReview.
 *
 * @param client Whose account.
 * @param namespace Of the Lease.
 * @param name Of the Lease.
 * @param signal Ends it.
 * @returns The missing verbs, in the order of {@linkcode VERBS}.
 * @throws {ApiError} If the server does not answer the question.
 * @throws {RequestFailed} If there is no answer.
 */
export async function missingVerbs(
  client: Client,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<Verb[]> {
  const allowed = await Promise.all(
    VERBS.map((verb) => isAllowed(client, { verb, namespace, name }, signal)),
  );
  return VERBS.filter((_, i) => !allowed[i]);
}

async function isAllowed(
  client: Client,
  attributes: { verb: Verb; namespace: string; name: string },
  signal: AbortSignal,
): Promise<boolean> {
  const group = "authorization.k8s.io";
  const answer = await client.request({
    method: "POST",
    path: `/apis/${group}/v1/selfsubjectaccessreviews`,
    body: {
      apiVersion: `${group}/v1`,
      kind: "SelfSubjectAccessReview",
      spec: {
        resourceAttributes: { ...attributes, group: "coordination.k8s.io", resource: "leases" },
      },
    },
    signal,
  });
  const status = (answer.json as { status?: { allowed?: unknown } } | undefined)?.status;
  if (answer.status < 300 && typeof status?.allowed === "boolean") return status.allowed;
  throw new ApiError(
    answer.status,
    `cannot ask for permissions: the API server answered ${answer.status}`,
    answer.retryAfterMs,
  );
}

/**
 * The Role that grants exactly what an elector needs.
 *
 * @param namespace Of the Lease.
 * @param name Of the Lease.
 * @returns YAML.
 */
export function roleFor(namespace: string, name: string): string {
  return [
    "apiVersion: rbac.authorization.k8s.io/v1",
    "kind: Role",
    `metadata: {name: ${JSON.stringify(name)}, namespace: ${JSON.stringify(namespace)}}`,
    "rules:",
    "  - apiGroups: [coordination.k8s.io]",
    "    resources: [leases]",
    `    resourceNames: [${JSON.stringify(name)}]`,
    `    verbs: [${VERBS.join(", ")}]`,
  ].join("\n");
}
