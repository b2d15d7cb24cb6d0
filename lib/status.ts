/**
 * What can be read off an election without changing it.
 *
 * @module
 */
import type { Instant } from "./clock.ts";
import type { ElectorStatus, HolderChange } from "./elector_options.ts";
import type { Election } from "./election.ts";
import { nameOf } from "./lease.ts";

/** What the machine does not know of its elector. */
export interface Surroundings extends Pick<ElectorStatus, "name" | "isLeader"> {
  readonly lastReleased: boolean | null;
  readonly missingVerbs: ElectorStatus["missingVerbs"];
  /** When the loop last turned, monotonic. */
  readonly turnedAt: number;
}

/** Who holds the Lease, as far as is known. */
export function holderOf({ state, settings }: Election): HolderChange {
  const record = state.known?.record;
  const identity = record?.holder || null;
  const token = record?.token === "malformed" ? undefined : record?.token;
  return {
    leader: identity === null ? null : nameOf(identity),
    identity,
    token: identity === null ? null : token ?? null,
    isSelf: identity === settings.identity,
  };
}

/** Everything at this instant. */
export function statusOf(election: Election, now: Instant, around: Surroundings): ElectorStatus {
  const { state, settings } = election;
  const { role } = state;
  const { leader, identity, token } = holderOf(election);
  const takeAt = election.takeAt();
  return {
    leaseName: settings.leaseName,
    leaseNamespace: settings.namespace,
    name: around.name,
    identity: settings.identity,
    role: role.name,
    isLeader: around.isLeader,
    remainingMs: election.remainingMs("tenure" in role ? role.tenure.term : 0, now),
    leader,
    holder: identity,
    token,
    contending: state.contending,
    observed: state.known !== undefined,
    takeableInMs: takeAt === Infinity ? null : Math.max(0, takeAt - now.mono),
    lastReleased: around.lastReleased,
    terms: state.terms,
    missingVerbs: around.missingVerbs,
    watch: { phase: state.watch.phase, failures: state.watch.failures },
    turnedMsAgo: now.mono - around.turnedAt,
    timing: settings.timing,
  };
}
