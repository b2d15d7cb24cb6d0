/**
 * `deno task torture`: real candidates on a real control plane, and what may happen to them.
 *
 * @module
 */
import { ControlPlane } from "../control_plane/control_plane.ts";
import { LEASE_WRITES } from "../control_plane/lease_writes.ts";
import { Dice, mixed } from "../simulation/dice.ts";
import { FOLDER_PREFIX } from "./arena.ts";
import { type Flags, HELP, parseFlags } from "./flags.ts";
import { choose, type Plan, planText } from "./matrix.ts";
import { missing } from "./missing.ts";
import { killMentioning } from "./process_table.ts";
import { readRecord, updateRecord } from "../support/record_file.ts";
import { addRun, checkUncounted, type Reliability, summaryText } from "./record.ts";
import { type Outcome, play, playUnsafe } from "./round.ts";

/** D: short, so that many rounds can be played. */
const LEASE_DURATION_MS = 3_000;

/** The rounds of a seed: each has dice of its own, so that more rounds change nothing of the first ones. */
function plansOf({ seed, rounds, only }: Flags): Plan[] {
  const plans: Plan[] = [];
  for (let i = 0; plans.length < rounds; i++) {
    const plan = choose(new Dice(mixed(seed, i)));
    if (plan.fault.name.includes(only)) plans.push(plan);
  }
  return plans;
}

/** Plays all rounds, some at once. @returns Those that could be played, and all that was wrong. */
async function playAll(plane: ControlPlane, { jobs }: Flags, plans: readonly Plan[]) {
  const outcomes: Outcome[] = [];
  const violations: string[] = [];
  let next = 0;
  const one = async (index: number) => {
    const plan = plans[index]!;
    const head = `#${String(index + 1).padEnd(4)} ${planText(plan)}`;
    const stage = { plane, namespace: `round-${index + 1}`, leaseDurationMs: LEASE_DURATION_MS };
    try {
      const outcome = await play(stage, plan);
      const { failoverMs, findings: { acts, staleActs, refused }, faults } = outcome;
      outcomes.push(outcome);
      violations.push(...faults.map((fault) => `round ${index + 1}: ${fault}`));
      console.log(
        `${head} next leader after ${failoverMs.toFixed(0).padStart(5)} ms; ` +
          `${acts} acts, ${staleActs} stale, ${refused} refused`,
      );
      for (const fault of faults) console.log(`      VIOLATION: ${fault}`);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      violations.push(`round ${index + 1} could not be played: ${message.split("\n")[0]}`);
      console.log(`${head} COULD NOT BE PLAYED: ${message}`);
    }
  };
  const many = async () => {
    while (next < plans.length) await one(next++);
  };
  await Promise.all(Array.from({ length: jobs }, many));
  return { outcomes, violations };
}

async function run(flags: Flags): Promise<number> {
  const { seed, rounds, record } = flags;
  const reason = await missing();
  if (reason !== undefined) throw new Error(`Cannot play with real processes: ${reason}`);
  if (record !== undefined) checkUncounted(readRecord(record), seed);
  console.log(`seed ${seed}, ${rounds} rounds, D = ${LEASE_DURATION_MS / 1_000} s`);
  await using plane = await ControlPlane.start({ audit: LEASE_WRITES });
  const stage = { plane, namespace: "unsafe", leaseDurationMs: LEASE_DURATION_MS };
  const { staleActs, refused } = await playUnsafe(stage);
  console.log(`an overlap made on purpose: ${staleActs} stale acts seen, ${refused} refused`);
  if (staleActs === 0 || refused === 0) throw new Error("Cannot judge anybody: no overlap is seen");
  const played = await playAll(plane, flags, plansOf(flags));
  const result = { seed, rounds, ...played, staleActsSeenOnPurpose: staleActs };
  if (record !== undefined) updateRecord(record, (before: Reliability) => addRun(before, result));
  console.log(`\n${summaryText(addRun({}, result).realProcesses!)}`);
  for (const violation of played.violations) console.log(violation);
  return played.violations.length === 0 ? 0 : 1;
}

/** Removes what rounds that were broken off have left. */
async function removeFolders(): Promise<void> {
  const temporary = Deno.env.get("TMPDIR") ?? "/tmp";
  for await (const { name } of Deno.readDir(temporary)) {
    if (!name.startsWith(FOLDER_PREFIX)) continue;
    await Deno.remove(`${temporary}/${name}`, { recursive: true });
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
      killMentioning(FOLDER_PREFIX).then(removeFolders).finally(() => Deno.exit(code));
    });
  }
  try {
    Deno.exitCode = await run(flags);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exitCode = 1;
  }
  Deno.exit();
}
