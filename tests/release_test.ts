// How a leader lets go: it drains, releases when nothing can act any more, or leaves the Lease to expire.
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { readMicroTime } from "../lib/lease.ts";
import { leading, nextWrite, TERM, UNKNOWN } from "./support/leading.ts";
import { ANNOTATION, edited, held, ME, Rig, stored } from "./support/rig.ts";

const F = 12_000;
const STOP = 10_000;

Deno.test("I5: a resigned Lease is released when its work has settled, and not before", () => {
  const { rig } = leading();
  rig.step({ type: "resign", reason: "resigned" });
  assertEquals(rig.only("endTerm").reason, "resigned");
  for (let rv = 21; rv < 25; rv++) {
    const write = nextWrite(rig);
    assertEquals(write.kind, "renew", "scenario 9: it is held while its work goes on");
    rig.commit(write, rv);
  }
  assert(!rig.election.mayStart(TERM, rig.now));
  assert(rig.election.mayAct(TERM, rig.now));
  rig.step({ type: "settled", term: TERM });
  assert(!rig.election.mayAct(TERM, rig.now), "H1: nothing acts once the release is sent");
  const release = rig.only("write");
  assertEquals(release.kind, "release");
  assertEquals(release.lease.spec.holderIdentity, "");
  assertEquals(release.lease.metadata.resourceVersion, "24");
  const mark = release.lease.metadata.annotations![ANNOTATION.released];
  assertEquals(mark, `${ME};10;24;${release.lease.spec.renewTime}`);
  rig.commit(release, 25);
  assertEquals(rig.only("released").done, true);
});

Deno.test("scenario 4: a Lease lost during the drain is not released", () => {
  const { rig } = leading();
  rig.step({ type: "resign", reason: "resigned" });
  rig.show(held(30));
  rig.only("endTerm");
  rig.only("revokeTerm");
  rig.step({ type: "settled", term: TERM });
  assertEquals(rig.take("write"), []);
});

Deno.test("I5: work that has not settled at the fence leaves the Lease to expire", () => {
  const { rig } = leading();
  rig.sleep(F);
  rig.only("revokeTerm");
  rig.effects = [];
  rig.step({ type: "settled", term: TERM });
  assertEquals(rig.take("write"), []);
});

Deno.test("I5: after the drain limit nothing is renewed, and the fence acts", () => {
  const rig = new Rig({ drainMs: 5_000 });
  rig.lead();
  rig.effects = [];
  rig.step({ type: "resign", reason: "resigned" });
  let rv = 20;
  while (rig.role === "draining") {
    for (const write of rig.take("write")) {
      assert(rig.mono < 5_000);
      rig.commit(write, ++rv);
    }
    rig.sleep(100);
  }
  rig.only("revokeTerm");
});

Deno.test("a renewal confirmed after the stop extends the drain, never the term", () => {
  const { rig } = leading();
  rig.sleep(STOP);
  rig.only("endTerm");
  const write = rig.take("write").at(-1)!;
  rig.commit(write, 21);
  assert(!rig.election.mayStart(TERM, rig.now));
  assert(rig.election.remainingMs(TERM, rig.now) > 2_000);
  assertEquals(rig.role, "draining");
  rig.step({ type: "settled", term: TERM });
  assertEquals(rig.take("write").at(-1)?.kind, "release");
});

Deno.test("scenario 6: a release that meets another holder is given up", () => {
  const { rig } = leading();
  rig.step({ type: "settled", term: TERM });
  rig.answer(rig.only("write"), { kind: "conflict" });
  rig.answer(rig.only("read"), { kind: "lease", record: held(30) });
  rig.sleep(1_000);
  assertEquals(rig.take("write"), []);
  assertEquals(rig.role, "observing");
});

Deno.test("a release that meets foreign metadata is repeated on the new version", () => {
  const { rig, record } = leading();
  rig.step({ type: "settled", term: TERM });
  rig.answer(rig.only("write"), { kind: "conflict" });
  const labelled = edited(record, 30, (lease) => lease.metadata.labels = { a: "b" });
  rig.answer(rig.only("read"), { kind: "lease", record: labelled });
  const again = nextWrite(rig);
  assertEquals(again.kind, "release");
  assertEquals(again.lease.metadata.resourceVersion, "30");
});

Deno.test("a release that was committed, but not answered, is recognised", () => {
  const { rig } = leading();
  rig.step({ type: "settled", term: TERM });
  const release = rig.only("write");
  rig.answer(release, UNKNOWN);
  rig.answer(nextWrite(rig), { kind: "conflict" });
  rig.answer(rig.only("read"), { kind: "lease", record: stored(release.lease, 21) });
  assertEquals(rig.only("released").done, true);
});

Deno.test("a release that cannot be written is given up when the Lease has expired", () => {
  const { rig } = leading();
  rig.step({ type: "withdraw" });
  rig.step({ type: "settled", term: TERM });
  while (rig.mono < 15_000) {
    for (const write of rig.take("write")) rig.answer(write, UNKNOWN);
    rig.sleep(10);
  }
  assertEquals(rig.only("released").done, false);
  rig.only("withdrawn");
});

Deno.test("who resigned stands back for one retry period", () => {
  const { rig } = leading();
  rig.step({ type: "resign", reason: "resigned" });
  rig.step({ type: "settled", term: TERM });
  rig.commit(rig.only("write"), 21);
  const start = rig.mono;
  assertEquals(nextWrite(rig).kind, "acquire");
  assertAlmostEquals(rig.mono - start, 2_000, 1);
});

Deno.test("H14: the time of a release, too, is later than that of the last renewal", () => {
  const { rig, record } = leading();
  rig.wallOffset -= 86_400_000;
  rig.step({ type: "settled", term: TERM });
  assert(readMicroTime(rig.only("write").lease.spec.renewTime)! > record.renewMicros!);
});
