// kubert's lease manager as a machine, re-told from what it does: a claim is current while the wall clock has
// not passed renewTime plus duration, whoever wrote it.
import type { Instant } from "../../../lib/clock.ts";
import type { Effect, Input } from "../../../lib/election.ts";
import {
  type Answer,
  type Lease,
  type LeaseSpec,
  newLease,
  readMicroTime,
  writeMicroTime,
} from "../../../lib/lease.ts";
import type { Machine } from "../machine.ts";

/** How it is set up. */
export interface KubertSettings {
  readonly identity: string;
  readonly leaseDurationMs: number;
  /** A claim is renewed so long before it ends. */
  readonly renewGraceMs: number;
}

interface Claim {
  readonly holder: string;
  /** By the wall clock, in milliseconds. */
  readonly expiry: number;
}

const BACKOFF_MS = 500;

/** A contender of kubert's make. */
export class Kubert implements Machine {
  readonly #settings: KubertSettings;
  #contending = false;
  #lease?: Lease;
  #claim?: Claim;
  #call?: { readonly id: number; readonly claim?: Claim };
  #calls = 0;
  /** When to look again, by the monotonic clock. */
  #nextAt = Infinity;
  #timeoutAt = Infinity;
  #term = 0;
  #phase: "none" | "going" | "told" = "none";

  constructor(settings: KubertSettings) {
    this.#settings = settings;
  }

  step(input: Input, now: Instant, random: number): readonly Effect[] {
    const effects: Effect[] = [];
    switch (input.type) {
      case "contend":
        this.#contending = true;
        this.#nextAt = now.mono;
        break;
      case "withdraw":
        if (!this.#contending) break;
        this.#contending = false;
        this.#abdicate(effects, now);
        break;
      case "settled":
        if (input.term !== this.#term || this.#phase === "none") break;
        this.#tell(effects);
        this.#phase = "none";
        effects.push({ type: "revokeTerm", term: this.#term, reason: "expired" });
        break;
      case "answered":
        if (this.#call?.id !== input.id) break;
        this.#answered(this.#call.claim, input.answer, now, random);
    }
    if (this.#call !== undefined && now.mono >= this.#timeoutAt) {
      this.#call = undefined;
      this.#nextAt = now.mono + BACKOFF_MS * (1 + random);
    }
    if (this.#phase === "going" && !this.#holds(now)) this.#tell(effects);
    if (this.#contending && this.#call === undefined && now.mono >= this.#nextAt) {
      this.#look(effects, now);
    }
    if (this.#contending && this.#phase === "none" && this.#holds(now)) {
      this.#phase = "going";
      const token = String((this.#lease?.spec.leaseTransitions ?? 0) + 1);
      effects.push({ type: "startTerm", term: ++this.#term, token });
    }
    if (!this.#contending && this.#phase === "none" && this.#resting === false) {
      this.#resting = true;
      effects.push({ type: "withdrawn" });
    }
    if (this.#contending) this.#resting = false;
    return effects;
  }
  #resting = true;

  #tell(effects: Effect[]): void {
    if (this.#phase === "going") {
      this.#phase = "told";
      effects.push({ type: "endTerm", term: this.#term, reason: "expired" });
    }
  }

  /** Claims or renews, if the present claim lets it. */
  #look(effects: Effect[], now: Instant): void {
    const { identity, leaseDurationMs, renewGraceMs } = this.#settings;
    const claim = this.#claim;
    if (this.#lease === undefined) return this.#send(effects, now, undefined);
    const mine = claim?.holder === identity;
    const until = (claim?.expiry ?? -Infinity) - (mine ? renewGraceMs : 0);
    if (now.wall < until) {
      this.#nextAt = now.mono + until - now.wall;
      return;
    }
    const time = writeMicroTime(Math.trunc(now.wall * 1_000));
    const { spec } = this.#lease;
    const claimed: LeaseSpec = {
      ...spec,
      holderIdentity: identity,
      leaseDurationSeconds: leaseDurationMs / 1_000,
      renewTime: time,
      acquireTime: mine ? spec.acquireTime : time,
      leaseTransitions: (spec.leaseTransitions ?? 0) + (mine ? 0 : 1),
    };
    const next = { holder: identity, expiry: now.wall + leaseDurationMs };
    this.#send(effects, now, { ...this.#lease, spec: claimed }, next);
  }

  #answered(claim: Claim | undefined, answer: Answer, now: Instant, random: number): void {
    this.#call = undefined;
    this.#nextAt = now.mono;
    if (answer.kind === "missing") {
      this.#lease = newLease("default", "x");
      this.#claim = undefined;
    } else if (answer.kind === "lease") {
      this.#lease = answer.record.lease;
      this.#claim = claim ?? claimOf(this.#lease.spec);
    } else if (answer.kind === "conflict") {
      this.#lease = undefined;
    } else {
      this.#lease = undefined;
      this.#nextAt = now.mono + BACKOFF_MS * (1 + random);
    }
  }

  /** Gives the claim up, whatever the work does. */
  #abdicate(effects: Effect[], now: Instant): void {
    if (this.#holds(now) && this.#lease !== undefined) {
      const { leaseTransitions, leaseDurationSeconds } = this.#lease.spec;
      this.#send(effects, now, {
        ...this.#lease,
        spec: { leaseTransitions, leaseDurationSeconds },
      });
    }
    this.#claim = undefined;
    this.#tell(effects);
  }

  #send(effects: Effect[], now: Instant, lease?: Lease, claim?: Claim): void {
    const id = ++this.#calls;
    this.#call = { id, claim };
    this.#timeoutAt = now.mono + this.#settings.leaseDurationMs;
    if (lease === undefined) effects.push({ type: "read", id });
    else {effects.push({
        type: "write",
        id,
        kind: claim === undefined ? "release" : "acquire",
        lease,
      });}
  }

  #holds({ wall }: Instant): boolean {
    return this.#claim?.holder === this.#settings.identity && wall < this.#claim.expiry;
  }

  deadline(): number {
    if (this.#call !== undefined) return this.#timeoutAt;
    return this.#contending ? this.#nextAt : Infinity;
  }

  mayAct(term: number, now: Instant): boolean {
    return term === this.#term && this.#phase !== "none" && this.#holds(now);
  }

  mayStart(term: number, now: Instant): boolean {
    return this.mayAct(term, now);
  }
}

function claimOf(
  { holderIdentity, renewTime, leaseDurationSeconds }: LeaseSpec,
): Claim | undefined {
  const renewed = readMicroTime(renewTime);
  if (!holderIdentity || renewed === undefined) return undefined;
  return { holder: holderIdentity, expiry: renewed / 1_000 + (leaseDurationSeconds ?? 0) * 1_000 };
}
