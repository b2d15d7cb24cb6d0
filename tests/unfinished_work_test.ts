// Work that does not stop when it is told to: it is fenced, and who wants to leave does not wait for it.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { WorkUnfinished } from "../lib/errors.ts";
import { ApiServer } from "../lib/testing/mod.ts";
import { type Act, Hand, Player, staleActs } from "./support/players.ts";
import { until } from "./support/until.ts";
import { held, Rig } from "./support/rig.ts";

const TERM = 1;

/** Commits every renewal until the role is another one. */
function renewWhile(rig: Rig, role: "draining"): void {
  for (let rv = 30; rig.role === role; rv++) {
    for (const write of rig.take("write")) rig.commit(write, rv);
    rig.mono = rig.election.deadline(rig.now);
    rig.step({ type: "timer" });
  }
}

Deno.test("work that goes on after a stop is waited for until the fence, and no longer", () => {
  const rig = new Rig({ drainMs: 5_000 });
  rig.lead();
  rig.step({ type: "withdraw" });
  renewWhile(rig, "draining");
  assertEquals(rig.role, "settling");
  assert(!rig.election.mayAct(TERM, rig.now));
  rig.only("withdrawn");
  rig.sleep(60_000);
  assertEquals(rig.take("write"), [], "there is no release");
  assertEquals(rig.take("withdrawn"), [], "it is told once");
  rig.step({ type: "stop" });
});

Deno.test("work whose term was lost while it drained keeps the rest of its drain time", () => {
  const rig = new Rig({ drainMs: 5_000 });
  rig.lead();
  rig.step({ type: "withdraw" });
  const end = rig.mono + 5_000;
  rig.sleep(1_000);
  rig.show(held(30));
  assertEquals(rig.role, "settling");
  rig.sleep(end - rig.mono - 1);
  assertEquals(rig.take("withdrawn"), []);
  rig.sleep(1);
  rig.only("withdrawn");
});

Deno.test("who wants to lead again waits for the work of a lost term as long as it takes", () => {
  const rig = new Rig({ drainMs: 5_000 });
  rig.lead();
  rig.show(held(30));
  rig.sleep(3_600_000);
  assertEquals([rig.role, rig.take("withdrawn")], ["settling", []]);
  assertEquals(rig.election.takeAt(), Infinity);
  // It was told to stop long ago.
  rig.step({ type: "withdraw" });
  rig.only("withdrawn");
});

Deno.test("an elector that left unfinished work behind does not lead again before that has ended", () => {
  const rig = new Rig({ drainMs: 0 });
  rig.lead();
  rig.show(held(30));
  rig.step({ type: "withdraw" });
  rig.step({ type: "stop" });
  rig.step({ type: "start" });
  rig.step({ type: "contend" });
  rig.sleep(60_000);
  assertEquals([rig.role, rig.election.takeAt()], ["settling", Infinity]);
  rig.step({ type: "settled", term: TERM });
  assertEquals(rig.role, "acquiring");
});

Deno.test("run() gives unfinished work up after its fence; the Lease expires, and another leads", async () => {
  await using server = new ApiServer();
  const port = Number(new URL(server.url).port);
  await using hand = new Hand(port);
  const acts: Act[] = [];
  const never = Promise.withResolvers<void>();
  const work: Parameters<typeof Player.start>[3] = {
    drainMs: 500,
    work: async (term, player) => {
      // Acts for as long as it is let, deaf to the signal.
      while (term.remainingMs > 0) {
        player.act(term);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await never.promise;
    },
  };
  const deaf = await Player.start(port, acts, "deaf", work);
  await until("deaf leads", () => deaf.leads);
  await using next = await Player.start(port, acts, "next");
  deaf.stop();
  const error = await assertRejects(() => deaf.done, WorkUnfinished);
  assertEquals(error.token, deaf.term.token);
  assertEquals(deaf.elector.status().lastReleased, false);
  assertEquals(deaf.elector.status().role, "settling");
  assert(deaf.term.remainingMs === 0);
  await until("next leads", () => next.leads);
  await until("next acts", () => acts.at(-1)?.name === "next");
  assertEquals(staleActs(acts), []);
  assertEquals((await hand.read()).holder, next.elector.identity);

  never.resolve();
  await until("the work has ended", () => deaf.elector.status().role === "observing");
  await deaf.elector.close();
  deaf.client.close();
  await deaf.proxy[Symbol.asyncDispose]();
});

Deno.test("terms() gives up what term.run() started and does not end", async () => {
  await using server = new ApiServer();
  const port = Number(new URL(server.url).port);
  const stop = new AbortController();
  const never = Promise.withResolvers<void>();
  const player = await Player.start(port, [], "unused", { drainMs: 500 });
  player.stop();
  await player.done;
  const { elector } = player;
  await assertRejects(async () => {
    for await (const term of elector.terms({ signal: stop.signal })) {
      term.run(() => never.promise);
      stop.abort();
    }
  }, WorkUnfinished);
  never.resolve();
  await until("the work has ended", () => elector.status().role === "observing");
  await player[Symbol.asyncDispose]();
});
