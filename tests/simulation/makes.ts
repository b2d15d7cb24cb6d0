// The machine of each make of contender.
import { Election } from "../../lib/election.ts";
import type { Host } from "./host.ts";
import type { Machine } from "./machine.ts";
import { ClientGo } from "./peers/client_go.ts";
import { Kubert } from "./peers/kubert.ts";

/** Makes elections of this project, or of a class derived from theirs. */
export function electionOf(Class: typeof Election): (host: Host, nonce: string) => Election {
  return ({ identity, timing, trustUnheld, graceMs, guarded }, nonce) => {
    return new Class({
      identity,
      nonce,
      namespace: "default",
      leaseName: "x",
      timing,
      trustUnheld,
      foreignGraceMs: graceMs,
      guarded: guarded !== undefined,
    });
  };
}

const election = electionOf(Election);

/** Makes the machine of a process that starts on this host. */
export function makeMachine(host: Host, nonce: string): Machine {
  const { identity, timing, make } = host;
  const { leaseDurationMs, stopMs, retryPeriodMs } = timing;
  if (make === "k8sensus") return election(host, nonce);
  if (make === "kubert") {
    return new Kubert({ identity, leaseDurationMs, renewGraceMs: leaseDurationMs / 5 });
  }
  return new ClientGo({
    identity,
    leaseDurationMs,
    // Where our work is told to stop.
    renewDeadlineMs: Math.max(stopMs, 1.3 * retryPeriodMs),
    retryPeriodMs,
    releaseOnCancel: host.index % 2 === 0,
    old: make === "client-go-old",
  });
}
