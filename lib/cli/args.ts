/**
 * A small strict parser of command lines. `parseArgs` of `node:util` would do, but costs 5.6 MB of memory
 * in every candidate, for as long as it lives.
 *
 * @module
 */
import { ConfigError } from "../errors.ts";
import { quote, type Reader } from "./values.ts";

/** One flag, and how its value is found. `T` is what the program gets. */
export interface Flag<T> {
  /** As it is written, without the dashes. */
  readonly name: string;
  /** The environment variable that stands in for it. */
  readonly variable: string;
  /** Turns its text into a value. */
  readonly reader: Reader<T>;
  /** Its value when it is not given, as one would write it. */
  readonly standard?: string;
  /** For a flag without a standard value: in words, where the value comes from. */
  readonly derived?: string;
  /** The heading above it in `--help`. */
  readonly group: string;
  /** One line for `--help`. */
  readonly help: string;
}

/** All flags of a command, by the name of the setting. */
export type FlagTable = Readonly<Record<string, Flag<unknown>>>;

/** What a table of flags is read into. */
export type Settings<Table extends FlagTable> = {
  -readonly [Key in keyof Table]: Table[Key] extends { standard: string }
    ? ReturnType<Table[Key]["reader"]["read"]>
    : ReturnType<Table[Key]["reader"]["read"]> | undefined;
};

/** How a command line is read. */
export interface ParseOptions {
  /** Looks up an environment variable. By default, in the environment of this process. */
  env?: (name: string) => string | undefined;
  /** Whether arguments that are no flags are allowed, as in `exec -- command`. @default {false} */
  allowRest?: boolean;
}

/** What was read from a command line. */
export interface Parsed<Table extends FlagTable> {
  /** The value of every flag. */
  settings: Settings<Table>;
  /** What followed `--`, or the first argument that is no flag; empty unless allowed. */
  rest: string[];
}

/**
 * Reads a command line. A flag wins over the environment; an empty environment variable counts as unset.
 *
 * @param table The flags there are.
 * @param args What followed the command.
 * @param options Where the environment comes from, and whether other arguments are allowed.
 * @returns The value of every flag in the table.
 * @throws {ConfigError} If anything is not as it should be; the message is one line.
 */
export function parseFlags<const Table extends FlagTable>(
  table: Table,
  args: readonly string[],
  options: ParseOptions = {},
): Parsed<Table> {
  const { env = (name: string) => Deno.env.get(name), allowRest = false } = options;
  const flags = Object.values(table);
  const given = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    const end = arg === "--";
    if (end || !arg.startsWith("-") || arg === "-") {
      const others = args.slice(end ? at + 1 : at);
      if (others.length > 0 && !allowRest) throw unexpected(others[0]!, args[at - 1], flags);
      rest.push(...others);
      break;
    }
    const { flag, text } = split(arg, flags);
    if (given.has(flag.name)) {
      throw new ConfigError(`Cannot use --${flag.name} twice: remove one of them`);
    }
    given.set(flag.name, text ?? valueAfter(flag, args[at + 1]));
    if (text === undefined && takesValue(flag)) at++;
  }
  const settings: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(table)) {
    settings[key] = valueOf(flag, given.get(flag.name), env);
  }
  return { settings: settings as Settings<Table>, rest };
}

function takesValue(flag: Flag<unknown>): boolean {
  return flag.reader.placeholder !== "";
}

/** Parts `--name=value`. */
function split(
  arg: string,
  flags: Flag<unknown>[],
): { flag: Flag<unknown>; text: string | undefined } {
  const equals = arg.indexOf("=");
  const written = equals < 0 ? arg : arg.slice(0, equals);
  const flag = flags.find(({ name }) => written === `--${name}`);
  if (flag === undefined) {
    const names = flags.map(({ name }) => `--${name}`).concat("--help");
    const near = nearest(written.replace(/^-*/, "--"), names);
    const hint = near === undefined ? "see --help for those there are" : `did you mean ${near}?`;
    throw new ConfigError(`Cannot use the unknown flag ${quote(written)}: ${hint}`);
  }
  if (equals < 0) return { flag, text: undefined };
  const text = arg.slice(equals + 1);
  if (text === "") throw missing(flag, "an empty value");
  return { flag, text };
}

/** The value of a flag written without `=`. */
function valueAfter(flag: Flag<unknown>, next: string | undefined): string {
  if (!takesValue(flag)) return "true";
  if (next === "") throw missing(flag, "an empty value");
  if (next === undefined || next.startsWith("--")) throw missing(flag, "no value");
  return next;
}

function missing(flag: Flag<unknown>, what: string): ConfigError {
  const example = flag.standard === undefined ? "" : `, such as --${flag.name}=${flag.standard}`;
  const value = flag.reader.placeholder || "true|false";
  return new ConfigError(
    `Cannot use --${flag.name} with ${what}: write --${flag.name}=${value}${example}`,
  );
}

/** Why an argument cannot stand where it stands. */
function unexpected(arg: string, before: string | undefined, flags: Flag<unknown>[]): ConfigError {
  const flag = flags.find(({ name }) => before === `--${name}`);
  const hint = flag !== undefined && !takesValue(flag)
    ? `write --${flag.name}=true or --${flag.name}=false`
    : flags.some(({ name }) => name === arg)
    ? `did you mean --${arg}?`
    : "only flags are allowed here, see --help";
  return new ConfigError(`Cannot use the argument ${quote(arg)}: ${hint}`);
}

/** Finds the value of one flag: from the command line, the environment, or its standard value. */
function valueOf(
  flag: Flag<unknown>,
  given: string | undefined,
  env: (name: string) => string | undefined,
): unknown {
  if (given !== undefined) return readAs(`--${flag.name}`, flag, given);
  const fromEnvironment = env(flag.variable);
  if (fromEnvironment) return readAs(flag.variable, flag, fromEnvironment);
  return flag.standard === undefined ? undefined : flag.reader.read(flag.standard);
}

function readAs(source: string, flag: Flag<unknown>, text: string): unknown {
  try {
    return flag.reader.read(text);
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`${source}: ${error.message}`);
    throw error;
  }
}

/**
 * Finds the word that somebody who mistyped most likely meant.
 *
 * @param word What was written.
 * @param words What there is.
 * @returns The nearest of them, or `undefined` when none is near.
 */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const lower = word.slice(0, 80).toLowerCase().replaceAll("_", "-");
  let best: string | undefined;
  let least = Math.max(2, Math.floor(lower.length / 4)) + 1;
  for (const candidate of words) {
    const distance = editDistance(lower, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** How many letters must be added, dropped, replaced or swapped with their neighbour. */
function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, older[j - 2]! + 1);
      row.push(least);
    }
    older = last;
    last = row;
  }
  return last[b.length]!;
}
