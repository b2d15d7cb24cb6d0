/**
 * Real processes that contend for one Lease on the real API server, and what can be found against them.
 *
 * @module
 */
import { assertEquals, assertGreater } from "@std/assert";
import type { ControlPlane, ServiceAccount } from "../control_plane/control_plane.ts";
import * as writes from "../control_plane/lease_writes.ts";
import {
  type ActRecord,
  findSharedTokens,
  findStaleActs,
  readActLog,
  type StaleAct,
} from "../support/act_log.ts";
import { LeaderJudge, LeaderPoll } from "../support/leader_poll.ts";
import { type DenoOptions, TestProcess } from "../support/processes.ts";
import { startPermissions } from "../support/start_permissions.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { until } from "../support/until.ts";
import { Candidate } from "./candidate.ts";

/** D of all candidates that are not told another. Short, so that faults of that length are. */
export const LEASE_MS = 3_000;
/** D − F, as it follows from D: between the last act of a term and the next term lies no less. */
export const SKEW_MS = LEASE_MS / 5;

const LEASE = "contested";
/** Reading the log of requests costs more than looking at a variable. */
const READ_EVERY_MS = 20;

/** What must not be. */
export interface Findings {
  /** Acts behind the first act of a newer term. */
  readonly staleActs: readonly StaleAct[];
  /** Tokens of more than one term. */
  readonly sharedTokens: readonly string[];
  /** Terms that began before the Lease of the last one had expired or was released. */
  readonly earlyTakeovers: readonly writes.Takeover[];
  /** Releases of what somebody else held. */
  readonly erasures: readonly writes.LeaseWrite[];
  /** Answers of `/leader` that cannot all be true. */
  readonly twoLeaders: readonly string[];
}

const NOTHING: Findings = {
  staleActs: [],
  sharedTokens: [],
  earlyTakeovers: [],
  erasures: [],
  twoLeaders: [],
};

/** How a candidate differs from others. */
export interface CandidateOptions {
  /** More flags of `start`; those given later win. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Habits of a worker. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A Lease in a namespace of its own, and its candidates. */
export class Contest implements AsyncDisposable {
  readonly candidates: Candidate[] = [];
  readonly #plane: ControlPlane;
  readonly #account: ServiceAccount;
  /** The folder of the service account. */
  readonly #mount: string;
  readonly #acts: string;
  readonly #judge = new LeaderJudge();
  readonly #ends = new AsyncDisposableStack();

  private constructor(plane: ControlPlane, account: ServiceAccount) {
    this.#plane = plane;
    this.#account = account;
    this.#mount = `${plane.dir}/${account.namespace}`;
    this.#acts = `${plane.dir}/${account.namespace}.acts`;
  }

  /** Makes the namespace and an account; nobody contends yet. */
  static async open(plane: ControlPlane, namespace: string): Promise<Contest> {
    const contest = new Contest(plane, await plane.serviceAccount(namespace, "candidate"));
    await plane.mountServiceAccount(contest.#mount, contest.#account);
    return contest;
  }

  /** Starts the service, as it is deployed but for a kubeconfig; ready to be asked when this returns. */
  async service(name: string, options: CandidateOptions = {}): Promise<Candidate> {
    const proxy = this.#ends.use(await TcpProxy.start(this.#plane.port));
    const { token, namespace } = this.#account;
    const kubeconfig = await this.#plane.kubeconfigAt(proxy.port, token, namespace);
    const args = [
      "start",
      ...flagsOf(name, { kubeconfig, listen: "127.0.0.1:0", ...options.flags }),
    ];
    const flags = await startPermissions();
    const process = await this.#start("lib/cli/main.ts", { args, flags });
    const { port } = await process.event("listening");
    const poll = this.#ends.use(new LeaderPoll(name, Number(port), this.#judge));
    return this.#join(new Candidate(name, process, proxy, poll));
  }

  /** Starts the worker in the environment of a pod. */
  async worker(name: string, options: CandidateOptions = {}): Promise<Candidate> {
    const proxy = this.#ends.use(await TcpProxy.start(this.#plane.port));
    const env = {
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: String(proxy.port),
      SERVICE_ACCOUNT: this.#mount,
      ACT_LOG: this.#acts,
      ...options.env,
    };
    const args = flagsOf(name, { ...options.flags });
    const flags = [...await startPermissions(), "--allow-write"];
    const process = await this.#start("tests/processes/worker.ts", { args, env, flags });
    return this.#join(new Candidate(name, process, proxy));
  }

  async #start(script: string, options: DenoOptions): Promise<TestProcess> {
    return this.#ends.use(await TestProcess.deno(script, options));
  }

  #join(candidate: Candidate): Candidate {
    this.candidates.push(candidate);
    return candidate;
  }

  /** Starts some candidates of a kind; the first one leads, and the others contend and know of it. */
  async begin(
    kind: "service" | "worker",
    count: 2 | 3,
    options?: CandidateOptions,
  ): Promise<[leader: Candidate, other: Candidate, ...others: Candidate[]]> {
    const leader = await this[kind]("a", options);
    await leader.says("elected");
    const other = await this.follower(kind, "b", leader, options);
    const others = count === 2 ? [] : [await this.follower(kind, "c", leader, options)];
    return [leader, other, ...others];
  }

  /** Starts one more, and waits until it contends and knows of the leader. */
  async follower(
    kind: "service" | "worker",
    name: string,
    leader: Candidate,
    options?: CandidateOptions,
  ): Promise<Candidate> {
    const follower = await this[kind](name, options);
    await follower.says("candidate");
    await follower.follows(leader);
    return follower;
  }

  /** Waits for a leader, by its own log. */
  async leader(notThis?: Candidate): Promise<Candidate> {
    return await until(
      "a leader",
      () => this.candidates.find((candidate) => candidate !== notThis && candidate.saysItLeads),
    );
  }

  /** Waits until a worker acts from now on. */
  async acts(candidate: Candidate): Promise<void> {
    const read = () => Deno.readTextFile(this.#acts).catch(() => "");
    const from = (await read()).length;
    const mine = `"identity":"${candidate.identity}"`;
    await until(`${candidate.name} acts`, async () => (await read()).slice(from).includes(mine));
  }

  /** All that workers did so far, in their order. */
  async allActs(): Promise<ActRecord[]> {
    return await readActLog(this.#acts);
  }

  /** What a worker did last; it must have acted. */
  async lastAct({ identity }: Candidate): Promise<ActRecord> {
    return (await this.allActs()).findLast((act) => act.identity === identity)!;
  }

  /** All writes of the Lease so far. */
  async writes(): Promise<writes.LeaseWrite[]> {
    return await writes.readLeaseWrites(this.#plane.auditLog, this.#account.namespace, LEASE);
  }

  /** Waits until a candidate, who goes on writing, writes from now on. */
  async writesBy({ name, identity }: Candidate): Promise<void> {
    const from = (await this.writes()).length;
    await until(
      `${name} writes`,
      async () => (await this.writes()).slice(from).some(({ holder }) => holder === identity),
      READ_EVERY_MS,
    );
  }

  /** Waits for the first write that gave a candidate the Lease. */
  async acquisition({ name, identity }: Candidate): Promise<writes.LeaseWrite> {
    return await until(
      `${name} takes the Lease`,
      async () => (await this.writes()).find(({ holder }) => holder === identity),
      READ_EVERY_MS,
    );
  }

  /** Waits for the write by which a candidate gave the Lease up. */
  async release({ name, identity }: Candidate): Promise<writes.LeaseWrite> {
    return await until(
      `${name} releases the Lease`,
      async () => (await this.writes()).find(({ releasedBy }) => releasedBy === identity),
      READ_EVERY_MS,
    );
  }

  /** Waits for the first change of hands without a release. */
  async takeover(): Promise<writes.Takeover> {
    const found = async () => writes.takeovers(await this.writes())[0];
    return await until("a takeover", found, READ_EVERY_MS);
  }

  /** Who holds the Lease; `""` if nobody does. */
  async holder(): Promise<string> {
    const { body } = await this.#plane.request<{ spec: { holderIdentity?: string } }>(
      "GET",
      this.#path,
    );
    return body.spec.holderIdentity ?? "";
  }

  /** Writes a holder into the Lease, as `kubectl patch` does. */
  async setHolder(holderIdentity: string): Promise<void> {
    await this.#plane.request("PATCH", this.#path, { spec: { holderIdentity } });
  }

  /** Deletes the Lease, as `kubectl delete` does. */
  async delete(): Promise<void> {
    await this.#plane.request("DELETE", this.#path);
  }

  get #path(): string {
    const { namespace } = this.#account;
    return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${LEASE}`;
  }

  /** Ends all processes, and looks at what they did. */
  async findings(): Promise<Findings> {
    await this.#ends.disposeAsync();
    const acted = this.candidates.some(({ poll }) => poll === undefined);
    const acts = acted ? await this.allActs() : [];
    const all = await this.writes();
    // Or nothing could be found against anybody.
    assertGreater(all.length, 0);
    return {
      staleActs: findStaleActs(acts),
      sharedTokens: findSharedTokens(acts),
      earlyTakeovers: writes.earlyTakeovers(all),
      erasures: writes.erasures(all),
      twoLeaders: this.#judge.faults,
    };
  }

  /** Ends all processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ends.disposeAsync();
  }
}

function flagsOf(name: string, more: Readonly<Record<string, string>>): string[] {
  const flags = {
    "identity": name,
    "lease-name": LEASE,
    "lease-duration": `${LEASE_MS}ms`,
    "trust-unheld": "true",
    "log-format": "json",
    ...more,
  };
  return Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
}

/**
 * Plays a contest in a namespace of its own, and makes sure that nothing is found against it.
 *
 * @param plane The control plane.
 * @param namespace For this contest alone.
 * @param play Does to it what is to be survived, and says what else should hold.
 */
export async function survive(
  plane: ControlPlane,
  namespace: string,
  play: (contest: Contest) => Promise<void>,
): Promise<void> {
  await using contest = await Contest.open(plane, namespace);
  await play(contest);
  assertEquals(await contest.findings(), NOTHING);
}
