// client-go's leader election (tools/leaderelection) as a machine: its rules, re-told from what it does. Time is
// the monotonic clock, as in Go. What it is here for are its known overlaps: the validity of a renewal counts
// from its answer; another holder is no reason to stop; the Lease is released before the work has ended.
import type { Instant } from "../../../lib/clock.ts";
import type { Effect, Input } from "../../../lib/election.ts";
import {
  type Answer,
  type Lease,
  type LeaseSpec,
  newLease,
  writeMicroTime,
} from "../../../lib/lease.ts";
import type { Machine } from "../machine.ts";

/** How it is set up. */
export interface ClientGoSettings {
  readonly identity: string;
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
  readonly releaseOnCancel: boolean;
  /** Before requests were given up at the deadline, renewals began without a read, and releases with one. */
  readonly old: boolean;
}

/** What it does at present; all but `idle` and `stopping` send requests. */
type Phase = "idle" | "acquiring" | "leading" | "stopping";
type Call = "get" | "create" | "update" | "fast" | "get to release" | "release";

const JITTER = 1.2;

/** A candidate of client-go. */
export class ClientGo implements Machine {
  readonly #settings: ClientGoSettings;
  #phase: Phase = "idle";
  #contending = false;
  /** The Lease as it was last read or written, with which updates are made. */
  #lease?: Lease;
  /** The record that was last seen, and when. */
  #observed: LeaseSpec = {};
  #observedText = "";
  #observedAt = -Infinity;
  #call?: { readonly id: number; readonly what: Call };
  #calls = 0;
  /** When the next attempt begins, and when attempts to renew end. */
  #nextAt = Infinity;
  #deadlineAt = Infinity;
  #term = 0;
  /** The term whose work goes on. */
  #working = 0;

  constructor(settings: ClientGoSettings) {
    this.#settings = settings;
  }

  step(input: Input, now: Instant, random: number): readonly Effect[] {
    const effects: Effect[] = [];
    const { mono } = now;
    switch (input.type) {
      case "contend":
        this.#contending = true;
        this.#phase = "acquiring";
        this.#nextAt = mono;
        break;
      case "withdraw":
        if (!this.#contending) break;
        this.#contending = false;
        if (this.#phase === "leading") this.#stop(effects, now, true);
        else if (this.#phase === "acquiring") this.#rest(effects);
        break;
      case "settled":
        if (input.term !== this.#working) break;
        this.#working = 0;
        // Work that returns by itself: its user cancels then.
        if (this.#phase === "leading") this.#stop(effects, now, true);
        this.#tell(effects);
        effects.push({ type: "revokeTerm", term: input.term, reason: "resigned" });
        this.#again(effects, mono);
        break;
      case "answered":
        if (this.#call?.id === input.id) {
          const { what } = this.#call;
          this.#call = undefined;
          this.#answered(effects, what, input.answer, now, random);
        }
    }
    this.#tick(effects, now, random);
    return effects;
  }

  #tick(effects: Effect[], now: Instant, random: number): void {
    const { mono } = now;
    const late = mono >= this.#deadlineAt;
    if (this.#phase === "leading" && late && !(this.#settings.old && this.#call !== undefined)) {
      return this.#stop(effects, now, false);
    }
    if (this.#call !== undefined && late && this.#phase !== "leading") {
      this.#call = undefined;
      if (this.#phase === "stopping") return this.#stopped(effects, now);
      this.#failed(mono, random);
    }
    if (this.#call !== undefined || mono < this.#nextAt) return;
    if (this.#phase !== "acquiring" && this.#phase !== "leading") return;
    if (this.#phase === "acquiring") this.#deadlineAt = mono + this.#settings.renewDeadlineMs;
    if (
      !this.#settings.old && this.#isLeader() && this.#isValid(mono) && this.#lease !== undefined
    ) {
      return this.#write(effects, "fast", this.#held(now));
    }
    this.#send(effects, "get");
  }

  #answered(effects: Effect[], what: Call, answer: Answer, now: Instant, random: number): void {
    const { mono } = now;
    if (answer.kind === "lease") this.#lease = answer.record.lease;
    switch (what) {
      case "get":
        return this.#read(effects, answer, now, random);
      case "fast":
        if (answer.kind === "lease") return this.#renewed(effects, mono);
        return this.#send(effects, "get");
      case "create":
      case "update":
        if (answer.kind === "lease") return this.#renewed(effects, mono);
        return this.#failed(mono, random);
      case "get to release":
        // It looks at what it remembers, and writes on what it has just read.
        if (answer.kind !== "lease" || !this.#isLeader()) return this.#stopped(effects, now);
        return this.#write(effects, "release", this.#emptied(now));
      case "release":
        if (answer.kind === "lease") this.#observe(answer.record.lease.spec, mono);
        return this.#stopped(effects, now);
    }
  }

  #read(effects: Effect[], answer: Answer, now: Instant, random: number): void {
    const { mono } = now;
    if (answer.kind === "missing") {
      const lease = newLease("default", "x");
      return this.#write(effects, "create", { ...lease, spec: this.#claim(now, 0) });
    }
    if (answer.kind !== "lease") return this.#failed(mono, random);
    const { spec } = answer.record.lease;
    if (textOf(spec) !== this.#observedText) this.#observe(spec, mono);
    if (spec.holderIdentity && this.#isValid(mono) && !this.#isLeader()) {
      return this.#failed(mono, random);
    }
    const kept = this.#isLeader();
    const transitions = (spec.leaseTransitions ?? 0) + (kept ? 0 : 1);
    const claim = this.#claim(now, transitions);
    if (kept) claim.acquireTime = spec.acquireTime;
    this.#write(effects, "update", { ...this.#lease!, spec: claim });
  }

  /** An attempt has succeeded, as far as it can tell: its validity counts from now. */
  #renewed(effects: Effect[], mono: number): void {
    this.#observe(this.#lease!.spec, mono);
    if (this.#phase === "acquiring") {
      this.#phase = "leading";
      this.#working = ++this.#term;
      const token = String((this.#observed.leaseTransitions ?? 0) + 1);
      effects.push({ type: "startTerm", term: this.#term, token });
      this.#nextAt = mono;
    } else {
      this.#nextAt = mono + this.#settings.retryPeriodMs;
    }
    this.#deadlineAt = this.#nextAt + this.#settings.renewDeadlineMs;
  }

  #failed(mono: number, random: number): void {
    const period = this.#settings.retryPeriodMs;
    this.#nextAt = mono + (this.#phase === "acquiring" ? period * (1 + JITTER * random) : period);
  }

  /** Leadership ends: the release is sent, whatever the work does; only a user's cancel tells it at once. */
  #stop(effects: Effect[], now: Instant, cancelled: boolean): void {
    this.#phase = "stopping";
    this.#nextAt = this.#deadlineAt = Infinity;
    this.#call = undefined;
    if (cancelled) this.#tell(effects);
    if (!this.#settings.releaseOnCancel || !this.#isLeader()) return this.#stopped(effects, now);
    this.#deadlineAt = now.mono + this.#settings.renewDeadlineMs;
    if (this.#settings.old) this.#write(effects, "release", this.#emptied(now));
    else this.#send(effects, "get to release");
  }

  #tell(effects: Effect[]): void {
    if (this.#told === this.#term) return;
    this.#told = this.#term;
    effects.push({ type: "endTerm", term: this.#term, reason: "expired" });
  }
  #told = 0;

  #stopped(effects: Effect[], now: Instant): void {
    this.#deadlineAt = Infinity;
    this.#tell(effects);
    this.#again(effects, now.mono);
  }

  /** When release and work have both ended, it begins anew, or is done. */
  #again(effects: Effect[], mono: number): void {
    if (this.#phase !== "stopping" || this.#call !== undefined || this.#working !== 0) return;
    if (!this.#contending) return this.#rest(effects);
    this.#phase = "acquiring";
    this.#nextAt = mono;
  }

  #rest(effects: Effect[]): void {
    this.#phase = "idle";
    this.#call = undefined;
    this.#nextAt = this.#deadlineAt = Infinity;
    effects.push({ type: "withdrawn" });
  }

  #send(effects: Effect[], what: Call): void {
    this.#call = { id: ++this.#calls, what };
    effects.push({ type: "read", id: this.#calls });
  }

  #write(effects: Effect[], what: Call, lease: Lease): void {
    this.#call = { id: ++this.#calls, what };
    const kind = what === "fast" ? "renew" : what === "update" ? "acquire" : what;
    effects.push({ type: "write", id: this.#calls, kind: kind as "renew", lease });
  }

  #claim({ wall }: Instant, transitions: number): LeaseSpec {
    const time = writeMicroTime(Math.trunc(wall * 1_000));
    return {
      holderIdentity: this.#settings.identity,
      leaseDurationSeconds: this.#settings.leaseDurationMs / 1_000,
      acquireTime: time,
      renewTime: time,
      leaseTransitions: transitions,
    };
  }

  #held(now: Instant): Lease {
    const spec = this.#claim(now, this.#observed.leaseTransitions ?? 0);
    return { ...this.#lease!, spec: { ...spec, acquireTime: this.#observed.acquireTime } };
  }

  #emptied(now: Instant): Lease {
    const spec = this.#claim(now, this.#observed.leaseTransitions ?? 0);
    return { ...this.#lease!, spec: { ...spec, holderIdentity: "", leaseDurationSeconds: 1 } };
  }

  #observe(spec: LeaseSpec, mono: number): void {
    this.#observed = spec;
    this.#observedText = textOf(spec);
    this.#observedAt = mono;
  }

  #isLeader(): boolean {
    return this.#observed.holderIdentity === this.#settings.identity;
  }

  #isValid(mono: number): boolean {
    const { old, leaseDurationMs } = this.#settings;
    const shown = (this.#observed.leaseDurationSeconds ?? 0) * 1_000;
    return this.#observedAt + (old ? leaseDurationMs : shown) > mono;
  }

  deadline(): number {
    const limit = this.#phase === "acquiring" && this.#call === undefined
      ? Infinity
      : this.#deadlineAt;
    if (this.#settings.old && this.#phase === "leading" && this.#call !== undefined) {
      return Infinity;
    }
    return Math.min(limit, this.#call === undefined ? this.#nextAt : Infinity);
  }

  mayAct(term: number): boolean {
    return term === this.#working;
  }

  mayStart(term: number): boolean {
    return term === this.#working && this.#told !== term;
  }
}

/** Records are compared as they are stored: in whole seconds. */
function textOf(
  { holderIdentity, leaseDurationSeconds, renewTime, leaseTransitions }: LeaseSpec,
): string {
  return [holderIdentity, leaseDurationSeconds, renewTime?.slice(0, 19), leaseTransitions].join();
}
