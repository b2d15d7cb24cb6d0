// Tokens and keys are never told: not in the log at its most talkative, not in errors, not over HTTP.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ApiServer, CUT, type Interception } from "../lib/testing/mod.ts";
import { until } from "./support/until.ts";
import { TestProcess } from "./support/processes.ts";

const TOKEN = "eyJhbGciOiJub25lIn0.c2VjcmV0LXNlY3JldC1zZWNyZXQ.b3RoZXItc2lnbmF0dXJl";
/** A part of it that is long enough is as bad as the whole. */
const PART = 8;

function assertKept(text: string): void {
  for (let at = 0; at + PART <= TOKEN.length; at++) {
    const part = TOKEN.slice(at, at + PART);
    assert(!text.includes(part), `${part} is told:\n${text}`);
  }
}

const kubeconfig = (server: string, user: unknown) =>
  JSON.stringify({
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user }],
  });

/** The service with a kubeconfig, at its most talkative. */
async function start(file: string, ...args: string[]): Promise<TestProcess> {
  return await TestProcess.deno("lib/cli/main.ts", {
    args: [
      ...["start", "--kubeconfig", file, "--lease-duration=3s", "--trust-unheld"],
      ...["--listen=127.0.0.1:0", "--log-level=debug", ...args],
    ],
  });
}

async function withFile(text: string, use: (file: string) => Promise<void>): Promise<void> {
  const file = await Deno.makeTempFile({ prefix: "k8sensus-secrets-" });
  try {
    await Deno.writeTextFile(file, text);
    await use(file);
  } finally {
    await Deno.remove(file);
  }
}

/** What a server or a proxy answers in its bad hours. */
const TROUBLES: (() => Interception)[] = [
  () => new Response("Unauthorized", { status: 401 }),
  () => new Response("no", { status: 403 }),
  () => new Response("later", { status: 429, headers: { "retry-after": "0" } }),
  () => new Response("<h1>Bad Gateway</h1>", { status: 502 }),
  () => new Response("{", { status: 200, headers: { "content-type": "application/json" } }),
  () => CUT,
];

Deno.test("a service that leads and has every trouble keeps its token to itself", async () => {
  await using server = new ApiServer({ tokens: { [TOKEN]: "service" } });
  await withFile(kubeconfig(server.url, { token: TOKEN }), async (file) => {
    await using service = await start(file, "--log-format=json");
    const { address } = await service.event("listening");
    await service.event("elected");
    let count = 0;
    server.before = () => TROUBLES[count++ % TROUBLES.length]!();
    server.endWatches();
    await service.event("lost");
    await until("all troubles", () => count >= 3 * TROUBLES.length);
    const told: string[] = [];
    for (const path of ["/", "/status", "/leader", "/readyz", "/livez", "/metrics"]) {
      told.push(await (await fetch(`http://${address}${path}`)).text());
    }
    server.before = undefined;
    service.signal("SIGTERM");
    assertEquals((await service.exit).code, 0);
    const log = service.lines.join("\n");
    for (const trouble of ["401", "403", "429", "502"]) assert(log.includes(trouble), log);
    assertKept([log, await service.stdout, ...told].join("\n"));
  });
});

/** Users whose credentials cannot be used, and files that cannot be read. */
const UNUSABLE: Record<string, string> = {
  "a token of two lines": kubeconfig("http://127.0.0.1:2", { token: `${TOKEN}\nx` }),
  "a token beyond ASCII": kubeconfig("http://127.0.0.1:2", { token: `${TOKEN}\u2603` }),
  "keys that are none": kubeconfig("https://127.0.0.1:2", {
    "client-certificate-data": btoa(TOKEN),
    "client-key-data": btoa(TOKEN),
  }),
  "keys that are no base64": kubeconfig("https://127.0.0.1:2", {
    "client-certificate-data": `${TOKEN}!`,
    "client-key-data": `${TOKEN}!`,
  }),
  "a quote too few": kubeconfig("http://127.0.0.1:2", {}).replace("{}", `{"token": ${TOKEN}"}`),
  "no end": kubeconfig("http://127.0.0.1:2", { token: TOKEN }).slice(0, -8),
  "YAML with an alias": `users: [{ name: u, user: { token: *${TOKEN} } }]`,
  "YAML with a tag": `users:\n- user:\n    token: !!${TOKEN} x`,
  "YAML with a wrong indent": `users:\n  - user: {\n token: ${TOKEN}\n  name: u`,
  "a list for a token": kubeconfig("http://127.0.0.1:2", { token: [TOKEN] }),
};

Deno.test("credentials that cannot be used are not quoted", async () => {
  for (const [name, text] of Object.entries(UNUSABLE)) {
    await withFile(text, async (file) => {
      await using service = await start(file);
      let ended = false;
      service.exit.then(() => ended = true);
      const complaint = /Cannot|brought no answer/;
      await until(`${name} is told of`, () => ended || complaint.test(service.lines.join("\n")));
      service.signal("SIGTERM");
      await service.exit;
      const log = service.lines.join("\n");
      assertMatch(log, complaint, name);
      assertKept(log + await service.stdout);
    });
  }
});
