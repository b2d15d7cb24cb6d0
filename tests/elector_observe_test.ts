// What an elector shows of itself, and what it leaves behind: observe(), status(), close(), and a defect.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Elector } from "../lib/elector.ts";
import type { ElectorStatus, HolderChange } from "../lib/elector_options.ts";
import { TermOver } from "../lib/errors.ts";
import { Client } from "../lib/kubernetes/client.ts";
import { ANNOTATION, type Lease } from "../lib/lease.ts";
import type { Term } from "../lib/term.ts";
import { type ApiRequest, ApiServer, LOST } from "../lib/testing/mod.ts";
import { holderOn, onServer } from "./support/on_server.ts";
import { held, released, THEM } from "./support/rig.ts";
import { Stage, turn } from "./support/stage.ts";
import { TcpProxy } from "./support/tcp_proxy.ts";
import { aborted, settled, until } from "./support/until.ts";

/** Work that only leads. */
const lead = (term: Term) => aborted(term.signal);

/** Counts who listens for the abort of a signal and has not stopped to. */
class Listeners implements Disposable {
  readonly #here: [AbortSignal, unknown][] = [];

  constructor() {
    const here = this.#here;
    const { addEventListener, removeEventListener } = AbortSignal.prototype;
    Object.assign(AbortSignal.prototype, {
      addEventListener(this: AbortSignal, ...args: Parameters<typeof addEventListener>) {
        here.push([this, args[1]]);
        addEventListener.apply(this, args);
      },
      removeEventListener(this: AbortSignal, ...args: Parameters<typeof removeEventListener>) {
        const at = here.findIndex(([signal, listener]) => signal === this && listener === args[1]);
        if (at >= 0) here.splice(at, 1);
        removeEventListener.apply(this, args);
      },
    });
  }

  get count(): number {
    return this.#here.filter(([signal]) => !signal.aborted).length;
  }

  [Symbol.dispose](): void {
    // They hide those of EventTarget.
    Reflect.deleteProperty(AbortSignal.prototype, "addEventListener");
    Reflect.deleteProperty(AbortSignal.prototype, "removeEventListener");
  }
}

Deno.test("observe() yields the holder as it is, and then every change of hands; renewals are none", () =>
  onServer(async (make, server) => {
    const a = make("a", { retryPeriodMs: 20 });
    const watcher = make("watcher");
    const seen: HolderChange[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const change of watcher.observe({ signal: stop.signal })) seen.push(change);
    })();
    await until("there is no Lease", () => seen.length === 1);
    const versions = new Set<bigint>();
    const token = await a.run(async (term) => {
      await until("it is renewed", () => versions.add(server.leases.revision).size > 5);
      return term.token;
    });
    await until("it is released", () => seen.length === 3);
    const nobody = { leader: null, identity: null, token: null, isSelf: false };
    const leader = { leader: "a", identity: a.identity, token: token!, isSelf: false };
    assertEquals(seen, [nobody, leader, nobody]);
    const { contending, terms, role } = watcher.status();
    assertEquals({ contending, terms, role }, { contending: false, terms: 0, role: "observing" });
    stop.abort();
    await settled("the iteration", watching);
  }));

Deno.test("observe() of a leader says that it is the leader itself, and shares its watch", () =>
  onServer(async (make, server) => {
    const a = make("a");
    await a.run(async () => {
      for await (const change of a.observe()) {
        assertEquals([change.leader, change.isSelf], ["a", true]);
        break;
      }
      assertEquals(server.watches, 1);
    });
  }));

Deno.test("observe() ends with its signal, whether it has begun or not", async () => {
  const stage = new Stage();
  for await (const _ of stage.elector.observe({ signal: AbortSignal.abort() })) assert(false);
  assertEquals(stage.api.watches, []);
  const stop = new AbortController();
  const next = stage.elector.observe({ signal: stop.signal }).next();
  await turn();
  stop.abort();
  assertEquals(await settled("the iteration", next), { done: true, value: undefined });
  stage.assertIdle();
});

Deno.test("observe() leaves no listener on the signal", async () => {
  using listeners = new Listeners();
  const stage = new Stage();
  const { signal } = new AbortController();
  for (let round = 0; round < 3; round++) {
    const changes = stage.elector.observe({ signal });
    const first = changes.next();
    await turn();
    stage.watch.report({ type: "lease", record: held(5) });
    assertEquals((await first).value?.leader, "them");
    assert(listeners.count > 0);
    await changes.return();
  }
  assertEquals(listeners.count, 0);
  stage.assertIdle();
});

Deno.test("close() in the loop over observe() ends the loop", () =>
  onServer(async (make, server) => {
    const elector = make("watcher");
    let changes = 0;
    const watching = (async () => {
      for await (const _ of elector.observe()) {
        changes++;
        await elector.close();
      }
    })();
    await settled("close()", watching);
    assertEquals(changes, 1);
    await until("the watch has ended", () => server.watches === 0);
  }));

Deno.test("close() does not wait for an iterator of observe() that nobody asks any more", () =>
  onServer(async (make) => {
    const elector = make("watcher");
    const abandoned = elector.observe();
    await abandoned.next();
    await settled("close()", elector.close());
    assertEquals(await abandoned.next(), { done: true, value: undefined });
  }));

Deno.test("close(): the work is told and waited for, and the Lease is free when it returns", () =>
  onServer(async (make, server) => {
    const a = make("a");
    let ended = false;
    const done = a.run(async (term) => {
      await aborted(term.signal);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assertEquals(holderOn(server), a.identity);
      ended = true;
      return "drained";
    });
    await until("a leads", () => a.isLeader);
    await a.close();
    assert(ended);
    assertEquals(holderOn(server), "");
    assertEquals(await done, "drained");
    assertEquals(a.status().lastReleased, true);
  }));

Deno.test("await using: the end of the block is a close()", () =>
  onServer(async (make, server) => {
    let done: Promise<unknown>;
    {
      await using a = make("a");
      done = a.run(lead);
      await until("a leads", () => a.isLeader);
    }
    assertEquals(holderOn(server), "");
    await done;
    await make("idle").close();
  }));

Deno.test("close() during an outage returns, with requests on their way, and leaves no socket behind", async (t) => {
  const holds = ({ verb, body }: ApiRequest) =>
    verb === "update" && Boolean((body as Lease).spec.holderIdentity);
  const moments: Record<string, (request: ApiRequest, holder: string) => boolean> = {
    "while it asks for its rights": ({ resource }) => resource === "selfsubjectaccessreviews",
    "while it opens its watch": ({ verb }) => verb === "watch",
    "while it takes the Lease": (request, holder) => holds(request) && holder === "",
    "while it renews the Lease": (request, holder) => holds(request) && holder !== "",
  };
  for (const [name, isNow] of Object.entries(moments)) {
    await t.step(name, async () => {
      await using server = new ApiServer();
      await using proxy = await TcpProxy.start(Number(new URL(server.url).port));
      await using client = new Client(`http://127.0.0.1:${proxy.port}`);
      let cut = false;
      server.before = (request) => {
        if (!isNow(request, holderOn(server))) return;
        proxy.cut();
        cut = true;
        return LOST;
      };
      const options = { leaseName: "x", identity: "a", trustUnheld: true, leaseDurationMs: 1_000 };
      const elector = new Elector({ ...options, client });
      const done = elector.run(lead);
      await until("it is cut off", () => cut);
      await settled("close()", elector.close());
      assertEquals(await done, undefined);
    });
  }
});

Deno.test("I10: what aborted requests bring, however late, starts nothing after the end", async () => {
  const stage = new Stage();
  stage.api.prompt = false;
  const done = stage.elector.run(lead);
  await stage.open();
  (await stage.next()).answer({ kind: "conflict" });
  await turn();
  stage.clock.advance(50);
  const reads = [await stage.next()];
  let closed = false;
  const closing = stage.elector.close().then(() => closed = true);
  await until("it has given up", () => {
    stage.clock.advance(100);
    return stage.clock.timers === 0;
  });
  await done;
  stage.assertIdle();
  assert(!closed, "requests are still on their way to their end");
  reads.push(...stage.api.requests.splice(0));
  for (const read of reads) {
    read.answer({ kind: "unknown", message: "aborted" });
    await turn();
    stage.clock.advance(10_000);
  }
  for (const { end } of stage.api.watches) end("failed");
  await settled("close()", closing);
  assertEquals(stage.api.requests, []);
  assertEquals(stage.api.watches.length, 1);
});

Deno.test("status() in every role", async () => {
  const stage = new Stage({ podUid: "uid-7", leaseNamespace: "prod" });
  const { elector, clock } = stage;
  const shows = (role: string, expected: Partial<ElectorStatus>) => {
    const status = elector.status();
    assertEquals(status, { ...status, ...expected, role });
  };
  const nobody = { leader: null, holder: null, token: null };
  const idle = { isLeader: false, remainingMs: 0 };
  shows("observing", { ...nobody, ...idle, contending: false, observed: false, terms: 0 });
  shows("observing", { leaseName: "x", leaseNamespace: "prod", name: "me", missingVerbs: [] });
  shows("observing", { takeableInMs: null, lastReleased: null });
  assertEquals(elector.status().watch, { phase: "closed", failures: 0 });
  assertEquals(elector.status().timing.fenceMs, 12_000);
  assertEquals(elector.identity, `me_${clock.nonce()}_uid-7`);

  const stop = new AbortController();
  const end = Promise.withResolvers<void>();
  const done = elector.run(() => end.promise, { signal: stop.signal });
  await stage.open(held(9));
  clock.mono += 1_500;
  const them = { leader: "them", holder: THEM, token: "8" };
  shows("observing", { ...them, ...idle, contending: true, takeableInMs: 13_500 });
  assertEquals(elector.status().turnedMsAgo, 1_500);

  stage.watch.report({ type: "lease", record: released(10) });
  shows("acquiring", { ...nobody, ...idle, contending: true, observed: true, terms: 0 });
  const { metadata } = await stage.commit();
  const token = metadata.annotations![ANNOTATION.token]!;
  const us = { leader: "me", holder: elector.identity, token };
  shows("leading", { ...us, isLeader: true, remainingMs: 12_000, takeableInMs: null, terms: 1 });
  clock.mono += 1_000;
  shows("leading", { isLeader: true, remainingMs: 11_000, lastReleased: null });

  stop.abort();
  shows("draining", { ...us, isLeader: false, remainingMs: 11_000, contending: false });
  end.resolve();
  await turn();
  shows("releasing", { ...us, ...idle, lastReleased: null });
  await stage.commit();
  await done;
  shows("observing", { ...nobody, ...idle, contending: false, lastReleased: true, terms: 1 });
  await stage.close();
});

Deno.test("status() after a loss: it settles until the work has ended", async () => {
  const stage = new Stage();
  const stop = new AbortController();
  const end = Promise.withResolvers<void>();
  const done = stage.elector.run(() => end.promise, { signal: stop.signal });
  await stage.elect();
  stage.lose();
  const { role, isLeader, remainingMs, contending, takeableInMs, lastReleased, leader } = stage
    .elector.status();
  assertEquals([role, isLeader, remainingMs, leader], ["settling", false, 0, "them"]);
  assertEquals([contending, takeableInMs, lastReleased], [true, null, false]);
  end.resolve();
  await turn();
  assertEquals(stage.elector.status().role, "observing");
  stop.abort();
  await done;
  await stage.close();
});

Deno.test("I2: by the clock alone, nothing begins from F − K on, and what was admitted ends at F", async () => {
  const stage = new Stage();
  let term!: Term;
  const stop = new AbortController();
  const done = stage.elector.run((it) => lead(term = it), { signal: stop.signal });
  await stage.elect();
  const { clock, elector } = stage;
  clock.mono += 9_999;
  assert(elector.isLeader);
  assertEquals(await term.run(() => 7), 7);
  clock.mono += 1;
  assert(!elector.isLeader);
  await assertRejects(() => term.run(() => assert(false, "it began")), TermOver);
  clock.mono += 1_999;
  term.check();
  assertEquals(term.remainingMs, 1);
  clock.mono += 1;
  assertThrows(() => term.check(), TermOver);
  assert(!term.signal.aborted, "no timer has fired");
  clock.advance(0);
  assert(term.signal.aborted);
  assertEquals(term.reason, "expired");
  stop.abort();
  await done;
  await stage.close();
});

Deno.test("I10: after a defect the term is over, nothing is sent, and run() throws what it was", async (t) => {
  const defect = new TypeError("a defect");
  const fails: Record<string, (stage: Stage, stop: AbortController) => Promise<void>> = {
    async observing(stage) {
      await stage.open(held(9));
      stage.watch.fail(defect);
    },
    async acquiring(stage) {
      await stage.open();
      (await stage.next()).fail(defect);
    },
    async leading(stage) {
      await stage.elect();
      stage.clock.advance(2_000);
      (await stage.next()).fail(defect);
    },
    async draining(stage, stop) {
      await stage.elect();
      stop.abort();
      stage.clock.advance(2_000);
      (await stage.next()).fail(defect);
    },
    async settling(stage) {
      await stage.elect();
      stage.lose();
      stage.watch.fail(defect);
    },
  };
  for (const [role, fail] of Object.entries(fails)) {
    await t.step(role, async () => {
      const stage = new Stage();
      const { elector } = stage;
      const stop = new AbortController();
      const end = Promise.withResolvers<void>();
      let term: Term | undefined;
      const done = elector.run((it) => {
        term = it;
        return end.promise;
      }, { signal: stop.signal });
      done.catch(() => {});
      await fail(stage, stop);
      await turn();
      stage.assertIdle();
      assertEquals(elector.status().role, role);
      assert(!elector.isLeader);
      assertEquals(
        term?.signal.aborted,
        role === "observing" || role === "acquiring" ? undefined : true,
      );
      if (term !== undefined) await assertRejects(() => term!.run(() => {}), TermOver);
      end.resolve();
      assertEquals(await assertRejects(() => settled("run()", done)), defect);
      assertEquals(await assertRejects(() => settled("run()", elector.run(lead))), defect);
      await stage.close();
    });
  }
});

Deno.test("I10: close() after a defect waits for what is on its way, and gives everything back", async () => {
  const stage = new Stage();
  stage.api.prompt = false;
  const done = stage.elector.run(lead);
  await stage.open();
  (await stage.next()).fail(new TypeError("a defect"));
  await assertRejects(() => settled("run()", done), TypeError);
  let closed = false;
  const closing = stage.elector.close().then(() => closed = true);
  await turn();
  assert(!closed, "the watch is still on its way to its end");
  stage.watch.end("failed");
  await settled("close()", closing);
  stage.assertIdle();
});
