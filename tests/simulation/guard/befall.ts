// The faults that hit guard, elector, command, and what is between them.
import type { Fault } from "../plan.ts";
import type { Container } from "./container.ts";

/** Lets one happen; says whether it did. */
export function befall(container: Container, { kind, forMs, ms, pick }: Fault): boolean {
  const { time, host, processes, troubles } = container;
  const until = time + forMs;
  switch (kind) {
    case "electorCrash":
      if (!host.alive) return false;
      container.electorDies();
      return true;
    case "guardCrash":
      if (!container.guardAlive) return false;
      container.guardDies();
      return true;
    case "bothCrash":
      if (!host.alive || !container.guardAlive) return false;
      container.guardDies();
      container.electorDies();
      return true;
    case "commandCrash":
      return container.finish("SIGSEGV");
    case "electorPause":
      host.pausedUntil = Math.max(host.pausedUntil, until);
      return host.alive;
    case "guardPause":
      container.pauseGuard(until);
      return container.guardAlive;
    case "commandPause":
      for (const process of processes.alive) processes.stop(process, until);
      return processes.alive.length > 0;
    case "containerPause": {
      // They do not go on at the same instant.
      const thaw = () => until + container.dice.skewed(1_000);
      host.pausedUntil = Math.max(host.pausedUntil, thaw());
      container.pauseGuard(thaw());
      for (const process of processes.alive) processes.stop(process, thaw());
      return true;
    }
    case "pipeCut":
      if (!host.alive || !container.guardAlive) return false;
      container.pipes.hangUp();
      return true;
    case "pipeDelay":
      troubles.pipe = { until, ms, pick };
      return true;
    case "slowSweep":
      troubles.sweep = { until, ms, pick };
      return true;
    case "lateKill":
      troubles.kill = { until, ms, pick };
      return true;
    case "unprovable":
      troubles.proof = { until, ms, pick };
      return true;
    default:
      return false;
  }
}
