/**
 * Bodies into answers.
 *
 * @module
 */
import { failure, type Status } from "./status.ts";

/** @returns An answer with a JSON body. */
export function reply(status: number, body: object): Response {
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-cache, private" },
  });
}

/** @returns An answer with a plain text, as the real server gives outside of its resources. */
export function plain(status: number, text: string): Response {
  return new Response(text, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-cache, private" },
  });
}

/** @returns A refusal. */
export function answer(status: Status): Response {
  const response = reply(status.code ?? 200, status);
  const seconds = status.details?.retryAfterSeconds;
  if (seconds !== undefined) response.headers.set("retry-after", String(seconds));
  return response;
}

/** What {@linkcode refusal} can be told. */
export interface RefusalOptions {
  /** For people. */
  readonly message?: string;
  /** For programs, as `Conflict`. */
  readonly reason?: string;
  /** Sent as `Retry-After`, in seconds. @default {1} for 429, else none */
  readonly retryAfterSeconds?: number;
}

const REASONS: Record<number, string> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  406: "NotAcceptable",
  409: "Conflict",
  410: "Expired",
  413: "RequestEntityTooLarge",
  415: "UnsupportedMediaType",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

/**
 * An answer for hooks: a refusal as an API server would send it. 429 comes as plain text, as it does
 * from priority and fairness.
 *
 * @example
 * ```ts
 * import { refusal } from "@k8sensus/k8sensus/testing";
 *
 * const response = refusal(503, { message: "etcd is away", retryAfterSeconds: 2 });
 * if (response.headers.get("retry-after") !== "2") throw new Error("not so");
 * ```
 *
 * @param code The HTTP status code.
 * @param options What it says.
 */
export function refusal(code: number, options: RefusalOptions = {}): Response {
  const { reason = REASONS[code], retryAfterSeconds } = options;
  if (code === 429) {
    const response = plain(429, options.message ?? "Too many requests, please try again later.\n");
    response.headers.set("retry-after", String(retryAfterSeconds ?? 1));
    return response;
  }
  const details = retryAfterSeconds === undefined ? undefined : { retryAfterSeconds };
  return answer(failure(code, reason, options.message ?? reason ?? `status ${code}`, details));
}
