/**
 * Terms and electors that do not do what the machine says.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const TERM = "lib/term.ts";
const ELECTOR = "lib/elector.ts";
const DRIVER = "lib/driver.ts";
const CLOCK = "lib/clock.ts";
const TESTS = ["shell_test.ts"];

export const SHELL: readonly Mutant[] = [
  {
    name: "check-by-what-was-told",
    breaks: "I2",
    file: TERM,
    from: "if (this.#source.remainingMs() <= 0) throw this.#over();",
    to: "if (this.#reason !== undefined) throw this.#over();",
    tests: ["term_test.ts"],
  },
  {
    name: "check-passed-at-the-fence",
    breaks: "I2",
    file: TERM,
    from: "if (this.#source.remainingMs() <= 0) throw this.#over();",
    to: "if (this.#source.remainingMs() < 0) throw this.#over();",
    tests: ["term_test.ts"],
  },
  {
    name: "work-admitted-after-the-stop",
    breaks: "I2",
    file: TERM,
    from: "if (this.#reason !== undefined || !this.#source.mayStart()) throw this.#over();",
    to: "this.check();",
    tests: ["term_test.ts"],
  },
  {
    name: "something-between-check-and-act",
    breaks: "I2",
    file: TERM,
    from: "return await work();",
    to: "return await Promise.resolve().then(work);",
    tests: ["term_test.ts"],
  },
  {
    name: "idle-while-work-runs",
    breaks: "I5",
    file: TERM,
    from: "while (this.#running > 0) {",
    to: "if (this.#running > 0) {",
    tests: ["term_test.ts"],
  },
  {
    name: "first-reason-overwritten",
    breaks: "I8",
    file: TERM,
    from: "this.#reason ??= reason;",
    to: "this.#reason = reason;",
    tests: ["term_test.ts"],
  },
  {
    name: "work-admitted-though-told-to-stop",
    breaks: "I2",
    file: TERM,
    from: "if (this.#reason !== undefined || !this.#source.mayStart()) throw this.#over();",
    to: "if (!this.#source.mayStart()) throw this.#over();",
    tests: ["term_test.ts"],
  },
  {
    name: "one-nonce-for-all",
    breaks: "H7",
    file: ELECTOR,
    from: "settingsOf(options, this.#name, clock.nonce())",
    to: 'settingsOf(options, this.#name, "0".repeat(32))',
    tests: TESTS,
  },
  {
    name: "identity-without-a-nonce",
    breaks: "H7",
    file: "lib/elector_options.ts",
    from: '`${name}_${nonce}_${options.podUid || "-"}`',
    to: "name",
    tests: TESTS,
  },
  {
    name: "leader-by-what-was-told",
    breaks: "I2",
    file: ELECTOR,
    from: "return term !== undefined && term.reason === undefined &&\n" +
      "      this.#election.mayStart(term.number, this.#clock.now());",
    to: "return term !== undefined && term.reason === undefined;",
    tests: ["elector_observe_test.ts"],
  },
  {
    name: "work-not-told-of-the-end",
    breaks: "I2",
    file: ELECTOR,
    from: "        return term?.end(tidings.reason);",
    to: "        return;",
    tests: TESTS,
  },
  {
    name: "release-while-admitted-work-runs",
    breaks: "I5",
    file: ELECTOR,
    from: "    await term.idle();\n",
    to: "",
    tests: ["elector_run_test.ts"],
  },
  {
    name: "loop-over-terms-goes-on-while-work-runs",
    breaks: "I5",
    file: ELECTOR,
    from: "          await this.#attend(term, () => {}, signal);\n",
    to: "",
    tests: ["elector_run_test.ts"],
  },
  {
    name: "step-down-not-awaited",
    breaks: "I8",
    file: ELECTOR,
    from:
      "await this.#driver.until(() => term.released !== undefined);\n    return term.released!;",
    to: "return term.released ?? true;",
    tests: ["elector_run_test.ts"],
  },
  {
    name: "late-request-not-aborted",
    breaks: "I10",
    file: DRIVER,
    from: "return this.#drop(this.#requests, effect.id);",
    to: "return void this.#requests.delete(effect.id);",
    tests: TESTS,
  },
  {
    name: "work-not-told-of-a-defect",
    breaks: "I10",
    file: DRIVER,
    from: '    this.#tell({ type: "failed" });\n',
    to: "",
    tests: ["elector_observe_test.ts"],
  },
  {
    name: "timer-left-behind",
    breaks: "I10",
    file: DRIVER,
    from: "  #arm(): void {\n    this.#cancelTimer();",
    to: "  #arm(): void {",
    tests: TESTS,
  },
  {
    name: "wall-clock-as-the-monotonic-one",
    breaks: "I6",
    file: CLOCK,
    from: "now: () => ({ mono: performance.now(), wall: Date.now() }),",
    to: "now: () => ({ mono: Date.now(), wall: Date.now() }),",
    tests: ["clock_test.ts"],
  },
  {
    name: "timer-early",
    breaks: "I6",
    file: CLOCK,
    from: "if (left <= 0) return run();",
    to: "if (left <= Infinity) return run();",
    tests: ["clock_test.ts"],
  },
  {
    name: "timer-overflow",
    breaks: "I9",
    file: CLOCK,
    from: "Math.min(Math.max(0, Math.ceil(delayMs)), LONGEST_TIMEOUT_MS)",
    to: "Math.max(0, Math.ceil(delayMs))",
    tests: ["clock_test.ts"],
  },
];
