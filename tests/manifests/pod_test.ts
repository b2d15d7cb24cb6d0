// A Pod of the Deployment, run with exactly what the Deployment says, from its first probe to its last exit.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import { freePorts, MOUNT_ACCOUNTS } from "../control_plane/commands.ts";
import { containersOrSkip, RunningPod } from "./container.ts";
import { kubectl } from "./kubectl.ts";
import { patchDeployment, writeOverlay } from "./overlay.ts";
import { createPod, type Pod } from "./pod.ts";

const ignore = await controlPlaneOrSkip() || await containersOrSkip();
const controlPlane = sharedControlPlane({ flags: [MOUNT_ACCOUNTS] });

interface Lease {
  readonly spec: { readonly holderIdentity: string };
}

Deno.test({
  name: "a Pod of the Deployment gets ready, leads, and ends with 0 after SIGTERM, all in its time",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const namespace = "runs";
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await plane.request("POST", "/api/v1/namespaces", { metadata: { name: namespace, labels } });
    // All containers of this machine share its ports.
    const { apiServer: port } = freePorts();
    const container = "/spec/template/spec/containers/0";
    const overlay = await writeOverlay(plane, {
      namespace,
      patches: [patchDeployment(
        { op: "replace", path: `${container}/args/2`, value: `--listen=:${port}` },
        { op: "replace", path: `${container}/ports/0/containerPort`, value: port },
      )],
    });
    await kubectl(plane, "apply", "-k", overlay);
    const pod = await createPod(plane, namespace, "k8sensus-7d4b9c-abcde");
    assert(typeof pod !== "string", String(pod));
    const { spec: { containers: [{ startupProbe, readinessProbe, livenessProbe, resources }] } } =
      pod;

    await using running = await RunningPod.start(plane, namespace, pod);
    const { process } = running;
    await running.untilProbed(startupProbe);
    await running.untilProbed(readinessProbe);
    await assertConfined(process.pid, pod);
    const { token } = await process.event("elected", { timeoutMs: 60_000 });
    assert(await running.probe(livenessProbe) && await running.probe(readinessProbe));
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/k8sensus-lease`;
    const holder = async () => (await plane.request<Lease>("GET", path)).body.spec.holderIdentity;
    assertMatch(
      await holder(),
      new RegExp(`^${pod.metadata.name}_[0-9a-f]{32}_${pod.metadata.uid}$`),
    );
    const megabytes = /^(\d+)Mi$/.exec(resources.limits.memory!)![1];
    assert(await process.rss() < Number(megabytes) * 2 ** 20 / 2, "far below its limit");

    const graceMs = pod.spec.terminationGracePeriodSeconds * 1_000;
    const told = performance.now();
    process.signal("SIGTERM");
    assertEquals((await process.event("released")).token, token);
    assertEquals((await process.exit).code, 0);
    assert(performance.now() - told < graceMs);
    assertEquals(await holder(), "");
  },
});

/** Fails unless the process has no more than the Pod's security context leaves it. */
async function assertConfined(pid: number, { spec }: Pod): Promise<void> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const of = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1];
  assertEquals(of("Uid"), `${spec.securityContext.runAsUser}`);
  assertEquals([of("CapEff"), of("CapBnd"), of("NoNewPrivs")], [
    "0".repeat(16),
    "0".repeat(16),
    "1",
  ]);
  const mounts = await Deno.readTextFile(`/proc/${pid}/mounts`);
  assert(spec.containers[0].securityContext.readOnlyRootFilesystem);
  assertMatch(mounts.split("\n").find((line) => line.split(" ")[1] === "/")!, / ro[, ]/);
}
