// Puts the elector's end of the line between the machine of its host and the container.
import type { Answer } from "../../../lib/lease.ts";
import type { Simulation } from "../simulation.ts";
import type { Container } from "./container.ts";
import { ElectorEnd } from "./elector_end.ts";
import type { Leader } from "./leader.ts";

/** That of a process that starts. */
export function electorEnd(
  container: Container,
  sim: Simulation,
  leader: Leader,
  nonce: string,
): ElectorEnd {
  const { host } = container;
  const { identity, timing } = host;
  return new ElectorEnd({
    facts: { identity, nonce, namespace: "default", leaseName: "x", ...timing },
    connect: () => container.connect(),
    tell: (message) => container.pipes.say(message, host.pausedUntil),
    close: () => container.pipes.hangUp(host.pausedUntil),
    send: (id, kind, lease) => {
      container.judge.sends(lease, host.now());
      sim.network.ask(host, id, kind, lease);
    },
    unsent: (id) => {
      const answer: Answer = { kind: "unknown", message: "the guard gave no reading" };
      const answered = () => sim.step(host, { type: "answered", id, answer });
      container.atElector(sim.time + 1e-3, answered);
    },
    armed: (token) => sim.step(host, { type: "armed", token }),
    gone: () => {
      sim.step(host, { type: "unguarded" });
      sim.step(host, { type: "withdraw" });
      container.mayLeave();
    },
    ended: (how) => leader.ended(how),
    drain: () => {
      host.wanted = false;
      sim.step(host, { type: "withdraw" });
    },
  });
}
