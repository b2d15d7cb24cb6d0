// `exec` and `guard` as real processes, on an API server inside the test.
import { ApiServer } from "../../lib/testing/mod.ts";
import { until } from "./until.ts";
import { TestProcess } from "./processes.ts";

export const LINUX = Deno.build.os === "linux";
export const MAIN = new URL("../../lib/cli/main.ts", import.meta.url).pathname;
/** Long enough that no process loses its term on a busy machine, and short enough to wait for its end. */
export const D_MS = 5_000;

export interface RunOptions {
  /** Of the Lease. */
  lease?: string;
  /** Flags of `exec`, beside those that every test wants. */
  flags?: readonly string[];
}

/** What processes need that play together. */
export class ExecRig implements AsyncDisposable {
  readonly server: ApiServer;
  readonly folder: string;
  readonly #processes: TestProcess[] = [];

  private constructor(server: ApiServer, folder: string) {
    this.server = server;
    this.folder = folder;
  }

  static async start(): Promise<ExecRig> {
    const server = new ApiServer();
    const folder = await Deno.makeTempDir({ prefix: "k8sensus-exec-test-" });
    await Deno.writeTextFile(`${folder}/kubeconfig`, kubeconfigFor(server.url));
    return new ExecRig(server, folder);
  }

  /** What `exec` is given before its command. */
  execArgs({ lease = "x", flags = [] }: RunOptions = {}): string[] {
    return [
      "exec",
      `--kubeconfig=${this.folder}/kubeconfig`,
      `--lease-name=${lease}`,
      "--trust-unheld",
      "--settle=0s",
      "--log-format=json",
      "--log-level=debug",
      ...["--listen=off", `--lease-duration=${D_MS}ms`].filter((standard) =>
        !flags.some((flag) => flag.split("=")[0] === standard.split("=")[0])
      ),
      ...flags,
    ];
  }

  /** Runs a command under `exec`. */
  exec(command: readonly string[], options: RunOptions = {}): Promise<TestProcess> {
    return this.#start([...this.execArgs(options), "--", ...command]);
  }

  /** Runs a shell script under `exec`; `$DIR` is a folder of the test. */
  sh(script: string, options: RunOptions = {}): Promise<TestProcess> {
    return this.exec(["sh", "-c", script], options);
  }

  /** Runs a program under `guard`. */
  guard(program: readonly string[], flags: readonly string[] = []): Promise<TestProcess> {
    const log = ["--log-format=json", "--log-level=debug"];
    return this.#start(["guard", "--settle=0s", ...log, ...flags, "--", ...program]);
  }

  async #start(args: readonly string[]): Promise<TestProcess> {
    const env = { DIR: this.folder, SERVER: this.server.url, NO_PROXY: "127.0.0.1" };
    const process = await TestProcess.deno(MAIN, { args, env });
    this.#processes.push(process);
    return process;
  }

  /** Who holds the Lease; `""` if nobody does. */
  holder(lease = "x"): string {
    return this.server.leases.get("default", lease)?.spec.holderIdentity ?? "";
  }

  /** What a file of the test holds; nothing if it is not there. */
  read(name: string): string {
    try {
      return Deno.readTextFileSync(`${this.folder}/${name}`);
    } catch {
      return "";
    }
  }

  /** Waits until a file of the test holds a number, and a line end. */
  async pid(name: string): Promise<number> {
    await until(`a process id in ${name}`, () => /^\d+\n/.test(this.read(name)));
    return Number.parseInt(this.read(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes) await process[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Whether a process lives; a zombie does not. */
export function lives(pid: number): boolean {
  try {
    return !/\) [ZX]/.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

/** Waits until a process is dead. */
export async function died(pid: number): Promise<void> {
  await until(`the end of process ${pid}`, () => !lives(pid));
}

/** The process of the elector below a guard. */
export async function electorOf(guard: { readonly pid: number }): Promise<number> {
  let found: number | undefined;
  await until("an elector", () => {
    for (const { name } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(name) || found !== undefined) continue;
      try {
        const parent = Deno.readTextFileSync(`/proc/${name}/stat`).split(") ")[1]?.split(" ")[1];
        if (Number(parent) !== guard.pid) continue;
        const command = Deno.readTextFileSync(`/proc/${name}/cmdline`);
        if (command.includes("exec_elector.ts")) found = Number(name);
      } catch {
        // Gone.
      }
    }
    return found !== undefined;
  });
  return found!;
}

/** A script that appends to a file of the test for as long as it runs. */
export function writes(file: string): string {
  return `while :; do echo x >> "$DIR/${file}"; sleep 0.01; done`;
}

function kubeconfigFor(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "e", cluster: { server } }],
    users: [{ name: "e", user: {} }],
    contexts: [{ name: "e", context: { cluster: "e", user: "e", namespace: "default" } }],
    "current-context": "e",
  });
}
