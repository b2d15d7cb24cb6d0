/** Kills as a guard does, then as an elector whose guard is its parent; tells why nothing is proven, if so. */
import { Deputy, Processes } from "../../lib/guard/processes.ts";

const mark = `K8SENSUS_MARK_${crypto.randomUUID().replaceAll("-", "")}`;
const { unprovable } = await new Processes(mark).sweep();
await new Deputy(mark, Deno.ppid).kill(undefined, () => Promise.resolve());
console.log(unprovable);
