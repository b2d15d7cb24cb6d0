/**
 * What may go wrong, and with whom: every round of the torture is one choice from this.
 *
 * @module
 */
import type { Dice } from "../simulation/dice.ts";

/** A process of a leader. Of a program under `guard`, the elector is the program. */
export type Part = "guard" | "elector" | "command";

/** What is done to a leader. */
export interface Fault {
  readonly name: string;
  /**
   * By signals: `kill`; `stop`, until long after another leads; `freeze`, for about a lease duration. `block`
   * keeps the main thread of a program busy for 3 D.
   */
  readonly how: "kill" | "stop" | "freeze" | "block";
  readonly parts: readonly Part[];
  /** The leader's way to the API server is cut at the same time. */
  readonly cut: boolean;
  /** Neither guard nor elector can do anything: late acts are possible, and a store has to refuse them. */
  readonly tokenOnly: boolean;
}

const PARTS: readonly (readonly Part[])[] = [
  ["guard"],
  ["elector"],
  ["command"],
  ["guard", "command"],
  ["elector", "command"],
  ["guard", "elector"],
  ["guard", "elector", "command"],
];

function fault(how: Fault["how"], parts: readonly Part[], cut = false): Fault {
  return {
    name: `${cut ? "cut, " : ""}${how} ${parts.join("+")}`,
    how,
    parts,
    cut,
    tokenOnly: parts.includes("guard") && parts.includes("elector"),
  };
}

/** All faults. */
export const FAULTS: readonly Fault[] = [
  ...PARTS.map((parts) => fault("kill", parts)),
  ...PARTS.map((parts) => fault("stop", parts)),
  // A command alone may sleep as long as it likes: the term goes on.
  ...PARTS.filter((parts) => parts.join() !== "command").map((parts) => fault("freeze", parts)),
  { ...fault("block", []), name: "block main thread" },
  fault("kill", ["elector"], true),
  fault("stop", ["elector"], true),
];

/**
 * How a leader acts. `program` uses the library under `guard`; all others are commands of `exec`, which are
 * told in `command.sh`.
 */
export const WORKS = [
  "plain",
  "stubborn",
  "fork",
  "session",
  "clean",
  "nested",
  "fast",
  "program",
] as const;

/** One of them. */
export type Work = typeof WORKS[number];

/** The works that a fault can be played on. */
export function worksFor({ how, parts }: Fault): readonly Work[] {
  if (how === "block") return ["program"];
  return parts.includes("command") ? WORKS.filter((work) => work !== "program") : WORKS;
}

/** How many processes act for one leader. */
export function writersOf(work: Work): number {
  return ["fork", "session", "clean", "nested"].includes(work) ? 2 : 1;
}

/** One round. */
export interface Plan {
  readonly fault: Fault;
  readonly work: Work;
  readonly settleMs: number;
  /** Each candidate in a PID namespace of its own, under an init, as in a container. */
  readonly contained: boolean;
  /**
   * When the fault comes, after the leader has begun to act: not at once, since an elector whose guard is
   * killed finds a stray without a mark only if it had a quarter of a second to see it.
   */
  readonly restMs: number;
  /** How long what is frozen sleeps, in lease durations. */
  readonly freezes: number;
}

/** For so long a leader is left in peace, to be struck anywhere between two renewals. */
const REST_MS = [300, 1_500] as const;

/** Mostly to between F and D, the time in which nobody may act. */
const FREEZES = [0.5, 1.3] as const;

/** A round chosen at random. */
export function choose(dice: Dice): Plan {
  const fault = dice.pick(FAULTS);
  return {
    fault,
    work: dice.pick(worksFor(fault)),
    settleMs: dice.pick([0, 1_000]),
    contained: dice.chance(0.5),
    restMs: dice.between(...REST_MS),
    freezes: dice.between(...FREEZES),
  };
}

/** Every fault once, every work and everything else several times. */
export function everyFault(): Plan[] {
  return FAULTS.map((fault, index) => {
    const works = worksFor(fault);
    return {
      fault,
      work: works[(index + 1) % works.length]!,
      settleMs: index % 4 < 2 ? 0 : 1_000,
      contained: index % 2 === 1,
      restMs: 300 + 100 * (index % 5),
      freezes: 1,
    };
  });
}

/** The plan in words. */
export function planText({ fault, work, settleMs, contained }: Plan): string {
  const where = contained ? "contained" : "outside";
  return `${fault.name.padEnd(26)} ${work.padEnd(8)} settle ${settleMs / 1_000} s  ` +
    where.padEnd(9);
}
