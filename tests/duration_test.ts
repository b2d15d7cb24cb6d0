import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { formatDuration, parseDuration } from "../lib/duration.ts";
import { ConfigError } from "../lib/errors.ts";

Deno.test("parseDuration() reads what Go reads", () => {
  const table: [text: string, ms: number][] = [
    ["0", 0],
    ["0s", 0],
    ["15s", 15_000],
    ["500ms", 500],
    ["2.5s", 2_500],
    [".5s", 500],
    ["5.s", 5_000],
    ["1m30s", 90_000],
    ["1h1m1s1ms", 3_661_001],
    ["5s1m", 65_000],
    ["1s1s", 2_000],
    ["1.5h", 5_400_000],
    ["0.0005s", 0.5],
    ["1.001s", 1_001],
    ["4.35s", 4_350],
    ["007s", 7_000],
    ["10000h", 36_000_000_000],
  ];
  for (const [text, ms] of table) assertEquals(parseDuration(text), ms, text);
});

Deno.test("parseDuration() refuses everything else in one line", () => {
  const table = [
    "",
    " ",
    "15",
    "s",
    ".s",
    "15 s",
    " 15s",
    "15s ",
    "-5s",
    "+5s",
    "1d",
    "1S",
    "1e3s",
    "1,5s",
    "0x1s",
    "1s,2s",
    "Infinitys",
    "NaN",
    "00",
    "１s",
    "1s\n2",
    "1us",
    "9".repeat(16) + "s",
    "x".repeat(10_000),
  ];
  for (const text of table) {
    const { message } = assertThrows(() => parseDuration(text), ConfigError, "Cannot read", text);
    assertStringIncludes(message, "such as 15s");
    assertEquals(message.split("\n").length, 1);
    assertEquals(message.length < 250, true);
  }
  assertThrows(() => parseDuration("10001h"), ConfigError, "at most 10000h");
  assertThrows(() => parseDuration("10000h1ms"), ConfigError, "at most 10000h");
});

Deno.test("formatDuration() leaves out what is zero", () => {
  const table: [ms: number, text: string][] = [
    [0, "0s"],
    [-0.5, "0s"],
    [1, "1ms"],
    [999.9, "999ms"],
    [-20, "-20ms"],
    [1_000, "1s"],
    [1_001, "1.001s"],
    [59_999, "59.999s"],
    [60_000, "1m"],
    [90_000, "1m30s"],
    [-90_000, "-1m30s"],
    [3_600_000, "1h"],
    [3_605_500, "1h5.5s"],
    [NaN, "NaN"],
    [Infinity, "Infinity"],
  ];
  for (const [ms, text] of table) assertEquals(formatDuration(ms), text);
});

Deno.test("parseDuration() reads back what formatDuration() wrote", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 36_000_000_000 }), (ms) => {
    assertEquals(parseDuration(formatDuration(ms)), ms);
  }));
});

Deno.test("parseDuration() adds up the parts, whatever their order", () => {
  const part = fc.record({
    amount: fc.integer({ min: 0, max: 999 }),
    unit: fc.constantFrom("h", "m", "s", "ms"),
  });
  const unitMs: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };
  fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
    const text = parts.map(({ amount, unit }) => `${amount}${unit}`).join("");
    const sum = parts.reduce((ms, { amount, unit }) => ms + amount * unitMs[unit]!, 0);
    assertEquals(parseDuration(text), sum);
  }));
});

Deno.test("parseDuration() throws nothing but ConfigError", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      const ms = parseDuration(text);
      assertEquals(Number.isFinite(ms) && ms >= 0, true);
    } catch (error) {
      assertEquals(error instanceof ConfigError, true);
    }
  }));
});
