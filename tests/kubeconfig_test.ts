// What is taken of a kubeconfig, and what is refused by name.
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { ConfigError } from "../lib/errors.ts";
import { fromKubeconfig } from "../lib/kubernetes/kubeconfig.ts";
import { silent } from "../lib/logger.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { config, files, type Parts } from "./support/kubeconfig_files.ts";

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
      "a misspelt field",
      { cluster: { server: "https://k", "certificate-autority": "ca.crt" } },
      'the field certificate-autority of cluster "k"',
      "supported are server, certificate-authority",
    ],
    [
      "a misspelt field of a context",
      { context: { cluster: "k", user: "u", namspace: "team" } },
      'the field namspace of context "c"',
      "supported are cluster, user, namespace",
    ],
    [
      "insecure and an authority",
      {
        cluster: {
          server: "https://k",
          "insecure-skip-tls-verify": true,
          "certificate-authority": "ca.crt",
        },
      },
      'the field insecure-skip-tls-verify of cluster "k"',
      "leave one of them out",
    ],
    [
      "insecure, but no yes or no",
      { cluster: { server: "https://k", "insecure-skip-tls-verify": "yes" } },
      "neither true nor false",
    ],
    [
      "a proxy that is none",
      { cluster: { server: "https://k", "proxy-url": "ftp://proxy" } },
      'the field proxy-url of cluster "k"',
      "http://host:3128, https://host:3128 or socks5://host:1080",
    ],
    [
      "a name behind socks5",
      {
        cluster: {
          server: "https://k",
          "proxy-url": "socks5://127.0.0.1:1080",
          "tls-server-name": "kubernetes",
        },
      },
      "the field tls-server-name",
      "does not go together with a socks5 proxy-url",
    ],
    [
      "an old provider",
      { user: { "auth-provider": { name: "gcp" } } },
      'the field auth-provider of user "u"',
      "give exec",
    ],
    ["impersonation", { user: { as: "root" } }, 'the field as of user "u"', "bind the Role"],
    ["impersonation of groups", { user: { "as-groups": ["admin"] } }, "the field as-groups"],
    ["impersonation of a uid", { user: { "as-uid": "7" } }, "the field as-uid"],
    ["another kind", { top: { kind: "Deployment" } }, 'its kind is "Deployment", not "Config"'],
    ["an empty token file", { user: { tokenFile: "/dev/null" } }, "/dev/null", "it is empty"],
    [
      "a password",
      { user: { username: "a", password: "b" } },
      "the field username",
      "a token, a client certificate or exec",
    ],
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
      if (!/server|token file/.test(name)) {
        assertStringIncludes(message, path.replace(/config$/, ""));
      }
      for (const part of parts) assertStringIncludes(message, part);
      assertEquals(message.includes("\n"), false, message);
    });
  }
});

Deno.test("a kubeconfig that is not there is refused", async () => {
  await assertRejects(() => fromKubeconfig("/nowhere/config"), ConfigError, "/nowhere/config");
});

Deno.test("a kubeconfig: what other tools keep in it is passed over", async () => {
  const extensions = [{ name: "minikube.sigs.k8s.io", extension: { version: "1" } }];
  await using at = await files({
    "config": config({
      cluster: { server: "https://k:6443", extensions, "disable-compression": true },
      context: { cluster: "k", user: "u", extensions },
      user: { token: "t", extensions, username: "", exec: null },
      top: { preferences: { colors: true }, extensions },
    }),
  });
  const { credentials } = await fromKubeconfig(at.path("config"));
  assertEquals((await credentials.get()).token, "t");
});

Deno.test("a kubeconfig: an address of IPv6", async () => {
  await using at = await files({
    "config": config({ cluster: { server: "https://[fd00::1]:6443" } }),
  });
  assertEquals((await fromKubeconfig(at.path("config"))).server, "https://[fd00::1]:6443");
});

Deno.test("a kubeconfig: the way to the server", async () => {
  const cluster = {
    server: "https://k:6443",
    "tls-server-name": "kubernetes.default.svc",
    "proxy-url": "http://user:word@proxy:3128",
  };
  await using at = await files({ "config": config({ cluster }) });
  const { tlsServerName, proxyUrl, skipsVerification } = await fromKubeconfig(at.path("config"));
  assertEquals([tlsServerName, proxyUrl, skipsVerification], [
    "kubernetes.default.svc",
    "http://user:word@proxy:3128",
    false,
  ]);
});

Deno.test("a kubeconfig: what is not safe is warned of, each time it is read", async () => {
  const insecure = { server: "https://k", "insecure-skip-tls-verify": true };
  const cases: [Parts, RegExp | undefined][] = [
    [{}, undefined],
    [{ cluster: insecure }, /^whoever answers at https:\/\/k is taken for the API server/],
    [{ cluster: { server: "http://k" } }, /^the credentials of user "u" .* unencrypted/],
    [{ cluster: { server: "http://k" }, user: {} }, undefined],
    [{ cluster: { server: "http://127.0.0.1:8001" } }, undefined],
    [{ cluster: { server: "http://[::1]:8001" } }, undefined],
  ];
  for (const [parts, expected] of cases) {
    await using at = await files({ "config": config(parts) });
    for (const _ of ["once", "twice"]) {
      const warnings: string[] = [];
      const logger = { ...silent, warn: (message: string) => void warnings.push(message) };
      await fromKubeconfig(at.path("config"), { logger });
      assertEquals(warnings.length, expected === undefined ? 0 : 1, warnings.join());
      if (expected !== undefined) assertMatch(warnings[0]!, expected);
    }
  }
});
