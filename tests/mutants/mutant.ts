/**
 * A mutant: the code with one thing broken on purpose, and how it is put into a file.
 *
 * @module
 */

/** One thing to break. */
export interface Mutant {
  /** Short, in kebab case: what the broken code does. */
  readonly name: string;
  /** The invariant (I1 to I10) or situation (H1 to H20) that it breaks. */
  readonly breaks: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly from: string;
  /** Takes its place; it must type-check, so that it dies of what it does. */
  readonly to: string;
  /** The tests that should kill it, below `tests/`: tried first. */
  readonly tests: readonly string[];
  /** Why no seed of the simulator can tell it from the code as it is: it is told by tests alone. */
  readonly seedless?: string;
}

/**
 * Breaks a file.
 *
 * @param text The file as it is.
 * @param mutant What to break in it.
 * @returns The broken file; `undefined` if the mutant is stale: its place is not there, or not alone.
 */
export function mutate(text: string, { from, to }: Mutant): string | undefined {
  const parts = text.split(from);
  return parts.length === 2 ? parts.join(to) : undefined;
}
