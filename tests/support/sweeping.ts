/**
 * Starts what its argument says, kills it as a guard does, and tells on stdout how many passes found how
 * many. The process of a test must not become a subreaper itself: it would take in what other tests leave.
 */
import { Processes } from "../../lib/guard/processes.ts";

const mark = `K8SENSUS_MARK_${crypto.randomUUID().replaceAll("-", "")}`;
const processes = new Processes(mark);
if (processes.unprovable !== undefined) throw new Error(processes.unprovable);

const [script = ""] = Deno.args;
const spawn = (script: string, env: Record<string, string> = {}) =>
  new Deno.Command("sh", { args: ["-c", script], env, detached: true, stderr: "null" }).spawn();

const spared = spawn("exec sleep 600");
const child = spawn(script, { [mark]: "1" });
const ended = processes.own(child);
const sparedEnded = processes.own(spared);
// Until everything is up.
while (!await Deno.stat(Deno.env.get("UP")!).catch(() => undefined)) await pause();

const found = await sweep(spared.pid);
await ended;
const survivors = await isAlive();
const sparedLives = /\) S/.test(await Deno.readTextFile(`/proc/${spared.pid}/stat`));
const last = await sweep();
await sparedEnded;
console.log(JSON.stringify({ found, survivors, sparedLives, last }));

/** Passes until two in a row find nothing. */
async function sweep(spared?: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < 2 || found.at(-1) !== 0 || found.at(-2) !== 0) {
    if (found.length === 400) throw new Error(`no end in sight: ${found}`);
    found.push((await processes.sweep(spared)).found);
    await pause();
  }
  return found;
}

/** Whether anything that the script has started lives: all of it, and we, know where `$UP` is. */
async function isAlive(): Promise<boolean> {
  for (let i = 0; i < 20; i++) await pause();
  const mine = `UP=${Deno.env.get("UP")}`;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name) || [Deno.pid, spared.pid].includes(Number(name))) continue;
    const environment = await Deno.readTextFile(`/proc/${name}/environ`).catch(() => "");
    if (environment.split("\0").includes(mine)) return true;
  }
  return false;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
