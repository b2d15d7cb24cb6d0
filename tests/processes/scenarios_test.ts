// The ten scenarios that client-go fails, each by its name, with real processes on a real API server. Each
// process sits behind a proxy of its own, which cuts it off or keeps its answers back.
import {
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import { LEASE_WRITES, takeovers } from "../control_plane/lease_writes.ts";
import { controlPlaneOrSkip, sharedControlPlane } from "../control_plane/shared.ts";
import type { ActRecord } from "../support/act_log.ts";
import { atOnce } from "../support/at_once.ts";
import { TestProcess } from "../support/processes.ts";
import { startPermissions } from "../support/start_permissions.ts";
import type { TcpProxy } from "../support/tcp_proxy.ts";
import { pause, until } from "../support/until.ts";
import type { Candidate } from "./candidate.ts";
import { type Contest, LEASE_MS, survive } from "./contest.ts";

const ignore = await controlPlaneOrSkip();
const controlPlane = sharedControlPlane({ audit: LEASE_WRITES });

/** No deadline of this can be what ends a term. */
const HOUR = { "lease-duration": "1h" };

/** In bytes: what is no more is a bookmark of a watch, or a connection that is closed. */
const LESS_THAN_A_LEASE = 200;

/**
 * A candidate that is shown nothing for two retry periods asks whether its connection still works: so with
 * these once, 1.6 s before it may take the Lease.
 */
const ASKS_ONCE = {
  "lease-duration": "6s",
  "clock-skew": "1s",
  "stop-grace": "200ms",
  "retry-period": "2200ms",
  "attempt-timeout": "860ms",
};

Deno.test({
  name: "scenario 1: a configuration whose real stop time is beyond D is refused at start: exit 2",
  ignore,
  async fn() {
    const { kubeconfig } = await controlPlane();
    // client-go takes both: 15/14/2 and 4/3.8/3.
    for (const [duration, skew] of [["15s", "1s"], ["4s", "200ms"]] as const) {
      const flags = await startPermissions();
      const args = ["start", "--listen=off", `--kubeconfig=${kubeconfig}`];
      args.push(`--lease-duration=${duration}`, `--clock-skew=${skew}`);
      await using process = await TestProcess.deno("lib/cli/main.ts", { args, flags });
      assertEquals((await process.exit).code, 2);
      await until("it has said why", () => process.ended);
      assertStringIncludes(
        process.lines.join("\n"),
        `Cannot use a clock skew of ${skew} with a lease duration of ${duration}`,
      );
    }
  },
});

/** 2: what tells of a renewal arrives when the network is cut already. */
async function lateAnswer(contest: Contest): Promise<void> {
  const [leader, other] = await contest.begin("worker", 2);
  leader.proxy.holdAnswers();
  await until(
    "a renewal is answered",
    () => leader.proxy.counts.heldAnswerBytes > LESS_THAN_A_LEASE,
  );
  // From here on nothing of the leader reaches the API server: that renewal was its last.
  leader.proxy.cutUpstream();
  // Later than clocks may differ, sooner than the leader would give up by itself.
  await pause(LEASE_MS / 3);
  leader.proxy.releaseAnswers();
  await until("the answer has arrived", () => leader.proxy.counts.heldAnswerBytes === 0);
  leader.proxy.cut();
  await other.says("elected");
  await contest.acts(other);
  assertEquals((await leader.says("lost")).reason, "expired");
}

/** Waits until nothing has passed for a while that is long for an answer, and short for a lease. */
async function quiet(proxy: TcpProxy): Promise<void> {
  const passed = () => proxy.counts.upstreamBytes + proxy.counts.downstreamBytes;
  for (let before = -1; before !== passed(); await pause(LEASE_MS / 20)) before = passed();
}

/** 3: the Lease is a candidate's, but it learns of it when the next one leads. */
async function lateAcquisition(contest: Contest): Promise<void> {
  const options = { flags: ASKS_ONCE };
  const [first, late] = await contest.begin("worker", 2, options);
  first.signal("SIGKILL");
  await first.exitCode();
  // The last renewal may be on its way.
  await quiet(late.proxy);
  const { upstreamBytes } = late.proxy.counts;
  const asked = () => late.proxy.counts.upstreamBytes > upstreamBytes + LESS_THAN_A_LEASE;
  await until("it has asked", asked);
  await quiet(late.proxy);
  // The next that it sends, over a connection that works, is the acquiring write.
  late.proxy.holdAnswers();
  await contest.acquisition(late);
  const next = await contest.worker("c", options);
  await next.says("elected");
  await contest.acts(next);
  late.proxy.releaseAnswers();
  await late.follows(next);
  assertEquals(late.terms, []);
  await contest.acts(next);
}

/** 4: work goes on after SIGTERM; nothing is released before it is over. */
async function drained(contest: Contest): Promise<void> {
  const lingerMs = LEASE_MS / 3;
  const leader = await contest.worker("a", { env: { LINGER_MS: String(lingerMs) } });
  await leader.says("elected");
  await contest.acts(leader);
  leader.signal("SIGTERM");
  assertEquals(await leader.exitCode(), 0);
  const told = await leader.says("lost");
  const last = await contest.lastAct(leader);
  assertGreater(last.wallMs, Date.parse(String(told.time)), "it went on");
  const { receivedMs } = await contest.release(leader);
  assertLess(last.wallMs, receivedMs, "acts come before the release");
}

/** 4: while work goes on after SIGTERM, the Lease is lost. */
async function lostInRelease(contest: Contest): Promise<void> {
  const env = { LINGER_MS: "600000" };
  const leader = await contest.worker("a", { env, flags: HOUR });
  await leader.says("elected");
  leader.signal("SIGTERM");
  assertEquals((await leader.says("lost")).reason, "resigned");
  await contest.acts(leader);
  await contest.setHolder("stranger");
  assertEquals((await leader.says("revoked")).reason, "superseded");
  // Ten minutes before its work meant to be over.
  assertEquals(await leader.exitCode(), 0);
  assertEquals(await contest.holder(), "stranger");
}

/** 5: another hand on the Lease: the work is over at once, and a new term has a new token. */
async function intruded(
  contest: Contest,
  reason: string,
  deed: () => Promise<void>,
): Promise<void> {
  const leader = await contest.worker("a", { flags: HOUR });
  await leader.says("elected");
  await contest.acts(leader);
  await deed();
  assertEquals((await leader.says("lost")).reason, reason);
  const last = await contest.lastAct(leader);
  // A Lease that was never held is taken at once.
  if (reason !== "deleted") await contest.delete();
  await assertNextTerm(contest, leader, last);
}

/** What a worker did last was the last of its first term; what comes next is of its second. */
async function assertNextTerm(contest: Contest, worker: Candidate, last: ActRecord): Promise<void> {
  await until(`${worker.name} leads again`, () => worker.terms.length === 2);
  await contest.acts(worker);
  const next = (await contest.allActs()).find(({ sequence }) => sequence === last.sequence + 1);
  assertEquals([last.token, next?.token], worker.terms.map(({ token }) => token));
}

/** 6: a leader that is cut off, and told to go when the network is healed. */
async function healed(contest: Contest, knowing: boolean): Promise<void> {
  // Its work does not end when its term does, but when the process is told to go: then another leads.
  const leader = await contest.worker("a", { env: { STAYS: "yes" } });
  await leader.says("elected");
  const next = await contest.follower("worker", "b", leader);
  leader.proxy.cut();
  await next.says("elected");
  leader.proxy.heal();
  if (knowing) await leader.follows(next);
  leader.signal("SIGTERM");
  assertEquals(await leader.exitCode(), 0);
  await contest.writesBy(next);
  assertEquals(await contest.holder(), next.identity);
  await contest.acts(next);
}

/** 7: many renewals a second, for longer than the Lease would last without. */
async function renewedOften(contest: Contest): Promise<void> {
  const flags = { "retry-period": "100ms" };
  const [leader, other] = await contest.begin("worker", 2, { flags });
  const from = (await contest.writes()).length;
  await pause(2 * LEASE_MS);
  const renewals = (await contest.writes()).slice(from);
  const inOne = renewals.filter(({ receivedMs }) => receivedMs < renewals[0]!.receivedMs + 1_000);
  assertGreater(inOne.length, 2);
  assertEquals([leader.terms.length, other.terms.length], [1, 0]);
}

/** 8: a process wakes up; its next act is due before the timer that would tell it, and nobody else leads. */
async function frozenAlone(contest: Contest): Promise<void> {
  const leader = await contest.worker("a");
  await leader.says("elected");
  await contest.acts(leader);
  leader.signal("SIGSTOP");
  // It can neither learn anything when it wakes up, nor lead again.
  leader.proxy.cut();
  await pause(LEASE_MS);
  const last = await contest.lastAct(leader);
  leader.signal("SIGCONT");
  assertEquals((await leader.says("lost")).reason, "expired");
  leader.proxy.heal();
  await assertNextTerm(contest, leader, last);
}

/** 9: a leader that is told to go renews until its work is over, though that takes longer than D. */
async function cancelled(contest: Contest): Promise<void> {
  const lingerMs = 1.5 * LEASE_MS;
  const env = { LINGER_MS: String(lingerMs) };
  const [leader, next] = await contest.begin("worker", 2, { env });
  leader.signal("SIGTERM");
  const told = await leader.says("lost");
  await next.says("elected");
  await contest.acts(next);
  assertEquals(await leader.exitCode(), 0);
  const last = await contest.lastAct(leader);
  assertGreaterOrEqual(last.wallMs, Date.parse(String(told.time)) + LEASE_MS, "it went on");
  assertEquals(takeovers(await contest.writes()), [], "it released the Lease");
}

/** 10: one name, and one leader. */
async function twins(contest: Contest): Promise<void> {
  const all = await Promise.all([1, 2, 3].map(() => contest.worker("twin")));
  const identities = new Set<string>();
  while (identities.size < all.length) {
    const leader = await contest.leader();
    await contest.acts(leader);
    identities.add(leader.identity);
    leader.signal("SIGTERM");
    assertEquals(await leader.exitCode(), 0);
    await leader.says("released");
  }
}

Deno.test({
  name: "the scenarios that client-go fails: answers that come late, and clocks that go on",
  ignore,
  async fn(test) {
    const plane = await controlPlane();
    await atOnce(test, {
      "scenario 2: a renewal's answer is late, then the network is cut: no overlap": () =>
        survive(plane, "scenario-2", lateAnswer),
      "scenario 3: the answer to the acquiring write arrives after D: the term never starts": () =>
        survive(plane, "scenario-3", lateAcquisition),
      "scenario 6: a release never erases a successor, right after a healed cut": () =>
        survive(plane, "scenario-6", (contest) => healed(contest, false)),
      "scenario 6: a release never erases a successor that is known": () =>
        survive(plane, "scenario-6-known", (contest) => healed(contest, true)),
      "scenario 7: renewals inside one second are seen": () =>
        survive(plane, "scenario-7", renewedOften),
      "scenario 8: leadership is over the instant the fence passes, with no callback having run":
        () => survive(plane, "scenario-8", frozenAlone),
    });
  },
});

Deno.test({
  name: "the scenarios that client-go fails: releases, strangers and twins",
  ignore,
  async fn(test) {
    const plane = await controlPlane();
    await atOnce(test, {
      "scenario 4: a release: work is aborted and over before anything is written": () =>
        survive(plane, "scenario-4", drained),
      "scenario 4: loss during a release: another holder's Lease is left alone": () =>
        survive(plane, "scenario-4-lost", lostInRelease),
      "scenario 5: the Lease names somebody else: the leader stops at once, not at its deadline":
        () =>
          survive(
            plane,
            "scenario-5-written",
            (contest) => intruded(contest, "superseded", () => contest.setHolder("stranger")),
          ),
      "scenario 5: the Lease is deleted: the leader stops at once, not at its deadline": () =>
        survive(
          plane,
          "scenario-5-deleted",
          (contest) => intruded(contest, "deleted", () => contest.delete()),
        ),
      "scenario 9: a cancelled leader holds the Lease until its work has ended": () =>
        survive(plane, "scenario-9", cancelled),
      "scenario 10: processes of one configured name never lead together": () =>
        survive(plane, "scenario-10", twins),
    });
  },
});
