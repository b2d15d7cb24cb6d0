/**
 * Bodies of requests: how much is read, what is no JSON, and how that is told.
 *
 * @module
 */
import { badRequest, failure, type Status } from "./status.ts";

/** The body of a request, as far as it was read. */
export type Body =
  /** It has been read to its end; an empty one is no JSON. */
  | { readonly text: string; readonly json?: unknown; readonly error?: string }
  /** It is larger than the server takes. */
  | { readonly tooLarge: true };

/** As the real server. */
const LARGEST_BODY = 3 * 1024 * 1024;
/** How much of a body is shown to whoever sent it, in bytes. */
const LONGEST_SUMMARY = 30;

/** Reads a body of up to 3 MiB; the rest of a larger one is thrown away. */
export async function readBody(request: Request): Promise<Body> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size <= LARGEST_BODY) chunks.push(chunk);
  }
  if (size > LARGEST_BODY) return { tooLarge: true };
  const text = await new Blob(chunks).text();
  if (text === "") return { text, error: "unexpected end of JSON input" };
  try {
    return { text, json: JSON.parse(text) };
  } catch (error) {
    return { text, error: (error as SyntaxError).message };
  }
}

/** @returns Why this body cannot be an object of this kind, if so. */
export function unreadable(kind: string, body: Body, contentType: string): Status | undefined {
  const refusal = oversized(body) ?? wrongType(contentType);
  if (refusal !== undefined || "tooLarge" in body || body.error === undefined) return refusal;
  return unrecognized(kind, body.error, body.text);
}

/** @returns 400 for a body of which not even the kind can be told. */
export function unrecognized(kind: string, why: string, text: string): Status {
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; ` +
      `json parse error: ${why} (${summary(text)})`,
  );
}

/** @returns 413 if it is. */
export function oversized(body: Body): Status | undefined {
  if (!("tooLarge" in body)) return undefined;
  const message = `Request entity too large: limit is ${LARGEST_BODY}`;
  return failure(413, "RequestEntityTooLarge", message);
}

/** @returns 415 if it is given and not JSON. */
export function wrongType(contentType: string): Status | undefined {
  if (contentType === "" || contentType === "application/json") return undefined;
  const message = "the body of the request was in an unknown format - accepted media types " +
    "include: application/json, application/yaml, application/vnd.kubernetes.protobuf";
  return failure(415, "UnsupportedMediaType", message);
}

/** The beginning of a body, in hexadecimal if it does not look like an object. */
function summary(text: string): string {
  if (text === "") return "<empty>";
  const bytes = new TextEncoder().encode(text);
  const start = bytes.slice(0, LONGEST_SUMMARY);
  const shown = text.startsWith("{") ? new TextDecoder().decode(start) : start.toHex();
  return bytes.length > LONGEST_SUMMARY ? `${shown} ...` : shown;
}
