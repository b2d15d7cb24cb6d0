import { assertEquals, assertGreater, assertMatch, assertNotMatch } from "@std/assert";
import fc from "fast-check";
import { Backlog } from "../lib/cli/backlog.ts";
import { createLogger, type LogOptions } from "../lib/cli/log.ts";
import { writeLine } from "../lib/cli/stderr.ts";
import type { LogFields, Logger } from "../lib/logger.ts";
import { ExecRig, MAIN } from "./support/exec_rig.ts";
import { importFlags } from "./support/processes.ts";
import { until } from "./support/until.ts";

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Keeps lines where a test can see them. */
class Lines extends Backlog {
  readonly written: string[] = [];

  override write(line: string): void {
    this.written.push(line);
  }
}

/** What a logger writes. */
function lines(options: Partial<LogOptions>, use: (logger: Logger) => void): string[] {
  const backlog = new Lines();
  use(createLogger({ level: "info", format: "text", color: false, backlog, ...options }));
  return backlog.written;
}

/** One line, without its time. */
function one(options: Partial<LogOptions>, message: string, fields?: LogFields): string {
  const [line, ...others] = lines(options, (logger) => logger.info(message, fields));
  assertEquals(others, []);
  return line!.replace(/^\S+ /, "");
}

Deno.test("createLogger() writes text", () => {
  const [line] = lines({}, (logger) => logger.warn("took over", { lease: "a/b", token: "7" }));
  assertMatch(
    line!,
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARN {2}took over {2}lease=a\/b token=7$/,
  );
  assertEquals(one({}, "plain"), "INFO  plain");
  assertEquals(one({}, "all unset", { reason: undefined }), "INFO  all unset");
});

Deno.test("createLogger() quotes values that could be mistaken", () => {
  const table: [value: LogFields[string], text: string][] = [
    ["web-0", "web-0"],
    [0, "0"],
    [false, "false"],
    ["", '""'],
    ["a b", '"a b"'],
    ["a=b", '"a=b"'],
    ['a"b', '"a\\"b"'],
    ["a\\b", '"a\\\\b"'],
    ["a\nb", '"a\\nb"'],
    ["\x1b[31m", '"\\u001b[31m"'],
    ["a\u2028b", '"a\\u2028b"'],
    ["\x9b31m", '"\\u009b31m"'],
    ["\u202eabc", '"\\u202eabc"'],
  ];
  for (const [value, text] of table) {
    assertEquals(one({}, "m", { value }), `INFO  m  value=${text}`);
  }
});

Deno.test("createLogger() writes one JSON object a line", () => {
  const options = { format: "json", level: "debug" } as const;
  const written = lines(options, (logger) => {
    logger.debug("a");
    logger.info("b", { event: "elected", token: "12", remainingMs: 1.5, isLeader: true });
    logger.warn("c", { reason: undefined });
    logger.error("d\n", { level: "mine", time: "x" });
  }).map((line) => JSON.parse(line));
  for (const { time } of written) assertEquals(new Date(time).toISOString(), time);
  assertEquals(written.map(({ time: _, ...line }) => line), [
    { level: "debug", msg: "a" },
    { level: "info", msg: "b", event: "elected", token: "12", remainingMs: 1.5, isLeader: true },
    { level: "warn", msg: "c" },
    { level: "error", msg: "d\n", level_: "mine", time_: "x" },
  ]);
});

Deno.test("createLogger() drops what is below its level", () => {
  const all = ["debug", "info", "warn", "error"] as const;
  for (const [at, level] of all.entries()) {
    const written = lines({ level, format: "json" }, (logger) => {
      for (const name of all) logger[name]("x");
    });
    assertEquals(written.map((line) => JSON.parse(line).level), all.slice(at));
  }
});

Deno.test("createLogger() colours the level alone, and only if told to", () => {
  assertEquals(one({ color: true }, "m", { a: 1 }), "\x1b[34mINFO \x1b[0m m  a=1");
  assertEquals(one({ color: true, format: "json" }, "m").includes("\x1b"), false);
});

Deno.test("createLogger() never lets a value begin a line of its own", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(fc.property(text, text, text, (message, key, value) => {
    for (const format of ["text", "json"] as const) {
      const written = lines({ format }, (logger) => logger.info(message, { [key]: value }));
      assertEquals(written.length, 1);
      assertNotMatch(written[0]!, /[\p{Cc}\u2028\u2029]/u);
      if (format === "json") assertEquals(JSON.parse(written[0]!).msg, message);
    }
  }));
});

Deno.test("createLogger() waits for nobody, and counts what it drops", async () => {
  const written: string[] = [];
  const read = Promise.withResolvers<void>();
  const backlog = new Backlog({
    async write(bytes) {
      await read.promise;
      written.push(new TextDecoder().decode(bytes));
      return bytes.length;
    },
  });
  const logger = createLogger({ level: "info", format: "json", backlog });
  for (let i = 0; i < 10; i++) logger.info("x".repeat(100_000));
  read.resolve();
  await logger.flush();
  logger.info("last");
  await logger.flush();
  const lines = written.map((line) => JSON.parse(line));
  assertEquals(lines.at(-1).msg, "last");
  assertEquals(lines.at(-1).dropped, 10 - (lines.length - 1));
  assertGreater(lines.at(-1).dropped, 0);
});

Deno.test({
  name: "start goes on, and ends, though nobody reads its log",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using rig = await ExecRig.start();
    const port = freePort();
    const start = [
      ...[Deno.execPath(), "run", ...await importFlags(), "--quiet", "-A", MAIN, "start"],
      ...[`--kubeconfig=${rig.folder}/kubeconfig`, "--lease-name=x", "--trust-unheld"],
      ...["--log-level=debug", `--listen=127.0.0.1:${port}`],
    ];
    // A pipe takes 64 KiB.
    const process = new Deno.Command("sh", {
      args: ["-c", `head -c 65536 /dev/zero >&2; exec "$@"`, "sh", ...start],
      stdout: "null",
      stderr: "piped",
      env: { NO_PROXY: "127.0.0.1" },
    }).spawn();
    try {
      await until("the leader's answer", async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/leader`).catch(() => undefined);
        await answer?.body?.cancel();
        return answer?.status === 200;
      });
      process.kill("SIGTERM");
      assertEquals((await process.status).code, 0);
      assertEquals(rig.holder(), "");
    } finally {
      await process.stderr.cancel();
    }
  },
});

Deno.test("writeLine() goes on after a short write, and gives up in silence", () => {
  const bytes: number[] = [];
  writeLine("hello", {
    writeSync(part) {
      bytes.push(...part.subarray(0, 2));
      return Math.min(2, part.length);
    },
  });
  assertEquals(new TextDecoder().decode(new Uint8Array(bytes)), "hello\n");
  writeLine("hello", { writeSync: () => 0 });
  writeLine("hello", {
    writeSync() {
      throw new Deno.errors.BrokenPipe();
    },
  });
});
