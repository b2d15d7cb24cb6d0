// What a write of a contender must and must not say.
import { ANNOTATION, type Lease, type LeaseRecord } from "../../lib/lease.ts";
import type { WriteKind } from "../../lib/election.ts";

/** An annotation that is none of our business. */
export const FOREIGN_NOTE = "example.com/note";

/** What a write says that it must not, given what it replaces, and whether a hand has touched that. */
export function saysAmiss(
  lease: Lease,
  kind: WriteKind,
  replaced: LeaseRecord,
  touched: boolean,
): string | undefined {
  const { spec, metadata: { annotations } } = lease;
  const { token, transitions } = replaced;
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
  // A time that a hand has put there is nobody's.
  if (touched) return undefined;
  // Others compare texts, some of them in whole seconds; clocks may be set back.
  const length = kind === "renew" ? "2026-01-01T00:00:00".length : undefined;
  const [before = "", now = ""] = [replaced.lease.spec.renewTime, spec.renewTime];
  const later = now.slice(0, length) > before.slice(0, length);
  return later ? undefined : "a time that is not later than the last";
}
