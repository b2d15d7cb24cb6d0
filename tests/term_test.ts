// What the work of a term sees of it.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { TermOver } from "../lib/errors.ts";
import { LiveTerm, type TermSource } from "../lib/term.ts";

/** A term whose clock is two numbers. */
function term(): { term: LiveTerm; source: { -readonly [K in keyof TermSource]: TermSource[K] } } {
  const source = { mayStart: () => true, remainingMs: () => 5_000 };
  return { term: new LiveTerm(3, "42", "me_0a_-", source), source };
}

Deno.test("a term shows its token, its identity and what remains, by the clock at that instant", () => {
  const { term: live, source } = term();
  assertEquals([live.token, live.identity, live.number], ["42", "me_0a_-", 3]);
  assertEquals(live.remainingMs, 5_000);
  source.remainingMs = () => 1;
  assertEquals(live.remainingMs, 1);
  assertEquals(live.reason, undefined);
  assertEquals(live.released, undefined);
});

Deno.test("I2: check() goes by the clock, though nothing has been told yet", () => {
  const { term: live, source } = term();
  live.check();
  source.remainingMs = () => 0.001;
  live.check();
  source.remainingMs = () => 0;
  const error = assertThrows(() => live.check(), TermOver);
  assertEquals([error.token, error.reason], ["42", "expired"]);
  assert(!live.signal.aborted, "no callback has run");
});

Deno.test("check() lets work act that was admitted, though it was told to stop", () => {
  const { term: live } = term();
  live.end("resigned");
  live.check();
});

Deno.test("I8: end() aborts the signal once, with the first reason", () => {
  const { term: live } = term();
  const told: unknown[] = [];
  live.signal.addEventListener("abort", () => told.push(live.signal.reason));
  live.end("resigned");
  live.end("expired");
  assertEquals(told.length, 1);
  assert(told[0] instanceof TermOver);
  assertEquals([told[0].token, told[0].reason], ["42", "resigned"]);
  assertEquals(live.reason, "resigned");
});

Deno.test("run() returns what the work returns, and throws what it throws", async () => {
  const { term: live } = term();
  assertEquals(await live.run(() => 7), 7);
  assertEquals(await live.run(() => Promise.resolve("x")), "x");
  const error = new Error("broken");
  for (
    const work of [() => Promise.reject(error), () => {
      throw error;
    }]
  ) {
    assertEquals(await assertRejects(() => live.run(work)), error);
  }
  await live.idle();
});

Deno.test("I2: run() starts nothing once no new work is admitted", async () => {
  const { term: live, source } = term();
  source.mayStart = () => false;
  let ran = false;
  const error = await assertRejects(() => live.run(() => ran = true), TermOver);
  assertEquals(error.reason, "expired");
  assert(!ran);
});

Deno.test("I2: run() starts nothing once the work was told to stop, though the clock would let it", async () => {
  const { term: live } = term();
  live.end("superseded");
  const error = await assertRejects(() => live.run(() => {}), TermOver);
  assertEquals(error.reason, "superseded");
});

Deno.test("run() starts within the call, so that nothing comes between the check and the act", async () => {
  const { term: live } = term();
  let ran = false;
  const done = live.run(() => ran = true);
  assert(ran);
  await done;
});

Deno.test("I5: idle() waits for all that run() started, also for what began while it waited", async () => {
  const { term: live } = term();
  const one = Promise.withResolvers<void>();
  const two = Promise.withResolvers<void>();
  const running = [live.run(() => one.promise)];
  let idle = false;
  const waiting = live.idle().then(() => idle = true);
  running.push(live.run(() => two.promise));
  one.resolve();
  await running[0];
  assert(!idle);
  two.reject(new Error("broken"));
  await assertRejects(() => running[1]!);
  await waiting;
  assert(idle);
});

Deno.test("I5: idle() looks again when it wakes: work may have begun in between", async () => {
  const { term: live } = term();
  const one = Promise.withResolvers<void>();
  const two = Promise.withResolvers<void>();
  const first = live.run(() => one.promise);
  let idle = false;
  const waiting = live.idle().then(() => idle = true);
  const second = one.promise.then(() => live.run(() => two.promise));
  one.resolve();
  await first;
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assert(!idle);
  two.resolve();
  await second;
  await waiting;
});

Deno.test("idle() returns at once when nothing runs", async () => {
  await term().term.idle();
});
