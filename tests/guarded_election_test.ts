// The election under a guard: when a term begins, and what the guard is told.
import { assert, assertEquals } from "@std/assert";
import type { Effect } from "../lib/election.ts";
import { held, NONCE, released, Rig } from "./support/rig.ts";

const F = 12_000;
const STOP = 10_000;

/** A rig whose acquiring write has just been committed, at time 0. */
function arming(): Rig {
  const rig = new Rig({ guarded: true });
  rig.begin({ type: "lease", record: released(10) }, { type: "synced", rv: "10" });
  rig.commit(rig.only("write"), 20);
  assertEquals(rig.role, "arming");
  return rig;
}

function token(rig: Rig): string {
  const { role } = rig.election.state;
  assert("tenure" in role);
  return role.tenure.token;
}

function leading(): Rig {
  const rig = arming();
  rig.step({ type: "armed", token: token(rig) });
  assertEquals(rig.role, "leading");
  rig.effects = [];
  return rig;
}

const types = (effects: Effect[]) => effects.map(({ type }) => type);

Deno.test("a term begins when the guard is armed, and not before", () => {
  const rig = arming();
  assertEquals(rig.take("confirmed").map(({ sequence }) => `${NONCE}.${sequence}`), [
    `${NONCE}.1`,
  ]);
  assertEquals(rig.take("startTerm"), []);
  assert(!rig.election.mayStart(1, rig.now));
  assertEquals(rig.election.remainingMs(1, rig.now), 0);
  rig.step({ type: "armed", token: "7" });
  assertEquals(rig.role, "arming", "another term's");
  rig.sleep(500);
  rig.step({ type: "armed", token: token(rig) });
  assertEquals(rig.only("startTerm").token, token(rig));
  assertEquals(rig.election.remainingMs(1, rig.now), F - 500, "the fence counts from the write");
});

Deno.test("the Lease is renewed while the guard is being armed, and each renewal is told", () => {
  const rig = arming();
  rig.take("confirmed");
  rig.sleep(2_000);
  const renewal = rig.only("write");
  assertEquals(renewal.kind, "renew");
  rig.commit(renewal, 21);
  assertEquals(rig.only("confirmed").sequence, 2);
});

Deno.test("a guard that is never armed: no term, and the Lease is released when one could not begin", () => {
  const rig = arming();
  rig.take("confirmed");
  for (let at = 0; at < STOP; at += 10) {
    rig.sleep(10);
    for (const write of rig.take("write")) {
      if (write.kind === "release") return assertReleased(rig, write.id);
      rig.answer(write, { kind: "unknown", message: "the guard gave no reading" });
    }
  }
  throw new Error("no release");
});

function assertReleased(rig: Rig, id: number): void {
  assertEquals(rig.mono, STOP);
  assertEquals(types(rig.effects).filter((t) => /Term/.test(t)), [], "lost without elected: I8");
  assertEquals(rig.only("disarm").token, token(rig));
  assertEquals(rig.role, "releasing");
  rig.step({ type: "armed", token: token(rig) });
  assertEquals(rig.role, "releasing", "armed too late");
  rig.step({ type: "answered", id, answer: { kind: "unknown", message: "reset" } });
}

Deno.test("what ends it while the guard is being armed leaves no trace of a term", async (t) => {
  const ends: [string, string, (rig: Rig) => void][] = [
    ["observing", "somebody else took the Lease", (rig) => rig.show(held(30))],
    ["observing", "the guard is gone", (rig) => rig.step({ type: "unguarded" })],
    ["releasing", "nobody wants to lead any more", (rig) => rig.step({ type: "withdraw" })],
  ];
  for (const [role, name, happen] of ends) {
    await t.step(name, () => {
      const rig = arming();
      const mine = token(rig);
      rig.effects = [];
      happen(rig);
      assertEquals(rig.role, role);
      assertEquals(rig.only("disarm").token, mine);
      assertEquals(types(rig.effects).filter((t) => /Term$/.test(t)), []);
    });
  }
});

Deno.test("each confirmed renewal is told by its own sequence, late ones of a released term are not", () => {
  const rig = leading();
  rig.sleep(2_000);
  const first = rig.only("write");
  rig.answer(first, { kind: "unknown", message: "reset" });
  const second = rig.only("write");
  assertEquals(rig.take("confirmed"), []);
  rig.commit(first, 21);
  rig.commit(second, 21);
  assertEquals(rig.take("confirmed").length, 1);
  rig.sleep(2_000);
  const third = rig.only("write");
  rig.step({ type: "settled", term: 1 });
  assertEquals(rig.only("disarm").token, token(rig));
  rig.commit(third, 22);
  assertEquals(rig.take("confirmed"), [], "the guard was disarmed");
});

Deno.test("a renewal that is confirmed while work drains is told: the drain may go on", () => {
  const rig = leading();
  rig.step({ type: "withdraw" });
  rig.sleep(2_000);
  rig.commit(rig.only("write"), 21);
  assertEquals(rig.take("confirmed").length, 1);
});

Deno.test("the guard is disarmed when the work has settled, before the release is sent", () => {
  const rig = leading();
  const effects = rig.step({ type: "settled", term: 1 });
  const [disarm, write] = [types(effects).indexOf("disarm"), types(effects).indexOf("write")];
  assert(0 <= disarm && disarm < write, types(effects).join(" "));
});

Deno.test("the guard's death ends the term at once as a loss", () => {
  const rig = leading();
  const mine = token(rig);
  rig.step({ type: "unguarded" });
  assertEquals(rig.only("endTerm").reason, "unguarded");
  assertEquals(rig.only("revokeTerm").reason, "unguarded");
  assertEquals(rig.election.remainingMs(1, rig.now), 0);
  assertEquals(rig.take("disarm"), [], "the work has not settled yet");
  rig.step({ type: "settled", term: 1 });
  assertEquals(rig.only("disarm").token, mine);
  assertEquals(rig.take("write"), [], "what is not proven is not released");
});

Deno.test("the guard's death changes nothing for a term whose work has settled", () => {
  const rig = leading();
  rig.step({ type: "settled", term: 1 });
  rig.step({ type: "unguarded" });
  rig.commit(rig.only("write"), 21);
  assert(rig.only("released").done);
});

Deno.test("without a guard nobody is told", () => {
  const rig = new Rig();
  rig.lead();
  rig.sleep(2_000);
  rig.commit(rig.only("write"), 21);
  rig.step({ type: "settled", term: 1 });
  assertEquals([...rig.take("confirmed"), ...rig.take("disarm")], []);
});
