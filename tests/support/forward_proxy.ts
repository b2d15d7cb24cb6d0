/**
 * A proxy as companies have them: HTTP CONNECT or SOCKS5, on loopback, with or without TLS and a password.
 *
 * @module
 */

/** How a proxy is to be. */
export interface ForwardProxyOptions {
  /** @default {"http"} */
  readonly kind?: "http" | "socks5";
  /** Speak TLS to clients. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** `user:password` to be shown. */
  readonly user?: string;
}

/** Leads connections to where they ask for, and remembers where that was. */
export class ForwardProxy implements AsyncDisposable {
  /** `host:port` of every connection that was led on. */
  readonly targets: string[] = [];
  readonly port: number;
  readonly #options: ForwardProxyOptions;
  readonly #listener: Deno.Listener<Deno.TcpConn | Deno.TlsConn>;
  readonly #open = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;
  readonly #serving = new Set<Promise<void>>();

  constructor(options: ForwardProxyOptions = {}) {
    this.#options = options;
    const where = { hostname: "127.0.0.1", port: 0 };
    this.#listener = options.tls === undefined
      ? Deno.listen(where)
      : Deno.listenTls({ ...where, ...options.tls });
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    this.#accepting = this.#accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) close(connection);
    await this.#accepting;
    await Promise.all(this.#serving);
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      const serving = this.#serve(connection).finally(() => this.#serving.delete(serving));
      this.#serving.add(serving);
    }
  }

  async #serve(near: Deno.Conn): Promise<void> {
    this.#open.add(near);
    let far: Deno.Conn | undefined;
    try {
      const socks = this.#options.kind === "socks5";
      const [hostname, port] = socks ? await this.#greetSocks(near) : await this.#greetHttp(near);
      far = await Deno.connect({ hostname, port });
      this.#open.add(far);
      this.targets.push(`${hostname}:${port}`);
      const done = socks
        ? new Uint8Array([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        : bytes("HTTP/1.1 200 OK\r\n\r\n");
      await near.write(done);
      await Promise.all([copy(near, far), copy(far, near)]);
    } catch {
      // Somebody has gone.
    } finally {
      for (const connection of [near, far]) if (connection !== undefined) close(connection);
    }
  }

  async #greetHttp(near: Deno.Conn): Promise<[string, number]> {
    let head = "";
    while (!head.endsWith("\r\n\r\n")) head += new TextDecoder().decode(await read(near));
    const { user } = this.#options;
    if (user !== undefined && !head.includes(`\r\nProxy-Authorization: Basic ${btoa(user)}\r\n`)) {
      await near.write(bytes("HTTP/1.1 407 Show Your Password\r\n\r\n"));
      throw new Error("no password");
    }
    const { hostname, port } = new URL(`http://${head.split(" ")[1]}`);
    return [hostname.replace(/^\[|\]$/g, ""), Number(port)];
  }

  async #greetSocks(near: Deno.Conn): Promise<[string, number]> {
    await read(near);
    await near.write(new Uint8Array([5, 0]));
    const request = await read(near);
    const port = (request.at(-2)! << 8) + request.at(-1)!;
    const name = request.subarray(5, -2);
    const hostname = request[3] === 1
      ? request.subarray(4, 8).join(".")
      : new TextDecoder().decode(name);
    return [hostname, port];
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);

async function read(from: Deno.Conn): Promise<Uint8Array> {
  const buffer = new Uint8Array(4_096);
  const size = await from.read(buffer);
  if (size === null) throw new Error("gone");
  return buffer.subarray(0, size);
}

async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (let size; (size = await from.read(buffer)) !== null;) {
    for (let at = 0; at < size;) at += await to.write(buffer.subarray(at, size));
  }
  await to.closeWrite();
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Twice.
  }
}
