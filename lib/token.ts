/**
 * Fencing tokens and resource versions: decimal numbers of any size, kept as text and never made a
 * JavaScript `number`, which would round them beyond 2⁵³.
 *
 * @module
 */

/** A fencing token: a decimal number without leading zeros, of 1 to 39 digits. */
export type Token = string;

const TOKEN = /^[1-9][0-9]{0,38}$/;

/**
 * Whether a text is a well-formed token, or a resource version that tokens can be made from.
 *
 * @param text The text.
 */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * Compares two tokens or resource versions: by length, then bytewise.
 *
 * @returns A negative number if `a` is the smaller, 0 if they are equal, a positive number otherwise.
 */
export function compareTokens(a: Token, b: Token): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The larger of two tokens; `undefined` counts as smaller than any. */
export function maxToken(a: Token, b: Token | undefined): Token {
  return b === undefined || compareTokens(a, b) >= 0 ? a : b;
}

/** Whether a larger token can follow: any but the last one of 39 digits. */
export function hasSuccessor(token: Token): boolean {
  return token.length < 39 || /[^9]/.test(token);
}

/**
 * The token of a new term: larger than the previous one and than anything seen, and unique, because it
 * is at least the resource version that the acquiring write is conditioned on, and a compare-and-swap
 * on a version succeeds once.
 *
 * @param resourceVersion What the acquiring write is conditioned on.
 * @param previous The token in the record that is replaced, if any.
 * @param highest The highest token, or resource version before the present one, ever seen, if any.
 * @returns The token, or `undefined` if it would have more than 39 digits.
 */
export function nextToken(
  resourceVersion: string,
  previous: Token | undefined,
  highest: Token | undefined,
): Token | undefined {
  const last = previous === undefined ? highest : maxToken(previous, highest);
  if (last === undefined || compareTokens(resourceVersion, last) > 0) return resourceVersion;
  const token = String(BigInt(last) + 1n);
  return isToken(token) ? token : undefined;
}
