// Missing permissions, on the embedded API server: said exactly, waited for, and never led without.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { VERBS } from "../../lib/kubernetes/access.ts";
import { Client } from "../../lib/kubernetes/client.ts";
import { atAddress } from "../../lib/kubernetes/config.ts";
import { ApiServer, refusal } from "../../lib/testing/mod.ts";
import { compareTokens } from "../../lib/token.ts";
import { Petitioner } from "../support/petitioner.ts";
import { pause, until } from "../support/until.ts";

const REVIEWS = "selfsubjectaccessreviews";
const ROLE = JSON.stringify({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "Role",
  metadata: { name: "x", namespace: "team" },
  rules: [{
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    resourceNames: ["x"],
    verbs: ["get", "watch", "create", "update"],
  }],
});

function candidate(server: ApiServer, name: string): Petitioner {
  const client = new Client(atAddress(server.url, { token: name }));
  return new Petitioner(client, { identity: name, leaseNamespace: "team" });
}

function serve(): ApiServer {
  return new ApiServer({ tokens: { a: "a", b: "b" } });
}

/** The verbs of the requests for Leases. */
function verbs(server: ApiServer): string[] {
  return server.requests.filter(({ path }) => !path.endsWith(REVIEWS)).map(({ verb }) => verb);
}

for (const missing of VERBS) {
  Deno.test(`without ${missing}: it says so, is not ready, writes nothing, and goes on when it is granted`, async () => {
    await using server = serve();
    server.allow = (_, { verb }) => verb !== missing;
    await using a = candidate(server, "a");
    assertEquals(
      await a.says("not allowed"),
      `not allowed to ${missing} leases.coordination.k8s.io "x" in namespace "team"; waiting for ` +
        `this Role to be bound to the account of this process: ${ROLE}`,
    );
    assertEquals(await a.ready(), `503 not allowed to ${missing} the Lease team/x`);
    const rounds = () =>
      server.requests.filter(({ path }) => path.endsWith(REVIEWS)).length / VERBS.length;
    await until("it asks again", () => rounds() >= 3);
    assertEquals(a.told.length, 1, "once is enough");
    assertEquals(verbs(server).filter((verb) => verb !== "watch"), []);
    assertEquals(a.terms, []);
    server.allow = () => true;
    await until("it leads", () => a.leads);
    assertEquals(a.told.slice(1), ["no permission is missing any more"]);
    assertEquals(await a.ready(), "200 ok");
  });
}

Deno.test("without any right, all of them are said at once", async () => {
  await using server = serve();
  server.allow = () => false;
  await using a = candidate(server, "a");
  assertStringIncludes(
    await a.says("not allowed"),
    "not allowed to get, watch, create, update leases",
  );
  assertEquals(await a.ready(), "503 not allowed to get, watch, create, update the Lease team/x");
  server.allow = (_, { verb }) => verb === "get" || verb === "watch";
  assertStringIncludes(
    await a.says("not allowed to create"),
    "not allowed to create, update leases",
  );
});

Deno.test("it asks ever less often", async () => {
  await using server = serve();
  server.allow = () => false;
  await using _a = candidate(server, "a");
  await pause(2_500);
  const count = server.requests.filter(({ path }) => path.endsWith(REVIEWS)).length / VERBS.length;
  // From a retry period of 133 ms it doubles: at 0, 0.13, 0.4, 0.93, 2.0 s, each within a quarter.
  assert(count >= 2 && count <= 6, `${count} rounds in 2.5 s`);
});

Deno.test("taken away from the leader: forbidden at the stop deadline, said, and led again when granted", async () => {
  await using server = serve();
  await using a = candidate(server, "a");
  await until("it leads", () => a.leads);
  const [first] = a.terms;
  let refusedAt = Infinity;
  server.allow = (_, { verb }) => verb !== "update";
  server.after = ({ verb }) => {
    if (verb === "update") refusedAt = Math.min(refusedAt, performance.now());
  };
  const lost = await new Promise<number>((resolve) =>
    first!.signal.addEventListener("abort", () => resolve(performance.now()))
  );
  assertEquals(first!.signal.reason.reason, "forbidden");
  // 667 ms from the last renewal that was sent, the refused one 133 ms behind it.
  assert(lost - refusedAt > 100, `given up ${lost - refusedAt} ms after the first refusal`);
  await a.says("not allowed to update");
  assertEquals(await a.ready(), "503 not allowed to update the Lease team/x");
  const before = verbs(server).length;
  await pause(500);
  assert(!verbs(server).slice(before).includes("update"));
  server.allow = () => true;
  await until("it leads again", () => a.leads);
  assert(compareTokens(a.terms[1]!.token, first!.token) > 0);
  assertEquals(await a.ready(), "200 ok");
});

Deno.test("taken away from the leader, other rights than to renew leave it its term", async () => {
  await using server = serve();
  await using a = candidate(server, "a");
  await until("it leads", () => a.leads);
  server.allow = (_, { verb }) => verb === "update";
  server.endWatches();
  await until("the watch is refused", () => server.requests.some(({ status }) => status === 403));
  const version = () => BigInt(server.leases.get("team", "x")!.metadata.resourceVersion!);
  const then = version();
  await until("it renews", () => version() > then + 5n);
  assertEquals(a.terms.length, 1);
  assert(a.leads);
  await a.elector.stepDown();
  await a.says("not allowed to get, watch, create");
});

Deno.test("taken away from a follower: it notices when it needs it, stands back, and comes back", async () => {
  await using server = serve();
  await using a = candidate(server, "a");
  await until("a leads", () => a.leads);
  await using b = candidate(server, "b");
  await until("b observes", () => b.elector.status().leader === "a");
  server.allow = (user, { verb }) => user !== "b" || verb !== "update";
  await a.elector.stepDown();
  await b.says("not allowed to update");
  assertEquals(await b.ready(), "503 not allowed to update the Lease team/x");
  assertEquals(b.elector.status().contending, false);
  await until("a leads again", () => a.leads);
  server.allow = () => true;
  await b.says("no permission is missing any more");
  await a.elector.stepDown();
  await until("b leads", () => b.leads);
});

Deno.test("refusals for other reasons are looked into once, and cause no storm", async () => {
  await using server = serve();
  await using a = candidate(server, "a");
  await until("it leads", () => a.leads);
  server.before = ({ verb }) =>
    verb === "update" ? refusal(403, { message: "the namespace is being terminated" }) : undefined;
  await until("it is over", () => a.terms[0]!.signal.aborted);
  assertEquals(a.terms[0]!.signal.reason.reason, "forbidden");
  const begin = server.requests.length;
  await pause(2_000);
  const count = server.requests.length - begin;
  // I9: three in a retry period of 133 ms on average, and ten at once.
  assert(count <= 3 * 15 + 10, `${count} requests in 2 s`);
  assertEquals(a.told, [], "no permission is missing");
  server.before = undefined;
  await until("it leads again", () => a.leads);
});

Deno.test("where nobody may ask for permissions, they are found out by trying, which changes nothing", async (t) => {
  for (const there of [false, true]) {
    for (const missing of [...VERBS, undefined]) {
      // That shows where there is something to create, by a dry run, which is not spoken here.
      if (missing === "create") continue;
      await t.step(`${missing ?? "nothing"} missing, ${there ? "a" : "no"} Lease`, async () => {
        await using server = serve();
        if (there) {
          assert(server.leases.put("team", "x", { metadata: { name: "x" } }).ok);
        }
        const revision = server.leases.revision;
        server.before = ({ resource }) =>
          resource === REVIEWS ? refusal(403, { message: "no" }) : undefined;
        server.allow = (_, { verb }) => verb !== missing;
        await using a = candidate(server, "a");
        if (missing !== undefined) {
          await a.says(`not allowed to ${missing} leases`);
          assertEquals(await a.ready(), `503 not allowed to ${missing} the Lease team/x`);
          assertEquals(server.leases.revision, revision);
          server.allow = () => true;
        }
        await until("it leads", () => a.leads);
      });
    }
  }
});

Deno.test("while nobody answers what is allowed, it is not ready, says why, and asks on", async (t) => {
  const outages: [name: string, ...Parameters<typeof refusal>][] = [
    ["500", 500, { message: "broken" }],
    ["429", 429, { message: "slow down", retryAfterSeconds: 1 }],
    ["401", 401, { message: "who are you" }],
  ];
  for (const [name, ...answer] of outages) {
    await t.step(name, async () => {
      await using server = serve();
      server.before = ({ resource }) => resource === REVIEWS ? refusal(...answer) : undefined;
      await using a = candidate(server, "a");
      assertMatch(await a.says("permissions"), new RegExp(`the API server answered ${name}`));
      assertEquals(await a.ready(), "503 the permissions are not known yet");
      assertEquals(verbs(server).filter((verb) => verb !== "watch"), []);
      server.before = undefined;
      await until("it leads", () => a.leads);
    });
  }
});

Deno.test("closing does not wait for permissions that never come", async () => {
  await using server = serve();
  server.allow = () => false;
  const a = candidate(server, "a");
  await a.says("not allowed");
  const begin = performance.now();
  await a[Symbol.asyncDispose]();
  assert(performance.now() - begin < 5_000);
});
