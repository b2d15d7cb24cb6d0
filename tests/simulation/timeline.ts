// What led to a violation, as people read it: one column a contender, time going down.
import type { Entry } from "./trace.ts";

const WIDTH = 30;
/** What is of no help. */
const NOISE =
  /^< (timer|watch bookmark)|^> (sees|says waiting)|^< watch (opened|synced)|^guard > (deadline|warm)/;

/** The last rows of what happened. */
export function timeline(entries: readonly Entry[], names: readonly string[], rows = 80): string[] {
  const shown = entries.filter(({ text }) => !NOISE.test(text)).slice(-rows);
  const columns = ["server", ...names];
  const head = ["time/ms".padStart(12), ...columns.map((name) => name.padEnd(WIDTH))].join("  ");
  return [
    head.trimEnd(),
    ...shown.map(({ at, who, text }) => {
      if (text.startsWith("VIOLATION")) return `${at.toFixed(3).padStart(12)}  ${text}`;
      const cells = columns.map((_, column) => column === who + 1 ? text : "");
      // A long text runs into the empty cells behind it.
      const line = cells.reduce((line, cell, column) => {
        if (cell === "") return line;
        return line.padEnd(14 + column * (WIDTH + 2)) + cell;
      }, at.toFixed(3).padStart(12));
      return line;
    }),
  ];
}
