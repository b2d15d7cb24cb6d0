/**
 * Permissions: refusals in the words of RBAC, and the review by which users ask about their own.
 *
 * @module
 */
import { answer, reply } from "./answer.ts";
import { type Body, unreadable } from "./body.ts";
import { failure, type Fault, invalid, REVIEW_GROUP, type Status } from "./status.ts";

/** What somebody wants to do. */
export interface Access {
  /** As in RBAC. A PUT that creates is asked for `update`, then for `create`. */
  readonly verb: string;
  /** The API group. */
  readonly group: string;
  /** As `leases`. */
  readonly resource: string;
  /** Where; `undefined` for all namespaces. */
  readonly namespace?: string;
  /** Of the object; a POST has none, a list or watch that of its field selector. */
  readonly name?: string;
}

/** @returns 403. */
export function forbidden(
  user: string,
  { verb, group, resource, namespace, name }: Access,
): Status {
  const subject = `${resource}.${group}${name === undefined ? "" : ` "${name}"`}`;
  const where = namespace === undefined
    ? "at the cluster scope"
    : `in the namespace "${namespace}"`;
  const message = `${subject} is forbidden: User "${user}" cannot ${verb} resource "${resource}" ` +
    `in API group "${group}" ${where}`;
  const details = { ...(name === undefined ? {} : { name }), group, kind: resource };
  return failure(403, "Forbidden", message, details);
}

/**
 * Answers a SelfSubjectAccessReview.
 *
 * @param body What came.
 * @param contentType Of the body.
 * @param allowed Whether the asker may do it; paths that are no resources are open to all.
 */
export function serveReview(
  body: Body,
  contentType: string,
  allowed: (access: Access) => boolean,
): Response {
  const refusal = unreadable("SelfSubjectAccessReview", body, contentType);
  if (refusal !== undefined) return answer(refusal);
  const json = "json" in body ? body.json : undefined;
  const spec = isObject(json) && isObject(json.spec) ? json.spec : {};
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  if (isObject(resource) === isObject(path)) {
    return answer(invalid("", [isObject(path) ? tooMany(path) : TOO_FEW], "", REVIEW_GROUP));
  }
  const yes = isObject(resource) ? allowed(accessOf(resource)) : true;
  return reply(201, {
    kind: "SelfSubjectAccessReview",
    apiVersion: `${REVIEW_GROUP}/v1`,
    metadata: {},
    spec,
    status: { allowed: yes },
  });
}

const TOO_FEW: Fault = {
  field: "spec.resourceAttributes",
  reason: "FieldValueInvalid",
  message: "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must " +
    "be specified",
};

function tooMany({ path = "", verb = "" }: Record<string, unknown>): Fault {
  const shown = JSON.stringify({ Path: path, Verb: verb });
  return {
    field: "spec.nonResourceAttributes",
    reason: "FieldValueInvalid",
    message: `Invalid value: ${shown}: cannot be specified in combination with resourceAttributes`,
  };
}

function accessOf(attributes: Record<string, unknown>): Access {
  const text = (field: string) => String(attributes[field] ?? "");
  return {
    verb: text("verb"),
    group: text("group"),
    resource: text("resource"),
    namespace: text("namespace") || undefined,
    name: text("name") || undefined,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
