/**
 * The bench's own watch of a Lease: when each version was seen, and what it said.
 *
 * @module
 */
import { Bell, within } from "./bell.ts";
import { TextLineStream } from "./text_lines.ts";

/** What was aborted may take so long to end; a bench must not wait for it for ever. */
const END_LIMIT_MS = 10_000;

/** One version of the Lease. */
export interface Version {
  /** When the bench received it, Unix milliseconds. */
  readonly at: number;
  /** The holder; "" if there is none. */
  readonly holder: string;
  /** When the holder says that it wrote it, Unix milliseconds with three decimals; `NaN` if it does not. */
  readonly renewedAt: number;
  readonly deleted: boolean;
}

/** A watch that lasts until it is disposed of. */
export class LeaseWatch implements AsyncDisposable {
  readonly versions: Version[] = [];
  readonly #bell = new Bell();
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #failure?: Error;

  /** @param open Opens the stream. */
  constructor(open: (signal: AbortSignal) => Promise<Response>) {
    this.#done = this.#read(open).catch((error) => {
      if (!this.#stop.signal.aborted) this.#failure = error;
      this.#bell.ring();
    });
  }

  /** Waits until a version, among those so far or to come, is as wanted. */
  async seen(
    what: string,
    limitMs: number,
    wanted: (version: Version) => boolean,
  ): Promise<Version> {
    return await this.#bell.until(what, limitMs, () => {
      const found = this.versions.find(wanted);
      if (found === undefined && this.#failure !== undefined) throw this.#failure;
      return found;
    });
  }

  /** The last version of a holder, and the first of the next one after it, if there is one. */
  lastOf(holder: string): { last: Version; next?: Version } {
    const index = this.versions.findLastIndex((version) => version.holder === holder);
    const last = this.versions[index];
    if (last === undefined) throw new Error(`${holder} never held the Lease`);
    const next = this.versions.slice(index + 1).find((version) => version.holder !== "");
    return { last, next };
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await within(this.#done, END_LIMIT_MS);
  }

  async #read(open: (signal: AbortSignal) => Promise<Response>): Promise<void> {
    const response = await open(this.#stop.signal);
    if (!response.ok || response.body === null) throw new Error(`watch: ${response.status}`);
    const lines = response.body.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) this.#take(line, Date.now());
    throw new Error("the watch of the bench has ended");
  }

  #take(line: string, at: number): void {
    const { type, object } = JSON.parse(line) as {
      type: string;
      object: { spec?: { holderIdentity?: string; renewTime?: string } };
    };
    if (type === "ERROR") throw new Error(`watch: ${line}`);
    if (type === "BOOKMARK") return;
    const { holderIdentity = "", renewTime } = object.spec ?? {};
    this.versions.push({
      at,
      holder: holderIdentity,
      renewedAt: renewTime === undefined ? NaN : readMicroTime(renewTime),
      deleted: type === "DELETED",
    });
    this.#bell.ring();
  }
}

/** `Date` keeps milliseconds only. */
function readMicroTime(text: string): number {
  const micros = /\.\d{3}(\d{3})Z$/.exec(text)?.[1] ?? "0";
  return Date.parse(text) + Number(micros) / 1_000;
}
