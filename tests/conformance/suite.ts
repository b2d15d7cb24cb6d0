/**
 * What an API server does with Leases, one test for each behaviour. It runs unchanged against the embedded
 * API server and a real one, and the real one is the judge: whatever differs is a fault of ours.
 *
 * @module
 */
import { ACCESS } from "./access.ts";
import { CREATE } from "./create.ts";
import { DELETE } from "./delete.ts";
import { LIST } from "./list.ts";
import { PATCH } from "./patch.ts";
import { PROTOCOL } from "./protocol.ts";
import { Api, type Behaviour, type Target } from "./target.ts";
import { UPDATE } from "./update.ts";
import { VALIDATION } from "./validation.ts";
import { WATCH } from "./watch.ts";

/** All that is asked of an API server. */
export const BEHAVIOURS: readonly Behaviour[] = [
  ...CREATE,
  ...UPDATE,
  ...VALIDATION,
  ...DELETE,
  ...PATCH,
  ...LIST,
  ...WATCH,
  ...ACCESS,
  ...PROTOCOL,
];

/**
 * Registers the suite.
 *
 * @param title What comes before the name of each test.
 * @param makeTarget Gives the API server, once for each test; its `asyncDispose` is called after it.
 * @param ignore Whether there is none.
 */
export function conformance(
  title: string,
  makeTarget: () => Promise<Target>,
  ignore = false,
): void {
  for (const { name, run } of BEHAVIOURS) {
    Deno.test({
      name: `${title}: ${name}`,
      ignore,
      async fn() {
        await using target = await makeTarget();
        await using api = await Api.open(target);
        await run(api);
      },
    });
  }
}
