/**
 * A program made with the library that acts every few milliseconds as long as its term lets it: up to
 * the fence, not only up to `term.signal`, which is the worst that a user's work can do.
 *
 * @module
 */
import { parseArgs } from "./worker_args.ts";
import { createLogger } from "../../lib/cli/log.ts";
import { Client, Elector, fromKubeconfig } from "../../mod.ts";
import type { Term } from "../../mod.ts";

const ACT_PERIOD_MS = 10;

async function act(term: Term, name: string, log: Deno.FsFile, stop: AbortSignal): Promise<void> {
  const encoder = new TextEncoder();
  for (let number = 0; !stop.aborted; number++) {
    const line = encoder.encode(`${Date.now()} ${name}#${term.token} ${number}\n`);
    term.check();
    log.writeSync(line);
    await new Promise((resolve) => setTimeout(resolve, ACT_PERIOD_MS));
  }
}

if (import.meta.main) {
  const flags = parseArgs(Deno.args);
  const stop = new AbortController();
  Deno.addSignalListener("SIGTERM", () => stop.abort());
  using log = await Deno.open(flags.acts, { append: true, create: true });
  await using client = new Client(await fromKubeconfig(flags.kubeconfig));
  const logger = createLogger({ level: "info", format: "json" });
  await using elector = new Elector({
    client,
    leaseName: flags.leaseName,
    leaseNamespace: flags.leaseNamespace,
    identity: flags.identity,
    trustUnheld: flags.trustUnheld,
    logger,
  });
  await elector.run((term) => act(term, flags.identity, log, stop.signal), { signal: stop.signal });
  await logger.flush();
  Deno.exit(); // The signal listener would hold the process.
}
