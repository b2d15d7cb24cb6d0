// `exec` with real processes: what the command gets, what its end means, and what becomes of its strays.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { died, electorOf, ExecRig, LINUX, lives, MAIN, writes } from "./support/exec_rig.ts";
import { until } from "./support/until.ts";
import { importFlags } from "./support/processes.ts";

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

test("the command runs to its end with its environment, and its code is ours", async (rig) => {
  const process = await rig.sh("env; exit 7", { flags: ["--listen=127.0.0.1:0"] });
  assertEquals((await process.exit).code, 7);
  const { token, identity, lease } = await process.event("elected");
  const env = await process.stdout;
  assertStringIncludes(env, `K8SENSUS_TOKEN=${token}\n`);
  assertStringIncludes(env, `K8SENSUS_IDENTITY=${identity}\n`);
  assertStringIncludes(env, `K8SENSUS_LEASE=${lease}\n`);
  assertMatch(env, /^K8SENSUS_URL=http:\/\/127\.0\.0\.1:\d+$/m);
  assertMatch(env, /^K8SENSUS_DEADLINE_FILE=\/.+$/m);
  assert(!env.includes("K8SENSUS_GUARD"), "what is between guard and elector is nobody else's");
  for (const event of ["command-started", "command-ended", "released"]) await process.event(event);
  assertEquals(rig.holder(), "");
});

test("GET /leader says that it leads while the command runs", async (rig) => {
  const process = await rig.exec(
    [
      "deno",
      "eval",
      `const r = await fetch(Deno.env.get("K8SENSUS_URL") + "/leader"); console.log(await r.text())`,
    ],
    { flags: ["--listen=127.0.0.1:0"] },
  );
  assertEquals((await process.exit).code, 0);
  const { isLeader, token } = JSON.parse(await process.stdout);
  assertEquals([isLeader, token], [true, (await process.event("elected")).token]);
});

test("a client that never ends its request holds up nobody's end", async (rig) => {
  const process = await rig.sh(`echo "$K8SENSUS_URL" > "$DIR/url"; exec sleep 600`, {
    flags: ["--listen=127.0.0.1:0"],
  });
  await until("its address", () => rig.read("url").endsWith("\n"));
  const { hostname, port } = new URL(rig.read("url"));
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const half = "POST /leader HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na";
  await connection.write(new TextEncoder().encode(half));
  assert(await connection.read(new Uint8Array(9)) !== null);
  process.signal("SIGTERM");
  await until("its end", () => process.ended);
  assertEquals((await process.exit).code, 0);
});

test("a guard that cannot reach the API server says so at the start", async (rig) => {
  rig.server.before = ({ verb }) =>
    verb === "get" ? new Response("no", { status: 503 }) : undefined;
  const process = await rig.sh("sleep 600");
  const { msg } = await process.event("unreachable");
  assertStringIncludes(msg as string, "503");
});

test("the command inherits what is no text in the environment, too", async (rig) => {
  const { stdout } = await new Deno.Command("sh", {
    args: [
      "-c",
      `export ODD="$(printf '\\377')"; exec "$@"`,
      ...["sh", Deno.execPath(), "run", ...await importFlags(), "--quiet", "-A", MAIN],
      ...[...rig.execArgs(), "--", "sh", "-c", `printf %s "$ODD"`],
    ],
    stderr: "null",
    env: { NO_PROXY: "127.0.0.1" },
  }).output();
  assertEquals(stdout, new Uint8Array([0xff]));
});

test("stdin and stdout are the command's own", async (rig) => {
  const child = new Deno.Command("deno", {
    args: ["run", ...await importFlags(), "--quiet", "-A", MAIN, ...rig.execArgs(), "--", "cat"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    env: { NO_PROXY: "127.0.0.1" },
  }).spawn();
  const text = "läuft\n".repeat(50_000);
  const fed = ReadableStream.from([new TextEncoder().encode(text)]).pipeTo(child.stdin);
  const { code, stdout } = await child.output();
  await fed;
  assertEquals(code, 0);
  assertEquals(new TextDecoder().decode(stdout), text);
});

test("codes: 128 + n, 2, 126 and 127, the last three before anything is contended for", async (rig) => {
  const segfault = await rig.sh("kill -SEGV $$");
  assertEquals((await segfault.exit).code, 139);
  // The first of the real-time signals, for which Deno has no name.
  const realTime = await rig.sh("kill -34 $$");
  assertEquals((await realTime.exit).code, 162);
  await realTime.event("released");
  const before = rig.server.requests.length;
  await Deno.writeTextFile(`${rig.folder}/plain`, "no program\n", { mode: 0o644 });
  const cases: [string[], number, RegExp][] = [
    [["no-such-program"], 127, /no-such-program.*PATH/],
    [["/no/such/program"], 127, /no such file/],
    [[`${rig.folder}/plain`], 126, /not an executable/],
    [[rig.folder], 126, /not an executable/],
    [[], 2, /after --/],
  ];
  for (const [command, code, story] of cases) {
    const process = await rig.exec(command);
    assertEquals((await process.exit).code, code, command.join(" "));
    assertMatch(process.lines.join("\n"), story);
    assertEquals(process.lines.length, 1);
  }
  const unsafe = await rig.exec(["true"], { flags: ["--clock-skew=1ms"] });
  assertEquals((await unsafe.exit).code, 2);
  assertEquals(unsafe.lines.length, 1, "told once");
  assertEquals(rig.server.requests.length, before);
  // The file is there and may be executed, but what would interpret it is not.
  await Deno.writeTextFile(`${rig.folder}/script`, "#!/no/such/shell\n", { mode: 0o755 });
  const script = await rig.exec([`${rig.folder}/script`]);
  assertEquals((await script.exit).code, 127);
  assertEquals(rig.holder(), "");
});

test("a cluster that cannot be reached by its configuration: exit 2, told by the elector", async (rig) => {
  const process = await rig.exec(["true"], { flags: ["--context=none"] });
  assertEquals((await process.exit).code, 2);
  assertStringIncludes(process.lines.join("\n"), "none");
});

test("I5: strays are dead before the release is written", async (rig) => {
  const strays = {
    "in the group": `(${writes("a")}) &`,
    "in a session of its own": `setsid sh -c '${writes("b")}' &`,
    "orphaned, in a session of its own, with an empty environment":
      `(setsid env -i DIR="$DIR" sh -c 'sh -c '\\''echo $$ > "$DIR/pid"; ${
        writes("c")
      }'\\'' & exit' &)`,
  };
  // At the moment of the release: how much each has written.
  let sizes: number[] | undefined;
  const measure = () => ["a", "b", "c"].map((file) => rig.read(file).length);
  rig.server.before = async (request) => {
    if (request.verb !== "update") return;
    const body = JSON.stringify(request.body ?? "");
    if (body.includes("k8sensus.dev/released")) sizes ??= measure();
    await Promise.resolve();
  };
  const script = Object.values(strays).join("\n") +
    `\nuntil [ -s "$DIR/a" ] && [ -s "$DIR/b" ] && [ -s "$DIR/c" ]; do sleep 0.01; done; exit 3`;
  const process = await rig.sh(script);
  assertEquals((await process.exit).code, 3);
  assert(sizes !== undefined, "no release was seen");
  assert(!lives(await rig.pid("pid")));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(measure(), sizes, "something was written after the release");
});

test("SIGTERM drains: the command first, then the Lease", async (rig) => {
  const process = await rig.sh(
    `trap 'sleep 0.3; echo drained; exit 4' TERM; echo up > "$DIR/up"; while :; do sleep 0.01; done`,
  );
  await until("the command", () => rig.read("up") !== "");
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 4, "a code of its own");
  assertEquals(await process.stdout, "drained\n");
  await process.event("command-ended");
  await process.event("released");
  assertEquals(rig.holder(), "");
});

test("SIGTERM to the elector too, as systemd sends it, drains all the same", async (rig) => {
  const process = await rig.sh(
    `trap 'sleep 0.2; echo bye > "$DIR/bye"; exit 3' TERM; echo $$ > "$DIR/pid"
     while :; do sleep 0.05; done`,
  );
  await rig.pid("pid");
  Deno.kill(await electorOf(process), "SIGTERM");
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 3);
  assertEquals(rig.read("bye"), "bye\n");
  assertEquals(rig.holder(), "");
});

test("SIGTERM with a command that just ends by it: exit 0", async (rig) => {
  const process = await rig.exec(["sleep", "600"]);
  await process.event("command-started");
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 0);
  assertEquals(rig.holder(), "");
});

test("SIGTERM to a candidate that does not lead: exit 0, and the command never ran", async (rig) => {
  const leader = await rig.exec(["sleep", "600"]);
  await leader.event("command-started");
  const candidate = await rig.sh(`echo ran > "$DIR/ran"`);
  await candidate.event("new-leader");
  candidate.signal("SIGTERM");
  assertEquals((await candidate.exit).code, 0);
  assertEquals(rig.read("ran"), "");
});

test("a command that ignores the stop signal is killed at the fence, and its Lease released", async (rig) => {
  const flags = ["--lease-duration=2s", "--drain=500ms"];
  const process = await rig.sh(`trap '' TERM; ${writes("acts")}`, { flags });
  await until("acts", () => rig.read("acts") !== "");
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 137);
  await process.event("fenced");
  await process.event("released");
  assertEquals(rig.holder(), "");
});

test("--stop-signal", async (rig) => {
  const process = await rig.sh(
    `trap 'exit 5' USR1; echo up > "$DIR/up"; while :; do sleep 0.01; done`,
    { flags: ["--stop-signal=SIGUSR1"] },
  );
  await until("the command", () => rig.read("up") !== "");
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 5);
});

test("a second signal kills at once, and still releases what is proven", async (rig) => {
  const process = await rig.sh(`trap '' TERM INT; ${writes("acts")}`);
  await until("acts", () => rig.read("acts") !== "");
  process.signal("SIGTERM");
  await process.event("command-stopping");
  await new Promise((resolve) => setTimeout(resolve, 600));
  process.signal("SIGINT");
  assertEquals((await process.exit).code, 130);
  assertEquals(rig.holder(), "");
});

test("--restart: the command is started again in the same term, until a signal", async (rig) => {
  const process = await rig.sh(`echo $K8SENSUS_TOKEN >> "$DIR/runs"; exit 9`, {
    flags: ["--restart"],
  });
  await until("two runs", () => rig.read("runs").split("\n").length > 2);
  const tokens = rig.read("runs").trim().split("\n");
  assertEquals(new Set(tokens).size, 1);
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 0);
  assertEquals(rig.holder(), "");
});

test("a pipe or a link in the place of the deadline file holds nobody up", async (rig) => {
  const process = await rig.sh(
    `cat "$K8SENSUS_DEADLINE_FILE" >> "$DIR/runs"
     mkfifo "$K8SENSUS_DEADLINE_FILE.new"; ln -sf "$DIR/other" "$K8SENSUS_DEADLINE_FILE"`,
    { flags: ["--restart"] },
  );
  await until("another run", () => rig.read("runs").split("\n").length > 2);
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 0);
  assertEquals(rig.read("other"), "");
});

test("signals are passed on to the command", async (rig) => {
  const names = ["HUP", "USR1", "USR2", "WINCH", "QUIT"];
  const traps = names.map((name) => `trap 'echo ${name} >> "$DIR/signals"' ${name};`).join(" ");
  const process = await rig.sh(`${traps} echo up > "$DIR/up"; while :; do sleep 0.01; done`);
  await until("the command", () => rig.read("up") !== "");
  for (const name of names) {
    process.signal(`SIG${name}` as Deno.Signal);
    await until(name, () => rig.read("signals").includes(name));
  }
  process.signal("SIGTSTP");
  await process.event("awake");
});

test("the deadline file tells when to stop, in the time of /proc/uptime", async (rig) => {
  const process = await rig.sh(
    `read stop fence token < "$K8SENSUS_DEADLINE_FILE"; read now _ < /proc/uptime
     echo "$now $stop $fence $token $K8SENSUS_TOKEN" > "$DIR/first"
     trap 'until grep -q "^0 " "$K8SENSUS_DEADLINE_FILE"; do sleep 0.01; done
           cat "$K8SENSUS_DEADLINE_FILE" > "$DIR/last"; exit' TERM
     while :; do sleep 0.01; cat "$K8SENSUS_DEADLINE_FILE" >> "$DIR/all"; done`,
  );
  await until("two renewals", () => new Set(rig.read("all").split("\n")).size > 3);
  const [now, stop, fence, token, own] = rig.read("first").trim().split(" ") as string[];
  assertEquals(token, own);
  const left = [Number(stop) - Number(now), Number(fence) - Number(now)];
  assert(left[0]! > 2 && left[0]! <= 3.34, `work may begin for ${left[0]} s`);
  assert(left[1]! > 2.5 && left[1]! <= 4, `acts may be done for ${left[1]} s`);
  for (const line of rig.read("all").trim().split("\n")) {
    assertMatch(line, /^\d+\.\d\d \d+\.\d\d \d+$/);
  }
  process.signal("SIGTERM");
  await process.exit;
  assertMatch(rig.read("last"), /^0 \d+\.\d\d \d+\n$/, "no new work while draining");
});

test("a loss by evidence stops the command at once, and it runs again in the next term", async (rig) => {
  const process = await rig.sh(
    `trap 'echo "$K8SENSUS_TOKEN stopped" >> "$DIR/terms"; exit' TERM
     echo "$K8SENSUS_TOKEN" >> "$DIR/terms"; while :; do sleep 0.01; done`,
  );
  await process.event("command-started");
  await until("the command", () => rig.read("terms") !== "");
  rig.server.leases.patch("default", "x", { spec: { holderIdentity: "somebody" } });
  const { reason } = await process.event("lost");
  assertEquals(reason, "superseded");
  // The guard logs it, perhaps before the elector has logged the loss.
  const hasEnded = () => process.log.some(({ event }) => event === "command-ended");
  await until("the end of the command", hasEnded);
  const stopping = process.log.find(({ event }) => event === "command-stopping");
  assertEquals(stopping?.reason, "superseded");
  rig.server.leases.delete("default", "x");
  const again = await process.event("command-started");
  await until("the second term", () => rig.read("terms").trim().split("\n").length === 3);
  const [first, stopped, second] = rig.read("terms").trim().split("\n");
  assertEquals([stopped, second], [`${first} stopped`, again.token]);
});

test("an outage of the API server: stopped by F, and started again when it is over", async (rig) => {
  const process = await rig.sh(
    `trap 'exit 0' TERM; echo "$K8SENSUS_TOKEN" >> "$DIR/terms"; while :; do sleep 0.01; done`,
    { flags: ["--lease-duration=2s"] },
  );
  await process.event("command-started");
  let down = true;
  rig.server.before = () => down ? new Response("down", { status: 503 }) : undefined;
  const { stopped } = await process.event("command-ended");
  assertEquals(stopped, "expired");
  down = false;
  await process.event("command-started");
  process.signal("SIGTERM");
  assertEquals((await process.exit).code, 0);
});

test("exec within exec: what becomes of the outer one becomes of all below it", async (rig) => {
  const inner = [
    "deno",
    "run",
    ...await importFlags(),
    "--quiet",
    "-A",
    MAIN,
    ...rig.execArgs({ lease: "inner" }),
    "--",
    "sh",
    "-c",
    `echo $$ > "$DIR/pid"; env > "$DIR/env"; ${writes("acts")}`,
  ];
  const outer = await rig.exec(inner, { lease: "outer" });
  const pid = await rig.pid("pid");
  await until("acts", () => rig.read("acts") !== "");
  assertEquals(rig.read("env").match(/^K8SENSUS_MARK_\w+=/gm)?.length, 2, "marks add up");
  Deno.kill(await electorOf(outer), "SIGKILL");
  assertEquals((await outer.exit).code, 70);
  assert(!lives(pid));
  assertEquals(rig.holder("outer"), "");
});

test("thousands of orphans leave no zombies behind", async (rig) => {
  const process = await rig.sh(
    `i=0; while [ $i -lt 300 ]; do (true &) ; i=$((i+1)); done; echo done > "$DIR/done"; sleep 600`,
  );
  await until("all orphans", () => rig.read("done") !== "");
  const zombies = () =>
    [...Deno.readDirSync("/proc")].filter(({ name }) => {
      try {
        const [, rest] = Deno.readTextFileSync(`/proc/${name}/stat`).split(") ");
        return rest?.startsWith(`Z ${process.pid} `);
      } catch {
        return false;
      }
    }).length;
  await until("no zombies", () => zombies() === 0);
});

test("nobody reads our stderr: the command is killed at the fence all the same", async (rig) => {
  const flags = ["--lease-duration=2s"];
  const script = `echo $$ > "$DIR/pid"; trap '' TERM
    while :; do echo "a line that fills the pipe of a log that nobody reads" >&2; done`;
  const child = new Deno.Command("deno", {
    args: [
      "run",
      ...await importFlags(),
      "--quiet",
      "-A",
      MAIN,
      ...rig.execArgs({ flags }),
      "--",
      "sh",
      "-c",
      script,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    env: { NO_PROXY: "127.0.0.1", DIR: rig.folder },
  }).spawn();
  const pid = await rig.pid("pid");
  rig.server.before = () => new Response("down", { status: 503 });
  // The elector hangs where it complains of the outage.
  await died(pid);
  child.kill("SIGKILL");
  await child.status;
  await child.stderr.cancel();
});
