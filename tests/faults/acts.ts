/**
 * Acts as `writer.sh` writes them: one line each, to a log and to a store.
 *
 * @module
 */
import type { Act } from "../support/act_log.ts";

/**
 * Reads one line.
 *
 * @throws {Error} If it is not a whole act.
 */
export function readAct(line: string): Act {
  const [pid, identity, token, sequence, uptime, ...more] = line.split(" ");
  const act = {
    pid: Number(pid),
    identity: identity ?? "",
    token: token ?? "",
    sequence: Number(sequence),
    // Seconds since boot, which all processes share.
    monotonicMs: Number(uptime) * 1_000,
  };
  const whole = more.length === 0 && /^\d+$/.test(act.token) && Number.isInteger(act.pid) &&
    Number.isInteger(act.sequence) && Number.isFinite(act.monotonicMs);
  if (!whole) throw new Error(`Cannot read an act: ${JSON.stringify(line)}`);
  return act;
}

/** Reads a log, in the order of the file, which is that of the acts. */
export async function readActs(path: string): Promise<Act[]> {
  const lines = (await Deno.readTextFile(path)).split("\n");
  if (lines.pop() !== "") throw new Error(`Cannot read ${path}: its last line is not whole`);
  return lines.map(readAct);
}
