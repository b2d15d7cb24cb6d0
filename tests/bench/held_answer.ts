/**
 * The answer to the acquiring PUT is held back until the Lease has expired: the term must never start.
 *
 * @module
 */
import { actsOf, readActs, staleActs } from "./acts.ts";
import { sleep } from "./bell.ts";
import type { ProxiedWay } from "./cluster.ts";
import { Contest } from "./contest.ts";
import { figure, type Row } from "./report.ts";
import { type Bench, inBatches } from "./trials.ts";

const TRIALS = 20;
const WIDTH = 5;
const LEASE_MS = 15_000;
/** Answers are held from this long before the candidate may take the Lease. */
const LEAD_MS = 120;
const HELD_MS = 20_000;
const AFTER_MS = 4_000;
const START_LIMIT_MS = 30_000;

interface Held extends AsyncDisposable {
  readonly contest: Contest;
  readonly way: ProxiedWay;
}

/**
 * Answer to the acquiring PUT held back for 20 s. The rival is left out: it reads before it writes, so
 * bytes alone do not tell the answer to its PUT from that to its GET.
 */
export async function heldAnswer(bench: Bench): Promise<Row[]> {
  const { results, failures } = await inBatches(bench, {
    what: "held answer of k8sensus",
    total: bench.trials(TRIALS),
    width: WIDTH,
    prepare: () => prepare(bench),
    measure: holdAnswer,
  });
  const acts = results.map(({ acts }) => acts);
  const started = results.filter(({ started }) => started).length;
  const led = results.filter(({ nextLed }) => nextLed).length;
  const figures = [figure("k8sensus", acts, failures, [
    `the term started: ${started} of ${results.length}; another led meanwhile: ${led}`,
  ])];
  const what = "answer to the acquiring PUT held back for 20 s: acts of that term";
  return [{ key: "held", what, unit: "acts", target: { max: 0 }, figures }];
}

function prepare(bench: Bench): Promise<Held> {
  return bench.cluster.proxied().then((way) => {
    const contest = new Contest(bench.cluster, bench.makes.worker);
    const dispose = async () => {
      await contest[Symbol.asyncDispose]();
      await way[Symbol.asyncDispose]();
    };
    return { contest, way, [Symbol.asyncDispose]: dispose };
  });
}

/**
 * The candidate makes the Lease itself and, trusting nobody, waits for one lease duration: so the bench
 * knows to a few milliseconds when its PUT comes.
 */
async function holdAnswer(
  { contest, way }: Held,
): Promise<{ acts: number; started: boolean; nextLed: boolean }> {
  const { kubeconfig } = way;
  const candidate = contest.join({ kubeconfig, distrustUnheld: true });
  const made = await contest.watch.seen("a Lease", START_LIMIT_MS, ({ deleted }) => !deleted);
  await sleep(made.at + LEASE_MS - LEAD_MS - Date.now());
  way.proxy.holdAnswers();
  const isOurs = ({ holder }: { holder: string }) => holder.startsWith(candidate.name);
  const committed = await contest.watch.seen("the acquiring PUT", LEASE_MS, isOurs);
  const next = contest.join();
  await sleep(committed.at + HELD_MS - Date.now());
  way.proxy.releaseAnswers();
  await sleep(AFTER_MS);
  const acts = await readActs(contest.acts);
  return {
    // A term that started and ended before the next began would still be one that started.
    acts: actsOf(acts, candidate.name).length + staleActs(acts).length,
    started: candidate.find("elected") !== undefined,
    nextLed: next.find("elected") !== undefined,
  };
}
