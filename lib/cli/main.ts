/**
 * The program: `main.ts <command> [flags]`.
 *
 * Flags are read before a command's code is loaded, so that `--help` and mistakes are answered at once.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { ConfigError } from "../errors.ts";
import { type FlagTable, nearest, parseFlags } from "./args.ts";
import { DEMO, EXEC, GUARD, START } from "./flags.ts";
import { helpFor } from "./help.ts";
import { escapeControls, writeLine } from "./stderr.ts";
import { quote } from "./values.ts";

/** One command. */
interface Command {
  /** What it does, in one sentence without its full stop. */
  readonly summary: string;
  /** Its flags. */
  readonly flags: FlagTable;
  /** What follows the flags, for the usage line; without it, nothing may follow. */
  readonly rest?: string;
  /** Loads its code. `run` resolves with the exit code. */
  load(): Promise<{ run(args: string[]): Promise<number> }>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  start: {
    summary: "Runs one candidate, which answers over HTTP who leads",
    flags: START,
    load: () => import("./start.ts"),
  },
  exec: {
    summary: "Runs a command only while leading, and ends it for certain",
    flags: EXEC,
    rest: "-- command…",
    load: () => import("./exec.ts"),
  },
  guard: {
    summary: "Runs a program whose electors want a guard",
    flags: GUARD,
    rest: "-- program…",
    load: () => import("./guard.ts"),
  },
  demo: {
    summary: "Shows an election, a hand-over and a crash, all by itself",
    flags: DEMO,
    load: () => import("./demo.ts"),
  },
};

/**
 * Runs a command.
 *
 * @param args The command and what follows it.
 * @returns The exit code: what the command says; 2 for a mistake in the command line or the environment,
 * 1 for any other failure. Both are told in one line on stderr.
 */
export async function main(args: readonly string[]): Promise<number> {
  let debug = false;
  try {
    const [name, ...rest] = args;
    if (name === "--help" || name === "-h") return print(overview());
    if (name === "--version") return print(`k8sensus ${config.version}`);
    const command = commandNamed(name);
    if (asksForHelp(rest)) {
      const usage = `deno task ${name} [flags]${
        command.rest === undefined ? "" : ` ${command.rest}`
      }`;
      return print(helpFor(usage, command.summary, command.flags));
    }
    const { settings } = parseFlags(command.flags, rest, { allowRest: command.rest !== undefined });
    debug = settings.logLevel === "debug";
    const { run } = await command.load();
    return await run(rest);
  } catch (error) {
    return report(error, debug);
  }
}

/** Looks up a command. @throws {ConfigError} If there is none of that name. */
function commandNamed(name: string | undefined): Command {
  const names = Object.keys(COMMANDS);
  const hint = `write one of ${names.join(", ")}, or --help`;
  if (name === undefined) throw new ConfigError(`Cannot run without a command: ${hint}`);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command;
  const near = nearest(name, names);
  throw new ConfigError(
    `Cannot run the unknown command ${quote(name)}: ` +
      (near === undefined ? hint : `did you mean ${near}?`),
  );
}

/** What follows `--` belongs to another program. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const own = end < 0 ? args : args.slice(0, end);
  return own.includes("--help") || own.includes("-h");
}

function overview(): string {
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) =>
    `  ${name.padEnd(10)}${summary}`
  );
  return [
    "Usage: deno task <command> [flags]",
    "Leader election for Kubernetes.",
    "",
    "Commands:",
    ...commands,
    "",
    "The flags of a command: deno task <command> --help. The version: --version.",
  ].join("\n");
}

function print(text: string): number {
  console.log(text);
  return 0;
}

/** Tells of a failure. @returns The exit code. */
export function report(error: unknown, debug: boolean): number {
  const message = error instanceof Error ? error.message || error.name : String(error);
  const line = `error: ${escapeControls(message)}`;
  if (error instanceof ConfigError) {
    writeLine(line);
    return 2;
  }
  writeLine(debug ? line : `${line} (more with --log-level debug)`);
  if (debug && error instanceof Error && error.stack !== undefined) writeLine(error.stack);
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
