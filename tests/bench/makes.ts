/**
 * Who is measured: our service, a worker made with our library, and client-go.
 *
 * @module
 */
import { findInPath } from "../control_plane/binaries.ts";
import { runFlags, startPermissions } from "../support/start_permissions.ts";
import type { Program } from "./replica.ts";
import type { MakeName } from "./report.ts";

const ROOT = new URL("../../", import.meta.url);

/** One act of a command, in bash, whose clock costs no process. */
export const ACT = "t=${EPOCHREALTIME/[.,]/}; " +
  'echo "${t%???} ${K8SENSUS_IDENTITY%%_*}#$K8SENSUS_TOKEN" >> "$0"';

/** What a candidate is told. */
export interface Role {
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly lease: string;
  readonly identity: string;
  /** File that takes its acts, if it is to act. */
  readonly acts?: string;
  /** Whether a Lease that was never held is waited out. */
  readonly distrustUnheld?: boolean;
}

/** A kind of candidate. */
export interface Make {
  readonly name: MakeName;
  program(role: Role): Program;
}

/** All kinds; the rival only where Go could build it. */
export interface Makes {
  /** `deno task start`, as it is deployed. */
  readonly service: Make;
  /** A program with the library that acts as long as its term lets it. */
  readonly worker: Make;
  readonly rival?: Make;
  /** `deno task exec` around a command in bash: what {@linkcode ACT} adds acts to is its argument 0. */
  readonly exec: (script: string, flags?: readonly string[]) => Make;
  /** A process that does nothing but serve and watch, to compare memory with. */
  readonly bare: (args: readonly string[]) => Program;
}

/**
 * Finds out how to run them, and builds the rival.
 *
 * @param say Takes what the user should know.
 * @param withRival Whether it is wanted at all.
 */
export async function findMakes(say: (line: string) => void, withRival: boolean): Promise<Makes> {
  const path = Deno.execPath();
  const registry = await registryFlags(path);
  const permissions = await startPermissions();
  const execFlags = await runFlags("exec");
  const deno = (permits: readonly string[], file: string, args: readonly string[]): Program => ({
    path,
    args: ["run", ...registry, "--quiet", ...permits, file, ...args],
  });
  return {
    service: {
      name: "k8sensus",
      program: (role) => {
        const flags = ["--listen", "127.0.0.1:0", "--log-format", "json", ...common(role)];
        if (!role.distrustUnheld) flags.push("--trust-unheld");
        return deno(permissions, "lib/cli/main.ts", ["start", ...flags]);
      },
    },
    worker: {
      name: "k8sensus",
      program: (role) => {
        const flags = [...common(role), ...acts(role)];
        if (!role.distrustUnheld) flags.push("--trust-unheld");
        return deno([...permissions, "--allow-write"], "tests/bench/worker.ts", flags);
      },
    },
    rival: withRival ? await findRival(say) : undefined,
    exec: (script, flags = []) => ({
      name: "k8sensus",
      program: (role) => {
        const own = ["--listen=off", "--log-format=json", "--settle=0s", "--trust-unheld"];
        const command = ["bash", "-c", script, role.acts ?? "/dev/null"];
        const args = ["exec", ...own, ...common(role), ...flags, "--", ...command];
        return deno(execFlags, "lib/cli/main.ts", args);
      },
    }),
    bare: (args) => deno(permissions, "tests/bench/bare.ts", args),
  };
}

function common({ kubeconfig, namespace, lease, identity }: Role): string[] {
  return [
    ...["--kubeconfig", kubeconfig, "--lease-namespace", namespace],
    ...["--lease-name", lease, "--identity", identity],
  ];
}

const acts = (role: Role) => role.acts === undefined ? [] : ["--acts", role.acts];

/** The flags that `deno task` would have put in. */
async function registryFlags(path: string): Promise<string[]> {
  const args = ["run", "--quiet", "tools/registry.ts"];
  const { stdout } = await new Deno.Command(path, { args, cwd: ROOT, stdin: "null" }).output();
  return new TextDecoder().decode(stdout).split(/\s+/).filter((flag) => flag !== "");
}

async function findRival(say: (line: string) => void): Promise<Make | undefined> {
  if (await findInPath("go") === undefined) {
    say("SKIPPED: the rival, because Go is not installed to build it.");
    return undefined;
  }
  const path = await buildRival();
  if (path === undefined) {
    say("SKIPPED: the rival, because Go could not build it.");
    return undefined;
  }
  return {
    name: "client-go",
    program: (role) => ({ path, args: [...common(role), ...acts(role)] }),
  };
}

/** Builds into the user's cache folder; Go's own cache makes the second time quick. */
async function buildRival(): Promise<string | undefined> {
  const home = Deno.env.get("HOME");
  const cache = Deno.env.get("XDG_CACHE_HOME") || (home && `${home}/.cache`);
  if (!cache) return undefined;
  const path = `${cache}/k8sensus/bench-client-go`;
  const { success, stderr } = await new Deno.Command("go", {
    args: ["build", "-trimpath", "-o", path, "."],
    cwd: new URL("client_go/", import.meta.url),
    env: { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly", GOWORK: "off" },
    stdin: "null",
    stdout: "null",
  }).output();
  if (success) return path;
  console.error(new TextDecoder().decode(stderr).trim());
  return undefined;
}

/** The version of client-go that is measured. */
export async function rivalVersion(): Promise<string> {
  const text = await Deno.readTextFile(new URL("client_go/go.mod", import.meta.url));
  return /k8s\.io\/client-go (v\S+)/.exec(text)?.[1] ?? "unknown";
}
