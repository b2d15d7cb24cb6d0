/**
 * A TCP proxy on loopback that breaks connections on purpose. It knows nothing of what passes, so TLS
 * works through it.
 *
 * @module
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { Flow, type FlowConditions } from "./tcp_flow.ts";

/** Counts since the start. */
export interface ProxyCounts {
  /** Connections that were let in. */
  readonly accepted: number;
  /** Connections that were closed at once because of {@linkcode TcpProxy.refuse}. */
  readonly refused: number;
  /** Connections open now. */
  readonly live: number;
  /** Bytes delivered to the server. */
  readonly upstreamBytes: number;
  /** Bytes delivered to clients. */
  readonly downstreamBytes: number;
  /** Bytes that a cut has swallowed, both ways. */
  readonly swallowedBytes: number;
  /** Bytes from the server that wait in the proxy now. */
  readonly heldAnswerBytes: number;
}

/** How to cut. */
export interface CutOptions {
  /**
   * Keep the bytes and deliver them on heal, as TCP's retransmissions do after a short outage. Otherwise
   * they are gone, and on heal the connections that lost some are reset: a stream with a hole in it would
   * be a fault that no network makes.
   *
   * @default {false}
   */
  readonly keep?: boolean;
}

/** One connection: two sockets and the flows between them. */
interface Pair {
  readonly client: Socket;
  server?: Socket;
  readonly up: Flow;
  readonly down: Flow;
}

/**
 * Listens on a port of its own and passes connections on. Every control acts at once, on open connections
 * and on new ones.
 *
 * Make one in each test that uses it: Deno's sanitizers object to one that was started before the test.
 */
export class TcpProxy implements AsyncDisposable {
  readonly #listener: Server;
  readonly #targetPort: number;
  readonly #pairs = new Set<Pair>();
  readonly #ending = new Set<Promise<void>>();
  readonly #upConditions: FlowConditions = passing();
  readonly #downConditions: FlowConditions = passing();
  #refusing = false;
  #accepted = 0;
  #refused = 0;

  private constructor(listener: Server, targetPort: number) {
    this.#listener = listener;
    this.#targetPort = targetPort;
  }

  /**
   * Starts a proxy.
   *
   * @param targetPort Where the server listens on 127.0.0.1; it need not be there yet.
   */
  static async start(targetPort: number): Promise<TcpProxy> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new TcpProxy(listener, targetPort);
    listener.on("connection", (client) => proxy.#accept(client));
    await new Promise<void>((resolve, reject) => {
      listener.once("error", reject);
      listener.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  /** Where clients connect on 127.0.0.1. */
  get port(): number {
    const address = this.#listener.address();
    if (address === null || typeof address === "string") throw new Error("The proxy is closed");
    return address.port;
  }

  /** What has passed, and what has not. */
  get counts(): ProxyCounts {
    let heldAnswerBytes = 0;
    for (const pair of this.#pairs) heldAnswerBytes += pair.down.waitingBytes;
    return {
      accepted: this.#accepted,
      refused: this.#refused,
      live: this.#pairs.size,
      upstreamBytes: this.#upConditions.delivered,
      downstreamBytes: this.#downConditions.delivered,
      swallowedBytes: this.#upConditions.swallowed + this.#downConditions.swallowed,
      heldAnswerBytes,
    };
  }

  /** A black hole both ways: connections open, bytes go in, nothing comes out, not even a close. */
  cut(options?: CutOptions): void {
    this.cutUpstream(options);
    this.cutDownstream(options);
  }

  /** A black hole from clients to the server; a new connection does not reach the server at all. */
  cutUpstream(options: CutOptions = {}): void {
    this.#upConditions.mode = options.keep ? "hold" : "swallow";
    this.#wake();
  }

  /** A black hole from the server to clients: requests take effect, answers do not arrive. */
  cutDownstream(options: CutOptions = {}): void {
    this.#downConditions.mode = options.keep ? "hold" : "swallow";
    this.#wake();
  }

  /** Requests pass; what the server answers, its closing too, is kept back. */
  holdAnswers(): void {
    this.#downConditions.mode = "hold";
    this.#wake();
  }

  /** Delivers what {@linkcode holdAnswers} kept. Has no effect on a cut that swallows. */
  releaseAnswers(): void {
    if (this.#downConditions.mode !== "hold") return;
    this.#downConditions.mode = "pass";
    this.#wake();
  }

  /** Closes new connections as soon as they open; open ones live on. */
  refuse(): void {
    this.#refusing = true;
  }

  /** Resets (RST) every open connection, on both sides. */
  reset(): void {
    for (const pair of [...this.#pairs]) this.#reset(pair);
  }

  /** Delays each piece by a fixed time and up to `jitterMs` more, in each direction; order is kept. */
  latency(ms: number, jitterMs = 0): void {
    for (const conditions of [this.#upConditions, this.#downConditions]) {
      conditions.latencyMs = ms;
      conditions.jitterMs = jitterMs;
    }
    this.#wake();
  }

  /** Limits each direction of each connection; `Infinity` lifts it. One byte a second is possible. */
  throttle(bytesPerSecond: number): void {
    if (!(bytesPerSecond > 0)) throw new RangeError(`Cannot throttle to ${bytesPerSecond} B/s`);
    this.#upConditions.bytesPerSecond = bytesPerSecond;
    this.#downConditions.bytesPerSecond = bytesPerSecond;
    this.#wake();
  }

  /** Lifts everything. Kept bytes are delivered; connections that lost some are reset. */
  heal(): void {
    this.#refusing = false;
    const healthy = { mode: "pass", latencyMs: 0, jitterMs: 0, bytesPerSecond: Infinity } as const;
    Object.assign(this.#upConditions, healthy);
    Object.assign(this.#downConditions, healthy);
    for (const pair of [...this.#pairs]) {
      if (pair.up.lost || pair.down.lost) this.#reset(pair);
      pair.up.hurry();
      pair.down.hurry();
    }
    this.#wake();
  }

  /** Resets what is open and stops listening. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    this.reset();
    await closed;
    while (this.#ending.size > 0) await Promise.all([...this.#ending]);
  }

  #wake(): void {
    for (const pair of this.#pairs) {
      pair.up.wake();
      pair.down.wake();
    }
  }

  #accept(client: Socket): void {
    this.#track(client);
    if (this.#refusing) {
      this.#refused++;
      client.on("error", () => {});
      client.resetAndDestroy();
      return;
    }
    this.#accepted++;
    const over = () => {
      if (pair.up.delivered && pair.down.delivered) this.#close(pair);
    };
    const broken = () => this.#reset(pair);
    const pair: Pair = {
      client,
      up: new Flow(this.#upConditions, () => this.#connect(pair), over, broken),
      down: new Flow(this.#downConditions, () => Promise.resolve(client), over, broken),
    };
    this.#pairs.add(pair);
    // The opening of the connection travels upstream like bytes do: late, or not at all.
    pair.up.readFrom(client);
  }

  async #connect(pair: Pair): Promise<Socket> {
    const server = connect({ port: this.#targetPort, host: "127.0.0.1", allowHalfOpen: true });
    server.setNoDelay(true);
    this.#track(server);
    pair.server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("connect", resolve);
      server.once("error", reject);
      server.once("close", () => reject(new Error("closed while it was opening")));
    });
    pair.down.readFrom(server);
    return server;
  }

  #reset(pair: Pair): void {
    this.#drop(pair, (socket) => socket.resetAndDestroy());
  }

  #close(pair: Pair): void {
    this.#drop(pair, (socket) => socket.destroy());
  }

  #drop(pair: Pair, end: (socket: Socket) => void): void {
    if (!this.#pairs.delete(pair)) return;
    pair.up.stop();
    pair.down.stop();
    for (const socket of [pair.client, pair.server]) {
      if (socket !== undefined && !socket.destroyed) end(socket);
    }
  }

  /** So that disposal can wait until the system has taken the socket back. */
  #track(socket: Socket): void {
    const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    this.#ending.add(gone);
    gone.then(() => this.#ending.delete(gone));
  }
}

function passing(): FlowConditions {
  return {
    mode: "pass",
    latencyMs: 0,
    jitterMs: 0,
    bytesPerSecond: Infinity,
    delivered: 0,
    swallowed: 0,
  };
}
