/**
 * One Lease over REST: read, written, watched. Every answer comes back as a value; nothing is thrown
 * that an API server or a network can cause.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { MalformedAnswer, RequestFailed } from "../errors.ts";
import {
  type Answer,
  type Lease,
  type LeaseRecord,
  readLease,
  type WatchEnd,
  type WatchEvent,
} from "../lease.ts";
import type { Client, HttpAnswer } from "./client.ts";

/** A line of a watch holds one Lease. */
const LONGEST_LINE = 1 << 20;

/** What an elector asks of the API server. */
export interface LeaseApi {
  /** Reads the Lease, from a quorum. */
  read(signal: AbortSignal): Promise<Answer>;
  /** Writes the Lease by PUT. */
  write(lease: Lease, signal: AbortSignal): Promise<Answer>;
  /**
   * Watches the Lease until the stream ends.
   *
   * @param from The version to go on from; the present state is reported first if there is none.
   * @param signal Ends it.
   * @param report Takes the events, in order.
   */
  watch(
    from: string | undefined,
    signal: AbortSignal,
    report: (event: WatchEvent) => void,
  ): Promise<WatchEnd>;
}

/** Options of {@linkcode Leases}. */
export interface LeasesOptions {
  /** For the spread of watch lifetimes. */
  readonly clock?: Clock;
  /** Called when a request is refused with 403, which means a missing permission most of the time. */
  readonly onForbidden?: () => void;
}

/** A Lease on a real API server, or on the embedded one. */
export class Leases implements LeaseApi {
  readonly #client: Client;
  readonly #namespace: string;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #onForbidden: () => void;
  /** Servers before 1.32 may refuse to stream the present state. */
  #initialEvents = true;

  /**
   * @param client How to get there.
   * @param namespace Of the Lease.
   * @param name Of the Lease.
   * @param options Time, and who is told of refusals.
   */
  constructor(client: Client, namespace: string, name: string, options: LeasesOptions = {}) {
    this.#client = client;
    this.#namespace = namespace;
    this.#name = name;
    this.#clock = options.clock ?? systemClock;
    this.#onForbidden = options.onForbidden ?? (() => {});
  }

  get #collection(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(this.#namespace)}/leases`;
  }

  get #path(): string {
    return `${this.#collection}/${encodeURIComponent(this.#name)}`;
  }

  /** @inheritdoc */
  read(signal: AbortSignal): Promise<Answer> {
    return this.#ask(this.#client.request({ method: "GET", path: this.#path, signal }));
  }

  /** @inheritdoc */
  write(lease: Lease, signal: AbortSignal): Promise<Answer> {
    return this.#ask(
      this.#client.request({ method: "PUT", path: this.#path, body: lease, signal }),
    );
  }

  /** @inheritdoc */
  async watch(
    from: string | undefined,
    signal: AbortSignal,
    report: (event: WatchEvent) => void,
  ): Promise<WatchEnd> {
    try {
      if (from !== undefined) {
        return end(await this.#stream({ resourceVersion: from }, signal, report));
      }
      if (!this.#initialEvents) return await this.#readAndStream(signal, report);
      const present = { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan" };
      const ended = await this.#stream(present, signal, report);
      if (ended !== "refused") return ended;
      this.#initialEvents = false;
      return await this.#readAndStream(signal, report);
    } catch (error) {
      if (error instanceof RequestFailed || error instanceof MalformedAnswer) return "failed";
      throw error;
    }
  }

  /** What older servers need: the present state by GET, the rest by a watch from there. */
  async #readAndStream(
    signal: AbortSignal,
    report: (event: WatchEvent) => void,
  ): Promise<WatchEnd> {
    const answer = await this.read(signal);
    if (answer.kind === "refused" && answer.status === 403) return "forbidden";
    if (answer.kind !== "lease" && answer.kind !== "missing") return "failed";
    const known = answer.kind === "lease" ? answer.record.rv : undefined;
    const ended = await this.#stream(
      known === undefined ? {} : { resourceVersion: known },
      signal,
      (event) => {
        report(event);
        if (event.type !== "opened") return;
        if (answer.kind === "lease") report({ type: "lease", record: answer.record });
        else report({ type: "synced", rv: "0" });
      },
    );
    return end(ended);
  }

  #stream(
    query: Record<string, string>,
    signal: AbortSignal,
    report: (event: WatchEvent) => void,
  ): Promise<WatchEnd | "refused"> {
    const params = new URLSearchParams({
      watch: "1",
      fieldSelector: `metadata.name=${this.#name}`,
      allowWatchBookmarks: "true",
      // Spread, so that the followers of a restarted server do not all come back at one instant.
      timeoutSeconds: String(Math.round(1_200 + 600 * this.#clock.random())),
      ...query,
    });
    const path = `${this.#collection}?${params}`;
    return this.#client.stream({ method: "GET", path, signal }, async (status, body) => {
      if (status !== 200) {
        if (status === 403) {
          this.#onForbidden();
          return "forbidden";
        }
        if (status === 410) return "expired";
        return query.sendInitialEvents && (status === 400 || status === 422) ? "refused" : "failed";
      }
      report({ type: "opened" });
      for await (const line of lines(body)) {
        const event = this.#readEvent(line);
        if (typeof event === "string") return event;
        if (event !== undefined) report(event);
      }
      return "ended";
    });
  }

  /** One line of a watch; an end of the stream comes as its reason. */
  #readEvent(line: string): WatchEvent | WatchEnd | undefined {
    const { type, object } = asEvent(line);
    if (type === "ADDED" || type === "MODIFIED") {
      return { type: "lease", record: this.#own(object) };
    }
    if (type === "DELETED") return { type: "deleted", rv: this.#own(object).rv };
    if (type === "BOOKMARK") {
      const { metadata } = object as { metadata?: Partial<Lease["metadata"]> };
      const rv = metadata?.resourceVersion;
      if (typeof rv !== "string" || !/^[1-9]\d*$/.test(rv)) return undefined;
      const last = metadata?.annotations?.["k8s.io/initial-events-end"] === "true";
      return { type: last ? "synced" : "bookmark", rv };
    }
    return (object as { code?: unknown }).code === 410 ? "expired" : "failed";
  }

  /** Reads a Lease and makes sure that it is this one. */
  #own(value: unknown): LeaseRecord {
    const record = readLease(value);
    const { name, namespace } = record.lease.metadata;
    if (name === this.#name && namespace === this.#namespace) return record;
    throw new MalformedAnswer(`the answer is about the Lease ${namespace}/${name}`);
  }

  async #ask(request: Promise<HttpAnswer>): Promise<Answer> {
    try {
      return this.#classify(await request);
    } catch (error) {
      if (error instanceof RequestFailed || error instanceof MalformedAnswer) {
        return { kind: "unknown", message: error.message };
      }
      throw error;
    }
  }

  #classify(answer: HttpAnswer): Answer {
    const { status, json, retryAfterMs } = answer;
    if (status === 403) this.#onForbidden();
    if (status === 200 || status === 201) return { kind: "lease", record: this.#own(json) };
    if (status === 409) return { kind: "conflict" };
    const about = readStatus(json);
    // A proxy's 404 is an outage; only the API server can know that the Lease is gone.
    if (status === 404 && about?.kind === "leases" && about.name === this.#name) {
      return { kind: "missing" };
    }
    const message = `the API server answered ${status}: ${about?.message ?? brief(answer.text)}`;
    if (retryAfterMs !== undefined || (status >= 400 && status < 500)) {
      return { kind: "refused", status, message, retryAfterMs };
    }
    return { kind: "unknown", message };
  }
}

const end = (ended: WatchEnd | "refused"): WatchEnd => ended === "refused" ? "failed" : ended;

function asEvent(line: string): { type?: unknown; object: object } {
  try {
    const event = JSON.parse(line);
    if (typeof event?.object === "object" && event.object !== null) return event;
  } catch {
    // Told below.
  }
  throw new MalformedAnswer(`Cannot read ${brief(line)} as a watch event`);
}

/** What a `Status` speaks of. */
function readStatus(json: unknown): { kind?: string; name?: string; message: string } | undefined {
  const status = json as {
    kind?: unknown;
    message?: unknown;
    details?: { kind?: string; name?: string };
  } | null;
  if (status?.kind !== "Status" || typeof status.message !== "string") return undefined;
  return { kind: status.details?.kind, name: status.details?.name, message: status.message };
}

const brief = (text: string) => JSON.stringify(text.length > 120 ? text.slice(0, 120) + "…" : text);

async function* lines(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop()!;
    if (rest.length > LONGEST_LINE) throw new MalformedAnswer("a line of the watch has no end");
    for (const part of parts) if (part.trim() !== "") yield part;
  }
}
