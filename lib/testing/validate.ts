/**
 * What the API server checks in a Lease that it could decode.
 *
 * @module
 */
import type { LeaseDraft } from "./decode.ts";
import { type Fault, invalid, type Status } from "./status.ts";

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const SUBDOMAIN_RULE = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric " +
  "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. " +
  "'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const QUALIFIED_RULE = "must consist of alphanumeric characters, '-', '_' or '.', and " +
  "must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or " +
  "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_RULE = "a valid label must be an empty string or consist of alphanumeric characters, " +
  "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or " +
  "'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const LONGEST_SUBDOMAIN = 253;
const LONGEST_NAME_PART = 63;
const LONGEST_ANNOTATIONS = 256 * 1024;

/**
 * Checks name, labels, annotations and spec.
 *
 * @param draft What is to be stored.
 * @param name Its name.
 * @returns 422 with all that is wrong, or `undefined`.
 */
export function validateLease(draft: LeaseDraft, name: string): Status | undefined {
  const faults = [...metaFaults(draft.meta, name), ...specFaults(draft.spec)];
  return faults.length === 0 ? undefined : invalid(name, faults);
}

/** @returns The fault of an unusual value. */
function bad(field: string, value: unknown, rule: string): Fault {
  const message = `Invalid value: ${JSON.stringify(value)}: ${rule}`;
  return { field, reason: "FieldValueInvalid", message };
}

function metaFaults(meta: LeaseDraft["meta"], name: string): Fault[] {
  const faults: Fault[] = [];
  if (name === "") {
    faults.push({
      field: "metadata.name",
      reason: "FieldValueRequired",
      message: "Required value: name or generateName is required",
    });
  } else {
    for (const rule of subdomainFaults(name)) faults.push(bad("metadata.name", name, rule));
  }
  for (const [key, value] of Object.entries(meta.labels ?? {})) {
    for (const rule of keyFaults(key)) faults.push(bad("metadata.labels", key, rule));
    for (const rule of labelFaults(value)) faults.push(bad("metadata.labels", value, rule));
  }
  let size = 0;
  for (const [key, value] of Object.entries(meta.annotations ?? {})) {
    for (const rule of keyFaults(key.toLowerCase())) {
      faults.push(bad("metadata.annotations", key, rule));
    }
    size += key.length + value.length;
  }
  if (size > LONGEST_ANNOTATIONS) {
    faults.push({
      field: "metadata.annotations",
      reason: "FieldValueTooLong",
      message: `Too long: may not be more than ${LONGEST_ANNOTATIONS} bytes`,
    });
  }
  return faults;
}

function specFaults(spec: LeaseDraft["spec"]): Fault[] {
  const faults: Fault[] = [];
  const { leaseDurationSeconds: seconds, leaseTransitions: transitions } = spec;
  if (seconds !== undefined && seconds <= 0) {
    faults.push(bad("spec.leaseDurationSeconds", seconds, "must be greater than 0"));
  }
  if (transitions !== undefined && transitions < 0) {
    faults.push(bad("spec.leaseTransitions", transitions, "must be greater than or equal to 0"));
  }
  return faults;
}

function subdomainFaults(text: string): string[] {
  const rules: string[] = [];
  if (text.length > LONGEST_SUBDOMAIN) {
    rules.push(`must be no more than ${LONGEST_SUBDOMAIN} characters`);
  }
  if (!SUBDOMAIN.test(text)) rules.push(SUBDOMAIN_RULE);
  return rules;
}

/** Values of labels. */
export function labelFaults(value: string): string[] {
  const rules: string[] = [];
  if (value.length > LONGEST_NAME_PART) {
    rules.push(`must be no more than ${LONGEST_NAME_PART} bytes`);
  }
  if (value !== "" && !QUALIFIED.test(value)) rules.push(LABEL_RULE);
  return rules;
}

/** Keys of labels and annotations: `[prefix/]name`. */
export function keyFaults(key: string): string[] {
  const slash = key.indexOf("/");
  const name = key.slice(slash + 1);
  if (name.includes("/")) {
    const prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
    return [`a valid label key ${QUALIFIED_RULE} ${prefix}`];
  }
  const rules: string[] = [];
  if (slash === 0) rules.push("prefix part must be non-empty");
  else if (slash > 0) {
    rules.push(...subdomainFaults(key.slice(0, slash)).map((r) => `prefix part ${r}`));
  }
  if (name === "") rules.push("name part must be non-empty");
  else if (name.length > LONGEST_NAME_PART) {
    rules.push(`name part must be no more than ${LONGEST_NAME_PART} bytes`);
  }
  if (!QUALIFIED.test(name)) rules.push(`name part ${QUALIFIED_RULE}`);
  return rules;
}
