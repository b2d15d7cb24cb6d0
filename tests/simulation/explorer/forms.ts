// What the fields of a machine's state mean to a fingerprint.

/** How a field is written. */
export const KIND = {
  /** As it is. */
  plain: 0,
  /** Not at all: running numbers, and what is only ever compared for being equal. */
  none: 1,
  /** A version or a token: by its order. */
  version: 2,
  /** The sequence of a write: by its order. */
  sequence: 3,
  record: 4,
  /** A time that counts until it is past. */
  future: 5,
  /** Times that count for so long: three lease durations, one, one attempt. */
  past: 6,
  recent: 7,
  last: 8,
  instant: 9,
  /** Failures in a row: pauses beyond the third all end within one tick. */
  count: 10,
  budget: 11,
} as const;

/** The kind of a field, or the forms of the fields in it, or in the items of a list. */
export type Form = number | { readonly [field: string]: Form };

const { none, version, sequence, record, future, past, recent, last, instant, count, budget } =
  KIND;

const TENURE: Form = {
  term: none,
  token: version,
  sent: instant,
  sequence,
  renewMicros: none,
  record,
};

/** The state of an `Election`. */
export const STATE: Form = {
  role: { tenure: TENURE, term: none, from: record, token: version, until: future },
  notBefore: future,
  known: { record, rv: version, since: past, jitterMs: none },
  watch: {
    number: none,
    rv: version,
    shown: version,
    heardAt: last,
    behindSince: last,
    retryAt: future,
    failures: count,
  },
  exchange: { id: none, rv: version, timeoutAt: future },
  reading: { id: none, oldestRv: version, knownRv: version, timeoutAt: future },
  reads: { at: future, lastAt: recent, failures: count },
  open: { sequence, sent: instant, renewMicros: none, token: version },
  pace: { at: future, failures: count },
  highest: version,
  longest: { token: version },
  clean: count,
  budget,
  lastId: none,
  sequence: none,
  terms: none,
};
