// Defects that a review or the simulators found, each by its name. What a rule of the protocol
// asks for in general stands in candidate_test.ts, leader_test.ts and release_test.ts.
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { RequestFailed } from "../lib/errors.ts";
import { VERBS } from "../lib/kubernetes/access.ts";
import type { Client, HttpAnswer, HttpRequest } from "../lib/kubernetes/client.ts";
import type { Answer, LeaseRecord } from "../lib/lease.ts";
import { silent } from "../lib/logger.ts";
import { Preflight } from "../lib/preflight.ts";
import { makeTiming } from "../lib/timing.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { ANNOTATION, byClientGo, edited, held, released, Rig, unheld } from "./support/rig.ts";

const D = 15_000;
const unknown: Answer = { kind: "unknown", message: "connection refused" };

/** A candidate that has seen this version on its watch. */
function first(record: LeaseRecord, options = {}): Rig {
  return new Rig(options).begin({ type: "lease", record }, { type: "synced", rv: record.rv });
}

/** Goes from deadline to deadline, and answers what is asked. */
function play(rig: Rig, forMs: number, answer: (rig: Rig) => void): void {
  const end = rig.mono + forMs;
  for (let turn = 0; rig.mono < end; turn++) {
    assert(turn < 100_000, "a busy loop");
    answer(rig);
    rig.mono = Math.max(rig.mono, rig.election.deadline(rig.now));
    if (rig.mono < end) rig.step({ type: "timer" });
  }
}

Deno.test("I4: a token that runs ahead of the versions is not given out again when they reach it", () => {
  const ahead = edited(held(5), 6, (lease) => lease.metadata.annotations![ANNOTATION.token] = "21");
  const rig = first(ahead);
  rig.watch({ type: "deleted", rv: "7" }, { type: "lease", record: unheld(21) });
  rig.sleep(2 * D);
  const [, write] = rig.take("write");
  assertEquals(write?.lease.metadata.resourceVersion, "21");
  assertEquals(write?.lease.metadata.annotations?.[ANNOTATION.token], "22");
});

Deno.test("I4: a token that none can follow, once corrected, blocks nobody", () => {
  const last = "9".repeat(39);
  const record = edited(held(5), 6, (l) => l.metadata.annotations![ANNOTATION.token] = last);
  const rig = first(record);
  rig.sleep(2 * D);
  assertEquals(rig.take("write"), []);
  rig.show(edited(record, 7, (l) => l.metadata.annotations![ANNOTATION.token] = "6"));
  rig.sleep(3 * D);
  assertEquals(rig.take("write")[0]?.kind, "acquire");
});

Deno.test("H12: an absence that was overtaken by the very next version is not believed", () => {
  const rig = new Rig().begin({ type: "synced", rv: "7" });
  const create = rig.only("write");
  rig.answer(create, { kind: "conflict" });
  rig.sleep(100);
  const read = rig.only("read");
  rig.show(held(8));
  rig.take("write");
  rig.answer(read, { kind: "missing" });
  assertEquals(rig.take("write"), []);
  assertEquals(rig.election.state.known?.record?.rv, "8");
});

Deno.test("I6: another make is waited out though the server goes back to a time before it", () => {
  const rig = first(byClientGo(unheld(1), 20));
  rig.sleep(5_000);
  rig.answer(rig.only("read"), { kind: "lease", record: unheld(15) });
  assertGreater(rig.election.takeAt() - rig.mono, 2 * D);
});

Deno.test("I6: a term of which only old news has told makes the release of an earlier one void", () => {
  const rig = first(held(10));
  rig.sleep(5_000);
  const malformed = edited(held(20), 30, (l) => l.metadata.annotations![ANNOTATION.token] = "x");
  rig.answer(rig.only("read"), { kind: "lease", record: malformed });
  rig.show(held(20));
  rig.endWatch("failed");
  while (rig.effects.every(({ type }) => type !== "read")) rig.sleep(100);
  rig.answer(rig.only("read"), { kind: "lease", record: released(40, held(10)) });
  assertEquals(rig.election.state.known?.rv, "40");
  assertGreater(rig.election.takeAt() - rig.mono, D - 1);
});

Deno.test("I6: a release that was believed is not, once old news tells of a later term", () => {
  const rig = first(held(10));
  rig.endWatch("failed");
  while (rig.effects.every(({ type }) => type !== "read")) rig.sleep(100);
  rig.answer(rig.only("read"), { kind: "lease", record: released(40, held(10)) });
  assert(rig.election.state.known?.free);
  while (rig.election.state.watch.phase === "closed") rig.sleep(10);
  rig.show(held(20));
  assert(!rig.election.state.known?.free);
});

Deno.test("I6: a released record created where the watch saw nothing proves nothing", () => {
  const rig = new Rig().begin({ type: "synced", rv: "9" });
  rig.take("write");
  rig.show(released(12));
  assertEquals(rig.take("write"), []);
  assertGreater(rig.election.takeAt() - rig.mono, D - 1);
});

Deno.test("I6: a label on a released Lease does not cost a wait", () => {
  const rig = new Rig();
  rig.step({ type: "start" });
  const record = released(6, held(5));
  rig.watch({ type: "opened" }, { type: "lease", record: held(5) }, { type: "synced", rv: "5" });
  rig.show(record);
  rig.show(edited(record, 7, (lease) => lease.metadata.labels = { team: "a" }));
  rig.step({ type: "contend" });
  assertEquals(rig.only("write").lease.metadata.resourceVersion, "7");
});

Deno.test("I7: a read answered late, as if there were no Lease, hides none that came meanwhile", () => {
  const rig = new Rig();
  rig.step({ type: "start" });
  rig.step({ type: "contend" });
  rig.endWatch("failed");
  rig.sleep(60);
  rig.endWatch("failed");
  rig.sleep(1);
  rig.answer(rig.take("read").at(-1)!, { kind: "missing" });
  const create = rig.take("write").at(-1)!;
  rig.sleep(2_100);
  const late = rig.take("read").at(-1)!;
  rig.answer(create, { kind: "lease", record: unheld(7) });
  rig.answer(late, { kind: "missing" });
  assertEquals(rig.election.state.known?.record?.rv, "7");
  assert(rig.take("read").length > 0, "it asks again");
});

Deno.test("I7: a version that was said to be gone, and is shown again, is waited for and taken", () => {
  const rig = first(unheld(7));
  rig.sleep(5_000);
  rig.answer(rig.take("read").at(-1)!, { kind: "missing" });
  assertEquals(rig.election.state.known?.record, undefined);
  let acquired = 0;
  play(rig, 10 * D, () => {
    for (const read of rig.take("read")) rig.answer(read, { kind: "lease", record: unheld(7) });
    for (const write of rig.take("write")) {
      if (write.kind === "create") rig.answer(write, { kind: "refused", status: 422, message: "" });
      else acquired++;
    }
  });
  assertEquals(acquired > 0, true);
});

Deno.test("I7: a version that was said to be gone is believed when the watch shows it", () => {
  const rig = first(unheld(7));
  rig.sleep(5_000);
  rig.answer(rig.take("read").at(-1)!, { kind: "missing" });
  rig.show(unheld(7));
  assertEquals(rig.election.state.known?.record?.rv, "7");
});

Deno.test("I7: what is refused as invalid is told, and asked for ever more rarely", () => {
  const rig = new Rig().begin({ type: "synced", rv: "9" });
  let creations = 0;
  play(rig, 60_000, () => {
    for (const read of rig.take("read")) rig.answer(read, { kind: "missing" });
    for (const write of rig.take("write")) {
      creations++;
      rig.answer(write, { kind: "refused", status: 422, message: "the name is invalid" });
    }
  });
  assertLessOrEqual(creations, 60_000 / 1_000 + 8);
  const told = rig.take("notice").filter(({ notice }) => notice.event === "create-failed");
  assertEquals(told.map(({ notice }) => notice.message), ["the name is invalid"]);
});

Deno.test("I9: an outage of hours does not stop the machine, as a leader or as a candidate", () => {
  const hour = { leaseDurationMs: 3_600_000, retryPeriodMs: 2_000, attemptTimeoutMs: 2_500 };
  const leader = new Rig(hour);
  leader.lead();
  const candidate = first(released(10), hour);
  for (const rig of [leader, candidate]) {
    play(rig, 3_600_000, () => {
      for (const write of rig.take("write")) rig.answer(write, unknown);
      for (const read of rig.take("read")) rig.answer(read, unknown);
    });
    assertLessOrEqual(rig.election.state.open.length, 1_000);
  }
});

Deno.test("I9: a watch that breaks again and again does not delay the renewals", () => {
  const rig = new Rig();
  rig.show(rig.lead());
  rig.sleep(2_000);
  let rv = 21;
  rig.show(rig.commit(rig.only("write"), rv));
  // The budget is full: from here on it grows at other instants than those of the renewals.
  rig.sleep(900);
  rig.endWatch("ended");
  const renewals = [2_000];
  play(rig, 60_000, () => {
    for (let broken = 0; broken < 20 && rig.take("watch").length > 0; broken++) {
      rig.mono++;
      rig.watch({ type: "opened" }, { type: "bookmark", rv: `${rv}` });
      rig.endWatch("ended");
    }
    for (const read of rig.take("read")) {
      rig.answer(read, { kind: "lease", record: rig.election.state.known!.record! });
    }
    for (const write of rig.take("write")) {
      renewals.push(rig.mono);
      rig.commit(write, ++rv);
    }
  });
  const gaps = renewals.slice(1).map((at, i) => at - renewals[i]!);
  assertGreater(gaps.length, 20);
  assertLessOrEqual(Math.max(...gaps), 2_010);
});

Deno.test("I2: work is told to stop by the wall clock too, when that went on in a suspend", () => {
  const rig = new Rig();
  rig.lead();
  rig.take("endTerm");
  // The timer is armed before the clock jumps, and nobody tells of that: the machine must look by itself.
  const armed = rig.election.deadline(rig.now);
  rig.wallOffset += 9_950;
  assertLessOrEqual(armed - rig.mono, 500);
  rig.mono = armed;
  rig.step({ type: "timer" });
  assertEquals(rig.take("endTerm").map(({ reason }) => reason), ["expired"]);
});

Deno.test("the preferred holder may be called by its name", () => {
  for (const preferred of ["me", new Rig().election.settings.identity]) {
    const rig = new Rig();
    const record = rig.lead();
    rig.show(edited(record, 21, (lease) => lease.spec.preferredHolder = preferred));
    assertEquals(rig.role, "leading", preferred);
    rig.show(edited(record, 22, (lease) => lease.spec.preferredHolder = "you"));
    assertEquals(rig.role, "draining");
  }
});

Deno.test("a Lease taken by a write that nobody answered is released when nobody wants it any more", () => {
  const rig = first(released(10));
  const write = rig.only("write");
  rig.step({ type: "withdraw" });
  rig.answer(write, unknown);
  const read = rig.only("read");
  const record = rig.commit({ ...write, id: read.id }, 11);
  assertEquals(record.holder, rig.election.settings.identity);
  assertEquals(rig.only("write").kind, "release");
  assertEquals(rig.take("startTerm"), []);
});

Deno.test("who no longer contends waits for an unanswered write no longer than for one attempt", () => {
  const rig = first(released(10));
  const write = rig.only("write");
  rig.step({ type: "withdraw" });
  rig.answer(write, unknown);
  play(rig, 2_600, () => {
    for (const read of rig.take("read")) rig.answer(read, unknown);
  });
  assertEquals(rig.role, "observing");
  assertEquals(rig.take("withdrawn").length, 1);
});

Deno.test("a missing right to watch is called by its name", () => {
  const rig = first(byClientGo(unheld(1), 5));
  rig.endWatch("forbidden");
  play(rig, 30_000, () => {
    for (const { watch } of rig.take("watch")) {
      rig.step({ type: "watchEnded", watch, end: "forbidden" });
    }
  });
  const told = rig.take("notice").map(({ notice }) => notice.event);
  assertEquals(told.filter((event) => event === "watch-forbidden").length, 1);
  assertEquals(told.includes("watch-failed"), false);
});

Deno.test("who stops asks for nothing more, whatever is on its way", () => {
  const rig = first(held(5));
  rig.sleep(5_000);
  const read = rig.take("read").at(-1)!;
  rig.step({ type: "withdraw" });
  rig.step({ type: "stop" });
  rig.effects = [];
  assertEquals(rig.answer(read, unknown), []);
  assertEquals(rig.election.deadline(rig.now), Infinity);
});

Deno.test("I8: who withdraws is told once that it has, though its work ends later", () => {
  const rig = new Rig({ drainMs: 1_000 });
  rig.lead();
  rig.step({ type: "withdraw" });
  rig.sleep(2 * D);
  assertEquals(rig.take("withdrawn").length, 1);
  rig.step({ type: "contend" });
  rig.step({ type: "withdraw" });
  rig.sleep(1);
  assertEquals(rig.take("withdrawn").length, 1, "a second time, for the second time");
  rig.step({ type: "settled", term: 1 });
  assertEquals(rig.take("withdrawn"), []);
  assertEquals(rig.role, "observing");
});

Deno.test("I10: a question for permissions that is never answered is not left open by the next round", async () => {
  const clock = new FakeClock();
  const signals: AbortSignal[] = [];
  const client = {
    request({ signal }: HttpRequest): Promise<HttpAnswer> {
      signals.push(signal);
      if (signals.length % VERBS.length === 1) return Promise.resolve({ status: 500, text: "" });
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new RequestFailed("given up")));
      });
    },
  } as unknown as Client;
  const stop = new AbortController();
  const timing = makeTiming();
  const where = { namespace: "default", leaseName: "x" };
  const asking = new Preflight({ client, ...where, timing, clock, logger: silent }).pass(
    stop.signal,
  );
  // One turn is enough to take the answer in, and to begin the pause before the next round.
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(signals.map(({ aborted }) => aborted), VERBS.map(() => true));
  stop.abort();
  await asking;
  assertEquals(clock.timers, 0);
});
