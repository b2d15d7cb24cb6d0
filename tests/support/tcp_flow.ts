/**
 * One direction of a connection through `TcpProxy`: reads from one socket, and writes to the other when the
 * conditions allow.
 *
 * @module
 */
import type { Socket } from "node:net";

/** The weather for one direction, shared by all connections; the proxy changes it, the flows look at it. */
export interface FlowConditions {
  /** Whether bytes are delivered, kept, or thrown away. */
  mode: "pass" | "hold" | "swallow";
  latencyMs: number;
  jitterMs: number;
  bytesPerSecond: number;
  /** Bytes written to their destination. */
  delivered: number;
  /** Bytes thrown away. */
  swallowed: number;
}

/** What travels: the opening of the connection, bytes, its orderly end, its abrupt end. */
type Item =
  | { readonly kind: "open" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "broken" };

/** An item and when it arrives at the other end. */
interface Piece {
  item: Item;
  dueMs: number;
}

/** Beyond this the sender is no longer read, and feels it as it would a full TCP window. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;
/** A throttled flow writes this often a second, if there are as many bytes. */
const WRITES_PER_SECOND = 20;

/** One direction of one connection. */
export class Flow {
  /** Whether something was thrown away: what came after it must never be delivered. */
  lost = false;
  /** Whether the orderly end was delivered. */
  delivered = false;
  /** Bytes read and not yet delivered. */
  waitingBytes = 0;
  readonly #conditions: FlowConditions;
  readonly #open: () => Promise<Socket>;
  readonly #onDelivered: () => void;
  readonly #onBroken: () => void;
  #source: Socket | undefined;
  #sink: Socket | undefined;
  #queue: Piece[] = [];
  #lastDueMs = 0;
  /** When a throttled flow may write again. */
  #pacedUntilMs = 0;
  #stopped = false;
  #woken = Promise.withResolvers<void>();

  /**
   * @param conditions Looked at before each delivery.
   * @param open Gives the socket to write to.
   * @param onDelivered After the orderly end has been delivered.
   * @param onBroken When the abrupt end arrives, or delivery is impossible.
   */
  constructor(
    conditions: FlowConditions,
    open: () => Promise<Socket>,
    onDelivered: () => void,
    onBroken: () => void,
  ) {
    this.#conditions = conditions;
    this.#open = open;
    this.#onDelivered = onDelivered;
    this.#onBroken = onBroken;
  }

  /** Begins. */
  readFrom(source: Socket): void {
    this.#source = source;
    let ended = false;
    const end = (kind: "end" | "broken") => {
      if (!ended) this.#push({ kind });
      ended = true;
    };
    this.#push({ kind: "open" });
    source.on("data", (bytes: Uint8Array) => this.#push({ kind: "bytes", bytes }));
    source.once("end", () => end("end"));
    source.on("error", () => end("broken"));
    source.once("close", () => end("broken"));
    this.#run();
  }

  /** The conditions have changed: look again. */
  wake(): void {
    this.#woken.resolve();
  }

  /** What is under way arrives now. */
  hurry(): void {
    for (const piece of this.#queue) piece.dueMs = 0;
    this.#lastDueMs = 0;
    this.#pacedUntilMs = 0;
    this.wake();
  }

  /** Nothing is delivered any more. */
  stop(): void {
    this.#stopped = true;
    this.#queue = [];
    this.waitingBytes = 0;
    this.wake();
  }

  #push(item: Item): void {
    if (this.#stopped) return;
    const { latencyMs, jitterMs } = this.#conditions;
    const due = performance.now() + latencyMs + Math.random() * jitterMs;
    this.#lastDueMs = Math.max(this.#lastDueMs, due);
    this.#queue.push({ item, dueMs: this.#lastDueMs });
    if (item.kind === "bytes") this.waitingBytes += item.bytes.length;
    if (this.waitingBytes > MAX_WAITING_BYTES) this.#source?.pause();
    this.wake();
  }

  /** One step at a time, and before each a look at the conditions as they are then. */
  async #run(): Promise<void> {
    while (!this.#stopped) {
      const piece = this.#queue[0];
      if (piece === undefined || this.#conditions.mode === "hold") {
        await this.#sleep();
        continue;
      }
      if (this.#conditions.mode === "swallow" || this.lost) {
        this.#swallow();
        continue;
      }
      const earlyMs = Math.max(piece.dueMs, this.#pacedUntilMs) - performance.now();
      if (earlyMs > 0) {
        await this.#sleep(earlyMs);
        continue;
      }
      await this.#deliver(this.#take(piece));
    }
  }

  /** Everything that waits is lost, whatever it is. */
  #swallow(): void {
    for (const { item } of this.#queue) {
      if (item.kind === "bytes") this.#conditions.swallowed += item.bytes.length;
    }
    this.#queue = [];
    this.waitingBytes = 0;
    this.lost = true;
    this.#source?.resume();
  }

  /** Takes the first item from the queue, or as much of it as the throttle allows at once. */
  #take(piece: Piece): Item {
    const { item } = piece;
    const rate = this.#conditions.bytesPerSecond;
    const atOnce = Math.max(1, Math.floor(rate / WRITES_PER_SECOND));
    if (item.kind !== "bytes" || rate === Infinity) {
      this.#queue.shift();
      return item;
    }
    if (item.bytes.length <= atOnce) this.#queue.shift();
    else piece.item = { kind: "bytes", bytes: item.bytes.subarray(atOnce) };
    const bytes = item.bytes.subarray(0, atOnce);
    this.#pacedUntilMs = performance.now() + bytes.length / rate * 1000;
    return { kind: "bytes", bytes };
  }

  async #deliver(item: Item): Promise<void> {
    try {
      if (item.kind === "open") this.#sink = await this.#open();
      else if (item.kind === "broken") this.#onBroken();
      else if (item.kind === "end") this.#deliverEnd();
      else await this.#deliverBytes(item.bytes);
    } catch {
      // Nobody is there to take it, which the sender learns as a reset. Not in a cut: then it learns
      // nothing until the connection is healed away.
      if (this.#conditions.mode === "pass") this.#onBroken();
      else this.lost = true;
    }
  }

  #deliverEnd(): void {
    this.#sink?.end();
    this.delivered = true;
    this.#onDelivered();
  }

  async #deliverBytes(bytes: Uint8Array): Promise<void> {
    const sink = this.#sink!;
    // Whichever comes first: a destroyed socket may never call back.
    await new Promise<void>((resolve, reject) => {
      const closed = () => reject(new Error("The socket is closed"));
      if (sink.destroyed) return closed();
      sink.once("close", closed);
      sink.write(bytes, (error) => {
        sink.off("close", closed);
        if (error) reject(error);
        else resolve();
      });
    });
    this.#conditions.delivered += bytes.length;
    this.waitingBytes = Math.max(0, this.waitingBytes - bytes.length);
    if (this.waitingBytes <= MAX_WAITING_BYTES) this.#source?.resume();
  }

  /** Until woken, or until so much time has passed. */
  async #sleep(ms?: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    if (ms !== undefined) timer = setTimeout(() => this.wake(), Math.ceil(ms));
    await this.#woken.promise;
    clearTimeout(timer);
    this.#woken = Promise.withResolvers<void>();
  }
}
