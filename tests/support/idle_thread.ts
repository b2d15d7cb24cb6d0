/** Does nothing for longer than an idle thread is kept, and tells which threads there are then. */
import { keepThread } from "../../lib/guard/thread.ts";

const IDLE_MS = 12_000;

using _thread = keepThread();
await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
const threads = [...Deno.readDirSync("/proc/self/task")].map(({ name }) =>
  Deno.readTextFileSync(`/proc/self/task/${name}/comm`).trim()
);
console.log(JSON.stringify(threads));
