/**
 * `deno task bench`: measures three replicas on a real control plane against the figures that are aimed
 * at, beside client-go on the same server. It reports; it never fails because of a figure.
 *
 * @module
 */
import { ControlPlane } from "../control_plane/control_plane.ts";
import { cut, freeze } from "./cut.ts";
import { Cluster } from "./cluster.ts";
import { exec } from "./exec.ts";
import { execFence } from "./exec_fence.ts";
import { type BenchFlags, HELP, parseFlags, type RowName, ROWS } from "./flags.ts";
import { handover, start } from "./handover.ts";
import { heldAnswer } from "./held_answer.ts";
import { guardMemory, memory, watchIdle } from "./idle.ts";
import { intrusion } from "./intrusion.ts";
import { kill } from "./kill.ts";
import { findMakes, rivalVersion } from "./makes.ts";
import { killAll } from "./replica.ts";
import { missed, resultsOf, type Row, rowText } from "./report.ts";
import { rollout } from "./rollout.ts";
import type { Bench } from "./trials.ts";

/** What measures which rows; `idle` runs beside the others. */
const MEASURES: Readonly<Record<Exclude<RowName, "idle">, (bench: Bench) => Promise<Row[]>>> = {
  handover,
  start,
  rollout,
  kill,
  cut,
  intrusion,
  freeze,
  held: heldAnswer,
  exec,
  "exec-fence": execFence,
  memory,
  "exec-memory": guardMemory,
};

async function measureAll(bench: Bench, only: ReadonlySet<RowName>): Promise<Row[]> {
  const rows: Row[] = [];
  const add = (more: readonly Row[]) => {
    rows.push(...more);
    for (const row of more) console.log(rowText(row) + "\n");
  };
  await using idle = only.has("idle") ? await watchIdle(bench) : undefined;
  for (const name of ROWS) {
    if (name === "idle" || !only.has(name)) continue;
    try {
      add(await MEASURES[name](bench));
    } catch (error) {
      // The other rows may still be worth having.
      console.error(`Cannot measure ${name}:`, error);
    }
  }
  if (idle !== undefined) add(await idle.rows());
  return rows;
}

async function run(flags: BenchFlags): Promise<void> {
  const say = (line: string) => console.error(`· ${line}`);
  const reason = await ControlPlane.missing();
  if (reason !== undefined) {
    say(`SKIPPED: everything, because ${reason}.`);
    return;
  }
  const makes = await findMakes(say, flags.rival);
  await using cluster = await Cluster.start();
  const facts = {
    deno: Deno.version.deno,
    kubernetes: await cluster.version(),
    clientGo: makes.rival === undefined ? null : await rivalVersion(),
    cores: navigator.hardwareConcurrency,
  };
  const told = Object.entries(facts).map(([name, value]) => `${name} ${value}`).join(", ");
  console.log(`${told}; lease 15 s, retry 2 s, three replicas\n`);
  const rows = await measureAll({
    cluster,
    makes,
    quick: flags.quick,
    trials: (full) => flags.trials ?? (flags.quick ? Math.min(full, 5) : full),
    say,
  }, flags.only);
  const beyond = rows.filter((row) => missed(row).length > 0).map(({ key }) => key);
  console.log(`${rows.length - beyond.length} of ${rows.length} rows reach their target`);
  if (beyond.length > 0) console.log(`beyond it: ${beyond.join(", ")}`);
  if (flags.write) {
    await Deno.writeTextFile(new URL("results.json", import.meta.url), resultsOf(rows, facts));
  }
}

if (import.meta.main) {
  const flags = parseFlags(Deno.args);
  if (typeof flags === "string") {
    const wrong = flags !== HELP;
    (wrong ? console.error : console.log)(flags);
    Deno.exit(wrong ? 2 : 0);
  }
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    // The control plane ends by itself when this process has ended; the candidates do not.
    Deno.addSignalListener(signal, () => {
      killAll();
      Deno.exit(code);
    });
  }
  try {
    await run(flags);
  } finally {
    killAll();
  }
  Deno.exit();
}
