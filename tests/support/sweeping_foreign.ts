/** Kills where `/proc` may be of another PID namespace, and tells why nothing is proven. */
import { Deputy, Processes } from "../../lib/guard/processes.ts";

const mark = `K8SENSUS_MARK_${crypto.randomUUID().replaceAll("-", "")}`;
const { unprovable } = await new Processes(mark).sweep();
await new Deputy(mark, Deno.ppid).kill(undefined, () => Promise.resolve());
console.log(unprovable);
