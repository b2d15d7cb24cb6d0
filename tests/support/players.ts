// Electors in this process, each behind a proxy of its own, all writing their acts into one list.
import { Client } from "../../lib/kubernetes/client.ts";
import { Leases } from "../../lib/kubernetes/leases.ts";
import { Elector } from "../../lib/elector.ts";
import type { ElectorOptions } from "../../lib/elector_options.ts";
import type { Lease, LeaseRecord } from "../../lib/lease.ts";
import type { Term } from "../../lib/term.ts";
import { compareTokens } from "../../lib/token.ts";
import { TcpProxy } from "./tcp_proxy.ts";
import { pause } from "./until.ts";

/** Long enough for the slowest machine; nothing is measured by it. */
const PATIENCE_MS = 60_000;

/** Something that only a leader may do, as it happened: one list is one order. */
export interface Act {
  name: string;
  token: string;
}

export interface PlayerOptions extends Partial<ElectorOptions> {
  /** What is done in a term; by default, acts until it is told to stop. */
  work?: (term: Term, player: Player) => Promise<void>;
}

export class Player implements AsyncDisposable {
  readonly terms: Term[] = [];
  readonly #stop = new AbortController();
  readonly done: Promise<unknown>;

  private constructor(
    readonly name: string,
    readonly elector: Elector,
    readonly proxy: TcpProxy,
    readonly client: Client,
    readonly acts: Act[],
    work: NonNullable<PlayerOptions["work"]>,
  ) {
    this.done = elector.run((term) => {
      this.terms.push(term);
      return work(term, this);
    }, { signal: this.#stop.signal });
  }

  static async start(
    port: number,
    acts: Act[],
    name: string,
    options: PlayerOptions = {},
  ): Promise<Player> {
    const proxy = await TcpProxy.start(port);
    const client = new Client(`http://127.0.0.1:${proxy.port}`);
    const { work = actUntilOver, ...rest } = options;
    const elector = new Elector({
      leaseName: "x",
      identity: name,
      leaseDurationMs: 2_000,
      trustUnheld: true,
      client,
      ...rest,
    });
    return new Player(name, elector, proxy, client, acts, work);
  }

  get leads(): boolean {
    return this.elector.isLeader;
  }

  /** The term that began last. */
  get term(): Term {
    return this.terms.at(-1)!;
  }

  act(term: Term): void {
    term.check();
    this.acts.push({ name: this.name, token: term.token });
  }

  /** Asks it to stop, and does not wait. */
  stop(): void {
    this.#stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.done;
    await this.elector.close();
    this.client.close();
    await this.proxy[Symbol.asyncDispose]();
  }
}

/** Work as the library wants it: checked right before each act, and ended by the signal. */
export async function actUntilOver(term: Term, player: Player): Promise<void> {
  while (!term.signal.aborted) {
    player.act(term);
    await pause(2);
  }
}

/** Acts of an older token after the first act of a newer one. */
export function staleActs(acts: readonly Act[]): Act[] {
  let newest = "0";
  return acts.filter(({ token }) => {
    if (compareTokens(token, newest) > 0) newest = token;
    return token !== newest;
  });
}

/** The Lease by hand, past every proxy. */
export class Hand implements AsyncDisposable {
  readonly #client: Client;
  readonly #leases: Leases;

  constructor(port: number) {
    this.#client = new Client(`http://127.0.0.1:${port}`);
    this.#leases = new Leases(this.#client, "default", "x");
  }

  async read(): Promise<LeaseRecord> {
    const answer = await this.#leases.read(AbortSignal.timeout(PATIENCE_MS));
    if (answer.kind !== "lease") throw new Error(JSON.stringify(answer));
    return answer.record;
  }

  /** Changes the Lease as `kubectl edit` does, again and again until it gets through. */
  async edit(change: (lease: Lease) => void): Promise<void> {
    for (;;) {
      const { lease } = await this.read();
      change(lease);
      const answer = await this.#leases.write(lease, AbortSignal.timeout(PATIENCE_MS));
      if (answer.kind === "lease") return;
      if (answer.kind !== "conflict") throw new Error(JSON.stringify(answer));
    }
  }

  async delete(): Promise<void> {
    await this.#client.request({
      method: "DELETE",
      path: "/apis/coordination.k8s.io/v1/namespaces/default/leases/x",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    return Promise.resolve();
  }
}
