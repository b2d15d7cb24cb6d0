/**
 * Field and label selectors of lists and watches.
 *
 * @module
 */
import type { Lease } from "../lease.ts";
import { badRequest, type Status } from "./status.ts";

/** Whether a Lease is meant. */
export type Matcher = (lease: Lease) => boolean;

/** What the selectors of a request mean. */
export type Selected =
  | { readonly matches: Matcher; readonly refusal?: undefined }
  | { readonly refusal: Status };

/** One comparison; without a value: whether the key is there. */
interface Term {
  readonly key: string;
  readonly not: boolean;
  readonly value?: string;
}

/**
 * Reads both selectors of a request.
 *
 * @param query Of the URL.
 */
export function readSelectors(query: URLSearchParams): Selected {
  const labels = labelTerms(query.get("labelSelector") ?? "");
  if (typeof labels === "string") return { refusal: badRequest(labels) };
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
      fields.every((term) => holds(term, fieldOf(metadata, term.key))) &&
      labels.every((term) => holds(term, labelOf(metadata, term.key))),
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

function labelOf(metadata: Lease["metadata"], key: string): string | undefined {
  const labels = metadata.labels as Record<string, string> | undefined;
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function holds({ not, value }: Term, actual: string | undefined): boolean {
  return (value === undefined ? actual !== undefined : actual === value) !== not;
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

/** Equality and existence; sets (`in (a, b)`) are refused, which the real server does not. */
function labelTerms(selector: string): Term[] | string {
  const terms: Term[] = [];
  for (const part of selector === "" ? [] : selector.split(",")) {
    const [, bang, key, operator, value] =
      /^\s*(!?)\s*([A-Za-z0-9][-A-Za-z0-9_./]*)\s*(?:(!=|==|=)\s*([-A-Za-z0-9_.]*))?\s*$/.exec(
        part,
      ) ??
        [];
    if (key === undefined || (bang === "!" && operator !== undefined)) {
      return `unable to parse requirement: found '${part}', expected: identifier`;
    }
    terms.push({ key, not: bang === "!" || operator === "!=", value });
  }
  return terms;
}
