// Small troubles of a leader while all else is well. Most of them must not cost it its term; after the others
// somebody must lead soon, and it is known who or how soon.
import { ANNOTATION } from "../../lib/lease.ts";
import { CLOCK_RATE_ERROR } from "../../lib/timing.ts";
import type { Host } from "./host.ts";
import { type FaultKind, HANDS } from "./plan.ts";
import { CONFLICT, MISSING, REST_FOR_AN_HOUR, UNREADABLE } from "./replies.ts";
import type { Simulation } from "./simulation.ts";
import { PLACE } from "./tally.ts";

/** What has to become of a term that must not go on. */
export interface Loss {
  /** Its work is told to stop within… */
  readonly lostWithinMs: number;
  /** …and somebody leads after that within this time; absent: as soon as after any fault. */
  readonly ledWithinMs?: number;
  /** Who that is, if nobody else may be. */
  readonly next?: Host;
}

/** Something that happens to a leader; what it returns must come of it, nothing: the term goes on. */
export interface Trouble {
  readonly what: string;
  begin(sim: Simulation, leader: Host): Loss | undefined | void;
}

/** After these, a release may not look like one to everybody. */
const BLUR: readonly FaultKind[] = ["raiseToken", "restore", "webhook", "noop", "putBackReleased"];

const RIDES: readonly Trouble[] = [
  {
    what: "its write is refused for an hour",
    begin: ({ network }, { index }) => {
      network.ambushes.push({ who: index, kind: "write", answer: REST_FOR_AN_HOUR });
    },
  },
  {
    what: "it meets a conflict that is none",
    begin: ({ network }, leader) => {
      deafen(leader);
      network.ambushes.push({ who: leader.index, kind: "write", answer: CONFLICT });
    },
  },
  {
    what: "it meets a conflict with its own write",
    begin: ({ network }, leader) => {
      deafen(leader);
      network.ambushes.push({ who: leader.index, kind: "write", done: true, answer: CONFLICT });
    },
  },
  {
    what: "it meets a conflict, and cannot read why",
    begin: ({ network }, leader) => {
      deafen(leader);
      const { index: who } = leader;
      network.ambushes.push(
        { who, kind: "write", answer: CONFLICT },
        { who, kind: "read", answer: UNREADABLE },
      );
    },
  },
  {
    what: "it meets a conflict, and the watch is faster than the read",
    begin: ({ network }, { index: who }) => {
      network.ambushes.push(
        { who, kind: "write", answer: CONFLICT },
        { who, kind: "read", done: true, label: true },
      );
    },
  },
  {
    what: "an answer is lost",
    begin: ({ network }, leader) => {
      deafen(leader);
      network.ambushes.push({ who: leader.index, kind: "write", done: true, answer: "none" });
    },
  },
  {
    what: "somebody labels the Lease, and its watch says nothing",
    begin: (sim, leader) => {
      deafen(leader);
      label(sim);
    },
  },
  {
    what: "its watch shows again what was long ago",
    begin: ({ network }, leader) => network.showAgain(leader),
  },
  {
    what: "its watch breaks again and again",
    begin: (_sim, leader) => breakWatches(leader),
  },
  {
    what: "the watch of another breaks again and again",
    begin: ({ hosts }, leader) => {
      const other = hosts.find((host) => contends(host) && host !== leader);
      if (other !== undefined) breakWatches(other);
    },
  },
];

const LOSSES: readonly Trouble[] = [
  {
    what: "another is preferred",
    begin: ({ server, hosts, time, plan: { leaseDurationMs, faults } }, leader) => {
      const next = hosts.find((host) =>
        host !== leader && hears(host) && host.timing.leaseDurationMs === leaseDurationMs
      );
      if (next === undefined) return;
      server.edit(time, ({ spec }) => void (spec.preferredHolder = next.identity));
      const clear = !faults.some(({ kind }) => BLUR.includes(kind));
      return { lostWithinMs: leaseDurationMs, next: clear ? next : undefined };
    },
  },
  {
    what: "somebody edits the duration",
    begin: ({ server, time, plan: { leaseDurationMs } }) => {
      server.edit(time, ({ spec }) => void (spec.leaseDurationSeconds! *= 20));
      return { lostWithinMs: leaseDurationMs };
    },
  },
  {
    what: "its wall clock jumps",
    begin: ({ time }, { clocks, timing: { leaseDurationMs, fenceMs, stopMs } }) => {
      clocks.jump(time, 2 * leaseDurationMs);
      const lookMs = Math.max(250, (fenceMs - stopMs) / 4);
      return { lostWithinMs: lookMs / (1 - CLOCK_RATE_ERROR) + 2 };
    },
  },
  {
    what: "its process dies",
    begin: (sim, leader) => {
      const { hosts, plan, server: { record } } = sim;
      const heirs = hosts.filter((host) => host !== leader && hears(host));
      const known = heirs.length > 0 && record?.preferredHolder === undefined &&
        !plan.faults.some(({ kind }) => HANDS.includes(kind as typeof HANDS[number]));
      sim.kill(leader);
      if (!known) return { lostWithinMs: 0 };
      const waits = heirs.map(({ timing: { leaseDurationMs, attemptTimeoutMs } }) =>
        Math.max(leaseDurationMs, record!.durationMs ?? 0) + 3 * attemptTimeoutMs
      );
      return { lostWithinMs: 0, ledWithinMs: Math.min(...waits) / (1 - CLOCK_RATE_ERROR) };
    },
  },
  {
    what: "its process dies, and for once a proxy says that there is no Lease",
    begin: (sim, leader) => {
      sim.kill(leader);
      for (const host of sim.hosts) {
        if (contends(host)) sim.network.ambushes.push({ kind: "read", answer: MISSING });
      }
      return { lostWithinMs: 0 };
    },
  },
  {
    what: "the Lease is made anew from an old release while a watch begins",
    begin: (sim, leader) => {
      const { server, hosts, mishaps } = sim;
      const loss = { lostWithinMs: sim.plan.leaseDurationMs };
      const fresh = hosts.find((host) => host !== leader && contends(host));
      const old = server.log.findLast(({ kind, record }) => {
        return kind === "release" && record?.released !== undefined;
      })?.record?.lease;
      if (fresh === undefined || old === undefined || mishaps.tokensAhead) return;
      server.delete(sim.time);
      sim.kill(fresh);
      sim.boot(fresh);
      const begun = () => fresh.streams.some(({ subscribed }) => subscribed);
      if (!sim.run(sim.time + fresh.timing.attemptTimeoutMs, begun)) return loss;
      const { uid: _uid, resourceVersion: _rv, ...metadata } = old.metadata;
      server.write({ ...old, metadata }, "hand", -1, sim.time);
      return loss;
    },
  },
  {
    what: "it resigns, and the next one withdraws while it takes the Lease",
    begin: (sim, leader) => {
      const { hosts, plan: { leaseDurationMs } } = sim;
      const takes = ({ asked }: Host) => asked.some(({ kind }) => kind === "acquire");
      const next = () => hosts.find((host) => host !== leader && takes(host));
      if (!releases(sim, leader)) return { lostWithinMs: 0 };
      sim.run(sim.time + leaseDurationMs, () => next() !== undefined);
      const taker = next();
      if (taker === undefined) return { lostWithinMs: 0 };
      taker.wanted = false;
      sim.call(taker, { type: "withdraw" });
      return { lostWithinMs: 0 };
    },
  },
  {
    what: "it resigns, somebody edits the token of what it has released, and another starts anew",
    begin: (sim, leader) => {
      const { server, hosts, mishaps } = sim;
      const fresh = hosts.find((host) => host !== leader && contends(host));
      if (!releases(sim, leader) || mishaps.tokensAhead) return { lostWithinMs: 0 };
      server.edit(sim.time, ({ metadata: { annotations } }) => {
        annotations![ANNOTATION.token] = "1";
      });
      if (fresh === undefined) return { lostWithinMs: 0 };
      sim.kill(fresh);
      sim.boot(fresh);
      return { lostWithinMs: 0 };
    },
  },
  {
    what: "it resigns, and somebody labels what it has released",
    begin: (sim, leader) => {
      const { hosts, plan, server } = sim;
      const done = releases(sim, leader);
      const { record } = server;
      if (done) label(sim);
      const known = done && record?.preferredHolder === undefined &&
        hosts.some((host) => host !== leader && hears(host)) &&
        !plan.faults.some(({ kind }) => BLUR.includes(kind));
      return {
        lostWithinMs: 0,
        ledWithinMs: known ? plan.leaseDurationMs / 2 + 200 : undefined,
      };
    },
  },
];

/** Has a leader resign; says whether it has released the Lease. */
function releases(sim: Simulation, leader: Host): boolean {
  const { server, plan: { leaseDurationMs } } = sim;
  sim.call(leader, { type: "resign", reason: "resigned" });
  return sim.run(sim.time + 3 * leaseDurationMs, () => server.present?.kind === "release");
}

/** What happens to the leader at the end of this simulation, if anything. */
export function drawTrouble({ chance }: Simulation): Trouble | undefined {
  const roll = chance.next();
  if (roll < 0.4) return undefined;
  return chance.pick(roll < 0.75 ? RIDES : LOSSES);
}

/** Whether a process may take the Lease as soon as that is free. */
export function contends({ alive, make, wanted, withdrawn, job }: Host): boolean {
  const busy = job !== undefined && !job.settled;
  return alive && make === "k8sensus" && wanted && !withdrawn && !busy;
}

/** Whether a candidate has a watch that works. */
function hears(host: Host): boolean {
  const sound = host.streams.some(({ opened, silent, stuckAt }) => {
    return opened && !silent && stuckAt === 0;
  });
  return sound && contends(host);
}

export function deafen({ streams }: Host): void {
  for (const stream of streams) stream.silent = true;
}

function label({ server, time }: Simulation): void {
  server.edit(time, ({ metadata }) => void (metadata.labels = { at: String(time) }));
}

function breakWatches(host: Host): undefined {
  host.storms = host.rates[PLACE.cutWatch] = 1;
}
