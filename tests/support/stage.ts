/**
 * One elector whose clock and API server are under the hand of the test.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Elector } from "../../lib/elector.ts";
import type { ElectorOptions } from "../../lib/elector_options.ts";
import type { LeaseApi } from "../../lib/kubernetes/leases.ts";
import type { Answer, Lease, LeaseRecord, WatchEnd, WatchEvent } from "../../lib/lease.ts";
import { FakeClock } from "./fake_clock.ts";
import { held, released, stored } from "./rig.ts";
import { settled } from "./until.ts";

/** A request that has not been answered. */
export interface Request {
  /** What is to be written; absent from a read. */
  readonly lease?: Lease;
  readonly signal: AbortSignal;
  readonly answer: (answer: Answer) => void;
  /** Which is a defect: everything that a network can do is an answer. */
  readonly fail: (error: Error) => void;
}

/** A watch, open or not. */
export interface Watch {
  readonly signal: AbortSignal;
  readonly report: (event: WatchEvent) => void;
  readonly end: (end: WatchEnd) => void;
  readonly fail: (error: Error) => void;
}

/** An API server that answers when the test does. */
export class ApiByHand implements LeaseApi {
  readonly requests: Request[] = [];
  readonly watches: Watch[] = [];
  /** Whether what is aborted fails at once, as it mostly does; otherwise it waits for the test. */
  prompt = true;

  read(signal: AbortSignal): Promise<Answer> {
    return this.#request(signal);
  }

  write(lease: Lease, signal: AbortSignal): Promise<Answer> {
    return this.#request(signal, lease);
  }

  watch(
    _: string | undefined,
    signal: AbortSignal,
    report: (event: WatchEvent) => void,
  ): Promise<WatchEnd> {
    const { promise, resolve, reject } = Promise.withResolvers<WatchEnd>();
    this.watches.push({ report, signal, end: resolve, fail: reject });
    this.#onAbort(signal, () => resolve("failed"));
    return promise;
  }

  #request(signal: AbortSignal, lease?: Lease): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.requests.push({ lease, signal, answer: resolve, fail: reject });
    this.#onAbort(signal, () => resolve({ kind: "unknown", message: "aborted" }));
    return promise;
  }

  #onAbort(signal: AbortSignal, fail: () => void): void {
    signal.addEventListener("abort", () => {
      if (this.prompt) fail();
    });
  }
}

/** Lets every promise that is ready run on. */
export const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** An elector, and all that it is made to believe. */
export class Stage {
  readonly clock = new FakeClock();
  readonly api = new ApiByHand();
  readonly elector: Elector;
  #rv = 10;

  constructor(options: Partial<ElectorOptions> = {}) {
    this.elector = new Elector({
      leaseName: "x",
      identity: "me",
      clock: this.clock,
      leases: this.api,
      ...options,
    });
  }

  /** The watch that was opened last. */
  get watch(): Watch {
    return this.api.watches.at(-1)!;
  }

  /** The next request, once it is there. */
  async next(): Promise<Request> {
    await turn();
    const request = this.api.requests.shift();
    assert(request !== undefined, "a request is expected");
    return request;
  }

  /** Commits the next request, which must be a write, and shows it on the watch. */
  async commit(): Promise<Lease> {
    const { lease, answer } = await this.next();
    const record = stored(lease!, ++this.#rv);
    answer({ kind: "lease", record });
    this.watch.report({ type: "lease", record });
    await turn();
    return lease!;
  }

  /** Opens the watch and shows a Lease; a released one is going to be taken. */
  async open(record: LeaseRecord = released(this.#rv)): Promise<void> {
    await turn();
    this.watch.report({ type: "opened" });
    this.watch.report({ type: "lease", record });
  }

  /** Shows a released Lease and lets it be taken. */
  async elect(): Promise<void> {
    await this.open();
    await this.commit();
  }

  /** Shows that somebody else holds the Lease. */
  lose(): void {
    this.#rv += 10;
    this.watch.report({ type: "lease", record: held(this.#rv) });
  }

  /** Nothing may be left of a closed elector. */
  async close(): Promise<void> {
    await settled("close()", this.elector.close());
    this.assertIdle();
  }

  /** Nothing is under way. */
  assertIdle(): void {
    assertEquals(this.clock.timers, 0, "no timer");
    for (const { signal } of this.api.watches) assert(signal.aborted, "no watch");
    assertEquals(this.api.requests.filter(({ signal }) => !signal.aborted), [], "no request");
  }
}
