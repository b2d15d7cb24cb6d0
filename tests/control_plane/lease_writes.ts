/**
 * What was written into a Lease, from the API server's own log of requests: no candidate is asked, the clock
 * is that of the API server, and the order is that of the versions.
 *
 * @module
 */
import type { AuditPolicy } from "./control_plane.ts";

/** For `ControlPlane`: notes all writes of Leases, and nothing else. */
export const LEASE_WRITES: AuditPolicy = {
  // One line a request, at its end.
  omitStages: ["RequestReceived", "ResponseStarted", "Panic"],
  omitManagedFields: true,
  rules: [
    {
      level: "RequestResponse",
      verbs: ["create", "update", "patch"],
      resources: [{ group: "coordination.k8s.io", resources: ["leases"] }],
    },
    { level: "None" },
  ],
};

/** A write that took effect, and the version that it made. */
export interface LeaseWrite {
  /** When the request had reached the API server, ms since 1970, to the microsecond. */
  readonly receivedMs: number;
  /** Of one life of the Lease. */
  readonly uid: string;
  readonly resourceVersion: bigint;
  /** `""` if there is none. */
  readonly holder: string;
  /** Whether a candidate of this project wrote it, and no other hand. */
  readonly ours: boolean;
  /** Names the write: a version of the same name differs in foreign metadata alone. */
  readonly write: string;
  /** Who gave the Lease up by it. */
  readonly releasedBy?: string;
  readonly leaseDurationMs: number;
}

/** A change of hands without a release. */
export interface Takeover {
  /** The last write of the holder before. */
  readonly from: LeaseWrite;
  readonly to: LeaseWrite;
  /** From the arrival of the one to that of the other: never shorter than the new holder has waited. */
  readonly waitedMs: number;
}

interface AuditLine {
  readonly requestReceivedTimestamp: string;
  readonly objectRef: { readonly name?: string; readonly namespace: string };
  readonly responseStatus: { readonly code: number };
  readonly responseObject?: Lease;
}

interface Lease {
  readonly metadata: {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly holderIdentity?: string; readonly leaseDurationSeconds?: number };
}

/**
 * Reads all writes of one Lease so far that took effect, in the order in which they did.
 *
 * @param path The log, which need not exist yet.
 */
export async function readLeaseWrites(
  path: string,
  namespace: string,
  name: string,
): Promise<LeaseWrite[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  // What comes after the last end of a line is being written.
  const lines = text.split("\n").slice(0, -1).filter((line) => line.includes(`"${namespace}"`));
  return lines.map((line): AuditLine => JSON.parse(line))
    .filter(({ objectRef, responseStatus: { code } }) =>
      objectRef.namespace === namespace && objectRef.name === name && (code === 200 || code === 201)
    )
    .map(({ requestReceivedTimestamp, responseObject }) =>
      read(responseObject!, requestReceivedTimestamp)
    )
    .sort((a, b) => Number(a.resourceVersion - b.resourceVersion));
}

function read({ metadata, spec }: Lease, received: string): LeaseWrite {
  const notes = metadata.annotations ?? {};
  const { holderIdentity: holder = "", leaseDurationSeconds = 0 } = spec;
  const releasedBy = notes["k8sensus.dev/released"]?.split(";")[0];
  return {
    receivedMs: readMs(received),
    uid: metadata.uid,
    resourceVersion: BigInt(metadata.resourceVersion),
    holder,
    ours: notes["k8sensus.dev/holder"] === holder,
    write: notes["k8sensus.dev/write"] ?? "",
    ...releasedBy !== undefined && { releasedBy },
    leaseDurationMs: leaseDurationSeconds * 1_000,
  };
}

/** `Date` keeps whole milliseconds only. */
function readMs(time: string): number {
  const micros = /\.\d{3}(\d{3})Z$/.exec(time)?.[1] ?? "0";
  return Date.parse(time) + Number(micros) / 1_000;
}

/** All changes of hands between candidates of this project that no release allowed. */
export function takeovers(writes: readonly LeaseWrite[]): Takeover[] {
  const found: Takeover[] = [];
  let held: LeaseWrite | undefined;
  for (const write of writes) {
    const goesOn = held?.uid === write.uid && held.holder === write.holder;
    if (goesOn && held!.write === write.write) continue;
    if (held?.uid === write.uid && !goesOn && write.holder !== "" && write.ours) {
      found.push({ from: held, to: write, waitedMs: write.receivedMs - held.receivedMs });
    }
    held = write.holder !== "" && write.ours ? write : undefined;
  }
  return found;
}

/** Takeovers before the Lease of the holder before had expired. */
export function earlyTakeovers(writes: readonly LeaseWrite[]): Takeover[] {
  return takeovers(writes).filter(({ from, waitedMs }) => waitedMs < from.leaseDurationMs);
}

/** Writes that emptied a Lease which somebody else held. */
export function erasures(writes: readonly LeaseWrite[]): LeaseWrite[] {
  return writes.filter(({ holder, uid, releasedBy }, index) => {
    const before = writes[index - 1];
    if (holder !== "" || before === undefined || before.uid !== uid) return false;
    return before.holder !== "" && before.holder !== releasedBy;
  });
}
