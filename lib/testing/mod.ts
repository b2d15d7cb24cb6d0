/**
 * An API server for Leases inside your tests: no cluster, no container, the same answers.
 *
 * It speaks HTTP as kube-apiserver does on `coordination.k8s.io/v1` Leases: reads, writes with optimistic
 * concurrency, merge patches, watches with bookmarks and initial events, refusals in the same words. One
 * suite of conformance tests runs against it and against a real kube-apiserver. Beyond that it can be
 * told to fail: hold, refuse, lose or repeat any request, before or after it takes effect; silence or end
 * watches; forget its history; go back to an earlier state.
 *
 * ```ts
 * import { ApiServer, CUT } from "@k8sensus/k8sensus/testing";
 *
 * await using server = new ApiServer();
 *
 * // The write takes effect, its answer never arrives.
 * server.after = ({ verb }) => (verb === "update" ? CUT : undefined);
 *
 * const url = `${server.url}/apis/coordination.k8s.io/v1/namespaces/default/leases/mine`;
 * const body = JSON.stringify({ metadata: { name: "mine" }, spec: { holderIdentity: "me" } });
 * const headers = { "content-type": "application/json" };
 * const outcome = await fetch(url, { method: "PUT", headers, body })
 *   .then((answer) => answer.text())
 *   .catch(() => "unknown");
 *
 * if (outcome !== "unknown") throw new Error("it was answered");
 * if (server.leases.get("default", "mine")?.spec.holderIdentity !== "me") throw new Error("not done");
 * if (server.requests.filter(({ verb }) => verb === "update").length !== 1) throw new Error("not one");
 * ```
 *
 * What it does not do, it refuses: bodies in YAML or protobuf, other patch types (415), `dryRun`, `continue`
 * and `resourceVersionMatch=Exact` (501), label selectors that compare numbers (400). Lists ignore `limit`.
 * What is no JSON is complained of in the words of this runtime; `15.0` is taken for `15`, and two fields of
 * one name bring no warning. `managedFields` are absent, `ownerReferences` and `finalizers` are stored and mean nothing. A version
 * that has not been reached is refused at once, where the real server waits for it for three seconds.
 *
 * @module
 */
export {
  type Allow,
  ApiServer,
  type ApiServerOptions,
  CUT,
  type Interception,
  LOST,
} from "./api_server.ts";
export type { Access } from "./access.ts";
export { refusal, type RefusalOptions } from "./answer.ts";
export type { ApiRequest, RequestRecord } from "./api_request.ts";
export {
  LeaseStore,
  type LeaseStoreOptions,
  type Outcome,
  type Preconditions,
  type Snapshot,
  type StoreEvent,
  type WriteOptions,
} from "./lease_store.ts";
export type { Status, StatusCause, StatusDetails } from "./status.ts";
export type { Lease, LeaseSpec, ObjectMeta } from "../lease.ts";
export { type Clock, type Instant, systemClock } from "../clock.ts";
export { ConfigError, K8sensusError } from "../errors.ts";
