import {
  assert,
  assertEquals,
  assertMatch,
  assertNotMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { nearest, parseFlags } from "../lib/cli/args.ts";
import { DEMO, parseStart, START, type StartSettings } from "../lib/cli/flags.ts";
import { helpFor } from "../lib/cli/help.ts";
import { ConfigError } from "../lib/errors.ts";

/** Reads flags in an environment of the test's own. */
function start(args: string[], env: Record<string, string> = {}): StartSettings {
  return parseStart(args, { env: (name) => env[name] });
}

/** The message for flags that cannot be used; always one line. */
function refusal(args: string[], env: Record<string, string> = {}): string {
  const { message } = assertThrows(() => start(args, env), ConfigError);
  assertNotMatch(message, /\p{Cc}/u);
  assert(message.length < 300, message);
  return message;
}

Deno.test("parseStart() gives the standard values when nothing is set", () => {
  assertEquals(start([]), {
    leaseName: "k8sensus-lease",
    leaseNamespace: undefined,
    identity: undefined,
    leaseDurationMs: 15_000,
    clockSkewMs: undefined,
    stopGraceMs: undefined,
    retryPeriodMs: undefined,
    attemptTimeoutMs: undefined,
    drainMs: 25_000,
    trustUnheld: false,
    listen: { hostname: undefined, port: 8080 },
    kubeconfig: undefined,
    context: undefined,
    logLevel: "info",
    logFormat: "text",
  });
});

Deno.test("parseStart() reads every flag, in both spellings, and from the environment", () => {
  const table: [
    setting: keyof StartSettings,
    flag: string,
    variable: string,
    text: string,
    value: unknown,
  ][] = [
    ["leaseName", "--lease-name", "K8SENSUS_LEASE_NAME", "reports.daily", "reports.daily"],
    ["leaseNamespace", "--lease-namespace", "K8SENSUS_LEASE_NAMESPACE", "jobs-1", "jobs-1"],
    ["identity", "--identity", "POD_NAME", "web-0", "web-0"],
    ["leaseDurationMs", "--lease-duration", "K8SENSUS_LEASE_DURATION", "1m30s", 90_000],
    ["clockSkewMs", "--clock-skew", "K8SENSUS_CLOCK_SKEW", "2.5s", 2_500],
    ["stopGraceMs", "--stop-grace", "K8SENSUS_STOP_GRACE", "1s", 1_000],
    ["retryPeriodMs", "--retry-period", "K8SENSUS_RETRY_PERIOD", "500ms", 500],
    ["attemptTimeoutMs", "--attempt-timeout", "K8SENSUS_ATTEMPT_TIMEOUT", "1.5s", 1_500],
    ["drainMs", "--drain", "K8SENSUS_DRAIN", "0", 0],
    ["trustUnheld", "--trust-unheld", "K8SENSUS_TRUST_UNHELD", "true", true],
    ["listen", "--listen", "K8SENSUS_LISTEN", "off", undefined],
    ["kubeconfig", "--kubeconfig", "KUBECONFIG", "/a b/c:/d", "/a b/c:/d"],
    ["context", "--context", "K8SENSUS_CONTEXT", "admin@here", "admin@here"],
    ["logLevel", "--log-level", "K8SENSUS_LOG_LEVEL", "debug", "debug"],
    ["logFormat", "--log-format", "K8SENSUS_LOG_FORMAT", "json", "json"],
  ];
  assertEquals(table.map(([setting]) => setting), Object.keys(START) as (keyof StartSettings)[]);
  for (const [setting, flag, variable, text, value] of table) {
    const apart = setting === "trustUnheld" ? [flag] : [flag, text];
    assertEquals(start(apart)[setting], value, flag);
    assertEquals(start([`${flag}=${text}`])[setting], value, flag);
    assertEquals(start([], { [variable]: text })[setting], value, variable);
    assertEquals(start([], { [variable]: "" }), start([]), `empty ${variable}`);
  }
});

Deno.test("parseStart() lets a flag win over the environment", () => {
  const env = { K8SENSUS_LEASE_NAME: "theirs", K8SENSUS_TRUST_UNHELD: "true", POD_NAME: "pod" };
  const settings = start(["--lease-name=mine", "--trust-unheld=false"], env);
  assertEquals([settings.leaseName, settings.trustUnheld, settings.identity], [
    "mine",
    false,
    "pod",
  ]);
  // What is overruled is not even read.
  assertEquals(start(["--drain=1s"], { K8SENSUS_DRAIN: "nonsense" }).drainMs, 1_000);
});

Deno.test("no flag reads what exec hands out, or what a Service named k8sensus injects", () => {
  const env = {
    K8SENSUS_TOKEN: "7",
    K8SENSUS_IDENTITY: "other",
    K8SENSUS_LEASE: "default/other",
    K8SENSUS_PORT: "tcp://10.0.0.1:8080",
    K8SENSUS_SERVICE_HOST: "10.0.0.1",
    K8SENSUS_SERVICE_PORT: "8080",
    K8SENSUS_NEVER_HEARD_OF: "x",
  };
  assertEquals(start([], env), start([]));
  for (const flag of [...Object.values(START), ...Object.values(DEMO)]) {
    assert(!Object.hasOwn(env, flag.variable), flag.variable);
    assert(!["port", "token", "lease"].includes(flag.name));
  }
});

Deno.test("parseStart() says in one line what to change", () => {
  const table: [args: string[], ...parts: string[]][] = [
    [["--lease-nmae", "x"], '"--lease-nmae"', "did you mean --lease-name?"],
    [["--lease_name=x"], "did you mean --lease-name?"],
    [["--Identity=x"], "did you mean --identity?"],
    [["-listen=:1"], "did you mean --listen?"],
    [["--completely-different"], "see --help"],
    [["-n", "x"], '"-n"', "see --help"],
    [["--port=80"], '"--port"'],
    [["--lease-name"], "--lease-name with no value", "--lease-name=NAME"],
    [["--lease-name", "--drain=1s"], "--lease-name with no value"],
    [["--lease-name="], "--lease-name with an empty value"],
    [["--lease-name", ""], "--lease-name with an empty value"],
    [["--trust-unheld="], "--trust-unheld=true|false"],
    [["--drain=1s", "--drain", "1s"], "--drain twice"],
    [["--trust-unheld", "--trust-unheld"], "--trust-unheld twice"],
    [["here"], '"here"', "only flags"],
    [["--", "ls"], '"ls"', "only flags"],
    [["-"], '"-"', "only flags"],
    [[""], '""', "only flags"],
    [["--trust-unheld", "false"], "write --trust-unheld=true or --trust-unheld=false"],
    [["listen", ":1"], "did you mean --listen?"],
    [["--trust-unheld=yes"], '--trust-unheld: Cannot use "yes"', "true or false"],
    [["--lease-duration=15"], '--lease-duration: Cannot read "15"', "such as 15s"],
    [["--lease-duration=15S"], '"15S"', "h, m, s, ms"],
    [["--lease-duration=15.5s"], "lease duration of 15.5s", "whole seconds"],
    [["--lease-duration=500ms"], "lease duration of 500ms", "whole seconds"],
    [["--lease-duration=10001h"], "at most 10000h"],
    [["--lease-duration=99999999999s"], "at most 10000h"],
    [["--clock-skew=0"], "clock skew of 0s", "at least 2.308s"],
    [["--clock-skew=20s"], "clock skew of 20s", "below 15s (the lease duration)"],
    [["--stop-grace=12s"], "stop grace of 12s", "below 12s (the fence"],
    [["--retry-period=10s"], "retry period of 10s", "shorten them"],
    [["--attempt-timeout=5s"], "attempt timeout of 5s", "shorten them"],
    [["--lease-duration=0s"], "above zero"],
    [["--stop-grace=0"], "above zero"],
    [["--retry-period=-1s"], '"-1s"'],
    [["--log-level=trace"], '"trace"', "debug, info, warn, error"],
    [["--log-format=xml"], "text, json"],
    [["--identity=a;b"], '"a;b"', "without spaces and ;"],
    [["--identity", "a b"], '"a b"'],
    [["--identity", "ä"], '"ä"'],
    [["--identity", "a\nb"], '"a\\nb"'],
    [["--identity", "x".repeat(201)], "1 to 200"],
    [["--lease-name=Reports"], '"Reports"', "lower-case"],
    [["--lease-name=a..b"], '"a..b"'],
    [["--lease-name=../b"], '"../b"'],
    [["--lease-name", "a".repeat(254)], "at most 253"],
    [["--lease-namespace=a.b"], '"a.b"', "at most 63"],
    [["--lease-namespace", "a".repeat(64)], "at most 63"],
    [["--lease-namespace=-a"], '"-a"'],
    [["--kubeconfig", "a\0b"], "--kubeconfig"],
    [["--listen=8080"], '"8080"', ":8080"],
    [["--listen=:65536"], '":65536"', "65535"],
    [["--listen=::1:80"], '"::1:80"', "[::1]:8080"],
    [["--listen=:"], '":"'],
    [["--listen=http://x:1"], '"http://x:1"'],
    [["--listen=Off"], '"Off"', "or off"],
  ];
  for (const [args, ...parts] of table) {
    for (const part of parts) assertStringIncludes(refusal(args), part);
  }
});

Deno.test("parseStart() names the variable when the environment is at fault", () => {
  assertMatch(refusal([], { POD_NAME: "a b" }), /^POD_NAME: .*"a b"/);
  assertMatch(refusal([], { K8SENSUS_DRAIN: "soon" }), /^K8SENSUS_DRAIN: .*"soon"/);
  assertMatch(refusal([], { K8SENSUS_LOG_LEVEL: "\n" }), /^K8SENSUS_LOG_LEVEL: .*"\\n"/);
});

Deno.test("parseStart() reads addresses to listen on", () => {
  const table: [text: string, hostname: string | undefined, port: number][] = [
    [":8080", undefined, 8080],
    ["127.0.0.1:0", "127.0.0.1", 0],
    ["[::1]:8080", "::1", 8080],
    ["[::]:80", "::", 80],
    ["localhost:65535", "localhost", 65_535],
  ];
  for (const [text, hostname, port] of table) {
    assertEquals(start(["--listen", text]).listen, { hostname, port });
  }
});

Deno.test("parseFlags() hands over what follows the flags, where that is allowed", () => {
  const rest = (...args: string[]) =>
    parseFlags(DEMO, args, { allowRest: true, env: () => "" }).rest;
  assertEquals(rest("--once", "--", "ls", "--once"), ["ls", "--once"]);
  assertEquals(rest("ls", "-l", "--", "x"), ["ls", "-l", "--", "x"]);
  assertEquals(rest("--"), []);
});

Deno.test("parseFlags() throws nothing but ConfigError, in one line", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("--", "-", "--=", "--listen", "--trust-unheld", "--drain=", "--__proto__"),
    fc.tuple(fc.constantFrom("--drain=", "--listen=", "--identity=", "--"), fc.string())
      .map((parts) => parts.join("")),
  );
  fc.assert(fc.property(fc.array(word, { maxLength: 4 }), (args) => {
    try {
      start(args);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      assertNotMatch(error.message, /[\r\n]/);
    }
  }));
});

Deno.test("nearest() finds what was most likely meant", () => {
  const words = ["start", "status", "step-down", "demo"];
  const table: [string, string | undefined][] = [
    ["statr", "start"],
    ["START", "start"],
    ["stat", "start"],
    ["step_down", "step-down"],
    ["dmeo", "demo"],
    ["frobnicate", undefined],
    ["", undefined],
  ];
  for (const [word, near] of table) assertEquals(nearest(word, words), near, word);
});

Deno.test("helpFor() fits 80 columns and shows every flag, its default and its variable", () => {
  for (const table of [START, DEMO]) {
    const help = helpFor("deno task start [flags]", "Runs one candidate", table);
    for (const line of help.split("\n")) assert(line.length <= 80, line);
    for (const flag of Object.values(table)) {
      assertMatch(help, new RegExp(`^  --${flag.name}( |$)`, "m"));
      assertMatch(help, new RegExp(`^ +\\$${flag.variable}$`, "m"));
    }
  }
  assertStringIncludes(helpFor("x", "y", START), "default: a fifth of the lease duration");
  assertStringIncludes(helpFor("x", "y", START), "default: 15s");
});

/** Runs the program as a user does. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const map = import.meta.resolve("@std/assert").startsWith("file:")
    ? ["--import-map=tools/npm/import_map.json"]
    : [];
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", ...map, "--quiet", "--no-check", "--allow-env", "lib/cli/main.ts", ...args],
    cwd: new URL("..", import.meta.url),
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test("main() answers help, version and mistakes", async () => {
  const table: [args: string[], code: number, out: RegExp, err: RegExp][] = [
    [["--version"], 0, /^k8sensus \d+\.\d+\.\d+\n$/, /^$/],
    [["--help"], 0, /^Usage: deno task <command>/, /^$/],
    [["start", "--help"], 0, /--lease-duration DURATION/, /^$/],
    [["start", "--drain=1s", "-h"], 0, /--lease-duration DURATION/, /^$/],
    [[], 2, /^$/, /^error: Cannot run without a command: [^\n]+\n$/],
    [["statr"], 2, /^$/, /^error: .*"statr": did you mean start\?\n$/],
    [["toString"], 2, /^$/, /^error: .*"toString"[^\n]+\n$/],
    [["start", "--drian=1s"], 2, /^$/, /^error: .*did you mean --drain\?\n$/],
    [["start", "--identity", "a\u001b[31m\nb"], 2, /^$/, /^error: [ -~]+\n$/],
    [["start", "--lease-duration=1.5s"], 2, /^$/, /^error: .*whole seconds[^\n]+\n$/],
    [["demo", "extra"], 2, /^$/, /^error: .*"extra"[^\n]+\n$/],
  ];
  for (const [args, code, out, err] of table) {
    const result = await run(...args);
    assertMatch(result.err, err);
    assertMatch(result.out, out);
    assertEquals(result.code, code);
    for (const line of result.out.split("\n")) assert(line.length <= 80, line);
  }
});

Deno.test("main() knows every command that deno.json has a task for", async () => {
  const { default: config } = await import("../deno.json", { with: { type: "json" } });
  for (const [name, { command }] of Object.entries(config.tasks)) {
    const called = /lib\/cli\/main\.ts (\S+)/.exec(command)?.[1];
    if (called === undefined) continue;
    assertEquals(called, name);
    assertStringIncludes((await run(called, "--help")).out, `Usage: deno task ${name}`);
  }
});
