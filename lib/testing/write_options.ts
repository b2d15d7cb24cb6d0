/**
 * What can be said beside the object of a write: in the query, and in the body of a DELETE.
 *
 * @module
 */
import { type Body, oversized, wrongType } from "./body.ts";
import type { Preconditions } from "./lease_store.ts";
import { badRequest, failure, invalid, type Status } from "./status.ts";

/** @returns Whether unknown fields are to be refused. */
export function isStrict(query: URLSearchParams): boolean {
  return query.get("fieldValidation") === "Strict";
}

/**
 * @param kind As `CreateOptions`.
 * @param query Of the URL.
 * @returns Why the query cannot be met, if so.
 */
export function wrongOptions(kind: string, query: URLSearchParams): Status | undefined {
  const validation = query.get("fieldValidation") ?? "";
  if (["", "Ignore", "Strict", "Warn"].includes(validation)) return undryable(query.get("dryRun"));
  const message = `Unsupported value: ${JSON.stringify(validation)}: supported values: ` +
    '"", "Ignore", "Strict", "Warn"';
  const fault = {
    field: "fieldValidation",
    reason: "FieldValueNotSupported",
    message,
  } as const;
  return invalid("", [fault], kind, "meta.k8s.io");
}

/**
 * Reads the options of a DELETE.
 *
 * @param query Of the URL.
 * @param body May be empty.
 * @param contentType Of the body.
 * @returns What has to hold, or why they are refused.
 */
export function readDeleteOptions(
  query: URLSearchParams,
  body: Body,
  contentType: string,
): { readonly preconditions: Preconditions } | { readonly refusal: Status } {
  const isEmpty = "text" in body && body.text === "";
  const refusal = undryable(query.get("dryRun")) ??
    (isEmpty ? undefined : oversized(body) ?? wrongType(contentType));
  if (refusal !== undefined) return { refusal };
  if (isEmpty || !("text" in body)) return { preconditions: {} };
  if (body.error !== undefined) {
    return { refusal: badRequest(`couldn't get version/kind; json parse error: ${body.error}`) };
  }
  const { kind, apiVersion, dryRun, preconditions } = (body.json ?? {}) as Record<string, unknown>;
  if (kind !== undefined && kind !== "DeleteOptions") {
    const message = `no kind "${kind}" is registered for version "${apiVersion}" in scheme ` +
      `"pkg/runtime/scheme.go:111"`;
    return { refusal: badRequest(message) };
  }
  const wrong = wrongPreconditions(preconditions) ?? undryable(dryRun);
  if (wrong !== undefined) return { refusal: wrong };
  return { preconditions: (preconditions ?? {}) as Preconditions };
}

function wrongPreconditions(value: unknown): Status | undefined {
  const refusal = (what: unknown, field: string, type: string) => {
    const given = Array.isArray(what) ? "array" : typeof what === "boolean" ? "bool" : typeof what;
    return badRequest(
      `json: cannot unmarshal ${given} into Go struct field ${field} of type ${type}`,
    );
  };
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) {
    return refusal(value, "DeleteOptions.preconditions", "v1.Preconditions");
  }
  for (const [field, type] of [["uid", "types.UID"], ["resourceVersion", "string"]] as const) {
    const given = (value as Record<string, unknown>)[field] ?? "";
    if (typeof given !== "string") {
      return refusal(given, `Preconditions.preconditions.${field}`, type);
    }
  }
  return undefined;
}

/** To take a trial for the real thing would be worse than to say no. */
function undryable(dryRun: unknown): Status | undefined {
  const isTrial = Array.isArray(dryRun) ? dryRun.length > 0 : Boolean(dryRun);
  if (!isTrial) return undefined;
  return failure(501, "NotImplemented", "the embedded API server does not know dryRun");
}
