/**
 * What `exec` and `guard` have in common: a command line that is looked at before anything else happens, and
 * a guard for it.
 *
 * @module
 */
import { ConfigError } from "../errors.ts";
import { type Program, Warden, type WardenOptions } from "../guard/warden.ts";
import { GuardLog, type GuardLogOptions } from "./guard_log.ts";
import { writeLine } from "./stderr.ts";

/**
 * Runs a guard to its end.
 *
 * @param command What the user wants to run.
 * @param settings How to log.
 * @param options What the guard is told of that command.
 * @returns The exit code; 126 or 127 at once if the command cannot be run.
 * @throws {ConfigError} If there is no command.
 */
export async function runUnderGuard(
  command: readonly string[],
  settings: GuardLogOptions,
  options: (command: Program) => Omit<WardenOptions, "log">,
): Promise<number> {
  const [program, ...args] = command;
  if (program === undefined) {
    throw new ConfigError("Cannot run nothing: write what to run after --, such as -- sleep 60");
  }
  const fault = findFault(program, Deno.env.get("PATH") ?? "");
  if (fault !== undefined) {
    writeLine(`error: ${fault.message}`);
    return fault.code;
  }
  const log = new GuardLog(settings);
  try {
    return await Warden.run({ ...options({ program, args }), log: (note) => log.log(note) });
  } finally {
    await log.flush();
  }
}

/** Why a command cannot be run. */
export interface Unrunnable {
  /** As shells have it: 126 found, but not executable; 127 not found. */
  readonly code: 126 | 127;
  /** One line. */
  readonly message: string;
}

/**
 * Looks for a program as a shell does.
 *
 * @param program A name to be looked for in `path`, or a path with a slash in it.
 * @param path As in the environment variable `PATH`.
 * @returns `undefined` if it is there and executable.
 */
export function findFault(program: string, path: string): Unrunnable | undefined {
  const direct = program.includes("/");
  const paths = direct ? [program] : path.split(":").map((folder) => `${folder || "."}/${program}`);
  const kinds = paths.map(look);
  if (kinds.includes("executable")) return undefined;
  const other = paths[kinds.indexOf("other")];
  if (other !== undefined) {
    return { code: 126, message: `Cannot run ${other}: it is not an executable file` };
  }
  const why = direct ? "there is no such file" : "it is in no folder of PATH";
  return { code: 127, message: `Cannot run ${JSON.stringify(program)}: ${why}` };
}

function look(path: string): "executable" | "other" | undefined {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0o111) & 0o111) !== 0 ? "executable" : "other";
  } catch {
    return undefined;
  }
}
