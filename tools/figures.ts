/**
 * Writes the figures of `reliability.json` into `docs/safety.md`: `deno run -RW tools/figures.ts`.
 *
 * @module
 */
import type {
  ExploredScope,
  Reliability,
  ShellSimulated,
  Simulated,
} from "../tests/simulation/reliability.ts";

const ROOT = new URL("../", import.meta.url);
const BEGIN = "<!-- figures: tools/figures.ts writes them -->\n";
const END = "\n<!-- end of the figures -->";

const whole = (number: number) => number.toLocaleString("en");

/** The figures as Markdown. */
export function figuresText(record: Reliability): string {
  const { simulator, shell, explorer } = record;
  const rows = [
    ["", "simulator of the machine", "simulator of the shell"],
    ["---", "--:", "--:"],
    ...figureRows(simulator, shell),
  ];
  const parts = [rows.map((row) => `| ${row.join(" | ")} |`).join("\n")];
  if (simulator !== undefined) parts.push(faultsText(simulator));
  if (explorer !== undefined) {
    const { scopes, states, violations } = explorer;
    parts.push(
      `The explorer has seen ${whole(states)} states in ${scopes.length} scopes, ` +
        `with ${violations} violations:`,
      ["| scope | states | transitions | depth |", "| --- | --: | --: | --: |"]
        .concat(scopes.map(scopeRow)).join("\n"),
    );
  }
  return parts.join("\n\n");
}

function figureRows(machine?: Simulated, shell?: ShellSimulated): string[][] {
  const years = (hours?: number) =>
    hours === undefined
      ? ""
      : hours < 8_766
      ? `${whole(hours)} h`
      : `${(hours / 8_766).toFixed(1)} years`;
  const row = (what: string, ...counts: (number | undefined)[]) => [
    what,
    ...counts.map((count) => count === undefined ? "" : whole(count)),
  ];
  return [
    row("seeds", machine?.seeds, shell?.seeds),
    ["simulated time", years(machine?.simulatedHours), years(shell?.simulatedHours)],
    row("faults that took effect", machine?.faults, shell?.faults),
    row("terms", machine?.terms, shell?.terms),
    row("acts", machine?.acts, shell?.acts),
    row("acts that were refused", machine?.actsRefused, undefined),
    row("late effects that the store refused", machine?.effectsRefused, undefined),
    row("**violations**", machine?.violations.length, shell?.violations),
    row("seeds per second of a processor", machine?.seedsPerSecond, undefined),
  ];
}

function faultsText({ tally }: Simulated): string {
  const kinds = Object.entries(tally.faults).sort(([, a], [, b]) => b - a);
  const words = kinds.map(([kind, count]) => `${kind} ${whole(count)}`);
  return `By kind: ${words.join(" · ")}`;
}

function scopeRow({ scope, states, transitions, depth, complete }: ExploredScope): string {
  const all = complete ? "" : " (not all)";
  return `| ${scope} | ${whole(states)}${all} | ${whole(transitions)} | ${depth} |`;
}

/** A document with the figures of a record in it. */
export function withFigures(document: string, record: Reliability): string {
  const [before, rest] = document.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) {
    throw new Error(`Cannot find the place of the figures: put ${BEGIN.trim()} and ${END.trim()}`);
  }
  return before + BEGIN + "\n" + figuresText(record) + "\n" + END + after;
}

if (import.meta.main) {
  const page = new URL("docs/safety.md", ROOT);
  const record = JSON.parse(Deno.readTextFileSync(new URL("reliability.json", ROOT)));
  Deno.writeTextFileSync(page, withFigures(Deno.readTextFileSync(page), record));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", page.pathname] }).output();
}
