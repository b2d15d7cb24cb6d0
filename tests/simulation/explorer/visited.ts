// A set of 64-bit fingerprints. A JavaScript Set ends at 2^24 members; this one only at the end of memory.

const MOST_LOAD = 0.6;

/** Fingerprints that were met, by open addressing in typed arrays that grow. */
export class Visited {
  #low: Int32Array;
  #high: Int32Array;
  #mask: number;
  #size = 0;

  /** @param capacity A power of two. */
  constructor(capacity = 1 << 16) {
    this.#low = new Int32Array(capacity);
    this.#high = new Int32Array(capacity);
    this.#mask = capacity - 1;
  }

  /** How many it holds. */
  get size(): number {
    return this.#size;
  }

  /** Of its arrays. */
  get bytes(): number {
    return this.#low.byteLength + this.#high.byteLength;
  }

  /**
   * Puts a fingerprint in.
   *
   * @returns Whether it was not there.
   */
  add(low: number, high: number): boolean {
    // An empty place is two zeros.
    if (low === 0 && high === 0) low = 1;
    const at = this.#place(low | 0, high | 0);
    if (this.#low[at] !== 0 || this.#high[at] !== 0) return false;
    this.#low[at] = low;
    this.#high[at] = high;
    if (++this.#size > MOST_LOAD * (this.#mask + 1)) this.#grow();
    return true;
  }

  /** Where it is, or would be. */
  #place(low: number, high: number): number {
    let at = low & this.#mask;
    while (
      (this.#low[at] !== 0 || this.#high[at] !== 0) &&
      (this.#low[at] !== low || this.#high[at] !== high)
    ) at = (at + 1) & this.#mask;
    return at;
  }

  #grow(): void {
    const [low, high] = [this.#low, this.#high];
    const capacity = 2 * low.length;
    this.#low = new Int32Array(capacity);
    this.#high = new Int32Array(capacity);
    this.#mask = capacity - 1;
    for (let i = 0; i < low.length; i++) {
      if (low[i] === 0 && high[i] === 0) continue;
      const at = this.#place(low[i]!, high[i]!);
      this.#low[at] = low[i]!;
      this.#high[at] = high[i]!;
    }
  }
}
