// `deno task explore`: sees all of a small world, and says how much that was.
import { explore, type Figures } from "./explorer.ts";
import { parseFlags } from "./flags.ts";
import { FAULTS, type Scope } from "./scope.ts";
import { addScope, type Reliability } from "../reliability.ts";
import { updateRecord } from "../../support/record_file.ts";
import { timeline } from "../timeline.ts";

const whole = (number: number) => Math.round(number).toLocaleString("en");

function figuresText({ states, transitions, depth, ms }: Figures): string {
  return `${whole(states)} states, ${whole(transitions)} transitions, depth ${depth}, ` +
    `${(ms / 1_000).toFixed(1)} s, ${whole(states / ms * 1_000)} states/s, ` +
    `${whole(Deno.memoryUsage().rss / 2 ** 20)} MiB`;
}

function scopeText({ clocks, budgets }: Scope): string {
  const faults = FAULTS.filter((fault) => budgets[fault] > 0)
    .map((fault) => `${fault} ${budgets[fault]}`);
  return `${clocks.length} candidates, clocks ${clocks.join(" ")}; ` +
    `${faults.join(", ") || "no faults"}`;
}

/** Explores. @returns The exit code. */
export function main(args: readonly string[]): number {
  const flags = parseFlags(args);
  if (typeof flags === "string") {
    const help = args.includes("--help");
    (help ? console.log : console.error)(flags);
    return help ? 0 : 2;
  }
  const { scope, mostStates, mostMs, record } = flags;
  console.log(scopeText(scope));
  const found = explore(scope, {
    mostStates,
    mostMs,
    onProgress: (figures) =>
      console.error(`  ${figuresText(figures)}, ${whole(figures.waiting)} waiting`),
  });
  console.log(figuresText(found));
  if (record !== undefined) {
    const { states, transitions, depth, complete } = found;
    const violation = found.violation?.message;
    const seen = { scope: scopeText(scope), states, transitions, depth, complete, violation };
    updateRecord(record, (before: Reliability) => addScope(before, seen));
  }
  if (found.violation !== undefined) {
    console.log(`VIOLATION ${found.violation.message}\n`);
    console.log(
      timeline(found.trace!.entries, scope.clocks.map((_, who) => `c${who}`), Infinity).join("\n"),
    );
    return 1;
  }
  console.log(found.complete ? "That is all there is: no violation" : "Not complete: no violation");
  return 0;
}

if (import.meta.main) Deno.exitCode = main(Deno.args);
