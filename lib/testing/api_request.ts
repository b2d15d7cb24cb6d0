/**
 * What a request asks for: path, verb, user and body, before anything is decided.
 *
 * @module
 */
import { isWatch } from "./list_options.ts";
import { selectedName } from "./selectors.ts";
import { GROUP, REVIEW_GROUP } from "./status.ts";

/** One request, as hooks see it. */
export interface ApiRequest {
  /** Counts up from 1. */
  readonly id: number;
  /**
   * As in RBAC: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; other
   * methods in lower case.
   */
  readonly verb: string;
  /** Of HTTP. */
  readonly method: string;
  /** Whole. */
  readonly url: URL;
  /** `leases`, `selfsubjectaccessreviews`, or `undefined` for all other paths. */
  readonly resource?: "leases" | "selfsubjectaccessreviews";
  /** Of the URL. */
  readonly namespace?: string;
  /** Of the URL, or of the field selector of a list or a watch; a POST has none. */
  readonly name?: string;
  /** Whom the token names; `undefined` if it names nobody. `system:anonymous` where none is needed. */
  readonly user?: string;
  /** The body as JSON; `undefined` if there is none, or it is no JSON. */
  readonly body?: unknown;
}

/** A request as it stays in {@linkcode ApiServer.requests}: without its body. */
export interface RequestRecord {
  /** As in {@linkcode ApiRequest}. */
  readonly id: number;
  /** As in {@linkcode ApiRequest}. */
  readonly verb: string;
  /** As in {@linkcode ApiRequest}. */
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** As in {@linkcode ApiRequest}. */
  readonly namespace?: string;
  /** As in {@linkcode ApiRequest}. */
  readonly name?: string;
  /** As in {@linkcode ApiRequest}. */
  readonly user?: string;
  /** When it came, in milliseconds since the epoch. */
  readonly at: number;
  /** What was answered; `undefined` while nothing has been. */
  readonly status?: number;
}

/** Where a path leads. */
export interface Route {
  /** Which handler. */
  readonly kind: "leases" | "lease" | "review" | "version" | "health" | "resource" | "unknown";
  /** Of a Lease. */
  readonly namespace?: string;
  /** Of a Lease. */
  readonly name?: string;
}

/** Finds out where a path leads. */
export function readPath(pathname: string): Route {
  let parts: string[];
  try {
    parts = decodeURIComponent(pathname).split("/").filter((part) => part !== "");
  } catch {
    return { kind: "unknown" };
  }
  const [first, group, version, ...rest] = parts;
  if (parts.length === 1) {
    if (first === "version") return { kind: "version" };
    if (["readyz", "livez", "healthz"].includes(first!)) return { kind: "health" };
  }
  if (first !== "apis" || ![GROUP, REVIEW_GROUP].includes(group!)) return { kind: "unknown" };
  if (version !== "v1") return { kind: "resource" };
  if (group === REVIEW_GROUP) {
    const review = rest.length === 1 && rest[0] === "selfsubjectaccessreviews";
    return { kind: review ? "review" : "resource" };
  }
  if (rest.length === 1 && rest[0] === "leases") return { kind: "leases" };
  const [word, namespace, resource, name] = rest;
  if (word !== "namespaces" || resource !== "leases") return { kind: "resource" };
  if (rest.length === 3) return { kind: "leases", namespace };
  return rest.length === 4 ? { kind: "lease", namespace, name } : { kind: "resource" };
}

/** @returns The verb of RBAC and the name that it is about. */
export function readVerb(
  method: string,
  route: Route,
  query: URLSearchParams,
): { verb: string; name?: string } {
  const verbs: Record<string, string> = { POST: "create", PUT: "update", PATCH: "patch" };
  const verb = verbs[method] ?? method.toLowerCase();
  if (route.kind !== "leases") return { verb, name: route.name };
  const name = selectedName(query);
  if (method === "GET") return { verb: isWatch(query) ? "watch" : "list", name };
  return method === "DELETE" ? { verb: "deletecollection", name } : { verb };
}
