// What hands do to a Lease.
import { ANNOTATION, type Lease } from "../../../lib/lease.ts";

/** A change by hand. */
export interface Edit {
  readonly name: string;
  readonly change: (lease: Lease) => void;
}

/** All that are tried. */
export const EDITS: readonly Edit[] = [
  {
    name: "a label is set",
    change: (lease) => {
      const { times } = (lease.metadata.labels ?? {}) as { times?: string };
      lease.metadata.labels = { times: (times ?? "") + "x" };
    },
  },
  {
    name: "the holder is removed",
    change: (lease) => lease.spec.holderIdentity = "",
  },
  {
    name: "holder and its annotation are removed",
    change: (lease) => {
      lease.spec.holderIdentity = "";
      lease.metadata.annotations = { ...lease.metadata.annotations, [ANNOTATION.holder]: "" };
    },
  },
  {
    name: "another holder is put in",
    change: (lease) => lease.spec.holderIdentity = "somebody",
  },
  {
    name: "the duration is made short",
    change: (lease) => lease.spec.leaseDurationSeconds = 1,
  },
  {
    name: "the annotations are removed",
    change: (lease) => delete lease.metadata.annotations,
  },
];
