// A program with the library in three processes on a real API server, each behind a proxy of its own. It
// acts as long as its term lets it, and every act stands in one log: none may be stale.
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { LEASE_WRITES, takeovers } from "../control_plane/lease_writes.ts";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import { gaps } from "../support/act_log.ts";
import { atOnce } from "../support/at_once.ts";
import type { Candidate } from "./candidate.ts";
import { Contest, SKEW_MS, survive } from "./contest.ts";

const ignore = await controlPlaneOrSkip();
const controlPlane = sharedControlPlane({ audit: LEASE_WRITES });

/** Three of them, and one acts. */
async function start(contest: Contest): Promise<Candidate> {
  const [leader] = await contest.begin("worker", 3);
  await contest.acts(leader);
  return leader;
}

/** Waits for the next leader, and until it acts. */
async function next(contest: Contest, after: Candidate): Promise<Candidate> {
  const leader = await contest.leader(after);
  await contest.acts(leader);
  return leader;
}

/** An act starts before the fence, and the Lease is taken no earlier than D after what the fence counts from. */
async function assertGap(contest: Contest): Promise<void> {
  const [gap] = gaps(await contest.allActs());
  assertGreaterOrEqual(gap!.gapMs, SKEW_MS);
}

async function terminated(contest: Contest): Promise<void> {
  const leader = await start(contest);
  leader.signal("SIGTERM");
  await next(contest, leader);
  assertEquals(await leader.exitCode(), 0);
  assertEquals(takeovers(await contest.writes()), [], "no Lease had to expire");
}

async function killed(contest: Contest): Promise<void> {
  const leader = await start(contest);
  leader.signal("SIGKILL");
  await next(contest, leader);
  await assertGap(contest);
}

async function frozen(contest: Contest): Promise<void> {
  const leader = await start(contest);
  leader.signal("SIGSTOP");
  const successor = await next(contest, leader);
  leader.signal("SIGCONT");
  await leader.says("lost");
  await leader.follows(successor);
  await contest.acts(successor);
  await assertGap(contest);
}

async function cutOff(contest: Contest): Promise<void> {
  const leader = await start(contest);
  leader.proxy.cut();
  const successor = await next(contest, leader);
  assertEquals((await leader.says("lost")).reason, "expired");
  await assertGap(contest);
  leader.proxy.heal();
  await leader.follows(successor);
  leader.signal("SIGTERM");
  assertEquals(await leader.exitCode(), 0);
  await contest.writesBy(successor);
  await contest.acts(successor);
  assertEquals(successor.terms.length, 1);
}

Deno.test({
  name:
    "three workers: no act of an older term after one of a newer, whatever happens to the leader",
  ignore,
  async fn(test) {
    const plane = await controlPlane();
    await atOnce(test, {
      "SIGTERM of the leader hands over, and it exits with 0": () =>
        survive(plane, "terminated", terminated),
      "kill −9 of the leader: nobody acts before the Lease has expired": () =>
        survive(plane, "killed", killed),
      "a leader that was frozen for longer than the lease acts no more when it wakes up": () =>
        survive(plane, "frozen", frozen),
      "a leader whose network is cut stops by its fence, and leaves its successor alone when healed":
        () => survive(plane, "cut-off", cutOff),
    });
  },
});

// What is never found may be what cannot be found: so the same with workers that do not look at the clock.

/** Plays a fault with unsafe workers; their acts must be found out, and those of nobody else. */
async function betray(
  namespace: string,
  play: (contest: Contest, leader: Candidate) => Promise<void>,
): Promise<void> {
  await using contest = await Contest.open(await controlPlane(), namespace);
  const [leader] = await contest.begin("worker", 3, { env: { UNSAFE: "yes" } });
  await contest.acts(leader);
  await play(contest, leader);
  await contest.acts(leader);
  const { staleActs, ...others } = await contest.findings();
  assert(staleActs.length > 0, "the harness does not see stale acts");
  assertEquals(new Set(staleActs.map(({ act }) => act.identity)), new Set([leader.identity]));
  assertEquals(Object.values(others).flat(), [], "the Lease itself was never taken too early");
}

Deno.test({
  name: "three workers that do not look at the clock: their stale acts are seen",
  ignore,
  async fn(test) {
    await atOnce(test, {
      "the leader is frozen for longer than the lease": () =>
        betray("unsafe-frozen", async (contest, leader) => {
          leader.signal("SIGSTOP");
          await next(contest, leader);
          leader.signal("SIGCONT");
        }),
      "the network of the leader is cut": () =>
        betray("unsafe-cut-off", async (contest, leader) => {
          leader.proxy.cut();
          await next(contest, leader);
        }),
    });
  },
});
