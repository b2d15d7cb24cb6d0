// A leader to begin a test with.
import type { Answer, LeaseRecord } from "../../lib/lease.ts";
import { Rig } from "./rig.ts";

/** The number of its first term. */
export const TERM = 1;

/** Nobody can say what became of a request. */
export const UNKNOWN: Answer = { kind: "unknown", message: "reset" };

/** One that has just been elected, and the record by which it leads. */
export function leading(): { rig: Rig; record: LeaseRecord } {
  const rig = new Rig();
  const record = rig.lead();
  rig.effects = [];
  return { rig, record };
}

/** Sleeps until the next write is sent, and returns it. */
export function nextWrite(rig: Rig) {
  for (let i = 0; i < 100; i++) {
    const write = rig.take("write")[0];
    if (write !== undefined) return write;
    rig.mono = rig.election.deadline(rig.now);
    rig.step({ type: "timer" });
  }
  throw new Error("no write");
}
