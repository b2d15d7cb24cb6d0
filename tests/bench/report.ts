/**
 * The rows of the table: what was measured, what was aimed at, and where it is not reached.
 *
 * @module
 */
import { summarise, type Summary } from "./stats.ts";

/** Who was measured. */
export type MakeName = "k8sensus" | "client-go" | "bare Deno";

/** What one make came to. */
export interface Figure {
  readonly make: MakeName;
  readonly summary?: Summary;
  /** Trials that did not come to a figure, each with its reason. */
  readonly failures: readonly string[];
  /** What a number alone does not say. */
  readonly notes: readonly string[];
}

/** What is aimed at; each is the largest value allowed, `least` the smallest. */
export interface Target {
  readonly p50?: number;
  readonly p99?: number;
  readonly max?: number;
  readonly least?: number;
}

/** One row. */
export interface Row {
  readonly key: string;
  readonly what: string;
  readonly unit: string;
  readonly target: Target;
  readonly figures: Figure[];
}

/** A figure from the values of trials. */
export function figure(
  make: MakeName,
  values: readonly number[],
  failures: readonly string[] = [],
  notes: readonly string[] = [],
): Figure {
  return { make, summary: summarise(values), failures, notes };
}

/** Where a row misses its target: only ours is judged. */
export function missed({ target, figures }: Row): string[] {
  const ours = figures.find(({ make }) => make === "k8sensus");
  if (ours === undefined) return [];
  const misses = ours.failures.map((reason) => `a trial came to nothing: ${reason}`);
  const { summary } = ours;
  if (summary === undefined) return misses.length > 0 ? misses : ["nothing was measured"];
  for (const name of ["p50", "p99", "max"] as const) {
    const limit = target[name];
    const value = summary[name];
    if (limit === undefined || value === undefined || value <= limit) continue;
    misses.push(`${name} ${show(value)} > ${show(limit)}`);
  }
  if (target.least !== undefined && summary.min < target.least) {
    misses.push(`min ${show(summary.min)} < ${show(target.least)}`);
  }
  return misses;
}

/** A row as text, several lines of it. */
export function rowText(row: Row): string {
  const lines = [`${row.what} [${row.unit}]   target: ${targetText(row.target)}`];
  const rival = row.figures.find(({ make }) => make === "client-go")?.summary;
  for (const { make, summary, failures, notes } of row.figures) {
    lines.push(`  ${make.padEnd(10)} ${summary === undefined ? "no figure" : cells(summary)}`);
    if (make === "k8sensus" && summary !== undefined && rival !== undefined) {
      lines[lines.length - 1] += ratio(rival, summary);
    }
    for (const note of notes) lines.push(`             ${note}`);
    if (make !== "k8sensus") lines.push(...failures.map((reason) => `             ! ${reason}`));
  }
  const misses = missed(row);
  for (const miss of misses) lines.push(`  BEYOND TARGET: ${miss}`);
  if (misses.length === 0) lines.push("  reached");
  return lines.join("\n");
}

function cells({ trials, min, p50, p99, max, mean }: Summary): string {
  const parts = { n: trials, min, p50, mean, ...(p99 === undefined ? {} : { p99 }), max };
  return Object.entries(parts).map(([name, value]) => `${name} ${show(value).padStart(8)}`)
    .join("  ");
}

function ratio(rival: Summary, ours: Summary): string {
  if (ours.p50 <= 0 || rival.p50 <= 0) return "";
  return `  (client-go: ${show(rival.p50 / ours.p50)} × p50, ${show(rival.max / ours.max)} × max)`;
}

function targetText(target: Target): string {
  const { least, ...most } = target;
  const parts = Object.entries(most).map(([name, value]) => `${name} ≤ ${show(value)}`);
  if (least !== undefined) parts.push(`min ≥ ${show(least)}`);
  return parts.join(", ") || "none";
}

/** A number with as many digits as matter. */
export function show(value: number): string {
  return Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

/** What `results.json` holds: facts that mean something on another machine too. */
export function resultsOf(rows: readonly Row[], facts: Readonly<Record<string, unknown>>): string {
  const results = rows.map((row) => ({ ...row, missed: missed(row) }));
  const rounded = (_key: string, value: unknown) =>
    typeof value === "number" ? Math.round(value * 10) / 10 : value;
  return JSON.stringify({ ...facts, rows: results }, rounded, 2) + "\n";
}
