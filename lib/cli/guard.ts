/**
 * `guard`: starts a program that uses the library with `guard: true`, and watches over it.
 *
 * @module
 */
import { parseGuard } from "./flags.ts";
import { runUnderGuard } from "./under_guard.ts";

/**
 * Runs the program.
 *
 * @param args Flags, and the program after `--`.
 * @returns The exit code of the program; 1 in place of 0 if its Lease had to be left to run out.
 * @throws {ConfigError} If the flags cannot be used, or there is no program.
 */
export async function run(args: string[]): Promise<number> {
  const { settings, command } = parseGuard(args);
  const { settleMs } = settings;
  return await runUnderGuard(command, settings, (ward) => ({
    settleMs,
    stopSignal: "SIGTERM",
    restart: false,
    ward,
  }));
}
