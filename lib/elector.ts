/**
 * The shell around the election: it carries out what the machine says, and holds no opinion of its own.
 * Whoever reads this has read all of its I/O.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import { Driver, type Tidings } from "./driver.ts";
import { Election } from "./election.ts";
import {
  checkName,
  type ElectorOptions,
  type ElectorStatus,
  type HolderChange,
  settingsOf,
  type WaitOptions,
} from "./elector_options.ts";
import { ElectorBusy, WorkUnfinished } from "./errors.ts";
import { GuardLink } from "./guard/link.ts";
import { GuardedLeases, Guarding } from "./guarding.ts";
import { Client } from "./kubernetes/client.ts";
import { hostName } from "./kubernetes/config.ts";
import { Leases } from "./kubernetes/leases.ts";
import { lineOf, type LogLine } from "./log_lines.ts";
import { type Logger, shield, silent } from "./logger.ts";
import { Preflight } from "./preflight.ts";
import { holderOf, statusOf } from "./status.ts";
import { isStop, LiveTerm, type Term } from "./term.ts";
import type { Token } from "./token.ts";

/** What became of the work of a term. */
interface Outcome<T> {
  readonly value?: T;
  readonly failure?: { readonly error: unknown };
  /** Whether the term was over before it. */
  readonly over: boolean;
}

/**
 * One candidate for one Lease. Nothing happens before {@linkcode Elector.run},
 * {@linkcode Elector.terms} or {@linkcode Elector.observe} is called.
 */
export class Elector implements AsyncDisposable {
  readonly #election: Election;
  readonly #driver: Driver;
  /** None where the Lease itself is given. */
  readonly #preflight?: Preflight;
  readonly #guarding?: Guarding;
  readonly #client?: Client;
  readonly #ownsClient: boolean;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #name: string;
  /** Aborted by {@linkcode close}. */
  readonly #life = new AbortController();
  #campaigning = false;
  #withdrawn = true;
  /** The term that began last. */
  #term?: LiveTerm;
  /** The same, until its work is called. */
  #offer?: LiveTerm;

  /**
   * Checks the options; it makes no request.
   *
   * @param options The Lease, and how to contend for it.
   * @throws {ConfigError} If an option cannot be used, or the durations are not safe together.
   */
  constructor(options: ElectorOptions) {
    const { leases, clock = systemClock } = options;
    this.#clock = clock;
    this.#logger = shield(options.logger ?? silent);
    this.#name = checkName(options.identity ?? hostName());
    const settings = settingsOf(options, this.#name, clock.nonce());
    const { leaseName, timing } = settings;
    const guard = options.guard === true ? GuardLink.fromEnvironment() : options.guard || undefined;
    this.#ownsClient = options.client === undefined && leases === undefined;
    this.#client = this.#ownsClient ? Client.inCluster({ clock }) : options.client;
    const namespace = options.leaseNamespace ?? this.#client?.namespace ?? "default";
    this.#election = new Election({ ...settings, namespace });
    const onForbidden = () => this.#doubtPermissions();
    const bare = leases ?? new Leases(this.#client!, namespace, leaseName, { clock, onForbidden });
    const api = guard === undefined ? bare : new GuardedLeases(bare, guard);
    if (leases === undefined) {
      const { client, logger } = { client: this.#client!, logger: this.#logger };
      this.#preflight = new Preflight({ client, namespace, leaseName, timing, clock, logger });
    }
    this.#driver = new Driver(this.#election, api, clock, (tidings) => this.#hear(tidings));
    this.#guarding = guard && new Guarding(guard, this.#election, this.#driver, this.#client);
    if (timing.retryPeriodMs < 1_000) {
      this.#logger.warn(
        "the retry period is below 1s: candidates of other makes compare whole seconds, so the " +
          "renewTime in the Lease will run ahead of the clock",
        { event: "short-retry" },
      );
    }
  }

  /** The whole identity: `<name>_<nonce>_<pod uid or ->`. */
  get identity(): string {
    return this.#election.settings.identity;
  }

  /** Whether this elector leads and may start new work, by the clock at this instant. */
  get isLeader(): boolean {
    const term = this.#term;
    return term !== undefined && term.reason === undefined &&
      this.#election.mayStart(term.number, this.#clock.now());
  }

  /**
   * Leads whenever it can, and runs `work` in every term.
   *
   * When `work` returns, the Lease is released and its value is returned. When it throws, the Lease is
   * released and the error is thrown on. When the term ends first, `work` should stop by `term.signal`;
   * once it has, this contends again and calls it anew. After `options.signal`, work that goes on is
   * waited for until `drainMs` have passed and its term is over, but no longer.
   *
   * @param work Gets the term; all that it starts must have ended when its promise settles.
   * @param options `signal`: stop, drain, release, and return.
   * @returns What `work` returned; `undefined` if it was never called.
   * @throws {ElectorBusy} If this elector is contending already, or is closed.
   * @throws {WorkUnfinished} If `work` has not stopped in time; nothing was released.
   * @throws {Unguarded} If it wants a guard, and that is gone.
   *
   * @example
   * ```ts
   * import { Client, Elector } from "@k8sensus/k8sensus";
   * import { ApiServer } from "@k8sensus/k8sensus/testing";
   *
   * await using server = new ApiServer();
   * await using client = new Client(server.url);
   * await using elector = new Elector({ leaseName: "reports", client, trustUnheld: true });
   * const token = await elector.run((term) => {
   *   term.check();
   *   return term.token;
   * });
   * console.log(token);
   * ```
   */
  async run<T>(
    work: (term: Term) => T | Promise<T>,
    options: WaitOptions = {},
  ): Promise<T | undefined> {
    const signal = this.#claim(options.signal);
    try {
      for (;;) {
        const term = await this.#campaign(signal);
        if (term === undefined) return undefined;
        const { value, failure, over } = await this.#attend(term, work, signal);
        const failed = failure !== undefined && !(over && isStop(failure.error));
        if (over && !failed && !signal.aborted) {
          this.#driver.step({ type: "settled", term: term.number });
          continue;
        }
        await this.#finish(term);
        if (failed) throw failure.error;
        return value;
      }
    } finally {
      await this.#unclaim();
    }
  }

  /**
   * Yields every term of this elector. The body of the loop is its work: when the body ends, the Lease
   * is released, and the next candidate has the first go.
   *
   * @param options `signal`: stop contending, and end the iteration.
   * @throws {ElectorBusy} If this elector is contending already, or is closed.
   * @throws {WorkUnfinished} If what `term.run()` started has not stopped in time; nothing was released.
   * @throws {Unguarded} If it wants a guard, and that is gone.
   */
  async *terms(options: WaitOptions = {}): AsyncGenerator<Term, void, void> {
    const signal = this.#claim(options.signal);
    try {
      for (;;) {
        const term = await this.#campaign(signal);
        if (term === undefined) return;
        try {
          using _abort = this.#withdrawOn(signal);
          yield term;
        } finally {
          await this.#attend(term, () => {}, signal);
          await this.#finish(term);
        }
      }
    } finally {
      await this.#unclaim();
    }
  }

  /**
   * Yields the holder as it is, and then every change of hands. It takes no part in the election.
   *
   * @param options `signal`: ends the iteration.
   * @throws {ElectorBusy} If the elector is closed.
   */
  async *observe(options: WaitOptions = {}): AsyncGenerator<HolderChange, void, void> {
    const signal = this.#lifeOf(options.signal);
    if (signal.aborted) return;
    let left = false;
    // At the abort, not when the reader comes back: close() waits for all who have entered.
    const leave = () => {
      if (left) return;
      left = true;
      this.#driver.leave();
    };
    signal.addEventListener("abort", leave, { once: true });
    this.#driver.enter();
    try {
      let last: string | undefined;
      const holder = () => {
        const { known } = this.#election.state;
        return known === undefined ? undefined : known.record?.holder ?? "";
      };
      for (;;) {
        await this.#driver.until(() => left || holder() !== last);
        if (left) return;
        last = holder();
        yield holderOf(this.#election);
      }
    } finally {
      signal.removeEventListener("abort", leave);
      leave();
    }
  }

  /**
   * Gives the present term up: its work is told to stop, and the Lease is released when it has. This
   * elector stands back for one retry period, then contends again. It waits for the work, so the work must
   * not wait for it.
   *
   * @returns Whether the release was written; `false`, too, if this elector does not lead.
   */
  async stepDown(): Promise<boolean> {
    const term = this.#term;
    if (this.#election.state.role.name !== "leading" || term === undefined) return false;
    this.#driver.step({ type: "resign", reason: "resigned" });
    await this.#driver.until(() => term.released !== undefined);
    return term.released!;
  }

  /** Everything about this elector at this instant. */
  status(): ElectorStatus {
    return statusOf(this.#election, this.#clock.now(), {
      name: this.#name,
      isLeader: this.isLeader,
      lastReleased: this.#term?.released ?? null,
      missingVerbs: this.#preflight === undefined ? [] : this.#preflight.missing,
      turnedAt: this.#driver.turnedAt,
    });
  }

  /**
   * Ends everything: work is drained, the Lease released, and every socket and timer given back. It waits
   * for the work and for the readers of `terms()`, so neither may wait for it.
   */
  async close(): Promise<void> {
    this.#life.abort();
    await this.#driver.gone();
    if (this.#ownsClient) this.#client?.close();
  }

  /** The same as {@linkcode Elector.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The user's signal and {@linkcode close}, in one. */
  #lifeOf(signal?: AbortSignal): AbortSignal {
    if (this.#life.signal.aborted) throw new ElectorBusy("Cannot use a closed elector");
    return signal === undefined ? this.#life.signal : AbortSignal.any([signal, this.#life.signal]);
  }

  /** Makes this caller the one that contends. */
  #claim(signal?: AbortSignal): AbortSignal {
    const life = this.#lifeOf(signal);
    if (this.#campaigning) {
      throw new ElectorBusy(
        "Cannot contend twice with one elector: make another, or wait until the first run ends",
      );
    }
    this.#campaigning = true;
    this.#driver.enter();
    return life;
  }

  async #unclaim(): Promise<void> {
    await this.#guarding?.leave();
    this.#campaigning = false;
    this.#driver.leave();
  }

  /** Contends until a term begins, or `signal` aborts. */
  async #campaign(signal: AbortSignal): Promise<LiveTerm | undefined> {
    for (;;) {
      await this.#guarding?.enter();
      if (this.#preflight?.passed === false) {
        await this.#standDown();
        await this.#preflight.pass(this.#guarding?.orGone(signal) ?? signal);
        this.#guarding?.check();
      }
      if (!signal.aborted && this.#withdrawn) {
        this.#withdrawn = false;
        const message = `contending as ${this.#name}`;
        this.#log({ level: "info", event: "candidate", message });
        this.#driver.step({ type: "contend" });
      }
      using _abort = this.#withdrawOn(signal);
      await this.#driver.until(() => this.#offer !== undefined || this.#withdrawn);
      const term = this.#offer;
      if (term === undefined && signal.aborted) {
        this.#guarding?.check();
        return undefined;
      }
      if (term !== undefined && term.reason === undefined) {
        this.#offer = undefined;
        return term;
      }
      this.#dropOffer();
    }
  }

  /** Stops contending, and is sure that no term begins. */
  async #standDown(): Promise<void> {
    this.#driver.step({ type: "withdraw" });
    this.#dropOffer();
    await this.#driver.until(() => this.#withdrawn);
  }

  /** A term in which nobody works is over, or not wanted. */
  #dropOffer(): void {
    const term = this.#offer;
    this.#offer = undefined;
    if (term !== undefined) this.#driver.step({ type: "settled", term: term.number });
  }

  /** A candidate that may lack a permission does not contend; a leader goes on as long as it can. */
  #doubtPermissions(): void {
    this.#preflight?.doubt();
    const { name } = this.#election.state.role;
    const leads = name !== "observing" && name !== "acquiring";
    if (this.#preflight?.passed === false && !leads) this.#driver.step({ type: "withdraw" });
  }

  /** Runs work, and all that the term runs beside it, to the end, or for as long as it may take. */
  async #attend<T>(
    term: LiveTerm,
    work: (term: Term) => T | Promise<T>,
    signal: AbortSignal,
  ): Promise<Outcome<T>> {
    using _abort = this.#withdrawOn(signal);
    const settled = this.#settle(term, work);
    const outcome = await Promise.race([settled, term.abandoned]);
    if (outcome !== undefined) return outcome;
    settled.then(() => this.#driver.step({ type: "settled", term: term.number }));
    throw new WorkUnfinished(term.token);
  }

  async #settle<T>(
    term: LiveTerm,
    work: (term: Term) => T | Promise<T>,
  ): Promise<Outcome<T>> {
    let outcome: Pick<Outcome<T>, "value" | "failure">;
    try {
      outcome = { value: await work(term) };
    } catch (error) {
      outcome = { failure: { error } };
    }
    // The work may have looked at the clock, and stopped, before any timer could end the term.
    this.#driver.step({ type: "timer" });
    const over = term.reason !== undefined;
    // Nothing more is admitted, and the rest is told to stop.
    if (!over) this.#driver.step({ type: "withdraw" });
    await term.idle();
    return { ...outcome, over };
  }

  /** Withdraws when the signal aborts, at once if it has. */
  #withdrawOn(signal: AbortSignal): Disposable {
    const withdraw = () => this.#driver.step({ type: "withdraw" });
    if (signal.aborted) withdraw();
    signal.addEventListener("abort", withdraw, { once: true });
    return { [Symbol.dispose]: () => signal.removeEventListener("abort", withdraw) };
  }

  /** The work of the term has ended and no other is wanted: release, as far as possible. */
  async #finish(term: LiveTerm): Promise<void> {
    this.#driver.step({ type: "withdraw" });
    this.#driver.step({ type: "settled", term: term.number });
    await this.#driver.until(() => this.#withdrawn);
  }

  /** What the election has to tell. What has to stop is stopped before a word is said of it. */
  #hear(tidings: Tidings): void {
    this.#guarding?.hear(tidings);
    this.#take(tidings, this.#term);
    const line = lineOf(tidings, this.#term?.token, holderOf(this.#election));
    if (line !== undefined) this.#log(line);
  }

  #take(tidings: Tidings, term: LiveTerm | undefined): void {
    switch (tidings.type) {
      case "startTerm":
        this.#offer = this.#term = this.#newTerm(tidings.term, tidings.token);
        return;
      case "endTerm":
        return term?.end(tidings.reason);
      case "failed":
        return term?.end("expired");
      case "revokeTerm":
        if (term !== undefined) term.released = false;
        return;
      case "released":
        if (term?.token === tidings.token) term.released = tidings.done;
        return;
      case "withdrawn":
        this.#withdrawn = true;
        return term?.abandon();
    }
  }

  #newTerm(number: number, token: Token): LiveTerm {
    return new LiveTerm(number, token, this.identity, {
      mayStart: () => this.#election.mayStart(number, this.#clock.now()),
      remainingMs: () => this.#election.remainingMs(number, this.#clock.now()),
    });
  }

  #log({ level, event, message, fields }: LogLine): void {
    const { namespace, leaseName } = this.#election.settings;
    const lease = `${namespace}/${leaseName}`;
    this.#logger[level](message, { event, lease, identity: this.identity, ...fields });
  }
}
