/**
 * A way around what `fetch` cannot do: to connect to one address and ask for the certificate of another
 * name, and to show a proxy a password without showing it to the server behind it.
 *
 * `fetch` is told to use a proxy on loopback, this one, which connects to the API server (by the proxy
 * that was asked for, if any) whatever name `fetch` wants to be connected to. TLS is between `fetch` and
 * the server: nothing can be read or changed here. A password, drawn anew each time, keeps out the other
 * programs of this machine.
 *
 * @module
 */
import type { Route } from "./config.ts";

/** A request to connect, and the answer to it, are a few hundred bytes. */
const LONGEST_HEAD = 16_384;
const CHUNK = 65_536;
const USER = "k8sensus";

/** Where to connect to. */
interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** A proxy on loopback, for one `Deno.HttpClient`. */
export class Relay {
  /** For `Deno.createHttpClient`. */
  readonly proxy: Deno.Proxy;
  readonly #route: Route;
  readonly #ca?: string;
  readonly #authorization: string;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.Conn>();
  readonly #closed = new AbortController();

  /**
   * Listens at once.
   *
   * @param route Where it leads.
   * @param ca By what a proxy that speaks TLS is known, beside the common authorities.
   * @param nonce The password.
   */
  constructor(route: Route, ca: string | undefined, nonce: string) {
    this.#route = route;
    this.#ca = ca;
    this.#authorization = authorization(USER, nonce);
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = this.#listener.addr;
    this.proxy = {
      url: `http://127.0.0.1:${port}`,
      basicAuth: { username: USER, password: nonce },
    };
    void this.#accept();
  }

  /** Ends everything at once. */
  close(): void {
    this.#closed.abort();
    this.#listener.close();
    for (const connection of this.#open) drop(connection);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) void this.#serve(near);
  }

  /** Leads one connection to its end. Nobody waits for it, so it never rejects. */
  async #serve(near: Deno.TcpConn): Promise<void> {
    const ends: Deno.Conn[] = [];
    const keep = <T extends Deno.Conn>(connection: T): T => {
      ends.push(connection);
      this.#open.add(connection);
      return connection;
    };
    try {
      keep(near).setNoDelay();
      const asked = await readHead(near);
      if (!asked.includes(`\r\n${this.#authorization}\r\n`)) {
        return await send(near, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      }
      const far = await this.#connect(keep);
      await send(near, "HTTP/1.1 200 OK\r\n\r\n");
      await Promise.all([copy(near, far), copy(far, near)]);
    } catch (error) {
      // Before the answer it is for people to read, after it a broken connection says all.
      const why = error instanceof Error ? error.message : String(error);
      await send(near, `HTTP/1.1 502 ${why.replace(/[^ -~]/g, " ")}\r\n\r\n`).catch(() => {});
    } finally {
      for (const connection of ends) {
        this.#open.delete(connection);
        drop(connection);
      }
    }
  }

  /** Connects to the server, by the proxy that was asked for. */
  async #connect(keep: <T extends Deno.Conn>(connection: T) => T): Promise<Deno.Conn> {
    const target = new URL(this.#route.server);
    const proxy = new URL(this.#route.proxyUrl ?? target);
    const address = addressOf(proxy);
    const tcp = keep(await Deno.connect({ ...address, signal: this.#closed.signal }));
    tcp.setNoDelay();
    if (this.#route.proxyUrl === undefined) return tcp;
    const caCerts = this.#ca === undefined ? [] : [this.#ca];
    const { hostname } = address;
    const far = proxy.protocol === "https:"
      ? keep(await Deno.startTls(tcp, { hostname, caCerts }))
      : tcp;
    const host = `${target.hostname}:${addressOf(target).port}`;
    const user = proxy.username === ""
      ? ""
      : `${
        authorization(decodeURIComponent(proxy.username), decodeURIComponent(proxy.password))
      }\r\n`;
    await send(far, `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n${user}\r\n`);
    const answer = await readHead(far);
    if (/^HTTP\/1\.[01] 2\d\d\b/.test(answer)) return far;
    throw new Error(`the proxy ${proxy.host} answered ${answer.split("\r\n")[0]}`);
  }
}

function authorization(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return `Proxy-Authorization: Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** Without the brackets of IPv6, and with the port that a scheme stands for. */
function addressOf(url: URL): Address {
  const port = url.port !== "" ? Number(url.port) : url.protocol === "https:" ? 443 : 80;
  return { hostname: url.hostname.replace(/^\[|\]$/g, ""), port };
}

/** Reads up to the empty line. What comes after it has to wait for an answer, so there is nothing yet. */
async function readHead(from: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(LONGEST_HEAD);
  let size = 0;
  while (size < buffer.length) {
    const read = await from.read(buffer.subarray(size));
    if (read === null) break;
    size += read;
    const head = new TextDecoder().decode(buffer.subarray(0, size));
    if (head.endsWith("\r\n\r\n")) return head;
  }
  throw new Error("the proxy did not answer as one");
}

async function send(to: Deno.Conn, text: string): Promise<void> {
  await writeAll(to, new TextEncoder().encode(text));
}

async function writeAll(to: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

/** Copies until one side ends, and passes that end on. */
async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(CHUNK);
  for (let read; (read = await from.read(buffer)) !== null;) {
    await writeAll(to, buffer.subarray(0, read));
  }
  await to.closeWrite();
}

function drop(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed, or has become one that speaks TLS.
  }
}
