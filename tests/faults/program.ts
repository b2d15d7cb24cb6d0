/**
 * A program that uses the library under `guard`, and acts as `writer.sh` does, as long as its term lets it.
 * When it is told to, it hangs: it acts on without asking anybody, for 3 D, and no timer of it runs.
 *
 * Its flags are those of `start`; where to act, and how it is told to hang, stands in the environment.
 *
 * @module
 */
import { parseStart } from "../../lib/cli/flags.ts";
import { createLogger } from "../../lib/cli/log.ts";
import { onStopSignals } from "../../lib/cli/signals.ts";
import { Client, Elector, fromKubeconfig, type Term } from "../../mod.ts";
import { pause } from "../support/until.ts";

const ACT_PERIOD_MS = 20;

/** Both pipes of acts. */
interface Ends {
  readonly log: Deno.FsFile;
  readonly register: Deno.FsFile;
}

const env = (name: string) => Deno.env.get(name)!;

let sequence = 0;
/** One act: a line to the log, and then to the store. */
function act({ log, register }: Ends, { identity, token }: Term): void {
  const uptime = Deno.readTextFileSync("/proc/uptime").split(" ")[0];
  const line = new TextEncoder().encode(
    `${Deno.pid} ${identity} ${token} ${++sequence} ${uptime}\n`,
  );
  log.writeSync(line);
  register.writeSync(line);
}

/** Whether this term is told to hang. */
function mustHang({ token }: Term): boolean {
  try {
    return Deno.statSync(`${env("HANG")}-${token}`).isFile;
  } catch {
    return false;
  }
}

async function work(term: Term, ends: Ends, hangMs: number): Promise<void> {
  while (true) {
    term.check();
    act(ends, term);
    if (mustHang(term)) {
      const end = performance.now() + hangMs;
      while (performance.now() < end) act(ends, term);
    }
    await pause(ACT_PERIOD_MS);
  }
}

if (import.meta.main) {
  const settings = parseStart(Deno.args);
  const logger = createLogger({ level: settings.logLevel, format: settings.logFormat });
  const stop = new AbortController();
  using _signals = onStopSignals(logger, stop);
  using log = Deno.openSync(env("ACT_LOG"), { append: true, create: true });
  using register = Deno.openSync(env("REGISTER"), { append: true });
  await using client = new Client(await fromKubeconfig(settings.kubeconfig!, { logger }));
  await using elector = new Elector({ ...settings, client, logger, guard: true });
  const hangMs = 3 * settings.leaseDurationMs;
  await elector.run((term) => work(term, { log, register }, hangMs), { signal: stop.signal });
}
