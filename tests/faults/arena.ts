/**
 * Three candidates of one Lease, the log of their acts, and the store that checks their tokens.
 *
 * @module
 */
import { GUARD_ENV } from "../../lib/guard/messages.ts";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import {
  earlyTakeovers,
  erasures,
  type LeaseWrite,
  readLeaseWrites,
} from "../control_plane/lease_writes.ts";
import { type Act, findSharedTokens, findStaleActs } from "../support/act_log.ts";
import { until } from "../support/until.ts";
import { readActs } from "./acts.ts";
import { Candidate, type Terms } from "./candidate.ts";
import { type Plan, writersOf } from "./matrix.ts";
import { killMentioning, processTable, variableOf } from "./process_table.ts";
import { Register, type Seen } from "./register.ts";

/** Names what this process has started: it is among the arguments of all of it. */
export const FOLDER_PREFIX = `k8sensus-faults-${Deno.pid}-`;

const NAMES = ["a", "b", "c"];
const LEASE = "contested";

/** What a round left behind. */
export interface Findings {
  readonly acts: number;
  /** Acts in the log behind the first one of a newer leader. */
  readonly staleActs: number;
  /** How long after that the last of them came. */
  readonly largestOverlapMs: number;
  /** Acts that the store refused: each came after one of a newer leader. */
  readonly refused: number;
  /** Such acts that it took. */
  readonly lateAccepted: number;
  /** What must not be in any round, in words. */
  readonly faults: readonly string[];
  readonly writes: readonly LeaseWrite[];
}

/** A Lease in a namespace of its own, and those who contend for it. */
export class Arena {
  readonly candidates: Candidate[] = [];
  readonly register: Register;
  readonly terms: Terms;
  readonly #plane: ControlPlane;
  readonly #namespace: string;
  readonly #ends = new AsyncDisposableStack();
  /** Those that guards have made, and leave behind when they are killed together with their electors. */
  readonly #folders = new Set<string>();
  #ended?: Promise<void>;

  private constructor(plane: ControlPlane, namespace: string, register: Register, terms: Terms) {
    this.#plane = plane;
    this.#namespace = namespace;
    this.register = register;
    this.terms = terms;
  }

  /** Starts the candidates, and waits until all of them contend and one acts. */
  static async open(
    plane: ControlPlane,
    namespace: string,
    { work, settleMs, contained }: Plan,
    leaseDurationMs: number,
  ): Promise<Arena> {
    const folder = await Deno.makeTempDir({ prefix: FOLDER_PREFIX });
    const register = await Register.open(`${folder}/register`);
    const arena = new Arena(plane, namespace, register, {
      ...{ work, settleMs, contained, leaseDurationMs, folder },
      ...{ log: `${folder}/acts`, register: register.path, hang: `${folder}/hang` },
    });
    try {
      await Deno.writeTextFile(arena.terms.log, "");
      await arena.#start();
      return arena;
    } catch (error) {
      await arena.close();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { token } = await this.#plane.serviceAccount(this.#namespace, "candidate");
    const kubeconfig = async (port: number) => {
      const path = `${this.terms.folder}/${port}.kubeconfig`;
      await Deno.rename(await this.#plane.kubeconfigAt(port, token, this.#namespace), path);
      return path;
    };
    for (const name of NAMES) {
      const candidate = await Candidate.start(name, this.terms, this.#plane.port, kubeconfig);
      this.candidates.push(this.#ends.use(candidate));
    }
    for (const candidate of this.candidates) await candidate.contends();
  }

  /** Waits until all that acts for the newest leader has acted; says who that is. */
  async leader(): Promise<{ candidate: Candidate; seen: Seen }> {
    const leader = await this.#until("a leader that acts", () => {
      const seen = this.register.newest;
      if (seen === undefined || seen.pids.size < writersOf(this.terms.work)) return;
      const candidate = this.candidates.find((candidate) => candidate.is(seen.identity));
      return candidate && { candidate, seen };
    });
    this.#noteFolders();
    return leader;
  }

  /** Waits until a leader after this one has acted. */
  async nextLeader({ token }: Seen): Promise<Seen> {
    return await this.#until("the next leader", () => {
      const seen = this.register.newest!;
      return seen.token === token ? undefined : seen;
    });
  }

  async #until<T>(what: string, ask: () => T | undefined): Promise<T> {
    try {
      return await until(what, () => {
        this.register.check();
        return ask();
      }) as T;
    } catch (error) {
      const lines = this.candidates.map(({ lastLines }) => lastLines);
      throw new Error(`${(error as Error).message}\n${lines.join("\n")}`);
    }
  }

  /** Ends everything, and looks at what was done. */
  async findings(): Promise<Findings> {
    try {
      await this.#end();
      this.register.check();
      const acts = await readActs(this.terms.log);
      const { refused, lateAccepted } = this.register;
      const stale = findStaleActs(acts);
      const writes = await readLeaseWrites(this.#plane.auditLog, this.#namespace, LEASE);
      return {
        acts: acts.length,
        staleActs: stale.length,
        largestOverlapMs: stale.reduce((most, { overlapMs }) => Math.max(most, overlapMs), 0),
        refused,
        lateAccepted,
        faults: faultsOf(acts, writes, lateAccepted),
        writes,
      };
    } finally {
      await this.close();
    }
  }

  #end(): Promise<void> {
    return this.#ended ??= this.#endAll();
  }

  /** Ends all processes of this round, wherever they have gone, and then the store. */
  async #endAll(): Promise<void> {
    this.#noteFolders();
    await this.#ends.disposeAsync();
    await killMentioning(this.terms.folder);
    await this.register[Symbol.asyncDispose]();
  }

  /** Ends everything, and leaves nothing behind. */
  async close(): Promise<void> {
    await this.#end();
    for (const folder of [this.terms.folder, ...this.#folders]) {
      await Deno.remove(folder, { recursive: true }).catch(() => {});
    }
  }

  #noteFolders(): void {
    for (const { pid, commandLine } of processTable()) {
      if (!commandLine.includes(this.terms.folder)) continue;
      const folder = variableOf(pid, GUARD_ENV.socket)?.replace(/\/guard\/socket$/, "");
      if (folder !== undefined) this.#folders.add(folder);
    }
  }
}

/** What must be in no round, whatever the fault. */
function faultsOf(
  acts: readonly Act[],
  writes: readonly LeaseWrite[],
  lateAccepted: number,
): string[] {
  const faults = findSharedTokens(acts).map((token) => `token ${token} belongs to two terms`);
  for (const { to, waitedMs } of earlyTakeovers(writes)) {
    faults.push(`${to.holder} took the Lease after ${waitedMs.toFixed(0)} ms without a release`);
  }
  for (const { releasedBy } of erasures(writes)) {
    faults.push(`${releasedBy} released what another held`);
  }
  // Or nothing could be found against anybody.
  if (writes.length === 0) faults.push("the API server noted no write");
  if (lateAccepted > 0) faults.push(`the store took ${lateAccepted} late acts`);
  return faults;
}
