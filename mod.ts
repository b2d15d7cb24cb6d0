/**
 * Leader election for Kubernetes that can be trusted.
 *
 * Programs run in several replicas, and some work may be done by only one of them at a time. An
 * {@linkcode Elector} contends for a Lease; while it holds it, it runs your work in a
 * {@linkcode Term}, whose `signal` aborts before anyone else can lead, whose `check()` looks at the
 * clock right before an act, and whose `token` lets the resource itself refuse a leader of the past.
 *
 * What it promises, and what no software can promise, stands in `docs/safety.md`: in short, at most one
 * leader acts at any time as long as clocks *run* at rates within 1/12 of the true one, whatever they
 * show; a paused hypervisor stops every clock of the guest, and there only the token helps.
 *
 * @example
 * ```ts
 * import { Elector } from "@k8sensus/k8sensus";
 *
 * export async function sendReports(): Promise<void> {
 *   await using elector = new Elector({ leaseName: "reports" });
 *   await elector.run(async (term) => {
 *     while (!term.signal.aborted) {
 *       term.check();
 *       const headers = { "fencing-token": term.token };
 *       await fetch("https://reports.example", { method: "POST", headers, signal: term.signal });
 *     }
 *   });
 * }
 * ```
 *
 * The way from here to the wire: `lib/elector.ts` is what you call; `lib/election.ts` is the protocol,
 * a pure machine; `lib/driver.ts` carries out what the machine says; `lib/kubernetes/` speaks to the
 * API server.
 *
 * @module
 */
export { Elector } from "./lib/elector.ts";
export type {
  ElectorOptions,
  ElectorStatus,
  HolderChange,
  WaitOptions,
} from "./lib/elector_options.ts";
export type { Term } from "./lib/term.ts";
export { CLOCK_RATE_ERROR, makeTiming, type Timing, type TimingOptions } from "./lib/timing.ts";
export {
  Client,
  type HttpAnswer,
  type HttpRequest,
  type StreamTaker,
} from "./lib/kubernetes/client.ts";
export type { ClusterConfig, InClusterOptions, Route } from "./lib/kubernetes/config.ts";
export { fromKubeconfig, type KubeconfigOptions } from "./lib/kubernetes/kubeconfig.ts";
export type { Credentials, SecretReader, Secrets } from "./lib/kubernetes/credentials.ts";
export type { Verb } from "./lib/kubernetes/access.ts";
export type { LeaseApi } from "./lib/kubernetes/leases.ts";
export type { GuardApi, GuardEvents } from "./lib/guard/link.ts";
export type { Access as GuardAccess, Facts as GuardFacts } from "./lib/guard/messages.ts";
export type {
  Answer,
  Lease,
  LeaseRecord,
  LeaseSpec,
  ObjectMeta,
  ReleaseMark,
  WatchEnd,
  WatchEvent,
} from "./lib/lease.ts";
export type { Clock, Instant } from "./lib/clock.ts";
export type { RoleName } from "./lib/election.ts";
export type { Token } from "./lib/token.ts";
export * from "./lib/errors.ts";
export type { LogFields, Logger } from "./lib/logger.ts";
