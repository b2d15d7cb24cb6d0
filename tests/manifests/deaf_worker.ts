/**
 * A program for upgrade_test.ts, made with the library as badly as can be: its work acts as long as the
 * clock lets it, does not look at `term.signal`, and never ends.
 *
 * @module
 */
import { createLogger } from "../../lib/cli/log.ts";
import { Client, Elector, fromKubeconfig, type Term } from "../../mod.ts";
import { parseArgs } from "../bench/worker_args.ts";

if (import.meta.main) {
  const flags = parseArgs(Deno.args);
  const stop = new AbortController();
  Deno.addSignalListener("SIGTERM", () => stop.abort());
  using log = await Deno.open(flags.acts, { append: true, create: true });
  await using client = new Client(await fromKubeconfig(flags.kubeconfig));
  await using elector = new Elector({
    client,
    leaseName: flags.leaseName,
    leaseNamespace: flags.leaseNamespace,
    identity: flags.identity,
    trustUnheld: flags.trustUnheld,
    // The shortest with which the renewTime does not run ahead of the clock.
    leaseDurationMs: 8_000,
    drainMs: 1_000,
    logger: createLogger({ level: "info", format: "json" }),
  });
  const work = (term: Term) =>
    new Promise<never>(() => {
      setInterval(() => {
        const line = new TextEncoder().encode(`${Date.now()} ${flags.identity}#${term.token}\n`);
        if (term.remainingMs > 0) log.writeSync(line);
      }, 5);
    });
  try {
    await elector.run(work, { signal: stop.signal });
  } finally {
    // Only the clock keeps it from acting in this time.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}
