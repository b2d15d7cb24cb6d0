// What the checker throws.

/** The names of what must hold; see `docs/safety.md`. `crash`: the machine itself threw. */
export type Invariant =
  | "I1"
  | "I2"
  | "I3"
  | "I4"
  | "I5"
  | "I6"
  | "I7"
  | "I8"
  | "I9"
  | "I10"
  | "crash";

/** Something happened that must never happen. */
export class Violation extends Error {
  override readonly name = "Violation";

  /**
   * @param invariant What is broken.
   * @param what By whom and how.
   */
  constructor(readonly invariant: Invariant, what: string) {
    super(`${invariant}: ${what}`);
  }
}

/** Tells that a law is broken, and how. */
export function broken(invariant: Invariant, what: string): never {
  throw new Violation(invariant, what);
}
