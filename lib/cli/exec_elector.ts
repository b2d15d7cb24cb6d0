/**
 * The elector of `exec`: a child of the guard, which has the command run while this leads.
 *
 * @module
 */
import { type Clock, sleep, systemClock } from "../clock.ts";
import { Elector } from "../elector.ts";
import { Unguarded } from "../errors.ts";
import { LastResort } from "../guard/last_resort.ts";
import { type Ended, GuardLink } from "../guard/link.ts";
import { GUARD_ENV } from "../guard/messages.ts";
import { Deputy } from "../guard/processes.ts";
import { keepThread } from "../guard/thread.ts";
import type { Logger } from "../logger.ts";
import type { Term } from "../term.ts";
import { connect } from "./cluster.ts";
import { type ExecSettings, parseExec } from "./flags.ts";
import { GuardLog } from "./guard_log.ts";
import { report } from "./main.ts";
import { endServing, serve, tellTiming } from "./start.ts";

/** Signals that may be sent to a whole service, to the guard as well; that one passes on what concerns us. */
const NOT_OURS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
/** How often a term is looked at, in case the guard does not do its part; at first more often. */
const LOOK_MS = 250;
const FIRST_LOOK_MS = 16;
/** Between two looks for what carries the mark, in milliseconds. */
const PAUSE_MS = 25;
/** Pauses before the command is started again, in milliseconds. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Contends, and leads the command through its terms.
 *
 * @param args As `exec` got them.
 * @returns 0, or 1 if the Lease had to be left, or the guard is gone.
 */
export async function run(args: string[]): Promise<number> {
  const { settings } = parseExec(args);
  using _thread = keepThread();
  for (const signal of NOT_OURS) Deno.addSignalListener(signal, () => {});
  const log = new GuardLog(settings);
  try {
    return await lead(settings, log.logger);
  } finally {
    await log.flush();
  }
}

async function lead(settings: ExecSettings, logger: Logger): Promise<number> {
  const stop = new AbortController();
  const link = GuardLink.fromEnvironment(() => stop.abort());
  await using client = await connect(settings, logger);
  await using elector = new Elector({
    ...settings,
    podUid: Deno.env.get("POD_UID"),
    client,
    logger,
    guard: link,
  });
  const server = serve(settings, elector, logger);
  tellTiming(elector, logger);
  let held = false;
  stop.signal.addEventListener("abort", () => {
    held = HELD.includes(elector.status().role);
  });
  const { timing } = elector.status();
  const leader = new Leader(link, logger, {
    url: server && addressOf(server.addr),
    restart: settings.restart,
    graceMs: timing.fenceMs - timing.stopMs,
  });
  try {
    for await (const term of elector.terms({ signal: stop.signal })) {
      if (await leader.lead(term)) break;
    }
  } catch (error) {
    if (!(error instanceof Unguarded)) throw error;
    // Nobody can prove any more that the command has ended: nothing is released.
    await leader.kill();
    logger.error("the guard is gone: killed the command", { event: "unguarded" });
    await removeFolder();
    return 1;
  } finally {
    await endServing(server);
  }
  return held && elector.status().lastReleased === false ? 1 : 0;
}

/** Tidies up in place of the guard: the socket lies in a folder within its own. */
async function removeFolder(): Promise<void> {
  const folder = Deno.env.get(GUARD_ENV.socket)?.match(/^(.+\/k8sensus-[^/]+)\/guard\/socket$/)
    ?.[1];
  if (folder !== undefined) await Deno.remove(folder, { recursive: true }).catch(() => {});
}

/** Roles in which the Lease is ours, or may be. */
const HELD: readonly string[] = ["arming", "leading", "draining", "releasing"];

/** How the command is to be run. */
interface LeaderOptions {
  readonly url?: string;
  readonly restart: boolean;
  /** K. */
  readonly graceMs: number;
}

/** Has the command run in a term, and kills it in time if the guard does not. */
class Leader {
  readonly #link: GuardLink;
  readonly #logger: Logger;
  readonly #options: LeaderOptions;
  readonly #clock: Clock = systemClock;
  readonly #deputy: Deputy;

  constructor(link: GuardLink, logger: Logger, options: LeaderOptions) {
    this.#link = link;
    this.#logger = logger;
    this.#options = options;
    const [mark, pid] = [Deno.env.get(GUARD_ENV.mark), Deno.env.get(GUARD_ENV.pid)];
    this.#deputy = new Deputy(mark!, Number(pid));
  }

  /**
   * Runs the command until the term is over, or it ends by itself.
   *
   * @returns Whether all is done: the command has ended by itself, and is not to be started again.
   */
  async lead(term: Term): Promise<boolean> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!term.signal.aborted) {
      const started = this.#clock.now().mono;
      const ended = await this.#runOnce(term);
      if (ended === undefined) await this.kill();
      if (ended === undefined || ended.stopped) return false;
      if (!this.#options.restart) return true;
      if (this.#clock.now().mono - started > LONGEST_PAUSE_MS) pauseMs = FIRST_PAUSE_MS;
      this.#logger.warn(`the command ended with code ${ended.code}: starting it again soon`, {
        event: "restart",
        code: ended.code,
        pauseMs,
      });
      await sleep(this.#clock, pauseMs, term.signal);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
    return false;
  }

  /** SIGKILL to the command and all that it has started. */
  async kill(): Promise<void> {
    await this.#deputy.kill(this.#link.commandPid, () => sleep(this.#clock, PAUSE_MS));
  }

  /** @returns How the command ended; `undefined` if the guard is gone. */
  async #runOnce(term: Term): Promise<Ended | undefined> {
    const ended = new AbortController();
    const watching = this.#watch(term, ended.signal);
    try {
      return await this.#link.run(term.token, this.#options.url);
    } finally {
      ended.abort();
      await watching;
    }
  }

  /** Kills the command at the fence, or K after a loss, if it still runs then: the guard must be asleep. */
  async #watch(term: Term, ended: AbortSignal): Promise<void> {
    const lastResort = new LastResort(this.#options.graceMs);
    for (let lookMs = FIRST_LOOK_MS; !ended.aborted; lookMs = Math.min(2 * lookMs, LOOK_MS)) {
      this.#deputy.look();
      const { remainingMs } = term;
      const leftMs = lastResort.look(remainingMs, this.#clock.now());
      if (remainingMs === 0 && leftMs <= 0) {
        this.#logger.error("the guard has not killed the command at the fence: killing it here", {
          event: "guard-asleep",
          token: term.token,
        });
        return await this.kill();
      }
      await sleep(this.#clock, Math.min(leftMs, lookMs), ended);
    }
  }
}

/** Where a process on this machine finds the server. */
function addressOf({ hostname, port }: Deno.NetAddr): string {
  const host = hostname === "::" || hostname === "0.0.0.0" ? "127.0.0.1" : hostname;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

if (import.meta.main) Deno.exit(await run(Deno.args).catch((error) => report(error, false)));
