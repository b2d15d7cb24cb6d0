// By which move from which state each state was met first: all that is needed to show the way to any of them.
import type { Move } from "./moves.ts";

/** A tree of states, numbered as they are met. */
export class Lineage {
  #parents = new Int32Array(1 << 16);
  #moves = new Uint16Array(1 << 16);
  #size = 0;

  /**
   * Adds a state.
   *
   * @param parent The number of the state before it; -1 for the first.
   * @returns Its number.
   */
  add(parent: number, move: Move): number {
    if (this.#size === this.#parents.length) {
      this.#parents = grown(this.#parents, new Int32Array(2 * this.#size));
      this.#moves = grown(this.#moves, new Uint16Array(2 * this.#size));
    }
    this.#parents[this.#size] = parent;
    this.#moves[this.#size] = move;
    return this.#size++;
  }

  /** The moves from the first state to this one. */
  movesTo(number: number): Move[] {
    const moves: Move[] = [];
    for (let at = number; this.#parents[at]! >= 0; at = this.#parents[at]!) {
      moves.push(this.#moves[at]!);
    }
    return moves.reverse();
  }
}

function grown<T extends Int32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
