// Missing permissions, as a real API server with RBAC has them.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Verb, VERBS } from "../../lib/kubernetes/access.ts";
import { Client } from "../../lib/kubernetes/client.ts";
import { fromKubeconfig } from "../../lib/kubernetes/kubeconfig.ts";
import { compareTokens } from "../../lib/token.ts";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import { Petitioner } from "../support/petitioner.ts";
import { until } from "../support/until.ts";
import { TestProcess } from "../support/processes.ts";

const ignore = await controlPlaneOrSkip();
const controlPlane = sharedControlPlane();

/** Rights to one Lease, as the manifests give them. */
function rules(verbs: readonly Verb[]) {
  return [{
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    resourceNames: ["x"],
    verbs,
  }];
}

/** An account with these rights, and a candidate that has it. */
async function candidate(plane: ControlPlane, namespace: string, verbs: readonly Verb[]) {
  const { kubeconfig } = await plane.serviceAccount(namespace, "candidate", rules(verbs));
  const client = new Client(await fromKubeconfig(kubeconfig));
  return new Petitioner(client, { leaseDurationMs: 3_000 });
}

/** Gives the account these rights in place of those that it has. */
async function grant(plane: ControlPlane, namespace: string, verbs: readonly Verb[]) {
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles/candidate`;
  const role = { metadata: { name: "candidate" }, rules: rules(verbs) };
  assertEquals((await plane.request("PUT", path, role)).status, 200);
}

const without = (verb: Verb) => VERBS.filter((other) => other !== verb);

async function leaseExists(plane: ControlPlane, namespace: string): Promise<boolean> {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/x`;
  return (await plane.request("GET", path)).status === 200;
}

for (const missing of VERBS) {
  Deno.test({
    name:
      `real: without ${missing}: it says so, is not ready, writes nothing, and goes on when it is granted`,
    ignore,
    async fn() {
      const plane = await controlPlane();
      const namespace = `without-${missing}`;
      await using a = await candidate(plane, namespace, without(missing));
      const story = await a.says("not allowed");
      assertStringIncludes(
        story,
        `not allowed to ${missing} leases.coordination.k8s.io "x" in namespace "${namespace}"`,
      );
      assertEquals(await a.ready(), `503 not allowed to ${missing} the Lease ${namespace}/x`);
      assertEquals(await leaseExists(plane, namespace), false);
      assertEquals(a.terms, []);
      await grant(plane, namespace, VERBS);
      await until("it leads", () => a.leads);
      assertEquals(await a.ready(), "200 ok");
    },
  });
}

Deno.test({
  name: "real: the right to update taken away from the leader, and given back",
  ignore,
  async fn() {
    const plane = await controlPlane();
    await using a = await candidate(plane, "taken", VERBS);
    await until("it leads", () => a.leads);
    await grant(plane, "taken", without("update"));
    const first = a.terms[0]!;
    await until("the term is over", () => first.signal.aborted);
    assertEquals(first.signal.reason.reason, "forbidden");
    await a.says("not allowed to update");
    assertEquals(await a.ready(), "503 not allowed to update the Lease taken/x");
    await grant(plane, "taken", VERBS);
    await until("it leads again", () => a.leads);
    assert(compareTokens(a.terms[1]!.token, first.token) > 0);
  },
});

Deno.test({
  name: "real: where nobody may ask for permissions, they are found out by trying",
  ignore,
  async fn(t) {
    const plane = await controlPlane();
    for (const there of [false, true]) {
      for (const missing of [...VERBS, undefined]) {
        // Whether one may create shows when there is something to create.
        if (missing === "create" && there) continue;
        const name = `${missing ?? "nothing"} missing, ${there ? "a" : "no"} Lease`;
        await t.step(name, async () => {
          const namespace = `try-${missing ?? "none"}-${there}`;
          const verbs = missing === undefined ? VERBS : without(missing);
          const { kubeconfig } = await plane.serviceAccount(namespace, "candidate", rules(verbs));
          const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
          if (there) await plane.request("POST", path, { metadata: { name: "x" } });
          await using _ = await withoutReviews(plane);
          const client = new Client(await fromKubeconfig(kubeconfig));
          await using a = new Petitioner(client, { leaseDurationMs: 3_000 });
          if (missing !== undefined) {
            await a.says(`not allowed to ${missing} leases`);
            const reason = `not allowed to ${missing} the Lease ${namespace}/x`;
            assertEquals(await a.ready(), `503 ${reason}`);
            assertEquals(await leaseExists(plane, namespace), there);
            await grant(plane, namespace, VERBS);
          }
          await until("it leads", () => a.leads);
        });
      }
    }
  },
});

/** Takes the right to ask for permissions from everybody. */
async function withoutReviews(plane: ControlPlane): Promise<AsyncDisposable> {
  const path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:basic-user";
  const { body } = await plane.request<{ subjects?: unknown }>("GET", path);
  assertEquals((await plane.request("PATCH", path, { subjects: null })).status, 200);
  return {
    async [Symbol.asyncDispose]() {
      await plane.request("PATCH", path, { subjects: body.subjects });
    },
  };
}

Deno.test({
  name:
    "real: the service says over HTTP why it is not ready, and the Role in its log is all it needs",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const events = [{ apiGroups: [""], resources: ["events"], verbs: ["create"] }];
    const { kubeconfig } = await plane.serviceAccount("nothing", "candidate", events);
    await using process = await TestProcess.deno("lib/cli/main.ts", {
      args: [
        ...["start", "--kubeconfig", kubeconfig, "--lease-name=daily.reports"],
        ...["--lease-duration=3s", "--listen=127.0.0.1:0", "--log-format=json", "--trust-unheld"],
      ],
    });
    const { address } = await process.event("listening");
    const { msg } = await process.event("preflight");
    const ready = async () => {
      const response = await fetch(`http://${address}/readyz`);
      return `${response.status} ${(await response.text()).trim()}`;
    };
    assertEquals(
      await ready(),
      "503 not allowed to get, watch, create, update the Lease nothing/daily.reports",
    );
    const role = JSON.parse(String(msg).replace(/^[^{]*/, ""));
    const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/nothing";
    const made = await plane.request("POST", `${rbac}/roles`, role);
    assertEquals(made.status, 201, JSON.stringify(made.body));
    await plane.request("POST", `${rbac}/rolebindings`, {
      metadata: { name: "printed" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
      subjects: [{ kind: "ServiceAccount", name: "candidate", namespace: "nothing" }],
    });
    await process.event("elected");
    assertEquals(await ready(), "200 ok");
  },
});
