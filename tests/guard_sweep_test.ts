// Kill passes with real processes: what they find, spare and prove.
import { assert, assertEquals } from "@std/assert";
import { Deputy } from "../lib/guard/processes.ts";
import { LINUX, lives } from "./support/exec_rig.ts";
import { until } from "./support/until.ts";
import { importFlags, TestProcess } from "./support/processes.ts";

const FIXTURE = new URL("./support/sweeping.ts", import.meta.url).pathname;
const DEPUTY = new URL("./support/deputy.ts", import.meta.url).pathname;
const HAS_PYTHON = LINUX && await runs("python3");

/** What hides processes of other users, also from root and its group. */
const HIDING = [
  "unshare",
  "--mount",
  "sh",
  "-c",
  `mount -t proc -o hidepid=2,gid=65533 proc /proc && exec setpriv --bounding-set=-sys_ptrace "$@"`,
  "sh",
];
/** What lets even root kill nobody of another user. */
const POWERLESS = ["setpriv", "--bounding-set=-kill"];
const CAN_LAY_DOWN = LINUX &&
  await runs(POWERLESS[0]!, [...POWERLESS.slice(1), "bash", "--version"]);
/** Makes a PID namespace, in which `/proc` shows the one without. */
const UNSHARE = ["unshare", "--pid", "--fork", "--kill-child"];
const CAN_UNSHARE = LINUX && await runs(UNSHARE[0]!, [...UNSHARE.slice(1), "bash", "--version"]);
const CAN_HIDE = LINUX && await runs(HIDING[0]!, [...HIDING.slice(1), "true"]);

async function runs(program: string, args: string[] = ["--version"]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args }).output()).success;
  } catch {
    return false;
  }
}

/** Sweeps what a script has started, which writes its process id into `$PID` before it makes `$UP`. */
async function sweep(script: string, under: readonly string[] = []): Promise<void> {
  const folder = await Deno.makeTempDir();
  // For those that become another user.
  await Deno.chmod(folder, 0o777);
  try {
    const flags = [...await importFlags(), "--quiet", "--allow-all"];
    const [program, ...args] = [...under, Deno.execPath(), "run", ...flags, FIXTURE, script];
    await using process = TestProcess.command(program!, {
      args,
      env: { UP: `${folder}/up`, PID: `${folder}/pid` },
    });
    assertEquals((await process.exit).code, 0, process.lines.join("\n"));
    const { found, survivors, sparedLives, last } = JSON.parse(await process.stdout);
    assert(found.some((count: number) => count > 0), `found ${found}`);
    assert(!survivors, `something lives on after ${found}`);
    assert(sparedLives && last[0] > 0, `the one to be spared is dead: ${last}`);
    assert(!lives(Number.parseInt(await Deno.readTextFile(`${folder}/pid`))));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const CASES: [string, string][] = [
  ["one that stays", `echo $$ > "$PID"; : > "$UP"; exec sleep 600`],
  [
    "an orphan in a session of its own, without an environment",
    `(setsid env -i PID="$PID" UP="$UP" sh -c 'echo $$ > "$PID"; : > "$UP"; exec sleep 600' &)`,
  ],
  [
    "a family that forks all the time, each living for a moment",
    `f='cd "\${PID%/*}" || exit; echo $$ > "$PID"; : > "$UP"; setsid env -i F="$F" PID="$PID" UP="$UP" PATH="$PATH" sh -c "$F" &'
     F="$f" setsid sh -c "$f"`,
  ],
  [
    "a name that looks like a state of the process table",
    `cp "$(command -v sleep)" "$PID) Z 1 (x"; "$PID) Z 1 (x" 600 & echo $! > "$PID"; : > "$UP"; wait`,
  ],
];

for (const [name, script] of CASES) {
  Deno.test({ name: `sweep: ${name}`, ignore: !LINUX, fn: () => sweep(script) });
}

Deno.test({
  name: "sweep: an orphan of another user, whom /proc hides",
  ignore: !CAN_HIDE,
  fn: () =>
    sweep(
      `(setsid env -i PID="$PID" UP="$UP" PATH="$PATH" sh -c 'echo $$ > "$PID"
        exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c ": > \"$UP\"; exec sleep 600"' &)`,
      HIDING,
    ),
});

Deno.test({
  name: "sweep: nobody is killed by the numbers of another PID namespace",
  ignore: !CAN_UNSHARE,
  async fn() {
    // The second process there; the second one of /proc may have a child of any number.
    const play = `"$@" & guard=$!
      for i in 1 2 3 4 5 6 7 8; do sleep 600 & done
      wait $guard; echo $?; jobs -p > /dev/null; jobs -r | wc -l`;
    const flags = [...await importFlags(), "--quiet", "--allow-all"];
    const guard = [Deno.execPath(), "run", ...flags, DEPUTY];
    await using process = TestProcess.command(UNSHARE[0]!, {
      args: [...UNSHARE.slice(1), "bash", "-c", play, "bash", ...guard],
    });
    const [, unprovable, code, living] = /^(.*)\n(\d+)\n(\d+)\n$/.exec(await process.stdout) ?? [];
    assertEquals([unprovable, code, living], ["/proc does not show this process", "0", "8"]);
  },
});

Deno.test({
  name: "an elector does not wait for those that it may not kill",
  ignore: !CAN_LAY_DOWN,
  async fn() {
    // The shell is the guard here, and the one that sleeps its command.
    const play = `setpriv --reuid=65534 --regid=65534 --clear-groups sleep 600 <&- >&- 2>&- &
      echo $!; sleep 0.3; "$@"; echo $?`;
    const flags = [...await importFlags(), "--quiet", "--allow-all"];
    const deputy = [Deno.execPath(), "run", ...flags, DEPUTY];
    await using process = TestProcess.command(POWERLESS[0]!, {
      args: [...POWERLESS.slice(1), "bash", "-c", play, "bash", ...deputy],
    });
    await until("its end", () => process.ended);
    const [pid, , code] = (await process.stdout).split("\n");
    assert(lives(Number(pid)));
    Deno.kill(Number(pid), "SIGKILL");
    assertEquals(code, "0");
  },
});

Deno.test({
  name: "sweep: a process whose main thread has ended is no zombie",
  ignore: !HAS_PYTHON,
  fn: () =>
    sweep(`exec python3 -c '
import ctypes, os, platform, threading, time
open(os.environ["PID"], "w").write(str(os.getpid()))
def act():
    time.sleep(0.2)
    open(os.environ["UP"], "w").close()
    time.sleep(600)
threading.Thread(target=act).start()
ctypes.CDLL(None).syscall(60 if platform.machine() == "x86_64" else 93, 0)
'`),
});

Deno.test({
  name: "a deputy finds what has left the group, and nobody else",
  ignore: !LINUX,
  async fn() {
    const mark = `K8SENSUS_MARK_${crypto.randomUUID().replaceAll("-", "")}`;
    await using bystander = TestProcess.command("sleep", {
      args: ["600"],
      env: { [`${mark}X`]: "1" },
    });
    await using process = TestProcess.command("sh", {
      args: [
        "-c",
        `setsid sh -c 'echo "{\\"event\\":\\"up\\",\\"pid\\":$$}" >&2; sleep 600' & sleep 600`,
      ],
      env: { [mark]: "1" },
    });
    const { pid } = await process.event("up");
    await new Deputy(mark).kill(process.pid, () => Promise.resolve());
    await until("the end", () => !lives(pid as number) && !lives(process.pid));
    assert(lives(bystander.pid));
  },
});
