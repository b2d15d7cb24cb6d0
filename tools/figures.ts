/**
 * Writes the figures of `reliability.json` into the documents: `deno run --allow-all tools/figures.ts`.
 *
 * @module
 */
import type { Failovers, RealProcesses } from "../tests/faults/record.ts";
import type { MutantRecord } from "../tests/mutants/reliability.ts";
import type { Explored, ShellSimulated, Simulated } from "../tests/simulation/reliability.ts";

/** `reliability.json`. */
export interface Reliability {
  readonly simulator: Simulated;
  readonly shell: ShellSimulated;
  readonly explorer: Explored;
  readonly mutants: Required<MutantRecord>;
  readonly realProcesses: RealProcesses;
}

const ROOT = new URL("../", import.meta.url);
const HOURS_A_YEAR = 8_766;

/** What stands where: a document, and what belongs between its marks. */
const PAGES: Readonly<Record<string, (record: Reliability) => string>> = {
  "docs/safety.md": virtualText,
  "docs/guard.md": ({ realProcesses }) => realText(realProcesses),
};

const BEGIN = "<!-- figures: tools/figures.ts writes them -->\n";
const END = "\n<!-- end of the figures -->";

const whole = (number: number) => number.toLocaleString("en");

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = (row: readonly (string | number)[]) =>
    row.map((cell) => typeof cell === "number" ? whole(cell) : cell).join(" | ");
  const rule = head.map((_, column) => column === 0 ? "---" : "--:");
  return [head, rule, ...rows].map((row) => `| ${cells(row)} |`).join("\n");
}

/** What simulators, explorer and mutants have shown. */
function virtualText({ simulator, shell, explorer, mutants }: Reliability): string {
  return [simulatorsText(simulator, shell), explorerText(explorer), mutantsText(mutants)]
    .join("\n\n");
}

function simulatorsText(machine: Simulated, shell: ShellSimulated): string {
  const time = (hours: number) =>
    hours < HOURS_A_YEAR ? `${whole(hours)} hours` : `${(hours / HOURS_A_YEAR).toFixed(1)} years`;
  const { tally } = machine;
  const kinds = Object.entries(tally.faults).sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${whole(count)}`);
  return [
    table(["", "the machine", "electors"], [
      ["seeds", machine.seeds, shell.seeds],
      ["simulated time", time(machine.simulatedHours), time(shell.simulatedHours)],
      ["faults that took effect", machine.faults, shell.faults],
      ["terms", machine.terms, shell.terms],
      ["acts", machine.acts, shell.acts],
      ["acts that `check()` refused", machine.actsRefused, ""],
      ["late effects that the store refused", machine.effectsRefused, ""],
      ["**violations**", machine.violations.length, shell.violations],
    ]),
    `Faults of the first by kind: ${kinds.join(" · ")}.`,
  ].join("\n\n");
}

function explorerText({ states, violations, scopes }: Explored): string {
  return [
    `The explorer has seen ${whole(states)} states, ${violations} violations:`,
    table(
      ["scope", "states", "transitions", "depth", "all there are"],
      scopes.map(({ scope, states, transitions, depth, complete }) => [
        scope,
        states,
        transitions,
        depth,
        complete ? "yes" : "no",
      ]),
    ),
  ].join("\n\n");
}

function mutantsText({ killed, survived, simulator }: Required<MutantRecord>): string {
  const found = Object.entries(simulator.toKill).map(([name, verdict]) => {
    if (verdict === null) return `${name} (by tests)`;
    return verdict === "hung"
      ? `${name} (hangs)`
      : `${name} ${verdict.seed} (${verdict.invariant})`;
  });
  const told = Object.entries(simulator.told).map(([name, why]) => `- ${name}: ${why}`);
  return [
    `Of the mutants ${killed} were killed by the tests, and ${survived} survived. The simulator alone ` +
    `kills ${simulator.killed} in at most ${
      whole(simulator.seeds)
    } seeds each. The first seed that ` +
    `does, and the law by which it is seen: ${found.join(" · ")}.`,
    `No seed can tell:`,
    told.join("\n"),
  ].join("\n\n");
}

/** What was tried with real processes. */
function realText({ byFault, seeds, ...sum }: RealProcesses): string {
  const times = (failovers?: Failovers) =>
    failovers === undefined ? "" : `${whole(failovers.medianMs)} / ${whole(failovers.maxMs)}`;
  const commands = seeds.map(([seed, rounds]) => `\`--rounds ${rounds} --seed ${seed}\``);
  return [
    `\`deno task torture\` with ${commands.join(", ")}:`,
    table(
      [
        "fault, played on the leader",
        "rounds",
        "settle 0 s",
        "settle 1 s",
        "stale acts",
        "refused",
      ],
      Object.entries(byFault).sort(([a], [b]) => a < b ? -1 : 1).map(([name, fault]) => [
        name,
        fault.rounds,
        times(fault.bySettleMs[0]),
        times(fault.bySettleMs[1_000]),
        fault.staleActs,
        fault.lateActsTried,
      ]),
    ),
    `${whole(sum.failovers)} failovers, ${whole(sum.acts)} acts, ${sum.staleActs} of them stale; ` +
    `${whole(sum.lateActsTried)} late ones were refused by a store that checks tokens, ` +
    `${sum.lateActsAccepted} taken.`,
  ].join("\n\n");
}

/**
 * A document with the figures of a record in the place of those that stand there.
 *
 * @throws {Error} If it has no place for them.
 */
export function withFigures(path: string, document: string, record: Reliability): string {
  const [before, rest] = document.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) {
    throw new Error(
      `Cannot find the place of the figures in ${path}: it has lost its two comments`,
    );
  }
  return `${before}${BEGIN}\n${PAGES[path]!(record)}\n${END}${after}`;
}

/** The documents with figures in them. */
export const PATHS: readonly string[] = Object.keys(PAGES);

if (import.meta.main) {
  const record = JSON.parse(Deno.readTextFileSync(new URL("reliability.json", ROOT)));
  for (const path of PATHS) {
    const page = new URL(path, ROOT);
    Deno.writeTextFileSync(page, withFigures(path, Deno.readTextFileSync(page), record));
    await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", page.pathname] }).output();
  }
}
