// What an elector makes of old news, and of none: tables of inputs for the machine.
import { assert, assertEquals } from "@std/assert";
import type { LeaseRecord } from "../lib/lease.ts";
import {
  ANNOTATION,
  byClientGo,
  edited,
  held,
  released,
  renewed,
  Rig,
  unheld,
} from "./support/rig.ts";

const D = 15_000;
const RETRY = 2_000;
const ATTEMPT = 2_500;

function follower(record: LeaseRecord): Rig {
  return new Rig().begin({ type: "lease", record }, { type: "synced", rv: record.rv });
}

/** One that only looks on, at a Lease that nobody holds: it has no reason to ask for anything. */
function bystander(): Rig {
  const rig = new Rig();
  rig.step({ type: "start" });
  rig.watch({ type: "opened" }, { type: "lease", record: released(5) });
  rig.effects = [];
  return rig;
}

/** A leader at version 20, of which the watch knows, too. */
function leader(): { rig: Rig; record: LeaseRecord } {
  const rig = new Rig();
  const record = rig.lead();
  rig.show(record);
  rig.effects = [];
  return { rig, record };
}

Deno.test("a watch that nobody answers is opened anew after one attempt", () => {
  const rig = new Rig();
  rig.step({ type: "start" });
  rig.effects = [];
  rig.sleep(ATTEMPT - 1);
  assertEquals(rig.effects, []);
  rig.sleep(1);
  rig.only("unwatch");
  rig.only("watch");
});

Deno.test("a watch that says nothing for three minutes is opened anew, from where it was", () => {
  const rig = bystander();
  rig.sleep(100_000);
  rig.watch({ type: "bookmark", rv: "9" });
  rig.sleep(179_999);
  assertEquals(rig.effects, [], "a bookmark is a sign of life");
  rig.sleep(1);
  rig.only("unwatch");
  assertEquals(rig.only("watch").from, "9");
});

Deno.test("a watch that stays behind what is known is opened anew, and the Lease read", () => {
  const rig = new Rig();
  rig.lead();
  rig.effects = [];
  rig.sleep(ATTEMPT - 1);
  assertEquals(rig.take("unwatch"), []);
  rig.sleep(1);
  rig.only("unwatch");
  rig.only("watch");
  rig.only("read");
});

Deno.test("a watch that has caught up in time is kept", () => {
  const { rig } = leader();
  rig.sleep(2 * ATTEMPT);
  assertEquals(rig.take("unwatch"), []);
});

Deno.test("a follower whose watch says nothing reads the Lease after a third of the duration", () => {
  for (const durationMs of [D, 4 * D]) {
    const rig = follower(held(5, { durationMs }));
    rig.sleep(durationMs / 3 - 1);
    assertEquals(rig.take("read"), []);
    rig.sleep(1);
    rig.only("read");
  }
});

Deno.test("while streams break, the Lease is read every retry period", () => {
  const rig = follower(held(5));
  rig.endWatch("failed");
  let reads = 0;
  while (rig.mono < 10 * RETRY) {
    if (rig.take("watch").length > 0) rig.endWatch("failed");
    for (const read of rig.take("read")) {
      reads++;
      rig.answer(read, { kind: "lease", record: held(5) });
    }
    rig.sleep(10);
  }
  assert(9 <= reads && reads <= 11, `${reads} reads in ten retry periods`);
});

Deno.test("I7: a read that something waits for is repeated when it fails", () => {
  const { rig } = leader();
  rig.sleep(RETRY);
  rig.answer(rig.only("write"), { kind: "conflict" });
  rig.answer(rig.only("read"), { kind: "unknown", message: "reset" });
  rig.only("read");
});

Deno.test("H20: who may not watch neither reads in its place nor takes the Lease", () => {
  const rig = follower(held(5));
  rig.endWatch("forbidden");
  rig.effects = [];
  while (rig.mono < 4 * D) {
    if (rig.take("watch").length > 0) rig.endWatch("forbidden");
    rig.sleep(100);
  }
  assertEquals([...rig.take("read"), ...rig.take("write")], []);
});

Deno.test("H12: a deletion that is older than what is known is dropped", () => {
  const { rig } = leader();
  rig.watch({ type: "deleted", rv: "15" });
  assertEquals(rig.role, "leading");
});

Deno.test("events of a watch that is over are dropped", () => {
  const happen: ((rig: Rig) => void)[] = [
    (rig) => rig.endWatch("ended"),
    (rig) => (rig.endWatch("ended"), rig.watch({ type: "opened" })),
    (rig) => (rig.endWatch("failed"), rig.endWatch("failed")),
  ];
  for (const [i, end] of happen.entries()) {
    const rig = follower(held(5));
    end(rig);
    const before = structuredClone(rig.election.state);
    const watch = i === 2 ? 2 : 1;
    rig.step({ type: "watched", watch, event: { type: "opened" } });
    rig.step({ type: "watched", watch, event: { type: "lease", record: released(6, held(5)) } });
    rig.step({ type: "watched", watch, event: { type: "deleted", rv: "7" } });
    rig.step({ type: "watchEnded", watch, end: "forbidden" });
    assertEquals(rig.election.state, before);
  }
});

Deno.test("H12: an answer that the watch has overtaken is no sign of a restore", () => {
  const { rig, record } = leader();
  rig.sleep(RETRY);
  rig.answer(rig.only("write"), { kind: "conflict" });
  const read = rig.only("read");
  rig.show(edited(record, 30, (lease) => lease.metadata.labels = { a: "b" }));
  rig.answer(read, { kind: "lease", record });
  assertEquals(rig.role, "leading");
  assertEquals(rig.election.state.known?.rv, "30");
});

Deno.test("H13: a release that a restore has brought back proves nothing", () => {
  // client-go took the released Lease, and holds it still.
  const release = released(40, held(39));
  const rig = follower(byClientGo(release, 50));
  rig.sleep(D / 3);
  rig.answer(rig.only("read"), { kind: "lease", record: release });
  rig.watch({ type: "opened" }, { type: "lease", record: release });
  assertEquals(rig.take("write"), []);
  assert(rig.election.takeAt() >= rig.mono + D);
});

Deno.test("I4: after a restore, too, a token is above every version seen", () => {
  const rig = follower(held(50));
  rig.sleep(D / 3);
  rig.answer(rig.only("read"), { kind: "lease", record: unheld(3) });
  rig.watch({ type: "opened" }, { type: "lease", record: unheld(3) });
  rig.effects = [];
  rig.mono = rig.election.takeAt();
  rig.step({ type: "timer" });
  assertEquals(rig.only("write").lease.metadata.annotations![ANNOTATION.token], "51");
});

Deno.test("H9: a longer duration in the record is warned about, once for each", () => {
  const rig = follower(held(5));
  const warnings = () =>
    rig.take("notice").map(({ notice: { level, event, message } }) => {
      const seconds = /a duration of (\d+)s, longer than the (\d+)s given here/.exec(message);
      return [level, event, ...seconds?.slice(1) ?? []].join(" ");
    });
  assertEquals(warnings(), []);
  rig.show(renewed(held(5), 6, { durationMs: 40_000 }));
  assertEquals(warnings(), ["warn longer-duration 40 15"]);
  rig.show(renewed(held(5), 7, { durationMs: 40_000 }));
  assertEquals(warnings(), [], "a renewal tells nothing new");
  rig.show(renewed(held(5), 8, { durationMs: 60_000 }));
  assertEquals(warnings(), ["warn longer-duration 60 15"]);
  rig.show(renewed(held(5), 9, { durationMs: 2_000 }));
  assertEquals(warnings(), [], "a shorter one hurts nobody");
});
