/**
 * Before an election: may this account do all that it needs? If not, say exactly what is missing, and wait.
 *
 * @module
 */
import { type Clock, sleep } from "./clock.ts";
import { K8sensusError } from "./errors.ts";
import { missingVerbs, roleFor, type Verb } from "./kubernetes/access.ts";
import type { Client } from "./kubernetes/client.ts";
import type { Logger } from "./logger.ts";
import type { Timing } from "./timing.ts";

/** The longest pause before permissions are asked for again, in milliseconds. */
const LONGEST_PAUSE_MS = 30_000;

/** What {@linkcode Preflight} needs. */
export interface PreflightOptions {
  /** Whose permissions. */
  readonly client: Client;
  /** Of the Lease. */
  readonly namespace: string;
  /** Of the Lease. */
  readonly leaseName: string;
  /** How long one round of questions may take, and after how long the second follows. */
  readonly timing: Timing;
  /** For the pauses. */
  readonly clock: Clock;
  /** Told what is missing. */
  readonly logger: Logger;
}

/** What is known of the permissions of one elector. */
export class Preflight {
  readonly #options: PreflightOptions;
  #missing: readonly Verb[] | null = null;
  #passed = false;
  /** Whether it was told that nobody could be asked. */
  #toldTried = false;
  /** When a doubt last proved to be unfounded, monotonic. */
  #clearedAt = -Infinity;

  /** Asks for nothing yet. */
  constructor(options: PreflightOptions) {
    this.#options = options;
  }

  /** The verbs that are missing, by the last answer; `null` before the first. */
  get missing(): readonly Verb[] | null {
    return this.#missing;
  }

  /** Whether nothing is missing, as far as known, and nothing speaks against it. */
  get passed(): boolean {
    return this.#passed;
  }

  /**
   * A request was refused: permissions may have been taken away. Other things can refuse one, too, so
   * unfounded doubts are not looked into all the time.
   */
  doubt(): void {
    if (this.#options.clock.now().mono - this.#clearedAt >= LONGEST_PAUSE_MS) this.#passed = false;
  }

  /** Waits until nothing is missing, or the signal aborts. */
  async pass(signal: AbortSignal): Promise<void> {
    if (this.#passed) return;
    const { clock, logger, timing } = this.#options;
    const doubted = this.#missing !== null;
    let told = "";
    let pauseMs = timing.retryPeriodMs;
    while (!signal.aborted) {
      const found = await this.#ask(signal);
      if (typeof found !== "string") this.#missing = found;
      if (found.length === 0) {
        this.#passed = true;
        if (told !== "") logger.info("no permission is missing any more", { event: "preflight" });
        else if (doubted) this.#clearedAt = clock.now().mono;
        return;
      }
      const story = typeof found === "string" ? found : this.#describe(found);
      if (story !== told && !signal.aborted) logger.error(story, { event: "preflight" });
      told = story;
      await sleep(clock, pauseMs * (0.75 + clock.random() / 2), signal);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  /** The missing verbs, or why they could not be found out. */
  async #ask(signal: AbortSignal): Promise<Verb[] | string> {
    const { client, namespace, leaseName, clock, logger, timing } = this.#options;
    const late = new AbortController();
    const cancel = clock.schedule(timing.attemptTimeoutMs, () => late.abort());
    try {
      const either = AbortSignal.any([signal, late.signal]);
      const { missing, tried } = await missingVerbs(client, namespace, leaseName, either);
      if (tried && !this.#toldTried) {
        const story =
          "may not ask for its permissions (create selfsubjectaccessreviews): tries them";
        logger.warn(story, { event: "preflight" });
        this.#toldTried = true;
      }
      return missing;
    } catch (error) {
      // Whatever a server or a network can do passes, as far as anybody knows.
      if (error instanceof K8sensusError) return error.message;
      throw error;
    } finally {
      cancel();
      // One answer may have decided: the other questions are not left open.
      late.abort();
    }
  }

  #describe(missing: readonly Verb[]): string {
    const { namespace, leaseName } = this.#options;
    return `not allowed to ${missing.join(", ")} leases.coordination.k8s.io ` +
      `${JSON.stringify(leaseName)} in namespace ${
        JSON.stringify(namespace)
      }; waiting for this Role ` +
      `to be bound to the account of this process: ${roleFor(namespace, leaseName)}`;
  }
}
