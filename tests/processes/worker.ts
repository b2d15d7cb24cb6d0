/**
 * A program as users write them: in a pod, with the library, it acts every few milliseconds as long as its
 * term lets it, up to the fence and not only up to `term.signal`, which is the worst that a user's work may
 * do.
 *
 * Its flags are those of `start`. What only tests want of it stands in the environment, see `HABITS`.
 *
 * @module
 */
import { parseStart } from "../../lib/cli/flags.ts";
import { createLogger } from "../../lib/cli/log.ts";
import { onStopSignals } from "../../lib/cli/signals.ts";
import { Client, Elector, type Term, TermOver } from "../../mod.ts";
import { type ActLog, openActLog } from "../support/act_log.ts";
import { pause } from "../support/until.ts";

const ACT_PERIOD_MS = 10;

const env = (name: string) => Deno.env.get(name) ?? "";

const HABITS = {
  /** The file for its acts. */
  acts: env("ACT_LOG"),
  /** The folder of its service account. */
  account: env("SERVICE_ACCOUNT"),
  /** How long its work goes on after SIGTERM. */
  lingerMs: Number(env("LINGER_MS")),
  /** It acts without a look at the clock, whatever it is told. */
  unsafe: env("UNSAFE") !== "",
  /** When its term is over it stops acting, but its work does not end before SIGTERM. */
  stays: env("STAYS") !== "",
};

/** Resolves when the signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** The work of a term. */
async function work(term: Term, log: ActLog, stop: AbortSignal): Promise<void> {
  const check = HABITS.unsafe ? () => {} : () => term.check();
  let endsAt = Infinity;
  aborted(stop).then(() => endsAt = performance.now() + HABITS.lingerMs);
  try {
    while (performance.now() < endsAt) {
      log.act(term, check);
      await pause(ACT_PERIOD_MS);
    }
  } catch (error) {
    if (!(error instanceof TermOver) || !HABITS.stays) throw error;
    await aborted(stop);
  }
}

if (import.meta.main) {
  const settings = parseStart(Deno.args);
  const logger = createLogger({ level: settings.logLevel, format: settings.logFormat });
  const stop = new AbortController();
  using _signals = onStopSignals(logger, stop);
  using log = openActLog(HABITS.acts);
  await using client = Client.inCluster({ directory: HABITS.account });
  await using elector = new Elector({ ...settings, client, logger });
  await elector.run((term) => work(term, log, stop.signal), { signal: stop.signal });
}
