// The guard with real processes: elector, guard and program killed, stopped and blocked.
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError, Elector } from "../mod.ts";
import { died, electorOf, ExecRig, LINUX, lives, writes } from "./support/exec_rig.ts";
import { until } from "./support/until.ts";
import { importFlags, type TestProcess } from "./support/processes.ts";

const PROGRAM = new URL("./support/guarded_program.ts", import.meta.url).pathname;

/** A test of processes, where there is a /proc. */
function test(name: string, fn: (rig: ExecRig) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !LINUX,
    async fn() {
      await using rig = await ExecRig.start();
      await fn(rig);
    },
  });
}

/** A command that acts, ignores the stop signal, and has a stray that nothing but the tree can find. */
const STUBBORN = `trap '' TERM; echo $$ > "$DIR/pid"
  (setsid env -i DIR="$DIR" sh -c 'echo $$ > "$DIR/stray"; ${writes("acts")}' &)
  ${writes("acts")}`;

async function stubborn(rig: ExecRig, flags: string[] = []): Promise<TestProcess> {
  const process = await rig.sh(STUBBORN, { flags });
  await rig.pid("pid");
  await rig.pid("stray");
  return process;
}

/** Starts a program under a guard. */
async function program(rig: ExecRig, work: string, leaseDurationMs = 2_000): Promise<TestProcess> {
  const args = [...await importFlags(), "--quiet", "-A", PROGRAM, work, String(leaseDurationMs)];
  return await rig.guard([Deno.execPath(), "run", ...args]);
}

test("elector killed: all is killed, proven and released, and the next one leads", async (rig) => {
  const process = await stubborn(rig, ["--lease-duration=60s"]);
  const next = await rig.sh(`echo up > "$DIR/next"; sleep 600`, {
    flags: ["--lease-duration=60s"],
  });
  await next.event("new-leader");
  Deno.kill(await electorOf(process), "SIGKILL");
  assertEquals((await process.exit).code, 70);
  await process.event("proven");
  assert(!lives(await rig.pid("pid")) && !lives(await rig.pid("stray")));
  await process.event("released");
  // It would have had to wait a minute otherwise, and the test half of one.
  await next.event("command-started");
  await until("its command", () => rig.read("next") !== "");
});

test("elector stopped: killed by the fence, and released by proof", async (rig) => {
  const process = await stubborn(rig, ["--lease-duration=2s"]);
  Deno.kill(await electorOf(process), "SIGSTOP");
  assertEquals((await process.exit).code, 70);
  for (const event of ["fenced", "released", "hung"]) await process.event(event);
  assert(!lives(await rig.pid("pid")) && !lives(await rig.pid("stray")));
  assertEquals(rig.holder(), "");
});

test("elector and command stopped: the same", async (rig) => {
  const process = await stubborn(rig, ["--lease-duration=2s"]);
  Deno.kill(await electorOf(process), "SIGSTOP");
  Deno.kill(-await rig.pid("pid"), "SIGSTOP");
  assertEquals((await process.exit).code, 70);
  assertEquals(rig.holder(), "");
});

test("guard killed: the elector kills the command and all that it started, and releases nothing", async (rig) => {
  const process = await rig.sh(
    `trap '' TERM; echo $$ > "$DIR/pid"
     (setsid sh -c 'echo $$ > "$DIR/marked"; ${writes("acts")}' &)
     (setsid env -i DIR="$DIR" sh -c 'echo $$ > "$DIR/clean"; ${writes("acts")}' &)
     ${writes("acts")}`,
  );
  const elector = await electorOf(process);
  const pids = [await rig.pid("pid"), await rig.pid("marked"), await rig.pid("clean")];
  // Who carries no mark is found if it has been seen: the elector looks four times a second.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  process.signal("SIGKILL");
  await process.exit;
  for (const pid of pids) await died(pid);
  await died(elector);
  const { reason } = await process.event("lost");
  assertEquals(reason, "unguarded");
  assert(rig.holder() !== "");
});

test("guard stopped: the elector kills the command at the fence; awake again, all goes on", async (rig) => {
  const process = await rig.sh(
    `trap '' TERM; echo $$ > "$DIR/pid-$K8SENSUS_TOKEN"; echo $$ > "$DIR/pid"; ${writes("acts")}`,
    { flags: ["--lease-duration=2s"] },
  );
  const { token } = await process.event("command-started");
  const pid = await rig.pid("pid");
  process.signal("SIGSTOP");
  await died(pid);
  assertEquals((await process.event("lost")).reason, "expired");
  process.signal("SIGCONT");
  const next = await process.event("command-started");
  assert(BigInt(next.token as string) > BigInt(token as string));
});

test("guard and command stopped: the same, for strays without a mark too", async (rig) => {
  const process = await stubborn(rig, ["--lease-duration=2s"]);
  const [pid, stray] = [await rig.pid("pid"), await rig.pid("stray")];
  Deno.kill(-pid, "SIGSTOP");
  process.signal("SIGSTOP");
  await died(pid);
  await died(stray);
});

test("a program whose main thread is blocked is killed at the fence, and released by proof", async (rig) => {
  const process = await program(rig, "block");
  await process.event("leads");
  const next = await rig.sh(`echo up > "$DIR/next"; sleep 600`, {
    flags: ["--lease-duration=2s"],
  });
  assertEquals((await process.exit).code, 137);
  for (const event of ["fenced", "proven", "released"]) await process.event(event);
  const acts = rig.read("acts").length;
  await next.event("command-started");
  assertEquals(rig.read("acts").length, acts);
});

test("a program that dies, or leaves in the middle of its term, is released by proof", async (rig) => {
  for (const [work, code] of [["die", 137], ["leave", 5]] as const) {
    const process = await program(rig, work, 60_000);
    assertEquals((await process.exit).code, code);
    await process.event("proven");
    await process.event("released");
    assertEquals(rig.holder(), "");
  }
});

test("a program that ends in good order has released by itself", async (rig) => {
  const process = await program(rig, "end");
  assertEquals((await process.exit).code, 0);
  assertMatch(await process.stdout, /^leads \d+\nover\n$/);
  assertEquals(process.log.filter(({ event }) => event === "crashed" || event === "proven"), []);
  assertEquals(rig.holder(), "");
});

test("signals go to the program", async (rig) => {
  const process = await program(rig, "obey");
  await process.event("leads");
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 0);
  assertMatch(await process.stdout, /stopped resigned\nover\n$/);
  assertEquals(rig.holder(), "");
});

test("an outage kills nobody who stopped in time", async (rig) => {
  const process = await program(rig, "obey");
  await process.event("leads");
  rig.server.before = () => new Response("down", { status: 503 });
  assertEquals((await process.event("stopped")).line, "stopped expired");
  // Well past the fence: it would have been killed by now.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  rig.server.before = undefined;
  await process.event("leads");
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 0);
  assertEquals(process.log.filter(({ event }) => event === "fenced"), []);
});

test("a program whose guard is killed loses its term, and leads no more", async (rig) => {
  const process = await program(rig, "obey");
  await process.event("leads");
  process.signal("SIGKILL");
  await process.exit;
  assertMatch(await process.stdout, /^leads \d+\nstopped unguarded\nfailed Unguarded\n$/);
});

Deno.test("guard: true without a guard is told at once", () => {
  const error = assertThrows(() => new Elector({ leaseName: "x", guard: true }), ConfigError);
  assertStringIncludes(error.message, "deno task guard -- deno run app.ts");
});
