/**
 * kubectl of the control plane's own version, with nothing of the user's around it.
 *
 * @module
 */
import { parseAllDocuments } from "yaml";
import { binaries } from "../control_plane/binaries.ts";
import type { ControlPlane } from "../control_plane/control_plane.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** The folder of the manifests. */
export const MANIFESTS = `${ROOT}k8s`;
/** The same for a command under `exec`. */
export const EXEC_MANIFESTS = `${MANIFESTS}/exec`;

/** What a command came to. */
export interface Outcome {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Anything with a name that can be in a cluster. */
export interface KubeObject<Spec = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: Spec;
}

/** Runs a command as the administrator of a control plane, with kubectl in PATH. */
export async function asAdministrator(
  plane: ControlPlane,
  command: string,
  ...args: readonly string[]
): Promise<Outcome> {
  const { kubectl } = await binaries();
  const folder = kubectl.slice(0, kubectl.lastIndexOf("/"));
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env: {
      PATH: `${folder}:${Deno.env.get("PATH") ?? ""}`,
      KUBECONFIG: plane.kubeconfig,
      KUBECACHEDIR: `${plane.dir}/kubectl`,
      KUBERC: "off",
      NO_COLOR: "1",
    },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/**
 * As {@linkcode asAdministrator}, for kubectl itself and for what must work.
 *
 * @returns What it wrote to stdout.
 * @throws {Error} If it fails, or has anything to say on stderr, such as a warning.
 */
export async function kubectl(plane: ControlPlane, ...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await asAdministrator(plane, "kubectl", ...args);
  if (success && stderr === "") return stdout;
  throw new Error(`kubectl ${args.join(" ")}: ${stderr || stdout}`);
}

/** All objects of a folder with a kustomization, as kubectl would apply them. */
export async function built(plane: ControlPlane, folder = MANIFESTS): Promise<KubeObject[]> {
  const text = await kubectl(plane, "kustomize", folder, "--load-restrictor=LoadRestrictionsNone");
  return parseAllDocuments(text).map((document) => document.toJS());
}
