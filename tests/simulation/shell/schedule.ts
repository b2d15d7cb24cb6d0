// What will happen in virtual time, in order: the earliest first, and of equal ones that which was added first.

/** Something that will happen. */
export interface Event {
  at: number;
  /** The host that it reaches; -1 if it is nobody's. A host that stands still is not reached. */
  readonly who: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** A list of what will happen, kept in order: it is short. */
export class Schedule {
  readonly #events: Event[] = [];

  /** @returns The event, which may be cancelled. */
  add(at: number, who: number, run: () => void): Event {
    const event = { at, who, run, cancelled: false };
    this.#put(event);
    return event;
  }

  /** Puts an event that was taken out off until later. */
  postpone(event: Event, at: number): void {
    event.at = at;
    this.#put(event);
  }

  #put(event: Event): void {
    const { at } = event;
    let [low, high] = [0, this.#events.length];
    // The latest stands first, so that the next one is taken off the end.
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#events[middle]!.at > at) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
  }

  /** The next one, which is taken out; `undefined` if there is none. */
  take(): Event | undefined {
    for (let event; (event = this.#events.pop()) !== undefined;) if (!event.cancelled) return event;
  }
}
