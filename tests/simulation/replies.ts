// What requests may be answered instead of the truth, and what webhooks make of what is written.
import { ANNOTATION, type Answer, type Lease } from "../../lib/lease.ts";

export const RESET: Answer = { kind: "unknown", message: "the connection broke" };
export const CONFLICT: Answer = { kind: "conflict" };
export const MISSING: Answer = { kind: "missing" };
export const UNREADABLE: Answer = { kind: "unknown", message: "the answer is no Lease" };

/** Others have asked too much. */
export const REST_FOR_AN_HOUR: Answer = {
  kind: "refused",
  status: 429,
  message: "the server says 429",
  retryAfterMs: 3_600_000,
};

/** What one request meets with. */
export interface Ambush {
  /** Whose; absent: anybody's. */
  readonly who?: number;
  readonly kind: "read" | "write";
  /** It is carried out nevertheless. */
  readonly done?: boolean;
  /** Somebody labels the Lease behind it. */
  readonly label?: boolean;
  /** What it is answered; absent: the truth. */
  readonly answer?: Answer | "none";
}

/** What the server, or somebody in front of it, says instead of doing anything. */
export const REFUSALS: readonly Answer[] = [
  { kind: "unknown", message: "500" },
  { kind: "unknown", message: "504" },
  UNREADABLE,
  ...[401, 403, 404, 410, 422, 429, 503].map((status) => ({
    kind: "refused" as const,
    status,
    message: `the server says ${status}`,
    retryAfterMs: status === 429 || status === 503 ? 3_600_000 : undefined,
  })),
];

/** Changes what is about to be written; says whether the election is touched. */
export function meddle({ metadata, spec }: Lease, variant: number): boolean {
  switch (variant % 8) {
    case 0:
      spec.leaseDurationSeconds = spec.leaseDurationSeconds === 1 ? 2 : 1;
      return true;
    case 1:
      spec.holderIdentity = "webhook";
      return true;
    case 2:
      delete metadata.annotations;
      return true;
    case 3:
      delete metadata.annotations?.[ANNOTATION.write];
      return true;
    case 4:
      spec.holderIdentity = "webhook";
      metadata.annotations = { ...metadata.annotations, [ANNOTATION.holder]: "webhook" };
      return true;
    case 5:
      spec.holderIdentity = "";
      return true;
    case 6:
      metadata.annotations = { ...metadata.annotations, [ANNOTATION.token]: "1" };
      return true;
    default:
      metadata.labels = { seen: "yes" };
      return false;
  }
}
