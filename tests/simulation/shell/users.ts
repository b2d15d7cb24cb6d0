// Those who use an elector, well and badly: work that is slow, throws, ignores its signal, steps down, closes;
// readers that walk away.
import { ElectorBusy, TermOver, WorkUnfinished } from "../../../lib/errors.ts";
import type { Term } from "../../../lib/term.ts";
import type { Process } from "./process.ts";

/** What the work of users throws. */
class UserError extends Error {}

/** Uses the elector of a process until it is closed. */
export async function use(process: Process): Promise<void> {
  const { sim } = process;
  if (sim.dice.chance(0.5)) void observe(process).catch((error) => complain(process, error));
  while (!sim.closing && !process.closing) {
    try {
      await contend(process);
    } catch (error) {
      complain(process, error);
    }
    await process.nap(sim.dice.skewed(sim.leaseDurationMs));
  }
}

/** Some errors are the users' own. */
function complain(process: Process, error: unknown): void {
  if (error instanceof UserError) return;
  if (error instanceof WorkUnfinished) {
    process.unfinished = true;
    return;
  }
  if (error instanceof ElectorBusy && process.closing) return;
  process.sim.judge.accuse("crash", `${process.name}: ${(error as Error).stack ?? error}`);
}

async function contend(process: Process): Promise<void> {
  const { sim: { dice, leaseDurationMs }, elector } = process;
  const controller = new AbortController();
  const { signal } = controller;
  if (dice.chance(0.2)) {
    process.later(3 * leaseDurationMs * dice.next(), () => {
      process.note("aborts");
      controller.abort();
    });
  }
  const options = dice.chance(0.5) ? { signal } : {};
  if (dice.chance(0.7)) {
    await elector.run((term) => work(process, term), options);
    return;
  }
  for await (const term of elector.terms(options)) {
    try {
      await work(process, term);
    } catch (error) {
      if (!(error instanceof TermOver)) throw error;
    }
    if (dice.chance(0.3)) break;
  }
}

/** The work of a term. */
async function work(process: Process, term: Term): Promise<void> {
  const { sim: { judge, dice } } = process;
  process.note(`works with ${term.token}`);
  judge.begins(process, term);
  process.running++;
  try {
    const deaf = dice.chance(0.2);
    for (let left = 1 + dice.below(8); left > 0; left--) {
      if (!deaf && term.signal.aborted) break;
      act(process, term, deaf);
      await pause(process, term, deaf);
      misbehave(process, term);
    }
    if (dice.chance(0.1)) throw new UserError("the work failed");
  } finally {
    process.running--;
    process.note("has worked");
  }
}

/** Tries one act. */
function act(process: Process, term: Term, deaf: boolean): void {
  try {
    term.check();
  } catch (error) {
    if (!(error instanceof TermOver)) throw error;
    if (!deaf) throw error;
    return;
  }
  process.sim.judge.acted(process, term);
}

async function pause(process: Process, term: Term, deaf: boolean): Promise<void> {
  const { sim } = process;
  const { dice, leaseDurationMs } = sim;
  // Work that is stuck comes free when all is well again.
  const stuck = sim.healing || !dice.chance(0.02) ? 0 : sim.healAt - sim.time;
  const ms = Math.max(stuck, dice.skewed((dice.chance(0.1) ? 3 : 0.7) * leaseDurationMs));
  const nap = process.nap(ms);
  if (deaf) return await nap;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = () => resolve();
  term.signal.addEventListener("abort", stop, { once: true });
  if (term.signal.aborted) stop();
  await Promise.race([nap, promise]);
  term.signal.removeEventListener("abort", stop);
}

/** What users may do at any time, but had better not. */
function misbehave(process: Process, term: Term): void {
  const { sim: { dice }, elector } = process;
  elector.status();
  if (dice.chance(0.05)) {
    process.note("stepDown()");
    elector.stepDown().catch((error) => complain(process, error));
  }
  if (dice.chance(0.02)) process.close().catch((error) => complain(process, error));
  if (dice.chance(0.1)) {
    term.run(() => piece(process, term)).catch((error) => {
      if (!(error instanceof TermOver)) complain(process, error);
    });
  }
  if (dice.chance(0.05)) {
    elector.run(() => {}).then(
      () => process.sim.judge.accuse("I8", `${process.name} contends twice`),
      (error) => {
        if (!(error instanceof ElectorBusy)) complain(process, error);
      },
    );
  }
}

/** A piece of work that may outlast the work that began it. */
async function piece(process: Process, term: Term): Promise<void> {
  const { sim: { dice, leaseDurationMs } } = process;
  process.running++;
  try {
    act(process, term, true);
    await process.nap(dice.skewed(leaseDurationMs));
    act(process, term, true);
    if (dice.chance(0.2)) throw new UserError("a piece of work failed");
  } finally {
    process.running--;
  }
}

/** Readers of the holder: some stay, some leave, some walk away without a word. */
async function observe(process: Process): Promise<void> {
  const { sim: { dice, leaseDurationMs }, elector } = process;
  const controller = new AbortController();
  const changes = elector.observe(dice.chance(0.5) ? { signal: controller.signal } : {});
  process.later(5 * leaseDurationMs * dice.next(), () => controller.abort());
  let left = dice.below(6);
  const abandon = dice.chance(0.3);
  if (abandon) {
    await changes.next();
    return;
  }
  for await (const { leader, identity } of changes) {
    if ((leader === null) !== (identity === null)) {
      process.sim.judge.accuse("crash", "observe() yields half a holder");
    }
    if (left-- === 0) break;
  }
}
