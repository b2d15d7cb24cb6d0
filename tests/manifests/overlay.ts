/**
 * Kustomizations as users write them: this project's folder as a resource, and what they want otherwise.
 *
 * @module
 */
import { relative } from "node:path";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import { MANIFESTS } from "./kubectl.ts";

/**
 * Writes one.
 *
 * @param plane It goes with this.
 * @param fields Of the kustomization, beside `resources`. Components are folders below that of the
 * manifests.
 * @returns The folder.
 */
export async function writeOverlay(
  plane: ControlPlane,
  { components = [], ...fields }: Record<string, unknown> & { components?: readonly string[] },
): Promise<string> {
  const folder = await Deno.makeTempDir({ dir: plane.dir, prefix: "overlay-" });
  const base = relative(folder, MANIFESTS);
  const kustomization = {
    resources: [base],
    components: components.map((name) => `${base}/${name}`),
    ...fields,
  };
  // YAML takes JSON.
  await Deno.writeTextFile(`${folder}/kustomization.yaml`, JSON.stringify(kustomization));
  return folder;
}

/** A patch of the Deployment, in the steps of JSON Patch. */
export function patchDeployment(...steps: { op: string; path: string; value?: unknown }[]) {
  return { target: { kind: "Deployment", name: "k8sensus" }, patch: JSON.stringify(steps) };
}
