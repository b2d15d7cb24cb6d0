/**
 * Plays seeds of the simulator, from 1 on, until one is a violation, and prints it as `<seed> <message>`: run by
 * {@linkcode Workshop.play} in a broken copy. The argument says how many seeds at most.
 *
 * @module
 */
import { makePlan } from "../simulation/planner.ts";
import { simulate } from "../simulation/simulation.ts";

if (import.meta.main) {
  const most = Number(Deno.args[0]);
  for (let seed = 1; seed <= most; seed++) {
    const { violation } = simulate(makePlan(seed));
    if (violation === undefined) continue;
    console.log(`${seed} ${violation.message}`);
    break;
  }
}
