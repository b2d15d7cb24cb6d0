// What is going to happen, in the order of true time: a binary heap of flat slots, so that adding and taking
// an entry allocates nothing.

/** Events by their time; those of one instant in the order in which they were added. */
export class Agenda {
  /** The entry that {@linkcode take} took last. */
  kind = 0;
  who = 0;
  number = 0;
  ref: unknown;
  more: unknown;
  at = 0;

  #size = 0;
  #added = 0;
  #heap = new Int32Array(64);
  #free = new Int32Array(64);
  #ats = new Float64Array(64);
  #orders = new Float64Array(64);
  #kinds = new Uint8Array(64);
  #whos = new Int32Array(64);
  #numbers = new Float64Array(64);
  #refs: unknown[] = [];
  #mores: unknown[] = [];

  constructor() {
    for (let slot = 0; slot < 64; slot++) this.#free[slot] = slot;
  }

  get size(): number {
    return this.#size;
  }

  /** When the next entry is due; `Infinity` if there is none. */
  get next(): number {
    return this.#size === 0 ? Infinity : this.#ats[this.#heap[0]!]!;
  }

  /** Adds an entry; what its fields mean is up to its kind. */
  add(at: number, kind: number, who: number, number = 0, ref?: unknown, more?: unknown): void {
    if (this.#size === this.#heap.length) this.#grow();
    const slot = this.#free[this.#size]!;
    this.#ats[slot] = at;
    this.#orders[slot] = this.#added++;
    this.#kinds[slot] = kind;
    this.#whos[slot] = who;
    this.#numbers[slot] = number;
    this.#refs[slot] = ref;
    this.#mores[slot] = more;
    this.#rise(this.#size++, slot);
  }

  /** Takes the next entry out; its fields are those of this agenda until the next one is taken. */
  take(): void {
    const slot = this.#heap[0]!;
    this.at = this.#ats[slot]!;
    this.kind = this.#kinds[slot]!;
    this.who = this.#whos[slot]!;
    this.number = this.#numbers[slot]!;
    this.ref = this.#refs[slot];
    this.more = this.#mores[slot];
    this.#refs[slot] = this.#mores[slot] = undefined;
    const last = this.#heap[--this.#size]!;
    this.#free[this.#size] = slot;
    if (this.#size > 0) this.#sink(last);
  }

  /** When the last entry with a kind in this range is due; `-Infinity` if there is none. */
  latest(low: number, high: number): number {
    let latest = -Infinity;
    for (let place = 0; place < this.#size; place++) {
      const slot = this.#heap[place]!;
      const kind = this.#kinds[slot]!;
      if (kind >= low && kind <= high) latest = Math.max(latest, this.#ats[slot]!);
    }
    return latest;
  }

  #before(a: number, b: number): boolean {
    const at = this.#ats[a]!;
    const other = this.#ats[b]!;
    return at < other || (at === other && this.#orders[a]! < this.#orders[b]!);
  }

  #rise(start: number, slot: number): void {
    const heap = this.#heap;
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent]!;
      if (!this.#before(slot, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = slot;
  }

  #sink(slot: number): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#before(heap[child + 1]!, heap[child]!)) child++;
      const below = heap[child]!;
      if (!this.#before(below, slot)) break;
      heap[place] = below;
      place = child;
    }
    heap[place] = slot;
  }

  #grow(): void {
    const old = this.#heap.length;
    const wider = <T extends { set(from: T): void }>(made: T, from: T): T => {
      made.set(from);
      return made;
    };
    this.#heap = wider(new Int32Array(2 * old), this.#heap);
    this.#free = wider(new Int32Array(2 * old), this.#free);
    this.#ats = wider(new Float64Array(2 * old), this.#ats);
    this.#orders = wider(new Float64Array(2 * old), this.#orders);
    this.#kinds = wider(new Uint8Array(2 * old), this.#kinds);
    this.#whos = wider(new Int32Array(2 * old), this.#whos);
    this.#numbers = wider(new Float64Array(2 * old), this.#numbers);
    for (let slot = old; slot < 2 * old; slot++) this.#free[slot] = slot;
  }
}
