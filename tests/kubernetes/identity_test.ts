// As whom a real API server knows the holder of a kubeconfig.
import { assertEquals, assertRejects } from "@std/assert";
import { RequestFailed } from "../../lib/errors.ts";
import { Client } from "../../lib/kubernetes/client.ts";
import { fromKubeconfig } from "../../lib/kubernetes/kubeconfig.ts";
import { writeCertificate } from "../control_plane/certificates.ts";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { config, files } from "../support/kubeconfig_files.ts";

const ignore = await controlPlaneOrSkip();
const controlPlane = sharedControlPlane();

const LIMIT_MS = 30_000;

/** The name by which the API server knows this client. */
async function whoami(client: Client): Promise<string> {
  const group = "authentication.k8s.io/v1";
  const { json } = await client.request({
    method: "POST",
    path: `/apis/${group}/selfsubjectreviews`,
    body: { apiVersion: group, kind: "SelfSubjectReview" },
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  return (json as { status: { userInfo: { username: string } } }).status.userInfo.username;
}

/** A certificate for a user, signed by the authority of the cluster. */
function certify(plane: ControlPlane, user: string): Promise<{ cert: string; key: string }> {
  return writeCertificate(plane.dir, "ca", user, { subject: `/O=people/CN=${user}` });
}

function clusterOf(plane: ControlPlane) {
  return { server: plane.url, "certificate-authority-data": btoa(plane.ca) };
}

Deno.test({
  name: "a client certificate, in the kubeconfig or in files, also after they have been swapped",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const [ann, bob] = [await certify(plane, "ann"), await certify(plane, "bob")];
    const cluster = clusterOf(plane);
    const data = {
      "client-certificate-data": btoa(ann.cert),
      "client-key-data": btoa(ann.key),
    };
    const paths = { "client-certificate": "pki/me.crt", "client-key": "pki/me.key" };
    await using at = await files({
      "data": config({ cluster, user: data }),
      "files": config({ cluster, user: paths }),
      "pki/me.crt": ann.cert,
      "pki/me.key": ann.key,
    });
    await using fixed = new Client(await fromKubeconfig(at.path("data")));
    assertEquals(await whoami(fixed), "ann");
    const clock = new FakeClock();
    await using swapped = new Client(await fromKubeconfig(at.path("files"), { clock }), clock);
    assertEquals(await whoami(swapped), "ann");
    await Deno.writeTextFile(at.path("pki/me.crt"), bob.cert);
    await Deno.writeTextFile(at.path("pki/me.key"), bob.key);
    assertEquals(await whoami(swapped), "ann");
    clock.advance(60_000);
    assertEquals(await whoami(swapped), "bob");
  },
});

Deno.test({
  name: "a plugin that gives a certificate, then a token, then another certificate",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const [ann, bob] = [await certify(plane, "ann"), await certify(plane, "bob")];
    const { token } = await plane.serviceAccount("identity", "candidate");
    const apiVersion = "client.authentication.k8s.io/v1";
    const exec = { apiVersion, command: "cat", args: [] as string[], interactiveMode: "Never" };
    const printed = (status: unknown) =>
      JSON.stringify({ apiVersion, kind: "ExecCredential", status });
    const certificate = ({ cert, key }: { cert: string; key: string }) =>
      printed({ clientCertificateData: cert, clientKeyData: key });
    await using at = await files({ "output": certificate(ann) });
    exec.args.push(at.path("output"));
    await Deno.writeTextFile(
      at.path("config"),
      config({ cluster: clusterOf(plane), user: { exec } }),
    );
    const clock = new FakeClock();
    const cluster = await fromKubeconfig(at.path("config"), { clock });
    await using client = new Client(cluster, clock);
    assertEquals(await whoami(client), "ann");
    const next: [output: string, name: string][] = [
      [printed({ token }), "system:serviceaccount:identity:candidate"],
      [certificate(bob), "bob"],
    ];
    for (const [output, name] of next) {
      await Deno.writeTextFile(at.path("output"), output);
      clock.advance(60_000);
      cluster.credentials.expire(true);
      assertEquals(await whoami(client), name);
    }
  },
});

Deno.test({
  name: "a server by the name in its certificate, with a client certificate",
  ignore,
  async fn() {
    const plane = await controlPlane();
    const { cert, key } = await certify(plane, "carl");
    const user = { "client-certificate-data": btoa(cert), "client-key-data": btoa(key) };
    const named = (name: string) => ({ ...clusterOf(plane), "tls-server-name": name });
    await using at = await files({
      "right": config({ cluster: named("kubernetes.default.svc"), user }),
      "wrong": config({ cluster: named("kubernetes.example"), user }),
    });
    await using right = new Client(await fromKubeconfig(at.path("right")));
    assertEquals(await whoami(right), "carl");
    await using wrong = new Client(await fromKubeconfig(at.path("wrong")));
    await assertRejects(() => whoami(wrong), RequestFailed, "invalid peer certificate");
  },
});
