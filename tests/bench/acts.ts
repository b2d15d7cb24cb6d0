/**
 * Reading the log of acts. Every replica of a contest appends to the same file, and one kernel orders all
 * appends: an act of an older term that stands behind the first act of a newer one was done while another
 * led. That needs no clock.
 *
 * @module
 */

/** One line. */
export interface Act {
  /** Unix milliseconds, read right before the act. */
  readonly at: number;
  /** `<replica>#<term>`. */
  readonly term: string;
}

/**
 * Reads all acts, in the order in which they were done.
 *
 * @param path A file that need not exist.
 */
export async function readActs(path: string): Promise<Act[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return text.split("\n").slice(0, -1).map((line) => {
    const [at, term] = line.split(" ");
    return { at: Number(at), term: term! };
  });
}

/** The acts of a replica's terms. */
export function actsOf(acts: readonly Act[], replica: string): Act[] {
  return acts.filter(({ term }) => term.startsWith(`${replica}#`));
}

/** Acts that stand behind the first act of a later term. */
export function staleActs(acts: readonly Act[]): Act[] {
  const order = new Map<string, number>();
  let newest = -1;
  const stale: Act[] = [];
  for (const act of acts) {
    let place = order.get(act.term);
    if (place === undefined) order.set(act.term, place = order.size);
    if (place < newest) stale.push(act);
    newest = Math.max(newest, place);
  }
  return stale;
}
