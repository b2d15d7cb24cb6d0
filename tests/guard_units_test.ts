// Small parts of the guard: the deadline file, the log that never waits, and what can be run.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { GuardLog } from "../lib/cli/guard_log.ts";
import { findFault } from "../lib/cli/under_guard.ts";
import { DeadlineFile, deadlineLine } from "../lib/guard/deadline_file.ts";
import { LastResort } from "../lib/guard/last_resort.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { LINUX } from "./support/exec_rig.ts";
import { TestProcess } from "./support/processes.ts";
import { until } from "./support/until.ts";

const IDLE_THREAD = new URL("./support/idle_thread.ts", import.meta.url).pathname;

Deno.test("the deadline file: early, never late", async (t) => {
  const clock = new FakeClock();
  const since = clock.now();
  const line = (uptime: number, stopMs?: number, fenceMs?: number) =>
    deadlineLine({ token: "41", since, stopMs, fenceMs }, uptime, clock.now());
  await t.step("counted from the reading", () => {
    clock.advance(2_000);
    assertEquals(line(500, 10_000, 12_000), "507.99 509.99 41\n");
  });
  await t.step("rounded down", () => {
    assertEquals(line(500.019, 10_000.7, 12_000), "508.00 510.00 41\n");
  });
  await t.step("by the clock that has gone further", () => {
    clock.wallOffset += 3_000;
    assertEquals(line(500, 10_000, 12_000), "504.99 506.99 41\n");
  });
  await t.step("0 for already", () => {
    assertEquals(line(500, undefined, 12_000), "0 506.99 41\n");
    assertEquals(line(500, 5_000, 5_001), "0 0 41\n".replace("0 0", "0 499.99"));
    assertEquals(line(500), "0 0 41\n");
  });
});

Deno.test({
  name: "the deadline file is replaced at once, and in the end holds the newest",
  ignore: !LINUX,
  async fn() {
    const folder = await Deno.makeTempDir();
    const failures: string[] = [];
    const clock = new FakeClock();
    const file = new DeadlineFile(`${folder}/deadline`, clock, (message) => failures.push(message));
    const at = (token: string) => ({ token, since: clock.now(), stopMs: 1_000, fenceMs: 2_000 });
    file.writeSync(at("1"));
    assertMatch(await Deno.readTextFile(file.path), /^\d+\.\d\d \d+\.\d\d 1\n$/);
    await Promise.all(["2", "3", "4"].map((token) => file.write(at(token))));
    await until("the newest", async () => / 4\n$/.test(await Deno.readTextFile(file.path)));
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["deadline"]);
    await Deno.remove(folder, { recursive: true });
    await file.write(at("5"));
    file.writeSync(at("6"));
    assertEquals(failures.length, 1, "told once, not thrown");
    await Deno.mkdir(folder);
    file.writeSync(at("7"));
    await Deno.remove(folder, { recursive: true });
    file.writeSync(at("8"));
    assertEquals(failures.length, 2, "told anew");
  },
});

const note = (message: string, level: "debug" | "info" = "info") => ({
  level,
  event: "e",
  message,
  fields: { token: "41" },
});

Deno.test("the log of a guard never waits, drops what nobody reads, and says so", async () => {
  const written: string[] = [];
  let open = Promise.withResolvers<void>();
  const sink = {
    async write(bytes: Uint8Array) {
      await open.promise;
      const size = Math.min(bytes.length, 1_000);
      written.push(new TextDecoder().decode(bytes.subarray(0, size)));
      return size;
    },
  };
  const log = new GuardLog({ logLevel: "info", logFormat: "json" }, sink, new FakeClock());
  for (let i = 0; i < 10; i++) log.log(note("x".repeat(50_000)));
  const first = open;
  open = Promise.withResolvers();
  open.resolve();
  first.resolve();
  await until("room", () => written.join("").split("\n").length > 6);
  log.log(note("quiet", "debug"));
  log.log(note("last"));
  await log.flush();
  const lines = written.join("").trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.at(-1), {
    time: new Date(new FakeClock().now().wall).toISOString(),
    level: "info",
    msg: "last",
    event: "e",
    token: "41",
    dropped: 10 - (lines.length - 1),
  });
  assert(lines.length < 10);
});

Deno.test("the last lines of a log are not waited for for ever", async () => {
  const clock = new FakeClock();
  const log = new GuardLog(
    { logLevel: "info", logFormat: "text" },
    { write: () => new Promise(() => {}) },
    clock,
  );
  log.log(note("nobody reads this"));
  const flushed = log.flush();
  clock.advance(500);
  await flushed;
});

Deno.test({
  name: "who guards keeps a thread for its files, as there may be none to be had when it needs one",
  ignore: !LINUX,
  async fn() {
    await using process = await TestProcess.deno(IDLE_THREAD);
    const threads: string[] = JSON.parse(await process.stdout);
    assert(threads.some((name) => name.startsWith("tokio-runtime")), threads.join());
  },
});

Deno.test("what can be run is looked for as a shell does", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/plain`, "", { mode: 0o644 });
  await Deno.mkdir(`${folder}/good`);
  await Deno.writeTextFile(`${folder}/good/plain`, "", { mode: 0o755 });
  const code = (program: string, path: string) => findFault(program, path)?.code;
  assertEquals(
    code("plain", `${folder}:${folder}/good`),
    undefined,
    "the next one in PATH is fine",
  );
  assertEquals(code("plain", folder), 126);
  assertEquals(code("good", folder), 126);
  assertEquals(code("none", folder), 127);
  assertEquals(code("plain", ""), 127);
  assertEquals(code(`${folder}/good/plain`, ""), undefined);
  assertEquals(code(`${folder}/good/none`, folder), 127);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the elector kills the command itself 25 ms after the fence, by whichever clock goes further", () => {
  const resort = new LastResort(2_000);
  const at = (mono: number, wall = mono) => ({ mono, wall });
  assertEquals(resort.look(10_000, at(0)), 10_025);
  assertEquals(resort.look(4_000, at(6_000)), 4_025);
  assertEquals(resort.look(0, at(10_000)), 25);
  assertEquals(resort.look(0, at(10_025)), 0);
});

Deno.test("a suspend that took the fence leaves the elector no grace", () => {
  const resort = new LastResort(2_000);
  resort.look(10_000, { mono: 0, wall: 0 });
  // The monotonic clock stood still.
  assert(resort.look(0, { mono: 100, wall: 60_000 }) <= 0);
});

Deno.test("a command whose term was taken away has K, if that is not beyond the fence", () => {
  const resort = new LastResort(2_000);
  const at = (mono: number) => ({ mono, wall: mono });
  resort.look(10_000, at(0));
  assertEquals(resort.look(0, at(1_000)), 2_025);
  assertEquals(resort.look(0, at(2_500)), 525);
  const late = new LastResort(2_000);
  late.look(1_000, at(0));
  assertEquals(late.look(0, at(200)), 825);
  assertEquals(new LastResort(2_000).look(0, at(0)), 2_025);
});
