// The end of a simulation: everything is well again, so one of them must lead before long, go on leading, and
// in the end all must stop without leaving anything behind.
import { CLOCK_RATE_ERROR } from "../../lib/timing.ts";
import type { Host } from "./host.ts";
import type { Stream } from "./network.ts";
import { HANDS } from "./plan.ts";
import type { Simulation } from "./simulation.ts";
import { EVENT } from "./events.ts";
import { contends, deafen, drawTrouble, type Trouble } from "./troubles.ts";
import { Violation } from "./violation.ts";

/** How long one of them must lead without a break, and how long after a trouble. */
const STEADY = 1.5;
const STEADY_AGAIN = 0.3;
/** Now and then all is well for so long that every watch which says nothing must be noticed. */
const LONG_CALM = 0.01;
const LONG_CALM_MS = 240_000;

/** What may be on its way when the faults end: from one kind of event to another. */
const UNDER_WAY = [
  [EVENT.request, EVENT.ended],
  [EVENT.settle, EVENT.settle],
  [EVENT.guard, EVENT.heard],
] as const;

/** Ends all faults, and looks at what becomes of it. */
export function heal(sim: Simulation): void {
  calm(sim);
  const { plan: { leaseDurationMs }, chance } = sim;
  const well = sim.time;
  let limit = well + boundMs(sim);
  // What goes on under a guard has troubles, and an end, of its own.
  const plain = isSwift(sim) && sim.hosts.every(({ guarded }) => guarded === undefined);
  let trouble = plain ? drawTrouble(sim) : undefined;
  let steady = STEADY;
  let next: Host | undefined;
  for (;;) {
    const leader = awaitLeader(sim, limit, well);
    if (next !== undefined && leader !== next) {
      throw new Violation("I7", `${leader.name} leads, and ${next.name} is preferred`);
    }
    if (!leads(sim, leader, chance.between(0, 0.3) * leaseDurationMs)) continue;
    const isLost = lost(leader);
    const loss = trouble?.begin(sim, leader);
    if (loss === undefined) {
      if (leads(sim, leader, steady * leaseDurationMs, trouble)) break;
      continue;
    }
    const { lostWithinMs, ledWithinMs = boundMs(sim) + leader.timing.drainMs } = loss;
    if (!sim.run(sim.time + lostWithinMs, isLost)) {
      throw new Violation("I7", `${leader.name} leads on though ${trouble!.what}`);
    }
    limit = sim.time + ledWithinMs;
    next = loss.next;
    trouble = undefined;
    steady = STEADY_AGAIN;
  }
  sim.mishaps.clear();
  const idle = leaders(sim).find(({ guarded }) => guarded?.idle === true);
  if (idle !== undefined) throw new Violation("I7", `${idle.name} leads, and has no command`);
  const roll = plain ? chance.next() : 1;
  if (roll < LONG_CALM) beCalm(sim);
  else if (roll < 2 * LONG_CALM) lookOn(sim);
  proveDeath(sim);
  end(sim);
}

/** Everybody withdraws, but looks on; then no watch says anything, and somebody leads again. */
function lookOn(sim: Simulation): void {
  const { hosts, checker, server, chance } = sim;
  sim.lingering = true;
  for (const host of hosts) {
    host.wanted = false;
    sim.call(host, { type: "withdraw" });
  }
  const longest = Math.max(...hosts.map(({ timing }) => timing.drainMs + timing.leaseDurationMs));
  const all = hosts.filter(({ alive }) => alive);
  sim.run(sim.time + 2 * longest, () => all.every(({ withdrawn }) => withdrawn));
  for (const host of all) deafen(host);
  sim.call(chance.pick(all), { type: "contend" });
  const leader = awaitLeader(sim, sim.time + boundMs(sim), sim.time);
  const { rv } = server.present!;
  leads(sim, leader, LONG_CALM_MS);
  const blind = all.find((host) => {
    return host.watching && !checker.isBlind(host) && checker.newestOf(host) < rv;
  });
  if (blind !== undefined) throw new Violation("I7", `${blind.name} does not notice a new leader`);
  sim.lingering = false;
}

/** Waits until there is one leader, and until it has been heard since a time. */
function awaitLeader(sim: Simulation, limit: number, since: number): Host {
  const start = sim.time;
  const done = () => {
    const [leader, another] = leaders(sim);
    return leader !== undefined && another === undefined && sim.checker.heldAt(leader) > since;
  };
  if (!sim.run(limit, done)) {
    const now = leaders(sim).map(({ name }) => name).join(" and ") || "nobody";
    throw new Violation("I7", `${now} leads ${Math.round(limit - start)} ms after all was well`);
  }
  return leaders(sim)[0]!;
}

/** Whether the present term of a leader comes to its end. */
function lost(leader: Host, job = leader.job!): () => boolean {
  return () => leader.job !== job || job.told || job.settled;
}

/** Where messages take nearly as long as an attempt may, nobody is at fault for what fails. */
function isSwift({ hosts, plan: { latencyMs } }: Simulation): boolean {
  return hosts.every(({ timing }) => 6 * latencyMs <= timing.attemptTimeoutMs);
}

/** Whether somebody leads for so long; he may lose his term only to one who is preferred. */
function leads(sim: Simulation, leader: Host, forMs: number, trouble?: Trouble): boolean {
  const watches = dubiousWatches(sim);
  if (!sim.run(sim.time + forMs, lost(leader))) {
    if (isSwift(sim) && forMs >= STEADY * sim.plan.leaseDurationMs) {
      lookAtWatches(sim, leader, watches, trouble);
    }
    return true;
  }
  const preferred = sim.server.record?.preferredHolder;
  if (isSwift(sim) && (preferred === undefined || preferred === leader.identity)) {
    const why = trouble === undefined ? "for no reason" : `because ${trouble.what}`;
    throw new Violation("I7", `${leader.name} loses its term ${why}`);
  }
  return false;
}

/** Watches that were never opened, or that say less than is known. */
function dubiousWatches({ hosts, checker }: Simulation): Stream[] {
  return hosts.flatMap((host) => {
    const newest = checker.newestOf(host);
    return host.streams.filter(({ opened, stuckAt }) => {
      return !opened || (stuckAt > 0 && stuckAt < newest);
    });
  });
}

/** By now everybody has a watch that is not dubious, and has heard something. */
function lookAtWatches(
  sim: Simulation,
  leader: Host,
  watches: readonly Stream[],
  trouble?: Trouble,
): void {
  const { hosts, checker, plan: { leaseDurationMs } } = sim;
  const dubious = dubiousWatches(sim).filter((stream) => watches.includes(stream));
  for (const host of hosts) {
    const { name, streams, timing: { retryPeriodMs, attemptTimeoutMs } } = host;
    if (streams.some((stream) => dubious.includes(stream))) {
      throw new Violation("I7", `${name} trusts a watch that says nothing`);
    }
    if (host === leader || !contends(host) || checker.isBlind(host)) continue;
    const broken = host.storms > 0;
    const silenceMs = broken ? retryPeriodMs : Math.max(2 * retryPeriodMs, leaseDurationMs * 2 / 3);
    if (checker.silenceMs(host) > silenceMs + 1.5 * attemptTimeoutMs) {
      throw new Violation("I7", `${name} has heard nothing for ${checker.silenceMs(host)} ms`);
    }
    if (trouble === undefined && !streams.some(({ opened }) => opened)) {
      throw new Violation("I7", `${name} has no watch`);
    }
  }
}

/** Every watch that says nothing is noticed. */
function beCalm(sim: Simulation): void {
  const leader = leaders(sim)[0]!;
  const silent = sim.hosts.flatMap(({ streams }) => streams.filter(({ silent }) => silent));
  if (!leads(sim, leader, LONG_CALM_MS)) return;
  const deaf = sim.hosts.find(({ streams }) => streams.some((stream) => silent.includes(stream)));
  if (deaf !== undefined) throw new Violation("I7", `${deaf.name} trusts a silent watch for ever`);
}

/** I7: a leader whose elector dies is released by its guard, long before its Lease runs out. */
function proveDeath(sim: Simulation): void {
  const leader = leaders(sim)[0];
  const token = leader?.job?.token;
  if (leader?.guarded?.whole !== true || token === undefined) return;
  const { leaseDurationMs, fenceMs, stopMs, retryPeriodMs, attemptTimeoutMs } = leader.timing;
  const { settleMs } = sim.plan.contenders[leader.index]!.guard!;
  // Last words, passes, and a few requests, the first of which may meet a renewal that is on its way.
  const proofMs = settleMs + 500 + 12 * sim.plan.latencyMs;
  const spareMs = leaseDurationMs - 2 * retryPeriodMs - attemptTimeoutMs - (fenceMs - stopMs);
  if (proofMs >= spareMs * (1 - CLOCK_RATE_ERROR)) return;
  sim.trace?.note(sim.time, leader.index, "! the elector of the leader dies");
  leader.guarded.electorDies();
  const released = () => leader.guarded!.judge.released.has(token);
  if (sim.run(sim.time + proofMs / (1 - CLOCK_RATE_ERROR), released)) return;
  throw new Violation(
    "I7",
    `the death of ${leader.name} is not proven in ${Math.round(proofMs)} ms`,
  );
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
    host.guarded?.calm();
    if (host.guarded?.whole === false) sim.kill(host);
    sim.arm(host);
  }
  const flights = UNDER_WAY.map(([first, last]) => agenda.latest(first, last));
  sim.run(Math.max(sim.time, ...flights, mishaps.closedUntil));
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
  const { hosts, plan, work, chance } = sim;
  const leader = leaders(sim)[0];
  sim.closing = true;
  // Work that takes long is waited for, but not for ever.
  const kind = chance.next();
  if (kind < 0.2) work.lastsMs = chance.between(0, 2 * plan.leaseDurationMs);
  else if (kind < 0.3) work.lastsMs = Infinity;
  for (const host of hosts) {
    host.wanted = false;
    sim.call(host, { type: "withdraw" });
    sim.call(host, { type: "stop" });
  }
  const longest = Math.max(...hosts.map(({ timing }) => timing.leaseDurationMs));
  const drain = Math.max(...hosts.map(({ timing }) => timing.drainMs));
  const limit = sim.time + Math.max(plan.settleMs, drain) / (1 - CLOCK_RATE_ERROR) + 2 * longest +
    commandsMs(sim);
  const stopped = () =>
    hosts.every(({ alive, withdrawn, watching, guarded }) =>
      (!alive || (withdrawn && !watching)) && guarded?.quiet !== false
    );
  if (!sim.run(limit, stopped)) throw new Violation("I10", "somebody does not stop");
  const watcher = hosts.find(({ streams }) => streams.length > 0);
  if (watcher !== undefined) throw new Violation("I10", `${watcher.name} leaves a watch behind`);
  // What goes on under a guard ends as its command does.
  if (leader !== undefined && leader.guarded === undefined) endsWell(sim, leader);
}

/** Work that ended in its time has its Lease released; other work has lost it. */
function endsWell({ checker, work: { lastsMs }, plan }: Simulation, leader: Host): void {
  const { name, timing: { drainMs, fenceMs, attemptTimeoutMs } } = leader;
  const ending = checker.endingOf(leader);
  const most = (lastsMs ?? plan.settleMs) * (1 + CLOCK_RATE_ERROR) + 1;
  if (most < drainMs && ending !== "released") {
    throw new Violation("I7", `${name} has not released its Lease, though its work has ended`);
  }
  const least = (lastsMs ?? 0) * (1 - CLOCK_RATE_ERROR);
  if (least > drainMs + fenceMs + attemptTimeoutMs && ending !== "revoked") {
    throw new Violation("I7", `${name} has waited for its work for ever`);
  }
}

/** A command that does not listen is drained, and left to the fence; a dead guard's container ends by itself. */
function commandsMs({ hosts }: Simulation): number {
  const drains = hosts.map(({ guarded, timing }) => {
    return guarded?.exec ? timing.drainMs + timing.leaseDurationMs : 0;
  });
  return 2 * Math.max(0, ...drains);
}
