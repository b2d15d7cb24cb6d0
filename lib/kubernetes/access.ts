/**
 * Asking the API server, before an election, whether this account may do all that it needs.
 *
 * @module
 */
import { ApiError } from "../errors.ts";
import type { Client } from "./client.ts";

/** What an elector does to its Lease. */
export type Verb = "get" | "watch" | "create" | "update";

/** All of them; `list` is not needed. */
export const VERBS: readonly Verb[] = ["get", "watch", "create", "update"];

/** A Lease has a random uid: a write of this one is a conflict, so it is allowed or not and does nothing. */
const NO_UID = "00000000-0000-0000-0000-000000000000";

/** What an account may not do. */
export interface Shortage {
  /** The verbs, in the order of {@linkcode VERBS}. */
  readonly missing: Verb[];
  /** Whether nobody could be asked for them, so that they were tried. */
  readonly tried: boolean;
}

/** Of which Lease. */
interface Place {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Finds the permissions that are missing, by SelfSubjectAccessReview; where that is refused, by trying.
 *
 * @param client Whose account.
 * @param namespace Of the Lease.
 * @param name Of the Lease.
 * @param signal Ends it.
 * @returns What is missing.
 * @throws {ApiError} If the server does not answer the question.
 * @throws {RequestFailed} If there is no answer.
 */
export async function missingVerbs(
  client: Client,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<Shortage> {
  const place = { namespace, name };
  const answers = await Promise.all(VERBS.map((verb) => review(client, place, verb, signal)));
  if (!answers.includes("refused")) {
    return { missing: VERBS.filter((_, i) => answers[i] === "no"), tried: false };
  }
  const missing = await tryOut(client, place, signal);
  return { missing: VERBS.filter((verb) => missing.has(verb)), tried: true };
}

/** Whether this account may do something; `refused` if it may not even ask. */
async function review(
  client: Client,
  place: Place,
  verb: Verb,
  signal: AbortSignal,
): Promise<"yes" | "no" | "refused"> {
  const group = "authorization.k8s.io";
  const answer = await client.request({
    method: "POST",
    path: `/apis/${group}/v1/selfsubjectaccessreviews`,
    body: {
      apiVersion: `${group}/v1`,
      kind: "SelfSubjectAccessReview",
      spec: {
        resourceAttributes: { ...place, verb, group: "coordination.k8s.io", resource: "leases" },
      },
    },
    signal,
  });
  const status = (answer.json as { status?: { allowed?: unknown } } | undefined)?.status;
  if (answer.status < 300 && typeof status?.allowed === "boolean") {
    return status.allowed ? "yes" : "no";
  }
  if ([403, 404, 405].includes(answer.status)) return "refused";
  throw unanswered(answer.status, answer.retryAfterMs);
}

/** Does what an elector does, in a way that changes nothing. */
async function tryOut(client: Client, place: Place, signal: AbortSignal): Promise<Set<Verb>> {
  const { namespace, name } = place;
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;
  const path = `${leases}/${encodeURIComponent(name)}`;
  const query = new URLSearchParams({
    watch: "1",
    fieldSelector: `metadata.name=${name}`,
    timeoutSeconds: "1",
  });
  const watch = { method: "GET", path: `${leases}?${query}`, signal } as const;
  const put = (metadata: Record<string, string>, query = "") => {
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata };
    return client.request({ method: "PUT", path: path + query, body: lease, signal });
  };
  const missing = new Set<Verb>();
  const note = (verb: Verb, status: number) => {
    if (status === 401 || status === 429 || status >= 500) throw unanswered(status);
    if (status === 403) missing.add(verb);
    return status;
  };
  const [got] = await Promise.all([
    client.request({ method: "GET", path, signal }).then(({ status }) => note("get", status)),
    client.stream(watch, (status) => Promise.resolve(note("watch", status))),
    put({ ...place, uid: NO_UID, resourceVersion: "1" }).then(({ status }) =>
      note("update", status)
    ),
  ]);
  // A PUT that creates needs both rights; of a Lease that is there, nothing tells whether it could be created.
  if (got !== 200 && !missing.has("update")) {
    const { status } = await put({ ...place }, "?dryRun=All");
    if (status === 403) missing.add("create");
  }
  return missing;
}

function unanswered(status: number, retryAfterMs?: number): ApiError {
  const message = `cannot ask for permissions: the API server answered ${status}`;
  return new ApiError(status, message, retryAfterMs);
}

/**
 * The Role that grants exactly what an elector needs.
 *
 * @param namespace Of the Lease.
 * @param name Of the Lease.
 * @returns JSON on one line, as `kubectl apply -f -` takes it.
 */
export function roleFor(namespace: string, name: string): string {
  return JSON.stringify({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name, namespace },
    rules: [
      {
        apiGroups: ["coordination.k8s.io"],
        resources: ["leases"],
        resourceNames: [name],
        verbs: VERBS,
      },
    ],
  });
}
