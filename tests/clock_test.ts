// The clocks of this machine, and waiting by any clock.
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { sleep, systemClock } from "../lib/clock.ts";
import { FakeClock } from "./support/fake_clock.ts";

/** Runs a test in which time stands until it is moved: `setTimeout` and `performance.now` are replaced. */
function frozen(test: (time: { now: number; armed: [ms: number, run: () => void][] }) => void) {
  const real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: performance.now,
  };
  const time = { now: 500.25, armed: [] as [number, () => void][] };
  try {
    performance.now = () => time.now;
    Object.assign(globalThis, {
      setTimeout: (run: () => void, ms: number) => time.armed.push([ms, run]),
      clearTimeout: (id?: number) => id !== undefined && time.armed.splice(id - 1, 1),
    });
    test(time);
  } finally {
    const { now, ...timers } = real;
    performance.now = now;
    Object.assign(globalThis, timers);
  }
}

Deno.test("systemClock reads both clocks in milliseconds", () => {
  const a = systemClock.now();
  const b = systemClock.now();
  assertGreaterOrEqual(b.mono, a.mono);
  assert(Math.abs(a.wall - Date.now()) < 60_000);
  const random = systemClock.random();
  assert(0 <= random && random < 1);
});

Deno.test("systemClock's monotonic time is no time that people set", () => {
  frozen((time) => {
    const { now } = systemClock;
    assertEquals(now().mono, time.now);
    time.now += 1_000;
    assertEquals(now().mono, time.now);
  });
});

Deno.test("nonce() draws 128 bits anew each time", () => {
  const nonces = new Set(Array.from({ length: 100 }, () => systemClock.nonce()));
  assertEquals(nonces.size, 100);
  for (const nonce of nonces) assertMatch(nonce, /^[0-9a-f]{32}$/);
});

Deno.test("schedule() is never early by the monotonic clock: a timer that is fires again", () => {
  frozen((time) => {
    let ran = 0;
    systemClock.schedule(10, () => ran++);
    const [[ms, early]] = time.armed as [[number, () => void]];
    assertEquals(ms, 10);
    time.now += 9.5;
    early();
    assertEquals(ran, 0);
    time.now += 0.5;
    time.armed[1]![1]();
    assertEquals(ran, 1);
    assertEquals(time.armed.length, 2);
  });
});

Deno.test("schedule() waits longer than setTimeout can", () => {
  frozen((time) => {
    let ran = 0;
    systemClock.schedule(2 ** 31 + 1_000, () => ran++);
    assertEquals(time.armed[0]![0], 2 ** 31 - 1);
    time.now += 2 ** 31 - 1;
    time.armed[0]![1]();
    assertEquals(ran, 0);
    assertEquals(time.armed[1]![0], 1_001);
    time.now += 1_001;
    time.armed[1]![1]();
    assertEquals(ran, 1);
  });
});

Deno.test("schedule() of no time, or of less, comes at the next turn", () => {
  for (const delay of [0, -5]) {
    frozen((time) => {
      let ran = 0;
      systemClock.schedule(delay, () => ran++);
      assertEquals(ran, 0);
      assertEquals(time.armed[0]![0], 0);
      time.armed[0]![1]();
      assertEquals(ran, 1);
    });
  }
});

Deno.test("schedule() can be cancelled", () => {
  frozen((time) => {
    systemClock.schedule(10, () => {})();
    assertEquals(time.armed, []);
  });
});

Deno.test("schedule() keeps real time too", async () => {
  const start = performance.now();
  await new Promise<void>((resolve) => systemClock.schedule(5.5, resolve));
  assertGreaterOrEqual(performance.now() - start, 5.5);
});

Deno.test("sleep() ends when its time has come", async () => {
  const clock = new FakeClock();
  let over = false;
  const done = sleep(clock, 100).then(() => over = true);
  clock.advance(99);
  await Promise.resolve();
  assertNotEquals(over, true);
  clock.advance(1);
  await done;
  assertEquals(clock.timers, 0);
});

Deno.test("sleep() ends early by its signal, and leaves no timer and no listener", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const done = sleep(clock, 100, stop.signal);
  assertEquals(clock.timers, 1);
  stop.abort();
  await done;
  assertEquals(clock.timers, 0);
  await sleep(clock, 100, stop.signal);
  assertEquals(clock.timers, 0);
});
