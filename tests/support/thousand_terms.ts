// Leads many times with one elector beside a follower, and then a hundred times with new ones, and
// prints what is left over: memory and open files. A program of its own, so that the garbage collector
// can be called.
import { Client } from "../../lib/kubernetes/client.ts";
import { Elector } from "../../lib/elector.ts";
import type { ElectorOptions } from "../../lib/elector_options.ts";
import { ApiServer } from "../../lib/testing/mod.ts";

/** What is in use at one moment. */
export interface Usage {
  /** Bytes in use on the heap. */
  readonly heap: number;
  /** Open files and sockets. */
  readonly files: number;
  /** Watches open on the server. */
  readonly watches: number;
}

/** After so many terms the server remembers as much as it ever will. */
const FULL = 600;

/** What is in use now, without what is only garbage. */
async function usage(server: ApiServer): Promise<Usage> {
  // Closing connections takes turns of the event loop, on both sides.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
  (globalThis as unknown as { gc(): void }).gc();
  const files = [...Deno.readDirSync("/proc/self/fd")].length;
  return { heap: Deno.memoryUsage().heapUsed, files, watches: server.watches };
}

async function main(): Promise<void> {
  await using server = new ApiServer();
  await using client = new Client(server.url);
  const options: ElectorOptions = {
    leaseName: "x",
    identity: "a",
    leaseDurationMs: 2_000,
    // After a term of its own, an elector stands back for so long.
    retryPeriodMs: 5,
    trustUnheld: true,
    client,
  };
  const started = await usage(server);
  const report: Record<string, Usage> = { started };
  {
    await using follower = new Elector({ ...options, identity: "f" });
    const stop = new AbortController();
    const watching = (async () => {
      for await (const _ of follower.observe({ signal: stop.signal }));
    })();
    await using elector = new Elector(options);
    let terms = 0;
    for await (const term of elector.terms()) {
      term.check();
      terms++;
      // By now the server's own logs are full, and replace what they hold.
      if (terms === FULL) report.early = await usage(server);
      if (terms === FULL + 1_000) {
        report.late = await usage(server);
        break;
      }
    }
    stop.abort();
    await watching;
  }
  for (let i = 0; i < 100; i++) {
    await using elector = new Elector(options);
    await elector.run((term) => term.check());
  }
  client.close();
  report.ended = await usage(server);
  console.log(JSON.stringify(report));
}

if (import.meta.main) await main();
