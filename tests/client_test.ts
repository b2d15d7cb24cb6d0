// Which connection a request takes: a warm one, but never one that may be dead.
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { RequestFailed } from "../lib/errors.ts";
import { Client } from "../lib/kubernetes/client.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { until } from "./support/until.ts";

/** A server that knows which port of the client each request came from. */
class Ports implements AsyncDisposable {
  /** By the paths of the requests. */
  readonly seen: Record<string, number> = {};
  /** Requests to these paths are answered when the promise resolves. */
  readonly held: Record<string, PromiseWithResolvers<void>> = {};
  readonly client: Client;
  readonly clock = new FakeClock();
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async ({ url }, { remoteAddr }) => {
      const { pathname } = new URL(url);
      this.seen[pathname] = remoteAddr.port;
      await this.held[pathname]?.promise;
      return Response.json({});
    },
  );

  constructor() {
    this.client = new Client(`http://127.0.0.1:${this.#server.addr.port}`, this.clock);
  }

  send(path: string, signal: AbortSignal = new AbortController().signal): Promise<unknown> {
    return this.client.request({ method: "PUT", path, body: {}, signal });
  }

  /** Keeps the answers to this path back. */
  hold(path: string): void {
    this.held[path] = Promise.withResolvers();
  }

  /** Sends requests at the same time, so that there are as many connections. */
  async warm(...paths: string[]): Promise<number[]> {
    for (const path of paths) this.hold(path);
    const sent = paths.map((path) => this.send(path));
    await until("all have arrived", () => paths.every((path) => path in this.seen));
    for (const path of paths) this.held[path]!.resolve();
    await Promise.all(sent);
    return paths.map((path) => this.seen[path]!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { resolve } of Object.values(this.held)) resolve();
    this.client.close();
    await this.#server.shutdown();
  }
}

Deno.test("a warm connection is used again, until it has been idle for half a minute", async () => {
  await using ports = new Ports();
  await ports.send("/1");
  ports.clock.mono += 30_000;
  await ports.send("/2");
  assertEquals(ports.seen["/2"], ports.seen["/1"]);
  ports.clock.mono += 30_001;
  await ports.send("/3");
  assertNotEquals(ports.seen["/3"], ports.seen["/2"]);
});

Deno.test("a retry after a timed-out request takes a new connection, though others are warm", async () => {
  await using ports = new Ports();
  const warm = await ports.warm("/a", "/b", "/c");
  assertEquals(new Set(warm).size, 3);
  ports.hold("/late");
  const late = new AbortController();
  const first = ports.send("/late", late.signal);
  await until("it has arrived", () => "/late" in ports.seen);
  assert(warm.includes(ports.seen["/late"]!));
  late.abort();
  // In the same turn, as an elector does.
  const retry = ports.send("/retry");
  await assertRejects(() => first, RequestFailed);
  await retry;
  assert(!warm.includes(ports.seen["/retry"]!), "it took an old connection");
});

Deno.test("a request that fails does not break those beside it", async () => {
  await using ports = new Ports();
  ports.hold("/slow");
  ports.hold("/late");
  const slow = ports.send("/slow");
  const late = new AbortController();
  const failed = ports.send("/late", late.signal);
  await until("both have arrived", () => "/slow" in ports.seen && "/late" in ports.seen);
  late.abort();
  await assertRejects(() => failed, RequestFailed);
  ports.held["/slow"]!.resolve();
  await slow;
});

Deno.test("close() keeps no connection, and the client can be used again", async () => {
  await using ports = new Ports();
  await ports.send("/1");
  ports.client.close();
  await ports.send("/2");
  assertNotEquals(ports.seen["/2"], ports.seen["/1"]);
});
