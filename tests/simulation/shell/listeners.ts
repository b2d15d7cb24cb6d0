// Which abort signals have listeners: one that is left on a signal that never aborts is a leak.

/** Counts while it is in use. */
export class Listeners implements Disposable {
  readonly #on = new Map<AbortSignal, number>();
  readonly #add = AbortSignal.prototype.addEventListener;
  readonly #remove = AbortSignal.prototype.removeEventListener;

  constructor() {
    const counted = new WeakMap<AbortSignal, Set<unknown>>();
    const [add, remove, on] = [this.#add, this.#remove, this.#on];
    const count = (signal: AbortSignal, listener: unknown, there: boolean) => {
      const set = counted.get(signal) ?? new Set();
      counted.set(signal, set);
      if (there) set.add(listener);
      else set.delete(listener);
      if (set.size > 0) on.set(signal, set.size);
      else on.delete(signal);
    };
    AbortSignal.prototype.addEventListener = function (
      this: AbortSignal,
      ...args: Parameters<typeof add>
    ) {
      if (args[0] === "abort" && !this.aborted) count(this, args[1], true);
      return add.apply(this, args);
    };
    AbortSignal.prototype.removeEventListener = function (
      this: AbortSignal,
      ...args: Parameters<typeof remove>
    ) {
      if (args[0] === "abort") count(this, args[1], false);
      return remove.apply(this, args);
    };
  }

  /** How many there are on signals that may still abort. */
  get left(): number {
    return [...this.#on].reduce((sum, [signal, count]) => signal.aborted ? sum : sum + count, 0);
  }

  [Symbol.dispose](): void {
    AbortSignal.prototype.addEventListener = this.#add;
    AbortSignal.prototype.removeEventListener = this.#remove;
  }
}
