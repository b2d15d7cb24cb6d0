/**
 * Connections to the API server, and the way that they take.
 *
 * @module
 */
import { isLoopback, type Route } from "./config.ts";
import type { Secrets } from "./credentials.ts";
import { Relay } from "./relay.ts";

/** A `Deno.HttpClient` that is closed when nobody uses it any more. */
export class Pool {
  readonly http: Deno.HttpClient;
  readonly #relay?: Relay;
  #users = 0;
  #retired = false;

  /**
   * Connects to nothing yet.
   *
   * @param route The way.
   * @param secrets By what server and client know each other.
   * @param nonce A fresh one.
   * @throws If the certificates cannot be used.
   */
  constructor(route: Route, secrets: Secrets, nonce: string) {
    const { ca, cert, key } = secrets;
    if (needsRelay(route)) this.#relay = new Relay(route, ca, nonce);
    const { proxyUrl } = route;
    const proxy = this.#relay?.proxy ?? (proxyUrl === undefined ? undefined : { url: proxyUrl });
    const options = {
      http1: true,
      http2: false,
      // The server is to be called by its address also where its certificate has another name.
      allowHost: route.tlsServerName !== undefined,
      ...(ca === undefined ? {} : { caCerts: [ca] }),
      ...(proxy === undefined ? {} : { proxy }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    };
    try {
      const { hostname } = new URL(route.server);
      this.http = proxy === undefined && !isLoopback(hostname)
        ? Deno.createHttpClient(options)
        : withoutProxyFor(proxy === undefined ? hostname : "", options);
    } catch (error) {
      this.#relay?.close();
      throw error;
    }
  }

  enter(): void {
    this.#users++;
  }

  leave(): void {
    this.#users--;
    this.#close();
  }

  /** No new request will use it. */
  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#close();
  }

  #close(): void {
    if (!this.#retired || this.#users > 0) return;
    this.http.close();
    this.#relay?.close();
  }
}

/**
 * The address that requests are for: `fetch` takes the name in the certificate from it.
 *
 * @param route The way.
 */
export function requestBase({ server, tlsServerName }: Route): string {
  if (tlsServerName === undefined) return server;
  const url = new URL(server);
  const name = tlsServerName.includes(":") ? `[${tlsServerName}]` : tlsServerName;
  return `https://${name}:${url.port || 443}${url.pathname.replace(/\/+$/, "")}`;
}

/** Whether `fetch` alone cannot go this way. A password in `proxyUrl` it would show to the server, too. */
function needsRelay({ server, tlsServerName, proxyUrl }: Route): boolean {
  if (tlsServerName !== undefined) return true;
  if (proxyUrl === undefined || !server.startsWith("https:")) return false;
  const { protocol, username } = new URL(proxyUrl);
  return protocol !== "socks5:" && username !== "";
}

/**
 * Deno looks at `NO_PROXY` when a client is made, and then for two things that nobody asked for: it lets it
 * win over a proxy given by name, and without it sends what is for loopback to the proxy of the
 * environment. So it is another one for that moment, in which nothing else can run; where this process
 * may not change its environment, things stay as Deno has them.
 */
function withoutProxyFor(hosts: string, options: Deno.CreateHttpClientOptions): Deno.HttpClient {
  const name = "NO_PROXY";
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  if (state !== "granted") return Deno.createHttpClient(options);
  const before = Deno.env.get(name);
  try {
    Deno.env.set(name, hosts.replace(/^\[|\]$/g, ""));
    return Deno.createHttpClient(options);
  } finally {
    if (before === undefined) Deno.env.delete(name);
    else Deno.env.set(name, before);
  }
}
