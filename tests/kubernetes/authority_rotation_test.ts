// The authority of the API server is replaced under a running service.
import { assertEquals } from "@std/assert";
import { Client } from "../../lib/kubernetes/client.ts";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import { withEnv } from "../support/env.ts";
import { MountedCandidate } from "../support/mounted.ts";
import { Petitioner } from "../support/petitioner.ts";
import { pause, until } from "../support/until.ts";

const ignore = await controlPlaneOrSkip();
const controlPlane = sharedControlPlane();

/** The API server is down for some seconds while it restarts; the fence must be beyond that. */
const FLAGS = ["--lease-duration=30s"];

Deno.test({
  name:
    "a bundle of both authorities, then the server's certificate, then the new one alone: leadership is kept",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const { token } = await plane.serviceAccount("before", "candidate");
    await using candidate = await MountedCandidate.start(plane, "before", token, FLAGS);
    await candidate.process.event("elected");
    const old = plane.ca;
    const next = await plane.newAuthority("next");
    await candidate.mount.rotate({ ca: old + next });
    await plane.changeAuthority("next");
    await candidate.renews(2);
    await candidate.mount.rotate({ ca: next });
    await plane.restart();
    await candidate.renews(2);
    assertEquals([candidate.count("elected"), candidate.count("lost")], [1, 0]);
  },
});

Deno.test({
  name: "the server's certificate first, the bundle some seconds later: leadership is kept",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const { token } = await plane.serviceAccount("after", "candidate");
    await using candidate = await MountedCandidate.start(plane, "after", token, FLAGS);
    await candidate.process.event("elected");
    const next = await plane.newAuthority("later");
    await plane.changeAuthority("later");
    const before = (await candidate.lease()).renewTime;
    await pause(3_000);
    assertEquals((await candidate.lease()).renewTime, before, "it does not know the server");
    await candidate.mount.rotate({ ca: next });
    await candidate.renews(2);
    assertEquals([candidate.count("elected"), candidate.count("lost")], [1, 0]);
  },
});

Deno.test({
  name: "in a pod: the authority that is known only to the new bundle is believed, with no restart",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const account = await plane.serviceAccount("pod", "candidate");
    const directory = await Deno.makeTempDir({ dir: plane.dir, prefix: "mount-" });
    const mount = await plane.mountServiceAccount(directory, account);
    const [host, port] = ["127.0.0.1", String(plane.port)];
    await withEnv({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port }, async () => {
      const client = Client.inCluster({ directory });
      await using a = new Petitioner(client, { leaseDurationMs: 30_000 });
      await until("it leads", () => a.leads);
      const next = await plane.newAuthority("pods");
      await plane.changeAuthority("pods");
      await mount.rotate({ ca: next });
      const path = "/apis/coordination.k8s.io/v1/namespaces/pod/leases/x";
      const renewed = async () => {
        const { body } = await plane.request<{ spec: { renewTime: string } }>("GET", path);
        return body.spec.renewTime;
      };
      const last = await renewed();
      await until("a renewal", async () => await renewed() !== last);
      assertEquals([a.leads, a.terms.length], [true, 1]);
    });
  },
});
