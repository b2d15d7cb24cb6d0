/**
 * The routes of Leases: from a request that may be served to its answer.
 *
 * @module
 */
import type { ApiRequest } from "./api_request.ts";
import { answer, reply } from "./answer.ts";
import { type Body, oversized, unreadable } from "./body.ts";
import type { LeaseStore, Outcome } from "./lease_store.ts";
import { type ListOptions, readListOptions, tooLarge, wrongVersion } from "./list_options.ts";
import { badRequest, failure, GROUP, notFound, type Status } from "./status.ts";
import { isStrict, readDeleteOptions, wrongOptions } from "./write_options.ts";

/** What the routes need. */
export interface RouteContext {
  /** Where the Leases are. */
  readonly store: LeaseStore;
  /** Whether watches can stream the present state. */
  readonly initialEvents: boolean;
  /** What the content type says. */
  readonly contentType: string;
  /** As far as it was read. */
  readonly body: Body;
  /** Why this user may not create this Lease by PUT, if so. */
  readonly refuseCreate: () => Status | undefined;
  /** Opens a watch. */
  readonly watch: (options: ListOptions, namespace: string | undefined) => Response;
}

/** Serves a request to one Lease or to the collection, once it is known that it may be served. */
export function serveLeases(request: ApiRequest, context: RouteContext, item: boolean): Response {
  const { verb, namespace, name } = request;
  if (item && namespace !== undefined && name !== undefined) {
    if (verb === "get") return get(request, context);
    if (verb === "update") return update(namespace, name, request, context);
    if (verb === "patch") return patch(namespace, name, request, context);
    if (verb === "delete") return remove(namespace, name, request, context);
  } else if (!item) {
    if (verb === "list" || verb === "watch") return list(request, context);
    if (namespace !== undefined && verb === "create") return create(namespace, request, context);
    if (namespace !== undefined && verb === "deletecollection") return removeAll(request, context);
  }
  return answer(methodNotAllowed());
}

/** @returns 405. */
export function methodNotAllowed(): Status {
  const message = "the server does not allow this method on the requested resource";
  return failure(405, "MethodNotAllowed", message, {});
}

function get({ url, namespace, name }: ApiRequest, { store }: RouteContext): Response {
  const query = url.searchParams;
  const wrong = wrongVersion(query, true);
  if (wrong !== undefined) return answer(wrong);
  const from = BigInt(query.get("resourceVersion") || "0");
  if (from > store.revision) return answer(tooLarge(from, store.revision));
  const lease = store.get(namespace!, name!);
  return lease === undefined ? answer(notFound(name!)) : reply(200, lease);
}

function list({ url, verb, namespace }: ApiRequest, context: RouteContext): Response {
  const { store } = context;
  const read = readListOptions(url.searchParams, context.initialEvents);
  if (read.refusal !== undefined) return answer(read.refusal);
  const { options } = read;
  if (verb === "watch") return context.watch(options, namespace);
  if (options.from !== undefined && options.from > store.revision) {
    return answer(tooLarge(options.from, store.revision));
  }
  return reply(200, listOf(store, store.list(namespace).filter(options.matches)));
}

function listOf(store: LeaseStore, leases: readonly unknown[]): object {
  return {
    kind: "LeaseList",
    apiVersion: `${GROUP}/v1`,
    metadata: { resourceVersion: String(store.revision) },
    items: leases.map((lease) => {
      const { metadata, spec } = lease as { metadata: unknown; spec: unknown };
      return { metadata, spec };
    }),
  };
}

function create(namespace: string, request: ApiRequest, context: RouteContext): Response {
  const refusal = unreadable("Lease", context.body, context.contentType) ??
    wrongOptions("CreateOptions", request.url.searchParams);
  if (refusal !== undefined) return answer(refusal);
  const strict = isStrict(request.url.searchParams);
  return written(context.store.create(namespace, request.body, { strict }), request);
}

function update(
  namespace: string,
  name: string,
  request: ApiRequest,
  context: RouteContext,
): Response {
  const refusal = unreadable("Lease", context.body, context.contentType) ??
    wrongOptions("UpdateOptions", request.url.searchParams);
  if (refusal !== undefined) return answer(refusal);
  const { refuseCreate } = context;
  const options = { strict: isStrict(request.url.searchParams), refuseCreate };
  return written(context.store.put(namespace, name, request.body, options), request);
}

function patch(
  namespace: string,
  name: string,
  request: ApiRequest,
  { store, contentType, body }: RouteContext,
): Response {
  if (contentType !== "application/merge-patch+json") {
    const message = "415: Unsupported Media Type";
    return answer(failure(415, "UnsupportedMediaType", message, {}));
  }
  const query = request.url.searchParams;
  const refusal = oversized(body) ?? wrongOptions("PatchOptions", query);
  if (refusal !== undefined) return answer(refusal);
  if (store.get(namespace, name) === undefined) return answer(notFound(name));
  if ("text" in body && body.error !== undefined) {
    return answer(badRequest(`error decoding patch: ${body.error}`));
  }
  return written(store.patch(namespace, name, request.body, { strict: isStrict(query) }), request);
}

function remove(
  namespace: string,
  name: string,
  { url }: ApiRequest,
  { store, body, contentType }: RouteContext,
): Response {
  const options = readDeleteOptions(url.searchParams, body, contentType);
  if ("refusal" in options) return answer(options.refusal);
  const outcome = store.delete(namespace, name, options.preconditions);
  if (!outcome.ok) return answer(outcome.refusal);
  const { uid } = outcome.lease.metadata;
  const details = { name, group: GROUP, kind: "leases", uid };
  return reply(200, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details,
  });
}

function removeAll({ url, namespace }: ApiRequest, context: RouteContext): Response {
  const { store, body, contentType } = context;
  const options = readDeleteOptions(url.searchParams, body, contentType);
  if ("refusal" in options) return answer(options.refusal);
  const read = readListOptions(url.searchParams, context.initialEvents);
  if (read.refusal !== undefined) return answer(read.refusal);
  const leases = store.list(namespace).filter(read.options.matches);
  for (const { metadata } of leases) store.delete(metadata.namespace!, metadata.name);
  return reply(200, listOf(store, leases));
}

function written(outcome: Outcome, { url }: ApiRequest): Response {
  if (!outcome.ok) return answer(outcome.refusal);
  const response = reply(outcome.status, outcome.lease);
  if (url.searchParams.get("fieldValidation") === "Ignore") return response;
  for (const warning of outcome.warnings) {
    response.headers.append("warning", `299 - ${JSON.stringify(warning)}`);
  }
  return response;
}
