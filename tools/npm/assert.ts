/**
 * `@std/assert` from npm, for machines that cannot reach JSR. The npm package is plain JavaScript: the
 * types given here are those of `@std/assert@1.0.19`, so that assertions narrow in the same way.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- it must not be a dependency where JSR answers
import * as std from "npm:deno-std@1.4.0/assert/mod.js";

/** A class of errors, abstract ones too. `never[]` stands for "whatever arguments". */
type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** Values that are treated as `false`. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/** Something with a length and an index, but no string. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** What every assertion throws when it does not hold. */
export type AssertionError = Error;
/** What every assertion throws when it does not hold. */
export const AssertionError: new (message: string, options?: ErrorOptions) => AssertionError =
  std.AssertionError;

/** Fails unless `expr` is truthy. */
export const assert: (expr: unknown, msg?: string) => asserts expr = std.assert;
/** Fails unless `expr` is falsy. */
export const assertFalse: (expr: unknown, msg?: string) => asserts expr is Falsy = std.assertFalse;
/** Fails unless both are deeply equal. */
export const assertEquals: <T>(actual: T, expected: T, msg?: string) => void = std.assertEquals;
/** Fails if both are deeply equal. */
export const assertNotEquals: <T>(actual: T, expected: T, msg?: string) => void =
  std.assertNotEquals;
/** Fails unless both are the same by `Object.is`. */
export const assertStrictEquals: <T>(
  actual: unknown,
  expected: T,
  msg?: string,
) => asserts actual is T = std.assertStrictEquals;
/** Fails if both are the same by `Object.is`. */
export const assertNotStrictEquals: <T>(actual: T, expected: T, msg?: string) => void =
  std.assertNotStrictEquals;
/** Fails if the value is `null` or `undefined`. */
export const assertExists: <T>(actual: T, msg?: string) => asserts actual is NonNullable<T> =
  std.assertExists;
/** Fails unless the value is an instance of the class. */
export const assertInstanceOf: <T extends abstract new (...args: never[]) => unknown>(
  actual: unknown,
  expectedType: T,
  msg?: string,
) => asserts actual is T extends abstract new (...args: never[]) => infer I ? I : never =
  std.assertInstanceOf;
/** Fails unless the text matches. */
export const assertMatch: (actual: string, expected: RegExp, msg?: string) => void =
  std.assertMatch;
/** Fails if the text matches. */
export const assertNotMatch: (actual: string, expected: RegExp, msg?: string) => void =
  std.assertNotMatch;
/** Fails unless the text contains the other. */
export const assertStringIncludes: (actual: string, expected: string, msg?: string) => void =
  std.assertStringIncludes;
/** Fails unless every expected element is there. */
export const assertArrayIncludes: <T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
) => void = std.assertArrayIncludes;
/** Fails unless what is expected is a part of the object, deeply. */
export const assertObjectMatch: (
  // deno-lint-ignore no-explicit-any -- as upstream: `unknown` would refuse interfaces
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
) => void = std.assertObjectMatch;
/** Fails unless `actual > expected`. */
export const assertGreater: <T>(actual: T, expected: T, msg?: string) => void = std.assertGreater;
/** Fails unless `actual >= expected`. */
export const assertGreaterOrEqual: <T>(actual: T, expected: T, msg?: string) => void =
  std.assertGreaterOrEqual;
/** Fails unless `actual < expected`. */
export const assertLess: <T>(actual: T, expected: T, msg?: string) => void = std.assertLess;
/** Fails unless `actual <= expected`. */
export const assertLessOrEqual: <T>(actual: T, expected: T, msg?: string) => void =
  std.assertLessOrEqual;
/** Fails unless both numbers are within the tolerance of each other. */
export const assertAlmostEquals: (
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
) => void = std.assertAlmostEquals;

/** Fails unless the function throws; returns what it threw. */
export const assertThrows: {
  (fn: () => unknown, msg?: string): unknown;
  <E extends Error = Error>(
    fn: () => unknown,
    errorClass: ErrorClass<E>,
    msgIncludes?: string,
    msg?: string,
  ): E;
} = std.assertThrows;
/** Fails unless the promise rejects; resolves with what it rejected with. */
export const assertRejects: {
  (fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
  <E extends Error = Error>(
    fn: () => PromiseLike<unknown>,
    errorClass: ErrorClass<E>,
    msgIncludes?: string,
    msg?: string,
  ): Promise<E>;
} = std.assertRejects;

/** Fails. */
export const fail: (msg?: string) => never = std.fail;
/** Marks code that cannot be reached: fails. */
export const unreachable: (msg?: string) => never = std.unreachable;
/** Whether both are deeply equal. */
export const equal: (a: unknown, b: unknown) => boolean = std.equal;
