/**
 * Whether rounds can be played here at all.
 *
 * @module
 */
import { findInPath } from "../control_plane/binaries.ts";
import { ControlPlane } from "../control_plane/control_plane.ts";

/** Why none can be played here, in one sentence; `undefined` if they can. */
export async function missing(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "this is not Linux";
  for (const tool of ["unshare", "tini", "setsid", "mkfifo"]) {
    if (await findInPath(tool) === undefined) return `${tool} is not in PATH`;
  }
  const args = ["--pid", "--fork", "--mount-proc", "true"];
  const { success } = await new Deno.Command("unshare", { args, stderr: "null" }).output();
  if (!success) return "a PID namespace cannot be had, which needs root";
  return await ControlPlane.missing();
}
