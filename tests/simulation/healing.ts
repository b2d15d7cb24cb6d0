// The end of a simulation: everything is well again, so one of them must lead before long, go on leading, and
// in the end all must stop without leaving anything behind.
import { CLOCK_RATE_ERROR } from "../../lib/timing.ts";
import type { Host } from "./host.ts";
import { HANDS } from "./plan.ts";
import type { Simulation } from "./simulation.ts";
import { EVENT } from "./events.ts";
import { Violation } from "./violation.ts";

/** How long one of them must lead without a break. */
const STEADY = 1.5;

/** Ends all faults, and looks at what becomes of it. */
export function heal(sim: Simulation): void {
  calm(sim);
  const { plan } = sim;
  const limit = sim.time + boundMs(sim);
  for (;;) {
    if (!sim.run(limit, () => leaders(sim).length === 1)) {
      const now = leaders(sim).map(({ name }) => name).join(" and ") || "nobody";
      throw new Violation("I7", `${now} leads ${Math.round(boundMs(sim))} ms after all was well`);
    }
    const leader = leaders(sim)[0]!;
    const term = leader.job!.term;
    const steady = sim.time + STEADY * plan.leaseDurationMs;
    const lost = () => leader.job?.term !== term || !leader.mayStart(term);
    if (!sim.run(steady, lost)) break;
    if (sim.time > limit) throw new Violation("I7", `${leader.name} loses its term for no reason`);
  }
  end(sim);
}

/** Ends all faults, waits for what is on its way, and has everybody contend. */
function calm(sim: Simulation): void {
  const { hosts, mishaps, agenda } = sim;
  sim.trace?.note(sim.time, -1, "! all faults end");
  mishaps.clear();
  sim.healing = true;
  for (const host of hosts) {
    if (host.pausedUntil > sim.time) host.pausedUntil = sim.time;
    host.pauseInStepMs = 0;
    sim.resume(host);
    host.clocks.suspend(sim.time, false);
    host.clocks.freeze(sim.time, false);
    // Work that never ends is ended by people, and other makes leave.
    const hangs = host.job?.told === true && !host.job.settled;
    if (host.alive && (host.make !== "k8sensus" || hangs)) sim.kill(host);
    sim.arm(host);
  }
  const flights = agenda.latest(EVENT.request, EVENT.ended);
  sim.run(
    Math.max(sim.time, flights, agenda.latest(EVENT.settle, EVENT.settle), mishaps.closedUntil),
  );
  mishaps.repair();
  for (const host of hosts) {
    if (host.make !== "k8sensus") continue;
    if (host.job?.told === true && !host.job.settled) sim.kill(host);
    sim.boot(host);
    sim.call(host, { type: "contend" });
  }
  sim.trace?.note(sim.time, -1, "! all is well");
}

function leaders({ hosts }: Simulation): Host[] {
  return hosts.filter((host) => {
    const { alive, job } = host;
    return alive && host.promises === "everything" && job !== undefined && host.mayStart(job.term);
  });
}

/** I7: how long it may take until one of them leads. */
function boundMs({ hosts, plan }: Simulation): number {
  const { faults, contenders, leaseDurationMs, settleMs } = plan;
  const kinds = new Set(faults.map(({ kind }) => kind));
  const foreign = contenders.some(({ make }) => make !== "k8sensus") || kinds.has("webhook") ||
    kinds.has("noop") || HANDS.some((kind) => kinds.has(kind));
  const longest = Math.max(...hosts.map(({ timing }) => timing.leaseDurationMs));
  const whole = kinds.has("lengthen") ? Math.max(longest, 2 * leaseDurationMs) : longest;
  const waits = whole + (foreign ? Math.max(whole + 3_000, plan.foreignGraceMs ?? 0) : 0) +
    (kinds.has("prefer") ? whole : 0);
  const retry = Math.max(...hosts.map(({ timing }) => timing.retryPeriodMs));
  const attempt = Math.max(...hosts.map(({ timing }) => timing.attemptTimeoutMs));
  // Work that ends by itself, a rest, a watch that was forbidden or says nothing, slow attempts.
  const detection = 2 * settleMs + leaseDurationMs + 6 * retry + 5 * attempt + whole / 3;
  return (waits + detection) / (1 - CLOCK_RATE_ERROR);
}

/** Everybody stops; nothing may be left. */
function end(sim: Simulation): void {
  const { hosts, plan } = sim;
  sim.closing = true;
  for (const host of hosts) {
    host.wanted = false;
    sim.call(host, { type: "withdraw" });
  }
  const longest = Math.max(...hosts.map(({ timing }) => timing.leaseDurationMs));
  const limit = sim.time + plan.settleMs + 2 * longest;
  const stopped = () =>
    hosts.every(({ alive, withdrawn, watching }) => !alive || (withdrawn && !watching));
  if (!sim.run(limit, stopped)) throw new Violation("I10", "somebody does not stop");
  const watcher = hosts.find(({ streams }) => streams.length > 0);
  if (watcher !== undefined) throw new Violation("I10", `${watcher.name} leaves a watch behind`);
}
