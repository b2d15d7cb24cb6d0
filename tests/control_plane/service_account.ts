/**
 * Service accounts with rights and tokens, made over REST as a cluster's administrator would.
 *
 * @module
 */
import type { ApiClient } from "./api_client.ts";
import { poll } from "./supervisor.ts";

/** A rule of a Role. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

/** What a candidate needs: one Lease it may create, read, watch and write, and Events. */
export const DEFAULT_RULES: readonly Rule[] = [
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    verbs: ["create", "get", "watch", "update"],
  },
  { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
];

/** How a token is made. */
export interface TokenOptions {
  /** The API server takes nothing below 600. @default {3600} */
  readonly expirationSeconds?: number;
  /** The token dies with this object; a Pod's uid then stands in the user's `extra`. */
  readonly boundObjectRef?: {
    readonly kind: "Pod" | "Secret";
    readonly apiVersion?: string;
    readonly name: string;
    readonly uid: string;
  };
  readonly audiences?: readonly string[];
}

interface TokenRequest {
  readonly status: { readonly token: string };
}

interface AccessReview {
  readonly status: { readonly allowed: boolean };
}

const OK = [200, 201];
/** A second call for the same account finds its objects there. */
const OK_OR_EXISTS = [...OK, 409];
const RIGHTS_LIMIT_MS = 30_000;

/**
 * Makes the namespace, the account, a Role and its binding, as far as they do not exist; a Role of the
 * same name gets the new rules.
 *
 * @param api As administrator.
 * @param namespace Of all of them.
 * @param name Of all of them.
 * @param rules What the account may do in its namespace.
 */
export async function createServiceAccount(
  api: ApiClient,
  namespace: string,
  name: string,
  rules: readonly Rule[],
): Promise<void> {
  await createNamespace(api, namespace);
  const core = `/api/v1/namespaces/${namespace}`;
  await api.expect(OK_OR_EXISTS, "POST", `${core}/serviceaccounts`, { metadata: { name } });

  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const role = { metadata: { name }, rules };
  await api.expect(OK_OR_EXISTS, "POST", `${rbac}/roles`, role);
  await api.expect(OK, "PUT", `${rbac}/roles/${name}`, role);
  const binding = {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
    subjects: [{ kind: "ServiceAccount", name, namespace }],
  };
  await api.expect(OK_OR_EXISTS, "POST", `${rbac}/rolebindings`, binding);
}

/** Makes a namespace if there is none of that name. */
export async function createNamespace(api: ApiClient, namespace: string): Promise<void> {
  await api.expect(OK_OR_EXISTS, "POST", "/api/v1/namespaces", { metadata: { name: namespace } });
}

/** A token for a service account from the TokenRequest API. */
export async function requestToken(
  api: ApiClient,
  namespace: string,
  name: string,
  options: TokenOptions,
): Promise<string> {
  const { boundObjectRef, expirationSeconds = 3600, audiences } = options;
  const bound = boundObjectRef && { apiVersion: "v1", ...boundObjectRef };
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const spec = { expirationSeconds, audiences, boundObjectRef: bound };
  const answer = await api.expect<TokenRequest>(OK, "POST", path, { spec });
  return answer.status.token;
}

/**
 * Waits until the API server lets a token do what the rules say: it reads Roles from a cache that runs a
 * little behind.
 *
 * @throws {Error} If it does not in half a minute.
 */
export async function waitForRights(
  api: ApiClient,
  namespace: string,
  token: string,
  rules: readonly Rule[],
): Promise<void> {
  for (const rule of rules) {
    const attributes = {
      namespace,
      group: rule.apiGroups[0] ?? "",
      resource: rule.resources[0] ?? "",
      verb: rule.verbs[0] ?? "",
      name: rule.resourceNames?.[0] ?? "",
    };
    const allowed = await poll(
      RIGHTS_LIMIT_MS,
      async () => await mayDo(api, token, attributes) || undefined,
    );
    if (allowed) continue;
    throw new Error(`Cannot get a token the right to ${JSON.stringify(attributes)}`);
  }
}

async function mayDo(
  api: ApiClient,
  token: string,
  resourceAttributes: Readonly<Record<string, string>>,
): Promise<boolean> {
  const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const review = { spec: { resourceAttributes } };
  const { status, body } = await api.request<AccessReview>("POST", path, review, { token });
  return status === 201 && body.status.allowed;
}
