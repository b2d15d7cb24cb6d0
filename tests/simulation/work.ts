// The work that a term permits, as users write it: it is called, acts when `check()` lets it, is told to stop,
// and ends when it likes. And the store that it acts on, which checks tokens.
import { compareTokens, type Token } from "../../lib/token.ts";
import { EVENT } from "./events.ts";
import type { Container } from "./guard/container.ts";
import type { Host } from "./host.ts";
import type { Simulation } from "./simulation.ts";
import { PLACE } from "./tally.ts";

/** The work of one term. */
export interface Job {
  readonly who: number;
  readonly life: number;
  readonly term: number;
  readonly token: Token;
  readonly identity: string;
  /** It was called. */
  begun: boolean;
  /** It was told to stop. */
  told: boolean;
  /** Nothing it does counts any more. */
  over: boolean;
  /** It has ended. */
  settled: boolean;
  /** It ends only because it wants to. */
  finishes: boolean;
  /** How often it was not allowed to act. */
  refused: number;
}

/** Whoever has been refused so often stops asking. */
const PATIENCE = 5;

/** A store that refuses what carries a smaller token than the largest that it has seen. */
class GuardedStore {
  #largest: Token = "0";

  accepts(token: Token): boolean {
    if (compareTokens(token, this.#largest) < 0) return false;
    this.#largest = token;
    return true;
  }
}

/** Runs the work of all terms. */
export class Work {
  readonly #sim: Simulation;
  readonly #store = new GuardedStore();
  /** How long work takes to end from now on, instead of by chance. */
  lastsMs?: number;

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  /** A term begins: its work is called as soon as the process comes to it. */
  start(host: Host, term: number, token: Token): void {
    const job: Job = {
      who: host.index,
      life: host.life,
      term,
      token,
      identity: host.identity,
      begun: false,
      told: false,
      over: false,
      settled: false,
      finishes: false,
      refused: 0,
    };
    host.job = job;
    if (host.guarded?.leads(job) === true) return;
    this.#add(host, EVENT.work, job, 0);
  }

  /** Work is called, unless it was told to stop before that. */
  call(host: Host, job: Job): void {
    if (job.settled) return;
    if (job.told) return this.#end(host, job);
    job.begun = true;
    this.#sim.checker.works(host, true);
    this.#add(host, EVENT.act, job, 0);
  }

  /** Work tries to act: to start something new, or to go on with what it has started. */
  act(host: Host, job: Job): void {
    if (job.settled || job.refused > PATIENCE) return;
    if (host.guarded?.deaf === true) return this.#actDeaf(host, host.guarded, job);
    const { tally, checker, plan } = this.#sim;
    const { dice } = host;
    const starts = dice.chance(0.3);
    const allowed = starts ? host.mayStart(job.term) : host.mayAct(job.term);
    checker.acts(host, job.term, starts, allowed);
    if (this.#sim.trace !== undefined) {
      const what = starts ? "start" : "act";
      this.#sim.trace.note(this.#sim.time, host.index, allowed ? `${what}s` : `${what} refused`);
    }
    if (allowed) {
      tally.acts++;
      const late = host.hit(PLACE.slowEffect) ? host.some(PLACE.slowEffect) : 0;
      this.#add(host, EVENT.effect, job, dice.skewed(plan.effectMs) + late);
    } else {
      tally.actsRefused++;
      job.refused++;
    }
    this.#add(host, EVENT.act, job, plan.actMs * (0.5 + dice.next()));
  }

  /** Work that does not ask acts. */
  #actDeaf(host: Host, guarded: Container, job: Job): void {
    guarded.actsDeaf(job);
    this.#add(host, EVENT.act, job, this.#sim.plan.actMs * (0.5 + host.dice.next()));
  }

  /** Something acts without asking: what it does is on its way to the store. */
  actUnasked(host: Host, job: Job): void {
    const { tally, agenda, time, plan } = this.#sim;
    const late = host.hit(PLACE.slowEffect) ? host.some(PLACE.slowEffect) : 0;
    tally.acts++;
    agenda.add(time + host.dice.skewed(plan.effectMs) + late, EVENT.effect, host.index, 0, job);
  }

  /** An effect lands in the store. */
  land({ who, token, identity }: Job): void {
    const { tally, checker, hosts, trace, time } = this.#sim;
    if (hosts[who]!.promises !== "everything") return;
    const accepted = this.#store.accepts(token);
    if (accepted) checker.accepted(token, identity);
    if (accepted) tally.effectsAccepted++;
    else tally.effectsRefused++;
    if (!accepted) trace?.note(time, who, `effect of ${token} refused by the store`);
  }

  /** Work is told to stop: it ends after a while, or never. */
  tell(host: Host, term: number): void {
    const job = host.job;
    if (job === undefined || job.term !== term || job.told) return;
    job.told = true;
    if (host.guarded?.told(job) === true) return;
    if (!job.begun || job.finishes || host.hit(PLACE.hangWork)) return;
    const slow = host.hit(PLACE.slowWork) ? host.some(PLACE.slowWork) : 0;
    const lastsMs = this.lastsMs ?? this.#sim.plan.settleMs * host.dice.next() + slow;
    if (lastsMs < Infinity) this.#add(host, EVENT.settle, job, lastsMs);
  }

  /** Work returns or throws by itself. */
  finish(host: Host): boolean {
    const { job } = host;
    if (host.guarded?.exec === true) return host.guarded.finish();
    if (job === undefined || !job.begun || job.settled || job.finishes) return false;
    job.finishes = true;
    this.#add(host, EVENT.settle, job, 0);
    return true;
  }

  /** Work ends. */
  settle(host: Host, job: Job): void {
    if (!job.settled) return this.#end(host, job);
    this.#sim.step(host, { type: "settled", term: job.term });
  }

  #end(host: Host, job: Job): void {
    job.settled = true;
    if (job.begun) this.#sim.checker.works(host, false);
    // As the shell does: who returns by himself, or was asked to stop, does not contend again at once.
    if (job.finishes || !host.wanted) this.#sim.step(host, { type: "withdraw" });
    if (!host.alive || host.life !== job.life) return;
    this.#sim.step(host, { type: "settled", term: job.term });
    // Now and then the news comes twice.
    if (host.dice.chance(0.05)) {
      this.#add(host, EVENT.settle, job, host.dice.skewed(this.#sim.plan.leaseDurationMs));
    }
  }

  #add(host: Host, kind: number, job: Job, afterMs: number): void {
    const { agenda, time } = this.#sim;
    agenda.add(Math.max(time, host.pausedUntil) + 1e-3 + afterMs, kind, host.index, 0, job);
  }
}
