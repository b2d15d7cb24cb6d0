/**
 * Durations as Go writes them, `"1m30s"`, to and from milliseconds.
 *
 * @module
 */
import { ConfigError } from "./errors.ts";

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const LIMIT_HOURS = 10_000;

/**
 * Reads a duration. As in Go, units may come in any order and more than once, and the parts are added up:
 * `"5s1m"` and `"1s1s"` are 65 s and 2 s. Unlike Go, there is no sign, and no unit below a millisecond.
 *
 * @param text For example `"15s"`, `"1m30s"`, `"500ms"`, `"2.5s"`, `".5s"` or `"0"`. Units: h, m, s, ms.
 * @returns Milliseconds, a finite number of at least zero, to the nanosecond.
 * @throws {ConfigError} If the text is anything else, or more than 10,000 hours.
 *
 * @example
 * ```ts
 * import { parseDuration } from "./duration.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseDuration("1m30s"), 90_000);
 * ```
 */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  let ms = 0;
  let rest = text;
  do {
    const part = /^(\d{1,15}(?:\.\d{0,9})?|\.\d{1,9})(ms|s|m|h)/.exec(rest);
    if (part === null) {
      throw new ConfigError(
        `Cannot read ${JSON.stringify(text.slice(0, 80))} as a duration: ` +
          `write a number with a unit (h, m, s, ms), such as 15s, 1m30s or 500ms`,
      );
    }
    ms += Number(part[1]) * UNIT_MS[part[2]!]!;
    rest = rest.slice(part[0].length);
  } while (rest !== "");
  if (ms > LIMIT_HOURS * UNIT_MS.h!) {
    throw new ConfigError(
      `Cannot use the duration ${text.slice(0, 80)}: at most ${LIMIT_HOURS}h is allowed`,
    );
  }
  // Binary fractions miss by a hair (1.001 * 1000 is 1000.9999999999999): what was written counts.
  return Math.round(ms * 1e6) / 1e6;
}

/**
 * Writes a duration the way {@linkcode parseDuration} reads it; parts that are zero are left out.
 *
 * @param ms Milliseconds; a negative number gets a sign, which only logs should ever see.
 * @returns For example `"15s"`, `"1m30s"`, `"2.5s"`, `"500ms"`; fractions of a millisecond are dropped.
 */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return String(ms);
  const whole = Math.abs(Math.trunc(ms));
  const sign = whole !== 0 && ms < 0 ? "-" : "";
  if (whole === 0) return "0s";
  if (whole < 1_000) return `${sign}${whole}ms`;
  const h = Math.floor(whole / UNIT_MS.h!);
  const m = Math.floor((whole % UNIT_MS.h!) / UNIT_MS.m!);
  const s = (whole % UNIT_MS.m!) / 1_000;
  return sign + (h ? `${h}h` : "") + (m ? `${m}m` : "") + (s ? `${s}s` : "");
}
