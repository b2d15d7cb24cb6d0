// Contenders with one fault each: a checker that lets them pass would let anything pass.
import { type Effect, Election } from "../../lib/election.ts";
import type { Host } from "./host.ts";
import type { Machine } from "./machine.ts";
import { electionOf } from "./makes.ts";
import type { Invariant } from "./violation.ts";

/** The election of this project, before it is broken. */
const sound = electionOf(Election);

/** It, with other effects. */
function withEffects(election: Election, change: (effects: Effect[]) => Effect[]): Machine {
  return {
    step: (input, now, random) => change(election.step(input, now, random)),
    deadline: (now) => election.deadline(now),
    mayAct: (term, now) => election.mayAct(term, now),
    mayStart: (term, now) => election.mayStart(term, now),
  };
}

function without(type: Effect["type"]) {
  return (host: Host, nonce: string) =>
    withEffects(sound(host, nonce), (effects) => effects.filter((effect) => effect.type !== type));
}

/** A fault, the law that it breaks, and a machine that has it. */
export interface Broken {
  readonly what: string;
  readonly law: Invariant;
  readonly machine: (host: Host, nonce: string) => Machine;
}

/** One for each law that a single contender can break; I1 takes clocks that break their promise. */
export const BROKEN: readonly Broken[] = [
  {
    what: "acts whatever the clock says",
    law: "I2",
    machine: (host, nonce) => {
      const election = sound(host, nonce);
      let term = 0;
      return {
        ...withEffects(election, (effects) => {
          for (const effect of effects) if (effect.type === "startTerm") term = effect.term;
          return effects;
        }),
        mayAct: (asked) => asked === term,
      };
    },
  },
  {
    what: "starts work after it was told to stop",
    law: "I2",
    machine: (host, nonce) => {
      const election = sound(host, nonce);
      return {
        ...withEffects(election, (effects) => effects),
        mayStart: (term, now) => election.mayAct(term, now),
      };
    },
  },
  {
    what: "leads with the token of its last term",
    law: "I4",
    machine: (host, nonce) => {
      let last: string | undefined;
      return withEffects(sound(host, nonce), (effects) =>
        effects.map((effect) => {
          if (effect.type !== "startTerm") return effect;
          return { ...effect, token: last ??= effect.token };
        }));
    },
  },
  {
    what: "writes without saying what it replaces",
    law: "I4",
    machine: (host, nonce) =>
      withEffects(sound(host, nonce), (effects) =>
        effects.map((effect) => {
          if (effect.type !== "write") return effect;
          const { uid: _uid, ...metadata } = effect.lease.metadata;
          return { ...effect, lease: { ...effect.lease, metadata } };
        })),
  },
  {
    what: "releases before its work has ended",
    law: "I5",
    machine: (host, nonce) => {
      const election = sound(host, nonce);
      const machine = withEffects(election, (effects) => effects);
      return {
        ...machine,
        step: (input, now, random) => {
          const effects = election.step(input, now, random);
          const end = effects.find((effect) => effect.type === "endTerm");
          if (end === undefined) return effects;
          return [...effects, ...election.step({ type: "settled", term: end.term }, now, random)];
        },
      };
    },
  },
  {
    what: "waits for a third of the lease duration",
    law: "I6",
    machine: (host, nonce) => {
      const { leaseDurationMs } = host.timing;
      const timing = { ...host.timing, leaseDurationMs: leaseDurationMs / 3 };
      const election = sound(host, nonce);
      return new Election({ ...election.settings, timing });
    },
  },
  {
    what: "never contends",
    law: "I7",
    machine: (host, nonce) => {
      const election = sound(host, nonce);
      const machine = withEffects(election, (effects) => effects);
      return {
        ...machine,
        step: (input, now, random) => {
          return input.type === "contend" ? [] : machine.step(input, now, random);
        },
      };
    },
  },
  { what: "does not tell its work to stop", law: "I8", machine: without("endTerm") },
  {
    what: "reads after every step",
    law: "I9",
    machine: (host, nonce) => {
      let id = 1_000_000;
      const more = (effects: Effect[]): Effect[] => [...effects, { type: "read", id: ++id }];
      return withEffects(sound(host, nonce), more);
    },
  },
  { what: "leaves its watch open", law: "I10", machine: without("unwatch") },
  {
    what: "throws",
    law: "crash",
    machine: (host, nonce) =>
      withEffects(sound(host, nonce), (effects) => {
        if (effects.some(({ type }) => type === "startTerm")) throw new Error("on being elected");
        return effects;
      }),
  },
];
