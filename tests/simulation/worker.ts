// Plays the seeds that it is told, in a thread of its own.
import { playSeeds } from "./campaign.ts";

/** Which seeds to play. */
export interface Errand {
  readonly first: number;
  readonly count: number;
}

/** The globals of a worker. */
const thread = globalThis as unknown as {
  onmessage: (event: MessageEvent<Errand>) => void;
  postMessage(message: unknown): void;
};

thread.onmessage = ({ data: { first, count } }) => {
  const { tally, ...share } = playSeeds(first, count);
  thread.postMessage({ ...share, tally: tally.toJSON() });
};
