// The machine of each make of contender.
import { Election } from "../../lib/election.ts";
import type { Host } from "./host.ts";
import type { Machine } from "./machine.ts";
import { ClientGo } from "./peers/client_go.ts";
import { Kubert } from "./peers/kubert.ts";

/** Makes the machine of a process that starts on this host. */
export function makeMachine(host: Host, nonce: string): Machine {
  const { identity, timing, trustUnheld, make } = host;
  const { leaseDurationMs, stopMs, retryPeriodMs } = timing;
  if (make === "k8sensus") {
    const where = { namespace: "default", leaseName: "x" };
    return new Election({ identity, nonce, ...where, timing, trustUnheld });
  }
  if (make === "kubert") {
    return new Kubert({ identity, leaseDurationMs, renewGraceMs: leaseDurationMs / 5 });
  }
  // Its renew deadline is where our work is told to stop.
  const renewDeadlineMs = Math.max(stopMs, 1.3 * retryPeriodMs);
  const old = make === "client-go-old";
  const releaseOnCancel = host.index % 2 === 0;
  return new ClientGo({
    identity,
    leaseDurationMs,
    renewDeadlineMs,
    retryPeriodMs,
    releaseOnCancel,
    old,
  });
}
