/**
 * The service as a process with credentials in files that are swapped under it, as kubelet does: a
 * kubeconfig names the files of a mounted service account.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { ControlPlane } from "../control_plane/control_plane.ts";
import type { ServiceAccountMount } from "../control_plane/mount.ts";
import { until } from "./until.ts";
import { TestProcess } from "./processes.ts";

/** The Lease, as much of it as matters here. */
export interface LeaseState {
  readonly holderIdentity?: string;
  readonly leaseTransitions?: number;
  readonly renewTime?: string;
}

/** One candidate and the folder in which its credentials lie. */
export class MountedCandidate implements AsyncDisposable {
  readonly mount: ServiceAccountMount;
  readonly process: TestProcess;
  readonly #plane: ControlPlane;
  readonly #namespace: string;

  private constructor(
    plane: ControlPlane,
    namespace: string,
    mount: ServiceAccountMount,
    process: TestProcess,
  ) {
    this.#plane = plane;
    this.#namespace = namespace;
    this.mount = mount;
    this.process = process;
  }

  /** Mounts the account of this namespace with a token, and starts the service with it. */
  static async start(
    plane: ControlPlane,
    namespace: string,
    token: string,
    flags: readonly string[],
  ): Promise<MountedCandidate> {
    const dir = await Deno.makeTempDir({ dir: plane.dir, prefix: "mount-" });
    const mount = await plane.mountServiceAccount(`${dir}/serviceaccount`, { namespace, token });
    const cluster = { server: plane.url, "certificate-authority": "serviceaccount/ca.crt" };
    await Deno.writeTextFile(
      `${dir}/kubeconfig`,
      JSON.stringify({
        "current-context": "c",
        contexts: [{ name: "c", context: { cluster: "k", user: "u", namespace } }],
        clusters: [{ name: "k", cluster }],
        users: [{ name: "u", user: { tokenFile: "serviceaccount/token" } }],
      }),
    );
    const process = await TestProcess.deno("lib/cli/main.ts", {
      args: [
        ...["start", "--kubeconfig", `${dir}/kubeconfig`, "--lease-name=x", "--trust-unheld"],
        ...["--listen=127.0.0.1:0", "--log-format=json", ...flags],
      ],
    });
    return new MountedCandidate(plane, namespace, mount, process);
  }

  /** What stands in the Lease. */
  async lease(): Promise<LeaseState> {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${this.#namespace}/leases/x`;
    return (await this.#plane.request<{ spec: LeaseState }>("GET", path)).body.spec;
  }

  /** Waits for this many renewals, and makes sure that they belong to one term. */
  async renews(times: number): Promise<void> {
    const first = await this.lease();
    let last = first;
    for (let seen = 0; seen < times;) {
      await until("a renewal", async () => {
        const now = await this.lease();
        const renewed = now.renewTime !== last.renewTime;
        last = now;
        return renewed;
      });
      seen++;
    }
    assertEquals(
      [last.holderIdentity, last.leaseTransitions],
      [first.holderIdentity, first.leaseTransitions],
      "the same term",
    );
  }

  /** Events of its log so far, by name. */
  count(event: string): number {
    return this.process.log.filter((line) => line.event === event).length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]();
  }
}
