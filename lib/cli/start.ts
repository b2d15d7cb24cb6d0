/**
 * `start`: one candidate that answers over HTTP who leads, and gives its Lease back when it is told to go.
 *
 * @module
 */
import { sleep, systemClock } from "../clock.ts";
import { Elector } from "../elector.ts";
import { ConfigError } from "../errors.ts";
import { formatDuration } from "../duration.ts";
import type { Logger } from "../logger.ts";
import { routes } from "../server/routes.ts";
import type { Term } from "../term.ts";
import { connect } from "./cluster.ts";
import { parseStart, type StartSettings } from "./flags.ts";
import { createLogger, type ProcessLog } from "./log.ts";
import { onStopSignals } from "./signals.ts";
import type { Address } from "./values.ts";

/** How long the last answers may take. */
const LAST_ANSWERS_MS = 500;

/**
 * Runs the command until a signal ends it.
 *
 * @param args Its flags.
 * @returns 0 if the Lease was released or not held; 1 if it had to be left unreleased.
 * @throws {ConfigError} If the flags, the cluster or the listening address cannot be used.
 */
export async function run(args: string[]): Promise<number> {
  const settings = parseStart(args);
  const logger = createLogger({ level: settings.logLevel, format: settings.logFormat });
  try {
    return await contend(settings, logger);
  } finally {
    await logger.flush();
  }
}

async function contend(settings: StartSettings, logger: ProcessLog): Promise<number> {
  const stop = new AbortController();
  using _signals = onStopSignals(logger, stop);
  await using client = await connect(settings, logger);
  await using elector = new Elector({
    ...settings,
    podUid: Deno.env.get("POD_UID"),
    client,
    logger,
  });
  const server = serve(settings, elector, logger);
  tellTiming(elector, logger);
  let held = false;
  stop.signal.addEventListener("abort", () => {
    held = ["leading", "draining", "releasing"].includes(elector.status().role);
  });
  try {
    await elector.run(untilOver, { signal: stop.signal });
  } finally {
    await endServing(server);
  }
  return held && elector.status().lastReleased === false ? 1 : 0;
}

/** What a leader of this service does: it leads, and says so over HTTP. */
function untilOver({ signal }: Term): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Says how much time there is to stop. */
export function tellTiming(elector: Elector, logger: Logger): void {
  const { timing } = elector.status();
  logger.info(
    `stopping may take ${
      formatDuration(timing.stopBudgetMs)
    } of real time beyond the fence before ` +
      `another could lead`,
    {
      event: "timing",
      leaseDuration: formatDuration(timing.leaseDurationMs),
      fence: formatDuration(timing.fenceMs),
      stop: formatDuration(timing.stopMs),
      stopBudget: formatDuration(timing.stopBudgetMs),
    },
  );
}

/**
 * Answers over HTTP for an elector, if that is wanted.
 *
 * @throws {ConfigError} If the address cannot be listened on.
 */
export function serve(
  { listen }: StartSettings,
  elector: Elector,
  logger: Logger,
): Deno.HttpServer<Deno.NetAddr> | undefined {
  if (listen === undefined) return undefined;
  const handler = routes(elector);
  try {
    const server = listenOn(listen, handler);
    const { hostname, port } = server.addr;
    const address = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
    logger.info(`listening on http://${address}`, { event: "listening", address, port });
    return server;
  } catch (error) {
    throw new ConfigError(
      `Cannot listen on ${listen.hostname ?? ""}:${listen.port}: ` +
        `${
          error instanceof Error ? error.message : String(error)
        }; choose another address by --listen`,
    );
  }
}

/** Answers no more. Who never comes to the end of a request is not waited for. */
export async function endServing(server: Deno.HttpServer | undefined): Promise<void> {
  const late = new AbortController();
  await Promise.race([server?.shutdown(), sleep(systemClock, LAST_ANSWERS_MS, late.signal)]);
  late.abort();
}

/** Listens on one address, or on all: those of IPv6 take in those of IPv4, where there is IPv6. */
function listenOn(
  { hostname, port }: Address,
  handler: (request: Request) => Response,
): Deno.HttpServer<Deno.NetAddr> {
  const on = (hostname: string) => Deno.serve({ hostname, port, onListen() {} }, handler);
  if (hostname !== undefined) return on(hostname);
  try {
    return on("::");
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return on("0.0.0.0");
  }
}
