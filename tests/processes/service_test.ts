// Three processes of the service on a real API server, each behind a proxy of its own: whatever happens to
// the leader, the next one leads, and never two at once.
import { assertEquals } from "@std/assert";
import { LEASE_WRITES, takeovers } from "../control_plane/lease_writes.ts";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import { atOnce } from "../support/at_once.ts";
import type { Candidate } from "./candidate.ts";
import { type Contest, survive } from "./contest.ts";

const ignore = await controlPlaneOrSkip();
const controlPlane = sharedControlPlane({ audit: LEASE_WRITES });

/** Three of them, and one leads. */
async function start(contest: Contest): Promise<Candidate> {
  const [leader] = await contest.begin("service", 3);
  assertEquals((await leader.leader()).status, 200);
  return leader;
}

async function terminated(contest: Contest): Promise<void> {
  const leader = await start(contest);
  leader.signal("SIGTERM");
  const next = await contest.leader(leader);
  assertEquals((await next.leader()).status, 200);
  assertEquals(await leader.exitCode(), 0);
  await leader.says("released");
  assertEquals(takeovers(await contest.writes()), [], "no Lease had to expire");
}

async function killed(contest: Contest): Promise<void> {
  const leader = await start(contest);
  leader.signal("SIGKILL");
  const next = await contest.leader(leader);
  assertEquals((await next.leader()).status, 200);
  // That it waited long enough is found out in the end; here, that it had to wait.
  const { from, to } = await contest.takeover();
  assertEquals([from.holder, to.holder], [leader.identity, next.identity]);
}

async function frozen(contest: Contest): Promise<void> {
  const leader = await start(contest);
  leader.signal("SIGSTOP");
  const next = await contest.leader(leader);
  assertEquals((await next.leader()).status, 200);
  // This lies there when the leader wakes up, and is the first thing that it has to do.
  const question = leader.leader();
  leader.signal("SIGCONT");
  assertEquals((await question).status, 503);
  await leader.says("lost");
  await leader.follows(next);
  assertEquals((await leader.leader()).status, 503);
}

async function cutOff(contest: Contest): Promise<void> {
  const leader = await start(contest);
  leader.proxy.cut();
  const next = await contest.leader(leader);
  assertEquals((await next.leader()).status, 200);
  assertEquals((await leader.leader()).status, 503);
  assertEquals((await leader.says("lost")).reason, "expired");
  leader.proxy.heal();
  await leader.follows(next);
  leader.signal("SIGTERM");
  assertEquals(await leader.exitCode(), 0);
  await contest.writesBy(next);
  assertEquals(await contest.holder(), next.identity);
  assertEquals(next.terms.length, 1);
}

Deno.test({
  name: "three processes of the service: one leads, whatever happens to it",
  ignore,
  async fn(test) {
    const plane = await controlPlane();
    await atOnce(test, {
      "SIGTERM of the leader hands over, and it exits with 0": () =>
        survive(plane, "terminated", terminated),
      "kill −9 of the leader: the next one leads when the Lease has expired": () =>
        survive(plane, "killed", killed),
      "a leader that was frozen for longer than the lease leads no more when it wakes up": () =>
        survive(plane, "frozen", frozen),
      "a leader whose network is cut stops by the clock, and leaves its successor alone when healed":
        () => survive(plane, "cut-off", cutOff),
    });
  },
});
