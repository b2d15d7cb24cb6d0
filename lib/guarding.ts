/**
 * What a guard changes for an elector: no write without a reading, and no term without an armed guard.
 *
 * @module
 */
import type { Driver, Tidings } from "./driver.ts";
import type { Election } from "./election.ts";
import { ConfigError, Unguarded } from "./errors.ts";
import type { GuardApi } from "./guard/link.ts";
import type { Access, Facts } from "./guard/messages.ts";
import type { Client } from "./kubernetes/client.ts";
import type { LeaseApi } from "./kubernetes/leases.ts";
import { ANNOTATION, type Answer, type Lease } from "./lease.ts";
import type { Token } from "./token.ts";

/** The guard of one elector. */
export class Guarding {
  readonly #guard: GuardApi;
  readonly #facts: Facts;
  readonly #driver: Driver;
  readonly #client: Client | undefined;
  #open = false;
  readonly #gone = new AbortController();
  /** Whether something may act, or begin to, that the guard would have to stop. */
  #armed = false;
  /** Whether goodbye is to be said as soon as there is nothing of that kind. */
  #leaving = false;
  /** The token of the term that began last. */
  #token?: Token;

  /**
   * @param guard The guard.
   * @param election Whose terms it watches over.
   * @param driver Steps that election.
   * @param client The way to the API server, for the guard to go in the elector's place.
   */
  constructor(guard: GuardApi, { settings }: Election, driver: Driver, client?: Client) {
    const { identity, nonce, namespace, leaseName, timing } = settings;
    const { leaseDurationMs, fenceMs, stopMs, retryPeriodMs, attemptTimeoutMs } = timing;
    this.#facts = {
      identity,
      nonce,
      namespace,
      leaseName,
      leaseDurationMs,
      fenceMs,
      stopMs,
      retryPeriodMs,
      attemptTimeoutMs,
    };
    this.#guard = guard;
    this.#driver = driver;
    this.#client = client;
  }

  /**
   * Makes sure that the guard is there.
   *
   * @throws {Unguarded} If it is not; it never comes back.
   */
  async enter(): Promise<void> {
    this.check();
    this.#leaving = false;
    if (this.#open) return;
    const driver = this.#driver;
    await this.#guard.open(this.#facts, () => this.#access(), {
      armed: (token) => driver.step({ type: "armed", token }),
      gone: () => {
        this.#gone.abort();
        driver.step({ type: "unguarded" });
        driver.step({ type: "withdraw" });
      },
    });
    this.#open = true;
  }

  /**
   * Makes sure that the guard has not gone.
   *
   * @throws {Unguarded} If it has.
   */
  check(): void {
    if (this.#gone.signal.aborted) {
      throw new Unguarded(
        "Cannot lead without the guard process, which is gone: start this program anew under a guard",
      );
    }
  }

  /** Aborts with `signal`, and when the guard is gone. */
  orGone(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#gone.signal]);
  }

  async #access(): Promise<Access> {
    const client = this.#client;
    if (client === undefined) throw new ConfigError("Cannot tell the guard of an API server");
    return await client.access();
  }

  /** The elector contends no more, and no release is open; work that did not stop in time may go on. */
  async leave(): Promise<void> {
    this.#leaving = this.#armed;
    if (!this.#open || this.#leaving) return;
    this.#open = false;
    await this.#guard.goodbye();
  }

  /** Passes on what the guard has to know. */
  hear(tidings: Tidings): void {
    const guard = this.#guard;
    switch (tidings.type) {
      case "confirmed":
        this.#armed = true;
        return guard.confirmed(tidings.sequence);
      case "startTerm":
        this.#token = tidings.token;
        return;
      case "endTerm":
      case "revokeTerm":
        return guard.over(this.#token!, tidings.reason, tidings.type === "revokeTerm");
      case "disarm":
        this.#armed = false;
        guard.disarm(tidings.token);
        if (this.#leaving) void this.leave();
        return;
    }
  }
}

/** A Lease whose acquiring and renewing writes are sent only after the guard has read its clocks. */
export class GuardedLeases implements LeaseApi {
  readonly #api: LeaseApi;
  readonly #guard: GuardApi;

  constructor(api: LeaseApi, guard: GuardApi) {
    this.#api = api;
    this.#guard = guard;
  }

  /** @inheritdoc */
  read(signal: AbortSignal): Promise<Answer> {
    return this.#api.read(signal);
  }

  /** @inheritdoc */
  watch(...args: Parameters<LeaseApi["watch"]>): ReturnType<LeaseApi["watch"]> {
    return this.#api.watch(...args);
  }

  /** @inheritdoc */
  async write(lease: Lease, signal: AbortSignal): Promise<Answer> {
    // What names no holder begins nothing and lengthens nothing.
    if (lease.spec.holderIdentity) {
      const notes = lease.metadata.annotations!;
      const sequence = Number(notes[ANNOTATION.write]!.split(".")[1]);
      if (!await this.#guard.ask(sequence, notes[ANNOTATION.token]!, signal)) {
        return { kind: "unknown", message: "the guard gave no reading, so nothing was sent" };
      }
    }
    return await this.#api.write(lease, signal);
  }
}
