/**
 * One candidate with its guard, in a PID namespace of its own or outside, and the proxy between it and the
 * API server.
 *
 * @module
 */
import { importFlags, type LogLine, TestProcess } from "../support/processes.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { until } from "../support/until.ts";
import type { Part, Work } from "./matrix.ts";
import { innerPid, processTable, signal } from "./process_table.ts";

const HERE = new URL("./", import.meta.url).pathname;
const MAIN = new URL("../../lib/cli/main.ts", import.meta.url).pathname;
/** What a shell starts that gives an init and its children process ids of their own. */
const CONTAINED = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "tini", "--"];
const LEASE = "contested";
/** Shorter than F, so that a stop of one's own will is seen to end by the fence. */
const DRAIN_MS = 500;

/** What candidates of a round have in common. */
export interface Terms {
  readonly work: Work;
  readonly settleMs: number;
  readonly contained: boolean;
  readonly leaseDurationMs: number;
  /** For files of this round alone. */
  readonly folder: string;
  /** Paths of the log and of the store's pipe. */
  readonly log: string;
  readonly register: string;
  /** Names the files that tell a program to hang. */
  readonly hang: string;
}

/** The processes of a candidate, as far as they live. */
export type Pids = Partial<Record<Part, number>>;

/** A candidate. */
export class Candidate implements AsyncDisposable {
  readonly name: string;
  /** Its only way to the API server. */
  readonly proxy: TcpProxy;
  readonly #process: TestProcess;
  readonly #terms: Terms;

  private constructor(name: string, proxy: TcpProxy, process: TestProcess, terms: Terms) {
    this.name = name;
    this.proxy = proxy;
    this.#process = process;
    this.#terms = terms;
  }

  /**
   * Starts one.
   *
   * @param kubeconfig Gives the path of a kubeconfig for a port.
   */
  static async start(
    name: string,
    terms: Terms,
    apiPort: number,
    kubeconfig: (port: number) => Promise<string>,
  ): Promise<Candidate> {
    const proxy = await TcpProxy.start(apiPort);
    try {
      const [program, ...args] = await commandLine(name, terms, await kubeconfig(proxy.port));
      const { log, register, hang } = terms;
      const env = { NO_PROXY: "127.0.0.1", ACT_LOG: log, REGISTER: register, HANG: hang };
      const process = TestProcess.command(program!, { args, env });
      return new Candidate(name, proxy, process, terms);
    } catch (error) {
      await proxy[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Its lines so far. */
  get log(): readonly LogLine[] {
    return this.#process.log;
  }

  /** Everything that it said last, for the message of an error. */
  get lastLines(): string {
    return this.#process.lines.slice(-20).map((line) => `  ${this.name}: ${line}`).join("\n");
  }

  /** Whether it has this identity. */
  is(identity: string): boolean {
    return this.log.some((line) => line.identity === identity);
  }

  /** Waits until it has read the Lease, and leads or knows who does. */
  async contends(): Promise<void> {
    await until(`${this.name} contends`, () => {
      if (this.#process.ended) throw new Error(`${this.name} has ended:\n${this.lastLines}`);
      return this.log.some(({ event }) => event === "new-leader" || event === "elected");
    });
  }

  /** The process ids of its parts, as they are now. */
  parts(): Pids {
    const table = processTable();
    const guard = this.#guard(table);
    const children = table.filter(({ parent }) => parent === guard);
    if (this.#terms.work === "program") return { guard, elector: children[0]?.pid };
    const started = this.log.findLast(({ event }) => event === "command-started")?.pid;
    return {
      guard,
      elector: children.find(({ commandLine }) => commandLine.includes("exec_elector.ts"))?.pid,
      command: children.find(({ pid }) => innerPid(pid) === started)?.pid,
    };
  }

  #guard(table: ReturnType<typeof processTable>): number | undefined {
    if (!this.#terms.contained) return this.#process.pid;
    const childOf = (of?: number) => table.find(({ parent }) => parent === of)?.pid;
    // unshare has one child, the init, and that has one too as long as the guard lives.
    const init = childOf(this.#process.pid);
    return init === undefined ? undefined : childOf(init);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
  }
}

async function commandLine(name: string, terms: Terms, kubeconfig: string): Promise<string[]> {
  const { work, settleMs, contained, leaseDurationMs, log, register } = terms;
  const deno = [Deno.execPath(), "run", "--quiet", ...await importFlags(), "--allow-all"];
  const log_ = ["--log-format=json"];
  const settle = `--settle=${settleMs}ms`;
  const contend = (lease: string) => [
    ...log_,
    `--kubeconfig=${kubeconfig}`,
    `--lease-name=${lease}`,
    `--lease-duration=${leaseDurationMs}ms`,
    `--identity=${name}`,
    `--drain=${DRAIN_MS}ms`,
    "--trust-unheld",
    "--listen=off",
  ];
  const init = contained ? CONTAINED : [];
  if (work === "program") {
    const program = [...deno, `${HERE}program.ts`, ...contend(LEASE)];
    return [...init, ...deno, MAIN, "guard", settle, ...log_, "--", ...program];
  }
  // Nobody contends with it for the inner Lease: what is of interest is what becomes of the tree.
  const nest = [...deno, MAIN, "exec", ...contend(`inner-${name}`), "--log-level=error", "--"];
  const command = ["sh", `${HERE}command.sh`, work, log, register, ...nest];
  return [...init, ...deno, MAIN, "exec", settle, ...contend(LEASE), "--", ...command];
}

/** Sends a signal to parts of a candidate, to the guard first, so that it does not see what the others get. */
export function signalParts(
  parts: readonly Part[],
  pids: Pids,
  name: "SIGKILL" | "SIGSTOP" | "SIGCONT",
): void {
  for (const part of ["guard", "elector", "command"] as const) {
    const pid = pids[part];
    if (!parts.includes(part) || pid === undefined) continue;
    // A command is stopped with its group, as by Ctrl-Z, and killed alone: its strays are for the guard.
    signal(part === "command" && name !== "SIGKILL" ? -pid : pid, name);
  }
}
