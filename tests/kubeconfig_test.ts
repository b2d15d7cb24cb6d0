// What is taken of a kubeconfig, and what is refused by name.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ConfigError } from "../lib/errors.ts";
import { fromKubeconfig } from "../lib/kubernetes/kubeconfig.ts";
import { FakeClock } from "./support/fake_clock.ts";

/** Files in a folder of their own. */
async function files(
  contents: Record<string, string>,
): Promise<AsyncDisposable & { path: (name: string) => string }> {
  const folder = await Deno.makeTempDir({ prefix: "k8sensus-kubeconfig-" });
  for (const [name, text] of Object.entries(contents)) {
    await Deno.mkdir(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  return {
    path: (name) => `${folder}/${name}`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

interface Parts {
  cluster?: Record<string, unknown>;
  user?: Record<string, unknown> | null;
  context?: Record<string, unknown>;
  top?: Record<string, unknown>;
}

/** A kubeconfig with one of each, as JSON, which is YAML too. */
function config(parts: Parts = {}): string {
  const user = parts.user === null ? [] : [{ name: "u", user: parts.user ?? { token: "secret" } }];
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "c",
    clusters: [{ name: "k", cluster: parts.cluster ?? { server: "https://k:6443/" } }],
    contexts: [{ name: "c", context: parts.context ?? { cluster: "k", user: "u" } }],
    users: user,
    ...parts.top,
  });
}

const YAML = `
apiVersion: v1
kind: Config
current-context: two   # the other one
clusters:
  - name: k
    cluster: {server: "https://k:6443", certificate-authority: pki/ca.crt}
contexts:
  - {name: one, context: {cluster: k, user: anybody}}
  - {name: two, context: {cluster: k, user: u, namespace: team}}
users:
  - name: u
    user: {tokenFile: secrets/token}
  - {name: anybody, user: {}}
`;

Deno.test("a kubeconfig in YAML: files beside it, the namespace, the current context", async () => {
  await using at = await files({
    "config": YAML,
    "pki/ca.crt": "PEM",
    "secrets/token": "t1\n",
  });
  const clock = new FakeClock();
  const { server, namespace, credentials } = await fromKubeconfig(at.path("config"), { clock });
  assertEquals([server, namespace], ["https://k:6443", "team"]);
  assertEquals(await credentials.get(), {
    token: "t1",
    ca: "PEM",
    cert: undefined,
    key: undefined,
  });
  await Deno.writeTextFile(at.path("secrets/token"), "t2\n");
  assertEquals((await credentials.get()).token, "t1");
  clock.advance(60_000);
  assertEquals((await credentials.get()).token, "t2", "a token file is read again");
});

Deno.test("a kubeconfig: another context can be chosen", async () => {
  await using at = await files({ "config": YAML, "pki/ca.crt": "PEM" });
  const { namespace, credentials } = await fromKubeconfig(at.path("config"), { context: "one" });
  assertEquals(namespace, undefined);
  assertEquals((await credentials.get()).token, undefined);
});

Deno.test("a kubeconfig: what stands in it in base64 wins over files", async () => {
  const user = {
    "client-certificate-data": btoa("CERT"),
    "client-certificate": "not-there",
    "client-key-data": btoa("KEY"),
  };
  const cluster = { server: "https://k", "certificate-authority-data": btoa("CA") };
  await using at = await files({ "config": config({ user, cluster }) });
  const { credentials } = await fromKubeconfig(at.path("config"));
  assertEquals(await credentials.get(), {
    token: undefined,
    ca: "CA",
    cert: "CERT",
    key: "KEY",
  });
});

Deno.test("a kubeconfig: paths that begin with a slash are taken as they are", async () => {
  await using at = await files({ "elsewhere/token": "t" });
  await Deno.writeTextFile(
    at.path("config"),
    config({ user: { tokenFile: at.path("elsewhere/token") } }),
  );
  const { credentials } = await fromKubeconfig(at.path("config"));
  assertEquals((await credentials.get()).token, "t");
});

Deno.test("a kubeconfig without a user shows nothing", async () => {
  await using at = await files({ "config": config({ context: { cluster: "k" }, user: null }) });
  const { credentials, server } = await fromKubeconfig(at.path("config"));
  assertEquals(server, "https://k:6443");
  assertEquals((await credentials.get()).token, undefined);
});

Deno.test("a kubeconfig that cannot be used is refused: the file, the field, what is allowed", async (t) => {
  const cases: [name: string, text: string | Parts, ...parts: string[]][] = [
    ["no YAML", "a: [", "as YAML"],
    ["no JSON", '{"a": ', "as YAML"],
    ["empty", "", "holds no fields"],
    ["a list", "- a", "holds no fields"],
    ["no context", { top: { "current-context": "" } }, "there is no current-context, so give one"],
    [
      "a context that is not there",
      { top: { "current-context": "nope" } },
      'the context "nope"',
      'it has "c"',
    ],
    ["no contexts", { top: { contexts: undefined } }, "it has no contexts"],
    ["contexts that are no list", { top: { contexts: { c: 1 } } }, "it has no contexts"],
    ["empty entries", { top: { contexts: [null, { name: "c" }] } }, "Cannot find the context"],
    ["no cluster", { context: { cluster: "gone", user: "u" } }, 'the cluster "gone"', 'has "k"'],
    ["no user", { context: { cluster: "k", user: "gone" } }, 'the user "gone"', 'has "u"'],
    ["no server", { cluster: {} }, "https://host:6443"],
    ["a server that is none", { cluster: { server: "k:6443" } }, "https://host:6443"],
    ["a server that is no text", { cluster: { server: 7 } }, "server", "is not a text"],
    ["a namespace that is none", { context: { cluster: "k", user: "u", namespace: [] } }, "is not"],
    [
      "exec",
      { user: { exec: { command: "aws" } } },
      'the field exec of user "u"',
      "supported are token, tokenFile",
    ],
    [
      "insecure",
      { cluster: { server: "https://k", "insecure-skip-tls-verify": true } },
      'the field insecure-skip-tls-verify of cluster "k"',
      "supported are server",
    ],
    ["a password", { user: { username: "a", password: "b" } }, "the field username"],
    [
      "half a certificate",
      { user: { "client-certificate-data": btoa("x") } },
      "give both client-certificate and client-key",
    ],
    [
      "no base64",
      { user: { "client-key-data": "%%" } },
      "client-key-data",
      "is not base64",
    ],
    ["a file that is not there", { user: { tokenFile: "gone" } }, "Cannot read", "gone"],
  ];
  for (const [name, text, ...parts] of cases) {
    await t.step(name, async () => {
      await using at = await files({ "config": typeof text === "string" ? text : config(text) });
      const path = at.path("config");
      const { message } = await assertRejects(() => fromKubeconfig(path), ConfigError);
      if (!name.includes("server")) assertStringIncludes(message, path.replace(/config$/, ""));
      for (const part of parts) assertStringIncludes(message, part);
      assertEquals(message.includes("\n"), false, message);
    });
  }
});

Deno.test("a kubeconfig that is not there is refused", async () => {
  await assertRejects(() => fromKubeconfig("/nowhere/config"), ConfigError, "/nowhere/config");
});
