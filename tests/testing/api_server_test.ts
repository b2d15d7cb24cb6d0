// What only the embedded API server has, beside hooks.
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ApiServer, ConfigError, LOST } from "../../lib/testing/mod.ts";
import { writeCertificates } from "../control_plane/certificates.ts";
import { Caller, pathOf } from "./support.ts";

Deno.test("endWatches() ends them in good order, and new ones can begin", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  await using one = await caller.watch();
  await using two = await caller.watch();
  assertEquals(server.watches, 2);
  server.endWatches();
  assertEquals([await one.next(), await two.next()], [undefined, undefined]);
  assertEquals(server.watches, 0);
  await using three = await caller.watch();
  await caller.put("a", "me");
  assertEquals(await three.next(), "ADDED a 2");
});

Deno.test("a watch whose client has gone away is over", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  {
    await using watch = await caller.watch();
    await caller.put("a", "me");
    assertEquals(await watch.next(), "ADDED a 2");
  }
  // It is noticed when the server writes, at the latest.
  while (server.watches > 0) await caller.put(crypto.randomUUID(), "me");
});

Deno.test("silenceWatches() keeps old and new ones open, and they miss nothing", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  await using old = await caller.watch();
  server.silenceWatches();
  await caller.put("a", "me");
  await using young = await caller.watch();
  await caller.put("b", "me");
  assertEquals(server.watches, 2);
  const first = Promise.all([old.next(), young.next()]);
  const pending = Symbol("pending");
  // The answer to a GET comes later than events that were written before it was asked.
  assertEquals((await caller.get("b")).status, 200);
  assertEquals(await Promise.race([first, Promise.resolve(pending)]), pending);
  server.silenceWatches(false);
  assertEquals(await first, ["ADDED a 2", "ADDED a 2"]);
  assertEquals([await old.next(), await young.next()], ["ADDED b 3", "ADDED b 3"]);
});

Deno.test("compact(): a watch from an earlier version gets 410, one from the present goes on", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  await caller.put("a", "me");
  await caller.put("b", "me");
  await using open = await caller.watch("resourceVersion=3");
  server.compact();
  await using late = await caller.watch("resourceVersion=2");
  assertEquals(await late.next(), "ERROR 410 too old resource version: 2 (3)");
  assertEquals(await late.next(), undefined);
  await caller.put("c", "me");
  assertEquals(await open.next(), "ADDED c 4");
});

Deno.test("compact(): what a silenced watch has missed it cannot be told any more", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  await using watch = await caller.watch("resourceVersion=1");
  server.silenceWatches();
  await caller.put("a", "me");
  server.compact();
  server.silenceWatches(false);
  assertEquals(await watch.next(), "ERROR 410 too old resource version: 1 (2)");
});

Deno.test("historySize: older changes are forgotten, one by one", async () => {
  await using server = new ApiServer({ historySize: 2 });
  using caller = new Caller(server);
  for (const name of ["a", "b", "c"]) await caller.put(name, "me");
  await using known = await caller.watch("resourceVersion=2");
  assertEquals([await known.next(), await known.next()], ["ADDED b 3", "ADDED c 4"]);
  await using forgotten = await caller.watch("resourceVersion=1");
  assertEquals(await forgotten.next(), "ERROR 410 too old resource version: 1 (2)");
});

Deno.test("historySize: 0 still tells those who listen", async () => {
  await using server = new ApiServer({ historySize: 0 });
  using caller = new Caller(server);
  await using watch = await caller.watch(
    "sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
  );
  await caller.put("a", "me");
  assertEquals(await watch.next(), "ERROR 410 too old resource version: 1 (2)");
});

Deno.test("snapshot() and restore(): versions go back, watches end, numbers are given out again", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  await caller.put("a", "me");
  const snapshot = server.snapshot();
  await caller.put("a", "you", "2");
  await caller.put("b", "you");
  await using watch = await caller.watch("resourceVersion=4");
  server.restore(snapshot);
  assertEquals(await watch.next(), undefined);
  const { body } = await caller.get("a");
  assertEquals([body.spec.holderIdentity, body.metadata.resourceVersion], ["me", "2"]);
  assertEquals((await caller.get("b")).status, 404);
  assertEquals((await caller.put("c", "me")).body.metadata.resourceVersion, "3");
  assertEquals(snapshot.leases.length, 1);
});

Deno.test("bookmarkMs: watches that allow bookmarks get them", async () => {
  await using server = new ApiServer({ bookmarkMs: 1 });
  using caller = new Caller(server);
  await caller.put("a", "me");
  await using watch = await caller.watch("resourceVersion=2&allowWatchBookmarks=true");
  assertEquals([await watch.next(), await watch.next()], ["BOOKMARK 2", "BOOKMARK 2"]);
});

Deno.test("sendInitialEvents: false refuses, as an older server", async () => {
  await using server = new ApiServer({ sendInitialEvents: false });
  using caller = new Caller(server);
  const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  const { status, body } = await caller.send("GET", `${pathOf()}?${query}`);
  assertEquals([status, body.reason], [422, "Invalid"]);
  assertMatch(body.message, /sendInitialEvents is forbidden for watch unless the WatchList/);
});

Deno.test("firstResourceVersion: any size, never a JavaScript number", async () => {
  await using server = new ApiServer({ firstResourceVersion: 2n ** 63n });
  using caller = new Caller(server);
  const { body } = await caller.put("a", "me");
  assertEquals(body.metadata.resourceVersion, "9223372036854775809");
  assertEquals((await caller.put("a", "you", body.metadata.resourceVersion)).status, 200);
});

Deno.test("tokens: may come and go while the server runs", async () => {
  const tokens: Record<string, string> = { old: "me" };
  await using server = new ApiServer({ tokens });
  using caller = new Caller(server);
  const status = async (token: string) =>
    (await caller.get("a", { headers: { authorization: `Bearer ${token}` } })).status;
  assertEquals([await status("old"), await status("new")], [404, 401]);
  tokens.new = "me";
  delete tokens.old;
  assertEquals([await status("old"), await status("new")], [401, 404]);
  assertEquals(await status("toString"), 401);
});

Deno.test("allow: asked for each request and each part of it, and may change", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  const asked: string[] = [];
  server.allow = (user, { verb, group, resource, namespace, name }) => {
    asked.push(`${user} ${verb} ${resource}.${group} ${namespace}/${name}`);
    return verb !== "create";
  };
  assertEquals((await caller.put("a", "me")).status, 403);
  const subject = "leases.coordination.k8s.io default/a";
  assertEquals(asked, [
    `system:anonymous update ${subject}`,
    `system:anonymous create ${subject}`,
  ]);
  server.allow = () => true;
  assertEquals((await caller.put("a", "me")).status, 201);
});

Deno.test("tls: serves HTTPS with the certificate it is given", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const ca = await writeCertificates(dir);
    const cert = await Deno.readTextFile(`${dir}/server.crt`);
    const key = await Deno.readTextFile(`${dir}/server.key`);
    await using server = new ApiServer({ tls: { cert, key } });
    assertMatch(server.url, /^https:\/\/127\.0\.0\.1:\d+$/);
    using trusting = new Caller(server, { ca });
    await using watch = await trusting.watch();
    assertEquals((await trusting.put("a", "me")).status, 201);
    assertEquals(await watch.next(), "ADDED a 2");
    using doubting = new Caller(server);
    await assertRejects(() => doubting.get("a"), TypeError);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("requests: the last thousand, with user, answer and time", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  await caller.put("a", "me");
  const [record] = server.requests;
  const path = pathOf("a");
  assertEquals({ ...record, at: 0 }, {
    id: 1,
    verb: "update",
    method: "PUT",
    path,
    namespace: "default",
    name: "a",
    user: "system:anonymous",
    at: 0,
    status: 201,
  });
  assert(record!.at > Date.UTC(2020));
  for (let index = 0; index < 1_010; index++) await caller.send("GET", "/livez");
  assertEquals(server.requests.length, 1_000);
  assertEquals([server.requests[0]!.id, server.requests.at(-1)!.id], [12, 1_011]);
});

Deno.test("dryRun is refused on every write, and nothing is done", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  await caller.put("a", "me");
  const query = "?dryRun=All";
  const lease = { metadata: { name: "b" } };
  const headers = { "content-type": "application/merge-patch+json" };
  const answers = [
    await caller.send("POST", pathOf() + query, lease),
    await caller.send("PUT", pathOf("b") + query, lease),
    await caller.send("PATCH", pathOf("a") + query, { spec: null }, { headers }),
    await caller.send("DELETE", pathOf("a") + query),
    await caller.send("DELETE", pathOf() + query),
    await caller.send("DELETE", pathOf("a"), { dryRun: ["All"] }),
  ];
  for (const { status, body } of answers) {
    assertEquals([status, body.reason], [501, "NotImplemented"]);
  }
  assertEquals(server.leases.revision, 2n);
});

Deno.test("close() ends watches, held requests and connections, and may be called again", async () => {
  const server = new ApiServer();
  using caller = new Caller(server);
  await using watch = await caller.watch();
  const arrived = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  server.before = ({ name }) => {
    if (name === "held") {
      arrived[0]!.resolve();
      return new Promise<void>(() => {});
    }
    if (name !== "lost") return;
    arrived[1]!.resolve();
    return LOST;
  };
  const answered = (name: string) => caller.get(name).then(() => {}, () => {});
  const requests = [answered("held"), answered("lost")];
  await Promise.all(arrived.map(({ promise }) => promise));
  await Promise.all([server.close(), server.close()]);
  await Promise.all(requests);
  assertEquals(await watch.next().catch(() => undefined), undefined);
  assertEquals(server.watches, 0);
  await assertRejects(() => caller.get("a"), TypeError);
  await server.close();
});

Deno.test("options out of range are told in the words of the user", () => {
  const cases: [ConstructorParameters<typeof ApiServer>[0], RegExp][] = [
    [{ port: -1 }, /^Cannot listen on port -1: give a whole number from 0 to 65535$/],
    [{ port: 1.5 }, /^Cannot listen on port 1\.5/],
    [{ bookmarkMs: 0 }, /^Cannot send a bookmark every 0 ms: give more than 0$/],
    [{ historySize: -1 }, /^Cannot keep a history of -1 changes/],
    [{ firstResourceVersion: 0 }, /^Cannot start at resourceVersion 0/],
    [{ firstResourceVersion: 1.5 }, /^Cannot start at resourceVersion 1\.5/],
  ];
  for (const [options, message] of cases) {
    assertMatch(assertThrows(() => new ApiServer(options), ConfigError).message, message);
  }
});
