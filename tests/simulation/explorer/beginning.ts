// The world in which everything begins: the last leader, of another life, has released the Lease, so that any of
// the candidates may be the first to take it.
import {
  acquiredLease,
  type Lease,
  type LeaseRecord,
  newLease,
  readLease,
  releasedLease,
} from "../../../lib/lease.ts";
import { nonceOf } from "./cast.ts";
import type { Scope } from "./scope.ts";
import type { Store } from "./world.ts";

/** No host has this number. */
const NOBODY = 99;

/** The API server at the beginning. */
export function firstStore({ timing }: Scope): Store {
  const nonce = nonceOf(NOBODY, 0);
  const claim = {
    identity: `c${NOBODY}_${nonce}_-`,
    write: `${nonce}.1`,
    token: "1",
    durationMs: timing.leaseDurationMs,
    renewMicros: Date.UTC(2025, 0, 1) * 1_000,
  };
  const held = stored(acquiredLease(stored(newLease("default", "x"), 1), claim), 2);
  const record = stored(releasedLease(held, { ...claim, write: `${nonce}.2` }), 3);
  const version = { rv: 3, record, kind: "release", claimedAt: 0, free: true } as const;
  return { revision: 3, uids: 1, log: [version], highest: "1" };
}

function stored(lease: Lease, rv: number): LeaseRecord {
  const metadata = { ...lease.metadata, uid: "uid-1", resourceVersion: String(rv) };
  return readLease({ ...lease, metadata });
}
