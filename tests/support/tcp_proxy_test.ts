import { assert, assertEquals, assertRejects } from "@std/assert";
import { TcpProxy } from "./tcp_proxy.ts";

/** Long enough for anything that ought to happen on a busy machine. */
const LIMIT_MS = 20_000;
/** Long enough to see that something does not happen, where it would in a millisecond. */
const QUIET_MS = 100;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something is so. */
async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!isSo()) {
    assert(performance.now() < end, `it never came to this: ${what}`);
    await pause(2);
  }
}

/** A server that answers each byte with the same byte plus one, and keeps what it got. */
class Server implements AsyncDisposable {
  received = "";
  /** Connections that have ended, orderly or not. */
  ended = 0;
  opened = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];
  readonly #serving: Promise<void>[] = [];
  readonly #accepting = this.#accept();

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      this.opened++;
      this.#connections.push(connection);
      this.#serving.push(this.#serve(connection));
    }
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    try {
      const buffer = new Uint8Array(65_536);
      for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
        this.received += new TextDecoder().decode(buffer.subarray(0, n));
        await writeAll(connection, buffer.slice(0, n).map((byte) => byte + 1));
      }
    } catch { /* Reset. */ }
    this.ended++;
    connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#serving);
  }
}

/** A client that collects what it gets. */
class Client implements AsyncDisposable {
  received = "";
  /** How the stream ended for the client, once it has. */
  end: "orderly" | "reset" | undefined;
  readonly #connection: Deno.TcpConn;
  readonly #reading: Promise<void>;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.#reading = this.#read();
  }

  static async connect(proxy: TcpProxy): Promise<Client> {
    return new Client(await Deno.connect({ hostname: "127.0.0.1", port: proxy.port }));
  }

  async #read(): Promise<void> {
    try {
      const buffer = new Uint8Array(65_536);
      for (
        let n = await this.#connection.read(buffer);
        n !== null;
        n = await this.#connection.read(buffer)
      ) this.received += new TextDecoder().decode(buffer.subarray(0, n));
      this.end = "orderly";
    } catch {
      this.end = "reset";
    }
  }

  async send(text: string): Promise<void> {
    await writeAll(this.#connection, new TextEncoder().encode(text));
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  async gets(text: string): Promise<void> {
    await until(`client has "${text}", not "${this.received}"`, () => this.received === text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
    await this.#reading;
  }
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** A test with a server, a proxy before it, and one client that has already sent and received. */
function proxyTest(
  name: string,
  fn: (proxy: TcpProxy, server: Server, client: Client) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using server = new Server();
    await using proxy = await TcpProxy.start(server.port);
    await using client = await Client.connect(proxy);
    await client.send("a");
    await client.gets("b");
    await fn(proxy, server, client);
  });
}

proxyTest("bytes pass, and are counted", async (proxy, server, client) => {
  const text = "x".repeat(300_000);
  await client.send(text);
  await client.gets("b" + "y".repeat(300_000));
  assertEquals(server.received, "a" + text);
  const { accepted, live, upstreamBytes, downstreamBytes, swallowedBytes } = proxy.counts;
  assertEquals([accepted, live], [1, 1]);
  assertEquals([upstreamBytes, downstreamBytes, swallowedBytes], [300_001, 300_001, 0]);
});

proxyTest("an orderly end passes in both directions", async (proxy, server, client) => {
  await client.send("c");
  await client.closeWrite();
  await until("client sees the end", () => client.end !== undefined);
  assertEquals([client.end, client.received, server.ended], ["orderly", "bd", 1]);
  await until("connection is gone", () => proxy.counts.live === 0);
});

proxyTest("cut() swallows, and heal() resets what lost bytes", async (proxy, server, client) => {
  proxy.cut();
  await client.send("lost");
  await until("bytes are swallowed", () => proxy.counts.swallowedBytes === 4);
  await using late = await Client.connect(proxy);
  await late.send("hello");
  await until("bytes are swallowed", () => proxy.counts.swallowedBytes === 9);
  await pause(QUIET_MS);
  assertEquals([server.received, server.opened, server.ended], ["a", 1, 0]);
  assertEquals([client.end, late.end], [undefined, undefined]);

  proxy.heal();
  await until("clients see a reset", () => client.end === "reset" && late.end === "reset");
  await until("server sees it", () => server.ended === 1);
  assertEquals([client.received, server.received], ["b", "a"]);
  await using fresh = await Client.connect(proxy);
  await fresh.send("c");
  await fresh.gets("d");
});

proxyTest("a connection idle during a cut lives on", async (proxy, _server, client) => {
  proxy.cut();
  await pause(QUIET_MS);
  proxy.heal();
  await client.send("c");
  await client.gets("bd");
});

proxyTest(
  "cut({ keep }) delivers after heal(), new connections too",
  async (proxy, server, client) => {
    proxy.cut({ keep: true });
    await client.send("c");
    await using late = await Client.connect(proxy);
    await late.send("e");
    await pause(QUIET_MS);
    assertEquals([server.received, server.opened], ["a", 1]);
    proxy.heal();
    await client.gets("bd");
    await late.gets("f");
  },
);

proxyTest("cutUpstream() lets answers through", async (proxy, server, client) => {
  proxy.holdAnswers();
  await client.send("c");
  await until("request has arrived", () => server.received === "ac");
  proxy.cutUpstream();
  await client.send("lost");
  await until("bytes are swallowed", () => proxy.counts.swallowedBytes === 4);
  proxy.releaseAnswers();
  await client.gets("bd");
  assertEquals(server.received, "ac");
});

proxyTest("cutDownstream() lets requests through", async (proxy, server, client) => {
  proxy.cutDownstream();
  await client.send("c");
  await until("request has arrived", () => server.received === "ac");
  await until("answer is swallowed", () => proxy.counts.swallowedBytes === 1);
  proxy.releaseAnswers(); // Not for this.
  await pause(QUIET_MS);
  assertEquals([client.received, client.end], ["b", undefined]);
  proxy.heal();
  await until("client sees a reset", () => client.end === "reset");
  assertEquals(client.received, "b");
});

proxyTest("a client's end during a cut is not heard", async (proxy, server, client) => {
  proxy.cut();
  await client.closeWrite();
  await pause(QUIET_MS);
  assertEquals(server.ended, 0);
  proxy.heal();
  await until("server sees the reset", () => server.ended === 1);
});

proxyTest(
  "holdAnswers() keeps answers, releaseAnswers() delivers them",
  async (proxy, server, client) => {
    proxy.holdAnswers();
    await client.send("c");
    await client.send("e");
    await until("requests have arrived", () => server.received === "ace");
    await until("answers are kept", () => proxy.counts.heldAnswerBytes === 2);
    await pause(QUIET_MS);
    assertEquals(client.received, "b");
    proxy.releaseAnswers();
    await client.gets("bdf");
    assertEquals(proxy.counts.heldAnswerBytes, 0);
  },
);

proxyTest("kept answers are lost when a cut follows", async (proxy, server, client) => {
  proxy.holdAnswers();
  await client.send("c");
  await until("request has arrived", () => server.received === "ac");
  proxy.cut();
  await until("answer is swallowed", () => proxy.counts.swallowedBytes === 1);
  proxy.heal();
  await until("client sees a reset", () => client.end === "reset");
  assertEquals(client.received, "b");
});

proxyTest("reset() ends connections with RST on both sides", async (proxy, server, client) => {
  proxy.reset();
  await until("client sees it", () => client.end !== undefined);
  await until("server sees it", () => server.ended === 1);
  assertEquals([client.end, proxy.counts.live], ["reset", 0]);
});

proxyTest("refuse() closes new connections only, until heal()", async (proxy, server, client) => {
  proxy.refuse();
  await assertRejects(async () => {
    await using refused = await Client.connect(proxy);
    await until("client sees the end", () => refused.end !== undefined);
    throw new Error("closed");
  });
  await until("refusal is counted", () => proxy.counts.refused === 1);
  await client.send("c");
  await client.gets("bd");
  assertEquals(server.opened, 1);
  proxy.heal();
  await using fresh = await Client.connect(proxy);
  await fresh.send("e");
  await fresh.gets("f");
});

proxyTest(
  "latency() delays in order, and heal() hurries what is under way",
  async (proxy, server, client) => {
    proxy.latency(40, 20);
    const begun = performance.now();
    for (const letter of "cegik") await client.send(letter);
    await client.gets("bdfhjl");
    assert(performance.now() - begun >= 80, "two ways of 40 ms");
    assertEquals(server.received, "acegik");

    proxy.latency(3_600_000);
    await client.send("m");
    await pause(QUIET_MS);
    assertEquals(server.received, "acegik");
    proxy.heal();
    await client.gets("bdfhjln");
  },
);

proxyTest("throttle() lets bytes drip, and heal() opens the tap", async (proxy, server, client) => {
  proxy.throttle(1);
  await client.send("c".repeat(50_000));
  await pause(QUIET_MS);
  assert(server.received.length <= 3, `${server.received.length} bytes at one a second`);
  proxy.heal();
  await client.gets("b" + "d".repeat(50_000));

  proxy.throttle(100_000);
  const begun = performance.now();
  await client.send("e".repeat(20_000));
  await until("all is there", () => server.received.length === 70_001);
  assert(performance.now() - begun >= 100, "20 kB at 100 kB/s");
});

Deno.test("a sender faster than the receiver is slowed down, and nothing is lost", async () => {
  await using server = new Server();
  await using proxy = await TcpProxy.start(server.port);
  await using client = await Client.connect(proxy);
  proxy.holdAnswers();
  const megabytes = 24;
  const sending = (async () => {
    for (let i = 0; i < megabytes; i++) await client.send("a".repeat(1 << 20));
  })();
  await until("the proxy is full", () => proxy.counts.heldAnswerBytes > 8 << 20);
  await pause(QUIET_MS);
  assert(proxy.counts.heldAnswerBytes < 10 << 20, "no more than its limit");
  proxy.releaseAnswers();
  await sending;
  await until("all has arrived", () => client.received.length === megabytes << 20);
});

Deno.test("a server that is not there shows as a reset", async () => {
  const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = gone.addr;
  gone.close();
  await using proxy = await TcpProxy.start(port);
  await using client = await Client.connect(proxy);
  await until("client sees the end", () => client.end !== undefined);
  assertEquals([client.end, proxy.counts.live], ["reset", 0]);
});

Deno.test("disposal leaves nothing open in the middle of everything", async () => {
  await using server = new Server();
  await using clients = new AsyncDisposableStack();
  {
    await using proxy = await TcpProxy.start(server.port);
    proxy.latency(60_000);
    proxy.throttle(1);
    for (let i = 0; i < 5; i++) {
      const client = clients.use(await Client.connect(proxy));
      await client.send("abc");
    }
    await until("all are in", () => proxy.counts.live === 5);
  }
});
