// The elector under a guard: no write without a reading, no term without an armed guard.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Elector } from "../lib/elector.ts";
import { type LossReason, Unguarded, WorkUnfinished } from "../lib/errors.ts";
import type { GuardApi, GuardEvents } from "../lib/guard/link.ts";
import type { Access, Facts } from "../lib/guard/messages.ts";
import { Client } from "../lib/kubernetes/client.ts";
import type { Lease } from "../lib/lease.ts";
import type { Term } from "../lib/term.ts";
import { ApiServer, refusal } from "../lib/testing/mod.ts";
import { pause, settled, until } from "./support/until.ts";

/** A guard in this process, by hand. */
class FakeGuard implements GuardApi {
  readonly told: string[] = [];
  facts?: Facts;
  events?: GuardEvents;
  access?: Access;
  /** Whether it gives readings, at once; and arms. */
  answers: "yes" | "no" | "never" = "yes";
  arms = true;
  #last?: string;

  async open(facts: Facts, access: () => Promise<Access>, events: GuardEvents): Promise<void> {
    this.told.push("open");
    this.facts = facts;
    this.events = events;
    this.access = await access();
  }

  ask(sequence: number, token: string, signal: AbortSignal): Promise<boolean> {
    this.told.push(`ask ${sequence}`);
    this.#last = token;
    if (this.answers !== "never") return Promise.resolve(this.answers === "yes");
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve(false), { once: true });
    });
  }

  confirmed(sequence: number): void {
    this.told.push(`confirmed ${sequence}`);
    if (this.arms) queueMicrotask(() => this.events?.armed(this.#last!));
  }

  over(_token: string, reason: LossReason, revoked: boolean): void {
    this.told.push(`over ${reason}${revoked ? " revoked" : ""}`);
  }

  disarm(): void {
    this.told.push("disarm");
  }

  goodbye(): Promise<void> {
    this.told.push("goodbye");
    return Promise.resolve();
  }
}

/** An elector, its guard and its server; `body` runs beside it. */
async function play(
  work: (term: Term) => Promise<unknown>,
  body: (rig: { guard: FakeGuard; server: ApiServer; elector: Elector }) => Promise<void>,
  prepare: (guard: FakeGuard) => void = () => {},
): Promise<FakeGuard> {
  await using server = new ApiServer();
  await using client = new Client(server.url);
  const guard = new FakeGuard();
  prepare(guard);
  await using elector = new Elector({
    leaseName: "x",
    client,
    leaseDurationMs: 2_000,
    trustUnheld: true,
    guard,
  });
  const run = elector.run(work);
  run.catch(() => {});
  await body({ guard, server, elector });
  await elector.close();
  await run.catch(() => {});
  return guard;
}

const untilOver = (term: Term) =>
  new Promise((resolve) => term.signal.addEventListener("abort", resolve, { once: true }));

const writes = (server: ApiServer) =>
  server.requests.filter(({ verb }) => verb === "update").length;

Deno.test("a whole term, as the guard is told of it", async () => {
  const guard = await play(() => Promise.resolve(), async ({ guard, elector }) => {
    await until("the end", () => guard.told.includes("goodbye"));
    assertEquals(elector.status().lastReleased, true);
  });
  // The first write creates the Lease, and names nobody.
  assertEquals(guard.told.filter((line) => !/^(ask|confirmed) [2-9]/.test(line)), [
    "open",
    "ask 1",
    "confirmed 1",
    "over resigned",
    "disarm",
    "goodbye",
  ]);
  assertEquals(guard.facts?.leaseName, "x");
  assertEquals(guard.facts?.fenceMs, 1_600);
  assert(guard.access?.server.startsWith("http://127.0.0.1:"));
});

Deno.test("without a reading nothing is sent that begins a term", async () => {
  await play(untilOver, async ({ guard, server, elector }) => {
    await until("two attempts", () => guard.told.filter((line) => /ask/.test(line)).length > 1);
    assertEquals(elector.status().role, "acquiring");
    // Only the Lease was created.
    assertEquals(server.leases.get("default", "x")?.spec.holderIdentity, undefined);
    guard.answers = "yes";
    await until("a leader", () => elector.isLeader);
  }, (guard) => guard.answers = "never");
});

Deno.test("without a reading nothing is renewed, and the term ends by its clock", async () => {
  const guard = await play(untilOver, async ({ guard, server, elector }) => {
    await until("a leader", () => elector.isLeader);
    guard.answers = "no";
    await pause(50);
    let renewals = 0;
    server.before = ({ verb, body }) => {
      const { spec } = (body ?? {}) as Partial<Lease>;
      if (verb === "update" && spec?.holderIdentity) renewals++;
    };
    await until("the loss", () => renewals > 0 || guard.told.includes("over expired"));
    assertEquals(renewals, 0);
  });
  assert(guard.told.includes("disarm"));
});

Deno.test("without an armed guard there is no term", async () => {
  let started = 0;
  await play(() => Promise.resolve(started++), async ({ guard, elector }) => {
    await until("a Lease", () => elector.status().role === "arming");
    await pause(100);
    assertEquals([started, elector.isLeader, elector.status().remainingMs], [0, false, 0]);
    guard.answers = "never";
    await until("the release", () => guard.told.includes("disarm"));
    assertEquals(started, 0);
    assert(!guard.told.some((line) => /over/.test(line)), "lost without elected");
  }, (guard) => guard.arms = false);
});

Deno.test("the guard's death ends the term at once, and the elector for good", async () => {
  const reasons: (string | undefined)[] = [];
  await play(
    async (term) => {
      await untilOver(term);
      reasons.push(term.reason);
    },
    async ({ guard, server, elector }) => {
      await until("a leader", () => elector.isLeader);
      guard.events!.gone();
      assert(!elector.isLeader, "in the same instant");
      await until("the end of the work", () => reasons.length > 0);
      const before = writes(server);
      await assertRejects(() => elector.run(untilOver), Unguarded);
      await assertRejects(() => elector.terms().next(), Unguarded);
      await pause(200);
      assertEquals(writes(server), before, "nothing is released, nothing taken");
      assert(server.leases.get("default", "x")?.spec.holderIdentity);
    },
  );
  assertEquals(reasons, ["unguarded"]);
});

Deno.test("work that does not stop stays guarded until it does", async () => {
  await using server = new ApiServer();
  await using client = new Client(server.url);
  const guard = new FakeGuard();
  await using elector = new Elector({
    leaseName: "x",
    client,
    leaseDurationMs: 2_000,
    drainMs: 0,
    trustUnheld: true,
    guard,
  });
  const stop = new AbortController();
  const work = Promise.withResolvers<void>();
  const run = assertRejects(
    () => elector.run(() => work.promise, { signal: stop.signal }),
    WorkUnfinished,
  );
  await until("a leader", () => elector.isLeader);
  stop.abort();
  await run;
  assert(!guard.told.includes("disarm") && !guard.told.includes("goodbye"));
  work.resolve();
  await until("the end", () => guard.told.includes("goodbye"));
  assertEquals(guard.told.slice(-2), ["disarm", "goodbye"]);
});

Deno.test("run() rejects when the guard dies while it waits to lead", async () => {
  await using server = new ApiServer();
  await using client = new Client(server.url);
  const guard = new FakeGuard();
  await using elector = new Elector({ leaseName: "x", client, leaseDurationMs: 5_000, guard });
  const run = assertRejects(() => elector.run(untilOver), Unguarded);
  await until("a candidate", () => elector.status().contending);
  guard.events!.gone();
  await run;
});

Deno.test("run() rejects when the guard dies while permissions are missing", async () => {
  await using server = new ApiServer();
  let asked = false;
  server.before = ({ resource }) => {
    if (resource === "leases") return;
    asked = true;
    return refusal(503);
  };
  await using client = new Client(server.url);
  const guard = new FakeGuard();
  await using elector = new Elector({ leaseName: "x", client, leaseDurationMs: 5_000, guard });
  const run = assertRejects(() => elector.run(untilOver), Unguarded);
  await until("a question", () => asked);
  guard.events!.gone();
  await settled("run()", run);
});

Deno.test("run() rejects when the guard dies after its signal has aborted", async () => {
  await using server = new ApiServer();
  let held = false;
  const answer = Promise.withResolvers<void>();
  // The acquisition that is on its way keeps the elector from leaving at once.
  server.before = async ({ method }) => {
    if (method !== "PUT" || !held) return;
    await answer.promise;
  };
  await using client = new Client(server.url);
  const guard = new FakeGuard();
  guard.arms = false;
  await using elector = new Elector({
    leaseName: "x",
    client,
    leaseDurationMs: 5_000,
    trustUnheld: true,
    guard,
  });
  const stop = new AbortController();
  const run = assertRejects(() => elector.run(untilOver, { signal: stop.signal }), Unguarded);
  await until("an acquisition", () => elector.status().role === "arming");
  held = true;
  stop.abort();
  await until("the release", () => elector.status().role === "releasing");
  guard.events!.gone();
  answer.resolve();
  await settled("run()", run);
});
