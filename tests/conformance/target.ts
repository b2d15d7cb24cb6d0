/**
 * What the conformance suite runs against: an API server, somebody who may do everything there, and
 * somebody who may do nothing.
 *
 * @module
 */

/** A rule of a Role. */
export interface Rule {
  readonly verbs: readonly string[];
  /** Of Leases; all names if absent. */
  readonly resourceNames?: readonly string[];
}

/** A user with a bearer token. */
export interface User {
  readonly name: string;
  readonly token: string;
}

/** An API server to be judged. */
export interface Target extends AsyncDisposable {
  readonly url: string;
  /** Certificate of its authority, PEM, if it speaks TLS. */
  readonly ca?: string;
  /** Who may do everything. */
  readonly admin: User;
  /** Who may do what {@linkcode Target.grant} says. */
  readonly outsider: User;
  /** Makes a namespace. */
  namespace(name: string): Promise<void>;
  /** Makes it forget what has happened so far: watches can no longer be told of it. */
  forget(): Promise<void>;
  /** Lets the outsider do something with the Leases of a namespace; holds when it returns. */
  grant(namespace: string, rule: Rule): Promise<void>;
}

/** Something that an API server does. */
export interface Behaviour {
  /** As a sentence. */
  readonly name: string;
  /** Throws if it does not. */
  run(api: Api): Promise<void>;
}

/** What was answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed if it is JSON, else the text. */
  // deno-lint-ignore no-explicit-any -- the tests say what they expect to find in it
  readonly body: any;
}

/** A Lease, or something that pretends to be one. */
export interface Draft {
  readonly metadata: { readonly name?: string; readonly [field: string]: unknown };
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** What a request may differ in. */
export interface Sending {
  /** A text goes as it is, everything else as JSON. */
  readonly body?: unknown;
  readonly as?: User;
  readonly query?: string;
  /** `null` leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
}

/** An event of a watch. */
export interface WatchLine {
  readonly type: string;
  // deno-lint-ignore no-explicit-any -- a Lease, a Status or a bookmark
  readonly object: any;
}

const GROUP = "/apis/coordination.k8s.io/v1";
/** Generous: nothing here takes long, but the machine may be busy. */
const LIMIT_MS = 30_000;

/** A conversation with the target in a namespace of its own. */
export class Api implements AsyncDisposable {
  /** Whom it is about. */
  readonly target: Target;
  /** Exists, and is empty at first. */
  readonly namespace: string;
  readonly #client: Deno.HttpClient;
  readonly #watches = new Set<Watch>();

  private constructor(target: Target, namespace: string) {
    this.target = target;
    this.namespace = namespace;
    const caCerts = target.ca === undefined ? undefined : [target.ca];
    this.#client = Deno.createHttpClient({ caCerts, http2: false });
  }

  /** Makes a namespace. */
  static async open(target: Target): Promise<Api> {
    const namespace = `conformance-${crypto.randomUUID()}`;
    await target.namespace(namespace);
    return new Api(target, namespace);
  }

  /** Of the collection, or of a Lease in it. */
  path(name?: string, namespace: string = this.namespace): string {
    const collection = `${GROUP}/namespaces/${namespace}/leases`;
    return name === undefined ? collection : `${collection}/${name}`;
  }

  /** Makes a request; every status is an answer. */
  async send(method: string, path: string, sending: Sending = {}): Promise<Answer> {
    const response = await this.#fetch(method, path, sending, AbortSignal.timeout(LIMIT_MS));
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json");
    const body = isJson && text !== "" ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, body };
  }

  /** POST to the collection. */
  create(draft: unknown, sending?: Sending): Promise<Answer> {
    return this.send("POST", this.path(), { ...sending, body: draft });
  }

  /** PUT to the name in the draft. */
  put(draft: Draft, sending?: Sending): Promise<Answer> {
    return this.send("PUT", this.path(draft.metadata.name), { ...sending, body: draft });
  }

  /** A merge patch. */
  patch(name: string, patch: unknown, sending?: Sending): Promise<Answer> {
    return this.send("PATCH", this.path(name), { ...sending, body: patch });
  }

  get(name: string, sending?: Sending): Promise<Answer> {
    return this.send("GET", this.path(name), sending);
  }

  list(query = "", sending?: Sending): Promise<Answer> {
    return this.send("GET", this.path(), { ...sending, query });
  }

  delete(name: string, options?: unknown, sending?: Sending): Promise<Answer> {
    return this.send("DELETE", this.path(name), { ...sending, body: options });
  }

  /**
   * Opens a watch of the collection.
   *
   * @throws {Error} If it is not answered 200.
   */
  async watch(query: string): Promise<Watch> {
    const stop = new AbortController();
    const sending = { query: `watch=1&${query}` };
    const timer = setTimeout(() => stop.abort(new Error("the watch was not answered")), LIMIT_MS);
    const response = await this.#fetch("GET", this.path(), sending, stop.signal);
    clearTimeout(timer);
    if (response.status !== 200) {
      throw new Error(`the watch was answered ${response.status} ${await response.text()}`);
    }
    const watch = new Watch(response.body!);
    this.#watches.add(watch);
    return watch;
  }

  /** Ends all watches and connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of this.#watches) await watch.close();
    this.#client.close();
  }

  #fetch(method: string, path: string, sending: Sending, signal: AbortSignal): Promise<Response> {
    const { body, as = this.target.admin, query } = sending;
    const headers = new Headers({ authorization: `Bearer ${as.token}` });
    if (body !== undefined) {
      const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
      headers.set("content-type", type);
    }
    for (const [name, value] of Object.entries(sending.headers ?? {})) {
      if (value === null) headers.delete(name);
      else headers.set(name, value);
    }
    return fetch(`${this.target.url}${path}${query ? `?${query}` : ""}`, {
      method,
      headers,
      // Bytes, since a text would bring a content type of its own.
      body: body === undefined ? null : new TextEncoder().encode(
        typeof body === "string" ? body : JSON.stringify(body),
      ),
      client: this.#client,
      signal,
    });
  }
}

/** An open watch. */
export class Watch {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = body.pipeThrough(new TextDecoderStream()).getReader();
  }

  /**
   * Waits for the next event.
   *
   * @throws {Error} If the stream ends, or nothing comes for half a minute.
   */
  async next(): Promise<WatchLine> {
    const line = await this.#line();
    if (line === undefined) throw new Error("the watch ended, an event was expected");
    return line;
  }

  /** Waits for the next event that is no bookmark. */
  async change(): Promise<WatchLine> {
    while (true) {
      const line = await this.next();
      if (line.type !== "BOOKMARK") return line;
    }
  }

  /** All events up to the end of the stream, without bookmarks. */
  async rest(): Promise<WatchLine[]> {
    const lines: WatchLine[] = [];
    for (let line = await this.#line(); line !== undefined; line = await this.#line()) {
      if (line.type !== "BOOKMARK") lines.push(line);
    }
    return lines;
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.#reader.cancel();
  }

  async #line(): Promise<WatchLine | undefined> {
    while (!this.#text.includes("\n")) {
      const { value, done } = await this.#read();
      if (done) return undefined;
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line);
  }

  async #read(): Promise<ReadableStreamReadResult<string>> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("nothing came over the watch")), LIMIT_MS);
    });
    try {
      return await Promise.race([this.#reader.read(), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
