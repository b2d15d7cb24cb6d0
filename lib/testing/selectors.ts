/**
 * Which Leases a list or a watch is about: its field selector and its label selector.
 *
 * @module
 */
import type { Lease } from "../lease.ts";
import { type Labels, readLabelSelector } from "./label_selector.ts";
import { badRequest, type Status } from "./status.ts";

/** Whether a Lease is meant. */
export type Matcher = (lease: Lease) => boolean;

/** What the selectors of a request mean. */
export type Selected =
  | { readonly matches: Matcher; readonly refusal?: undefined }
  | { readonly refusal: Status };

/** One comparison of a field. */
interface Term {
  readonly key: string;
  readonly not: boolean;
  readonly value: string;
}

/**
 * Reads both selectors of a request.
 *
 * @param query Of the URL.
 */
export function readSelectors(query: URLSearchParams): Selected {
  const labels = readLabelSelector(query.get("labelSelector") ?? "");
  if (labels.refusal !== undefined) return labels;
  const fields = fieldTerms(query.get("fieldSelector") ?? "");
  if (typeof fields === "string") return { refusal: badRequest(fields) };
  const unknown = fields.find(({ key }) => !isField(key));
  if (unknown !== undefined) {
    return {
      refusal: badRequest(
        `"${unknown.key}" is not a known field selector: ` +
          `only "metadata.name", "metadata.namespace"`,
      ),
    };
  }
  return {
    matches: ({ metadata }) =>
      fields.every(({ key, not, value }) => (fieldOf(metadata, key) === value) !== not) &&
      labels.matches((metadata.labels ?? {}) as Labels),
  };
}

/**
 * The name that a selector demands: with it, a permission that is limited to names covers a list or a
 * watch.
 *
 * @param query Of the URL.
 */
export function selectedName(query: URLSearchParams): string | undefined {
  const terms = fieldTerms(query.get("fieldSelector") ?? "");
  if (typeof terms === "string") return undefined;
  const found = terms.find(({ key, not }) => key === "metadata.name" && !not);
  return found?.value === "" ? undefined : found?.value;
}

function isField(key: string): boolean {
  return key === "metadata.name" || key === "metadata.namespace";
}

function fieldOf(metadata: Lease["metadata"], key: string): string {
  return (key === "metadata.name" ? metadata.name : metadata.namespace) ?? "";
}

function fieldTerms(selector: string): Term[] | string {
  const terms: Term[] = [];
  for (const part of selector.split(",")) {
    if (part === "") continue;
    const [, key, operator, value] = /^([^=!]*)(!=|==|=)(.*)$/.exec(part) ?? [];
    if (key === undefined) return `invalid selector: '${selector}'; can't understand '${part}'`;
    terms.push({ key, not: operator === "!=", value: value! });
  }
  return terms;
}
