/**
 * A connection that carries one JSON object a line.
 *
 * @module
 */

/** A bundle of certificates is the largest thing that is ever said. */
const LONGEST_LINE = 1 << 20;
/** Who does not listen is not talked to for ever. */
const LARGEST_BACKLOG = 4 << 20;

/** What is needed of a connection. */
export interface ByteStream {
  /** Fills the buffer; `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes, and says how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends both directions. */
  close(): void;
}

/** Sends and receives lines, in order. */
export class Lines {
  readonly #stream: ByteStream;
  readonly #encoder = new TextEncoder();
  #sending: Promise<void> = Promise.resolve();
  #backlog = 0;
  #closed = false;

  /** @param stream The connection; it belongs to this object from now on. */
  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Sends a message after all earlier ones. It never throws: a broken connection shows when reading. */
  send(message: object): void {
    const bytes = this.#encoder.encode(`${JSON.stringify(message)}\n`);
    this.#backlog += bytes.length;
    if (this.#backlog > LARGEST_BACKLOG) return this.close();
    // The first write begins at once, so that the bytes are out even if this thread blocks right after.
    const idle = this.#backlog === bytes.length;
    this.#sending = idle ? this.#write(bytes) : this.#sending.then(() => this.#write(bytes));
  }

  /** Waits until everything is written, or the connection is broken. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  /**
   * The lines that come in, until the other end closes, the connection breaks or {@linkcode close} is
   * called; a line beyond 1 MiB counts as a break, and what follows the last line break as nothing.
   */
  async *read(): AsyncGenerator<string, void, void> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(4_096);
    let rest = "";
    while (!this.#closed) {
      const size = await this.#stream.read(buffer).catch(() => null);
      if (size === null || this.#closed) return;
      const parts = (rest + decoder.decode(buffer.subarray(0, size), { stream: true })).split("\n");
      rest = parts.pop()!;
      if (rest.length > LONGEST_LINE) return;
      yield* parts;
    }
  }

  /** Ends the connection; what is not written yet is lost. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let rest = bytes; rest.length > 0 && !this.#closed;) {
        rest = rest.subarray(await this.#stream.write(rest));
      }
    } catch {
      // The other end is gone: whoever reads is told.
    }
    this.#backlog -= bytes.length;
  }
}
