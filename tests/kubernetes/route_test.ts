// The way to the API server: certificates of another name, proxies, loopback, and no certificate at all.
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { RequestFailed } from "../../lib/errors.ts";
import { Client } from "../../lib/kubernetes/client.ts";
import type { ClusterConfig } from "../../lib/kubernetes/config.ts";
import { atAddress } from "../../lib/kubernetes/config.ts";
import { ApiServer } from "../../lib/testing/mod.ts";
import { writeAuthority, writeCertificate } from "../control_plane/certificates.ts";
import { withEnv } from "../support/env.ts";
import { ForwardProxy } from "../support/forward_proxy.ts";
import { config as kubeconfig, files } from "../support/kubeconfig_files.ts";
import { electorOf } from "../support/exec_rig.ts";
import { TestProcess } from "../support/processes.ts";

/** Nobody listens there. */
const NOWHERE = "http://127.0.0.1:1";
const PROXIES = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
];
/** An environment without proxies, whatever the machine has. */
const NO_PROXIES = Object.fromEntries(
  [...PROXIES, "NO_PROXY", "no_proxy"].map((name) => [name, undefined]),
);

/** The same for a process, which inherits what it is not given. */
const NOT_PROXIED = Object.fromEntries(Object.keys(NO_PROXIES).map((name) => [name, ""]));

/** An authority, and certificates for a server of this name. */
async function certified(names: string) {
  const dir = await Deno.makeTempDir({ prefix: "k8sensus-route-" });
  try {
    const ca = await writeAuthority(dir, "ca");
    return { ca, ...await writeCertificate(dir, "ca", "server", { subject: "/CN=server", names }) };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const loopback = await certified("IP:127.0.0.1,IP:::1,DNS:localhost");
const elsewhere = await certified("DNS:kubernetes.default.svc,IP:10.0.0.1,IP:fd00::1");

/** A server of this certificate that tells the headers of what it is asked. */
class Server implements AsyncDisposable {
  readonly headers: Headers[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(tls?: { cert: string; key: string }, hostname = "127.0.0.1") {
    this.#server = Deno.serve({ hostname, port: 0, onListen() {}, ...tls }, (request) => {
      this.headers.push(request.headers);
      return new Response("{}");
    });
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Asks for something by request and by stream; gives both statuses. */
async function ask(config: ClusterConfig): Promise<number[]> {
  await using client = new Client(config);
  const request = { method: "GET", path: "/x", signal: AbortSignal.timeout(20_000) } as const;
  const { status } = await client.request(request);
  return [status, await client.stream(request, (status) => Promise.resolve(status))];
}

function config(server: string, ca: string, route: Partial<ClusterConfig> = {}): ClusterConfig {
  return { ...atAddress(server, { ca, token: "t" }), ...route };
}

Deno.test("tls-server-name: the certificate of another name is asked for, and no other is taken", () =>
  withEnv(NO_PROXIES, async () => {
    await using server = new Server(elsewhere);
    const url = `https://127.0.0.1:${server.port}`;
    for (const tlsServerName of ["kubernetes.default.svc", "10.0.0.1", "fd00::1"]) {
      assertEquals(await ask(config(url, elsewhere.ca, { tlsServerName })), [200, 200]);
    }
    for (const headers of server.headers) {
      assertEquals(headers.get("host"), `127.0.0.1:${server.port}`, "called by its address");
      assertEquals(headers.get("authorization"), "Bearer t");
    }
    const count = server.headers.length;
    for (const tlsServerName of [undefined, "other.example"]) {
      await assertRejects(
        () => ask(config(url, elsewhere.ca, { tlsServerName })),
        RequestFailed,
        "invalid peer certificate",
      );
    }
    await assertRejects(
      () => ask(config(url, loopback.ca, { tlsServerName: "kubernetes.default.svc" })),
      RequestFailed,
      "invalid peer certificate",
    );
    assertEquals(server.headers.length, count, "nothing was shown to a server not known");
  }));

Deno.test("tls-server-name: an address of IPv6, and NO_PROXY that has the name", () =>
  withEnv({ ...NO_PROXIES, NO_PROXY: "kubernetes.default.svc,*" }, async () => {
    await using server = new Server(elsewhere, "::1");
    const tlsServerName = "kubernetes.default.svc";
    const url = `https://[::1]:${server.port}`;
    assertEquals(await ask(config(url, elsewhere.ca, { tlsServerName })), [200, 200]);
    assertEquals(Deno.env.get("NO_PROXY"), "kubernetes.default.svc,*", "as it was");
  }));

Deno.test("tls-server-name: a server that is not there is an outage that says so", async () => {
  const tlsServerName = "kubernetes.default.svc";
  const route = config("https://127.0.0.1:1", elsewhere.ca, { tlsServerName });
  await assertRejects(() => ask(route), RequestFailed, "brought no answer");
});

Deno.test("tls-server-name: an open watch has a connection of its own, which ends with it", () =>
  withEnv(NO_PROXIES, async () => {
    await using server = new ApiServer({ tls: elsewhere });
    const tlsServerName = "kubernetes.default.svc";
    await using client = new Client(config(server.url, elsewhere.ca, { tlsServerName }));
    const stop = new AbortController();
    const path = "/apis/coordination.k8s.io/v1/namespaces/default/leases?watch=1";
    const watching = client.stream(
      { method: "GET", path, signal: stop.signal },
      async (status, body) => {
        assertEquals(status, 200);
        assert(server.leases.put("default", "a", { metadata: { name: "a" } }).ok);
        const { value } = await body.getReader().read();
        assertMatch(new TextDecoder().decode(value), /^{"type":"ADDED"/);
        stop.abort();
      },
    );
    await watching;
  }));

Deno.test("the relay behind tls-server-name serves this process alone", () =>
  withEnv(NO_PROXIES, async () => {
    const { Relay } = await import("../../lib/kubernetes/relay.ts");
    await using server = new Server(elsewhere);
    const relay = new Relay({ server: `https://127.0.0.1:${server.port}` }, undefined, "word");
    const { url } = relay.proxy as { url: string };
    for (const password of ["", "wrong", "word"]) {
      using connection = await Deno.connect({
        hostname: "127.0.0.1",
        port: Number(new URL(url).port),
      });
      const shown = password === ""
        ? ""
        : `Proxy-Authorization: Basic ${btoa(`k8sensus:${password}`)}\r\n`;
      const asked = `CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n${shown}\r\n`;
      await connection.write(new TextEncoder().encode(asked));
      const buffer = new Uint8Array(1_000);
      const size = await connection.read(buffer);
      const answer = new TextDecoder().decode(buffer.subarray(0, size!));
      assertMatch(answer, password === "word" ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 407 /);
    }
    relay.close();
  }));

Deno.test("proxy-url: http, https and socks5, with NO_PROXY that has the server", async (t) => {
  const kinds: [scheme: string, options: ConstructorParameters<typeof ForwardProxy>[0]][] = [
    ["http", {}],
    ["https", { tls: loopback }],
    ["socks5", { kind: "socks5" }],
  ];
  for (const [scheme, options] of kinds) {
    await t.step(
      scheme,
      () =>
        withEnv({ ...NO_PROXIES, NO_PROXY: "127.0.0.1,localhost" }, async () => {
          await using server = new Server(loopback);
          await using proxy = new ForwardProxy(options);
          const route = config(`https://127.0.0.1:${server.port}`, loopback.ca, {
            proxyUrl: `${scheme}://127.0.0.1:${proxy.port}`,
          });
          assertEquals(await ask(route), [200, 200]);
          assertEquals(proxy.targets, Array(2).fill(`127.0.0.1:${server.port}`));
          assertEquals(server.headers.length, 2);
        }),
    );
  }
});

Deno.test("proxy-url: a password is for the proxy, not for the server", async (t) => {
  for (const scheme of ["http", "https"]) {
    await t.step(scheme, () =>
      withEnv(NO_PROXIES, async () => {
        await using server = new Server(loopback);
        const tls = scheme === "https" ? loopback : undefined;
        await using proxy = new ForwardProxy({ tls, user: "me:pass word" });
        const at = (user: string) =>
          config(`https://127.0.0.1:${server.port}`, loopback.ca, {
            proxyUrl: `${scheme}://${user}@127.0.0.1:${proxy.port}`,
          });
        assertEquals(await ask(at("me:pass%20word")), [200, 200]);
        for (const headers of server.headers) {
          const shown = headers.get("proxy-authorization");
          assert(shown === null || !shown.includes(btoa("me:pass word")), String(shown));
        }
        await assertRejects(() => ask(at("me:wrong")), RequestFailed, "brought no answer");
        assertEquals(server.headers.length, 2);
      }));
  }
});

Deno.test("proxy-url and tls-server-name: the proxy is asked for the server, the server for the name", () =>
  withEnv(NO_PROXIES, async () => {
    await using server = new Server(elsewhere);
    await using proxy = new ForwardProxy({});
    const route = config(`https://127.0.0.1:${server.port}`, elsewhere.ca, {
      proxyUrl: `http://127.0.0.1:${proxy.port}`,
      tlsServerName: "kubernetes.default.svc",
    });
    assertEquals(await ask(route), [200, 200]);
    assertEquals(proxy.targets, Array(2).fill(`127.0.0.1:${server.port}`));
  }));

Deno.test("a proxy of the environment is not used for loopback", async (t) => {
  const env = { ...NO_PROXIES, ...Object.fromEntries(PROXIES.map((name) => [name, NOWHERE])) };
  const cases: [host: string, listen: string, tls: boolean][] = [
    ["127.0.0.1", "127.0.0.1", true],
    ["127.0.0.1", "127.0.0.1", false],
    ["localhost", "127.0.0.1", true],
    ["[::1]", "::1", true],
    ["[::1]", "::1", false],
  ];
  for (const [host, listen, tls] of cases) {
    await t.step(`${tls ? "https" : "http"}://${host}`, () =>
      withEnv(env, async () => {
        await using server = new Server(tls ? loopback : undefined, listen);
        const url = `${tls ? "https" : "http"}://${host}:${server.port}`;
        assertEquals(await ask(config(url, loopback.ca)), [200, 200]);
        assertEquals(Deno.env.get("NO_PROXY"), undefined, "as it was");
      }));
  }
});

Deno.test("who may not change the environment is not asked for it", async () => {
  await using server = new Server();
  const client = new URL("../../lib/kubernetes/client.ts", import.meta.url);
  const script = `
    import { Client } from "${client}";
    await using client = new Client("http://127.0.0.1:${server.port}");
    const signal = AbortSignal.timeout(20_000);
    console.log((await client.request({ method: "GET", path: "/x", signal })).status);
  `;
  await using process = await TestProcess.deno(
    `data:application/typescript,${encodeURIComponent(script)}`,
    { flags: ["--allow-net"], env: NOT_PROXIED },
  );
  assertEquals(await process.stdout, "200\n", process.lines.join("\n"));
});

Deno.test("a proxy of the environment is used for all other servers, but not for those in NO_PROXY", () =>
  withEnv(NO_PROXIES, async () => {
    await using proxy = new ForwardProxy({});
    // Nobody answers there; it is enough that the proxy was asked, or was not.
    const url = "https://127.1.2.3.invalid:6443";
    const asked = () => ask(config(url, loopback.ca)).catch((error) => String(error));
    await withEnv({ HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` }, async () => {
      assertMatch(String(await asked()), /brought no answer/);
      await withEnv({ NO_PROXY: ".invalid" }, async () => {
        assertMatch(String(await asked()), /dns error|lookup/);
      });
    });
  }));

Deno.test("insecure-skip-tls-verify: without the flag of Deno nothing is shown, and the flag is named", () =>
  withEnv(NO_PROXIES, async () => {
    await using server = new Server(loopback);
    const url = `https://127.0.0.1:${server.port}`;
    const route = { ...config(url, elsewhere.ca), skipsVerification: true };
    const { message } = await assertRejects(() => ask(route), RequestFailed);
    assertMatch(message, /; to skip its verification \(insecure-skip-tls-verify\), start Deno /);
    assertMatch(message, /--unsafely-ignore-certificate-errors=127\.0\.0\.1$/);
    assertEquals(server.headers.length, 0);
    const v6 = { ...route, server: `https://[::1]:1` };
    const other = await assertRejects(() => ask(v6), RequestFailed);
    assert(
      !other.message.includes("--unsafely"),
      "a refused connection is no matter of certificates",
    );
  }));

Deno.test("insecure-skip-tls-verify: the service warns at each start, names the flag, and leads with it", async () => {
  await using server = new ApiServer({ tls: elsewhere });
  const named = { "tls-server-name": "no.such.name" };
  const cluster = { server: server.url, "insecure-skip-tls-verify": true };
  await using at = await files({
    "plain": kubeconfig({ cluster, user: {} }),
    "named": kubeconfig({ cluster: { ...cluster, ...named }, user: {} }),
  });
  const start = (name: string, ...flags: string[]) =>
    TestProcess.deno("lib/cli/main.ts", {
      flags: ["--allow-all", ...flags],
      args: [
        ...["start", "--kubeconfig", at.path(name), `--lease-name=${name}`, "--trust-unheld"],
        ...["--listen=off", "--log-format=json"],
      ],
      // What companies have in their environment is no way to loopback.
      env: { HTTPS_PROXY: NOWHERE, NO_PROXY: "" },
    });
  for (const [name, host] of [["plain", "127.0.0.1"], ["named", "no.such.name"]] as const) {
    const flag = `--unsafely-ignore-certificate-errors=${host}`;
    await using refused = await start(name);
    assertMatch(String((await refused.event("insecure")).msg), /^whoever answers at https:/);
    const { msg } = await refused.event("preflight");
    assertMatch(String(msg), new RegExp(`invalid peer certificate.*start Deno with ${flag}$`));
    await using leader = await start(name, flag);
    await leader.event("insecure");
    await leader.event("elected");
  }
});

Deno.test({
  name:
    "insecure-skip-tls-verify: exec passes Deno's flag on to its elector, and no argument of a command",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using server = new ApiServer({ tls: elsewhere });
    const cluster = { server: server.url, "insecure-skip-tls-verify": true };
    await using at = await files({ "plain": kubeconfig({ cluster, user: {} }) });
    const flag = "--unsafely-ignore-certificate-errors=127.0.0.1";
    const exec = (flags: string[], command: string[]) =>
      TestProcess.deno("lib/cli/main.ts", {
        flags: ["--allow-all", ...flags],
        args: [
          ...["exec", "--kubeconfig", at.path("plain"), "--trust-unheld", "--settle=0s"],
          ...["--listen=off", "--log-format=json", "--", ...command],
        ],
        env: { NO_PROXY: "127.0.0.1" },
      });
    await using refused = await exec([], ["sleep", "600", flag]);
    assertMatch(String((await refused.event("preflight")).msg), /invalid peer certificate/);
    await using leader = await exec([flag], ["sleep", "600"]);
    await leader.event("command-started");
    // The guard's own way to the server, too.
    Deno.kill(await electorOf(leader), "SIGKILL");
    await leader.event("released");
  },
});
