/**
 * The embedded API server: HTTP on top of a {@linkcode LeaseStore}.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { ConfigError } from "../errors.ts";
import { answer, plain, reply } from "./answer.ts";
import { type Access, forbidden, serveReview } from "./access.ts";
import {
  type ApiRequest,
  readPath,
  readVerb,
  type RequestRecord,
  type Route,
} from "./api_request.ts";
import { type Body, readBody } from "./body.ts";
import { methodNotAllowed, serveLeases } from "./lease_routes.ts";
import { LeaseStore, type Snapshot } from "./lease_store.ts";
import type { ListOptions } from "./list_options.ts";
import { failure, GROUP, type Status } from "./status.ts";
import { WatchStream } from "./watch_stream.ts";

/** How an {@linkcode ApiServer} is to be. */
export interface ApiServerOptions {
  /** Where to listen on 127.0.0.1. @default {0}, which picks a free port */
  readonly port?: number;
  /** Serve HTTPS: certificate chain and private key, PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /**
   * Users by bearer token. When given, any other token is answered 401, and who shows none is
   * `system:anonymous`, who may do nothing with Leases. Read anew at each request, so a test may add and
   * take away tokens at any time.
   */
  readonly tokens?: Readonly<Record<string, string>>;
  /** Who may do what; a test may change {@linkcode ApiServer.allow} at any time. @default {everybody everything} */
  readonly allow?: Allow;
  /** How often watches that allow it get a bookmark, in milliseconds. @default {60_000} */
  readonly bookmarkMs?: number;
  /** How many changes are kept; a watch from an older version gets 410. @default {1_000} */
  readonly historySize?: number;
  /** Whether watches can stream the present state; older servers refuse it. @default {true} */
  readonly sendInitialEvents?: boolean;
  /** The version of the empty server; the first change gets the next one. @default {1} */
  readonly firstResourceVersion?: number | bigint;
  /** The namespaces that exist; creating in another is a 404. @default {all exist} */
  readonly namespaces?: readonly string[];
  /** Time and uids. @default {those of this machine} */
  readonly clock?: Clock;
}

/** Whether a user may do something. */
export type Allow = (user: string, access: Access) => boolean;

/**
 * Instead of an answer from a hook: none. The request stays open until the client goes away or the server
 * closes.
 */
export const LOST: unique symbol = Symbol("lost");

/** Instead of an answer from a hook: one that breaks off, and the connection with it. */
export const CUT: unique symbol = Symbol("cut");

/** What a hook may give back, in place of the answer of the server. */
export type Interception = Response | typeof LOST | typeof CUT | void;

/** Who shows no token. */
const ANONYMOUS = "system:anonymous";

/** How many requests {@linkcode ApiServer.requests} remembers. */
const LONGEST_LOG = 1_000;

/**
 * An API server for Leases in this process, for tests and demonstrations. It listens on 127.0.0.1 as soon
 * as it is made.
 *
 * @example An outage of a second, after which the write is applied and its answer is lost
 * ```ts
 * import { ApiServer, LOST } from "@k8sensus/k8sensus/testing";
 *
 * await using server = new ApiServer();
 * server.before = async ({ verb }) => {
 *   if (verb === "update") await new Promise((resolve) => setTimeout(resolve, 1_000));
 * };
 * server.after = ({ verb }) => (verb === "update" ? LOST : undefined);
 * ```
 */
export class ApiServer implements AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  /** The Leases, for direct access, past HTTP, hooks and permissions. */
  readonly leases: LeaseStore;
  /** Who may do what. Open watches are not asked again. */
  allow: Allow;
  /**
   * Called with each request before anything is done about it. What it awaits delays the request, which
   * is carried out even if its client has gone by then, as on a slow network; what it returns is the
   * answer, and nothing is carried out; what it throws is a 500.
   */
  before?: (request: ApiRequest) => Interception | Promise<Interception>;
  /**
   * Called with each request after it has been carried out. What it awaits delays the answer; what it
   * returns replaces it; what it throws is a 500.
   */
  after?: (request: ApiRequest, response: Response) => Interception | Promise<Interception>;
  /**
   * Says of which requests (not watches) the server gets two copies, one after the other, as from a proxy
   * that sends again. The client sees the answer to the second.
   */
  duplicate?: (request: ApiRequest) => boolean;

  readonly #options: ApiServerOptions;
  readonly #clock: Clock;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #streams = new Set<WatchStream>();
  /** Called when the server closes, for each request that is being held. */
  readonly #held = new Set<() => void>();
  readonly #abort = new AbortController();
  readonly #log: Mutable<RequestRecord>[] = [];
  #closed?: Promise<void>;
  #silent = false;
  #count = 0;

  /**
   * Listens at once.
   *
   * @param options How it is to be.
   * @throws {ConfigError} If an option is out of its range.
   * @throws {Deno.errors.AddrInUse} If the port is taken.
   */
  constructor(options: ApiServerOptions = {}) {
    const { port = 0, bookmarkMs = 60_000, clock = systemClock, tls } = options;
    if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
      throw new ConfigError(`Cannot listen on port ${port}: give a whole number from 0 to 65535`);
    }
    if (!(bookmarkMs > 0)) {
      throw new ConfigError(`Cannot send a bookmark every ${bookmarkMs} ms: give more than 0`);
    }
    this.#options = options;
    this.#clock = clock;
    this.allow = options.allow ?? (() => true);
    this.leases = new LeaseStore({
      now: () => clock.now().wall,
      uid: () => clock.nonce().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
      historySize: options.historySize,
      firstResourceVersion: options.firstResourceVersion,
      namespaces: options.namespaces,
    });
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, signal: this.#abort.signal, onListen() {}, ...tls },
      (request) => this.#serve(request),
    );
    this.url = `${tls ? "https" : "http"}://127.0.0.1:${this.#server.addr.port}`;
  }

  /** The last 1000 requests, oldest first. */
  get requests(): readonly RequestRecord[] {
    return this.#log;
  }

  /** How many watches are open. */
  get watches(): number {
    return this.#streams.size;
  }

  /** Ends all watches in good order, as a server does after their time. */
  endWatches(): void {
    for (const stream of [...this.#streams]) stream.end();
  }

  /**
   * Lets all watches stay open and say nothing, old and new ones, as over a half-open connection.
   *
   * @param silent `false` lets them go on, with what they have missed. @default {true}
   */
  silenceWatches(silent = true): void {
    this.#silent = silent;
    for (const stream of [...this.#streams]) stream.pump();
  }

  /** Forgets the history: a watch from any version before the present one gets 410. */
  compact(): void {
    this.leases.compact();
  }

  /** The whole state at this moment, for {@linkcode ApiServer.restore}. */
  snapshot(): Snapshot {
    return this.leases.snapshot();
  }

  /** Restores an earlier state as from a backup of etcd: versions go backwards, all watches end. */
  restore(snapshot: Snapshot): void {
    this.leases.restore(snapshot);
    this.endWatches();
  }

  /** Ends watches, requests and connections, and stops listening. May be called again. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      for (const give of this.#held) give();
      this.endWatches();
      this.#abort.abort();
      await this.#server.finished;
    })();
    return this.#closed;
  }

  /** As {@linkcode ApiServer.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(http: Request): Promise<Response> {
    const url = new URL(http.url);
    const route = readPath(url.pathname);
    const user = this.#userOf(http);
    const { verb, name } = readVerb(http.method, route, url.searchParams);
    const resource = resourceOf(route);
    const id = ++this.#count;
    const { namespace } = route;
    const common = { id, verb, method: http.method, namespace, name, user };
    const record = this.#remember({
      ...common,
      path: url.pathname + url.search,
      at: this.#clock.now().wall,
    });
    try {
      const body = await readBody(http);
      const request = { ...common, url, resource, body: "json" in body ? body.json : undefined };
      const response = await this.#intercepted(request, { http, route, body });
      record.status = response.status;
      return response;
    } catch (error) {
      record.status = 500;
      return answer(failure(500, "InternalError", `Internal error occurred: ${error}`));
    }
  }

  async #intercepted(request: ApiRequest, arrival: Arrival): Promise<Response> {
    const first = await this.#interception(() => this.before?.(request));
    if (first !== undefined) return await this.#instead(first, arrival.http);
    let response = this.#answer(request, arrival);
    if (request.verb !== "watch" && this.duplicate?.(request)) {
      await response.body?.cancel();
      response = this.#answer(request, arrival);
    }
    let second: Interception = undefined;
    try {
      second = await this.#interception(() => this.after?.(request, response));
    } catch (error) {
      await response.body?.cancel();
      throw error;
    }
    if (second === undefined || second === response) return response;
    await response.body?.cancel();
    return await this.#instead(second, arrival.http);
  }

  /** What the hook says; a server that closes waits for none. */
  #interception(hook: () => Interception | Promise<Interception>): Promise<Interception> {
    return this.#unlessClosed((async () => await hook())());
  }

  /** Waits, but not beyond the close. (A race with a promise of the server would keep every request.) */
  #unlessClosed<T>(wanted: Promise<T>): Promise<T | Response> {
    const { promise, resolve, reject } = Promise.withResolvers<T | Response>();
    const give = () => resolve(plain(503, "closing"));
    if (this.#closed !== undefined) give();
    this.#held.add(give);
    wanted.then(resolve, reject).finally(() => this.#held.delete(give));
    return promise;
  }

  async #instead(interception: Response | typeof LOST | typeof CUT, http: Request) {
    if (interception instanceof Response) return interception;
    if (interception === CUT) return cutResponse();
    const { promise, resolve } = Promise.withResolvers<void>();
    http.signal.addEventListener("abort", () => resolve(), { once: true });
    if (http.signal.aborted) resolve();
    await this.#unlessClosed(promise);
    return plain(503, "lost");
  }

  #answer(request: ApiRequest, { http, route, body }: Arrival): Response {
    const { user, verb, namespace, name, resource } = request;
    if (user === undefined) return answer(failure(401, "Unauthorized", "Unauthorized"));
    const stranger = user === ANONYMOUS && this.#options.tokens !== undefined;
    const allowed = (access: Access) => !stranger && this.allow(user, access);
    const check = (verb: string): Status | undefined => {
      const access = { verb, group: GROUP, resource: "leases", namespace, name };
      return allowed(access) ? undefined : forbidden(user, access);
    };
    if (resource === "leases") {
      const refused = check(verb);
      if (refused !== undefined) return answer(refused);
    }
    if (!accepts(http.headers.get("accept"))) return answer(notAcceptable(route.kind, verb));
    const contentType = mediaType(http.headers.get("content-type"));
    switch (route.kind) {
      case "lease":
      case "leases":
        return serveLeases(request, {
          store: this.leases,
          initialEvents: this.#options.sendInitialEvents ?? true,
          contentType,
          body,
          refuseCreate: () => check("create"),
          watch: (options, namespace) => this.#watch(options, namespace),
        }, route.kind === "lease");
      case "review":
        return verb === "create"
          ? serveReview(body, contentType, allowed)
          : answer(methodNotAllowed());
      case "version":
        return reply(200, VERSION);
      case "health":
        return plain(200, "ok");
      case "resource": {
        const message = "the server could not find the requested resource";
        return answer(failure(404, "NotFound", message, {}));
      }
      case "unknown":
        return plain(404, "404 page not found\n");
    }
  }

  #watch(options: ListOptions, namespace: string | undefined): Response {
    const stream = new WatchStream(this.leases, {
      options,
      namespace,
      clock: this.#clock,
      bookmarkMs: this.#options.bookmarkMs ?? 60_000,
      silent: () => this.#silent,
      onEnd: (stream) => this.#streams.delete(stream),
    });
    if (!stream.over) this.#streams.add(stream);
    return new Response(stream.body, {
      headers: { "content-type": "application/json", "cache-control": "no-cache, private" },
    });
  }

  #userOf(http: Request): string | undefined {
    const { tokens } = this.#options;
    const [, token] = /^Bearer (.+)$/i.exec(http.headers.get("authorization") ?? "") ?? [];
    if (tokens === undefined || token === undefined) return ANONYMOUS;
    return Object.hasOwn(tokens, token) ? tokens[token] : undefined;
  }

  #remember(record: Mutable<RequestRecord>): Mutable<RequestRecord> {
    this.#log.push(record);
    if (this.#log.length > LONGEST_LOG) this.#log.shift();
    return record;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A request as it came over HTTP. */
interface Arrival {
  readonly http: Request;
  readonly route: Route;
  readonly body: Body;
}

const VERSION = {
  major: "1",
  minor: "36",
  gitVersion: "v1.36.0+k8sensus",
  gitCommit: "",
  gitTreeState: "",
  buildDate: "1970-01-01T00:00:00Z",
  goVersion: "",
  compiler: "",
  platform: "",
};

function resourceOf({ kind }: Route): ApiRequest["resource"] {
  if (kind === "lease" || kind === "leases") return "leases";
  return kind === "review" ? "selfsubjectaccessreviews" : undefined;
}

function mediaType(header: string | null): string {
  return (header ?? "").split(";")[0]!.trim().toLowerCase();
}

function accepts(header: string | null): boolean {
  if (header === null || header === "") return true;
  const types = header.split(",").map(mediaType);
  return types.some((type) => type === "application/json" || type === "*/*");
}

function notAcceptable(kind: Route["kind"], verb: string): Status {
  const objects = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
  const streams = [
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
  ];
  const types = kind === "version"
    ? ["application/json"]
    : verb === "list" || verb === "watch"
    ? [...objects, ...streams]
    : objects;
  const message = `406: Not Acceptable\n\nAvailable representations: ${types.join(", ")}`;
  return failure(406, "NotAcceptable", message, {});
}

/** An answer that promises more than it brings: the client sees the connection break. */
function cutResponse(): Response {
  const body = new ReadableStream({ start: (controller) => controller.close() });
  const headers = { "content-type": "application/json", "content-length": "1000" };
  return new Response(body, { headers });
}
