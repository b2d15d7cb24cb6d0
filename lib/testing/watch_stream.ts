/**
 * One watch: a cursor that follows the history of the store, so that nothing is buffered for a client
 * that reads slowly or for a stream that has been silenced.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Lease } from "../lease.ts";
import type { LeaseStore, StoreEvent } from "./lease_store.ts";
import { type ListOptions, tooLarge } from "./list_options.ts";
import { failure, GROUP } from "./status.ts";

/** What a watch needs beside the store. */
export interface WatchSetup {
  /** What was asked for. */
  readonly options: ListOptions;
  /** Of the URL; all if absent. */
  readonly namespace?: string;
  /** For bookmarks and the end. */
  readonly clock: Clock;
  /** How often a bookmark comes, in milliseconds. */
  readonly bookmarkMs: number;
  /** Whether it has to hold its tongue. */
  readonly silent: () => boolean;
  /** Called once, when it is over. */
  readonly onEnd: (stream: WatchStream) => void;
}

/** How long before its end a watch gets a bookmark, in milliseconds; as the real server. */
const LAST_BOOKMARK_MS = 2_000;

/** One watch, as a stream of JSON lines. */
export class WatchStream {
  /** The body of the answer. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #store: LeaseStore;
  readonly #setup: WatchSetup;
  readonly #encoder = new TextEncoder();
  readonly #stops: (() => void)[] = [];
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  /** What has been told; `undefined` while the present state is still to be told. */
  #cursor: bigint | undefined;
  #pumping = false;
  #over = false;

  /**
   * @param store What is watched.
   * @param setup How.
   */
  constructor(store: LeaseStore, setup: WatchSetup) {
    this.#store = store;
    this.#setup = setup;
    const { options: { from, sendInitialEvents, timeoutSeconds }, clock } = setup;
    const presentFirst = sendInitialEvents ?? from === undefined;
    this.#cursor = presentFirst ? undefined : from ?? store.revision;
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.pump(),
      cancel: () => this.#finish(() => {}),
    });
    this.#stops.push(store.subscribe(() => this.pump()));
    if (timeoutSeconds !== undefined) {
      this.#stops.push(clock.schedule(Math.max(0, timeoutSeconds * 1_000), () => this.end()));
    }
    if (setup.options.bookmarks) this.#scheduleBookmark();
    this.pump();
  }

  /** Tells what can be told: stops when the client has enough to read. */
  pump(): void {
    // Writing makes the stream ask for more at once: that must not tell anything twice.
    if (this.#pumping || this.#over || this.#setup.silent()) return;
    this.#pumping = true;
    this.#tell();
    this.#pumping = false;
  }

  #tell(): void {
    if (this.#cursor === undefined && !this.#tellPresent()) return;
    const events = this.#store.since(this.#cursor!);
    if (events === undefined) return this.#expire();
    for (const event of events) {
      if (this.#full) return;
      this.#cursor = event.revision;
      this.#tellChange(event);
    }
  }

  /** Ends the stream in good order. */
  end(): void {
    this.#finish((controller) => controller.close());
  }

  /** Whether it has ended. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether what was written has not been read yet. */
  get #full(): boolean {
    return (this.#controller.desiredSize ?? 0) < -1_000;
  }

  /** @returns Whether the watch goes on. */
  #tellPresent(): boolean {
    const { options: { from, sendInitialEvents, bookmarks }, namespace } = this.#setup;
    const { revision } = this.#store;
    if (from !== undefined && from > revision) {
      this.#write("ERROR", tooLarge(from, revision));
      this.end();
      return false;
    }
    for (const lease of this.#store.list(namespace)) {
      if (this.#setup.options.matches(lease)) this.#write("ADDED", lease);
    }
    this.#cursor = revision;
    if (sendInitialEvents === true && bookmarks) {
      this.#bookmark({ "k8s.io/initial-events-end": "true" });
    }
    return true;
  }

  #tellChange({ type, revision, lease, previous }: StoreEvent): void {
    const { options: { matches }, namespace } = this.#setup;
    if (namespace !== undefined && lease.metadata.namespace !== namespace) return;
    const was = previous !== undefined && matches(previous);
    const is = type !== "DELETED" && matches(lease);
    if (is) this.#write(was ? "MODIFIED" : "ADDED", lease);
    else if (was) {
      // A Lease that no longer matches is told as it last matched, with the version that ended it.
      const metadata = { ...previous.metadata, resourceVersion: String(revision) };
      this.#write("DELETED", { ...previous, metadata });
    }
  }

  #expire(): void {
    const message = `too old resource version: ${this.#cursor} (${this.#store.compacted})`;
    this.#write("ERROR", failure(410, "Expired", message));
    this.end();
  }

  #bookmark(annotations?: Record<string, string>): void {
    const resourceVersion = String(this.#cursor);
    const metadata = annotations === undefined
      ? { resourceVersion }
      : { resourceVersion, annotations };
    const bookmark = { kind: "Lease", apiVersion: `${GROUP}/v1`, metadata, spec: {} };
    this.#write("BOOKMARK", bookmark);
  }

  #scheduleBookmark(): void {
    const { clock, bookmarkMs, silent, options: { timeoutSeconds } } = this.#setup;
    const tell = () => {
      // A cursor that lags behind, or lies in the future, has nothing to promise.
      const upToDate = this.#cursor === this.#store.revision;
      if (upToDate && !silent() && !this.#full) this.#bookmark();
    };
    let stop = () => {};
    const arm = () => {
      stop = clock.schedule(bookmarkMs, () => {
        tell();
        arm();
      });
    };
    arm();
    this.#stops.push(() => stop());
    const lastMs = (timeoutSeconds ?? 0) * 1_000 - LAST_BOOKMARK_MS;
    if (lastMs > 0) this.#stops.push(clock.schedule(lastMs, tell));
  }

  #write(type: string, object: Lease | object): void {
    this.#controller.enqueue(this.#encoder.encode(`${JSON.stringify({ type, object })}\n`));
  }

  #finish(close: (controller: ReadableStreamDefaultController) => void): void {
    if (this.#over) return;
    this.#over = true;
    for (const stop of this.#stops) stop();
    close(this.#controller);
    this.#setup.onEnd(this);
  }
}
