// Credential plugins: what they are told, when they are run, and what is made of what they say.
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import manifest from "../../deno.json" with { type: "json" };
import { ConfigError, RequestFailed } from "../../lib/errors.ts";
import { Client } from "../../lib/kubernetes/client.ts";
import type { Credentials } from "../../lib/kubernetes/credentials.ts";
import { fromKubeconfig } from "../../lib/kubernetes/kubeconfig.ts";
import { silent } from "../../lib/logger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { config, type Files, files, type Parts } from "../support/kubeconfig_files.ts";
import { until } from "../support/until.ts";
import { TestProcess } from "../support/processes.ts";

const API = "client.authentication.k8s.io/v1";

/** What a plugin prints. */
function credential(status: unknown): string {
  return JSON.stringify({ kind: "ExecCredential", apiVersion: API, status });
}

/** Notes that it ran, with what; says something; waits if told to; prints a file; ends as told. */
const SCRIPT = `#!/bin/sh
cd "$(dirname "$0")"
echo "$KUBERNETES_EXEC_INFO" >>info
echo "$ADDED $*" >>runs
[ -e complaint ] && cat complaint >&2
while [ -e wait ]; do sleep 0.02; done
cat output
exit "$(cat code)"
`;

/** A kubeconfig with a plugin, which tests tell what to say. */
class PluginFiles implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly logged: string[] = [];
  readonly #files: Files;

  private constructor(at: Files) {
    this.#files = at;
  }

  static async create(exec: Record<string, unknown> = {}, parts: Parts = {}): Promise<PluginFiles> {
    const user = {
      exec: { apiVersion: API, command: "./plugin", interactiveMode: "Never", ...exec },
    };
    const at = await files({
      "config": config({ user, ...parts }),
      "plugin": SCRIPT,
      "code": "0",
      "output": credential({ token: "t1" }),
    });
    await Deno.chmod(at.path("plugin"), 0o755);
    return new PluginFiles(at);
  }

  path(name: string): string {
    return this.#files.path(name);
  }

  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(this.path(name), text);
  }

  /** Gives a token from now on, which lives for so many milliseconds. */
  async give(token: string, lifeMs?: number): Promise<void> {
    const expirationTimestamp = lifeMs === undefined
      ? undefined
      : new Date(this.clock.now().wall + lifeMs).toISOString();
    await this.write("output", credential({ token, expirationTimestamp }));
  }

  /** What it was run with, a line a run. */
  async runs(): Promise<string[]> {
    const text = await Deno.readTextFile(this.path("runs")).catch(() => "");
    return text.split("\n").slice(0, -1);
  }

  async credentials(): Promise<Credentials> {
    const tell = (message: string) => void this.logged.push(message);
    const logger = { ...silent, warn: tell, error: tell };
    return (await fromKubeconfig(this.path("config"), { clock: this.clock, logger })).credentials;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files[Symbol.asyncDispose]();
  }
}

Deno.test("a plugin gets its arguments, its environment and what it is run for", async () => {
  await using at = await PluginFiles.create({
    args: ["get-token", "two words"],
    env: [{ name: "ADDED", value: "yes" }, { name: "KUBERNETES_EXEC_INFO", value: "mine" }],
  });
  const credentials = await at.credentials();
  assertEquals(await credentials.get(), {
    ca: undefined,
    token: "t1",
    cert: undefined,
    key: undefined,
  });
  assertEquals(await at.runs(), ["yes get-token two words"]);
  assertEquals(JSON.parse(await Deno.readTextFile(at.path("info"))), {
    kind: "ExecCredential",
    apiVersion: API,
    spec: { interactive: false },
  });
});

Deno.test("a plugin that wants to know the cluster is told of it", async () => {
  const extension = { audience: "us", deep: [1] };
  await using at = await PluginFiles.create({ provideClusterInfo: true }, {
    cluster: {
      server: "https://k:6443",
      "certificate-authority": "ca.crt",
      "tls-server-name": "kubernetes",
      "proxy-url": "http://proxy:1",
      extensions: [{ name: "other" }, { name: "client.authentication.k8s.io/exec", extension }],
    },
  });
  await at.write("ca.crt", "PEM ü");
  await at.credentials();
  const { spec } = JSON.parse(await Deno.readTextFile(at.path("info")));
  const { "certificate-authority-data": ca, ...rest } = spec.cluster;
  assertEquals(rest, {
    server: "https://k:6443",
    "tls-server-name": "kubernetes",
    "proxy-url": "http://proxy:1",
    config: extension,
  });
  const decoded = Uint8Array.from(atob(ca), (c) => c.charCodeAt(0));
  assertEquals(new TextDecoder().decode(decoded), "PEM ü");
});

Deno.test("a plugin is looked up in PATH, or beside the kubeconfig, or where its path says", async () => {
  await using at = await PluginFiles.create();
  for (const command of ["sh", "./plugin", at.path("plugin"), "/bin/sh"]) {
    const args = command.endsWith("sh") ? [at.path("plugin")] : [];
    const exec = { apiVersion: API, command, args, interactiveMode: "Never" };
    await at.write("config", config({ user: { exec } }));
    assertEquals((await (await at.credentials()).get()).token, "t1");
  }
});

Deno.test("without an expiry, what a plugin gave is used until it is refused", async () => {
  await using at = await PluginFiles.create();
  const credentials = await at.credentials();
  at.clock.advance(7 * 86_400_000);
  assertEquals((await credentials.get()).token, "t1");
  credentials.expire();
  assertEquals((await credentials.get()).token, "t1", "a broken connection is not its fault");
  assertEquals((await at.runs()).length, 1);
  await at.give("t2");
  credentials.expire(true);
  assertEquals((await credentials.get()).token, "t2");
  assertEquals((await credentials.get()).token, "t2");
  assertEquals((await at.runs()).length, 2);
});

Deno.test("a plugin is run again shortly before the expiry, and nobody waits for it", async () => {
  await using at = await PluginFiles.create();
  await at.give("t1", 600_000);
  const credentials = await at.credentials();
  at.clock.advance(539_000);
  assertEquals((await credentials.get()).token, "t1");
  assertEquals((await at.runs()).length, 1);
  at.clock.advance(2_000);
  await at.give("t2", 600_000);
  await at.write("wait", "");
  assertEquals((await credentials.get()).token, "t1", "the old one still serves");
  assertEquals((await credentials.get()).token, "t1");
  await Deno.remove(at.path("wait"));
  await until("the new one", async () => (await credentials.get()).token === "t2");
  assertEquals((await at.runs()).length, 2);
});

Deno.test("after the expiry, everybody waits for one run of the plugin", async () => {
  await using at = await PluginFiles.create();
  await at.give("t1", 600_000);
  const credentials = await at.credentials();
  at.clock.advance(600_001);
  await at.give("t2", 600_000);
  const all = await Promise.all(Array.from({ length: 5 }, () => credentials.get()));
  assertEquals(all.map(({ token }) => token), Array(5).fill("t2"));
  assertEquals((await at.runs()).length, 2);
});

Deno.test("a plugin whose credentials live for seconds is not run for every request", async () => {
  await using at = await PluginFiles.create();
  await at.give("t1", 1_000);
  const credentials = await at.credentials();
  for (let second = 0; second < 20; second++) {
    await credentials.get();
    at.clock.advance(1_000);
  }
  assert((await at.runs()).length <= 5, `${(await at.runs()).length} runs in 20 s`);
});

Deno.test("a server that refuses everything does not have the plugin run for every answer", async () => {
  await using at = await PluginFiles.create();
  const credentials = await at.credentials();
  for (let second = 0; second < 20; second++) {
    credentials.expire(true);
    assertEquals((await credentials.get()).token, "t1");
    at.clock.advance(1_000);
  }
  const runs = (await at.runs()).length;
  assert(runs >= 3 && runs <= 5, `${runs} runs in 20 s`);
});

Deno.test("a plugin that fails later leaves what there was, and is tried again", async () => {
  await using at = await PluginFiles.create();
  await at.give("t1", 600_000);
  const credentials = await at.credentials();
  await at.write("code", "7");
  await at.write("complaint", "\nsign in first\n\n");
  at.clock.advance(600_001);
  assertEquals((await credentials.get()).token, "t1");
  assertEquals(at.logged, [
    "./plugin: sign in first",
    `Cannot renew the credentials: the credential plugin "./plugin" of user "u" in ${
      at.path("config")
    } ended with exit code 7: sign in first`,
  ]);
  at.clock.advance(5_000);
  await credentials.get();
  assertEquals(at.logged.length, 3, "what has been said is not said again");
  await at.write("code", "0");
  await at.give("t2", 600_000);
  at.clock.advance(5_000);
  assertEquals((await credentials.get()).token, "t2");
});

Deno.test("a plugin that fails at the start is an outage; requests say why", async () => {
  await using at = await PluginFiles.create();
  await at.write("code", "1");
  await at.write("complaint", "token of the sign-in has expired\n");
  const credentials = await at.credentials();
  await using client = new Client({ server: "http://127.0.0.1:1", credentials }, at.clock);
  const ask = () =>
    client.request({ method: "GET", path: "/", signal: AbortSignal.timeout(20_000) });
  const message = "ended with exit code 1: token of the sign-in has expired";
  await assertRejects(ask, RequestFailed, message);
  assertEquals((await at.runs()).length, 1, "not at every request");
  at.clock.advance(5_000);
  await at.write("code", "0");
  await assertRejects(ask, RequestFailed, "brought no answer");
});

Deno.test("a plugin that takes too long is killed", async () => {
  await using at = await PluginFiles.create();
  await at.give("t1", 60_000);
  const credentials = await at.credentials();
  at.clock.advance(60_001);
  await at.write("wait", "");
  const slow = credentials.get();
  await until("it runs", async () => (await at.runs()).length === 2);
  at.clock.advance(59_999);
  assertEquals(at.logged, []);
  at.clock.advance(1);
  assertEquals((await slow).token, "t1");
  assertMatch(at.logged[0]!, /took longer than 60s$/);
});

Deno.test("a request does not wait longer than its signal for a plugin", async () => {
  await using at = await PluginFiles.create();
  await at.give("t1", 60_000);
  const credentials = await at.credentials();
  await at.write("wait", "");
  await at.give("t2", 600_000);
  at.clock.advance(60_001);
  await using client = new Client({ server: "http://127.0.0.1:1", credentials }, at.clock);
  const stop = new AbortController();
  const asked = client.request({ method: "GET", path: "/", signal: stop.signal });
  await until("it runs", async () => (await at.runs()).length === 2);
  stop.abort();
  await assertRejects(() => asked, RequestFailed, "Cannot read the credentials");
  await Deno.remove(at.path("wait"));
  assertEquals((await credentials.get()).token, "t2", "what has begun is not lost");
  assertEquals((await at.runs()).length, 2);
});

Deno.test("what plugins must not print", async (t) => {
  const cases: [name: string, output: string, message: string][] = [
    ["nothing", "", "printed what is not JSON"],
    ["text", "hello", "printed what is not JSON"],
    ["a number", "7", "printed what is not JSON"],
    ["another kind", '{"kind":"Pod","apiVersion":"v1"}', 'printed "Pod" of "v1"'],
    [
      "another version",
      '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"}',
      `not an ExecCredential of ${API}`,
    ],
    ["no status", credential(undefined), "neither a token nor a client certificate"],
    ["an empty token", credential({ token: "" }), "neither a token nor a client certificate"],
    ["a token of no text", credential({ token: 7 }), "a token that is not a text"],
    [
      "half a certificate",
      credential({ token: "t", clientKeyData: "KEY" }),
      "half of a client certificate",
    ],
    [
      "no time",
      credential({ token: "t", expirationTimestamp: "soon" }),
      "an expirationTimestamp that is not a time",
    ],
    ["too much", credential({ token: "t".repeat(2 << 20) }), "printed more than 1048576 bytes"],
  ];
  for (const [name, output, message] of cases) {
    await t.step(name, async () => {
      await using at = await PluginFiles.create();
      await at.write("output", output);
      const error = await assertRejects(async () => await (await at.credentials()).get());
      assert(error instanceof RequestFailed, String(error));
      assertStringIncludes(error.message, message);
      assertNotMatch(error.message, /\n/);
    });
  }
});

Deno.test("plugins that cannot be run are refused at the start, with what to do", async (t) => {
  const cases: [name: string, exec: Record<string, unknown>, ...parts: string[]][] = [
    [
      "an old protocol",
      { apiVersion: "client.authentication.k8s.io/v1beta1" },
      'the field apiVersion of exec of user "u"',
      '"client.authentication.k8s.io/v1beta1"',
      "bring the plugin up to date",
    ],
    ["no protocol", { apiVersion: undefined }, "the field apiVersion"],
    ["no command", { command: "" }, "the field command"],
    ["no mode", { interactiveMode: undefined }, "write one of Never, IfAvailable, Always"],
    ["an unknown field", { comand: "x" }, 'the field comand of exec of user "u"'],
    ["arguments of no text", { args: [1] }, "the field args"],
    ["arguments that are no list", { args: "x" }, "the field args"],
    ["a variable without a name", { env: [{ value: "x" }] }, "the field env"],
    [
      "a program that is not there",
      { command: "k8sensus-no-such-plugin", installHint: "brew install it\nthen sign in" },
      'Cannot run the credential plugin "k8sensus-no-such-plugin" of user "u"',
      "there is no such program; brew install it then sign in",
    ],
    ["a path that is not there", { command: "./gone" }, "there is no such program; install it"],
    ["a file that is no program", { command: "./output" }, 'plugin "./output"'],
  ];
  // Started from a terminal, the tests have one to lend.
  if (!Deno.stdin.isTerminal()) {
    cases.push(["one that needs people", { interactiveMode: "Always" }, "standard input is none"]);
  }
  for (const [name, exec, ...parts] of cases) {
    await t.step(name, async () => {
      await using at = await PluginFiles.create(exec);
      const { message } = await assertRejects(() => at.credentials(), ConfigError);
      for (const part of [...parts, at.path("config")]) assertStringIncludes(message, part);
      assertNotMatch(message, /\n/);
    });
  }
});

Deno.test("a token or a certificate beside exec comes first, as with kubectl", async () => {
  await using at = await PluginFiles.create();
  const exec = { apiVersion: API, command: "./plugin", interactiveMode: "Never" };
  await at.write("config", config({ user: { token: "own", exec } }));
  assertEquals((await (await at.credentials()).get()).token, "own");
  assertEquals(await at.runs(), []);
});

Deno.test("a 401 has the plugin run again, and the next request shows what it gave", async () => {
  await using at = await PluginFiles.create();
  const credentials = await at.credentials();
  await at.give("t2");
  at.clock.advance(60_000);
  const shown: (string | null)[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const token = request.headers.get("authorization");
    shown.push(token);
    return new Response("{}", { status: token === "Bearer t1" ? 401 : 200 });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  await using client = new Client({ server: url, credentials }, at.clock);
  for (const status of [401, 200, 200]) {
    const signal = AbortSignal.timeout(20_000);
    assertEquals((await client.request({ method: "GET", path: "/", signal })).status, status);
  }
  assertEquals(shown, ["Bearer t1", "Bearer t2", "Bearer t2"]);
  assertEquals((await at.runs()).length, 2);
});

/** What `deno task start` may do. */
const PERMISSIONS = manifest.tasks.start.command.split(" ").filter((flag) => /^--allow/.test(flag));

Deno.test("deno task start may run no plugin unasked: without a terminal it says which flag is missing", async () => {
  await using at = await PluginFiles.create({ command: "sh", args: ["./plugin"] });
  await using process = await TestProcess.deno("lib/cli/main.ts", {
    flags: PERMISSIONS,
    args: ["start", "--kubeconfig", at.path("config"), "--listen=off"],
  });
  assertEquals((await process.exit).code, 2);
  assertEquals(process.lines.length, 1, process.lines.join("\n"));
  assertMatch(process.lines[0]!, /^error: Cannot run the credential plugin "sh" .*--allow-run=sh$/);
  assertEquals(await at.runs(), []);
});

Deno.test("with that flag, and no other, it runs the plugin", async () => {
  await using at = await PluginFiles.create();
  const exec = {
    apiVersion: API,
    command: "sh",
    args: [at.path("plugin")],
    interactiveMode: "Never",
  };
  await at.write("complaint", "signed in\n");
  await at.write(
    "config",
    config({ user: { exec }, cluster: { server: "http://127.0.0.1:1" } }),
  );
  await using process = await TestProcess.deno("lib/cli/main.ts", {
    flags: [...PERMISSIONS, "--allow-run=sh"],
    args: ["start", "--kubeconfig", at.path("config"), "--listen=off", "--log-format=json"],
  });
  const said = await process.event("credential-plugin");
  assertEquals(said.msg, "sh: signed in");
  assertMatch(String((await process.event("preflight")).msg), /brought no answer/);
  assertEquals((await at.runs()).length, 1);
});
