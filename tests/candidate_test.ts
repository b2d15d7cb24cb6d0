// When a candidate may take the Lease, and how it does: tables of inputs for the machine.
import { assert, assertEquals } from "@std/assert";
import type { LeaseRecord } from "../lib/lease.ts";
import {
  ANNOTATION,
  byClientGo,
  edited,
  held,
  ME,
  NONCE,
  OTHER,
  released,
  renewed,
  Rig,
  stored,
  unheld,
} from "./support/rig.ts";

const D = 15_000;
const GRACE = D + 3_000;

/** How long the rig waits from now until it tries to take the Lease; it must do so at the exact time. */
function waits(rig: Rig): number {
  const start = rig.mono;
  const sent = rig.take("write").at(-1);
  if (sent?.kind === "acquire") return 0;
  for (let step = 0; step < 1_000; step++) {
    rig.mono = Math.max(rig.mono, rig.election.deadline(rig.now));
    if (rig.mono - start > 200_000) return Infinity;
    rig.step({ type: "timer" });
    // Probes find what is there already.
    for (const read of rig.take("read")) {
      const record = rig.election.state.known?.record;
      rig.answer(read, record === undefined ? { kind: "missing" } : { kind: "lease", record });
    }
    const write = rig.take("write")[0];
    if (write !== undefined) {
      assertEquals(write.kind, "acquire");
      return rig.mono - start;
    }
  }
  return Infinity;
}

function first(record: LeaseRecord): Rig {
  return new Rig().begin({ type: "lease", record }, { type: "synced", rv: record.rv });
}

Deno.test("I6: how long a candidate waits that has just come", async (t) => {
  const long = held(5, { durationMs: 40_000 });
  const cases: [string, LeaseRecord, number][] = [
    ["a held Lease: D", held(5), D],
    ["a longer duration in the record is honoured", long, 40_000],
    ["a shorter one is not: all were given the same D", held(5, { durationMs: 2_000 }), D],
    ["released, with its mark: at once", released(5), 0],
    ["released after a long duration: at once", released(6, long), 0],
    ["never held, as far as it shows: D", unheld(5), D],
    ["held by client-go: D and the grace", byClientGo(unheld(1), 5), D + GRACE],
    ["released by client-go: D and the grace", byClientGo(held(4), 5, ""), D + GRACE],
    [
      "client-go took our released record and let it go: the old mark is void",
      byClientGo(released(4), 5, ""),
      D + GRACE,
    ],
    ["client-go over our held record keeps our annotations", byClientGo(held(4), 5), D + GRACE],
    [
      "emptied by hand",
      edited(held(4), 5, (lease) => lease.spec.holderIdentity = ""),
      D + GRACE,
    ],
    [
      "a mark of another token",
      edited(released(5), 6, (lease) => lease.metadata.annotations![ANNOTATION.token] = "77"),
      D + GRACE,
    ],
    [
      "a mark of another renewTime",
      edited(released(5), 6, (lease) => lease.spec.renewTime = "2026-01-01T00:00:00.000000Z"),
      D + GRACE,
    ],
    [
      "a mark on a record with a holder",
      edited(released(5), 6, (lease) => {
        lease.spec.holderIdentity = lease.metadata.annotations![ANNOTATION.holder] = "x_y_-";
      }),
      D,
    ],
    ["my own name, from an earlier life", held(5, { identity: ME, write: `${NONCE}.1` }), D],
    ["times of long ago say nothing", held(5, { renewMicros: 1e15 }), D],
  ];
  for (const [name, record, expected] of cases) {
    await t.step(name, () => assertEquals(waits(first(record)), expected));
  }
});

Deno.test("I6: the wait counts from when the version was first received", () => {
  const rig = first(held(5));
  rig.sleep(9_000);
  rig.show(renewed(held(5), 6));
  assertEquals(waits(rig), D);
});

Deno.test("I6: the wait is not over a moment before D", () => {
  const rig = first(held(5));
  rig.sleep(4_000);
  for (const read of rig.take("read")) rig.answer(read, { kind: "lease", record: held(5) });
  rig.mono = D - 0.001;
  rig.step({ type: "timer" });
  assertEquals(rig.take("write"), []);
  rig.mono = D;
  rig.step({ type: "timer" });
  assertEquals(rig.only("write").kind, "acquire");
});

Deno.test("I6: a wall clock set forward shortens no wait", () => {
  const rig = first(held(5));
  rig.wallOffset += 3_600_000;
  assertEquals(waits(rig), D);
});

Deno.test("I6: a version that comes back is new again", () => {
  const rig = first(held(5));
  rig.sleep(8_000);
  rig.show(byClientGo(held(5), 6));
  rig.sleep(8_000);
  rig.show(held(7, { write: held(5).write!, token: held(5).token as string }));
  assertEquals(waits(rig), D);
});

Deno.test("I6: foreign metadata keeps the wait on an unbroken watch, and only there", () => {
  const label = (rv: number) =>
    edited(held(5), rv, (lease) => lease.metadata.labels = { rv: `${rv}` });
  const rig = first(held(5));
  rig.sleep(4_000);
  rig.show(label(6));
  assertEquals(waits(rig), D - 4_000);
  assertEquals(rig.election.state.known?.rv, "6", "the newest version is the one to replace");

  const gap = first(held(5));
  gap.sleep(4_000);
  gap.endWatch("expired");
  gap.watch({ type: "opened" }, { type: "lease", record: label(6) });
  assertEquals(waits(gap), D);
});

Deno.test("I6: a duration counts only if the write changed with it", () => {
  const rig = first(held(5));
  rig.show(edited(held(5), 6, (lease) => lease.spec.leaseDurationSeconds = 3_600));
  assertEquals(waits(rig), D);
  const real = first(held(5));
  real.show(renewed(held(5), 6, { durationMs: 60_000 }));
  assertEquals(waits(real), 60_000);
});

Deno.test("I6: the longest duration is kept until the next term", () => {
  const rig = first(held(5, { durationMs: 60_000 }));
  rig.show(renewed(held(5), 6, { durationMs: 1_000 }));
  assertEquals(waits(rig), 60_000);
  const next = first(held(5, { durationMs: 60_000 }));
  next.show(held(9, { base: held(5) }));
  assertEquals(waits(next), D);
});

Deno.test("I6: a release is believed if it replaced the version that was seen last", () => {
  const rig = first(held(5));
  rig.show(released(6, held(5)));
  assertEquals(waits(rig), 0);
});

Deno.test("I6: a released record that was exported and put back is waited out", () => {
  const rig = first(held(5));
  rig.show(renewed(held(5), 7));
  // The mark names version 4; version 7 stood there.
  rig.show(stored(released(5, held(4)).lease, 8));
  assertEquals(waits(rig), D);
});

Deno.test("I6: a release of the present term that replaced another version is waited out", () => {
  const rig = first(held(5));
  rig.show(renewed(held(5), 7));
  // The mark names version 5; version 7 stood there.
  rig.show(stored(released(6, held(5)).lease, 8));
  assertEquals(waits(rig), D);
});

Deno.test("I6: an old release is no proof once a newer term was seen", () => {
  const rig = first(held(9));
  rig.endWatch("expired");
  rig.watch({ type: "opened" }, { type: "lease", record: stored(released(5).lease, 12) });
  assertEquals(waits(rig), D);
});

Deno.test("I6: a release met by a read waits for the stream to show what it replaced", () => {
  const rig = first(held(5));
  rig.sleep(5_000);
  const read = rig.only("read");
  const release = stored(released(7, held(6, { token: "4" })).lease, 7);
  rig.answer(read, { kind: "lease", record: release });
  assertEquals(rig.take("write"), []);
  rig.show(renewed(held(5), 6));
  rig.show(release);
  assertEquals(rig.only("write").kind, "acquire");
});

Deno.test("I6: emptied by hand right behind one of ours: D without the grace", () => {
  const rig = first(held(5));
  rig.show(edited(held(5), 6, (lease) => lease.spec.holderIdentity = ""));
  assertEquals(waits(rig), D);
});

Deno.test("I6: the grace is what was asked for", () => {
  const rig = new Rig({ foreignGraceMs: 500 });
  rig.begin({ type: "lease", record: byClientGo(unheld(1), 5) });
  assertEquals(waits(rig), D + 500);
});

Deno.test("I6: the grace outlives the deletion of the Lease", () => {
  const rig = first(byClientGo(unheld(1), 5));
  rig.watch({ type: "deleted", rv: "6" });
  assertEquals(rig.only("write").kind, "create");
  rig.show(unheld(7));
  rig.answer({ id: rig.election.state.exchange!.id }, { kind: "lease", record: unheld(7) });
  assertEquals(waits(rig), D + GRACE);
});

Deno.test("trustUnheld takes what was never held at once, and nothing else", () => {
  const start = (record: LeaseRecord) =>
    new Rig({ trustUnheld: true }).begin({ type: "lease", record });
  assertEquals(start(unheld(5)).only("write").kind, "acquire");
  assertEquals(start(held(5)).take("write"), []);
  assertEquals(start(byClientGo(held(4), 5, "")).take("write"), []);
});

Deno.test("a missing Lease is created without a holder, then waited out", () => {
  const rig = new Rig().begin({ type: "synced", rv: "3" });
  const create = rig.only("write");
  assertEquals(create.kind, "create");
  assertEquals(create.lease.spec, {});
  assertEquals(create.lease.metadata, { name: "x", namespace: "default" });
  rig.commit(create, 4);
  assertEquals(waits(rig), D);
});

Deno.test("a Lease that somebody else created meanwhile is read and waited out", () => {
  const rig = new Rig().begin({ type: "synced", rv: "3" });
  rig.answer(rig.only("write"), { kind: "refused", status: 422, message: "it is there" });
  rig.show(held(5));
  assertEquals(waits(rig), D);
});

Deno.test("a creation that is refused is not sent again before a read has explained it", () => {
  const rig = new Rig().begin({ type: "synced", rv: "3" });
  // Nothing but creations, as many as may be sent.
  for (let i = 0; i < 20; i++) {
    for (const write of rig.take("write")) {
      rig.answer(write, { kind: "refused", status: 422, message: "it is there" });
    }
    rig.sleep(1_000);
  }
  assertEquals(rig.take("write"), []);
  rig.answer(rig.take("read").at(-1)!, { kind: "lease", record: held(5) });
  assertEquals(waits(rig), D);
});

Deno.test("every write but a creation carries the uid and the version it replaces", () => {
  const rig = first(released(10));
  const { lease } = rig.only("write");
  assertEquals(lease.metadata.uid, "uid-1");
  assertEquals(lease.metadata.resourceVersion, "10");
});

Deno.test("I4: the token is above the version, the previous token and all that was seen", async (t) => {
  const big = "9".repeat(30);
  const cases: [string, LeaseRecord, string][] = [
    ["the version replaced", released(10), "10"],
    ["the previous token and one", released(10, held(9, { token: "500" })), "501"],
    ["beyond what a number can hold", released(10, held(9, { token: big })), "1" + "0".repeat(30)],
  ];
  for (const [name, record, token] of cases) {
    await t.step(name, () => {
      const { lease } = first(record).only("write");
      assertEquals(lease.metadata.annotations![ANNOTATION.token], token);
    });
  }
  await t.step("a token seen before the Lease was made anew", () => {
    const rig = first(held(5, { token: "800" }));
    rig.watch({ type: "deleted", rv: "6" });
    rig.commit(rig.only("write"), 7);
    rig.sleep(D);
    const { lease } = rig.take("write").at(-1)!;
    assertEquals(lease.metadata.annotations![ANNOTATION.token], "801");
  });
  await t.step("the token of a version that a restore of etcd gives out again", () => {
    const rig = first(held(81, { token: "82" }));
    rig.sleep(5_000);
    rig.answer(rig.only("read"), { kind: "lease", record: unheld(60) });
    rig.watch({ type: "opened" }, { type: "lease", record: unheld(82) });
    rig.sleep(D);
    const { lease } = rig.take("write").at(-1)!;
    assertEquals(lease.metadata.resourceVersion, "82");
    assertEquals(lease.metadata.annotations![ANNOTATION.token], "83");
  });
});

Deno.test("I4: a malformed token lets nobody lead, and says so", () => {
  for (const token of ["", "0", "-5", "1e9", "9".repeat(39), "9".repeat(40)]) {
    const record = edited(
      released(5, held(4, { token: "3" })),
      6,
      (lease) => lease.metadata.annotations![ANNOTATION.token] = token,
    );
    const rig = first(record);
    assertEquals(waits(rig), Infinity, token);
    assert(rig.take("notice").some((n) => n.notice.event === "malformed-token"));
  }
});

Deno.test("a conflict means a new wait, never the old one", () => {
  const rig = first(held(5));
  rig.sleep(4_000);
  for (const read of rig.take("read")) rig.answer(read, { kind: "lease", record: held(5) });
  rig.sleep(11_000);
  for (const read of rig.take("read")) rig.answer(read, { kind: "lease", record: held(5) });
  const write = rig.only("write");
  rig.answer(write, { kind: "conflict" });
  rig.sleep(100);
  rig.answer(rig.only("read"), { kind: "lease", record: held(8, { base: held(5) }) });
  assertEquals(waits(rig), D);
});

Deno.test("a lost acquisition is sent again at once, on the same version, with the same token", () => {
  const rig = first(released(10));
  const one = rig.only("write");
  rig.answer(one, { kind: "unknown", message: "reset" });
  const two = rig.only("write");
  assertEquals(two.lease.metadata.resourceVersion, "10");
  const notes = (write: typeof one) => write.lease.metadata.annotations!;
  assertEquals(notes(two)[ANNOTATION.token], notes(one)[ANNOTATION.token]);
  assertEquals(notes(two)[ANNOTATION.write], `${NONCE}.2`);
});

Deno.test("H3: an acquisition that was committed, but answered with a conflict, is recognised", () => {
  const rig = first(released(10));
  const write = rig.only("write");
  rig.sleep(100);
  rig.answer(write, { kind: "conflict" });
  rig.sleep(100);
  rig.answer(rig.only("read"), { kind: "lease", record: stored(write.lease, 11) });
  assertEquals(rig.role, "leading");
  const term = rig.only("startTerm").term;
  assertEquals(rig.election.remainingMs(term, rig.now), 12_000 - 200, "valid from its send");
});

Deno.test("H3 H15: a record with my write, but a changed duration, token or holder, starts no term", () => {
  for (
    const change of [
      (record: LeaseRecord) => edited(record, 11, (l) => l.spec.leaseDurationSeconds = 3),
      (record: LeaseRecord) =>
        edited(record, 11, (l) => l.metadata.annotations![ANNOTATION.token] = "9"),
      (record: LeaseRecord) => edited(record, 11, (l) => l.spec.holderIdentity = ""),
      (record: LeaseRecord) =>
        edited(record, 11, (l) => {
          l.spec.holderIdentity = l.metadata.annotations![ANNOTATION.holder] = "x_y_-";
        }),
    ]
  ) {
    const rig = first(released(10));
    rig.show(change(stored(rig.only("write").lease, 11)));
    assertEquals(rig.role, "observing");
  }
});

Deno.test("the acquiring write may be seen on the watch before its answer comes", () => {
  const rig = first(released(10));
  const write = rig.only("write");
  const record = stored(write.lease, 11);
  rig.show(record);
  assertEquals(rig.role, "leading");
  rig.answer(write, { kind: "lease", record });
  assertEquals(rig.take("startTerm").length, 1);
});

Deno.test("scenario 3: an acquiring answer that comes too late starts no term", () => {
  for (const via of ["answer", "watch"]) {
    const rig = first(released(10));
    const write = rig.only("write");
    rig.mono += 10_000;
    const record = stored(write.lease, 11);
    if (via === "answer") rig.answer(write, { kind: "lease", record });
    else rig.show(record);
    assertEquals(rig.take("startTerm"), []);
    assertEquals(rig.role, "observing");
    assertEquals(waits(rig), D);
  }
});

Deno.test("a withdrawn candidate whose acquisition succeeds gives it back unused", () => {
  const rig = first(released(10));
  const write = rig.only("write");
  rig.step({ type: "withdraw" });
  rig.commit(write, 11);
  assertEquals(rig.take("startTerm"), []);
  const release = rig.only("write");
  assertEquals(release.kind, "release");
  rig.commit(release, 12);
  rig.only("withdrawn");
});

Deno.test("H5: an acquisition that comes back in a Lease made anew starts no term", () => {
  const rig = first(released(10));
  const write = rig.only("write");
  rig.answer(write, { kind: "conflict" });
  rig.show(edited(stored(write.lease, 13), 13, (lease) => lease.metadata.uid = "uid-2"));
  assertEquals(rig.take("startTerm"), []);
  assertEquals(waits(rig), D);
});

Deno.test("H5: candidates of a deleted Lease do not take what was there", () => {
  const rig = first(held(5));
  rig.sleep(14_000);
  rig.watch({ type: "deleted", rv: "6" });
  rig.commit(rig.take("write").at(-1)!, 7);
  assertEquals(waits(rig), D);
});

Deno.test("H12: older events are dropped, and shorten nothing", () => {
  const rig = first(held(50));
  rig.show(released(40, held(39)));
  assertEquals(waits(rig), D);
});

Deno.test("H13: a server that goes back in time proves nothing by what it shows", () => {
  const rig = first(held(50));
  rig.sleep(5_000);
  rig.answer(rig.only("read"), { kind: "lease", record: released(40, held(39)) });
  assert(rig.take("notice").some((n) => n.notice.event === "regressed"));
  rig.watch({ type: "opened" }, { type: "lease", record: released(40, held(39)) });
  assertEquals(waits(rig), D);
});

Deno.test("H13: a version that is given out twice is new the second time", () => {
  const rig = first(held(50));
  rig.sleep(5_000);
  rig.answer(rig.only("read"), { kind: "lease", record: held(50, { write: `${OTHER}.77` }) });
  assert(rig.take("notice").some((n) => n.notice.event === "regressed"));
  assertEquals(waits(rig), D);
});

Deno.test("H13: an acquisition on a version that is given out twice is not tried again", () => {
  const rig = first(held(50));
  rig.sleep(4_000);
  for (const read of rig.take("read")) rig.answer(read, { kind: "lease", record: held(50) });
  waits(rig);
  rig.answer({ id: rig.election.state.lastId }, { kind: "conflict" });
  rig.sleep(100);
  rig.answer(rig.only("read"), { kind: "lease", record: held(50, { write: `${OTHER}.77` }) });
  assertEquals(waits(rig), D);
});

Deno.test("H13: a Lease that was said to be missing, but is there unchanged, is waited out", () => {
  const rig = first(held(50));
  rig.sleep(5_000);
  rig.answer(rig.only("read"), { kind: "missing" });
  rig.answer(rig.only("write"), { kind: "refused", status: 422, message: "it is there" });
  rig.sleep(100);
  rig.answer(rig.only("read"), { kind: "lease", record: held(50) });
  assertEquals(waits(rig), D);
});

Deno.test("preferredHolder: others hold back for one more D, and clear it when they take over", () => {
  const rig = first(
    edited(released(5), 6, (lease) => {
      lease.spec.preferredHolder = "somebody";
    }),
  );
  assertEquals(waits(rig), D);
});

Deno.test("H19: Retry-After holds a candidate back for no more than a retry period", () => {
  const rig = first(released(10));
  const refused = {
    kind: "refused",
    status: 429,
    message: "slow",
    retryAfterMs: 3_600_000,
  } as const;
  rig.answer(rig.only("write"), refused);
  rig.sleep(1_999);
  assertEquals(rig.take("write"), []);
  rig.sleep(1);
  assertEquals(rig.only("write").kind, "acquire");
});

Deno.test("I8: a candidate that withdrew takes nothing, and says so once", () => {
  const rig = first(held(5));
  rig.step({ type: "withdraw" });
  rig.only("withdrawn");
  rig.sleep(2 * D);
  assertEquals([...rig.take("write"), ...rig.take("withdrawn")], []);
});

Deno.test("I8: a candidate that withdrew while it took the Lease, and lost, says so", () => {
  const rig = first(released(10));
  const write = rig.only("write");
  rig.step({ type: "withdraw" });
  assertEquals(rig.take("withdrawn"), [], "it may hold the Lease");
  rig.answer(write, { kind: "conflict" });
  rig.show(held(12));
  rig.only("withdrawn");
});
