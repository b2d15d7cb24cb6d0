// What people and their tools do to a Lease.
import { ANNOTATION, type Lease } from "../../lib/lease.ts";
import { PREFIX } from "./identity.ts";
import type { LeaseServer, Version } from "./lease_server.ts";
import type { FaultKind } from "./plan.ts";
import { FOREIGN_NOTE } from "./writing.ts";

/** What an edit may need to know. */
interface Scene {
  readonly server: LeaseServer;
  /** Who contends. */
  readonly identities: readonly string[];
  readonly leaseDurationMs: number;
  readonly pick: number;
}

type Edit = (lease: Lease, scene: Scene) => void;

/** Edits of the present version. */
const EDITS: Partial<Record<FaultKind, Edit>> = {
  label: ({ metadata }, { pick }) => {
    metadata.labels = { n: String(pick) };
    if (pick % 2 === 0) {
      metadata.annotations = { ...metadata.annotations, [FOREIGN_NOTE]: String(pick) };
    }
  },
  empty: ({ spec }) => void (spec.holderIdentity = ""),
  strip: ({ metadata }) => void delete metadata.annotations,
  shorten: ({ spec }) => void (spec.leaseDurationSeconds = 1),
  lengthen: ({ spec }, { leaseDurationMs }) => {
    spec.leaseDurationSeconds = 2 * leaseDurationMs / 1_000;
  },
  lowerToken: setToken((token) => token.length > 1 ? token.slice(1).replace(/^0+$/, "1") : "1"),
  raiseToken: setToken((token) => token.length < 12 ? token + "0" : token),
  malformToken: setToken((token) => `-${token}`),
  replace: (lease) => {
    lease.spec = {};
    delete lease.metadata.annotations;
  },
  steal: ({ spec }) => {
    spec.holderIdentity = "somebody";
    spec.renewTime = "2026-02-02T00:00:00.000000Z";
    spec.leaseTransitions = (spec.leaseTransitions ?? 0) + 1;
  },
  swapHolder: ({ spec, metadata }, { identities, pick }) => {
    const holder = identities[pick % identities.length]!;
    spec.holderIdentity = holder;
    // The careful edit both places.
    if (pick % 3 === 0) {
      metadata.annotations = { ...metadata.annotations, [ANNOTATION.holder]: holder };
    }
  },
  prefer: ({ spec }, { identities, pick }) => {
    spec.preferredHolder = identities[pick % identities.length]!;
  },
};

function setToken(change: (token: string) => string): Edit {
  return ({ metadata: { annotations } }) => {
    const token = annotations?.[ANNOTATION.token];
    if (token !== undefined) annotations![ANNOTATION.token] = change(token.replace(/^-/, ""));
  };
}

/** After these the next candidate may know nothing of the tokens that there were. */
export const TAKES_TOKENS_AWAY: ReadonlySet<FaultKind> = new Set<FaultKind>([
  "delete",
  "recreate",
  "strip",
  "lowerToken",
  "malformToken",
  "replace",
  "putBackHeld",
  "putBackReleased",
  "webhook",
]);

/** Carries out an edit; says whether there was anything to edit. */
export function editByHand(kind: FaultKind, scene: Scene, at: number): boolean {
  const edit = EDITS[kind];
  const { server } = scene;
  if (edit === undefined || server.record === undefined) return false;
  const before = server.revision;
  server.edit(at, (lease) => edit(lease, scene));
  return server.revision !== before;
}

/** An older version of this life of the Lease, held or released; `undefined` if there is none. */
export function exported({ server, pick }: Scene, released: boolean): Version | undefined {
  const { present } = server;
  const older = server.log.filter(({ record, kind }) =>
    record !== undefined && record.uid === present?.record?.uid && record !== present.record &&
    (released ? kind === "release" : record.holder.startsWith(PREFIX))
  );
  return older[pick % Math.max(1, older.length)];
}

/** Puts what an older version said back into the present one. */
export function putBack(server: LeaseServer, { record }: Version, at: number): void {
  server.edit(at, (lease) => {
    lease.spec = structuredClone(record!.lease.spec);
    lease.metadata.annotations = structuredClone(record!.lease.metadata.annotations);
  });
}

/** Deletes the Lease and creates it anew from what it was. */
export function recreate(server: LeaseServer, at: number): boolean {
  const { record } = server;
  if (record === undefined) return false;
  server.delete(at);
  const lease = structuredClone(record.lease);
  delete lease.metadata.uid;
  delete lease.metadata.resourceVersion;
  server.write(lease, "hand", -1, at);
  return true;
}
