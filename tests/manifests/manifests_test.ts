// The manifests as a platform team meets them: applied by kubectl to a real API server, with RBAC and Pod
// Security on.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { parse } from "yaml";
import { parseStart } from "../../lib/cli/flags.ts";
import { roleFor, VERBS } from "../../lib/kubernetes/access.ts";
import { makeTiming } from "../../lib/timing.ts";
import { MOUNT_ACCOUNTS } from "../control_plane/commands.ts";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import { poll } from "../control_plane/supervisor.ts";
import { asAdministrator, built, kubectl, type KubeObject, MANIFESTS } from "./kubectl.ts";
import { patchDeployment, writeOverlay } from "./overlay.ts";
import { createPod, type Deployment, type PodSpec, readDeployment } from "./pod.ts";

const ignore = await controlPlaneOrSkip();
// Privileged Pods are for Pod Security to refuse; without the flag the API server itself does.
const controlPlane = sharedControlPlane({ flags: [MOUNT_ACCOUNTS, "--allow-privileged=true"] });
const LIMIT_MS = 30_000;

/** A namespace with the strictest level of Pod Security, which also warns of what it would refuse. */
async function restricted(plane: ControlPlane, name: string): Promise<string> {
  const level = "pod-security.kubernetes.io";
  const labels = { [`${level}/enforce`]: "restricted", [`${level}/warn`]: "restricted" };
  const { status } = await plane.request("POST", "/api/v1/namespaces", {
    metadata: { name, labels },
  });
  assertEquals(status, 201);
  return name;
}

/** One of the objects. */
function only<Spec>(objects: readonly KubeObject[], kind: string): KubeObject<Spec> {
  const found = objects.filter((object) => object.kind === kind);
  assertEquals(found.length, 1, kind);
  return found[0] as KubeObject<Spec>;
}

/** The words for the objects in the output of kubectl, sorted. */
function objectsIn(output: string, state: string): string[] {
  const lines = output.trim().split("\n");
  for (const line of lines) assertStringIncludes(line, state);
  return lines.map((line) => line.split(/[ "]/)[0]!).sort();
}

const OBJECTS = [
  "deployment.apps/k8sensus",
  "poddisruptionbudget.policy/k8sensus",
  "role.rbac.authorization.k8s.io/k8sensus",
  "rolebinding.rbac.authorization.k8s.io/k8sensus",
  "serviceaccount/k8sensus",
];

Deno.test({
  name: "the manifests can be tried, applied and applied again, and change nothing the second time",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const namespace = await restricted(plane, "applied");
    const apply = (...more: string[]) =>
      kubectl(plane, "apply", "-k", MANIFESTS, "-n", namespace, ...more);
    const versions = async () => {
      const kinds = "sa,role,rolebinding,deployment,pdb";
      const list = JSON.parse(await kubectl(plane, "get", kinds, "-n", namespace, "-o", "json"));
      return list.items.map(({ kind, metadata }: KubeObject) =>
        `${kind} ${metadata.uid} ${metadata.resourceVersion}`
      );
    };
    assertEquals(objectsIn(await apply("--dry-run=server"), "created (server dry run)"), OBJECTS);
    assertEquals(await versions(), []);
    assertEquals(objectsIn(await apply(), "created"), OBJECTS);
    const before = await versions();
    assertEquals(before.length, OBJECTS.length);
    await apply();
    assertEquals(await versions(), before);
  },
});

Deno.test({
  name:
    "deno task apply and deno task clean bring the objects and take them away, but not the Lease",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const namespace = await restricted(plane, "tasks");
    const task = async (name: string) => {
      const outcome = await asAdministrator(plane, "deno", "task", "-q", name, "-n", namespace);
      assert(outcome.success, outcome.stderr);
      return outcome.stdout;
    };
    assertEquals(objectsIn(await task("apply"), "created"), OBJECTS);
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    await plane.request("POST", leases, { metadata: { name: "k8sensus-lease" } });
    await task("clean");
    const left = await kubectl(
      plane,
      "get",
      "deployment,pdb,role,rolebinding,lease",
      "-o=name",
      "-n",
      namespace,
    );
    assertEquals(left, "lease.coordination.k8s.io/k8sensus-lease\n");
  },
});

Deno.test({
  name: "the manifests agree with each other and with the program",
  ignore,
  async fn() {
    const objects = await built(await controlPlane());
    const deployment = only<Deployment["spec"]>(objects, "Deployment").spec;
    const { metadata: { labels }, spec } = deployment.template;
    const [container] = spec.containers;
    const [command, ...flags] = container.args;
    const env: Record<string, string> = { POD_NAME: "k8sensus-1" };
    const settings = parseStart(flags, { env: (name) => env[name] });

    assertEquals(command, "start");
    assertEquals(container.command, undefined, "the image's init stays the entry point");
    assertEquals(container.image, `k8sensus:${config.version}`);
    assertEquals(labels["app.kubernetes.io/version"], config.version);
    assertEquals(
      container.env.map(({ name, valueFrom }) => [name, valueFrom?.fieldRef?.fieldPath]),
      [
        ["POD_NAME", "metadata.name"],
        ["POD_UID", "metadata.uid"],
      ],
    );

    const role = only(objects, "Role") as unknown as { rules: [{ verbs: string[] }] };
    assertEquals(role.rules, parse(roleFor("any", settings.leaseName)).rules);
    assertEquals(role.rules[0].verbs, [...VERBS]);
    assertEquals(spec.serviceAccountName, only(objects, "ServiceAccount").metadata.name);

    assertEquals(container.ports.map(({ name }) => name), ["http"]);
    assertEquals(settings.listen, { hostname: undefined, port: container.ports[0]!.containerPort });
    const { startupProbe, readinessProbe, livenessProbe } = container;
    assertEquals(
      [startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet),
      ["/livez", "/readyz", "/livez"].map((path) => ({ path, port: "http" })),
    );

    const { drainMs, fenceMs, leaseDurationMs } = makeTiming(settings);
    const spareMs = spec.terminationGracePeriodSeconds * 1_000 - drainMs;
    assert(spareMs >= fenceMs && spareMs >= leaseDurationMs + 5_000);

    const { selector } = only<{ selector: unknown }>(objects, "PodDisruptionBudget").spec;
    assertEquals(selector, deployment.selector);
    assertEquals(spec.topologySpreadConstraints[0]!.labelSelector, deployment.selector);
    for (const [name, value] of Object.entries(deployment.selector.matchLabels)) {
      assertEquals(labels[name], value);
    }
    assert(!JSON.stringify(objects).includes('"namespace"'), "the namespace is the user's");
  },
});

Deno.test({
  name: "a kustomization of the user's changes namespace, image and Lease",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const namespace = await restricted(plane, "overlaid");
    const overlay = await writeOverlay(plane, {
      namespace,
      images: [{ name: "k8sensus", newName: "registry.example/elect/k8sensus", newTag: "9" }],
      patches: [
        patchDeployment({
          op: "replace",
          path: "/spec/template/spec/containers/0/args/1",
          value: "--lease-name=reports",
        }),
        {
          target: { kind: "Role" },
          patch: '[{"op": "replace", "path": "/rules/0/resourceNames/0", "value": "reports"}]',
        },
      ],
    });
    await kubectl(plane, "apply", "-k", overlay);
    const { spec } = (await readDeployment(plane, namespace)).spec.template;
    assertEquals(spec.containers[0].image, "registry.example/elect/k8sensus:9");
    assertEquals(spec.containers[0].args[1], "--lease-name=reports");
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings/k8sensus`;
    const { body } = await plane.request<{ subjects: unknown[] }>("GET", path);
    assertEquals(body.subjects, [{ kind: "ServiceAccount", name: "k8sensus", namespace }]);
  },
});

/** What Pod Security must not let through: it shows that the level is on, and each field of use. */
const INSECURE: Readonly<Record<string, (spec: PodSpec) => void>> = {
  "a privileged container": ({ containers: [{ securityContext }] }) => {
    securityContext.privileged = securityContext.allowPrivilegeEscalation = true;
  },
  "privilege escalation": ({ containers: [{ securityContext }] }) => {
    delete securityContext.allowPrivilegeEscalation;
  },
  "the usual capabilities": ({ containers: [{ securityContext }] }) => {
    delete securityContext.capabilities;
  },
  "no seccomp profile": ({ securityContext }) => delete securityContext.seccompProfile,
  "any user": ({ securityContext }) => delete securityContext.runAsNonRoot,
  "root": ({ securityContext }) => securityContext.runAsUser = 0,
  "the network of the node": (spec) => spec.hostNetwork = true,
  "a folder of the node": (spec) => {
    spec.volumes = [{ name: "root", hostPath: { path: "/" } }];
  },
};

Deno.test({
  name: 'a Pod of the Deployment is let into a namespace of level "restricted", a laxer one is not',
  ignore,
  async fn(t) {
    const plane = await controlPlane();
    const namespace = await restricted(plane, "strict");
    await kubectl(plane, "apply", "-k", MANIFESTS, "-n", namespace);
    const pod = await createPod(plane, namespace, "as-it-is");
    assert(typeof pod !== "string", String(pod));
    for (const [name, change] of Object.entries(INSECURE)) {
      await t.step(`not with ${name}`, async () => {
        const answer = await createPod(plane, namespace, "insecure", change);
        assertMatch(String(answer), /violates PodSecurity "restricted:latest"/);
      });
    }
  },
});

Deno.test({
  name: "the FlowSchema puts the candidates' requests among those of leader elections",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const namespace = await restricted(plane, "flow");
    const overlay = await writeOverlay(plane, {
      namespace,
      components: ["flow-schema"],
      patches: [{
        target: { kind: "FlowSchema", name: "k8sensus" },
        patch: JSON.stringify([{
          op: "replace",
          path: "/spec/rules/0/subjects/0/serviceAccount/namespace",
          value: namespace,
        }]),
      }],
    });
    const flowOf = async (account: string) => {
      const headers = { authorization: `Bearer ${await plane.token(namespace, account)}` };
      using client = Deno.createHttpClient({ caCerts: [plane.ca] });
      const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/k8sensus-lease`;
      const answer = await fetch(plane.url + path, { headers, client });
      await answer.text();
      return answer.headers.get("x-kubernetes-pf-prioritylevel-uid");
    };
    const levels =
      "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/leader-election";
    const { body: level } = await plane.request<KubeObject>("GET", levels);
    await kubectl(plane, "apply", "-k", overlay);
    await plane.serviceAccount(namespace, "somebody-else");
    const matches = async (account: string) => await flowOf(account) === level.metadata.uid;
    assert(await poll(LIMIT_MS, async () => await matches("k8sensus") || undefined));
    assert(!await matches("somebody-else"));
  },
});
