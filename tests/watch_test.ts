// How an elector sees the Lease: the watch in all its weather, on the embedded API server.
import { assert, assertEquals } from "@std/assert";
import { Client } from "../lib/kubernetes/client.ts";
import { atAddress } from "../lib/kubernetes/config.ts";
import { Elector } from "../lib/elector.ts";
import type { ElectorOptions } from "../lib/elector_options.ts";
import type { ApiServerOptions } from "../lib/testing/mod.ts";
import { ApiServer, refusal } from "../lib/testing/mod.ts";
import { pause, until } from "./support/until.ts";

/** A candidate that only leads, known to the server by its name. */
class Candidate implements AsyncDisposable {
  readonly elector: Elector;
  readonly #client: Client;
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;

  constructor(
    readonly server: ApiServer,
    readonly name: string,
    options: Partial<ElectorOptions> = {},
  ) {
    this.#client = new Client(atAddress(server.url, { token: name }));
    this.elector = new Elector({
      leaseName: "x",
      identity: name,
      leaseDurationMs: 1_000,
      trustUnheld: true,
      client: this.#client,
      ...options,
    });
    const { signal } = this.#stop;
    this.#done = this.elector.run((term) => {
      if (term.signal.aborted) return;
      return new Promise<void>((resolve) =>
        term.signal.addEventListener("abort", () => resolve(), { once: true })
      );
    }, { signal });
  }

  /** Its requests so far, as verbs. */
  get verbs(): string[] {
    return this.server.requests.filter(({ user }) => user === this.name).map(({ verb }) => verb);
  }

  /** The paths of its watches so far. */
  get watches(): URLSearchParams[] {
    return this.server.requests
      .filter(({ user, verb }) => user === this.name && verb === "watch")
      .map(({ path }) => new URL(path, this.server.url).searchParams);
  }

  async leads(): Promise<void> {
    await until(`${this.name} leads`, () => this.elector.isLeader);
  }

  async observes(): Promise<void> {
    await until(`${this.name} observes`, () => this.elector.status().watch.phase === "open");
    await until(`${this.name} observes`, () => this.elector.status().observed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.elector.close();
    this.#client.close();
  }
}

/** A server that knows its two candidates by their tokens. */
function serve(options: ApiServerOptions = {}): ApiServer {
  return new ApiServer({ tokens: { a: "a", b: "b" }, ...options });
}

/** Lets the leader renew so many times. */
async function renewals(server: ApiServer, count: number): Promise<void> {
  const version = () => BigInt(server.leases.get("default", "x")!.metadata.resourceVersion!);
  const first = version();
  await until("renewals", () => version() >= first + BigInt(count));
}

Deno.test("a follower asks for its rights, opens one watch, and then says nothing", async () => {
  await using server = serve();
  await using a = new Candidate(server, "a");
  await a.leads();
  await using b = new Candidate(server, "b");
  await b.observes();
  await renewals(server, 20);
  assertEquals(b.verbs.filter((verb) => verb !== "create"), ["watch"]);
  assert(a.verbs.includes("watch"), "the leader watches too");
});

Deno.test("a watch that ends in good order is resumed where it was, without a read", async () => {
  await using server = serve();
  await using a = new Candidate(server, "a");
  await a.leads();
  await using b = new Candidate(server, "b");
  await b.observes();
  for (let round = 1; round <= 3; round++) {
    await renewals(server, 2);
    server.endWatches();
    await until("b watches again", () => b.watches.length === round + 1);
    await b.observes();
  }
  assert(!b.verbs.includes("get"));
  for (const resumed of b.watches.slice(1)) assert(resumed.has("resourceVersion"));
  assert(!b.watches.slice(1).some((query) => query.has("sendInitialEvents")));
  assertEquals(a.elector.status().terms, 1);
});

Deno.test("410: a follower whose version is forgotten begins with the present state", async () => {
  await using server = serve({ historySize: 2 });
  const held = Promise.withResolvers<void>();
  await using a = new Candidate(server, "a");
  await a.leads();
  await using b = new Candidate(server, "b");
  await b.observes();
  server.before = async ({ user, verb }) => {
    if (user === "b" && verb === "watch") await held.promise;
  };
  server.endWatches();
  await renewals(server, 5);
  held.resolve();
  await until("b begins anew", () => b.watches.at(-1)!.has("sendInitialEvents"));
  await b.observes();
  await a.elector.stepDown();
  await b.leads();
});

Deno.test("bookmarks carry a quiet watch over a compaction", async () => {
  await using server = serve({ bookmarkMs: 20 });
  await using client = new Client(atAddress(server.url, { token: "a" }));
  await using elector = new Elector({ leaseName: "x", identity: "a", client });
  const stop = new AbortController();
  const watching = Array.fromAsync(elector.observe({ signal: stop.signal }));
  await until("it observes", () => elector.status().observed);
  for (let i = 0; i < 5; i++) server.leases.put("default", `other-${i}`, {});
  const version = String(server.leases.revision);
  server.compact();
  await until("it resumes from a bookmark", async () => {
    server.endWatches();
    await pause(50);
    return server.requests.some(({ path }) => path.includes(`resourceVersion=${version}`));
  });
  assertEquals(server.requests.filter(({ status }) => status === 410), []);
  stop.abort();
  await watching;
});

Deno.test("a watch that falls silent is probed: a hand-over is not missed", async () => {
  await using server = serve();
  await using b = new Candidate(server, "b");
  {
    await using a = new Candidate(server, "a");
    await until("one leads", () => a.elector.isLeader || b.elector.isLeader);
    if (b.elector.isLeader) await b.elector.stepDown();
    await a.leads();
    await b.observes();
    server.silenceWatches();
    await until("b probes", () => b.verbs.includes("get"));
  }
  await b.leads();
});

Deno.test("an older server, without initial events, is read and then watched", async () => {
  await using server = serve({ sendInitialEvents: false });
  await using a = new Candidate(server, "a");
  await a.leads();
  await using b = new Candidate(server, "b");
  await b.observes();
  await renewals(server, 5);
  await a.elector.stepDown();
  await b.leads();
  assertEquals(b.watches.filter((query) => query.has("sendInitialEvents")).length, 1);
});

Deno.test("while streams break, the Lease is read instead", async () => {
  await using server = serve();
  await using a = new Candidate(server, "a");
  await a.leads();
  server.before = ({ user, verb }) =>
    user === "b" && verb === "watch" ? refusal(503, { message: "no streams today" }) : undefined;
  await using b = new Candidate(server, "b");
  await until("b observes", () => b.elector.status().observed);
  await until("b polls", () => b.verbs.filter((verb) => verb === "get").length >= 5);
  const terms = a.elector.status().terms;
  assertEquals(terms, 1);
  await a.elector.stepDown();
  await b.leads();
});

Deno.test("without the right to watch nothing is read in its place, and nobody leads blind", async () => {
  await using server = serve();
  await using a = new Candidate(server, "a");
  await a.leads();
  await using b = new Candidate(server, "b");
  await b.observes();
  server.allow = (user, { verb }) => user !== "b" || verb !== "watch";
  const before = b.verbs.length;
  server.endWatches();
  await until("b has been refused twice", () => b.watches.length >= 3);
  await a.elector.stepDown();
  await a.leads();
  // It asks what it may do, which is a creation of reviews.
  assertEquals(new Set(b.verbs.slice(before)), new Set(["watch", "create"]));
  server.allow = () => true;
  await b.observes();
  await a.elector.stepDown();
  await b.leads();
});
