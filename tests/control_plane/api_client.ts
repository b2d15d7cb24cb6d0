/**
 * Requests to the API server, for the tests themselves.
 *
 * @module
 */

/** What the API server said. */
export interface Answer<Body> {
  readonly status: number;
  /** Parsed if it is JSON, else the text. */
  readonly body: Body;
}

/** What a request may differ in. */
export interface RequestOptions {
  /** Bearer token. @default {the administrator's} */
  readonly token?: string;
  /** How long it may take. @default {30_000} */
  readonly timeoutMs?: number;
  /** @default {"application/json", for PATCH "application/merge-patch+json"} */
  readonly contentType?: string;
}

/**
 * Sends JSON, reads JSON. Each request has a connection of its own: no answer can come from a connection
 * to an API server that was killed or frozen since, and none stays open behind a test.
 */
export class ApiClient {
  readonly #url: string;
  readonly #ca: string;
  readonly #token: string;

  /**
   * @param url Of the API server.
   * @param ca Certificate of its authority, PEM.
   * @param token Bearer token of requests that give none.
   */
  constructor(url: string, ca: string, token: string) {
    this.#url = url;
    this.#ca = ca;
    this.#token = token;
  }

  /**
   * Makes a request; every status is an answer.
   *
   * @throws {TypeError} If there is no connection.
   * @throws {DOMException} `TimeoutError` if there is no answer in time.
   */
  async request<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
    options: RequestOptions = {},
  ): Promise<Answer<Body>> {
    const patch = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const headers = {
      "authorization": `Bearer ${options.token ?? this.#token}`,
      "content-type": options.contentType ?? patch,
    };
    using client = Deno.createHttpClient({ caCerts: [this.#ca], http2: false });
    const aborted = new AbortController();
    const limitMs = options.timeoutMs ?? 30_000;
    const late = new DOMException(`No answer to ${method} ${path}: ${limitMs} ms`, "TimeoutError");
    const timer = setTimeout(() => aborted.abort(late), limitMs);
    try {
      const response = await fetch(this.#url + path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        client,
        signal: aborted.signal,
      });
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.startsWith("application/json");
      return { status: response.status, body: (isJson ? JSON.parse(text) : text) as Body };
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * As {@linkcode request}, for steps that must work.
   *
   * @param allowed Statuses that will do.
   * @throws {Error} On any other status, with what the API server said.
   */
  async expect<Body = unknown>(
    allowed: readonly number[],
    method: string,
    path: string,
    body?: unknown,
    options?: RequestOptions,
  ): Promise<Body> {
    const answer = await this.request<Body>(method, path, body, options);
    if (allowed.includes(answer.status)) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
}
