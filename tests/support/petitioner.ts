/**
 * A candidate whose permissions are in question: what it says of them, and whether it is ready.
 *
 * @module
 */
import { Elector } from "../../lib/elector.ts";
import type { ElectorOptions } from "../../lib/elector_options.ts";
import type { Client } from "../../lib/kubernetes/client.ts";
import { type Logger, silent } from "../../lib/logger.ts";
import { routes } from "../../lib/server/routes.ts";
import type { Term } from "../../lib/term.ts";
import { until } from "./until.ts";

/** Leads when it may, and does nothing else. */
export class Petitioner implements AsyncDisposable {
  readonly elector: Elector;
  readonly terms: Term[] = [];
  /** What was logged of permissions. */
  readonly told: string[] = [];
  readonly #client: Client;
  readonly #routes: (request: Request) => Response;
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;

  /** Starts at once. */
  constructor(client: Client, options: Partial<ElectorOptions> = {}) {
    this.#client = client;
    this.elector = new Elector({
      leaseName: "x",
      leaseDurationMs: 1_000,
      trustUnheld: true,
      client,
      logger: this.#logger(),
      ...options,
    });
    this.#routes = routes(this.elector);
    this.#done = this.elector.run((term) => {
      this.terms.push(term);
      return new Promise<void>((resolve) => {
        if (term.signal.aborted) return resolve();
        term.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }, { signal: this.#stop.signal });
  }

  get leads(): boolean {
    return this.elector.isLeader;
  }

  /** What `/readyz` answers. */
  async ready(): Promise<string> {
    const response = this.#routes(new Request("http://x/readyz"));
    return `${response.status} ${(await response.text()).trim()}`;
  }

  /** Waits until it has said something of permissions that has this in it. */
  async says(what: string): Promise<string> {
    await until(`it says ${what}`, () => this.told.some((line) => line.includes(what)));
    return this.told.find((line) => line.includes(what))!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.elector.close();
    this.#client.close();
  }

  #logger(): Logger {
    const note: Logger["info"] = (message, fields) => {
      if (fields?.event === "preflight") this.told.push(message);
    };
    return { ...silent, info: note, warn: note, error: note };
  }
}
