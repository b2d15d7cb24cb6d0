// Every route by its status and what it says, without a socket.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { ElectorStatus } from "../lib/elector_options.ts";
import { routes } from "../lib/server/routes.ts";
import { makeTiming } from "../lib/timing.ts";
import { ME, THEM } from "./support/rig.ts";

const LEADING: ElectorStatus = {
  leaseName: "x",
  leaseNamespace: "default",
  name: "me",
  identity: ME,
  role: "leading",
  isLeader: true,
  remainingMs: 9_876.5,
  leader: "me",
  holder: ME,
  token: "9007199254740993",
  contending: true,
  observed: true,
  takeableInMs: null,
  lastReleased: null,
  terms: 1,
  missingVerbs: [],
  watch: { phase: "open", failures: 0 },
  turnedMsAgo: 12,
  timing: makeTiming(),
};

/** Told to stop: it may act until the fence, but starts nothing. */
const DRAINING: ElectorStatus = { ...LEADING, role: "draining", isLeader: false };

/** Its work has ended, the Lease is given back. */
const DRAINED: ElectorStatus = {
  ...LEADING,
  role: "observing",
  isLeader: false,
  remainingMs: 0,
  leader: null,
  holder: null,
  token: null,
  contending: false,
  lastReleased: true,
};

const FOLLOWING: ElectorStatus = {
  ...DRAINED,
  leader: "them",
  holder: THEM,
  token: "7",
  contending: true,
  takeableInMs: 12_000,
  lastReleased: null,
};

const UNOBSERVED: ElectorStatus = { ...DRAINED, observed: false, terms: 0, lastReleased: null };

function ask(status: ElectorStatus, path: string, method = "GET"): Response {
  return routes({ status: () => status })(new Request(`http://pod:8080${path}`, { method }));
}

const body = (status: ElectorStatus) => ({
  leader: status.leader,
  identity: status.holder,
  isLeader: status.isLeader,
  token: status.token,
  remainingMs: Math.floor(status.remainingMs),
});

Deno.test("/ names the leader, as the sidecar of Kubernetes' own example does", async () => {
  const cases: [ElectorStatus, string][] = [
    [LEADING, "me"],
    [FOLLOWING, "them"],
    [DRAINED, ""],
    [UNOBSERVED, ""],
  ];
  for (const [status, name] of cases) {
    const response = ask(status, "/");
    assertEquals(response.status, 200);
    assertEquals(await response.json(), { name });
  }
});

Deno.test("/leader and /replica answer 200 to the one, 503 to the other, never both", async () => {
  for (const status of [LEADING, FOLLOWING, DRAINING, DRAINED, UNOBSERVED]) {
    const [leader, replica] = [ask(status, "/leader"), ask(status, "/replica")];
    assertEquals(leader.status, status.isLeader ? 200 : 503);
    assertEquals(replica.status, status.isLeader ? 503 : 200);
    assertEquals(await leader.json(), body(status));
    assertEquals(await replica.json(), body(status));
  }
  assertEquals(body(LEADING).remainingMs, 9_876, "whole milliseconds, never rounded up");
});

Deno.test("/leader keeps the token a text, which no reader rounds", async () => {
  assertStringIncludes(await ask(LEADING, "/leader").text(), '"token":"9007199254740993"');
});

Deno.test("/status shows all there is", async () => {
  for (const status of [LEADING, UNOBSERVED]) {
    const response = ask(status, "/status");
    assertEquals(response.status, 200);
    assertEquals(await response.json(), JSON.parse(JSON.stringify(status)));
  }
});

Deno.test("/livez fails only when the loop has not turned for half a minute", async () => {
  const cases: [turnedMsAgo: number, status: number][] = [[0, 200], [29_999, 200], [30_000, 503]];
  for (const [turnedMsAgo, status] of cases) {
    assertEquals(ask({ ...LEADING, turnedMsAgo }, "/livez").status, status);
  }
  assertEquals(await ask({ ...UNOBSERVED, missingVerbs: null }, "/livez").text(), "ok\n");
  assertStringIncludes(
    await ask({ ...LEADING, turnedMsAgo: 61_000 }, "/livez").text(),
    "not turned for 61s",
  );
});

Deno.test("/readyz says what is not ready, and is no question of leading", async () => {
  const cases: [ElectorStatus, number, string][] = [
    [LEADING, 200, "ok"],
    [FOLLOWING, 200, "ok"],
    [DRAINED, 200, "ok"],
    [UNOBSERVED, 503, "the Lease default/x has not been observed yet"],
    [{ ...UNOBSERVED, missingVerbs: null }, 503, "the permissions are not known yet"],
    [
      { ...LEADING, missingVerbs: ["watch", "update"] },
      503,
      "not allowed to watch, update the Lease default/x",
    ],
  ];
  for (const [status, code, text] of cases) {
    const response = ask(status, "/readyz");
    assertEquals(response.status, code);
    assertEquals(await response.text(), text + "\n");
  }
});

const PATHS = ["/", "/livez", "/readyz", "/leader", "/replica", "/status"];

Deno.test("every route: the type of its body, and nothing is kept by caches", async () => {
  for (const path of PATHS) {
    const response = ask(LEADING, path);
    const type = path.endsWith("z") ? "text/plain" : "application/json";
    assertEquals(response.headers.get("content-type"), `${type}; charset=utf-8`);
    assertEquals(response.headers.get("cache-control"), "no-store");
    assert((await response.text()).endsWith("\n"));
  }
});

Deno.test("HEAD is answered as GET, without a body", async () => {
  for (const path of PATHS) {
    for (const status of [LEADING, UNOBSERVED]) {
      const [head, get] = [ask(status, path, "HEAD"), ask(status, path)];
      assertEquals(head.status, get.status);
      assertEquals([...head.headers], [...get.headers]);
      assertEquals(head.body, null);
      await get.body?.cancel();
    }
  }
});

Deno.test("every other method is refused with what is allowed", async () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    const response = ask(LEADING, "/leader", method);
    assertEquals(response.status, 405);
    assertEquals(response.headers.get("allow"), "GET, HEAD, OPTIONS");
    assertEquals(await response.text(), "this is read-only\n");
  }
  const response = ask(LEADING, "/leader", "OPTIONS");
  assertEquals([response.status, response.body], [204, null]);
  assertEquals(response.headers.get("allow"), "GET, HEAD, OPTIONS");
});

Deno.test("an unknown path is told what there is", async () => {
  const unknown = ["/metrics", "/leader/", "//leader", "/Leader", "/constructor", "/__proto__"];
  for (const path of [...unknown, "/toString", "/%6ceader"]) {
    const response = ask(LEADING, path);
    assertEquals(response.status, 404, path);
    const text = await response.text();
    for (const known of PATHS) assertStringIncludes(text, known);
  }
});

Deno.test("a query changes nothing", async () => {
  const response = ask(LEADING, "/leader?verbose=1");
  assertEquals(response.status, 200);
  await response.body?.cancel();
});

Deno.test("the elector is asked anew at every request, and not for what is not there", async () => {
  let asked = 0;
  const handler = routes({
    status: () => {
      asked++;
      return asked === 1 ? FOLLOWING : LEADING;
    },
  });
  const get = (path: string) => handler(new Request(`http://pod${path}`));
  assertEquals((await get("/leader").json()).isLeader, false);
  assertEquals((await get("/leader").json()).isLeader, true);
  await get("/nothing").text();
  assertEquals(asked, 2);
});
