/**
 * Writing to stderr so that nothing is lost when the process ends right after, and nothing breaks when
 * nobody reads it any more.
 *
 * @module
 */

const encoder = new TextEncoder();

/** The control characters that break lines or turn text around, beside those that JSON escapes. */
// deno-lint-ignore no-control-regex -- they are what is looked for
const CONTROL = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Writes one line to stderr, all of it, before it returns. Never throws: if stderr is closed or full, the
 * line is lost.
 *
 * @param line The line, without its end.
 * @param sink Where bytes go. By default, stderr.
 */
export function writeLine(
  line: string,
  sink: { writeSync(bytes: Uint8Array): number } = Deno.stderr,
): void {
  let bytes = encoder.encode(`${line}\n`);
  try {
    while (bytes.length > 0) {
      const written = sink.writeSync(bytes);
      if (written <= 0) return;
      bytes = bytes.subarray(written);
    }
  } catch {
    // There is nowhere left to tell it.
  }
}

/**
 * Makes text safe to stand in one line of a terminal or a log.
 *
 * @param text Anything.
 * @returns It with control characters written as `\u` and four digits.
 */
export function escapeControls(text: string): string {
  return text.replace(CONTROL, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
