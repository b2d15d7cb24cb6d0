// A new version comes: replicas are replaced one by one, and whoever ignores that it must go is fenced.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { actsOf, readActs, staleActs } from "../bench/acts.ts";
import { Cluster } from "../bench/cluster.ts";
import { Contest } from "../bench/contest.ts";
import type { Version } from "../bench/lease_watch.ts";
import { findMakes, type Make, type Role } from "../bench/makes.ts";
import type { Replica } from "../bench/replica.ts";
import { rollOut } from "../bench/rollout.ts";
import { controlPlaneOrSkip } from "../control_plane/shared.ts";
import { poll } from "../control_plane/supervisor.ts";

const ignore = await controlPlaneOrSkip();
const LIMIT_MS = 60_000;
/** Of the deaf worker. */
const LEASE_MS = 8_000;
const FENCE_MS = 6_400;
/** Wall and monotonic clock may part a little on the way. */
const SLEW_MS = 50;

Deno.test({
  name: "a rolling update never has two leaders, and ends with one of the new replicas leading",
  ignore,
  async fn() {
    await using cluster = await Cluster.start();
    const { worker } = await findMakes(console.error, false);
    await using contest = await Contest.of(cluster, worker, 3);
    const old = contest.replicas.map(({ name }) => name);
    const { moves } = await rollOut(contest);
    const { leader, replicas, watch } = contest;
    assert(moves >= 1 && moves <= 3);
    assertEquals(replicas.filter(({ name }) => old.includes(name)), []);
    await watch.seen("the leader", LIMIT_MS, ({ holder }) => holder.startsWith(`${leader.name}_`));
    const lastWords = replicas.map((replica) =>
      replica.events.findLast(({ event }) => ["elected", "lost"].includes(event))?.event
    );
    assertEquals(lastWords.filter((event) => event === "elected").length, 1);
    const acts = await poll(LIMIT_MS, async () => {
      const acts = await readActs(contest.acts);
      const all = new Set(acts.map(({ term }) => term)).size >= 1 + moves;
      return all ? acts : undefined;
    });
    assert(acts !== undefined, "each term has acted");
    assertEquals(staleActs(acts), []);
  },
});

Deno.test({
  name:
    "work that ignores SIGTERM acts no longer than the fence; its process ends with 1, unreleased",
  ignore,
  async fn() {
    await using cluster = await Cluster.start();
    await using contest = await Contest.of(cluster, await deafWorker(), 2);
    const [deaf, next] = contest.replicas as [Replica, Replica];
    const at = deaf.signal("SIGTERM");
    assertEquals((await deaf.ended()).code, 1);
    assertStringIncludes(deaf.tail, "WorkUnfinished: Cannot wait any longer");
    await contest.elected(at, [next]);

    const { watch } = contest;
    await watch.seen("the next holder", LIMIT_MS, ({ holder }) => holder.startsWith(next.name));
    const index = watch.versions.findLastIndex(({ holder }) => holder.startsWith(deaf.name));
    const [last, successor] = watch.versions.slice(index, index + 2) as [Version, Version];
    assert(successor.holder.startsWith(next.name), "there was no release between them");
    const waitedMs = successor.renewedAt - last.renewedAt;
    assert(waitedMs >= LEASE_MS - SLEW_MS, `it took the Lease after ${waitedMs} ms`);

    const acts = await readActs(contest.acts);
    assertEquals(staleActs(acts), []);
    const actedMs = actsOf(acts, deaf.name).at(-1)!.at - last.renewedAt;
    assert(actedMs <= FENCE_MS + SLEW_MS, `it acted for ${actedMs} ms after its last renewal`);
  },
});

/** As the worker of the bench, but deaf to its signal. */
async function deafWorker(): Promise<Make> {
  const { worker } = await findMakes(console.error, false);
  const program = (role: Role) => {
    const { path, args } = worker.program(role);
    const script = (arg: string) =>
      arg.replace("tests/bench/worker.ts", "tests/manifests/deaf_worker.ts");
    return { path, args: args.map(script) };
  };
  return { ...worker, program };
}
