/**
 * The control plane as the bench uses it: credentials, fresh Leases, proxies, an audit log, and requests
 * of the bench itself on a warm connection, so that they cost as little as possible.
 *
 * @module
 */
import { type AuditPolicy, ControlPlane } from "../control_plane/control_plane.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { LeaseWatch } from "./lease_watch.ts";

const NAMESPACE = "bench";
const REQUEST_LIMIT_MS = 30_000;

/** Users whose requests are counted, and no others: the log must not slow the rest down. */
const COUNTED = ["idle-k8sensus", "idle-client-go"] as const;

/** A user whose requests are counted. */
export type CountedUser = typeof COUNTED[number];

/** A way to the API server that can be cut. */
export interface ProxiedWay extends AsyncDisposable {
  readonly proxy: TcpProxy;
  readonly kubeconfig: string;
}

/** A running control plane and its users. */
export class Cluster implements AsyncDisposable {
  readonly namespace = NAMESPACE;
  /** For candidates, with the rights of a service account. */
  readonly kubeconfig: string;
  readonly #plane: ControlPlane;
  readonly #token: string;
  readonly #client: Deno.HttpClient;
  #leases = 0;

  private constructor(plane: ControlPlane, account: { kubeconfig: string; token: string }) {
    this.#plane = plane;
    this.#token = account.token;
    this.kubeconfig = account.kubeconfig;
    this.#client = Deno.createHttpClient({ caCerts: [plane.ca], http2: false });
  }

  /** Starts one, with an audit log of the counted users. */
  static async start(): Promise<Cluster> {
    const plane = await ControlPlane.start({ audit: auditPolicy() });
    try {
      return new Cluster(plane, await plane.serviceAccount(NAMESPACE, "candidate"));
    } catch (error) {
      await plane[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where the API server is. */
  get url(): string {
    return this.#plane.url;
  }

  /** Folder for files of the bench; goes with the cluster. */
  get dir(): string {
    return this.#plane.dir;
  }

  /** The API server's certificate authority, PEM. */
  get ca(): string {
    return this.#plane.ca;
  }

  /** Bearer token of the candidates. */
  get token(): string {
    return this.#token;
  }

  /** The version of the API server. */
  async version(): Promise<string> {
    const { body } = await this.#plane.request<{ gitVersion: string }>("GET", "/version");
    return body.gitVersion;
  }

  /** A name that no Lease had before. */
  newLease(): string {
    return `bench-${++this.#leases}`;
  }

  /** A kubeconfig of a user whose requests are counted. */
  async countedKubeconfig(user: CountedUser): Promise<string> {
    return (await this.#plane.serviceAccount(NAMESPACE, user)).kubeconfig;
  }

  /** When each request of a counted user reached the API server, Unix milliseconds. */
  async requestsOf(user: CountedUser): Promise<{ at: number; what: string }[]> {
    const text = await Deno.readTextFile(this.#plane.auditLog).catch(() => "");
    const requests = [];
    for (const line of text.split("\n")) {
      if (!line.includes(`:${user}"`)) continue;
      const { requestReceivedTimestamp, verb, requestURI } = JSON.parse(line);
      requests.push({
        at: Date.parse(requestReceivedTimestamp),
        what: `${verb} ${String(requestURI).split("?")[0]}`,
      });
    }
    return requests;
  }

  /** A way through a proxy of its own. */
  async proxied(): Promise<ProxiedWay> {
    const proxy = await TcpProxy.start(this.#plane.port);
    const kubeconfig = await this.#plane.kubeconfigAt(proxy.port, this.#token, NAMESPACE);
    return { proxy, kubeconfig, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
  }

  /** Watches a Lease, which need not exist yet. */
  watch(lease: string): LeaseWatch {
    const query = "watch=1&allowWatchBookmarks=true&sendInitialEvents=true" +
      `&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name%3D${lease}`;
    const url = `${this.url}${collectionOf()}?${query}`;
    return new LeaseWatch((signal) => this.#fetch(url, { signal }));
  }

  /** Writes a holder into a Lease as an administrator would: whatever stands there. */
  async setHolder(lease: string, holder: string): Promise<void> {
    await this.#write(lease, "PATCH", { spec: { holderIdentity: holder } });
  }

  /** Deletes a Lease. */
  async deleteLease(lease: string): Promise<void> {
    await this.#write(lease, "DELETE");
  }

  /** Makes sure that writes go over an open connection: a new one would add 50 ms to what is measured. */
  async warmUp(): Promise<void> {
    const signal = AbortSignal.timeout(REQUEST_LIMIT_MS);
    // Read to its end, or the connection could not be used again.
    await (await this.#fetch(`${this.url}/readyz`, { signal })).text();
  }

  async #write(lease: string, method: string, body?: unknown): Promise<void> {
    const response = await this.#fetch(`${this.url}${collectionOf()}/${lease}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: { "content-type": "application/merge-patch+json" },
      signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${lease}: ${response.status} ${text}`);
  }

  #fetch(url: string, options: RequestInit): Promise<Response> {
    const headers = new Headers(options.headers);
    headers.set("authorization", `Bearer ${this.#plane.adminToken}`);
    return fetch(url, { ...options, headers, client: this.#client });
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.#plane[Symbol.asyncDispose]();
  }
}

function collectionOf(): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`;
}

function auditPolicy(): AuditPolicy {
  const users = COUNTED.map((name) => `system:serviceaccount:${NAMESPACE}:${name}`);
  return {
    // One entry a request, also for a watch that goes on for long.
    omitStages: ["ResponseStarted", "ResponseComplete", "Panic"],
    rules: [{ level: "Metadata", users }, { level: "None" }],
  };
}
