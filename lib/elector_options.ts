/**
 * What goes into an elector, and what can be seen of it.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import type { RoleName, Settings } from "./election.ts";
import { ConfigError } from "./errors.ts";
import type { GuardApi } from "./guard/link.ts";
import type { Verb } from "./kubernetes/access.ts";
import type { Client } from "./kubernetes/client.ts";
import type { LeaseApi } from "./kubernetes/leases.ts";
import type { Logger } from "./logger.ts";
import { makeTiming, type Timing, type TimingOptions } from "./timing.ts";
import type { Token } from "./token.ts";

/** Options of an `Elector`; durations in milliseconds. */
export interface ElectorOptions extends TimingOptions {
  /** The Lease to contend for. */
  leaseName: string;
  /**
   * Where it is.
   *
   * @default {the namespace that goes with the client, else "default"}
   */
  leaseNamespace?: string;
  /**
   * The name of this candidate: 1 to 200 printable ASCII characters, without spaces and `;`. A nonce is
   * added to it, so two candidates of one name are still two.
   *
   * @default {the host name, which in a pod is the pod's}
   */
  identity?: string;
  /** The pod's uid, shown in the identity. */
  podUid?: string;
  /**
   * The way to the API server.
   *
   * @default {Client.inCluster()}
   */
  client?: Client;
  /**
   * Take a Lease that looks as if it had never been held at once. Unsafe if anybody ever deletes,
   * empties or replaces the Lease.
   *
   * @default {false}
   */
  trustUnheld?: boolean;
  /**
   * Extra wait after a holder of another make, which may act long after it was cut off.
   *
   * @default {the wait itself plus 3000}
   */
  foreignGraceMs?: number;
  /**
   * Lead only under a guard: a parent process that kills this one at the fence, even while its main thread
   * is blocked, and releases the Lease when it dies. Start the program by
   * `deno task guard -- deno run app.ts`; it needs `--allow-env`, `--allow-net`, and read and write access
   * to the socket that `K8SENSUS_GUARD_SOCKET` names. Other than `true` is for tests.
   *
   * @default {false}
   */
  guard?: boolean | GuardApi;
  /** Takes log lines; nothing is logged without. */
  logger?: Logger;
  /** Time and chance; for tests. */
  clock?: Clock;
  /** The Lease itself, in place of `client`; for tests. Permissions are then not asked for. */
  leases?: LeaseApi;
}

/** A change of hands, as `Elector.observe` yields it. */
export interface HolderChange {
  /** The name of the leader; `null` if nobody holds the Lease. */
  readonly leader: string | null;
  /** Its whole identity. */
  readonly identity: string | null;
  /** The fencing token in the Lease, if any. */
  readonly token: Token | null;
  /** Whether it is this elector. */
  readonly isSelf: boolean;
}

/** Everything about an elector at one instant. */
export interface ElectorStatus {
  /** The name of the Lease. */
  readonly leaseName: string;
  /** Its namespace. */
  readonly leaseNamespace: string;
  /** The name of this candidate. */
  readonly name: string;
  /** Its whole identity. */
  readonly identity: string;
  /** What it is doing. */
  readonly role: RoleName;
  /** Whether it may start new work at this instant. */
  readonly isLeader: boolean;
  /** Milliseconds until its fence; 0 if it does not lead. */
  readonly remainingMs: number;
  /** The name of the holder; `null` if there is none or it is not known yet. */
  readonly leader: string | null;
  /** Its whole identity. */
  readonly holder: string | null;
  /** The fencing token in the Lease. */
  readonly token: Token | null;
  /** Whether it tries to lead. */
  readonly contending: boolean;
  /** Whether the Lease has been seen. */
  readonly observed: boolean;
  /** Milliseconds until the Lease may be taken if nothing changes; `null` if not at all. */
  readonly takeableInMs: number | null;
  /** Whether the last term was released; `null` if there was none or that is still open. */
  readonly lastReleased: boolean | null;
  /** How many terms began here. */
  readonly terms: number;
  /** The permissions that are missing, as far as known; `null` before they were asked for. */
  readonly missingVerbs: readonly Verb[] | null;
  /** The watch. */
  readonly watch: { readonly phase: string; readonly failures: number };
  /** How long ago the loop last turned, in milliseconds. */
  readonly turnedMsAgo: number;
  /** The durations in force, and the stop budget. */
  readonly timing: Timing;
}

/** Options of everything that waits. */
export interface WaitOptions {
  /** Ends it: work is drained and the Lease released. */
  signal?: AbortSignal;
}

/**
 * Checks the extra wait after a holder of another make.
 *
 * @returns It, as it is.
 * @throws {ConfigError} If it is no number of milliseconds of at least zero.
 */
export function checkGrace(ms: number | undefined): number | undefined {
  if (ms === undefined || (Number.isFinite(ms) && ms >= 0)) return ms;
  throw new ConfigError(`Cannot wait for ${ms}ms after a holder of another make: give at least 0`);
}

/**
 * Checks the name of a candidate.
 *
 * @returns It, as it is.
 * @throws {ConfigError} If it is not 1 to 200 printable ASCII characters without spaces and semicolons.
 */
export function checkName(name: unknown): string {
  if (typeof name === "string" && /^[!-:<-~]{1,200}$/.test(name)) return name;
  throw new ConfigError(
    `Cannot use ${JSON.stringify(name)} as an identity: give 1 to 200 printable ASCII characters ` +
      `without spaces and semicolons`,
  );
}

/**
 * What the election is told, but for the namespace, which may come with the client.
 *
 * @param options What the user chose.
 * @param name The checked name of the candidate.
 * @param nonce Of this very elector.
 * @throws {ConfigError} If there is no Lease, or the durations are not safe together.
 */
export function settingsOf(
  options: ElectorOptions,
  name: string,
  nonce: string,
): Omit<Settings, "namespace"> {
  const { leaseName } = options;
  if (typeof leaseName !== "string" || leaseName === "") {
    throw new ConfigError("Cannot elect without a Lease: give leaseName");
  }
  return {
    identity: `${name}_${nonce}_${options.podUid || "-"}`,
    nonce,
    leaseName,
    timing: makeTiming(options),
    trustUnheld: options.trustUnheld ?? false,
    foreignGraceMs: checkGrace(options.foreignGraceMs),
    guarded: Boolean(options.guard),
  };
}
