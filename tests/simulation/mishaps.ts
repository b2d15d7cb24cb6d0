// Lets the faults of a plan happen.
import { ANNOTATION } from "../../lib/lease.ts";
import { EVENT } from "./events.ts";
import { editByHand, exported, putBack, recreate, TAKES_TOKENS_AWAY } from "./hands.ts";
import type { Host } from "./host.ts";
import type { Version } from "./lease_server.ts";
import type { Fault, FaultKind } from "./plan.ts";
import { LEADER, WEATHER } from "./plan.ts";
import type { Simulation } from "./simulation.ts";
import { PLACE } from "./tally.ts";

/** A drift of clocks comes in so many steps. */
const RAMP = 6;
/** By so much operators bump revisions after a restore. */
const BUMP = 100_000;
const WEATHER_KINDS: ReadonlySet<FaultKind> = new Set(WEATHER);

/** Begins and ends faults. */
export class Mishaps {
  readonly #sim: Simulation;
  /** Weather that is on, and where. */
  readonly #weather: { readonly fault: Fault; readonly host: Host }[] = [];
  /** No process starts before: etcd or somebody has put back an old release, which only a witness sees through. */
  closedUntil = -Infinity;

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  begin(fault: Fault, number: number): void {
    const { agenda, time, trace } = this.#sim;
    const { kind, forMs } = fault;
    const host = this.#target(fault);
    if (trace !== undefined) trace.fault(time, fault, host.index);
    if (WEATHER_KINDS.has(kind)) {
      this.#weather.push({ fault, host });
      agenda.add(time + forMs, EVENT.fade, host.index, number);
      return this.#look(host);
    }
    if (kind === "outage") {
      this.#sim.network.outage = 1 + fault.pick % 2;
      return agenda.add(time + forMs, EVENT.fade, host.index, number);
    }
    if (this.#befalls(host, fault) || this.#meddles(fault)) {
      this.#sim.tally.faults[PLACE[kind]]!++;
    }
  }

  /** Whom a fault hits. */
  #target({ who, pick }: Fault): Host {
    const { hosts } = this.#sim;
    const leads = ({ job }: Host) => job !== undefined && job.begun && !job.told;
    const leader = who === LEADER ? hosts.find(leads) : undefined;
    return leader ?? hosts[(who === LEADER ? pick : who) % hosts.length]!;
  }

  /** Weather is over. */
  end(fault: Fault): void {
    if (fault.kind === "outage") this.#sim.network.outage = 0;
    const place = this.#weather.findIndex((weather) => weather.fault === fault);
    if (place < 0) return;
    const { host } = this.#weather[place]!;
    this.#weather.splice(place, 1);
    this.#look(host);
  }

  /** All weather is over. */
  clear(): void {
    this.#weather.length = this.#sim.network.outage = 0;
    for (const host of this.#sim.hosts) this.#look(host);
  }

  /** Sums up the weather of a host. */
  #look(host: Host): void {
    host.rates.fill(0);
    host.storms = 0;
    for (const { fault: { kind, rate, ms, pick, at, forMs }, host: other } of this.#weather) {
      if (other !== host) continue;
      const place = PLACE[kind];
      host.storms++;
      host.rates[place] = rate;
      host.sizes[place] = ms;
      host.variants[place] = pick;
      host.untils[place] = at + forMs;
    }
  }

  /** What happens to one host; says whether it did. */
  #befalls(host: Host, fault: Fault): boolean {
    const { kind, forMs, ms, rate } = fault;
    const { agenda, time } = this.#sim;
    switch (kind) {
      case "pause":
        host.pausedUntil = Math.max(host.pausedUntil, time + forMs);
        return true;
      case "pauseInStep":
        host.pauseInStepMs = forMs;
        return true;
      case "suspend":
        host.pausedUntil = Math.max(host.pausedUntil, time + forMs);
        host.guarded?.suspend(host.pausedUntil);
        host.clocks.suspend(time, true);
        this.#sim.arm(host);
        agenda.add(time + forMs, EVENT.wake, host.index);
        return true;
      case "wallForward":
        host.clocks.jump(time, ms);
        host.guarded?.judge.clockJumps();
        return true;
      case "wallJump":
        host.clocks.jump(time, ms);
        host.guarded?.judge.clockJumps();
        return true;
      case "freezeWall":
        host.clocks.freeze(time, true);
        agenda.add(time + forMs, EVENT.thaw, host.index);
        return true;
      case "drift": {
        const from = host.clocks.rate;
        for (let i = 1; i <= RAMP; i++) {
          const share = i / RAMP;
          agenda.add(time + forMs * share, EVENT.rate, host.index, from + (rate - from) * share);
        }
        return true;
      }
      case "crash":
        if (!host.alive) return false;
        this.#sim.kill(host);
        agenda.add(time + forMs * 0.2, EVENT.boot, host.index);
        return true;
      case "finish":
      case "throw":
        return this.#sim.work.finish(host);
      case "resign":
        return this.#sim.call(host, { type: "resign", reason: "resigned" });
      case "withdraw":
        if (!host.wanted) return false;
        host.wanted = false;
        agenda.add(time + forMs, EVENT.call, host.index, host.life, { type: "contend" });
        return this.#sim.call(host, { type: "withdraw" });
      default:
        return host.guarded?.befalls(fault) ?? false;
    }
  }

  /** What happens to the Lease; says whether it did. */
  #meddles(fault: Fault): boolean {
    const { server, time, plan: { leaseDurationMs } } = this.#sim;
    const { kind, pick } = fault;
    if (TAKES_TOKENS_AWAY.has(kind) && this.tokensAhead) return false;
    const identities = this.#sim.hosts.map(({ identity }) => identity || "somebody");
    const scene = { server, identities, leaseDurationMs, pick };
    switch (kind) {
      case "delete":
        if (server.record === undefined) return false;
        server.delete(time);
        return true;
      case "recreate":
        // Now and then nobody sees how it was done.
        if (pick % 3 === 0) this.#endWatches("expired");
        return recreate(server, time);
      case "putBackHeld":
      case "putBackReleased": {
        const version = exported(scene, kind === "putBackReleased");
        if (version === undefined) return false;
        if (kind === "putBackReleased") {
          const token = server.log.findLast(({ record }) => record?.token !== undefined)?.record
            ?.token;
          this.#witnessesOnly(({ record }) => record?.token === token);
        }
        if (pick % 3 === 0) this.#sim.network.holdUp(leaseDurationMs * (pick % 100) / 100);
        putBack(server, version, time);
        return true;
      }
      case "restore":
        return this.#restore(pick);
      default:
        return editByHand(kind, scene, time);
    }
  }

  /**
   * Tokens have run ahead of the versions, after a restore or because somebody raised one by hand. Who then takes
   * the last of them away makes candidates that have not seen it use it again: that is beyond the promise.
   */
  get tokensAhead(): boolean {
    return Number(this.#sim.checker.newestToken) >= this.#sim.server.revision;
  }

  /** etcd goes back; every watch breaks. */
  #restore(pick: number): boolean {
    const { server, checker, time } = this.#sim;
    if (server.log.length < 3) return false;
    const version = server.log[pick % (server.log.length - 1)]!;
    const last = server.present;
    const newest = checker.newestToken;
    const ofNewestToken = ({ record }: Version) => newest === "0" || record?.token === newest;
    this.#witnessesOnly((version) => version === last, ofNewestToken);
    checker.restored = true;
    server.restore(version, time, pick % 3 === 0 ? BUMP : 0);
    this.#endWatches("failed");
    return true;
  }

  #endWatches(how: "failed" | "expired"): void {
    const { hosts, network } = this.#sim;
    for (const { streams } of hosts) for (const stream of streams) network.end(stream, how);
  }

  /**
   * Stops everybody who has not seen what is about to be undone, and lets nobody start for a while: to them, an
   * old version would look like a new one.
   */
  #witnessesOnly(...all: ((version: Version) => boolean)[]): void {
    const { hosts, checker, agenda, time, plan } = this.#sim;
    this.closedUntil = time + 3 * plan.leaseDurationMs;
    for (const host of hosts) {
      if (!host.alive || host.make !== "k8sensus") continue;
      if (all.every((what) => checker.hasSeen(host, what))) continue;
      this.#sim.kill(host);
      agenda.add(this.closedUntil, EVENT.boot, host.index);
    }
    agenda.add(this.closedUntil, EVENT.reopen, 0);
  }

  /**
   * The operator has waited. He touches the Lease, so that new versions are larger than any before, and takes out
   * of it what would make it look free.
   */
  reopen(): void {
    const { server, time, checker } = this.#sim;
    if (time < this.closedUntil) return;
    const newest = Math.max(server.highest, Number(checker.newestToken));
    server.passRevisions(Math.max(0, newest - server.revision) + BUMP);
    server.edit(time, ({ metadata }) => {
      metadata.labels = { restored: String(time) };
      if (server.record?.released !== undefined) delete metadata.annotations?.[ANNOTATION.released];
    });
  }

  /** People repair what only they can: a token that nothing can follow. */
  repair(): void {
    const { server, time } = this.#sim;
    if (server.record?.token !== "malformed") return;
    server.edit(time, ({ metadata }) => void delete metadata.annotations?.[ANNOTATION.token]);
  }
}
