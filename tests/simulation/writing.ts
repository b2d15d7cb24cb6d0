// What a write of a contender must and must not say.
import { ANNOTATION, type Lease, type LeaseRecord, readMicroTime } from "../../lib/lease.ts";
import type { WriteKind } from "../../lib/election.ts";

/** An annotation that is none of our business. */
export const FOREIGN_NOTE = "example.com/note";

/** What a write says that it must not, given what it replaces. */
export function saysAmiss(
  lease: Lease,
  kind: WriteKind,
  replaced: LeaseRecord,
): string | undefined {
  const { spec, metadata: { annotations } } = lease;
  const { token, renewMicros = 0, transitions } = replaced;
  const foreign = replaced.lease.metadata.annotations?.[FOREIGN_NOTE];
  if (annotations?.[FOREIGN_NOTE] !== foreign) return "something into annotations of others";
  if (kind !== "release" && annotations?.[ANNOTATION.released] !== undefined) {
    return "a mark of a release";
  }
  if (kind === "acquire") {
    if (spec.preferredHolder !== undefined) return "whom others prefer";
    if (spec.leaseTransitions !== transitions + 1) return "a wrong number of transitions";
    return undefined;
  }
  if (annotations?.[ANNOTATION.token] !== token) return "another token";
  // Others compare texts, some of them in whole seconds; clocks may be set back.
  const unit = kind === "renew" ? 1e6 : 1;
  const before = Math.floor(renewMicros / unit);
  const later = Math.floor((readMicroTime(spec.renewTime) ?? 0) / unit) > before;
  return later ? undefined : "a time that is not later than the last";
}
