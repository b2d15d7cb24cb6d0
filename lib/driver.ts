/**
 * The one loop of an elector: it steps the machine when a timer is due, a request is answered, the
 * watch reports or somebody calls, and carries out the effects. It has no opinions.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import type { Effect, Election, Input } from "./election.ts";
import type { LeaseApi } from "./kubernetes/leases.ts";

/** What somebody has to be told. */
export type Tidings =
  /** An effect that is not a request. */
  | Exclude<Effect, { type: "write" | "read" | "abandon" | "watch" | "unwatch" }>
  /** A defect has stopped the machine: whatever term there is, it is over. */
  | { readonly type: "failed" };

/** The loop turns at least so often, so that a stuck one shows. */
const LONGEST_TURN_MS = 5_000;

/** Runs one {@linkcode Election}. */
export class Driver {
  readonly #election: Election;
  readonly #api: LeaseApi;
  readonly #clock: Clock;
  readonly #tell: (tidings: Tidings) => void;
  readonly #requests = new Map<number, AbortController>();
  readonly #watches = new Map<number, AbortController>();
  readonly #inputs: Input[] = [];
  #stepping = false;
  #failure?: { readonly error: unknown };
  #cancelTimer = () => {};
  #turn = Promise.withResolvers<void>();
  #users = 0;
  #busy = 0;

  /** When the loop last turned, monotonic, in milliseconds. */
  turnedAt: number;

  /**
   * @param election The machine.
   * @param api Where its requests go.
   * @param clock Its time.
   * @param tell Takes what is not a request; it is called within the step and must not wait.
   */
  constructor(
    election: Election,
    api: LeaseApi,
    clock: Clock,
    tell: (tidings: Tidings) => void,
  ) {
    this.#election = election;
    this.#api = api;
    this.#clock = clock;
    this.#tell = tell;
    this.turnedAt = clock.now().mono;
  }

  /** Somebody wants the Lease watched. */
  enter(): void {
    if (this.#users++ === 0) this.step({ type: "start" });
  }

  /** As {@linkcode enter}, undone; the last one to leave turns off the light. */
  leave(): void {
    if (--this.#users === 0) {
      if (this.#failure === undefined) this.step({ type: "stop" });
      this.#cancelTimer();
      this.#abortAll();
    }
    this.#pulse();
  }

  /**
   * Steps the machine, unless a step is under way (an abort listener may call): then right after it.
   */
  step(input: Input): void {
    if (this.#failure !== undefined) return;
    this.#inputs.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next; (next = this.#inputs.shift()) !== undefined;) this.#stepOnce(next);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#stepping = false;
      this.#pulse();
    }
  }

  /**
   * Waits until a condition holds; it is looked at after every step.
   *
   * @throws Whatever stopped the machine, which is a defect.
   */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#failure !== undefined) throw this.#failure.error;
      await this.#turn.promise;
    }
  }

  /** Waits until nobody is in here any more, and nothing is on its way; a defect does not cut it short. */
  async gone(): Promise<void> {
    while (this.#users > 0 || this.#busy > 0) await this.#turn.promise;
  }

  #stepOnce(input: Input): void {
    const now = this.#clock.now();
    this.turnedAt = now.mono;
    const effects = this.#election.step(input, now, this.#clock.random());
    for (const effect of effects) this.#perform(effect);
    this.#arm();
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "write":
        return this.#request(effect.id, (signal) => this.#api.write(effect.lease, signal));
      case "read":
        return this.#request(effect.id, (signal) => this.#api.read(signal));
      case "abandon":
        return this.#drop(this.#requests, effect.id);
      case "watch":
        return this.#watch(effect.watch, effect.from);
      case "unwatch":
        return this.#drop(this.#watches, effect.watch);
      default:
        this.#tell(effect);
    }
  }

  #request(id: number, send: (signal: AbortSignal) => ReturnType<LeaseApi["read"]>): void {
    const controller = new AbortController();
    this.#requests.set(id, controller);
    this.#follow(send(controller.signal), (answer) => {
      this.#requests.delete(id);
      this.step({ type: "answered", id, answer });
    });
  }

  #watch(watch: number, from: string | undefined): void {
    const controller = new AbortController();
    this.#watches.set(watch, controller);
    const stream = this.#api.watch(from, controller.signal, (event) => {
      this.step({ type: "watched", watch, event });
    });
    this.#follow(stream, (end) => {
      this.#watches.delete(watch);
      this.step({ type: "watchEnded", watch, end });
    });
  }

  /** What a request rejects with is a defect: everything that a network can do is an answer. */
  #follow<T>(request: Promise<T>, take: (value: T) => void): void {
    this.#busy++;
    request.then(take).catch((error) => this.#fail(error)).finally(() => {
      this.#busy--;
      this.#pulse();
    });
  }

  #drop(among: Map<number, AbortController>, id: number): void {
    among.get(id)?.abort();
    among.delete(id);
  }

  /** Sets the one timer for the machine's next deadline. */
  #arm(): void {
    this.#cancelTimer();
    // The last one may have left in the middle of a step, and that may have sent something since.
    if (this.#users === 0) return this.#abortAll();
    const now = this.#clock.now();
    const wait = Math.min(this.#election.deadline(now) - now.mono, LONGEST_TURN_MS);
    this.#cancelTimer = this.#clock.schedule(
      Math.max(0, wait),
      () => this.step({ type: "timer" }),
    );
  }

  #pulse(): void {
    const turn = this.#turn;
    this.#turn = Promise.withResolvers();
    turn.resolve();
  }

  /** A defect: nothing is sent or believed any more, and what was under way is told to stop. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#inputs.length = 0;
    this.#cancelTimer();
    this.#abortAll();
    this.#tell({ type: "failed" });
    this.#pulse();
  }

  #abortAll(): void {
    for (const controller of this.#requests.values()) controller.abort();
    for (const controller of this.#watches.values()) controller.abort();
    this.#requests.clear();
    this.#watches.clear();
  }
}
