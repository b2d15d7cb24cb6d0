/**
 * HTTP to the API server: the only `fetch` of the whole code base.
 *
 * Measured choices: HTTP/1.1 (over HTTP/2 a body above 1 kB waits 40 ms for Nagle's algorithm, and a
 * black-holed connection never recovers); requests on a warm pooled connection (2 ms); after a failure
 * or a long pause a new client with a full handshake (6 ms), never a resumed session (48 ms).
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { MalformedAnswer, RequestFailed } from "../errors.ts";
import {
  atAddress,
  type ClusterConfig,
  inCluster,
  type InClusterOptions,
  type Route,
} from "./config.ts";
import type { Secrets } from "./credentials.ts";
import { Pool, requestBase } from "./pool.ts";

/** A Lease is about a kilobyte; nothing that is asked for here comes near this. */
const LARGEST_ANSWER = 1 << 20;
/** Servers and middle boxes drop idle connections after a minute or more. */
const WARM_MS = 30_000;

/** An answer that has been read to its end. */
export interface HttpAnswer {
  /** The HTTP status code. */
  readonly status: number;
  /** The decoded body, if it is JSON. */
  readonly json?: unknown;
  /** The body as text. */
  readonly text: string;
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfterMs?: number;
}

/** A request. */
export interface HttpRequest {
  /** The method. */
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** Path and query, from the first slash. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Ends connecting, waiting and reading alike. */
  readonly signal: AbortSignal;
}

/** Takes an answer whose body is still coming. */
export type StreamTaker<T> = (
  status: number,
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
) => Promise<T>;

/** A client of one API server; any number of electors can share it. */
export class Client implements AsyncDisposable {
  readonly #config: ClusterConfig;
  readonly #base: string;
  readonly #clock: Clock;
  #pool?: Pool;
  #secrets?: Secrets;
  #usedAt = -Infinity;

  /**
   * Makes no request yet.
   *
   * @param config Where the server is; an address means: as it is, without credentials.
   * @param clock Tells how long a connection has been idle.
   */
  constructor(config: ClusterConfig | string, clock: Clock = systemClock) {
    this.#config = typeof config === "string" ? atAddress(config) : config;
    this.#base = requestBase(this.#config);
    this.#clock = clock;
  }

  /**
   * A client of the cluster that this process runs in.
   *
   * @throws {ConfigError} If this is no pod.
   */
  static inCluster(options: InClusterOptions = {}): Client {
    return new Client(inCluster(options), options.clock);
  }

  /** The namespace that goes with the credentials, if any. */
  get namespace(): string | undefined {
    return this.#config.namespace;
  }

  /** The base address. */
  get server(): string {
    return this.#config.server;
  }

  /** How the server is reached at this moment, for a guard that may have to go in this client's place. */
  async access(): Promise<Route & Secrets> {
    const { server, tlsServerName, proxyUrl, skipsVerification, credentials } = this.#config;
    return { server, tlsServerName, proxyUrl, skipsVerification, ...await credentials.get() };
  }

  /**
   * Sends a request and reads the whole answer, of whatever status.
   *
   * @throws {RequestFailed} If there is no answer: the outcome is unknown.
   * @throws {MalformedAnswer} If the answer is larger than 1 MiB.
   */
  async request(request: HttpRequest): Promise<HttpAnswer> {
    const secrets = await this.#refresh(request.signal);
    const pool = this.#pool ??= this.#newPool(secrets);
    pool.enter();
    // At once, not when the fetch has noticed: the next request is sent in the same turn.
    const drop = () => {
      if (this.#pool === pool) this.#discard();
    };
    request.signal.addEventListener("abort", drop, { once: true });
    try {
      const response = await this.#fetch(pool, secrets, request);
      const text = await readAll(response);
      this.#usedAt = this.#clock.now().mono;
      if (response.status === 401) this.#config.credentials.expire(true);
      return {
        status: response.status,
        json: parse(text),
        text,
        retryAfterMs: readRetryAfter(response.headers.get("retry-after")),
      };
    } catch (error) {
      // The connection may be dead without saying so: nobody shall wait for it again. Or the server has
      // been given another certificate, and the authority for it lies ready.
      if (this.#pool === pool) this.#discard();
      this.#config.credentials.expire();
      throw this.#wrap(request, error);
    } finally {
      request.signal.removeEventListener("abort", drop);
      pool.leave();
    }
  }

  /**
   * Sends a request on a connection of its own and hands the answer over as it comes.
   *
   * @param request The request.
   * @param take Reads the body; what it leaves is cancelled.
   * @returns What `take` made of it.
   * @throws {RequestFailed} If there is no answer, or it breaks off.
   */
  async stream<T>(request: HttpRequest, take: StreamTaker<T>): Promise<T> {
    const secrets = await this.#refresh(request.signal);
    const pool = this.#newPool(secrets);
    pool.enter();
    pool.retire();
    try {
      const response = await this.#fetch(pool, secrets, request);
      if (response.status === 401) this.#config.credentials.expire(true);
      const body = response.body ?? ReadableStream.from<Uint8Array<ArrayBuffer>>([]);
      try {
        return await take(response.status, body);
      } finally {
        if (!body.locked) await body.cancel().catch(() => {});
      }
    } catch (error) {
      this.#config.credentials.expire();
      throw this.#wrap(request, error);
    } finally {
      pool.leave();
    }
  }

  /** Closes idle connections; requests under way end by their own signals. */
  close(): void {
    this.#discard();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Reads the secrets, and drops the connections that were made with others or are likely dead. */
  async #refresh(signal: AbortSignal): Promise<Secrets> {
    let secrets: Secrets;
    try {
      secrets = await this.#config.credentials.get(signal);
    } catch (error) {
      throw new RequestFailed(`Cannot read the credentials: ${messageOf(error)}`, { cause: error });
    }
    const old = this.#secrets;
    const changed = old?.ca !== secrets.ca || old?.cert !== secrets.cert ||
      old?.key !== secrets.key;
    if (changed || this.#clock.now().mono - this.#usedAt > WARM_MS) this.#discard();
    this.#secrets = secrets;
    return secrets;
  }

  #fetch(pool: Pool, secrets: Secrets, request: HttpRequest): Promise<Response> {
    const headers = new Headers({ accept: "application/json", "user-agent": "k8sensus" });
    if (secrets.token !== undefined) headers.set("authorization", bearer(secrets.token));
    if (request.body !== undefined) headers.set("content-type", "application/json");
    if (this.#config.tlsServerName !== undefined) {
      headers.set("host", new URL(this.#config.server).host);
    }
    return fetch(this.#base + request.path, {
      method: request.method,
      headers,
      body: request.body === undefined ? undefined : JSON.stringify(request.body),
      signal: request.signal,
      redirect: "manual",
      client: pool.http,
    });
  }

  #discard(): void {
    this.#pool?.retire();
    this.#pool = undefined;
  }

  #newPool(secrets: Secrets): Pool {
    try {
      return new Pool(this.#config, secrets, this.#clock.nonce());
    } catch (error) {
      // Files that are being rotated may not fit together yet: what cannot be used now is read again.
      this.#config.credentials.expire();
      throw new RequestFailed(`Cannot use the certificates: ${messageOf(error)}`, { cause: error });
    }
  }

  #wrap(request: HttpRequest, error: unknown): Error {
    if (error instanceof MalformedAnswer || error instanceof RequestFailed) return error;
    let message = `${request.method} brought no answer: ${messageOf(error)}`;
    if (this.#config.skipsVerification && message.includes("certificate")) {
      const host = new URL(this.#base).hostname.replace(/^\[|\]$/g, "");
      message += `; to skip its verification (insecure-skip-tls-verify), start Deno with ` +
        `--unsafely-ignore-certificate-errors=${host}`;
    }
    return new RequestFailed(message, { cause: error });
  }
}

/** `Headers` would quote what it cannot take in its error, and so tell the token to the log. */
function bearer(token: string): string {
  if (/^[!-~]+$/.test(token)) return `Bearer ${token}`;
  throw new RequestFailed("Cannot use the token: it is empty, or more than one word of ASCII");
}

async function readAll(response: Response): Promise<string> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    // Leaving the loop cancels the body.
    if (size > LARGEST_ANSWER) throw new MalformedAnswer("the answer is larger than 1 MiB");
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readRetryAfter(header: string | null): number | undefined {
  return /^\d{1,9}$/.test(header ?? "") ? Number(header) * 1_000 : undefined;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
