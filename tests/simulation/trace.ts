// What happened in a simulation, in words: made only when somebody wants to read it.
import type { Effect, Input } from "../../lib/election.ts";
import type { Fault } from "./plan.ts";

/** One thing that happened. */
export interface Entry {
  /** True time, in milliseconds. */
  readonly at: number;
  /** The host; -1 for the server and everything that is nobody's. */
  readonly who: number;
  readonly text: string;
}

/** A list of what happened. */
export class Trace {
  readonly entries: Entry[] = [];

  note(at: number, who: number, text: string): void {
    this.entries.push({ at, who, text });
  }

  /** A fault begins. */
  fault(at: number, fault: Fault, who: number): void {
    this.note(at, who, `! ${faultText(fault)}`);
  }

  input(at: number, who: number, input: Input): void {
    this.note(at, who, `< ${inputText(input)}`);
  }

  effect(at: number, who: number, effect: Effect): void {
    this.note(at, who, `> ${effectText(effect)}`);
  }

  /** One line an entry. */
  lines(names: readonly string[]): string[] {
    return this.entries.map(({ at, who, text }) => {
      return `${at.toFixed(3).padStart(12)}  ${(names[who] ?? "server").padEnd(10)} ${text}`;
    });
  }

  /** A short number for the whole of it (FNV-1a, twice). */
  hash(): string {
    let [a, b] = [0x811c9dc5, 0x1b873593];
    for (const { at, who, text } of this.entries) {
      const line = `${at} ${who} ${text}\n`;
      for (let i = 0; i < line.length; i++) {
        a = Math.imul(a ^ line.charCodeAt(i), 0x01000193);
        b = Math.imul(b ^ line.charCodeAt(i), 0x01000197);
      }
    }
    return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

/** A fault in a few words. */
export function faultText({ kind, forMs, rate, ms }: Fault): string {
  return `${kind} for ${Math.round(forMs)} ms, rate ${rate.toFixed(3)}, size ${Math.round(ms)} ms`;
}

function inputText(input: Input): string {
  switch (input.type) {
    case "answered": {
      const { answer, id } = input;
      const what = answer.kind === "lease"
        ? versionText(answer.record)
        : answer.kind === "refused"
        ? `refused ${answer.status}`
        : answer.kind;
      return `answer ${id}: ${what}`;
    }
    case "watched": {
      const { event } = input;
      if (event.type === "lease") return `watch ${versionText(event.record)}`;
      return `watch ${event.type}${"rv" in event ? ` ${event.rv}` : ""}`;
    }
    case "watchEnded":
      return `watch ends: ${input.end}`;
    case "settled":
      return `work of term ${input.term} has ended`;
    case "resign":
      return `resign: ${input.reason}`;
    default:
      return input.type;
  }
}

interface Shown {
  readonly rv: string;
  readonly holder: string;
  readonly write?: string;
  readonly token?: string;
}

function versionText({ rv, holder, write, token }: Shown): string {
  const who = holder === "" ? "no holder" : holder.split("_")[0];
  const mark = write === undefined ? "" : ` write ${write.replace(/^0*/, "").slice(-8)}`;
  return `version ${rv}: ${who}${mark}, token ${token ?? "-"}`;
}

function effectText(effect: Effect): string {
  switch (effect.type) {
    case "write":
      return `${effect.kind} ${effect.id} on ${effect.lease.metadata.resourceVersion ?? "nothing"}`;
    case "read":
    case "abandon":
      return `${effect.type} ${effect.id}`;
    case "watch":
      return `watch ${effect.watch} from ${effect.from ?? "now"}`;
    case "unwatch":
      return `unwatch ${effect.watch}`;
    case "startTerm":
      return `TERM ${effect.term} begins, token ${effect.token}`;
    case "endTerm":
      return `term ${effect.term} must stop: ${effect.reason}`;
    case "revokeTerm":
      return `term ${effect.term} is over: ${effect.reason}`;
    case "released":
      return `term ${effect.term} ${effect.done ? "released" : "not released"}`;
    case "holder":
      return `sees ${effect.holder.split("_")[0] || "no holder"}`;
    case "notice":
      return `says ${effect.notice.event}`;
    case "confirmed":
      return `the guard measures from write ${effect.sequence}`;
    case "disarm":
      return `the guard is disarmed of token ${effect.token}`;
    case "withdrawn":
      return "withdrawn";
  }
}
