import { assert, assertEquals, assertRejects } from "@std/assert";
import { findMarked } from "./process_mark.ts";
import { TestProcess } from "./processes.ts";

const LINUX = Deno.build.os === "linux";

/** A shell script under test. */
function shell(script: string, env: Record<string, string> = {}): TestProcess {
  return TestProcess.command("sh", { args: ["-c", script], env });
}

/** A log line, for a shell to print. */
function say(event: string, fields: Record<string, unknown> = {}): string {
  return `echo '${JSON.stringify({ event, ...fields })}' >&2;`;
}

/** Whether a process lives; a zombie does not. */
async function lives(pid: number): Promise<boolean> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    return !/\) [ZX]/.test(stat);
  } catch {
    return false;
  }
}

Deno.test("event() finds lines before and after the call, each one once", async () => {
  await using process = shell(
    `echo plain >&2; ${say("elected", { token: "1" })} ${say("lost")} sleep 0.2;` +
      `${say("elected", { token: "2" })} ${say("elected", { token: "3" })}`,
  );
  await process.event("lost");
  // The first "elected" lies before the line that was found.
  assertEquals((await process.event("elected")).token, "2");
  assertEquals((await process.event("elected")).token, "3");
  await process.exit;
  assertEquals(process.lines[0], "plain");
  assertEquals(process.log.length, 4);
});

Deno.test("event() looks at the fields, and forget() drops what came before", async () => {
  await using process = shell(
    `${say("elected", { token: "1" })} ${say("elected", { token: "2" })} ${say("stop")} sleep 60`,
  );
  const found = await process.event("elected", { where: (line) => line.token === "2" });
  assertEquals(found.token, "2");
  await process.event("stop");
  process.forget();
  await assertRejects(() => process.event("stop", { timeoutMs: 50 }), Error, "50 ms have passed");
});

Deno.test("event() fails at once when the process ends, and shows its last lines", async () => {
  await using process = shell("echo the reason >&2; exit 3");
  const error = await assertRejects(() => process.event("elected", { timeoutMs: 600_000 }), Error);
  assert(
    error.message.includes("has ended") && error.message.includes("the reason"),
    error.message,
  );
  assertEquals((await process.exit).code, 3);
});

Deno.test("signal() reaches the process, and is harmless after its end", async () => {
  await using process = shell(`trap 'exit 5' TERM; ${say("ready")} while :; do sleep 0.01; done`);
  await process.event("ready");
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 5);
  process.signal("SIGTERM");
});

Deno.test("a Deno program runs with the project's imports, arguments and environment", async () => {
  const dir = await Deno.makeTempDir();
  const script = new URL("./processes_fixture.ts", import.meta.url).pathname;
  try {
    await using process = await TestProcess.deno(script, {
      args: ["hello"],
      env: { GREETED: "world" },
      cwd: dir,
    });
    const line = await process.event("greeting");
    assertEquals([line.argument, line.greeted], ["hello", "world"]);
    if (LINUX) assert(await process.rss() > 1024 * 1024);
    process.signal("SIGKILL");
    assertEquals((await process.exit).signal, "SIGKILL");
    assertEquals(await process.stdout, "to stdout\n");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test({
  name: "disposal kills what fled into a session of its own or was orphaned, and nothing else",
  ignore: !LINUX,
  async fn() {
    await using bystander = shell("exec sleep 60");
    const pids: number[] = [];
    {
      await using process = shell(
        `trap '' TERM; setsid sh -c 'trap "" TERM; echo {\\"event\\":\\"child\\",\\"pid\\":$$} >&2; sleep 60' &
         (sh -c 'echo {\\"event\\":\\"orphan\\",\\"pid\\":$$} >&2; sleep 60' &)
         wait; sleep 60`,
      );
      pids.push(process.pid);
      pids.push(
        (await process.event("child", { where: (line) => typeof line.pid === "number" }))
          .pid as number,
      );
      process.signal("SIGSTOP");
      const orphan = process.log.find((line) => line.event === "orphan") ??
        await process.event("orphan");
      pids.push(orphan.pid as number);
      for (const pid of pids) assert(await lives(pid));
    }
    for (const pid of pids) assert(!await lives(pid), `process ${pid} lives on`);
    assert(await lives(bystander.pid));
    assertEquals(await findMarked("a mark that nobody has"), []);
  },
});

Deno.test("disposal does not wait for one that holds the pipes without the mark", async () => {
  // The group gets it where it has not left it; what has left both is beyond us, and must not hang us.
  await using process = shell(`env -i /bin/sh -c 'sleep 60' & ${say("started")} wait`);
  await process.event("started");
});
