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
  const faults = fewest(plan.faults, breaks);
  // One after the other: two that are weaker each by itself may break another law together.
  for (const i of faults.keys()) faults[i] = weaker(faults[i]!, i, faults, breaks);
  return { ...plan, faults };
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

/** The fault made certain, and half as long again and again, while that still breaks. */
function weaker(
  fault: Fault,
  place: number,
  all: readonly Fault[],
  breaks: (faults: readonly Fault[]) => boolean,
): Fault {
  let best = fault;
  for (;;) {
    const next = { ...best, forMs: Math.floor(best.forMs / 2) };
    if (next.forMs === 0 || !breaks(all.with(place, next))) return best;
    best = next;
  }
}
