/**
 * A program that uses the library under a guard. Its first argument says what its work does; each line on
 * stdout is something that happened.
 */
import { Client, Elector } from "../../mod.ts";

const [work, leaseDuration = "2000"] = Deno.args;
/** Tells the test: at once by an event, and in the end by stdout. */
function say(line: string): void {
  console.log(line);
  console.error(JSON.stringify({ event: line.split(" ")[0], line }));
}

const client = new Client(Deno.env.get("SERVER")!);
const elector = new Elector({
  leaseName: "x",
  client,
  identity: "program",
  leaseDurationMs: Number(leaseDuration),
  trustUnheld: true,
  guard: true,
});

const stop = new AbortController();
Deno.addSignalListener("SIGTERM", () => stop.abort());

try {
  await elector.run(async (term) => {
    say(`leads ${term.token}`);
    switch (work) {
      case "block":
        for (;;) Deno.writeTextFileSync(`${Deno.env.get("DIR")}/acts`, "x", { append: true });
      /* falls through */
      case "die":
        Deno.kill(Deno.pid, "SIGKILL");
        break;
      case "leave":
        Deno.exit(5);
        break;
      case "end":
        return;
      case "obey":
        await new Promise((resolve) => term.signal.addEventListener("abort", resolve));
        say(`stopped ${term.reason}`);
    }
  }, { signal: stop.signal });
  say("over");
} catch (error) {
  say(`failed ${(error as Error).name}`);
} finally {
  await elector.close();
  client.close();
}
