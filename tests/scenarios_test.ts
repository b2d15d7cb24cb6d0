// The ten scenarios that client-go fails, each by its name, with real sockets and the embedded API server.
// Each elector sits behind a TCP proxy, which cuts it off or keeps its answers back.
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Elector } from "../lib/elector.ts";
import { ConfigError } from "../lib/errors.ts";
import { ApiServer } from "../lib/testing/mod.ts";
import { type Act, actUntilOver, Hand, Player, staleActs } from "./support/players.ts";
import { pause, until } from "./support/until.ts";

/** The server, and what goes with every scenario. */
async function scenario(
  play: (
    start: (name: string, options?: Parameters<typeof Player.start>[3]) => Promise<Player>,
    hand: Hand,
    acts: Act[],
    server: ApiServer,
  ) => Promise<void>,
): Promise<void> {
  await using server = new ApiServer();
  const port = Number(new URL(server.url).port);
  await using hand = new Hand(port);
  await using players = new AsyncDisposableStack();
  const acts: Act[] = [];
  await play(
    async (name, options) => players.use(await Player.start(port, acts, name, options)),
    hand,
    acts,
    server,
  );
  assertEquals(staleActs(acts), [], "no act of an older term after one of a newer");
}

Deno.test("scenario 1: a configuration whose real stop time is beyond D is refused at start", () => {
  const client = {} as never;
  // client-go's 15/14/2: it stops 14 s after a renewal, if nothing is slow.
  const late = { leaseDurationMs: 15_000, clockSkewMs: 1_000, stopGraceMs: 0 };
  assertThrows(
    () => new Elector({ leaseName: "x", identity: "a", client, ...late }),
    ConfigError,
    "clock skew of at least",
  );
});

Deno.test("scenario 2: a renewal's answer is late, then the network is cut: no overlap", () =>
  scenario(async (start, _, acts) => {
    const a = await start("a");
    await until("a leads", () => a.leads);
    const b = await start("b");
    await pause(600);
    a.proxy.holdAnswers();
    await pause(500);
    a.proxy.cut();
    await until("b leads", () => b.leads);
    await until("b acts", () => acts.at(-1)?.name === "b");
    await pause(300);
    assertEquals(a.term.reason, "expired");
  }));

Deno.test("scenario 3: the answer to the acquiring write arrives after D: the term never starts", () =>
  scenario(async (start, hand) => {
    const a = await start("a");
    await until("a is ready", () => a.elector.status().observed && a.leads);
    // A second candidate takes over, but never hears of it before it is too late.
    const b = await start("b");
    await until("b watches", () => b.elector.status().observed);
    // Nothing comes back to b, not even the watch; what it sends arrives.
    a.stop();
    await until("b leads", () => b.leads);
    await b.elector.stepDown();
    b.proxy.holdAnswers();
    const before = b.terms.length;
    await until(
      "b's write has arrived",
      async () => (await hand.read()).holder === b.elector.identity,
    );
    const c = await start("c", { trustUnheld: false });
    await until("c leads", () => c.leads);
    b.proxy.releaseAnswers();
    await pause(300);
    assertEquals(b.terms.length, before, "b got no other term");
    assert(c.leads);
  }));

Deno.test("scenario 4: a release: work is aborted and over before anything is written", () =>
  scenario(async (start, hand) => {
    let ended = false;
    const a = await start("a", {
      work: async (term, player) => {
        await actUntilOver(term, player);
        await pause(500);
        ended = true;
      },
    });
    await until("a leads", () => a.leads);
    a.stop();
    assert(a.term.signal.aborted);
    await until("the release is written", async () => {
      const { holder } = await hand.read();
      assert(holder !== "" || ended, "the Lease is free, and the work goes on");
      return holder === "";
    });
  }));

Deno.test("scenario 4: loss during a release: another holder's Lease is left alone", () =>
  scenario(async (start, hand) => {
    const a = await start("a", {
      work: async (term, player) => {
        await actUntilOver(term, player);
        await pause(500);
      },
    });
    await until("a leads", () => a.leads);
    a.stop();
    await hand.edit((lease) => lease.spec.holderIdentity = "stranger");
    await a.done;
    assertEquals((await hand.read()).holder, "stranger");
  }));

Deno.test("scenario 5: the Lease names somebody else: the leader stops at once, not at its deadline", () =>
  scenario(async (start, hand) => {
    // An hour: no deadline can be what ends this term.
    const a = await start("a", { leaseDurationMs: 3_600_000 });
    await until("a leads", () => a.leads);
    await hand.edit((lease) => lease.spec.holderIdentity = "stranger");
    await until("a has stopped", () => a.term.signal.aborted);
    assertEquals(a.term.reason, "superseded");
    assert(!a.leads);
  }));

Deno.test("scenario 5: the Lease is deleted: the leader stops at once, not at its deadline", () =>
  scenario(async (start, hand) => {
    const a = await start("a", { leaseDurationMs: 3_600_000 });
    await until("a leads", () => a.leads);
    await hand.delete();
    await until("a has stopped", () => a.term.signal.aborted);
    assertEquals(a.term.reason, "deleted");
  }));

Deno.test("scenario 6: a release never erases a successor, also after a healed cut", () =>
  scenario(async (start, hand) => {
    const a = await start("a");
    await until("a leads", () => a.leads);
    const b = await start("b");
    await until("b watches", () => b.elector.status().observed);
    a.proxy.cut();
    await until("b leads", () => b.leads);
    a.proxy.heal();
    a.stop();
    await a.done;
    assertEquals((await hand.read()).holder, b.elector.identity);
    await pause(300);
    assert(b.leads);
  }));

Deno.test("scenario 7: renewals inside one second are seen", () =>
  scenario(async (start) => {
    // Renewed seven times a second; a follower that compares whole seconds would see half of it at best.
    const a = await start("a", { leaseDurationMs: 1_000 });
    await until("a leads", () => a.leads);
    const b = await start("b", { leaseDurationMs: 1_000 });
    await pause(4_000);
    assertEquals([a.terms.length, b.terms.length], [1, 0]);
  }));

Deno.test("scenario 8: isLeader is false the instant the fence passes, with no callback having run", () =>
  scenario(async (start) => {
    const a = await start("a", { work: (term) => untilAborted(term.signal) });
    await until("a leads", () => a.leads);
    const { term } = a;
    const end = performance.now() + term.remainingMs + 100;
    // The event loop stands still, as in a long computation.
    while (performance.now() < end);
    assert(!term.signal.aborted, "no callback has run");
    assert(!a.leads);
    assertEquals(term.remainingMs, 0);
    assertThrows(() => term.check());
    await until("a has noticed", () => term.signal.aborted);
  }));

Deno.test("scenario 8: work that the clock has stopped, before any callback could, is called anew", () =>
  scenario(async (start) => {
    const a = await start("a", {
      work: async (term, player) => {
        if (player.terms.length > 1) return await untilAborted(term.signal);
        const end = performance.now() + term.remainingMs + 100;
        while (performance.now() < end);
        term.check();
      },
    });
    await until("a leads again", () => a.terms.length === 2);
    assertEquals(a.terms[0]!.reason, "expired");
  }));

Deno.test("scenario 9: a cancelled leader holds the Lease until its work has ended", () =>
  scenario(async (start, hand) => {
    let working = true;
    const a = await start("a", {
      work: async (term) => {
        await untilAborted(term.signal);
        await pause(3_000);
        working = false;
      },
    });
    await until("a leads", () => a.leads);
    const b = await start("b");
    a.stop();
    await until("b leads", async () => {
      assert(!b.leads || !working, "b leads while a works");
      assert(!working || (await hand.read()).holder !== b.elector.identity);
      return b.leads;
    });
  }));

Deno.test("scenario 10: two electors of one configured name never lead together", () =>
  scenario(async (start, _, acts) => {
    const twins = [await start("twin"), await start("twin"), await start("twin")];
    await until("one leads", () => twins.some((twin) => twin.leads));
    for (let round = 0; round < 5; round++) {
      const leader = twins.find((twin) => twin.leads)!;
      await leader.elector.stepDown();
      await until("the next leads", () => twins.some((twin) => twin.leads));
      assert(twins.filter((twin) => twin.leads).length <= 1);
    }
    assertEquals(new Set(twins.map((twin) => twin.elector.identity)).size, 3);
    assert(acts.length > 0);
  }));

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
