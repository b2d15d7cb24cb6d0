/**
 * The election as a pure machine: whoever reads this, and the roles in `election/`, has read the whole
 * protocol. It does no I/O, reads no clock and draws no random numbers; the same inputs give the same
 * effects, so that production, the simulator and the explorer run the same code.
 *
 * @module
 */
import type { Instant } from "./clock.ts";
import {
  candidateDeadline,
  candidateFailed,
  candidateSees,
  candidateTick,
  takeAt,
} from "./election/candidate.ts";
import {
  armed,
  leaderClock,
  leaderDeadline,
  leaderFailed,
  leaderSees,
  leaderTick,
  lose,
  resign,
  settled,
  tenureOf,
} from "./election/leader.ts";
import {
  closeWatch,
  learnAnswer,
  learnMissing,
  observingDeadline,
  observingTick,
  readAnswered,
  watched,
  watchEnded,
} from "./election/observing.ts";
import {
  type Effect,
  type Exchange,
  initialState,
  type Input,
  leftMs,
  type Settings,
  type State,
  type Step,
} from "./election/state.ts";
import type { Answer } from "./lease.ts";

export type {
  Effect,
  Input,
  Notice,
  RoleName,
  Settings,
  State,
  WriteKind,
} from "./election/state.ts";

/** One candidate's view of one Lease. */
export class Election {
  /** All that it remembers: plain data, which `structuredClone` copies whole. */
  state: State;

  /**
   * @param settings What it is told once.
   * @param state Where to begin; by default nothing is known and nothing is wanted.
   */
  constructor(readonly settings: Settings, state: State = initialState()) {
    this.state = state;
  }

  /**
   * Takes one input in.
   *
   * @param input What happened.
   * @param now Both clocks, read after it happened. Writes count from this reading, so their effects
   * must be carried out after it, and the sooner the better.
   * @param random A number in [0, 1), for jitter.
   * @returns What is to be done, in this order.
   */
  step(input: Input, now: Instant, random: number): Effect[] {
    const step: Step = { settings: this.settings, state: this.state, effects: [], now, random };
    leaderClock(step);
    takeIn(step, input);
    abandonLate(step);
    leaderTick(step);
    candidateTick(step);
    observingTick(step);
    this.#check();
    return step.effects;
  }

  /**
   * When it wants to be called next with a `timer`, if nothing else happens first.
   *
   * @param now The monotonic clock, in milliseconds.
   * @returns A monotonic time; `Infinity` if it waits for nothing.
   */
  deadline(now: Instant): number {
    const { settings, state } = this;
    return Math.min(
      state.exchange?.timeoutAt ?? Infinity,
      leaderDeadline(settings, state, now),
      candidateDeadline(settings, state),
      observingDeadline(settings, state),
    );
  }

  /**
   * Whether work that was admitted to this term may still act at this instant.
   *
   * @param term The number of the term.
   * @param now Both clocks, read just now.
   */
  mayAct(term: number, now: Instant): boolean {
    return this.remainingMs(term, now) > 0;
  }

  /**
   * Whether this term admits new work at this instant.
   *
   * @param term The number of the term.
   * @param now Both clocks, read just now.
   */
  mayStart(term: number, now: Instant): boolean {
    const { role } = this.state;
    return role.name === "leading" && role.tenure.term === term &&
      leftMs(role.tenure.sent, this.settings.timing.stopMs, now) > 0;
  }

  /**
   * How long the work of this term may still act, in milliseconds; 0 when it is over.
   *
   * @param term The number of the term.
   * @param now Both clocks, read just now.
   */
  remainingMs(term: number, now: Instant): number {
    const { role } = this.state;
    if (role.name !== "leading" && role.name !== "draining") return 0;
    if (role.tenure.term !== term) return 0;
    return Math.max(0, leftMs(role.tenure.sent, this.settings.timing.fenceMs, now));
  }

  /** When the Lease may be taken if nothing changes, monotonic; `Infinity` if not at all. */
  takeAt(): number {
    return takeAt(this.settings, this.state);
  }

  /** What every step leaves behind. */
  #check(): void {
    const { state } = this;
    const { role } = state;
    assert(
      state.open.length === 0 || role.name === "acquiring" || tenureOf(state) !== undefined,
      "only who holds or takes the Lease has writes to wait for",
    );
    assert(
      state.contending || (role.name !== "leading" && role.name !== "arming"),
      "who does not contend does not lead",
    );
    assert(state.open.length <= 1_000, "unresolved writes are bounded");
  }
}

function takeIn(step: Step, input: Input): void {
  const { state } = step;
  switch (input.type) {
    case "start":
      state.watch.wanted = true;
      return;
    case "stop":
      assert(["observing", "settling"].includes(state.role.name), "withdraw before stopping");
      assert(!state.contending, "withdraw before stopping");
      state.watch.wanted = false;
      state.reads.at = Infinity;
      state.reading = state.exchange = undefined;
      return closeWatch(step);
    case "contend":
      assert(state.watch.wanted, "start before contending");
      state.contending = true;
      // Who withdraws a second time is told a second time.
      if (state.role.name === "settling" && state.role.until === Infinity) {
        state.role = { ...state.role, until: step.now.mono };
      }
      return;
    case "withdraw":
      return withdraw(step);
    case "resign":
      return resign(step, input.reason);
    case "settled":
      return settled(step, input.term);
    case "armed":
      return armed(step, input.token);
    case "unguarded":
      return lose(step, "unguarded");
    case "answered":
      return answered(step, input.id, input.answer);
    case "watched":
      if (input.watch !== state.watch.number || state.watch.phase === "closed") return;
      return whileSeeing(step, () => watched(step, input.event));
    case "watchEnded":
      if (input.watch !== state.watch.number || state.watch.phase === "closed") return;
      return watchEnded(step, input.end);
    case "timer":
  }
}

function withdraw(step: Step): void {
  const { state } = step;
  if (!state.contending) return;
  state.contending = false;
  resign(step, "resigned");
  if (state.role.name === "observing") step.effects.push({ type: "withdrawn" });
}

/** Runs what may change the picture of the Lease, and lets the present role look at it. */
function whileSeeing(step: Step, change: () => boolean | void, again = false): void {
  const { state } = step;
  const before = state.known;
  const regressed = change() === true;
  const changed = state.known !== before;
  if (!changed && !again) return;
  if (tenureOf(state) !== undefined) leaderSees(step, regressed);
  else candidateSees(step, changed);
}

function answered(step: Step, id: number, answer: Answer): void {
  const { reading, exchange } = step.state;
  if (reading?.id === id) {
    const shown = answer.kind === "lease";
    whileSeeing(step, () => readAnswered(step, reading, answer), shown);
  } else if (exchange?.id === id) {
    step.state.exchange = undefined;
    writeAnswered(step, exchange, answer);
  }
}

function writeAnswered(step: Step, exchange: Exchange, answer: Answer): void {
  if (answer.kind === "missing") return whileSeeing(step, () => learnMissing(step));
  if (answer.kind !== "lease") return failed(step, exchange, answer);
  // A creation, or a write that made a new version; an unchanged version is no renewal.
  if (answer.record.rv === exchange.rv) {
    return failed(step, exchange, { kind: "unknown", message: "the write changed nothing" });
  }
  if (exchange.kind === "create") step.state.pace = { at: -Infinity, failures: 0 };
  whileSeeing(step, () => learnAnswer(step, answer.record, exchange.rv ?? "0"));
}

function failed(step: Step, exchange: Exchange, answer: Answer): void {
  const ours = exchange.kind === "renew" || exchange.kind === "release";
  if (ours) leaderFailed(step, exchange, answer);
  else if (tenureOf(step.state) === undefined) candidateFailed(step, exchange, answer);
}

/** Gives up requests that have taken too long; writes among them may still be committed. */
function abandonLate(step: Step): void {
  const { state, now, effects, settings } = step;
  const { exchange, reading } = state;
  const message = `no answer within ${Math.round(settings.timing.attemptTimeoutMs)}ms`;
  if (exchange !== undefined && now.mono >= exchange.timeoutAt) {
    effects.push({ type: "abandon", id: exchange.id });
    state.exchange = undefined;
    failed(step, exchange, { kind: "unknown", message });
  }
  if (reading !== undefined && now.mono >= reading.timeoutAt) {
    effects.push({ type: "abandon", id: reading.id });
    readAnswered(step, reading, { kind: "unknown", message });
  }
}

function assert(condition: boolean, what: string): void {
  if (!condition) throw new Error(`Cannot go on: ${what}`);
}
