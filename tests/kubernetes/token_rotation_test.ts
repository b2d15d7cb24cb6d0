// Tokens that are swapped, refused and expired under a running service, on a real API server.
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../lib/kubernetes/client.ts";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import { signToken } from "../control_plane/signed_token.ts";
import { withEnv } from "../support/env.ts";
import { MountedCandidate } from "../support/mounted.ts";
import { Petitioner } from "../support/petitioner.ts";
import { until } from "../support/until.ts";

const ignore = await controlPlaneOrSkip();
const controlPlane = sharedControlPlane();

/** The API server goes on for 10 s to take a token that it took before. */
const FLAGS = ["--lease-duration=6s"];
const ACCOUNT = "candidate";

/** A Pod, and a token that ends with it. */
async function podToken(plane: ControlPlane, namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const containers = [{ name: "c", image: "none" }];
  const { status, body } = await plane.request<{ metadata: { uid: string } }>("POST", path, {
    metadata: { name },
    spec: { containers, serviceAccountName: ACCOUNT },
  });
  assertEquals(status, 201);
  const boundObjectRef = { kind: "Pod", name, uid: body.metadata.uid } as const;
  return await plane.token(namespace, ACCOUNT, { boundObjectRef });
}

async function deletePod(plane: ControlPlane, namespace: string, name: string): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}?gracePeriodSeconds=0`;
  assertEquals((await plane.request("DELETE", path)).status, 200);
}

/** Waits until the API server has refused the token of the leader. */
async function refused(candidate: MountedCandidate): Promise<void> {
  await candidate.process.event("renew-failed", {
    where: ({ msg }) => String(msg).includes("answered 401"),
  });
}

Deno.test({
  name: "the token is swapped, and the Pod of the old one deleted: leadership is kept",
  ignore,
  async fn() {
    const plane = await controlPlane();
    await plane.serviceAccount("swapped", ACCOUNT);
    const token = await podToken(plane, "swapped", "old");
    await using candidate = await MountedCandidate.start(plane, "swapped", token, FLAGS);
    await candidate.process.event("elected");
    await candidate.mount.rotate({ token: await podToken(plane, "swapped", "new") });
    await deletePod(plane, "swapped", "old");
    await refused(candidate);
    await candidate.renews(3);
    assertEquals([candidate.count("elected"), candidate.count("lost")], [1, 0]);
    assertEquals(candidate.count("renew-failed"), 1, "the new token was read at once");
  },
});

Deno.test({
  name: "the token expires with the next one in its place: leadership is kept",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const { token: next } = await plane.serviceAccount("expired", ACCOUNT);
    const token = await signToken(plane, "expired", ACCOUNT, 8_000);
    await using candidate = await MountedCandidate.start(plane, "expired", token, FLAGS);
    await candidate.process.event("elected");
    await candidate.mount.rotate({ token: next });
    await refused(candidate);
    await candidate.renews(3);
    assertEquals([candidate.count("elected"), candidate.count("lost")], [1, 0]);
  },
});

Deno.test({
  name:
    "the token expires and none comes: the leader stops by its fence, and leads again when one has come",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const { token: next } = await plane.serviceAccount("dry", ACCOUNT);
    const token = await signToken(plane, "dry", ACCOUNT, 8_000);
    await using candidate = await MountedCandidate.start(plane, "dry", token, FLAGS);
    const { process } = candidate;
    const { address } = await process.event("listening");
    await process.event("elected");
    assertEquals(await askLeader(address), [200, true]);
    await refused(candidate);
    const { reason } = await process.event("lost");
    assertEquals(reason, "expired");
    assertEquals(await askLeader(address), [503, false]);
    const before = await candidate.lease();
    await candidate.mount.rotate({ token: next });
    await process.event("elected");
    assertEquals(await askLeader(address), [200, true]);
    const after = await candidate.lease();
    assertEquals(after.leaseTransitions, before.leaseTransitions! + 1, "nothing was released");
  },
});

Deno.test({
  name: "a follower whose token expired while it had nothing to say takes over with the next one",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const { token: next } = await plane.serviceAccount("idle", ACCOUNT);
    await using leader = await MountedCandidate.start(plane, "idle", next, [
      ...FLAGS,
      "--identity=leader",
    ]);
    await leader.process.event("elected");
    const token = await signToken(plane, "idle", ACCOUNT, 3_000);
    await using follower = await MountedCandidate.start(plane, "idle", token, [
      ...FLAGS,
      "--identity=follower",
    ]);
    await follower.process.event("new-leader", { where: (line) => line.leader === "leader" });
    const path = "/apis/coordination.k8s.io/v1/namespaces/idle/leases/x";
    await until("the token has expired", async () => {
      return (await plane.request("GET", path, undefined, { token })).status === 401;
    });
    await follower.mount.rotate({ token: next });
    leader.process.signal("SIGTERM");
    await leader.process.event("released");
    await follower.process.event("elected");
    assert(follower.count("acquire-failed") <= 1, "the new token was read at once");
  },
});

Deno.test({
  name: "in a pod: the mounted token is swapped, and the old one refused: leadership is kept",
  ignore,
  async fn() {
    const plane = await controlPlane();
    await plane.serviceAccount("pod", ACCOUNT);
    const token = await podToken(plane, "pod", "old");
    const directory = await Deno.makeTempDir({ dir: plane.dir, prefix: "mount-" });
    const mount = await plane.mountServiceAccount(directory, { namespace: "pod", token });
    const [host, port] = ["127.0.0.1", String(plane.port)];
    await withEnv({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port }, async () => {
      const client = Client.inCluster({ directory });
      assertEquals(client.namespace, "pod");
      await using a = new Petitioner(client, { leaseDurationMs: 6_000 });
      await until("it leads", () => a.leads);
      await mount.rotate({ token: await podToken(plane, "pod", "new") });
      await deletePod(plane, "pod", "old");
      const path = "/apis/coordination.k8s.io/v1/namespaces/pod/leases/x";
      const asked = async () => (await plane.request("GET", path, undefined, { token })).status;
      await until("the old token is refused", async () => await asked() === 401);
      const renewed = async () => {
        const { body } = await plane.request<{ spec: { renewTime: string } }>("GET", path);
        return body.spec.renewTime;
      };
      for (let i = 0; i < 3; i++) {
        const last = await renewed();
        await until("a renewal", async () => await renewed() !== last);
      }
      assert(a.leads);
      assertEquals(a.terms.length, 1);
    });
  },
});

/** What `/leader` answers. */
async function askLeader(address: unknown): Promise<[status: number, isLeader: boolean]> {
  const response = await fetch(`http://${address}/leader`);
  return [response.status, (await response.json()).isLeader];
}
