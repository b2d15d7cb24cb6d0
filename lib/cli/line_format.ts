/**
 * What a line of the log looks like.
 *
 * @module
 */
import type { LogFields } from "../logger.ts";
import { escapeControls } from "./stderr.ts";

/** How a line looks. */
export interface LineFormat {
  /** Lines of text, or one JSON object a line. */
  format: "text" | "json";
  /** Whether levels are coloured, in text. By default, as {@linkcode hasColors} says. */
  color?: boolean;
}

/** What a line says. */
export interface Line {
  readonly time: Date;
  /** In upper case. */
  readonly level: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Writes a line, without its end. */
export function logLine(line: Line, { format, color }: LineFormat): string {
  if (format === "json") return asJson(line);
  return asText(line, color ?? hasColors());
}

/** Whether stderr is a terminal, and `NO_COLOR` is unset. */
export function hasColors(): boolean {
  return Deno.stderr.isTerminal() && !Deno.noColor;
}

/** ANSI colours: grey, blue, yellow, red. */
const COLORS: Record<string, number> = { DEBUG: 90, INFO: 34, WARN: 33, ERROR: 31 };

function given(fields: LogFields): [key: string, value: LogFields[string]][] {
  return Object.entries(fields).filter(([, value]) => value !== undefined);
}

function asText({ time, level, message, fields }: Line, color: boolean): string {
  const name = level.padEnd(5);
  const code = COLORS[level];
  const shown = color && code !== undefined ? `\x1b[${code}m${name}\x1b[0m` : name;
  const pairs = given(fields).map(([key, value]) => `${escapeControls(key)}=${quoted(value)}`);
  const text = `${time.toISOString()} ${shown} ${escapeControls(message)}`;
  return pairs.length === 0 ? text : `${text}  ${pairs.join(" ")}`;
}

/** A value as text: in quotes where it could not be told from what stands around it. */
function quoted(value: unknown): string {
  const text = String(value);
  const plain = /^[^\s"=\\]+$/.test(text) && text === escapeControls(text);
  return plain ? text : escapeControls(JSON.stringify(text));
}

function asJson({ time, level, message, fields }: Line): string {
  const line: Record<string, unknown> = {
    time: time.toISOString(),
    level: level.toLowerCase(),
    msg: message,
  };
  // A field of a name that is taken must not overwrite the line's own.
  for (const [key, value] of given(fields)) line[key in line ? `${key}_` : key] = value;
  return escapeControls(JSON.stringify(line));
}
