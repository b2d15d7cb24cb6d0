/**
 * What the kubelet and a container runtime would do with a Pod of the Deployment: its process, with exactly
 * the user, the arguments, the environment and the mounted account that the Pod names, and its probes.
 *
 * @module
 */
import { findInPath } from "../control_plane/binaries.ts";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import { poll } from "../control_plane/supervisor.ts";
import { importFlags, TestProcess } from "../support/processes.ts";
import { runFlags } from "../support/start_permissions.ts";
import { until } from "../support/until.ts";
import type { Container, Pod, Probe } from "./pod.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** Where `container.sh` puts the project. */
const APP = "/var/run/app/";

/** Why no container can be imitated here, in one sentence; `undefined` if one can. */
async function missingContainers(tools: readonly string[]): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "this is not Linux";
  if (Deno.uid() !== 0) return "mounting a service account needs root";
  for (const tool of tools) {
    if (await findInPath(tool) === undefined) return `${tool} is not in PATH`;
  }
  const args = ["--mount", "mount", "-n", "-t", "tmpfs", "tmpfs", "/mnt"];
  const { success } = await new Deno.Command("unshare", { args, stderr: "null" }).output();
  return success ? undefined : "a mount namespace cannot be had";
}

/** As `controlPlaneOrSkip()`, for tests that run a Pod, and want these programs besides. */
export async function containersOrSkip(...more: readonly string[]): Promise<boolean> {
  const reason = await missingContainers(["unshare", "setpriv", "mount", ...more]);
  if (reason === undefined) return false;
  if (Deno.env.get("CI") === "true") {
    throw new Error(
      `Tests need to imitate a container, and CI=true forbids to skip them: ${reason}`,
    );
  }
  console.error(`SKIPPED: tests that imitate a container, because ${reason}.`);
  return true;
}

/** A Pod that runs. */
export class RunningPod implements AsyncDisposable {
  readonly pod: Pod;
  readonly process: TestProcess;

  private constructor(pod: Pod, process: TestProcess) {
    this.pod = pod;
    this.process = process;
  }

  /** Starts it, with a token that is bound to it, where admission wants that mounted. */
  static async start(plane: ControlPlane, namespace: string, pod: Pod): Promise<RunningPod> {
    const { spec, metadata: { name, uid } } = pod;
    const [container] = spec.containers;
    const { mountPath, expirationSeconds } = accountVolume(pod);
    const token = await plane.token(namespace, spec.serviceAccountName, {
      expirationSeconds,
      boundObjectRef: { kind: "Pod", name, uid },
    });
    const secrets = `${plane.dir}/${uid}`;
    await plane.mountServiceAccount(secrets, { namespace, token });
    const { runAsUser, runAsGroup } = spec.securityContext;
    const script = new URL("container.sh", import.meta.url).pathname;
    const namespaces = hasInit(container)
      ? ["--mount", "--pid", "--fork", "--kill-child"]
      : ["--mount"];
    const process = TestProcess.command("unshare", {
      args: [
        ...[...namespaces, "sh", script, secrets, mountPath, ROOT, Deno.execPath(), await cache()],
        ...[emptyFolder(pod), `${runAsUser}`, `${runAsGroup}`, ...await command(container)],
      ],
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        // Of the image.
        DENO_DIR: "/var/run/cache",
        DENO_NO_UPDATE_CHECK: "1",
        KUBERNETES_SERVICE_HOST: "127.0.0.1",
        KUBERNETES_SERVICE_PORT: `${plane.port}`,
        ...environment(pod),
      },
      clearEnv: true,
    });
    return new RunningPod(pod, process);
  }

  /** Process 1 of a container with an init, to which the kubelet sends its signals. */
  async init(): Promise<number> {
    return await onlyChild(this.process.pid);
  }

  /** The guard of a Pod of `exec`. */
  async guard(): Promise<number> {
    return await onlyChild(await this.init());
  }

  /** Asks a probe once, as the kubelet does. */
  async probe({ httpGet, timeoutSeconds }: Probe): Promise<boolean> {
    const { ports } = this.pod.spec.containers[0];
    const port = ports.find(({ name }) => name === httpGet.port)?.containerPort;
    try {
      const response = await fetch(`http://127.0.0.1:${port}${httpGet.path}`, {
        signal: AbortSignal.timeout(timeoutSeconds * 1_000),
      });
      await response.body?.cancel();
      return response.status >= 200 && response.status < 400;
    } catch (error) {
      if (error instanceof TypeError || error instanceof DOMException) return false;
      throw error;
    }
  }

  /** Waits until a probe succeeds; as long as the kubelet would wait for the container to start. */
  async untilProbed(probe: Probe): Promise<void> {
    const { periodSeconds, failureThreshold } = this.pod.spec.containers[0].startupProbe;
    const limitMs = periodSeconds * failureThreshold * 1_000;
    if (await poll(limitMs, async () => await this.probe(probe) || undefined)) return;
    const tail = this.process.lines.slice(-15).join("\n");
    throw new Error(`${probe.httpGet.path} has not succeeded within ${limitMs} ms:\n${tail}`);
  }

  /** Ends it at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** The image's entry point with the arguments of the container, as `deno task` runs it. */
async function command(container: Container): Promise<string[]> {
  const { args } = container;
  const imports = (await importFlags()).map((flag) => flag.replace(ROOT, APP));
  const flags = ["--quiet", "--cached-only", ...imports, ...await runFlags(args[0]!)];
  const init = hasInit(container) ? ["tini", "--"] : [];
  return [...init, "/var/run/deno", "run", ...flags, "lib/cli/main.ts", ...args];
}

/** Whether its processes need the init: those of `exec` do, a service alone is watched without. */
function hasInit({ args }: Container): boolean {
  return args[0] === "exec";
}

async function onlyChild(pid: number): Promise<number> {
  const children = async () =>
    (await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`)).trim() || undefined;
  return Number(await until(`a child of process ${pid}`, children));
}

/** Where the one folder is mounted that can be written to; `""` if there is none. */
function emptyFolder({ spec: { volumes = [], containers: [{ volumeMounts = [] }] } }: Pod): string {
  const empty = volumes.filter(({ emptyDir }) => emptyDir !== undefined);
  const mounts = volumeMounts.filter(({ name }) => empty.some((volume) => volume.name === name));
  if (mounts.length > 1) throw new Error("Only one emptyDir can be imitated");
  return mounts[0]?.mountPath ?? "";
}

/** Deno's cache, with all that the program imports in it, as in an image. */
async function cache(): Promise<string> {
  const run = async (...args: string[]) => {
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: ROOT,
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  await run("cache", "--quiet", ...await importFlags(), "lib/cli/main.ts");
  return JSON.parse(await run("info", "--json")).denoDir;
}

/** The variables of the container; those of the downward API from the Pod. */
function environment(pod: Pod): Record<string, string> {
  const fields: Record<string, string> = {
    "metadata.name": pod.metadata.name,
    "metadata.uid": pod.metadata.uid,
  };
  return Object.fromEntries(
    pod.spec.containers[0].env.map(({ name, value, valueFrom }) => [
      name,
      value ?? fields[valueFrom?.fieldRef?.fieldPath ?? ""] ?? "",
    ]),
  );
}

/** Where admission put the service account. */
function accountVolume(pod: Pod): { mountPath: string; expirationSeconds: number } {
  const { volumes = [], containers: [{ volumeMounts = [] }] } = pod.spec;
  for (const { name, projected } of volumes) {
    const source = projected?.sources.find(({ serviceAccountToken }) => serviceAccountToken);
    const mount = volumeMounts.find((mount) => mount.name === name);
    if (source?.serviceAccountToken === undefined || mount === undefined) continue;
    const { expirationSeconds } = source.serviceAccountToken;
    return { mountPath: mount.mountPath, expirationSeconds };
  }
  throw new Error(`Pod ${pod.metadata.name} has no service account mounted`);
}
