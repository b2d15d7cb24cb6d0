// Tokens are decimal numbers of any size, and never JavaScript numbers.
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { compareTokens, isToken, maxToken, nextToken } from "../lib/token.ts";

const decimal = fc.bigInt({ min: 1n, max: 10n ** 39n - 1n }).map(String);

Deno.test("isToken() takes 1 to 39 digits without leading zeros", () => {
  const table: [text: string, ok: boolean][] = [
    ["1", true],
    ["9", true],
    ["10", true],
    ["9007199254740993", true],
    ["9".repeat(39), true],
    ["9".repeat(40), false],
    ["1" + "0".repeat(39), false],
    ["", false],
    ["0", false],
    ["01", false],
    ["-1", false],
    ["+1", false],
    ["1.0", false],
    ["1e3", false],
    ["0x1", false],
    [" 1", false],
    ["1\n", false],
    ["١", false],
    ["abc", false],
  ];
  for (const [text, ok] of table) assertEquals(isToken(text), ok, JSON.stringify(text));
});

Deno.test("I3: compareTokens() orders by length, then by digits", () => {
  const table: [a: string, b: string, sign: number][] = [
    ["1", "1", 0],
    ["1", "2", -1],
    ["9", "10", -1],
    ["100", "99", 1],
    // As JavaScript numbers these two are equal.
    ["9007199254740992", "9007199254740993", -1],
    ["9007199254740993", "9007199254740992", 1],
    ["9".repeat(39), "9".repeat(38) + "8", 1],
    ["1" + "0".repeat(38), "9".repeat(38), 1],
  ];
  for (const [a, b, sign] of table) assertEquals(Math.sign(compareTokens(a, b)), sign, `${a} ${b}`);
});

Deno.test("I3: compareTokens() and maxToken() agree with BigInt", () => {
  fc.assert(
    fc.property(decimal, decimal, (a, b) => {
      const [x, y] = [BigInt(a), BigInt(b)];
      assertEquals(Math.sign(compareTokens(a, b)), x < y ? -1 : x > y ? 1 : 0);
      assertEquals(maxToken(a, b), String(x > y ? x : y));
    }),
    { numRuns: 300 },
  );
});

Deno.test("maxToken() counts nothing as the smallest", () => {
  assertEquals(maxToken("1", undefined), "1");
});

Deno.test("I4: nextToken() is above all that was", () => {
  const table: [rv: string, previous: string | undefined, highest: string | undefined, string][] = [
    ["7", undefined, undefined, "7"],
    ["7", "6", "3", "7"],
    ["7", "3", "6", "7"],
    ["7", "6", "6", "7"],
    ["7", "7", "6", "8"],
    // A token that stood where the versions are only now: after a restore, or a hand's edit.
    ["7", "3", "7", "8"],
    ["7", undefined, "7", "8"],
    ["7", "7", "7", "8"],
    ["7", "90", "90", "91"],
    ["7", undefined, "90", "91"],
    ["7", "3", "90", "91"],
    ["100", "90", "99", "100"],
    ["5", "9007199254740992", undefined, "9007199254740993"],
    ["5", undefined, "9007199254740992", "9007199254740993"],
  ];
  for (const [rv, previous, highest, token] of table) {
    assertEquals(nextToken(rv, previous, highest), token, `${rv} ${previous} ${highest}`);
  }
});

Deno.test("I4: nextToken() gives up at 39 digits", () => {
  const last = "9".repeat(39);
  assertEquals(nextToken("7", last, undefined), undefined);
  assertEquals(nextToken("7", undefined, last), undefined);
  assertEquals(nextToken("7", "9".repeat(38), undefined), "1" + "0".repeat(38));
});

Deno.test("I4: nextToken() is at least the version, above the previous and above the highest seen", () => {
  const maybe = fc.option(decimal, { nil: undefined });
  fc.assert(
    fc.property(decimal, maybe, maybe, (rv, previous, highest) => {
      const token = nextToken(rv, previous, highest);
      if (token === undefined) return;
      assertEquals(BigInt(token) >= BigInt(rv), true);
      if (previous !== undefined) assertEquals(BigInt(token) > BigInt(previous), true);
      if (highest !== undefined) assertEquals(BigInt(token) > BigInt(highest), true);
    }),
    { numRuns: 300 },
  );
});
