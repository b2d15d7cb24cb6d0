// The durations that are taken, and what is said about those that are not.
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { ConfigError } from "../lib/errors.ts";
import { acquiredLease } from "../lib/lease.ts";
import { CLOCK_RATE_ERROR, makeTiming, type TimingOptions } from "../lib/timing.ts";
import { unheld } from "./support/rig.ts";

const RHO = 1 / 12;

function refusal(options: TimingOptions): string {
  return assertThrows(() => makeTiming(options), ConfigError).message;
}

Deno.test("makeTiming() gives the standard durations", () => {
  const { stopBudgetMs, ...timing } = makeTiming();
  assertEquals(timing, {
    leaseDurationMs: 15_000,
    fenceMs: 12_000,
    stopMs: 10_000,
    retryPeriodMs: 2_000,
    attemptTimeoutMs: 2_500,
    drainMs: 25_000,
  });
  assertAlmostEquals(stopBudgetMs, 755.2447, 0.001);
});

Deno.test("makeTiming() scales the standard durations with the lease duration", () => {
  for (const seconds of [1, 2, 7, 60, 3_600, 2 ** 31 - 1]) {
    const timing = makeTiming({ leaseDurationMs: seconds * 1_000 });
    assertAlmostEquals(timing.fenceMs, seconds * 800);
    assertAlmostEquals(timing.stopBudgetMs, 755.2447552447552 * seconds / 15, 1e-3 * seconds);
    assert(timing.stopMs > 0);
  }
});

Deno.test("CLOCK_RATE_ERROR is the fastest slew of chrony", () => {
  assertEquals(CLOCK_RATE_ERROR, RHO);
});

Deno.test("I1: the longest fence that is safe is taken, one millisecond more is not", () => {
  const cases: [leaseDurationMs: number, least: number][] = [
    [15_000, 2_308],
    [1_000, 154],
    [60_000, 9_231],
    [13_000, 2_000],
  ];
  for (const [leaseDurationMs, least] of cases) {
    const rest = { leaseDurationMs, stopGraceMs: 0, attemptTimeoutMs: 10, retryPeriodMs: 10 };
    const timing = makeTiming({ ...rest, clockSkewMs: least + 1e-9 });
    assert(timing.fenceMs / (1 - RHO) <= leaseDurationMs / (1 + RHO) + 1e-6);
    assertStringIncludes(refusal({ ...rest, clockSkewMs: least - 1 }), "clock skew of at least");
  }
});

Deno.test("I1: whatever is taken is safe, and whatever is refused has a reason", () => {
  const ms = (max: number) => fc.option(fc.integer({ min: 0, max }), { nil: undefined });
  const options = fc.record({
    leaseDurationMs: fc.integer({ min: 1, max: 60 }).map((s) => s * 1_000),
    clockSkewMs: ms(70_000),
    stopGraceMs: ms(20_000),
    retryPeriodMs: ms(20_000),
    attemptTimeoutMs: ms(10_000),
  });
  let taken = 0;
  fc.assert(
    fc.property(options, (options) => {
      try {
        const timing = makeTiming(options);
        const { leaseDurationMs: d, fenceMs, stopMs, stopBudgetMs } = timing;
        taken++;
        assert(stopBudgetMs >= 0);
        assertAlmostEquals(fenceMs / (1 - RHO) + stopBudgetMs, d / (1 + RHO), 1e-6);
        assert(0 < stopMs && stopMs <= fenceMs && fenceMs < d);
        assert(timing.retryPeriodMs + 3 * timing.attemptTimeoutMs <= stopMs + 1e-6);
        assert(timing.attemptTimeoutMs > 0 && timing.retryPeriodMs > 0);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
  assert(taken > 10);
});

Deno.test("the durations that are checked are those that go into the Lease", () => {
  for (const leaseDurationMs of [1_000, 15_000, 2_147_483_647_000]) {
    const timing = makeTiming({ leaseDurationMs });
    const { spec } = acquiredLease(unheld(3), {
      identity: "me",
      write: "a.1",
      token: "3",
      durationMs: timing.leaseDurationMs,
      renewMicros: 0,
    });
    assertEquals(JSON.parse(JSON.stringify(spec)).leaseDurationSeconds * 1_000, leaseDurationMs);
  }
});

Deno.test("H18: what is refused is told: what was given, what is allowed, what to change", () => {
  const cases: [TimingOptions, ...parts: string[]][] = [
    [{ leaseDurationMs: 1_500 }, "a lease duration of 1.5s", "whole seconds", "give 1s, 2s"],
    [{ leaseDurationMs: 500 }, "a lease duration of 500ms", "whole seconds"],
    [{ leaseDurationMs: 0 }, "a lease duration of 0s", "give 1s"],
    [{ leaseDurationMs: -15_000 }, "-15s", "give 1s"],
    [{ leaseDurationMs: NaN }, "NaN", "whole seconds"],
    [{ leaseDurationMs: Infinity }, "Infinity", "whole seconds"],
    [{ leaseDurationMs: 2 ** 31 * 1_000 }, "2147483648s", "at most 2147483647s"],
    [{ clockSkewMs: -1 }, "a clock skew of -1ms", "at least 0"],
    [{ clockSkewMs: NaN }, "a clock skew of NaNms"],
    [{ stopGraceMs: Infinity }, "a stop grace of Infinityms", "at least 0"],
    [{ retryPeriodMs: 0 }, "a retry period of 0ms", "above 0"],
    [{ attemptTimeoutMs: 0 }, "an attempt timeout of 0ms".replace("an ", "a "), "above 0"],
    [{ drainMs: -1 }, "a drain of -1ms", "at least 0"],
    // client-go's 15/14/2: it stops 14 s after a renewal.
    [
      { clockSkewMs: 1_000 },
      "a clock skew of 1s",
      "a lease duration of 15s",
      "(15s − 1s) / (1 − 1/12) = 15.272s",
      "15s / (1 + 1/12) = 13.846s",
      "a clock skew of at least 2.308s",
      "a longer lease duration",
    ],
    [{ clockSkewMs: 0 }, "a clock skew of 0s", "at least 2.308s"],
    [
      { retryPeriodMs: 3_000 },
      "a retry period of 3s",
      "an attempt timeout of 2.5s",
      "three slow attempts take 10.5s",
      "10s after a renewal",
      "shorten them, or lengthen the lease duration",
    ],
    [{ attemptTimeoutMs: 2_667 }, "take 10.001s"],
    [{ stopGraceMs: 3_000 }, "work is told to stop 9s"],
    [{ clockSkewMs: 20_000 }, "a clock skew of 20s", "below 15s (the lease duration)"],
    [{ stopGraceMs: 12_000 }, "a stop grace of 12s", "below 12s (the fence"],
  ];
  for (const [options, ...parts] of cases) {
    const message = refusal(options);
    for (const part of parts) assertStringIncludes(message, part);
    assertEquals(message.includes("\n"), false);
  }
});

Deno.test("what a refusal advises is taken", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_600 }), (seconds) => {
      const rest = { leaseDurationMs: seconds * 1_000, stopGraceMs: 0 };
      const [, advice] = /at least (\S+) or/.exec(refusal({ ...rest, clockSkewMs: 0 }))!;
      const units: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
      let clockSkewMs = 0;
      for (const [, number, unit] of advice!.matchAll(/([\d.]+)(ms|h|m|s)/g)) {
        clockSkewMs += Number(number) * units[unit!]!;
      }
      makeTiming({ ...rest, clockSkewMs });
    }),
    { numRuns: 100 },
  );
});
