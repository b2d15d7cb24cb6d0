/**
 * What a request asks for: path, verb, user and body, before anything is decided.
 *
 * @module
 */
import { isWatch } from "./list_options.ts";
import { selectedName } from "./selectors.ts";
import { GROUP } from "./status.ts";

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

/** The body of a request, as far as it was read. */
export type Body =
  /** It has been read to its end. */
  | { readonly text: string; readonly json?: unknown; readonly error?: string }
  /** It is larger than the server takes. */
  | { readonly tooLarge: true };

/** As the real server. */
export const LARGEST_BODY = 3 * 1024 * 1024;

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
  if (first !== "apis" || version !== "v1") return { kind: "unknown" };
  if (group === "authorization.k8s.io") {
    const review = rest.length === 1 && rest[0] === "selfsubjectaccessreviews";
    return { kind: review ? "review" : "resource" };
  }
  if (group !== GROUP) return { kind: "unknown" };
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

/** Reads a body, up to {@linkcode LARGEST_BODY}; the rest of a larger one is thrown away. */
export async function readBody(request: Request): Promise<Body> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size <= LARGEST_BODY) chunks.push(chunk);
  }
  if (size > LARGEST_BODY) return { tooLarge: true };
  const text = await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text();
  if (text === "") return { text, error: "unexpected end of JSON input" };
  try {
    return { text, json: JSON.parse(text) };
  } catch (error) {
    return { text, error: (error as SyntaxError).message };
  }
}
