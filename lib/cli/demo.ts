/**
 * `demo`: three processes of the service on an API server inside this one, shown an election, a hand-over
 * and a crash, with the times they take.
 *
 * @module
 */
import { type Clock, sleep, systemClock } from "../clock.ts";
import { ApiServer } from "../testing/mod.ts";
import { parseFlags } from "./args.ts";
import { Candidate, type LogLine } from "./demo_candidate.ts";
import { DEMO } from "./flags.ts";
import { createLogger } from "./log.ts";
import { onStopSignals } from "./signals.ts";

/** Short, so that nobody has to wait for the crash; everything else follows from it. */
const LEASE_DURATION = "3s";
const NAMES = ["alpha", "beta", "gamma"];
/** Longer than anything here should take on the slowest machine. */
const PATIENCE_MS = 60_000;

/**
 * Runs the demo.
 *
 * @param args Its flags.
 * @returns 0, or 1 if something did not happen in time.
 */
export async function run(args: string[]): Promise<number> {
  const { settings } = parseFlags(DEMO, args);
  const logger = createLogger({ level: settings.logLevel, format: settings.logFormat });
  const stop = new AbortController();
  // The signals are told on the screen, not in the log.
  using _signals = onStopSignals({ ...logger, info() {} }, stop);
  await using server = new ApiServer();
  await using demo = await Demo.start(server.url, stop.signal);
  const shown = await demo.tour();
  if (!shown) return stop.signal.aborted ? 0 : 1;
  if (!settings.once) await demo.goOn();
  return 0;
}

const COLORS = ["\x1b[36m", "\x1b[35m", "\x1b[33m"];

class Demo implements AsyncDisposable {
  readonly #clock: Clock = systemClock;
  readonly #candidates = new Map<string, Candidate>();
  readonly #folder: string;
  readonly #signal: AbortSignal;
  readonly #started: number;
  /** Set while somebody waits for a line of the log. */
  #waiter?: (line: LogLine) => void;
  #leader?: string;
  readonly #color = Deno.stdout.isTerminal() && !Deno.noColor;

  private constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
    this.#started = this.#now();
  }

  static async start(server: string, signal: AbortSignal): Promise<Demo> {
    const demo = new Demo(await Deno.makeTempDir({ prefix: "k8sensus-demo-" }), signal);
    await Deno.writeTextFile(demo.#kubeconfig, kubeconfigFor(server));
    demo.#say(`Three candidates for one Lease of ${LEASE_DURATION}, on an API server at ${server}`);
    for (const name of NAMES) demo.#spawn(name);
    return demo;
  }

  /** An election, a hand-over, a crash. Says whether all of them happened. */
  async tour(): Promise<boolean> {
    const elected = await this.#elected("the first election", this.#started);
    // The others have to know the leader before it is worth showing them a change.
    if (!elected || !await this.#pause(1_500)) return false;

    const first = this.#leader!;
    this.#say("");
    this.#say(`SIGTERM to the leader, ${this.#name(first)}: it releases the Lease before it goes`);
    const handover = this.#now();
    this.#candidates.get(first)?.kill("SIGTERM");
    if (!await this.#elected("the hand-over", handover)) return false;
    this.#spawn(first);
    if (!await this.#pause(2_500)) return false;

    const second = this.#leader!;
    this.#say("");
    this.#say(
      `kill -9 of the leader, ${
        this.#name(second)
      }: the others must wait until its Lease has expired`,
    );
    const crash = this.#now();
    this.#candidates.get(second)?.kill("SIGKILL");
    if (!await this.#elected("the failover after a crash", crash)) return false;
    this.#spawn(second);
    return true;
  }

  /** One line an event until the user has seen enough. */
  async goOn(): Promise<void> {
    await this.#pause(1_000);
    this.#say("");
    this.#say("Your turn: stop or kill one of these, and see what happens. Ctrl-C ends the demo.");
    for (const { name, pid } of this.#candidates.values()) {
      this.#say(`  ${this.#name(name)} is process ${pid}`);
    }
    while (!this.#signal.aborted) {
      const others = [...this.#candidates.values()].map((candidate) =>
        candidate.ended.then(() => candidate.name)
      );
      const stopped = new Promise<undefined>((resolve) => {
        this.#signal.addEventListener("abort", () => resolve(undefined), { once: true });
      });
      const ended = await Promise.race([stopped, ...others]);
      if (ended !== undefined) this.#spawn(ended);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const candidates = [...this.#candidates.values()];
    for (const candidate of candidates) candidate.kill("SIGTERM");
    const late = new AbortController();
    const all = Promise.all(candidates.map((candidate) => candidate.ended));
    await Promise.race([all, sleep(this.#clock, 3_000, late.signal)]);
    late.abort();
    for (const candidate of candidates) candidate.kill("SIGKILL");
    await all;
    await Deno.remove(this.#folder, { recursive: true });
  }

  get #kubeconfig(): string {
    return `${this.#folder}/kubeconfig.json`;
  }

  #now(): number {
    return this.#clock.now().mono;
  }

  #spawn(name: string): void {
    this.#candidates.set(
      name,
      new Candidate({
        name,
        kubeconfig: this.#kubeconfig,
        leaseDuration: LEASE_DURATION,
        now: () => this.#now(),
        hear: (line) => this.#hear(line),
      }),
    );
  }

  #hear(line: LogLine): void {
    const text = this.#describe(line);
    if (text !== undefined) {
      const seconds = ((line.at - this.#started) / 1_000).toFixed(3).padStart(8);
      this.#say(`${this.#dim(`${seconds}s`)}  ${this.#name(line.from)}  ${text}`);
    }
    if (line.event === "elected") this.#leader = line.from;
    this.#waiter?.(line);
  }

  #describe({ event, level, msg, token, reason, address }: LogLine): string | undefined {
    if (event === "elected") return this.#bold(`leads, with fencing token ${token}`);
    if (event === "lost") return `tells its work to stop (${reason})`;
    if (event === "released") return "has released the Lease";
    if (event === "listening") return `is up: curl http://${address}/leader`;
    return level === "warn" && event !== "short-retry" || level === "error" ? msg : undefined;
  }

  /** Waits until somebody is elected, and tells how long it took. */
  async #elected(what: string, since: number): Promise<boolean> {
    const late = new AbortController();
    const line = await Promise.race([
      new Promise<LogLine>((resolve) => {
        this.#waiter = (line) => line.event === "elected" && resolve(line);
      }),
      sleep(this.#clock, PATIENCE_MS, AbortSignal.any([late.signal, this.#signal])),
    ]);
    late.abort();
    this.#waiter = undefined;
    if (line === undefined) {
      if (!this.#signal.aborted) this.#say(`${what} did not happen within ${PATIENCE_MS / 1_000}s`);
      return false;
    }
    const ms = line.at - since;
    const time = ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(2)} s`;
    this.#say(`           ${this.#bold(`→ ${what} took ${time}`)}`);
    return true;
  }

  async #pause(ms: number): Promise<boolean> {
    await sleep(this.#clock, ms, this.#signal);
    return !this.#signal.aborted;
  }

  #say(text: string): void {
    console.log(text);
  }

  #paint(code: string, text: string): string {
    return this.#color ? `${code}${text}\x1b[0m` : text;
  }

  #bold(text: string): string {
    return this.#paint("\x1b[1m", text);
  }

  #dim(text: string): string {
    return this.#paint("\x1b[2m", text);
  }

  #name(name: string): string {
    return this.#paint(COLORS[NAMES.indexOf(name)]!, name.padEnd(5));
  }
}

function kubeconfigFor(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "demo", cluster: { server } }],
    users: [{ name: "demo", user: {} }],
    contexts: [{ name: "demo", context: { cluster: "demo", user: "demo" } }],
    "current-context": "demo",
  });
}
