// What servers, proxies and networks may answer to a request for a Lease: none of it is ever taken for a
// renewal, and nothing of it is left behind.
import { assertEquals, assertMatch } from "@std/assert";
import { Client } from "../lib/kubernetes/client.ts";
import { Leases } from "../lib/kubernetes/leases.ts";
import type { Answer, WatchEvent } from "../lib/lease.ts";
import { held } from "./support/rig.ts";

const LEASE = held(5).lease;
const text = JSON.stringify(LEASE);

/** Answers a request; `over` resolves when nobody waits for the answer any more. */
type Reply = (request: Request, over: Promise<void>) => Response | Promise<Response>;

/** Asks one thing of a server that answers as told. */
async function ask<T>(
  reply: Reply,
  what: (leases: Leases, signal: AbortSignal) => Promise<T>,
  timeoutMs = 5_000,
): Promise<T> {
  const over = Promise.withResolvers<void>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => reply(request, over.promise),
  );
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeoutMs);
  try {
    await using client = new Client(`http://127.0.0.1:${server.addr.port}`);
    return await what(new Leases(client, "default", "x"), stop.signal);
  } finally {
    clearTimeout(timer);
    stop.abort();
    over.resolve();
    await server.shutdown();
  }
}

const put = (leases: Leases, signal: AbortSignal) => leases.write(LEASE, signal);

function status(code: number, details: unknown = {}, headers: Record<string, string> = {}): Reply {
  return () =>
    Response.json({ kind: "Status", message: "no", details, code }, { status: code, headers });
}

const withSpec = (spec: unknown) => JSON.stringify({ ...LEASE, spec });
const withMeta = (meta: unknown) =>
  JSON.stringify({ ...LEASE, metadata: { ...LEASE.metadata, ...meta as object } });

Deno.test("hostile answers to a write", async (t) => {
  const cases: [string, Reply, Partial<Answer>, RegExp?][] = [
    ["the Lease", () => new Response(text), { kind: "lease" }],
    ["the Lease as text/plain", () => new Response(text), { kind: "lease" }],
    ["truncated JSON", () => new Response(text.slice(0, -9)), { kind: "unknown" }],
    ["an empty body", () => new Response(""), { kind: "unknown" }],
    ["no body", () => new Response(null, { status: 204 }), { kind: "unknown" }],
    ["HTML", () => new Response("<html>log in</html>"), { kind: "unknown" }],
    ["null", () => new Response("null"), { kind: "unknown" }],
    ["an array", () => new Response("[]"), { kind: "unknown" }],
    [
      "10 MB",
      () => new Response(text + " ".repeat(10_000_000)),
      { kind: "unknown" },
      /larger than 1 MiB/,
    ],
    ["a wrong object", () => new Response('{"kind":"Pod"}'), { kind: "unknown" }, /kind is .*Pod/],
    ["another Lease", () => new Response(withMeta({ name: "y" })), { kind: "unknown" }],
    ["another namespace", () => new Response(withMeta({ namespace: "y" })), { kind: "unknown" }],
    ["no metadata", () => new Response('{"kind":"Lease"}'), { kind: "unknown" }],
    ["null metadata", () => new Response('{"kind":"Lease","metadata":null}'), { kind: "unknown" }],
    ["no uid", () => new Response(withMeta({ uid: null })), { kind: "unknown" }],
    [
      "versions that are no numbers",
      () => new Response(withMeta({ resourceVersion: "abc" })),
      { kind: "unknown" },
      /does not number its versions/,
    ],
    ["a version of zero", () => new Response(withMeta({ resourceVersion: "0" })), {
      kind: "unknown",
    }],
    ["a numeric version", () => new Response(withMeta({ resourceVersion: 5 })), {
      kind: "unknown",
    }],
    ["null fields", () => new Response(withSpec({ holderIdentity: null })), { kind: "lease" }],
    [
      "a number too large",
      () => new Response(withSpec({ leaseDurationSeconds: 1e20 })),
      { kind: "unknown" },
    ],
    [
      "a fraction",
      () => new Response(withSpec({ leaseDurationSeconds: 1.5 })),
      { kind: "unknown" },
    ],
    ["a holder that is no text", () => new Response(withSpec({ holderIdentity: {} })), {
      kind: "unknown",
    }],
    [
      "a redirect to a Lease",
      ({ url }) =>
        url.endsWith("/elsewhere") ? new Response(text) : Response.redirect(`${url}/elsewhere`),
      { kind: "unknown" },
    ],
    [
      "a redirect",
      () => new Response(null, { status: 302, headers: { location: "/login" } }),
      { kind: "unknown" },
    ],
    ["409", status(409), { kind: "conflict" }],
    ["404 about this Lease", status(404, { kind: "leases", name: "x" }), { kind: "missing" }],
    ["404 about the namespace", status(404, { kind: "namespaces", name: "default" }), {
      kind: "refused",
      status: 404,
    }],
    ["a proxy's 404", () => new Response("not found", { status: 404 }), {
      kind: "refused",
      status: 404,
    }],
    ["401", status(401), { kind: "refused", status: 401 }],
    ["403", status(403), { kind: "refused", status: 403 }],
    [
      "429 in plain text",
      () => new Response("slow down", { status: 429, headers: { "retry-after": "3600" } }),
      { kind: "refused", status: 429, retryAfterMs: 3_600_000 },
    ],
    ["500", status(500), { kind: "unknown" }],
    ["503 with Retry-After", status(503, {}, { "retry-after": "1" }), {
      kind: "refused",
      retryAfterMs: 1_000,
    }],
    ["504 in HTML", () => new Response("<h1>", { status: 504 }), { kind: "unknown" }],
  ];
  for (const [name, reply, expected, message] of cases) {
    await t.step(name, async () => {
      const answer = await ask(reply, put);
      assertEquals({ ...answer, ...expected }, answer);
      if (message !== undefined) assertMatch(JSON.stringify(answer), message);
    });
  }
});

Deno.test("a body without an end is given up by the attempt's own signal", async () => {
  const cancelled = Promise.withResolvers<void>();
  let tick: Promise<void> | undefined;
  const endless = () =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await (tick = new Promise((resolve) => setTimeout(resolve, 5)));
          controller.enqueue(new TextEncoder().encode(" "));
        },
        cancel: () => cancelled.resolve(),
      }),
    );
  assertEquals((await ask(endless, put, 300)).kind, "unknown");
  await cancelled.promise;
  await tick;
});

Deno.test("an answer that never comes is given up by the attempt's own signal", async () => {
  const never: Reply = (_, over) => over.then(() => new Response());
  assertEquals((await ask(never, put, 300)).kind, "unknown");
});

Deno.test("a server that is not there is an unknown outcome", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using client = new Client(`http://127.0.0.1:${port}`);
  const answer = await new Leases(client, "default", "x").read(AbortSignal.timeout(5_000));
  assertEquals(answer.kind, "unknown");
});

const line = (type: string, object: unknown) => JSON.stringify({ type, object }) + "\n";
const bookmark = line("BOOKMARK", { kind: "Lease", metadata: { resourceVersion: "9" } });

/** Cuts a text into chunks of some bytes, through the middle of characters if need be. */
function inPieces(body: string, size: number): Response {
  const bytes = new TextEncoder().encode(body);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
  return new Response(ReadableStream.from(pieces));
}

Deno.test("hostile watches", async (t) => {
  const umlaut = structuredClone(LEASE);
  umlaut.metadata.annotations = { note: "Überführung 🚂" };
  const cases: [string, Reply, string, string[]][] = [
    ["an orderly end", () => new Response(line("ADDED", LEASE)), "ended", ["lease"]],
    [
      "characters cut in two",
      () => inPieces(line("ADDED", umlaut) + bookmark, 1),
      "ended",
      ["lease", "bookmark"],
    ],
    ["no line end at the end", () => new Response(line("ADDED", LEASE).trim()), "ended", []],
    ["empty lines", () => new Response("\n\n" + bookmark + "\n"), "ended", ["bookmark"]],
    ["not JSON", () => new Response("<html>\n"), "failed", []],
    ["JSON, but no event", () => new Response("7\n"), "failed", []],
    ["an event without an object", () => new Response('{"type":"ADDED"}\n'), "failed", []],
    ["another Lease", () => new Response(line("ADDED", { ...LEASE, metadata: {} })), "failed", []],
    ["410 in an event", () => new Response(line("ERROR", { code: 410 })), "expired", []],
    ["500 in an event", () => new Response(line("ERROR", { code: 500 })), "failed", []],
    ["410 as an answer", status(410), "expired", []],
    ["403", status(403), "forbidden", []],
    ["500", status(500), "failed", []],
    ["a line without an end", () => inPieces("x".repeat(2_000_000), 65_536), "failed", []],
    [
      "a bookmark without a version",
      () => new Response(line("BOOKMARK", { metadata: {} })),
      "ended",
      [],
    ],
  ];
  for (const [name, reply, end, events] of cases) {
    await t.step(name, async () => {
      const seen: WatchEvent[] = [];
      const ended = await ask(
        reply,
        (leases, signal) => leases.watch("1", signal, (event) => seen.push(event)),
      );
      assertEquals(ended, end);
      assertEquals(seen.map((event) => event.type).filter((type) => type !== "opened"), events);
    });
  }
});

Deno.test("a watch ends by its signal, though the stream says nothing", async () => {
  const silent = () => new Response(new ReadableStream());
  const end = await ask(silent, (leases, signal) => leases.watch("1", signal, () => {}), 300);
  assertEquals(end, "failed");
});

Deno.test("an older server that refuses initial events is read, then watched", async () => {
  const asked: string[] = [];
  const old: Reply = (request) => {
    const { searchParams } = new URL(request.url);
    const kind = searchParams.has("sendInitialEvents")
      ? "initial"
      : searchParams.has("watch")
      ? `watch ${searchParams.get("resourceVersion")}`
      : "get";
    asked.push(kind);
    if (kind === "initial") return status(422)(request, Promise.resolve());
    return new Response(kind === "get" ? text : bookmark);
  };
  const seen: string[] = [];
  await ask(old, async (leases, signal) => {
    await leases.watch(undefined, signal, (event) => seen.push(event.type));
    await leases.watch(undefined, signal, () => {});
  });
  assertEquals(asked, ["initial", "get", "watch 5", "get", "watch 5"]);
  assertEquals(seen, ["opened", "lease", "bookmark"]);
});
