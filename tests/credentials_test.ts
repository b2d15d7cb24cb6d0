// What is shown to the API server, and when it is read again.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError, RequestFailed } from "../lib/errors.ts";
import { Client } from "../lib/kubernetes/client.ts";
import { atAddress, checkServer, inCluster, runsInCluster } from "../lib/kubernetes/config.ts";
import { Credentials, type Secrets } from "../lib/kubernetes/credentials.ts";
import { writeAuthority, writeCertificate } from "./control_plane/certificates.ts";
import { withEnv } from "./support/env.ts";
import { FakeClock } from "./support/fake_clock.ts";

/** Secrets that say how often they were read. */
function counted(clock: FakeClock) {
  const source = { reads: 0, broken: false };
  const credentials = new Credentials((): Promise<Secrets> => {
    source.reads++;
    if (source.broken) return Promise.reject(new Error("no such file"));
    return Promise.resolve({ token: `t${source.reads}` });
  }, clock);
  return { source, credentials };
}

Deno.test("secrets are kept for a minute, then read again", async () => {
  const clock = new FakeClock();
  const { source, credentials } = counted(clock);
  assertEquals(source.reads, 0, "nothing is read before it is needed");
  assertEquals(await credentials.get(), { token: "t1" });
  clock.advance(59_999);
  assertEquals(await credentials.get(), { token: "t1" });
  clock.advance(1);
  assertEquals(await credentials.get(), { token: "t2" });
});

Deno.test("secrets that were refused are read again at once", async () => {
  const { credentials } = counted(new FakeClock());
  await credentials.get();
  credentials.expire();
  assertEquals(await credentials.get(), { token: "t2" });
  assertEquals(await credentials.get(), { token: "t2" });
});

Deno.test("secrets that cannot be read now stay what they were, and are asked for again", async () => {
  const clock = new FakeClock();
  const { source, credentials } = counted(clock);
  await credentials.get();
  clock.advance(60_000);
  source.broken = true;
  assertEquals(await credentials.get(), { token: "t1" });
  source.broken = false;
  assertEquals(await credentials.get(), { token: "t3" }, "no minute of the old ones");
});

Deno.test("secrets that were never readable are an error, each time until they are", async () => {
  const { source, credentials } = counted(new FakeClock());
  source.broken = true;
  await assertRejects(() => credentials.get(), Error, "no such file");
  source.broken = false;
  assertEquals(await credentials.get(), { token: "t2" });
});

/** A service account as kubelet mounts it: everything is a link into `..data`, itself a link. */
class Mount implements AsyncDisposable {
  #generation = 0;
  private constructor(readonly directory: string) {}

  static async create(token: string): Promise<Mount> {
    const mount = new Mount(await Deno.makeTempDir({ prefix: "k8sensus-credentials-" }));
    await mount.swap(token);
    for (const name of ["token", "ca.crt", "namespace"]) {
      await Deno.symlink(`..data/${name}`, `${mount.directory}/${name}`);
    }
    return mount;
  }

  /** Puts another generation in place, by one rename. */
  async swap(token: string): Promise<void> {
    const generation = `..2026_${++this.#generation}`;
    await Deno.mkdir(`${this.directory}/${generation}`);
    const write = (name: string, text: string) =>
      Deno.writeTextFile(`${this.directory}/${generation}/${name}`, text);
    await write("token", `${token}\n`);
    await write("ca.crt", `ca of ${token}`);
    await write("namespace", "team\n");
    await Deno.symlink(generation, `${this.directory}/..data_tmp`);
    await Deno.rename(`${this.directory}/..data_tmp`, `${this.directory}/..data`);
    if (this.#generation > 1) {
      await Deno.remove(`${this.directory}/..2026_${this.#generation - 1}`, { recursive: true });
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Deno.remove(this.directory, { recursive: true });
  }
}

Deno.test("inCluster() reads the mounted service account, also after kubelet has swapped it", () =>
  withEnv({ KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "6443" }, async () => {
    await using mount = await Mount.create("one");
    const clock = new FakeClock();
    const config = inCluster({ directory: mount.directory, clock });
    assertEquals(config.server, "https://10.0.0.1:6443");
    assertEquals(config.namespace, "team");
    assertEquals(await config.credentials.get(), { token: "one", ca: "ca of one" });
    await mount.swap("two");
    assertEquals((await config.credentials.get()).token, "one");
    clock.advance(60_000);
    assertEquals(await config.credentials.get(), { token: "two", ca: "ca of two" });
    await mount.swap("three");
    config.credentials.expire();
    assertEquals(await config.credentials.get(), { token: "three", ca: "ca of three" });
  }));

Deno.test("inCluster() finds the API server by what Kubernetes puts into the environment", async () => {
  const cases: [host: string, port: string | undefined, server: string][] = [
    ["10.0.0.1", undefined, "https://10.0.0.1:443"],
    ["10.0.0.1", "", "https://10.0.0.1:443"],
    ["kubernetes.default", "8443", "https://kubernetes.default:8443"],
    ["fd00::1", "443", "https://[fd00::1]:443"],
  ];
  for (const [host, port, server] of cases) {
    await withEnv({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port }, () => {
      const config = inCluster({ directory: "/nowhere" });
      assertEquals([config.server, config.namespace], [server, undefined]);
      assert(runsInCluster());
    });
  }
});

Deno.test("inCluster() says what to do where there is no cluster", () =>
  withEnv({ KUBERNETES_SERVICE_HOST: undefined }, () => {
    assert(!runsInCluster());
    assertThrows(() => inCluster(), ConfigError, "give a client, or a kubeconfig");
  }));

Deno.test("inCluster() takes no empty token: it keeps the last one", () =>
  withEnv({ KUBERNETES_SERVICE_HOST: "10.0.0.1" }, async () => {
    await using mount = await Mount.create("one");
    const { credentials } = inCluster({ directory: mount.directory });
    await credentials.get();
    await mount.swap("");
    credentials.expire();
    assertEquals((await credentials.get()).token, "one");
  }));

Deno.test("a service account that is not there is an outage, not a crash", () =>
  withEnv({ KUBERNETES_SERVICE_HOST: "127.0.0.1" }, async () => {
    await using client = Client.inCluster({ directory: "/nowhere" });
    await assertRejects(
      () => client.request({ method: "GET", path: "/", signal: AbortSignal.timeout(5_000) }),
      RequestFailed,
      "Cannot read the credentials",
    );
  }));

Deno.test("H19: a 401 has the token read again for the next request, by request and by stream", async () => {
  for (const kind of ["request", "stream"]) {
    const shown: (string | null)[] = [];
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const token = request.headers.get("authorization");
        shown.push(token);
        return new Response("{}", { status: token === "Bearer t1" ? 401 : 200 });
      },
    );
    const clock = new FakeClock();
    const { credentials } = counted(clock);
    const url = `http://127.0.0.1:${server.addr.port}`;
    await using client = new Client({ server: url, credentials }, clock);
    const ask = async () => {
      const asked = { method: "GET", path: "/", signal: AbortSignal.timeout(5_000) } as const;
      if (kind === "request") return (await client.request(asked)).status;
      return await client.stream(asked, (status) => Promise.resolve(status));
    };
    assertEquals([await ask(), await ask(), await ask()], [401, 200, 200]);
    assertEquals(shown, ["Bearer t1", "Bearer t2", "Bearer t2"]);
  }
});

Deno.test("a failed connection has the secrets read again, for the authority may have changed", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const clock = new FakeClock();
  const { source, credentials } = counted(clock);
  await using client = new Client({ server: `http://127.0.0.1:${port}`, credentials }, clock);
  const asked = () =>
    client.request({ method: "GET", path: "/", signal: AbortSignal.timeout(5_000) });
  await assertRejects(asked, RequestFailed);
  await assertRejects(asked, RequestFailed);
  assertEquals(source.reads, 2);
});

Deno.test("certificate and key that do not fit together, as halfway through a rotation, are read again", async () => {
  const dir = await Deno.makeTempDir({ prefix: "k8sensus-credentials-" });
  await writeAuthority(dir, "ca");
  const old = await writeCertificate(dir, "ca", "old", { subject: "/CN=me" });
  const next = await writeCertificate(dir, "ca", "next", { subject: "/CN=me" });
  await Deno.remove(dir, { recursive: true });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("{}"),
  );
  const clock = new FakeClock();
  const pairs = [{ cert: next.cert, key: old.key }, next];
  const credentials = new Credentials(() => Promise.resolve(pairs.shift()!), clock);
  const url = `http://127.0.0.1:${server.addr.port}`;
  for (const kind of ["request", "stream"]) {
    if (kind === "stream") {
      pairs.push({ cert: next.cert, key: old.key }, next);
      credentials.expire();
    }
    await using client = new Client({ server: url, credentials }, clock);
    const asked = { method: "GET", path: "/", signal: AbortSignal.timeout(5_000) } as const;
    const ask = (): Promise<unknown> =>
      kind === "request"
        ? client.request(asked)
        : client.stream(asked, () => Promise.resolve(undefined));
    await assertRejects(ask, RequestFailed, "Cannot use the certificates");
    await ask();
  }
});

Deno.test("whoever needs secrets while they are being read waits for the same reading, or gives up", async () => {
  const gate = Promise.withResolvers<void>();
  let reads = 0;
  const credentials = new Credentials(async () => {
    reads++;
    await gate.promise;
    return { token: "t" };
  }, new FakeClock());
  const stop = new AbortController();
  const patient = [credentials.get(), credentials.get(AbortSignal.timeout(60_000))];
  const hurried = credentials.get(stop.signal);
  stop.abort(new Error("late"));
  await assertRejects(() => hurried, Error, "late");
  await assertRejects(() => credentials.get(stop.signal), Error, "late");
  gate.resolve();
  for (const waiting of patient) assertEquals(await waiting, { token: "t" });
  assertEquals(reads, 1);
});

Deno.test("a reader is told of a refusal until it has been able to read", async () => {
  const told: boolean[] = [];
  const source = { broken: false };
  const credentials = new Credentials((refused) => {
    told.push(refused);
    return source.broken ? Promise.reject(new Error("no")) : Promise.resolve({ token: "t" });
  }, new FakeClock());
  await credentials.get();
  credentials.expire();
  await credentials.get();
  credentials.expire(true);
  source.broken = true;
  await credentials.get();
  source.broken = false;
  await credentials.get();
  credentials.expire();
  await credentials.get();
  assertEquals(told, [false, false, true, true, false]);
});

Deno.test("checkServer() takes addresses of http and https, and says so of others", () => {
  const good: [string, string][] = [
    ["https://10.0.0.1:443", "https://10.0.0.1:443"],
    ["http://localhost:8001/", "http://localhost:8001"],
    ["https://host/k8s/clusters/c1//", "https://host/k8s/clusters/c1"],
  ];
  for (const [given, server] of good) assertEquals(checkServer(given), server);
  for (const given of ["", "host:6443", "10.0.0.1", "ftp://host", "https://"]) {
    assertThrows(() => checkServer(given), ConfigError, "https://host:6443");
  }
});

Deno.test("atAddress() shows what it was given, and nothing by default", async () => {
  assertEquals(await atAddress("http://h/").credentials.get(), {});
  const { server, credentials } = atAddress("http://h/", { token: "t" });
  assertEquals([server, await credentials.get()], ["http://h", { token: "t" }]);
});
