// Takes faults out of a plan as long as the rest still breaks the same law (delta debugging).
import type { Fault, Plan } from "./plan.ts";
import { type Options, simulate } from "./simulation.ts";

/** No more attempts than this; what is left then is short enough. */
const MOST_ATTEMPTS = 600;

/** The same plan with fewer, and shorter, faults. */
export function shorten(plan: Plan, options: Options = {}): Plan {
  const law = simulate(plan, options).violation?.invariant;
  if (law === undefined) return plan;
  let attempts = 0;
  const breaks = (faults: readonly Fault[]) =>
    ++attempts <= MOST_ATTEMPTS &&
    simulate({ ...plan, faults }, options).violation?.invariant === law;
  return { ...plan, faults: shortest(fewest(plan.faults, breaks), breaks) };
}

/** Leaves out ever smaller parts of a list, and keeps what still breaks. */
function fewest(all: readonly Fault[], breaks: (faults: readonly Fault[]) => boolean): Fault[] {
  let kept = [...all];
  for (let size = kept.length; size >= 1;) {
    let shorter = false;
    for (let start = 0; start < kept.length;) {
      const rest = [...kept.slice(0, start), ...kept.slice(start + size)];
      if (breaks(rest)) {
        kept = rest;
        shorter = true;
      } else {
        start += size;
      }
    }
    if (!shorter || size > kept.length) size = Math.min(kept.length, Math.floor(size / 2));
  }
  return kept;
}

/** Halves how long each fault lasts, again and again, while that still breaks. */
function shortest(all: Fault[], breaks: (faults: readonly Fault[]) => boolean): Fault[] {
  let kept = all;
  for (const place of all.keys()) {
    for (;;) {
      const fault = kept[place]!;
      const next = kept.with(place, { ...fault, forMs: Math.floor(fault.forMs / 2) });
      if (next[place]!.forMs === 0 || !breaks(next)) break;
      kept = next;
    }
  }
  return kept;
}
