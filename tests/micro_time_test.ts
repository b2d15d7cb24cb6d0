// MicroTime: what the wire may have, and what we write.
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { readMicroTime, writeMicroTime } from "../lib/lease.ts";

const MICROS = Date.UTC(2026, 0, 1) * 1_000 + 123_456;

Deno.test("readMicroTime() reads what the wire may have, to the microsecond", () => {
  const second = Date.UTC(2026, 0, 1, 12, 0, 5) * 1_000;
  const table: [string | undefined, number | undefined][] = [
    ["2026-01-01T12:00:05.000000Z", second],
    ["2026-01-01T12:00:05.123456Z", second + 123_456],
    ["2026-01-01T12:00:05Z", second],
    ["2026-01-01T12:00:05.1Z", second + 100_000],
    ["2026-01-01T12:00:05.123456789Z", second + 123_456],
    ["2026-01-01T13:00:05.000001+01:00", second + 1],
    ["2026-01-01T06:30:05-05:30", second],
    ["1970-01-01T00:00:00.000000Z", 0],
    ["1969-12-31T23:59:59.500000Z", -500_000],
    ["2026-13-01T12:00:05Z", undefined],
    ["2026-01-01T25:00:05Z", undefined],
    ["2026-01-01 12:00:05Z", undefined],
    ["2026-01-01T12:00:05", undefined],
    ["2026-01-01T12:00:05.Z", undefined],
    ["2026-01-01T12:00:05.1234567890Z", undefined],
    ["2026-01-01T12:00Z", undefined],
    [" 2026-01-01T12:00:05Z", undefined],
    ["yesterday", undefined],
    ["", undefined],
    [undefined, undefined],
  ];
  for (const [text, micros] of table) assertEquals(readMicroTime(text), micros, text);
});

Deno.test("writeMicroTime() writes exactly six digits", () => {
  const table: [number, string][] = [
    [0, "1970-01-01T00:00:00.000000Z"],
    [1, "1970-01-01T00:00:00.000001Z"],
    [-1, "1969-12-31T23:59:59.999999Z"],
    [1_000_000, "1970-01-01T00:00:01.000000Z"],
    [MICROS, "2026-01-01T00:00:00.123456Z"],
    [MICROS + 0.5, "2026-01-01T00:00:00.123456Z"],
  ];
  for (const [micros, text] of table) assertEquals(writeMicroTime(micros), text);
});

Deno.test("writeMicroTime() and readMicroTime() lose nothing", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 52), max: 2 ** 52 }), (micros) => {
      assertEquals(readMicroTime(writeMicroTime(micros)), micros);
    }),
    { numRuns: 300 },
  );
});
