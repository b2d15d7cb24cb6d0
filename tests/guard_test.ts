// What the guard kills, proves and releases, and when: tables of inputs for the machine.
import { assert, assertEquals } from "@std/assert";
import type { Exit } from "../lib/guard/messages.ts";
import type { Answer } from "../lib/lease.ts";
import { ANNOTATION, edited, held, ME, NONCE, OTHER, stored, THEM, WALL } from "./support/rig.ts";
import {
  D,
  F,
  FACTS,
  GUARD_NONCE,
  GuardRig,
  heldBy,
  K,
  KILLED,
  SETTLE,
  STOP,
  TOKEN,
} from "./support/guard_rig.ts";

const unknown: Answer = { kind: "unknown", message: "reset" };
const CODE_0: Exit = { code: 0 };
const BY_TERM: Exit = { code: 143, signal: "SIGTERM" };

/** A guard whose elector has been cut off, and everything has been proven dead, at this moment. */
function dead(rig = new GuardRig().running()): GuardRig {
  rig.step({ type: "closed", session: 1 });
  rig.step({ type: "commandExited", exit: KILLED });
  rig.step({ type: "wardExited", exit: KILLED });
  assert(rig.guard.state.doom?.proven);
  rig.effects = [];
  return rig;
}

Deno.test("a reading is answered at once, and armed when it is handed back", () => {
  const rig = new GuardRig().hello();
  const sequence = rig.write(TOKEN, false);
  assertEquals(rig.said(), [{ type: "reading", sequence }]);
  rig.say({ type: "confirmed", sequence });
  assertEquals(rig.said(), [{ type: "armed", token: TOKEN }]);
  rig.write();
  assertEquals(rig.said().map(({ type }) => type), ["reading"], "armed once a term");
});

Deno.test("the fence counts from the reading that was handed back, however late that is", () => {
  const rig = new GuardRig().hello();
  const sequence = rig.write(TOKEN, false);
  rig.sleep(5_000);
  rig.say({ type: "confirmed", sequence });
  rig.say({ type: "run", token: TOKEN });
  rig.step({ type: "spawned", pid: 77 });
  rig.sleep(STOP - 5_000 - 1);
  assertEquals(rig.take("signalCommand"), []);
  rig.sleep(1);
  assertEquals(rig.only("signalCommand"), {
    type: "signalCommand",
    signal: "SIGTERM",
    group: true,
  });
  rig.sleep(K - 1);
  assertEquals(rig.take("killCommand"), []);
  rig.sleep(1);
  rig.only("killCommand");
});

Deno.test("a confirmed renewal moves the fence, a mere reading does not", () => {
  const rig = new GuardRig().running();
  rig.sleep(2_000);
  rig.write();
  rig.sleep(2_000);
  rig.write(TOKEN, false);
  rig.sleep(F - 2_000 - 1);
  assertEquals(rig.take("killCommand"), []);
  rig.sleep(1);
  rig.only("killCommand");
});

Deno.test("a reading counts for its own sequence alone", async (t) => {
  const cases: [string, (rig: GuardRig) => void][] = [
    ["one that was never given", (rig) => rig.say({ type: "confirmed", sequence: 99 })],
    ["an older one, after a newer one", (rig) => rig.say({ type: "confirmed", sequence: 1 })],
  ];
  for (const [name, happen] of cases) {
    await t.step(name, () => {
      const rig = new GuardRig().running();
      rig.sleep(3_000);
      rig.write();
      const { since } = rig.guard.state.sessions[0]!.term!;
      rig.sleep(1_000);
      happen(rig);
      assertEquals(rig.guard.state.sessions[0]!.term!.since, since);
    });
  }
});

Deno.test("elapsed is the larger of both clocks: a wall clock set forward kills early", () => {
  const rig = new GuardRig().running();
  rig.wallOffset += F;
  rig.sleep(250);
  rig.only("killCommand");
});

Deno.test("the command starts only in a term that is armed and admits new work", async (t) => {
  const cases: [string, (rig: GuardRig) => void][] = [
    ["before the guard is armed", (rig) => rig.hello().write(TOKEN, false)],
    ["for another token", (rig) => rig.hello().write("40")],
    ["from F − K on", (rig) => (rig.hello().write(), rig.sleep(STOP))],
    [
      "in a term that is over",
      (rig) => {
        rig.hello().write();
        rig.say({ type: "over", token: TOKEN, reason: "superseded", revoked: false });
      },
    ],
    [
      "in a term that was disarmed",
      (rig) => (rig.hello().write(), rig.say({ type: "disarm", token: TOKEN })),
    ],
    [
      "after a signal to stop",
      (rig) => (rig.hello().write(), rig.step({ type: "signalled", signal: "SIGTERM" })),
    ],
  ];
  for (const [name, happen] of cases) {
    await t.step(`not ${name}`, () => {
      const rig = new GuardRig();
      happen(rig);
      rig.effects = [];
      rig.say({ type: "run", token: TOKEN });
      assertEquals(rig.take("spawn"), []);
      assertEquals(rig.said(), [{ type: "ended", token: TOKEN, stopped: true, code: 0 }]);
    });
  }
  await t.step("else it does, with its environment and its deadlines", () => {
    const rig = new GuardRig().hello();
    rig.write();
    rig.effects = [];
    rig.say({ type: "run", token: TOKEN, url: "http://127.0.0.1:8080" });
    assertEquals(rig.only("spawn").env, {
      K8SENSUS_TOKEN: TOKEN,
      K8SENSUS_IDENTITY: ME,
      K8SENSUS_LEASE: "default/x",
      K8SENSUS_URL: "http://127.0.0.1:8080",
    });
    const { stopMs, fenceMs } = rig.only("deadline");
    assertEquals([stopMs, fenceMs], [STOP, F]);
    rig.step({ type: "spawned", pid: 77 });
    assertEquals(rig.said(), [{ type: "running", token: TOKEN, pid: 77 }]);
  });
});

Deno.test("the end of the command is told when nothing that it started lives: I5", () => {
  const rig = new GuardRig().running();
  rig.finds = [2, 0, 1];
  rig.sweeps = false;
  rig.step({ type: "commandExited", exit: { code: 3 } });
  for (const told of [false, false, false, false, true]) {
    const sweep = rig.only("sweep");
    assert(sweep.spareWard);
    rig.swept(sweep);
    assertEquals(rig.said().some(({ type }) => type === "ended"), told);
    rig.sleep(50);
  }
  assertEquals(rig.take("sweep"), []);
});

Deno.test("nothing was said before the end of the proof, and then how the command ended", () => {
  const rig = new GuardRig().running();
  rig.step({ type: "commandExited", exit: { code: 3 } });
  assertEquals(rig.said(), [{ type: "ended", token: TOKEN, stopped: false, code: 3 }]);
});

Deno.test("a command that ends in its stop grace was stopped, and is killed no more", () => {
  const rig = new GuardRig().running();
  rig.sleep(STOP);
  rig.step({ type: "commandExited", exit: BY_TERM });
  assertEquals(rig.said(), [{ type: "ended", token: TOKEN, stopped: true, ...BY_TERM }]);
  rig.say({ type: "disarm", token: TOKEN });
  rig.sleep(D);
  assertEquals([...rig.take("killCommand"), ...rig.take("killWard"), ...rig.take("read")], []);
});

Deno.test("a loss by evidence: stop signal at once, SIGKILL after min(K, time to F), no release", async (t) => {
  for (const [at, grace] of [[3_000, K], [F - 500, 500]] as const) {
    await t.step(`${at} ms after the renewal`, () => {
      const rig = new GuardRig().running();
      rig.sleep(at);
      rig.take("signalCommand");
      rig.say({ type: "over", token: TOKEN, reason: "superseded", revoked: false });
      rig.say({ type: "over", token: TOKEN, reason: "superseded", revoked: true });
      assertEquals(rig.take("signalCommand").length, at < STOP ? 1 : 0, "once");
      const { stopMs, fenceMs } = rig.take("deadline").at(-1)!;
      assertEquals([stopMs, fenceMs], [undefined, undefined], "no act any more");
      rig.sleep(grace - 1);
      assertEquals(rig.take("killCommand"), []);
      rig.sleep(1);
      rig.only("killCommand");
      rig.step({ type: "commandExited", exit: KILLED });
      if (grace === 500) return;
      rig.say({ type: "disarm", token: TOKEN });
      rig.sleep(D);
      assertEquals(rig.take("read"), []);
    });
  }
});

Deno.test("a drain lasts as long as the Lease is renewed", () => {
  const rig = new GuardRig().running();
  rig.step({ type: "signalled", signal: "SIGTERM" });
  assertEquals(rig.said(), [{ type: "drain" }]);
  assertEquals(rig.take("signalCommand"), [], "the elector ends its term first");
  rig.say({ type: "over", token: TOKEN, reason: "resigned", revoked: false });
  assertEquals(rig.only("signalCommand").signal, "SIGTERM");
  for (let i = 0; i < 10; i++) {
    rig.sleep(2_000);
    rig.write();
  }
  assertEquals(rig.take("killCommand"), []);
  assertEquals(rig.take("deadline").at(-1)!.stopMs, undefined, "no new work");
  rig.sleep(F);
  rig.only("killCommand");
});

Deno.test("killed at the fence with a living elector: proven, told, and released after settling", () => {
  const rig = new GuardRig().running();
  rig.sleep(STOP);
  rig.say({ type: "over", token: TOKEN, reason: "expired", revoked: false });
  rig.sleep(K);
  rig.only("killCommand");
  assertEquals(rig.take("killWard"), []);
  assertEquals(rig.said(), []);
  rig.step({ type: "commandExited", exit: KILLED });
  assertEquals(rig.said(), [{ type: "ended", token: TOKEN, stopped: true, ...KILLED }]);
  rig.say({ type: "disarm", token: TOKEN });
  rig.sleep(SETTLE - 1);
  assertEquals(rig.take("read"), []);
  rig.sleep(1);
  rig.answer(rig.only("read"), { kind: "lease", record: heldBy(20, 1) });
  const { lease } = rig.only("write");
  rig.answer({ id: rig.guard.state.lastId }, { kind: "lease", record: stored(lease, 21) });
  assert(rig.log.includes("released"));
  assertEquals(rig.take("exit"), [], "the elector contends again");
  assertEquals(rig.guard.state.doom, undefined);
});

Deno.test("a living elector may know of a later renewal than its guard: nothing is released before F after it", () => {
  const rig = new GuardRig({ settleMs: 0 }).running();
  rig.sleep(2_000);
  // Confirmed to the elector, which is stopped before it can hand the reading back.
  rig.write(TOKEN, false);
  rig.sleep(F - 2_000);
  rig.only("killCommand");
  rig.step({ type: "commandExited", exit: KILLED });
  rig.sleep(1_999);
  assertEquals(rig.take("read"), []);
  rig.sleep(1);
  rig.only("read");
});

Deno.test("an elector that says nothing after its fence is killed as if it had crashed", async (t) => {
  const hung = FACTS.attemptTimeoutMs;
  const cases: [string, (rig: GuardRig) => void][] = [
    ["while its command runs", (rig) => {
      rig.running().sleep(F);
      rig.step({ type: "commandExited", exit: KILLED });
    }],
    ["before it had one started", (rig) => (rig.hello().write(), rig.sleep(F))],
  ];
  for (const [name, happen] of cases) {
    await t.step(name, () => {
      const rig = new GuardRig();
      happen(rig);
      rig.sleep(hung - 1);
      assertEquals(rig.take("killWard"), []);
      rig.answer(rig.only("read"), { kind: "missing" });
      rig.sleep(1);
      rig.only("killWard");
      rig.step({ type: "wardExited", exit: KILLED });
      assertEquals(rig.only("exit").code, 70, "its Lease did not have to wait for that");
    });
  }
  await t.step("when it was told to stop", () => {
    for (const disarms of [false, true]) {
      const rig = new GuardRig().hello();
      if (disarms) rig.write();
      rig.step({ type: "signalled", signal: "SIGTERM" });
      if (disarms) rig.say({ type: "disarm", token: TOKEN });
      rig.sleep(2 * D - 1);
      assertEquals(rig.take("killWard"), []);
      rig.sleep(1);
      rig.only("killWard");
    }
  });
  await t.step("but not one that has disarmed", () => {
    const rig = new GuardRig().running();
    rig.sleep(F);
    rig.step({ type: "commandExited", exit: KILLED });
    rig.say({ type: "disarm", token: TOKEN });
    rig.sleep(D);
    assertEquals(rig.take("killWard"), []);
  });
});

Deno.test("no reading and no arming for a term that is over for the guard", () => {
  const rig = new GuardRig().running();
  rig.sleep(1_000);
  const sequence = rig.write(TOKEN, false);
  rig.sleep(F - 1_000);
  rig.effects = [];
  rig.write();
  rig.say({ type: "confirmed", sequence });
  rig.write("42");
  assertEquals(rig.said(), []);
  assertEquals(rig.guard.state.sessions[0]!.term!.since?.mono, 0);
});

Deno.test("what starts a proof: end of file, exit, a fence in a program", async (t) => {
  const cases: [string, "exec" | "program", (rig: GuardRig) => void][] = [
    ["end of file", "exec", (rig) => rig.step({ type: "closed", session: 1 })],
    ["end of file", "program", (rig) => rig.step({ type: "closed", session: 1 })],
    ["fence", "program", (rig) => rig.sleep(F)],
    ["goodbye with a running command", "exec", (rig) => rig.say({ type: "goodbye" })],
    [
      "exit without a goodbye in the pipe",
      "exec",
      (rig) => (rig.step({ type: "wardExited", exit: CODE_0 }), rig.sleep(100)),
    ],
  ];
  for (const [name, kind, happen] of cases) {
    await t.step(`${name}, ${kind}`, () => {
      const rig = new GuardRig({ kind });
      if (kind === "exec") rig.running();
      else rig.hello().write();
      rig.effects = [];
      rig.sweeps = false;
      happen(rig);
      const exited = name.startsWith("exit");
      assertEquals(rig.take("killWard").length, exited ? 0 : 1);
      assertEquals(rig.take("killCommand").length, kind === "exec" ? 1 : 0);
      assertEquals(rig.only("sweep").spareWard, false);
      assertEquals([...rig.take("read"), ...rig.take("exit")], []);
    });
  }
});

Deno.test("the proof needs two clean passes, and the exit status of elector and command", () => {
  const rig = new GuardRig().running();
  rig.finds = [3, 1];
  rig.step({ type: "closed", session: 1 });
  rig.sleep(5_000);
  assert(!rig.guard.state.doom!.proven);
  rig.step({ type: "commandExited", exit: KILLED });
  rig.sleep(1_000);
  assert(!rig.guard.state.doom!.proven, "the elector's exit status must come");
  rig.step({ type: "wardExited", exit: KILLED });
  assert(rig.guard.state.doom!.proven);
  rig.sleep(SETTLE - 1);
  assertEquals(rig.take("read"), [], "settle counts from the proof");
  rig.sleep(1);
  rig.only("read");
});

Deno.test("a pass that was under way when a child ended proves nothing", () => {
  for (const end of ["commandExited", "wardExited"] as const) {
    const rig = new GuardRig().running();
    rig.sweeps = false;
    rig.step({ type: "closed", session: 1 });
    const other = end === "wardExited" ? "commandExited" : "wardExited";
    rig.step({ type: other, exit: KILLED });
    rig.swept(rig.take("sweep").at(-1)!);
    const stale = rig.only("sweep");
    rig.step({ type: end, exit: KILLED });
    rig.swept(stale);
    rig.swept(rig.only("sweep"));
    assert(!rig.guard.state.doom!.proven);
    rig.swept(rig.only("sweep"));
    assert(rig.guard.state.doom!.proven);
  }
});

Deno.test("what is not proven is not claimed", async (t) => {
  const cases: [string, (rig: GuardRig) => void][] = [
    ["no subreaper", (rig) => rig.unprovable = "no subreaper"],
    ["a process that does not die", (rig) => rig.finds = Array(5_000).fill(1)],
  ];
  for (const [name, prepare] of cases) {
    await t.step(name, () => {
      const rig = new GuardRig().running();
      prepare(rig);
      rig.step({ type: "closed", session: 1 });
      rig.step({ type: "commandExited", exit: KILLED });
      rig.step({ type: "wardExited", exit: KILLED });
      rig.sleep(60_000);
      assertEquals([...rig.take("read"), ...rig.take("write")], []);
      assert(rig.log.includes("unproven"));
      assertEquals(rig.only("exit").code, 1);
    });
  }
  await t.step("the end of a command that cannot be proven ends everything, with its code", () => {
    const rig = new GuardRig().running();
    rig.unprovable = "no subreaper";
    rig.step({ type: "commandExited", exit: { code: 0 } });
    assertEquals(rig.said(), []);
    rig.only("killWard");
    rig.step({ type: "wardExited", exit: KILLED });
    assertEquals(rig.only("exit").code, 1);
  });
});

Deno.test("the release: GET, then a PUT of what is still the term's, and exit", () => {
  const rig = dead();
  rig.sleep(SETTLE);
  rig.answer(rig.only("read"), { kind: "lease", record: heldBy(20, 1) });
  const { lease } = rig.only("write");
  const released = stored(lease, 21);
  assertEquals(released.holder, "");
  assertEquals(released.released, {
    token: TOKEN,
    rv: "20",
    renewMicros: WALL * 1_000 + SETTLE * 1_000,
  });
  assertEquals(lease.metadata.resourceVersion, "20");
  assertEquals(lease.metadata.uid, "uid-1");
  assertEquals(released.write, `${GUARD_NONCE}.1`);
  assertEquals(rig.take("exit"), []);
  rig.answer({ id: rig.guard.state.lastId }, { kind: "lease", record: released });
  assertEquals(rig.only("exit").code, 70);
});

Deno.test("nothing is written unless holder, nonce, token and write are the term's", async (t) => {
  const cases: [string, Answer][] = [
    ["somebody else", { kind: "lease", record: held(30) }],
    ["another token", { kind: "lease", record: heldBy(30, 1, "42") }],
    ["a write that was never asked for", { kind: "lease", record: heldBy(30, 2) }],
    ["a write of before the term", { kind: "lease", record: heldBy(30, 0) }],
    ["a write of another elector in our name", {
      kind: "lease",
      record: edited(heldBy(30, 1), 30, (lease) => {
        lease.metadata.annotations![ANNOTATION.write] = `${OTHER}.1`;
      }),
    }],
    ["another elector of the same name", { kind: "lease", record: heldBy(30, 1, TOKEN, THEM) }],
    ["nobody", {
      kind: "lease",
      record: stored({ ...heldBy(30, 1).lease, spec: {} }, 30),
    }],
    ["no Lease", { kind: "missing" }],
  ];
  for (const [name, answer] of cases) {
    await t.step(name, () => {
      const rig = dead();
      rig.sleep(SETTLE);
      rig.answer(rig.only("read"), answer);
      assertEquals(rig.take("write"), []);
      assertEquals(rig.only("exit").code, 70, "there is nothing left to release");
    });
  }
});

Deno.test("a renewal that was in flight makes the release wait its turn, and lose none", () => {
  const running = new GuardRig().running();
  running.write(TOKEN, false);
  const rig = dead(running);
  rig.sleep(SETTLE);
  rig.answer(rig.only("read"), { kind: "lease", record: heldBy(20, 1) });
  rig.answer(rig.only("write"), { kind: "conflict" });
  rig.sleep(100);
  rig.answer(rig.only("read"), { kind: "lease", record: heldBy(21, 2) });
  assertEquals(rig.only("write").lease.metadata.resourceVersion, "21");
});

Deno.test("a release that was committed, but not answered, is recognised", () => {
  const rig = dead();
  rig.sleep(SETTLE);
  rig.answer(rig.only("read"), { kind: "lease", record: heldBy(20, 1) });
  const write = rig.only("write");
  rig.answer(write, unknown);
  rig.sleep(100);
  rig.answer(rig.only("read"), { kind: "lease", record: stored(write.lease, 21) });
  assert(rig.log.includes("released"));
  assertEquals(rig.only("exit").code, 70);
});

Deno.test("the release is given up D after the last reading of the term", async (t) => {
  const ways: [string, (rig: GuardRig) => void][] = [
    ["without any answer", () => {}],
    ["with the write in hand", (rig) => {
      for (const read of rig.take("read")) {
        rig.answer(read, { kind: "lease", record: heldBy(20, 1) });
      }
    }],
    ["with failures", (rig) => {
      for (const read of rig.take("read")) rig.answer(read, unknown);
    }],
  ];
  for (const [name, happen] of ways) {
    await t.step(name, () => {
      const running = new GuardRig().running();
      running.sleep(2_000);
      running.write(TOKEN, false);
      const rig = dead(running);
      const end = rig.mono + D;
      while (rig.mono < end) {
        assertEquals(rig.take("exit"), []);
        happen(rig);
        rig.sleep(10);
      }
      assert(rig.log.includes("unreleased"));
      assertEquals(rig.only("exit").code, 1);
    });
  }
});

Deno.test("an outage costs few requests: I9", () => {
  const rig = dead();
  rig.sleep(SETTLE);
  let requests = 0;
  for (let at = 0; at < 12_000; at += 10) {
    for (const read of rig.take("read")) {
      requests++;
      rig.answer(read, unknown);
    }
    rig.sleep(10);
  }
  assert(requests > 5 && requests <= 10 + 3 * 6, String(requests));
});

Deno.test("a candidate that dies holds nothing: nothing is asked of the API server", () => {
  const rig = new GuardRig().hello();
  rig.step({ type: "closed", session: 1 });
  rig.step({ type: "wardExited", exit: KILLED });
  assertEquals(rig.take("read"), []);
  assertEquals(rig.only("exit").code, 70);
});

Deno.test("an acquisition that was never confirmed is released too: nobody acted in it", () => {
  const rig = new GuardRig().hello();
  rig.write(TOKEN, false);
  rig.step({ type: "closed", session: 1 });
  rig.step({ type: "wardExited", exit: KILLED });
  rig.sleep(SETTLE);
  rig.answer(rig.only("read"), { kind: "lease", record: heldBy(20, 1) });
  rig.only("write");
});

Deno.test("goodbye makes the end of the elector a good one, in whatever order they are seen", async (t) => {
  for (const order of ["goodbye first", "exit first"]) {
    await t.step(order, () => {
      const rig = new GuardRig().running();
      rig.step({ type: "commandExited", exit: { code: 5 } });
      rig.say({ type: "disarm", token: TOKEN });
      if (order === "exit first") rig.step({ type: "wardExited", exit: CODE_0 });
      rig.sleep(50);
      rig.say({ type: "goodbye" });
      rig.step({ type: "closed", session: 1 });
      if (order === "goodbye first") rig.step({ type: "wardExited", exit: CODE_0 });
      assertEquals(rig.only("exit").code, 5);
      assertEquals([...rig.take("killWard"), ...rig.take("read")], []);
    });
  }
});

interface Ending {
  name: string;
  restart?: boolean;
  signal?: boolean;
  end?: Exit;
  elector?: Exit;
  code: number;
}

Deno.test("exit codes of exec", async (t) => {
  const endings: Ending[] = [
    { name: "the command's own", end: { code: 3 }, code: 3 },
    { name: "128 + n", end: { code: 139, signal: "SIGSEGV" }, code: 139 },
    {
      name: "the command's own, though the Lease was left",
      end: { code: 3 },
      elector: { code: 1 },
      code: 3,
    },
    { name: "the Lease was left", end: CODE_0, elector: { code: 1 }, code: 1 },
    { name: "drained by the stop signal", signal: true, end: BY_TERM, code: 0 },
    { name: "drained, with a code of its own", signal: true, end: { code: 4 }, code: 4 },
    { name: "drained, but killed", signal: true, end: KILLED, code: 137 },
    { name: "restarted, then a signal", restart: true, end: { code: 9 }, code: 0 },
    { name: "a signal before it ever led", signal: true, code: 0 },
  ];
  for (const { name, restart = false, signal = false, end, elector = CODE_0, code } of endings) {
    await t.step(`${code}: ${name}`, () => {
      const rig = new GuardRig({ restart });
      if (end === undefined) rig.hello();
      else rig.running();
      if (signal) {
        rig.step({ type: "signalled", signal: "SIGTERM" });
        rig.say({ type: "over", token: TOKEN, reason: "resigned", revoked: false });
      }
      if (end !== undefined) rig.step({ type: "commandExited", exit: end });
      rig.say({ type: "disarm", token: TOKEN });
      rig.say({ type: "goodbye" });
      rig.step({ type: "wardExited", exit: elector });
      assertEquals(rig.only("exit").code, code);
    });
  }
  await t.step("the elector's own if it never came as far as hello", () => {
    for (const code of [2, 1, 137]) {
      const rig = new GuardRig();
      rig.step({ type: "wardExited", exit: { code } });
      assertEquals(rig.only("exit").code, code);
    }
  });
  await t.step("1 if the elector left without a word and without a failure", () => {
    const rig = new GuardRig();
    rig.step({ type: "wardExited", exit: CODE_0 });
    assertEquals(rig.only("exit").code, 1);
  });
});

Deno.test("exit codes of a program: its own, or 1 for 0 if its Lease was left", async (t) => {
  for (const [own, left, code] of [[0, false, 0], [3, true, 3], [0, true, 1], [137, false, 137]]) {
    await t.step(`${own}, ${left ? "left" : "released"}: ${code}`, () => {
      const rig = new GuardRig({ kind: "program" }).hello();
      rig.write();
      rig.step({ type: "wardExited", exit: { code: own as number } });
      rig.step({ type: "closed", session: 1 });
      for (let at = 0; at <= D; at += 10) {
        rig.sleep(10);
        for (const read of rig.take("read")) {
          rig.answer(read, left ? unknown : { kind: "missing" });
        }
      }
      assertEquals(rig.only("exit").code, code);
    });
  }
});

Deno.test("a program with two electors: each is fenced for itself, both are released", () => {
  const rig = new GuardRig({ kind: "program" }).hello(1);
  const facts = { ...FACTS, leaseName: "y", nonce: "0".repeat(31) + "d" };
  rig.hello(2, facts);
  rig.write(TOKEN, true, 1);
  rig.sleep(6_000);
  rig.write("50", true, 2);
  rig.sleep(F - 6_000);
  rig.only("killWard");
  rig.step({ type: "wardExited", exit: KILLED });
  rig.sleep(SETTLE);
  assertEquals(rig.take("read").map(({ session }) => session), [1, 2]);
});

Deno.test("a program that has disarmed or said goodbye is not killed", async (t) => {
  for (const last of ["disarm", "goodbye"] as const) {
    await t.step(last, () => {
      const rig = new GuardRig({ kind: "program" }).hello();
      rig.write();
      rig.say({ type: "disarm", token: TOKEN });
      if (last === "goodbye") {
        rig.say({ type: "goodbye" });
        rig.step({ type: "closed", session: 1 });
      }
      rig.sleep(10 * D);
      assertEquals(rig.types().filter((type) => /kill|sweep|exit/.test(type)), []);
    });
  }
});

Deno.test("signals", async (t) => {
  await t.step("go to the command, SIGWINCH to its whole group", () => {
    const rig = new GuardRig().running();
    for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGWINCH"]) {
      rig.step({ type: "signalled", signal });
      const group = signal === "SIGWINCH";
      assertEquals(rig.only("signalCommand"), { type: "signalCommand", signal, group });
    }
    rig.step({ type: "commandExited", exit: CODE_0 });
    rig.step({ type: "signalled", signal: "SIGHUP" });
    assertEquals(rig.take("signalCommand"), []);
  });
  await t.step("go to the program, all of them", () => {
    const rig = new GuardRig({ kind: "program" });
    for (const signal of ["SIGTERM", "SIGTERM", "SIGHUP"]) {
      rig.step({ type: "signalled", signal });
      assertEquals(rig.only("signalWard").signal, signal);
    }
  });
  await t.step("one that comes before the elector ends it all", () => {
    const rig = new GuardRig();
    rig.step({ type: "signalled", signal: "SIGINT" });
    rig.only("killWard");
    rig.step({ type: "wardExited", exit: KILLED });
    assertEquals(rig.only("exit").code, 0);
  });
  await t.step("a second one at once is a doubled one", () => {
    const rig = new GuardRig().running();
    rig.step({ type: "signalled", signal: "SIGINT" });
    rig.sleep(10);
    rig.step({ type: "signalled", signal: "SIGINT" });
    assertEquals(rig.take("killWard"), []);
  });
  await t.step("a second one later kills at once, and still releases what is proven", () => {
    const rig = new GuardRig().running();
    rig.step({ type: "signalled", signal: "SIGINT" });
    rig.sleep(500);
    rig.step({ type: "signalled", signal: "SIGTERM" });
    rig.only("killCommand");
    rig.step({ type: "commandExited", exit: KILLED });
    rig.step({ type: "wardExited", exit: KILLED });
    rig.sleep(SETTLE);
    rig.answer(rig.only("read"), { kind: "missing" });
    assertEquals(rig.only("exit").code, 143);
  });
  await t.step("a third one does not wait for that", () => {
    const rig = new GuardRig().running();
    for (let i = 0; i < 3; i++) {
      rig.step({ type: "signalled", signal: "SIGINT" });
      rig.sleep(500);
    }
    assertEquals(rig.only("exit").code, 130);
  });
});

Deno.test("who says anything else than hello first, or hello twice, is sent away", () => {
  const rig = new GuardRig();
  rig.say({ type: "ask", sequence: 1, token: TOKEN }, 7);
  assertEquals(rig.only("drop").session, 7);
  rig.hello(1).hello(2);
  assertEquals(rig.only("drop").session, 2);
});

Deno.test("clones play on the same way", () => {
  const rig = new GuardRig().running();
  rig.sleep(F - 1);
  const clone = new GuardRig().guard;
  clone.state = structuredClone(rig.guard.state);
  const now = { mono: F, wall: F + WALL };
  const input = { type: "timer" } as const;
  assertEquals(clone.step(input, now, 0.5), rig.guard.step(input, now, 0.5));
  assertEquals(NONCE, FACTS.nonce);
});
