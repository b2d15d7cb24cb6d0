/**
 * What `--help` says, made from the table of flags.
 *
 * @module
 */
import type { Flag, FlagTable } from "./args.ts";

const WIDTH = 80;
const INDENT = 30;

/**
 * Writes the help of one command.
 *
 * @param usage How it is called.
 * @param summary What it does, in one sentence.
 * @param table Its flags.
 * @returns Lines of at most 80 columns.
 */
export function helpFor(usage: string, summary: string, table: FlagTable): string {
  const groups = new Map<string, string[]>();
  for (const flag of Object.values(table)) {
    const lines = groups.get(flag.group) ?? [];
    lines.push(...describe(flag));
    groups.set(flag.group, lines);
  }
  const sections = [...groups].map(([group, lines]) => `${group}:\n${lines.join("\n")}`);
  return [
    `Usage: ${usage}`,
    ...wrap(`${summary}.`, WIDTH),
    "",
    sections.join("\n\n"),
    "",
    ...wrap(
      "Durations are written as in Go: 15s, 1m30s, 500ms. A flag wins over its environment " +
        "variable, which is given after the $.",
      WIDTH,
    ),
  ].join("\n");
}

/** The lines about one flag: what it is called, what it is for, what holds without it. */
function describe(flag: Flag<unknown>): string[] {
  const { placeholder } = flag.reader;
  const left = `  --${flag.name}${placeholder && ` ${placeholder}`}`;
  const right = [
    ...wrap(flag.help, WIDTH - INDENT),
    ...wrap(`default: ${flag.standard ?? flag.derived ?? "none"}`, WIDTH - INDENT),
    `$${flag.variable}`,
  ];
  const lines = right.map((line) => " ".repeat(INDENT) + line);
  if (left.length > INDENT - 2) return [left, ...lines];
  return [left.padEnd(INDENT) + right[0], ...lines.slice(1)];
}

/** Breaks text between words. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line];
}
