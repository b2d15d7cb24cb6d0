// The Role of the manifests: enough for a candidate, by the very requests of one, and no verb too many.
import { assertEquals } from "@std/assert";
import { missingVerbs, type Verb, VERBS } from "../../lib/kubernetes/access.ts";
import { Client } from "../../lib/kubernetes/client.ts";
import { fromKubeconfig } from "../../lib/kubernetes/kubeconfig.ts";
import { Leases } from "../../lib/kubernetes/leases.ts";
import { type Answer, type Lease, newLease } from "../../lib/lease.ts";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import { poll } from "../control_plane/supervisor.ts";
import { kubectl, MANIFESTS } from "./kubectl.ts";

const ignore = await controlPlaneOrSkip();
const controlPlane = sharedControlPlane();

const LEASE = "k8sensus-lease";
const LIMIT_MS = 30_000;
const GROUP = "/apis/coordination.k8s.io/v1";
const limit = () => AbortSignal.timeout(LIMIT_MS);

/** The account of the manifests, applied to a namespace of its own. */
class Account implements Disposable {
  private constructor(
    readonly plane: ControlPlane,
    readonly namespace: string,
    readonly token: string,
    readonly client: Client,
  ) {}

  static async applied(plane: ControlPlane, namespace: string): Promise<Account> {
    await plane.namespace(namespace);
    await kubectl(plane, "apply", "-k", MANIFESTS, "-n", namespace);
    const token = await plane.token(namespace, "k8sensus");
    const path = await plane.kubeconfigAt(plane.port, token, namespace);
    const account = new Account(plane, namespace, token, new Client(await fromKubeconfig(path)));
    await account.untilMissing([]);
    return account;
  }

  /** Leaves the Role with these verbs, and waits until the API server knows. */
  async restrictTo(verbs: readonly Verb[]): Promise<void> {
    const patch = JSON.stringify([{ op: "replace", path: "/rules/0/verbs", value: verbs }]);
    await kubectl(
      this.plane,
      "patch",
      "role/k8sensus",
      "-n",
      this.namespace,
      "--type=json",
      "-p",
      patch,
    );
    await this.untilMissing(VERBS.filter((verb) => !verbs.includes(verb)));
  }

  /** It reads Roles from a cache. */
  async untilMissing(verbs: readonly Verb[]): Promise<void> {
    const told = async () =>
      (await missingVerbs(this.client, this.namespace, LEASE, limit())).missing;
    const same = async () => (await told()).join() === verbs.join() || undefined;
    if (!await poll(LIMIT_MS, same)) assertEquals(await told(), verbs);
  }

  /** Deletes the Lease, as the administrator. */
  async deleteLease(): Promise<void> {
    await this.plane.request("DELETE", this.path(LEASE));
  }

  path(name = ""): string {
    return `${GROUP}/namespaces/${this.namespace}/leases${name && `/${name}`}`;
  }

  /** The status of a request that no candidate makes. */
  async status(method: string, path: string, body?: unknown): Promise<number> {
    return (await this.plane.request(method, path, body, { token: this.token })).status;
  }

  /** Which of the deeds of a candidate are refused on a Lease, after one another. */
  async refused(name = LEASE): Promise<string[]> {
    const { client, namespace } = this;
    const leases = new Leases(client, namespace, name);
    const refused: string[] = [];
    const note = (deed: string, answer: Answer) => {
      const forbidden = answer.kind === "refused" && answer.status === 403;
      if (forbidden) refused.push(deed);
      else assertEquals(answer.kind, "lease", `${deed}: ${JSON.stringify(answer)}`);
    };
    await this.deleteLease();
    note("create", await leases.write(newLease(namespace, name), limit()));
    // Where it could not be made, the others should not fail for want of it.
    await this.plane.request("POST", this.path(), { metadata: { name } });
    note("get", await leases.read(limit()));
    const { body } = await this.plane.request<Lease>("GET", this.path(name));
    body.spec = { holderIdentity: "somebody" };
    note("update", await leases.write(body, limit()));
    if (await this.watchIsForbidden(leases)) refused.push("watch");
    return refused;
  }

  async watchIsForbidden(leases: Leases): Promise<boolean> {
    const seen = new AbortController();
    const end = await leases.watch(undefined, seen.signal, ({ type }) => {
      if (type === "lease") seen.abort();
    });
    return end === "forbidden";
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

Deno.test({
  name: "the Role is enough for all that a candidate does to its Lease",
  ignore,
  async fn() {
    using account = await Account.applied(await controlPlane(), "enough");
    assertEquals(await account.refused(), []);
  },
});

Deno.test({
  name: "each verb of the Role is needed",
  ignore,
  async fn(t) {
    using account = await Account.applied(await controlPlane(), "needed");
    const refused: Readonly<Record<Verb, string[]>> = {
      get: ["get"],
      watch: ["watch"],
      create: ["create"],
      // The creation, too, is a PUT.
      update: ["create", "update"],
    };
    for (const verb of VERBS) {
      await t.step(`without ${verb}`, async () => {
        await account.restrictTo(VERBS.filter((other) => other !== verb));
        assertEquals(await account.refused(), refused[verb]);
      });
    }
  },
});

Deno.test({
  name: "the Role allows nothing else: no other Lease, no other verb, no other resource",
  ignore,
  async fn() {
    using account = await Account.applied(await controlPlane(), "no-more");
    const { namespace } = account;
    assertEquals(await account.refused("another"), ["create", "get", "update", "watch"]);
    const lease = account.path(LEASE);
    const core = `/api/v1/namespaces/${namespace}`;
    const others: [method: string, path: string, body?: unknown][] = [
      ["GET", account.path()],
      ["GET", `${account.path()}?fieldSelector=metadata.name%3D${LEASE}`],
      ["GET", `${account.path()}?watch=1&timeoutSeconds=1`],
      ["GET", `${GROUP}/leases`],
      ["GET", `${GROUP}/namespaces/default/leases/${LEASE}`],
      ["POST", account.path(), { metadata: { name: "posted" } }],
      ["PATCH", lease, {}],
      ["DELETE", lease],
      ["DELETE", account.path()],
      ["GET", `${core}/pods`],
      ["GET", `${core}/secrets`],
      ["GET", `${core}/configmaps`],
      ["POST", `${core}/events`, {}],
    ];
    for (const [method, path, body] of others) {
      assertEquals(await account.status(method, path, body), 403, `${method} ${path}`);
    }
  },
});
