// The manifests of `exec`: applied by kubectl to a real API server, and their Pods run with exactly what they
// say, in PID and mount namespaces of their own under the init of the image.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { parseExec } from "../../lib/cli/flags.ts";
import { makeTiming } from "../../lib/timing.ts";
import { freePorts, MOUNT_ACCOUNTS } from "../control_plane/commands.ts";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import { electorOf } from "../support/exec_rig.ts";
import { containersOrSkip, RunningPod } from "./container.ts";
import { built, EXEC_MANIFESTS, kubectl, type KubeObject } from "./kubectl.ts";
import { createPod, type Deployment, type PodSpec } from "./pod.ts";

const noPlane = await controlPlaneOrSkip();
const controlPlane = sharedControlPlane({ flags: [MOUNT_ACCOUNTS] });

/** A namespace with the strictest level of Pod Security, and the manifests in it. */
async function applied(plane: ControlPlane, name: string): Promise<string> {
  const level = "pod-security.kubernetes.io";
  const labels = { [`${level}/enforce`]: "restricted", [`${level}/warn`]: "restricted" };
  await plane.request("POST", "/api/v1/namespaces", { metadata: { name, labels } });
  // Whatever the API server would warn of is an error here.
  const apply = ["apply", "-k", EXEC_MANIFESTS, "-n", name];
  await kubectl(plane, ...apply, "--dry-run=server");
  await kubectl(plane, ...apply);
  return name;
}

/** A Pod of the Deployment; all containers of this machine share its ports. */
async function makePod(
  plane: ControlPlane,
  namespace: string,
  name: string,
  change: (spec: PodSpec) => void = () => {},
) {
  const pod = await createPod(plane, namespace, name, (spec) => {
    const { apiServer: port } = freePorts();
    const [container] = spec.containers;
    container.args[2] = `--listen=:${port}`;
    container.ports[0]!.containerPort = port;
    change(spec);
  });
  assert(typeof pod !== "string", String(pod));
  return pod;
}

/** Runs one until it is ready. */
async function run(plane: ControlPlane, namespace: string, name: string): Promise<RunningPod> {
  const running = await RunningPod.start(plane, namespace, await makePod(plane, namespace, name));
  const [{ startupProbe, readinessProbe }] = running.pod.spec.containers;
  await running.untilProbed(startupProbe);
  await running.untilProbed(readinessProbe);
  return running;
}

Deno.test({
  name: "k8s/exec differs from k8s in what exec needs, and agrees with the program",
  ignore: noPlane,
  async fn() {
    const plane = await controlPlane();
    const [ours, base] = [await built(plane, EXEC_MANIFESTS), await built(plane)];
    const others = (objects: KubeObject[]) => objects.filter(({ kind }) => kind !== "Deployment");
    assertEquals(others(ours), others(base), "the same rights, and no more");
    const specOf = (objects: KubeObject[]) =>
      (objects.find(({ kind }) => kind === "Deployment") as Deployment).spec;
    const [mine, theirs] = [specOf(ours), specOf(base)];
    const [container] = mine.template.spec.containers;
    const { args, image, resources, volumeMounts, ...same } = container;
    assertEquals({ ...theirs.template.spec.containers[0], ...same }, {
      ...theirs.template.spec.containers[0],
    });
    assertEquals({ ...mine, template: null }, { ...theirs, template: null });
    assertEquals(image, `k8sensus-exec:${config.version}`);
    assert(resources.limits.memory !== undefined && resources.requests.memory !== undefined);
    const { volumes = [], terminationGracePeriodSeconds } = mine.template.spec;
    assertEquals(volumeMounts, [{ name: volumes[0]!.name, mountPath: "/dev/shm" }]);
    assertEquals(volumes[0]!.emptyDir?.medium, "Memory");

    const [task, ...flags] = args;
    const { settings, command } = parseExec(flags, { env: () => undefined });
    assertEquals([task, command.slice(0, 2)], ["exec", ["sh", "-c"]]);
    assertEquals(settings.listen?.port, container.ports[0]!.containerPort);
    const role = ours.find(({ kind }) => kind === "Role") as unknown as {
      rules: [{ resourceNames: string[] }];
    };
    assertEquals(role.rules[0].resourceNames, [settings.leaseName]);
    const { drainMs, fenceMs, leaseDurationMs } = makeTiming(settings);
    const spareMs = terminationGracePeriodSeconds * 1_000 - drainMs;
    assert(spareMs >= fenceMs + settings.settleMs && spareMs >= leaseDurationMs + 5_000);
  },
});

const ignore = noPlane || await containersOrSkip("tini");

Deno.test({
  name: "Pods of k8s/exec: the command hands over on SIGTERM, and by proof when the elector dies",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const namespace = await applied(plane, "exec-runs");
    await using first = await run(plane, namespace, "k8sensus-7d4b9c-first");
    await using second = await run(plane, namespace, "k8sensus-7d4b9c-second");
    const { token } = await first.process.event("command-started", { timeoutMs: 60_000 });
    const { leaseDurationMs } = makeTiming({ leaseDurationMs: 15_000 });

    Deno.kill(await first.init(), "SIGTERM");
    assertEquals((await first.process.event("released")).token, token);
    assertEquals((await first.process.exit).code, 0);
    assertEquals(await first.process.stdout, `leading with token ${token}\ntold to stop\n`);
    await second.process.event("command-started");

    await using third = await run(plane, namespace, "k8sensus-7d4b9c-third");
    await third.process.event("new-leader");
    const killed = performance.now();
    Deno.kill(await electorOf({ pid: await second.guard() }), "SIGKILL");
    await third.process.event("command-started");
    assert(performance.now() - killed < leaseDurationMs - 5_000, "it waited for no expiry");
    assertEquals((await second.process.exit).code, 70);
    for (const event of ["crashed", "proven", "released"]) await second.process.event(event);
    for (const { process } of [first, second, third]) {
      const told = process.log.map(({ event }) => event);
      for (const event of ["preflight", "unproven", "unreleased", "deadline-file"]) {
        assert(!told.includes(event), process.lines.join("\n"));
      }
      const warnings = process.log.filter(({ event, level }) =>
        event === "limits" && level !== "info"
      );
      assertEquals(warnings, []);
    }
  },
});

Deno.test({
  name: "a Pod of k8s/exec without its folder in memory says what is missing",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const namespace = await applied(plane, "exec-unwritable");
    const pod = await makePod(plane, namespace, "k8sensus-7d4b9c-empty", (spec) => {
      spec.volumes = [];
      spec.containers[0].volumeMounts = [];
    });
    await using running = await RunningPod.start(plane, namespace, pod);
    assertEquals((await running.process.exit).code, 1);
    const [line] = running.process.lines;
    assertMatch(line!, /^error: Cannot make a folder for the guard's socket: /);
    assertStringIncludes(line!, "such as an emptyDir");
  },
});
