// What a leader does, and when it stops: tables of inputs for the machine.
import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { type Answer, readMicroTime } from "../lib/lease.ts";
import { leading, nextWrite, TERM, UNKNOWN } from "./support/leading.ts";
import {
  ANNOTATION,
  byClientGo,
  edited,
  held,
  NONCE,
  released,
  Rig,
  stored,
} from "./support/rig.ts";

const F = 12_000;
const STOP = 10_000;

Deno.test("I2: the fence counts from before the write was sent, not from its answer", () => {
  const { rig } = leading();
  const renewal = nextWrite(rig);
  const sent = rig.mono;
  rig.mono += 2_400;
  rig.commit(renewal, 21);
  assertEquals(rig.election.remainingMs(TERM, rig.now), F - 2_400);
  rig.mono = sent + F - 0.001;
  assert(rig.election.mayAct(TERM, rig.now));
  rig.mono = sent + F;
  assert(!rig.election.mayAct(TERM, rig.now));
});

Deno.test("I2: no new work from F − K on, and the work is told to stop then", () => {
  const { rig } = leading();
  rig.mono = STOP - 0.001;
  assert(rig.election.mayStart(TERM, rig.now));
  rig.mono = STOP;
  assert(!rig.election.mayStart(TERM, rig.now));
  assert(rig.election.mayAct(TERM, rig.now), "work that was admitted may act until F");
  rig.step({ type: "timer" });
  assertEquals(rig.only("endTerm").reason, "expired");
  assertEquals(rig.take("revokeTerm"), []);
});

Deno.test("scenario 8: nobody may act once the fence has passed, though nothing has run", () => {
  const { rig } = leading();
  rig.mono = F;
  assertEquals(rig.role, "leading");
  assert(!rig.election.mayAct(TERM, rig.now));
  assert(!rig.election.mayStart(TERM, rig.now));
});

Deno.test("I2: a wall clock that jumps ahead, as after a suspend, is believed", () => {
  const { rig } = leading();
  rig.wallOffset += F;
  assert(!rig.election.mayAct(TERM, rig.now));
  rig.step({ type: "timer" });
  assertEquals(rig.only("revokeTerm").reason, "expired");
});

Deno.test("I2: a wall clock that jumps ahead is noticed by the next timer, in time for the work to stop", () => {
  const { rig } = leading();
  // The timer is set before the jump: nobody tells it.
  rig.mono = rig.election.deadline(rig.now);
  rig.wallOffset += STOP;
  assert(rig.mono <= (F - STOP) / 4, "a quarter of the grace is gone at the most");
  rig.step({ type: "timer" });
  assertEquals(rig.only("endTerm").reason, "expired");
  assertEquals(rig.take("revokeTerm"), []);
});

Deno.test("a wall clock that is set back changes nothing", () => {
  const { rig } = leading();
  rig.wallOffset -= 3_600_000;
  rig.mono = F - 1;
  assert(rig.election.mayAct(TERM, rig.now));
  rig.mono = F;
  assert(!rig.election.mayAct(TERM, rig.now));
});

Deno.test("renewals are sent every retry period, each under the version before", () => {
  const { rig } = leading();
  for (let rv = 21; rv < 30; rv++) {
    const start = rig.mono;
    const renewal = nextWrite(rig);
    assertAlmostEquals(rig.mono - start, 2_000);
    assertEquals(renewal.kind, "renew");
    assertEquals(renewal.lease.metadata.uid, "uid-1");
    assertEquals(renewal.lease.metadata.resourceVersion, String(rv - 1));
    rig.commit(renewal, rv);
  }
});

Deno.test("H14: renewTime grows by a whole second at least, though the wall clock is set back", () => {
  const { rig, record } = leading();
  let last = record.renewMicros!;
  for (const offset of [0, -86_400_000, 0, 500]) {
    rig.wallOffset += offset;
    const renewal = nextWrite(rig);
    const next = readMicroTime(renewal.lease.spec.renewTime)!;
    assert(Math.floor(next / 1e6) > Math.floor(last / 1e6));
    last = next;
    rig.commit(renewal, Number(renewal.lease.metadata.resourceVersion) + 1);
  }
});

Deno.test("H2: a timeout is followed by the same write, at once, with its own sequence", () => {
  const { rig } = leading();
  const one = nextWrite(rig);
  rig.sleep(2_500);
  assertEquals(rig.only("abandon").id, one.id);
  const two = rig.only("write");
  assertEquals(two.lease.metadata.resourceVersion, one.lease.metadata.resourceVersion);
  assertNotEquals(
    two.lease.metadata.annotations![ANNOTATION.write],
    one.lease.metadata.annotations![ANNOTATION.write],
  );
});

Deno.test("H2 H3: a lost write that was committed is confirmed from its own send time", () => {
  const { rig } = leading();
  const one = nextWrite(rig);
  const sent = rig.mono;
  rig.sleep(1_000);
  rig.answer(one, UNKNOWN);
  const two = rig.only("write");
  rig.sleep(500);
  rig.answer(two, { kind: "conflict" });
  rig.sleep(500);
  rig.answer(rig.only("read"), { kind: "lease", record: stored(one.lease, 21) });
  assertEquals(rig.role, "leading");
  assertEquals(rig.election.remainingMs(TERM, rig.now), F - (rig.mono - sent));
  assertEquals(nextWrite(rig).lease.metadata.resourceVersion, "21");
});

Deno.test("H3: a conflict without any change is tried again, with pauses", () => {
  const { rig, record } = leading();
  for (let i = 0; i < 5; i++) {
    rig.answer(nextWrite(rig), { kind: "conflict" });
    for (const read of rig.take("read")) rig.answer(read, { kind: "lease", record });
  }
  assertEquals(rig.role, "leading");
  assert(rig.mono > 2_200, "conflicts do not spin");
});

Deno.test("after a conflict nothing is written before a read has explained it", () => {
  const { rig } = leading();
  rig.answer(nextWrite(rig), { kind: "conflict" });
  const read = rig.only("read");
  rig.sleep(1_000);
  assertEquals(rig.take("write"), []);
  rig.answer(read, UNKNOWN);
  assertEquals(rig.take("write"), []);
  rig.sleep(1_000);
  assertEquals(rig.take("read").length > 0, true);
});

Deno.test("outages extend nothing", async (t) => {
  const answers: Answer[] = [
    UNKNOWN,
    { kind: "refused", status: 401, message: "who are you" },
    { kind: "refused", status: 429, message: "slow", retryAfterMs: 3_600_000 },
    { kind: "refused", status: 500, message: "oops" },
  ];
  for (const answer of answers) {
    await t.step(JSON.stringify(answer), () => {
      const { rig } = leading();
      const end = rig.mono + F;
      while (rig.mono < end) {
        for (const write of rig.take("write")) rig.answer(write, answer);
        rig.sleep(10);
      }
      assertEquals(rig.only("endTerm").reason, "expired");
      assertEquals(rig.only("revokeTerm").reason, "expired");
      assertEquals(rig.role, "settling");
    });
  }
});

Deno.test("a 403 at the fence is told as the reason", () => {
  const { rig } = leading();
  while (rig.mono < F) {
    for (const write of rig.take("write")) {
      rig.answer(write, { kind: "refused", status: 403, message: "no" });
    }
    rig.sleep(10);
  }
  assertEquals(rig.only("endTerm").reason, "forbidden");
});

Deno.test("Retry-After is honoured, but never past half of what remains", () => {
  const { rig } = leading();
  rig.answer(nextWrite(rig), {
    kind: "refused",
    status: 429,
    message: "slow",
    retryAfterMs: 3_600_000,
  });
  const start = rig.mono;
  nextWrite(rig);
  assertAlmostEquals(rig.mono - start, (STOP - 2_000) / 2, 1);
});

Deno.test("an answer that shows no new version is no renewal", () => {
  const { rig, record } = leading();
  const sent = rig.mono;
  rig.answer(nextWrite(rig), { kind: "lease", record });
  assertEquals(rig.election.remainingMs(TERM, rig.now), sent + F - rig.mono);
});

Deno.test("evidence of loss ends the term in the same step", async (t) => {
  const mine = leading().record;
  const cases: [string, string, (rig: Rig) => void][] = [
    ["superseded", "scenario 5: another of ours", (rig) => rig.show(held(30, { base: mine }))],
    ["superseded", "scenario 5: client-go", (rig) => rig.show(byClientGo(mine, 30))],
    ["edited", "emptied by hand", (rig) => rig.show(byClientGo(mine, 30, ""))],
    [
      "edited",
      "another duration",
      (rig) => rig.show(edited(mine, 30, (lease) => lease.spec.leaseDurationSeconds = 3)),
    ],
    [
      "edited",
      "another write",
      (rig) =>
        rig.show(edited(mine, 30, (lease) => {
          lease.metadata.annotations![ANNOTATION.write] = `${NONCE}.77`;
        })),
    ],
    [
      "edited",
      "another token",
      (rig) =>
        rig.show(edited(mine, 30, (lease) => {
          lease.metadata.annotations![ANNOTATION.token] = "77";
        })),
    ],
    [
      "edited",
      "our annotations stripped",
      (rig) => rig.show(edited(mine, 30, (lease) => delete lease.metadata.annotations)),
    ],
    ["deleted", "deleted", (rig) => rig.watch({ type: "deleted", rv: "30" })],
    [
      "deleted",
      "made anew",
      (rig) => rig.show(edited(mine, 30, (lease) => lease.metadata.uid = "uid-2")),
    ],
    ["deleted", "gone when renewed", (rig) => rig.answer(nextWrite(rig), { kind: "missing" })],
    [
      "superseded",
      "found by a read",
      (rig) => {
        rig.answer(nextWrite(rig), { kind: "conflict" });
        rig.answer(rig.only("read"), { kind: "lease", record: held(30, { base: mine }) });
      },
    ],
    [
      "regressed",
      "an older version, asked for later",
      (rig) => {
        rig.answer(nextWrite(rig), { kind: "conflict" });
        rig.answer(rig.only("read"), { kind: "lease", record: held(15) });
      },
    ],
    ["regressed", "the same version, of another holder", (rig) => rig.show(held(20))],
    [
      "edited",
      "H15: a webhook shortened the duration",
      (rig) => {
        const record = stored(nextWrite(rig).lease, 30);
        rig.show(edited(record, 30, (lease) => lease.spec.leaseDurationSeconds = 1));
      },
    ],
  ];
  for (const [reason, name, happen] of cases) {
    await t.step(`${name}: ${reason}`, () => {
      const { rig } = leading();
      happen(rig);
      assertEquals(rig.only("endTerm").reason, reason);
      assertEquals(rig.only("revokeTerm").reason, reason);
      assert(!rig.election.mayAct(TERM, rig.now));
      rig.sleep(5_000);
      assertEquals(rig.take("write").filter((w) => w.kind !== "create"), [], "nothing is written");
    });
  }
});

Deno.test("a term that is over does not come back, whatever is answered later", () => {
  const { rig } = leading();
  const renewal = nextWrite(rig);
  rig.show(held(30));
  rig.answer(renewal, { kind: "lease", record: stored(renewal.lease, 31) });
  assert(!rig.election.mayAct(TERM, rig.now));
  assertEquals(rig.role, "settling");
});

Deno.test("older events are dropped", () => {
  const { rig } = leading();
  rig.show(held(15));
  assertEquals(rig.role, "leading");
});

Deno.test("H6: foreign metadata changes nothing but the version", () => {
  const { rig, record } = leading();
  const renewal = nextWrite(rig);
  const before = rig.election.remainingMs(TERM, rig.now);
  rig.show(edited(record, 30, (lease) => lease.metadata.labels = { a: "b" }));
  assertEquals(rig.election.remainingMs(TERM, rig.now), before);
  rig.answer(renewal, { kind: "conflict" });
  const again = nextWrite(rig);
  assertEquals(again.lease.metadata.resourceVersion, "30");
  assertEquals(again.lease.metadata.labels, { a: "b" }, "and is sent back as it came");
});

Deno.test("leading again takes a new acquisition, and not before the work has settled", () => {
  const { rig } = leading();
  rig.show(held(30));
  rig.show(released(31, held(30)));
  rig.sleep(20_000);
  assertEquals(rig.take("write"), []);
  rig.step({ type: "settled", term: TERM });
  const write = rig.only("write");
  assertEquals(write.kind, "acquire");
  rig.commit(write, 32);
  assertEquals(rig.only("startTerm").token, "31");
});

Deno.test("preferredHolder: the term is finished for it, and the next acquisition clears it", () => {
  const { rig, record } = leading();
  rig.show(edited(record, 30, (lease) => lease.spec.preferredHolder = "somebody"));
  assertEquals(rig.only("endTerm").reason, "preempted");
  rig.step({ type: "settled", term: TERM });
  const release = rig.only("write");
  assertEquals(release.kind, "release");
  rig.commit(release, 31);
  rig.sleep(14_999);
  for (const read of rig.take("read")) rig.answer(read, UNKNOWN);
  assertEquals(rig.take("write"), []);
});

Deno.test("I9: whatever is answered, requests stay within 3 a retry period and a burst of 10", () => {
  const answers: Answer[] = [UNKNOWN, { kind: "conflict" }, { kind: "missing" }];
  for (const answer of answers) {
    for (const lead of [true, false]) {
      const rig = new Rig();
      if (lead) rig.lead();
      else rig.begin({ type: "lease", record: released(10) });
      rig.effects = [];
      let sent = 0;
      const end = rig.mono + 60_000;
      while (rig.mono < end) {
        const requests = [...rig.take("write"), ...rig.take("read")];
        const watches = rig.take("watch").length;
        sent += requests.length + watches;
        for (const request of requests) rig.answer(request, answer);
        if (watches > 0) rig.endWatch("failed");
        rig.step({ type: "settled", term: TERM });
        rig.sleep(5);
        const limit = 10 + 3 * (rig.mono - (end - 60_000)) / 2_000 + 1;
        assert(sent <= limit, `${sent} requests are more than ${limit}`);
      }
    }
  }
});

Deno.test("H16: what ran out while the process was paused does not come back with a late answer", () => {
  const { rig } = leading();
  const renewal = nextWrite(rig);
  // By the renewal, sent 2 s after the last, it would last for another second.
  rig.mono = F + 1_000;
  rig.commit(renewal, 21);
  assert(!rig.election.mayAct(TERM, rig.now));
  assertEquals(rig.only("revokeTerm").reason, "expired");
});

Deno.test("a new term has a number of its own: nothing of the last one acts or ends in it", () => {
  const { rig } = leading();
  rig.show(held(30));
  rig.show(released(31, held(30)));
  rig.step({ type: "settled", term: TERM });
  rig.commit(rig.only("write"), 32);
  const { term } = rig.only("startTerm");
  assert(rig.election.mayAct(term, rig.now));
  assert(!rig.election.mayAct(TERM, rig.now));
  rig.step({ type: "settled", term: TERM });
  assertEquals(rig.role, "leading");
});
