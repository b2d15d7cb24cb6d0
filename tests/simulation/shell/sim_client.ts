// What stands in for the client of one elector: its requests travel in virtual time, and watches come as bytes,
// cut anywhere.
import type {
  Client,
  HttpAnswer,
  HttpRequest,
  StreamTaker,
} from "../../../lib/kubernetes/client.ts";
import { MalformedAnswer, RequestFailed } from "../../../lib/errors.ts";
import type { Lease } from "../../../lib/lease.ts";
import { HOSTILE, HOSTILE_LINES, REFUSALS } from "./chaos.ts";
import type { Process } from "./process.ts";
import { answerOf } from "./sim_server.ts";

type Chunk = Uint8Array<ArrayBuffer>;

const LATENCY_MS = 20;

/** The way of one elector to the API server. */
export class SimClient {
  readonly namespace = "default";
  readonly server = "http://simulated";
  readonly #process: Process;
  /** Requests and watches that are under way. */
  open = 0;
  closed = false;
  /** Watches begun while all was well. */
  calmWatches = 0;

  constructor(process: Process) {
    this.#process = process;
  }

  /** For the options of an elector, which uses no more of it. */
  get asClient(): Client {
    return this as unknown as Client;
  }

  close(): void {
    this.closed = true;
  }

  async request(request: HttpRequest): Promise<HttpAnswer> {
    this.open++;
    try {
      return await this.#travel(request);
    } finally {
      this.open--;
    }
  }

  async stream<T>(request: HttpRequest, take: StreamTaker<T>): Promise<T> {
    this.open++;
    try {
      const { status, body } = await this.#connect(request);
      try {
        return await take(status, body);
      } finally {
        if (!body.locked) await body.cancel().catch(() => {});
      }
    } catch (error) {
      if (error instanceof MalformedAnswer || error instanceof RequestFailed) throw error;
      throw new RequestFailed(`the watch broke: ${error}`, { cause: error });
    } finally {
      this.open--;
    }
  }

  /** How long a message takes. */
  #delay(): number {
    const { sim } = this.#process;
    return LATENCY_MS * sim.dice.next() ** 4 + sim.some("delay");
  }

  #travel({ method, path, body, signal }: HttpRequest): Promise<HttpAnswer> {
    const { sim } = this.#process;
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    const fail = () => reject(new RequestFailed(`${method} brought no answer`));
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
    const sent = this.#process.host.clocks.mono(sim.time);
    const lease = method === "PUT" ? body as Lease : undefined;
    if (lease !== undefined) sim.judge.sends(this.#process, lease);
    this.#process.note(`> ${method} ${lease === undefined ? "" : saysOf(lease)}`);
    const answered = (answer: HttpAnswer) => {
      if (sim.hit("loseAnswer")) return;
      this.#process.later(this.#delay(), () => {
        this.#process.note(`< ${method} ${answer.status}`);
        resolve(answer);
      });
    };
    if (sim.hit("reset")) this.#process.later(this.#delay(), fail);
    else if (sim.hit("refuse")) answered(refusal(sim.dice.pick(REFUSALS)));
    else if (!sim.hit("loseRequest")) {
      // On its way it is nobody's: neither a pause nor a crash of the sender stops it.
      sim.schedule.add(sim.time + this.#delay(), -1, () => {
        sim.judge.writing = lease === undefined ? undefined : { process: this.#process, sent };
        const answer = sim.server.answer(method, path, body);
        sim.judge.writing = undefined;
        if (sim.hit("failAfter")) answered(refusal({ status: 500 }));
        else if (sim.hit("hostileAnswer")) answered(answerOf(200, sim.dice.pick(HOSTILE)));
        else answered(answer);
      });
    }
    return promise.finally(() => signal.removeEventListener("abort", fail));
  }

  /** Opens a watch. */
  async #connect(
    { path, signal }: HttpRequest,
  ): Promise<{ status: number; body: ReadableStream<Chunk> }> {
    const { sim } = this.#process;
    const query = new URLSearchParams(path.split("?")[1]);
    const none = () => ReadableStream.from<Chunk>([]);
    if (sim.healing) this.calmWatches++;
    await this.#opened(signal);
    if (sim.hit("refuseWatch")) return { status: sim.dice.pick(REFUSALS).status, body: none() };
    if (sim.oldServer && query.has("sendInitialEvents")) return { status: 422, body: none() };
    if (sim.hit("expire")) return { status: 410, body: none() };
    const watch = sim.server.watch(query, (lines) => stream.write(lines));
    if (watch === undefined) return { status: 410, body: none() };
    const stream = new WatchBytes(this.#process, () => this.#delay(), signal);
    stream.begin(watch.lines, watch.end);
    return { status: 200, body: stream.body };
  }

  #opened(signal: AbortSignal): Promise<void> {
    const { sim } = this.#process;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const fail = () => reject(new RequestFailed("the watch brought no answer"));
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
    if (sim.hit("reset")) this.#process.later(this.#delay(), fail);
    else if (!sim.hit("loseRequest")) this.#process.later(this.#delay(), resolve);
    return promise.finally(() => signal.removeEventListener("abort", fail));
  }
}

function refusal({ status, retryAfterMs }: { status: number; retryAfterMs?: number }): HttpAnswer {
  return answerOf(status, status === 429 ? "Too many requests" : `<p>${status}</p>`, retryAfterMs);
}

/** What a write says, for the trace. */
function saysOf(
  { metadata, spec }: Partial<Pick<Lease, "spec">> & Pick<Lease, "metadata">,
): string {
  const holder = spec?.holderIdentity?.split("_")[0] || "nobody";
  return `${holder} on ${metadata.resourceVersion ?? "nothing"}`;
}

/** The body of a watch: lines as bytes, in pieces. */
class WatchBytes {
  readonly body: ReadableStream<Chunk>;
  #onEnd = () => {};
  readonly #process: Process;
  readonly #delay: () => number;
  readonly #signal: AbortSignal;
  readonly #encoder = new TextEncoder();
  #controller!: ReadableStreamDefaultController<Chunk>;
  /** Nothing overtakes what was sent before. */
  #lastAt = 0;
  #over = false;
  #silent = false;

  constructor(process: Process, delay: () => number, signal: AbortSignal) {
    this.#process = process;
    this.#delay = delay;
    this.#signal = signal;
    this.body = new ReadableStream<Chunk>({
      start: (controller) => void (this.#controller = controller),
      cancel: () => this.#end(),
    });
    if (signal.aborted) this.#abort();
    else signal.addEventListener("abort", this.#abort, { once: true });
  }

  readonly #abort = () => {
    if (this.#over) return;
    this.#end();
    this.#controller.error(new DOMException("aborted", "AbortError"));
  };

  /** Sends the first lines; `end` is called when it is over. */
  begin(lines: readonly string[], end: () => void): void {
    if (this.#over) return end();
    this.#onEnd = end;
    this.write(lines);
  }

  write(lines: readonly string[]): void {
    const { sim } = this.#process;
    if (sim.hit("silence")) this.#silent = true;
    if (this.#silent) return;
    for (const line of lines) {
      if (sim.hit("hostileLine")) this.#send(sim.dice.pick(HOSTILE_LINES) + "\n");
      if (sim.hit("bookmark")) this.#send(sim.server.bookmark() + "\n");
      if (sim.hit("cutLine")) {
        this.#send(line.slice(0, sim.dice.below(line.length)));
        return this.#finish();
      }
      this.#send(line + "\n");
      if (sim.hit("repeat")) this.#send(line + "\n");
      if (sim.hit("cutWatch")) return this.#finish();
    }
  }

  /** Sends a text in pieces that may end within a character. */
  #send(text: string): void {
    const { dice } = this.#process.sim;
    const bytes = this.#encoder.encode(text);
    for (let at = 0; at < bytes.length;) {
      const end = dice.chance(0.5) ? bytes.length : at + 1 + dice.below(bytes.length - at);
      const piece = bytes.slice(at, end);
      this.#arrive(() => this.#controller.enqueue(piece));
      at = end;
    }
  }

  /** The server, or somebody on the way, ends it, in good order or not. */
  #finish(): void {
    this.#silent = true;
    const orderly = this.#process.sim.dice.chance(0.5);
    this.#arrive(() => {
      this.#end();
      if (orderly) this.#controller.close();
      else this.#controller.error(new TypeError("connection reset"));
    });
  }

  #arrive(run: () => void): void {
    const { sim } = this.#process;
    this.#lastAt = Math.max(this.#lastAt, sim.time + this.#delay());
    this.#process.later(this.#lastAt - sim.time, () => {
      if (!this.#over) run();
    });
  }

  #end(): void {
    this.#over = true;
    this.#onEnd();
    this.#signal.removeEventListener("abort", this.#abort);
  }
}
