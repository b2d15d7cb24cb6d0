/**
 * `exec`: runs a command only while leading. This process is the guard; the elector is a child of it.
 *
 * @module
 */
import { parseExec } from "./flags.ts";
import { fromFileUrl, importMapFlags, unverifiedFlags } from "./paths.ts";
import { runUnderGuard } from "./under_guard.ts";

/**
 * Runs the command line.
 *
 * @param args Flags, and the command after `--`.
 * @returns The exit code; docs/guard.md says which.
 * @throws {ConfigError} If the flags cannot be used, or there is no command.
 */
export async function run(args: string[]): Promise<number> {
  const { settings, command } = parseExec(args);
  const { settleMs, stopSignal, restart } = settings;
  const ward = { program: Deno.execPath(), args: [...electorFlags(), ...args] };
  return await runUnderGuard(command, settings, (command) => ({
    settleMs,
    stopSignal,
    restart,
    ward,
    command,
  }));
}

/**
 * How the elector is started. It may do everything: when the guard dies it has to find and kill what the
 * command has started, and Deno shows `/proc` to nobody who may do less. V8's code cache is a database that
 * takes 2 MB in each process, and saves nothing that can be measured.
 */
function electorFlags(): string[] {
  const script = fromFileUrl(import.meta.resolve("./exec_elector.ts"));
  const flags = [...importMapFlags(), ...unverifiedFlags()];
  return ["run", ...flags, "--quiet", "--no-prompt", "--no-code-cache", "--allow-all", script];
}
