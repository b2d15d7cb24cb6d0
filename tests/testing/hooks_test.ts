// What tests can do to single requests of the embedded API server.
import { assertEquals, assertRejects } from "@std/assert";
import { ApiServer, CUT, LOST, refusal } from "../../lib/testing/mod.ts";
import { Caller, pathOf } from "./support.ts";

Deno.test("before: what it returns is the answer, and nothing is carried out", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  server.before = ({ verb }) => verb === "update" ? refusal(503) : undefined;
  assertEquals((await caller.put("a", "me")).status, 503);
  assertEquals(server.leases.list(), []);
  assertEquals((await caller.get("a")).status, 404);
});

Deno.test("before: sees verb, place, user and body", async () => {
  await using server = new ApiServer({ tokens: { secret: "me" } });
  using caller = new Caller(server);
  const seen: unknown[] = [];
  server.before = ({ id, verb, method, namespace, name, resource, user, body }) => {
    seen.push({ id, verb, method, namespace, name, resource, user, body });
  };
  const headers = { authorization: "Bearer secret" };
  const lease = { metadata: { name: "a" } };
  await caller.send("POST", pathOf(), lease, { headers });
  await caller.send("GET", `${pathOf()}?fieldSelector=metadata.name%3Da`, undefined, { headers });
  await caller.send("GET", "/version", undefined, { headers: { authorization: "Bearer other" } });
  const leases = { namespace: "default", resource: "leases", user: "me" };
  const none = { namespace: undefined, name: undefined, resource: undefined, body: undefined };
  assertEquals(seen, [
    { ...leases, id: 1, verb: "create", method: "POST", name: undefined, body: lease },
    { ...leases, id: 2, verb: "list", method: "GET", name: "a", body: undefined },
    { ...none, id: 3, verb: "get", method: "GET", user: undefined },
  ]);
});

Deno.test("before: what it awaits delays the request, which is carried out all the same", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  const arrived = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  server.before = async ({ verb }) => {
    if (verb !== "update") return;
    arrived.resolve();
    await held.promise;
  };
  const carriedOut = Promise.withResolvers<void>();
  server.leases.subscribe(() => carriedOut.resolve());
  const gone = new AbortController();
  const lease = { metadata: { name: "a" } };
  const put = caller.send("PUT", pathOf("a"), lease, { signal: gone.signal });
  await arrived.promise;
  assertEquals(server.leases.list(), []);
  gone.abort();
  await assertRejects(() => put, DOMException);
  held.resolve();
  await carriedOut.promise;
  assertEquals((await caller.get("a")).status, 200);
});

Deno.test("after: what it returns replaces the answer to what was carried out", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  const answers: number[] = [];
  server.after = ({ verb }, response) => {
    answers.push(response.status);
    return verb === "update" ? refusal(504) : undefined;
  };
  assertEquals((await caller.put("a", "me")).status, 504);
  assertEquals(server.leases.get("default", "a")?.spec.holderIdentity, "me");
  assertEquals((await caller.get("a")).status, 200);
  assertEquals(answers, [201, 200]);
});

Deno.test("a hook that throws is a 500, and what follows is not disturbed", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  server.before = () => {
    throw new Error("broken");
  };
  const before = await caller.put("a", "me");
  assertEquals(before.status, 500);
  assertEquals(before.body.message, "Internal error occurred: Error: broken");
  assertEquals(server.leases.list(), []);
  server.before = undefined;
  server.after = () => Promise.reject(new Error("broken"));
  assertEquals((await caller.put("a", "me")).status, 500);
  assertEquals((await caller.send("GET", `${pathOf()}?watch=1`)).status, 500);
  server.after = undefined;
  assertEquals((await caller.get("a")).status, 200);
  assertEquals(server.watches, 0);
});

Deno.test("LOST: before, nothing is done; after, it is; no answer comes either way", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  for (const when of ["before", "after"] as const) {
    const arrived = Promise.withResolvers<void>();
    server[when] = () => {
      arrived.resolve();
      return LOST;
    };
    const gone = new AbortController();
    const put = caller.send("PUT", pathOf(when), { metadata: { name: when } }, {
      signal: gone.signal,
    });
    await arrived.promise;
    gone.abort();
    await assertRejects(() => put, DOMException);
    server[when] = undefined;
  }
  assertEquals(server.leases.list().map(({ metadata }) => metadata.name), ["after"]);
});

Deno.test("CUT: the connection breaks in the middle of the answer", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  server.before = () => CUT;
  await assertRejects(() => caller.put("before", "me"), TypeError);
  server.before = undefined;
  server.after = () => CUT;
  await assertRejects(() => caller.put("after", "me"), TypeError);
  server.after = undefined;
  assertEquals(server.leases.list().map(({ metadata }) => metadata.name), ["after"]);
  assertEquals((await caller.get("after")).status, 200);
});

Deno.test("duplicate: the server carries out two copies, the client sees the second answer", async () => {
  await using server = new ApiServer();
  using caller = new Caller(server);
  server.duplicate = ({ verb }) => verb === "update";
  // The first copy creates; the second has no version, so it is refused.
  assertEquals((await caller.put("a", "me")).status, 422);
  const { resourceVersion } = server.leases.get("default", "a")!.metadata;
  assertEquals((await caller.put("a", "you", resourceVersion)).status, 409);
  assertEquals(server.leases.get("default", "a")?.spec.holderIdentity, "you");
  assertEquals(server.requests.length, 2);
});

Deno.test("refusal(): a Status with Retry-After, and 429 in plain text", async () => {
  const unavailable = refusal(503, { message: "away", retryAfterSeconds: 2 });
  assertEquals(unavailable.headers.get("retry-after"), "2");
  assertEquals(await unavailable.json(), {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "away",
    reason: "ServiceUnavailable",
    details: { retryAfterSeconds: 2 },
    code: 503,
  });
  const busy = refusal(429);
  assertEquals(busy.headers.get("content-type"), "text/plain; charset=utf-8");
  assertEquals(busy.headers.get("retry-after"), "1");
  assertEquals(await busy.text(), "Too many requests, please try again later.\n");
  const odd = refusal(418);
  assertEquals(odd.headers.has("retry-after"), false);
  assertEquals((await odd.json()).message, "status 418");
});
