// What must hold in the world, whatever happens: looked at from outside, with true time and the store's own
// memory, and with nothing taken from the machine but what it does.
import { assert } from "@std/assert";
import type { Effect, Election } from "../../lib/election.ts";
import { ANNOTATION, type LeaseRecord } from "../../lib/lease.ts";
import type { Instant } from "../../lib/clock.ts";
import { leftMs } from "../../lib/election/state.ts";
import type { Store, Version } from "./world_store.ts";

/** What the laws need to know of a machine. */
export interface Subject {
  readonly name: string;
  readonly election: Election;
  /** Whether people set its wall clock. */
  readonly wallTrouble: boolean;
  now(): Instant;
}

interface Record {
  /** Sends of writes, by their marks. */
  readonly sent: Map<string, Instant>;
  /** Sends of the writes that were committed, newest last. */
  readonly committed: { readonly token: string; readonly sent: Instant }[];
  /** When each version was first received, on its own clock. */
  readonly received: Map<number, number>;
  term: number;
  phase: "none" | "going" | "ended" | "over";
  settled: boolean;
  /** Terms whose window was seen to be shut. */
  shut: number;
  /** I9: a bucket of 10 that leaks three a retry period. */
  requests: { level: number; at: number };
}

/** Keeps the books, and throws when a law is broken. */
export class Laws {
  readonly #records = new Map<Subject, Record>();
  readonly #store: Store;
  /** Tokens by the order of their commits. */
  #highest = 0n;
  /** Whether a hand has taken the token out of the Lease. */
  #handsTook = false;
  readonly #owners = new Map<string, string>();
  terms = 0;

  constructor(store: Store) {
    this.#store = store;
    store.onCommit = (version) => this.#committed(version);
  }

  add(subject: Subject): void {
    this.#records.set(subject, {
      sent: new Map(),
      committed: [],
      received: new Map(),
      term: 0,
      phase: "none",
      settled: true,
      shut: 0,
      requests: { level: 0, at: subject.now().mono },
    });
  }

  /** A dead process acts no more. What it sent may yet arrive. */
  remove(subject: Subject): void {
    this.#records.get(subject)!.phase = "none";
  }

  received(subject: Subject, record: LeaseRecord): void {
    const { received } = this.#records.get(subject)!;
    const rv = Number(record.rv);
    if (!received.has(rv)) received.set(rv, subject.now().mono);
  }

  settled(subject: Subject): void {
    this.#records.get(subject)!.settled = true;
  }

  /** Looks at what a machine wants done. */
  effect(subject: Subject, effect: Effect): void {
    const record = this.#records.get(subject)!;
    const { name, election } = subject;
    if (["write", "read", "watch"].includes(effect.type)) this.#request(subject, record);
    switch (effect.type) {
      case "write":
        return this.#write(subject, record, effect);
      case "startTerm":
        this.terms++;
        assert(
          (record.phase === "none" || record.phase === "over") && record.settled,
          `I8: ${name} is elected while the last term goes on`,
        );
        assert(effect.term === record.term + 1, `I8: ${name} counts its terms one by one`);
        assert(
          record.committed.some((write) => write.token === effect.token),
          `I4: ${name} leads by a write that was never committed`,
        );
        assert(
          this.#owners.get(effect.token) === election.settings.identity,
          `I4: ${name} leads with the token of somebody else`,
        );
        record.term = effect.term;
        record.phase = "going";
        record.settled = false;
        return;
      case "endTerm":
        assert(record.phase === "going" && effect.term === record.term, `I8: ${name} loses twice`);
        record.phase = "ended";
        return;
      case "revokeTerm":
        assert(record.phase === "ended" && effect.term === record.term, `I8: ${name} is revoked`);
        record.phase = "over";
        return;
      case "released":
        if (effect.term !== record.term) {
          // Taken when nobody wanted to lead any more: it never was a term.
          assert(effect.term === record.term + 1 && record.settled, `I8: ${name} releases nothing`);
          record.term = effect.term;
        } else {
          assert(record.phase === "ended" && record.settled, `I5: ${name} releases while it works`);
        }
        record.phase = "over";
    }
  }

  /** What holds at every instant. */
  look(subjects: readonly Subject[]): void {
    const acting = subjects.filter((subject) => this.#acts(subject));
    assert(
      acting.length <= 1,
      `I1: ${acting.map(({ name }) => name).join(" and ")} may act at the same time`,
    );
  }

  #acts(subject: Subject): boolean {
    const record = this.#records.get(subject)!;
    const { election, name } = subject;
    const { timing } = election.settings;
    const now = subject.now();
    const acts = election.mayAct(record.term, now);
    const starts = election.mayStart(record.term, now);
    assert(acts || !starts, `I2: ${name} starts work that may not act`);
    assert(!acts || record.phase === "going" || record.phase === "ended", `I2: ${name} acts late`);
    assert(!starts || record.phase === "going", `I2: ${name} starts after it was told to stop`);
    const left = (limitMs: number) => {
      const last = record.committed.at(-1);
      return last === undefined ? 0 : leftMs(last.sent, limitMs, now);
    };
    assert(!acts || left(timing.fenceMs) > 0, `I2: ${name} acts past the fence`);
    assert(!starts || left(timing.stopMs) > 0, `I2: ${name} starts past the stop`);
    if (!acts) record.shut = record.term;
    else if (!subject.wallTrouble) assert(record.shut < record.term, `I2: ${name} is revived`);
    return acts;
  }

  #request({ name, election, now }: Subject, { requests }: Record): void {
    const { mono } = now.call(undefined);
    const leak = (mono - requests.at) * 3 / election.settings.timing.retryPeriodMs;
    requests.level = Math.max(0, requests.level - leak) + 1;
    requests.at = mono;
    assert(requests.level <= 10 + 1e-6, `I9: ${name} sends too many requests`);
  }

  #write(subject: Subject, record: Record, effect: Extract<Effect, { type: "write" }>): void {
    const { name, election } = subject;
    const { metadata } = effect.lease;
    const now = subject.now();
    record.sent.set(metadata.annotations?.[ANNOTATION.write] ?? "", now);
    if (effect.kind === "create") {
      assert(
        metadata.uid === undefined && metadata.resourceVersion === undefined &&
          !effect.lease.spec.holderIdentity,
        `I6: ${name} creates what it could overwrite`,
      );
      return;
    }
    assert(
      metadata.uid !== undefined && metadata.resourceVersion !== undefined,
      `I4: ${name} writes without saying what it replaces`,
    );
    if (effect.kind === "release") {
      assert(record.settled, `I5: ${name} releases while its work goes on`);
      assert(
        !election.mayAct(record.term, now) && !election.mayAct(record.term + 1, now),
        `I5: ${name} may act after its release`,
      );
    }
    if (effect.kind === "acquire") {
      const version = this.#store.find(metadata.resourceVersion);
      const waited = now.mono - receivedAt(record, version);
      assert(waited >= needMs(election, version), `I6: ${name} takes after ${waited} ms`);
    }
  }

  #committed(version: Version): void {
    const { record, before, kind } = version;
    if (kind === "hand" && record!.token === undefined && before?.record?.token !== undefined) {
      this.#handsTook = true;
    }
    if (record === undefined || !["acquire", "renew", "release"].includes(kind)) return;
    const token = record.token!;
    const mark = record.lease.metadata.annotations![ANNOTATION.write]!;
    for (const [{ election }, books] of this.#records) {
      if (!mark.startsWith(election.settings.nonce)) continue;
      const sent = books.sent.get(mark)!;
      if (kind !== "release") books.committed.push({ token, sent });
      const { identity } = election.settings;
      if (kind === "acquire") {
        // Who has just come cannot know of a token that a hand has made too large, and then taken away.
        const least = this.#handsTook ? BigInt(before!.rv) - 1n : this.#highest;
        assert(BigInt(token) > least, `I4: token ${token} after ${least}`);
        this.#handsTook = false;
        this.#highest = BigInt(token);
        this.#owners.set(token, identity);
      } else {
        assert(before?.record?.holder === identity, `I5: a ${kind} replaces somebody else`);
        assert(this.#owners.get(token) === identity, `I4: a ${kind} with another's token`);
      }
    }
  }
}

/** When the wait for this version began at the earliest: changes of foreign metadata may keep it. */
function receivedAt({ received }: Record, version: Version): number {
  let first = Infinity;
  for (let at: Version | undefined = version; at !== undefined; at = at.before) {
    first = Math.min(first, received.get(at.rv) ?? Infinity);
    if (at.kind !== "label") break;
  }
  return first === Infinity ? NaN : first;
}

function keepsRelease({ kind, record, before }: Version): boolean {
  return kind === "hand" && record?.released !== undefined &&
    before?.record?.released !== undefined;
}

/** How long this version has to be waited for, at the least. */
function needMs(election: Election, version: Version): number {
  let at = version;
  // An edit that leaves the release mark valid leaves the release what it was, for all who go by the mark.
  while (at.before !== undefined && (at.kind === "label" || keepsRelease(at))) at = at.before;
  if (at.kind === "release") return 0;
  const whole = election.settings.timing.leaseDurationMs;
  const foreign = !at.record!.ours && at.record!.holder !== "";
  return Math.max(at.record!.durationMs ?? 0, whole) + (foreign ? whole + 3_000 : 0);
}
