// A share of the torture: every fault once, with real processes on a real control plane.
import { assertEquals, assertGreater } from "@std/assert";
import { LEASE_WRITES } from "../control_plane/lease_writes.ts";
import { sharedControlPlane } from "../control_plane/shared.ts";
import { atOnce } from "../support/at_once.ts";
import { everyFault, FAULTS, type Plan, planText, WORKS } from "./matrix.ts";
import { missing } from "./missing.ts";
import { play, playUnsafe } from "./round.ts";

const ignore = await skipped();
const controlPlane = sharedControlPlane({ audit: LEASE_WRITES });

const LEASE_DURATION_MS = 3_000;
/** So many at once: they wait more than they work. */
const WIDTH = 4;

async function skipped(): Promise<boolean> {
  const reason = await missing();
  if (reason === undefined) return false;
  if (Deno.env.get("CI") === "true") {
    throw new Error(`Tests need real processes, and CI=true forbids to skip them: ${reason}`);
  }
  console.error(`SKIPPED: tests that kill and stop real leaders, because ${reason}.`);
  return true;
}

Deno.test("the share has every fault, every work, every settle, inside and outside", () => {
  const plans = everyFault();
  assertEquals(new Set(plans.map(({ fault }) => fault)), new Set(FAULTS));
  assertEquals(new Set(plans.map(({ work }) => work)), new Set(WORKS));
  assertEquals(new Set(plans.map(({ settleMs }) => settleMs)), new Set([0, 1_000]));
  assertEquals(new Set(plans.map(({ contained }) => contained)), new Set([false, true]));
});

Deno.test({
  name: "torture: an overlap made on purpose is seen in the log, and refused by the store",
  ignore,
  async fn() {
    const stage = { plane: await controlPlane(), leaseDurationMs: LEASE_DURATION_MS };
    const { staleActs, refused, lateAccepted } = await playUnsafe({
      ...stage,
      namespace: "unsafe",
    });
    assertGreater(staleActs, 0);
    assertGreater(refused, 0);
    assertEquals(lateAccepted, 0);
  },
});

Deno.test({
  name: "torture: another takes over, and nothing of the old leader acts any more",
  ignore,
  async fn(test) {
    const plane = await controlPlane();
    const survive = async (plan: Plan, index: number) => {
      const stage = { plane, namespace: `round-${index}`, leaseDurationMs: LEASE_DURATION_MS };
      const { faults } = await play(stage, plan);
      assertEquals(faults, []);
    };
    const steps = everyFault().map((plan, index): [string, () => Promise<void>] => [
      planText(plan).replaceAll(/\s+/g, " ").trim(),
      () => survive(plan, index),
    ]);
    for (let i = 0; i < steps.length; i += WIDTH) {
      await atOnce(test, Object.fromEntries(steps.slice(i, i + WIDTH)));
    }
  },
});
