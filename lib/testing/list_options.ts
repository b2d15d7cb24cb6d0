/**
 * The query of lists and watches, and which combinations the API server refuses.
 *
 * @module
 */
import { unparsable } from "./lease_rules.ts";
import { type Matcher, readSelectors } from "./selectors.ts";
import { badRequest, failure, type Fault, internal, invalid, type Status } from "./status.ts";

/** What a list or a watch asks for. */
export interface ListOptions {
  /** Which Leases. */
  readonly matches: Matcher;
  /** Not older than this; `undefined` if absent or `0`. */
  readonly from?: bigint;
  /** Whether the present state comes first on a watch, if that was said. */
  readonly sendInitialEvents?: boolean;
  /** Whether bookmarks are welcome. */
  readonly bookmarks: boolean;
  /** After how many seconds the watch is to end; `undefined` if it need not. */
  readonly timeoutSeconds?: number;
}

/** A query, or why it is refused. */
export type ReadOptions =
  | { readonly options: ListOptions; readonly refusal?: undefined }
  | { readonly refusal: Status };

/** @returns Whether the query asks for a watch. */
export function isWatch(query: URLSearchParams): boolean {
  return flag(query, "watch") ?? false;
}

/**
 * Reads the query of a list or a watch.
 *
 * @param query Of the URL.
 * @param initialEvents Whether this server can stream the present state.
 */
export function readListOptions(query: URLSearchParams, initialEvents: boolean): ReadOptions {
  const watch = isWatch(query);
  const noNumber = notInteger(query.get("timeoutSeconds")) ?? notInteger(query.get("limit"));
  if (noNumber !== undefined) return { refusal: noNumber };
  const selected = readSelectors(query);
  if (selected.refusal !== undefined) return selected;
  const faults = watch ? watchFaults(query, initialEvents) : listFaults(query);
  if (faults.length > 0) return { refusal: invalid("", faults, "ListOptions", "meta.k8s.io") };
  const refusal = wrongVersion(query, watch) ?? (watch ? undefined : unsupported(query));
  if (refusal !== undefined) return { refusal };
  const version = BigInt(query.get("resourceVersion") || "0");
  const timeout = Number(query.get("timeoutSeconds") || "0");
  return {
    options: {
      matches: selected.matches,
      from: version === 0n ? undefined : version,
      sendInitialEvents: flag(query, "sendInitialEvents"),
      bookmarks: flag(query, "allowWatchBookmarks") ?? false,
      timeoutSeconds: timeout === 0 ? undefined : timeout,
    },
  };
}

/** @returns Why this is no number of 64 bits, if so. */
function notInteger(text: string | null): Status | undefined {
  if (!text) return undefined;
  const why = !/^[+-]?\d+$/.test(text)
    ? "invalid syntax"
    : BigInt.asIntN(64, BigInt(text)) !== BigInt(text)
    ? "value out of range"
    : undefined;
  if (why === undefined) return undefined;
  return badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
}

/** @returns The answer to a version that has not been reached. */
export function tooLarge(asked: bigint, current: bigint): Status {
  const message = `Timeout: Too large resource version: ${asked}, current: ${current}`;
  return failure(504, "Timeout", message, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}

/** @returns The answer to a version that is no number. */
export function wrongVersion(query: URLSearchParams, watchOrGet: boolean): Status | undefined {
  const version = query.get("resourceVersion") || "0";
  const why = unparsable(version);
  if (why === undefined) return undefined;
  const message = `resourceVersion: Invalid value: ${JSON.stringify(version)}: ${why}`;
  return watchOrGet ? internal(message) : badRequest(`invalid resource version: ${message}`);
}

/** Everything but `false` and `0` is true, as the real server reads it. */
function flag(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  return value === null ? undefined : !["false", "0"].includes(value.toLowerCase());
}

function forbidden(field: string, message: string): Fault {
  return { field, reason: "FieldValueForbidden", message: `Forbidden: ${message}` };
}

function notSupported(value: string, supported: string): Fault {
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported}`;
  return { field: "resourceVersionMatch", reason: "FieldValueNotSupported", message };
}

function watchFaults(query: URLSearchParams, initialEvents: boolean): Fault[] {
  const faults: Fault[] = [];
  const field = "resourceVersionMatch";
  const match = query.get(field) ?? "";
  const send = query.has("sendInitialEvents");
  if (send && match !== "NotOlderThan") {
    faults.push(
      forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
    );
  }
  if (send && !initialEvents) {
    const why =
      "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
    faults.push(forbidden("sendInitialEvents", why));
  }
  if (match !== "" && !send) {
    const why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
    faults.push(forbidden(field, why));
  }
  if (match !== "" && match !== "NotOlderThan") faults.push(notSupported(match, '"NotOlderThan"'));
  return faults;
}

function listFaults(query: URLSearchParams): Fault[] {
  const faults: Fault[] = [];
  const field = "resourceVersionMatch";
  const match = query.get(field) ?? "";
  if (query.has("sendInitialEvents")) {
    faults.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  if (match !== "" && !query.get("resourceVersion")) {
    const why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
    faults.push(forbidden(field, why));
  }
  if (match === "Exact" && query.get("resourceVersion") === "0") {
    const why = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"';
    faults.push(forbidden(field, why));
  }
  if (!["", "Exact", "NotOlderThan"].includes(match)) {
    faults.push(notSupported(match, '"Exact", "NotOlderThan", ""'));
  }
  return faults;
}

/** What the real server can do and this one cannot, it says, rather than answer something else. */
function unsupported(query: URLSearchParams): Status | undefined {
  const what = query.get("continue")
    ? "continue"
    : query.get("resourceVersionMatch") === "Exact"
    ? "resourceVersionMatch=Exact"
    : undefined;
  if (what === undefined) return undefined;
  return failure(501, "NotImplemented", `the embedded API server does not know ${what}`);
}
