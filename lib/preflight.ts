/**
 * Before the first election: may this account do all that it needs? If not, say exactly what is missing.
 *
 * @module
 */
import { type Clock, sleep } from "./clock.ts";
import { ApiError, RequestFailed } from "./errors.ts";
import { missingVerbs, roleFor, type Verb } from "./kubernetes/access.ts";
import type { Client } from "./kubernetes/client.ts";
import type { Logger } from "./logger.ts";

/** The longest pause before permissions are asked for again, in milliseconds. */
const LONGEST_PAUSE_MS = 30_000;

/** What {@linkcode preflight} needs. */
export interface PreflightOptions {
  /** Whose permissions. */
  readonly client: Client;
  /** Of the Lease. */
  readonly namespace: string;
  /** Of the Lease. */
  readonly leaseName: string;
  /** How long one round of questions may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** For the pauses. */
  readonly clock: Clock;
  /** Told what is missing. */
  readonly logger: Logger;
  /** Told the verbs that are missing, after each answer. */
  readonly report: (missing: Verb[]) => void;
}

/** Waits until nothing is missing, or the signal aborts. */
export async function preflight(options: PreflightOptions): Promise<void> {
  const { clock, logger, signal } = options;
  let told = "";
  for (let pauseMs = 500; !signal.aborted; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const found = await ask(options);
    if (typeof found !== "string") options.report(found);
    if (found.length === 0) return;
    const story = typeof found === "string" ? found : describe(options, found);
    if (story !== told) logger.error(story, { event: "preflight" });
    told = story;
    await sleep(clock, pauseMs * (0.75 + clock.random() / 2), signal);
  }
}

/** The missing verbs, or why they could not be found out. */
async function ask(options: PreflightOptions): Promise<Verb[] | string> {
  const { client, namespace, leaseName, clock, logger, timeoutMs } = options;
  const late = new AbortController();
  const cancel = clock.schedule(timeoutMs, () => late.abort());
  try {
    const signal = AbortSignal.any([options.signal, late.signal]);
    return await missingVerbs(client, namespace, leaseName, signal);
  } catch (error) {
    if (error instanceof ApiError && [403, 404, 405].includes(error.status)) {
      logger.warn(`${error.message}; going on without knowing them`, { event: "preflight" });
      return [];
    }
    if (error instanceof ApiError || error instanceof RequestFailed) return error.message;
    throw error;
  } finally {
    cancel();
  }
}

function describe({ namespace, leaseName }: PreflightOptions, missing: Verb[]): string {
  return `not allowed to ${missing.join(", ")} leases.coordination.k8s.io ` +
    `${JSON.stringify(leaseName)} in namespace ${JSON.stringify(namespace)}; waiting for a Role ` +
    `like this, bound to the account of this pod:\n${roleFor(namespace, leaseName)}`;
}
