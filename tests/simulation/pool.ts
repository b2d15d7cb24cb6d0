// Spreads seeds over threads.
import { SEEDS, type Share } from "./campaign.ts";
import { Tally } from "./tally.ts";

/** Seeds that a thread plays before it reports. */
const PORTION = 100;

/** Which seeds are played, and until when. */
export interface Range {
  readonly first: number;
  readonly count: number;
  /** Whether to stop before all are played; asked before every portion. */
  readonly enough: () => boolean;
  readonly jobs: number;
}

/** Plays seeds in several threads; `report` is told of every portion as it comes in. */
export async function playParallel(range: Range, report: (share: Share) => void): Promise<void> {
  const { first, count, enough, jobs } = range;
  let next = 0;
  const run = async () => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    try {
      while (next < count && !enough()) {
        const portion = Math.min(PORTION, count - next);
        const errand = { first: (first + next) % SEEDS, count: portion };
        next += portion;
        report(await ask(worker, errand));
      }
    } finally {
      worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: jobs }, run));
}

function ask(worker: Worker, errand: { first: number; count: number }): Promise<Share> {
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`Cannot play seeds from ${errand.first} on: ${event.message}`));
    };
    worker.onmessage = ({ data }) => resolve({ ...data, tally: Tally.from(data.tally) });
    worker.postMessage(errand);
  });
}
