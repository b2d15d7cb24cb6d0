/**
 * Requests to the embedded API server, for its own tests.
 *
 * @module
 */
import type { ApiServer } from "../../lib/testing/mod.ts";

/** What was answered, or why nothing was. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any -- the tests say what they expect to find in it
  readonly body: any;
}

const LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

/** Where a Lease of the namespace `default` is, or all of them. */
export function pathOf(name?: string): string {
  return name === undefined ? LEASES : `${LEASES}/${name}`;
}

/** A client of a server, whose connections end with it. */
export class Caller implements Disposable {
  readonly #server: ApiServer;
  readonly #client: Deno.HttpClient;

  constructor(server: ApiServer, options: { readonly ca?: string } = {}) {
    this.#server = server;
    const caCerts = options.ca === undefined ? undefined : [options.ca];
    this.#client = Deno.createHttpClient({ caCerts, http2: false });
  }

  /** The bare answer, of which the body has not been read. */
  open(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.#server.url + path, { ...init, method, client: this.#client });
  }

  async send(method: string, path: string, body?: unknown, init?: RequestInit): Promise<Reply> {
    const text = body === undefined ? null : JSON.stringify(body);
    const headers = { "content-type": "application/json", ...init?.headers };
    const response = await this.open(method, path, { ...init, headers, body: text });
    const answer = await response.text();
    const isJson = response.headers.get("content-type") === "application/json";
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(answer) : answer,
    };
  }

  get(name: string, init?: RequestInit): Promise<Reply> {
    return this.send("GET", pathOf(name), undefined, init);
  }

  /** A PUT that creates, or replaces the version it is given. */
  put(name: string, holderIdentity: string, resourceVersion?: string): Promise<Reply> {
    const metadata = { name, resourceVersion };
    return this.send("PUT", pathOf(name), { metadata, spec: { holderIdentity } });
  }

  async watch(query = ""): Promise<Lines> {
    const { body } = await this.open("GET", `${pathOf()}?watch=1&${query}`);
    return new Lines(body!);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

/** The events of a watch: `ADDED a 2`. */
export class Lines implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Waits for the next one; `undefined` at the end of the stream. */
  async next(): Promise<string | undefined> {
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
    const [line, ...rest] = this.#text.split("\n");
    this.#text = rest.join("\n");
    const { type, object } = JSON.parse(line!);
    if (type === "ERROR") return `ERROR ${object.code} ${object.message}`;
    const { name, resourceVersion } = object.metadata;
    return [type, name, resourceVersion].filter((part) => part !== undefined).join(" ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Of a stream that broke, this rejects with why it did; whoever read it has been told.
    await this.#reader.cancel().catch(() => {});
  }
}
