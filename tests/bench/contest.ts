/**
 * Some replicas and the Lease that they contend for.
 *
 * @module
 */
import { Bell } from "./bell.ts";
import type { Cluster } from "./cluster.ts";
import type { LeaseWatch } from "./lease_watch.ts";
import type { Make } from "./makes.ts";
import { type LogEvent, Replica } from "./replica.ts";

/** Longer than any wait for a Lease: client-go's, plus ours after a foreign holder. */
const ELECTED_LIMIT_MS = 90_000;
const READY_LIMIT_MS = 60_000;

/** How a replica is to be different from the others. */
export interface JoinOptions {
  /** Another way to the API server. */
  readonly kubeconfig?: string;
  readonly distrustUnheld?: boolean;
}

/** Replicas of one make on one Lease. */
export class Contest implements AsyncDisposable {
  readonly lease: string;
  readonly make: Make;
  readonly watch: LeaseWatch;
  /** The file that takes the acts of all of them. */
  readonly acts: string;
  readonly replicas: Replica[] = [];
  readonly #cluster: Cluster;
  readonly #bell = new Bell();
  #joined = 0;

  /** Nobody contends yet. */
  constructor(cluster: Cluster, make: Make) {
    this.#cluster = cluster;
    this.make = make;
    this.lease = cluster.newLease();
    this.watch = cluster.watch(this.lease);
    this.acts = `${cluster.dir}/${this.lease}.acts`;
  }

  /** The leader and so many followers, all of them ready. */
  static async of(
    cluster: Cluster,
    make: Make,
    replicas: number,
    first: JoinOptions = {},
  ): Promise<Contest> {
    const contest = new Contest(cluster, make);
    try {
      await contest.elected(0, [contest.join(first)]);
      const followers = Array.from({ length: replicas - 1 }, () => contest.join());
      for (const follower of followers) await contest.following(follower);
      return contest;
    } catch (error) {
      await contest[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts one more replica; does not wait for anything. */
  join(options: JoinOptions = {}): Replica {
    const identity = `${this.make.name}-${++this.#joined}`;
    const program = this.make.program({
      kubeconfig: options.kubeconfig ?? this.#cluster.kubeconfig,
      namespace: this.#cluster.namespace,
      lease: this.lease,
      identity,
      acts: this.acts,
      distrustUnheld: options.distrustUnheld,
    });
    const replica = new Replica(identity, program, this.#bell);
    this.replicas.push(replica);
    return replica;
  }

  /** Waits until a replica has seen who leads. */
  async following(replica: Replica): Promise<void> {
    await replica.heard("new-leader", READY_LIMIT_MS);
  }

  /** The first election among some replicas at or after a time. */
  async elected(
    from: number,
    among: readonly Replica[] = this.replicas,
    limitMs = ELECTED_LIMIT_MS,
  ): Promise<LogEvent> {
    return await this.#bell.until(`an election on ${this.lease}`, limitMs, () => {
      for (const replica of among) {
        const found = replica.find("elected", from);
        if (found !== undefined) return found;
        // A replica that cannot even start would otherwise cost the whole limit.
        if (replica.exit !== undefined && replica.exit.code !== 0 && !replica.exit.signal) {
          throw new Error(`${replica.name} ended with ${replica.exit.code}:\n${replica.tail}`);
        }
      }
    });
  }

  /** The replica that was elected last. */
  get leader(): Replica {
    const elections = this.replicas.flatMap((replica) =>
      replica.events.filter(({ event }) => event === "elected")
    );
    const last = elections.sort((a, b) => a.at - b.at).at(-1);
    if (last === undefined) throw new Error(`Nobody was elected on ${this.lease}`);
    return last.replica;
  }

  /** All but one. */
  others(than: Replica): Replica[] {
    return this.replicas.filter((replica) => replica !== than);
  }

  /** The whole identity in the Lease of a replica that holds it now. */
  get holder(): string {
    return this.watch.versions.at(-1)?.holder ?? "";
  }

  /** Forgets a replica that has ended. */
  async remove(replica: Replica): Promise<void> {
    await replica[Symbol.asyncDispose]();
    this.replicas.splice(this.replicas.indexOf(replica), 1);
  }

  /** Kills all replicas. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica[Symbol.asyncDispose]()));
    await this.watch[Symbol.asyncDispose]();
  }
}
