/**
 * Plays seeds of the simulator, from 1 on, until one is a violation, and prints it as `<seed> <message>`: run by
 * {@linkcode Workshop.play} in a broken copy. The argument says how many seeds at most; with `guarded` behind it,
 * those among them are passed over in which nobody has a guard.
 *
 * @module
 */
import { makePlan } from "../simulation/planner.ts";
import { simulate } from "../simulation/simulation.ts";

if (import.meta.main) {
  const most = Number(Deno.args[0]);
  const guarded = Deno.args[1] === "guarded";
  for (let seed = 1; seed <= most; seed++) {
    const plan = makePlan(seed);
    if (guarded && plan.contenders.every(({ guard }) => guard === undefined)) continue;
    const { violation } = simulate(plan);
    if (violation === undefined) continue;
    console.log(`${seed} ${violation.message}`);
    break;
  }
}
