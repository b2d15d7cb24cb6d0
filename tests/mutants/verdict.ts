/**
 * What became of a mutant, as the output of `deno test` tells it.
 *
 * @module
 */

/** What became of a mutant. */
export type Verdict =
  /** A test failed; the first that did. */
  | { readonly kind: "killed"; readonly test: string; readonly file: string }
  /** The tests did not come to an end, which is a kill, too. */
  | { readonly kind: "hung"; readonly test: string }
  | { readonly kind: "survived" }
  /** It cannot be loaded: that proves nothing about the tests. */
  | { readonly kind: "broken"; readonly why: string }
  /** The text that it replaces is no longer there, or stands there more than once. */
  | { readonly kind: "stale" };

/** Reads a run that had to be ended: its last line names the test that went on. */
export function readHung(output: string): Verdict {
  return {
    kind: "hung",
    test: output.trimEnd().split("\n").at(-1)!.trim().replace(/ \.\.\.$/, ""),
  };
}

/**
 * Reads one run of `deno test`.
 *
 * @param code Its exit code.
 * @param output What it said, without colours.
 */
export function readVerdict(code: number, output: string): Verdict {
  if (code === 0) return { kind: "survived" };
  const first = /^ FAILURES \n\n(.+)$/m.exec(output)?.[1] ?? "";
  const [, test, file] = /^(.+) => \.\/(.+):\d+:\d+$/.exec(first) ?? [];
  if (test !== undefined && file !== undefined) return { kind: "killed", test, file };
  const [, loose] = /^\.\/(.+) \(uncaught error\)$/.exec(first) ?? [];
  // Outside of any test, but while the tests of that file ran: it had been loaded.
  if (loose !== undefined && output.includes(` from ./${loose}\n`)) {
    return { kind: "killed", test: "an error outside of any test", file: loose };
  }
  return {
    kind: "broken",
    why: /^error: (?!Test failed)(.+)$/m.exec(output)?.[1] ?? `exit code ${code}`,
  };
}
