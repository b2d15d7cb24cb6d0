/**
 * Electors that believe old news, or do not notice that news has stopped.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const TESTS = ["observing_test.ts"];
const OBSERVING = "lib/election/observing.ts";
const ELECTION = "lib/election.ts";

export const OBSERVERS: readonly Mutant[] = [
  {
    name: "old-news-of-a-later-term-overlooked",
    breaks: "I6",
    file: OBSERVING,
    from: "    outdate(state, record);\n",
    to: "",
    tests: ["regressions_test.ts"],
  },
  {
    name: "release-believed-beyond-old-news-of-a-later-term",
    breaks: "I6",
    file: OBSERVING,
    from:
      "state.known = { ...known!, free: false, pending: false };\n  }\n}\n\nfunction tellHolder",
    to: "}\n}\n\nfunction tellHolder",
    tests: ["regressions_test.ts"],
  },
  {
    name: "longer-duration-told-each-time",
    breaks: "H9",
    file: OBSERVING,
    from: "countedMs !== known?.countedMs) {",
    to: "true) {",
    tests: TESTS,
  },
  {
    name: "longer-duration-never-told",
    breaks: "H9",
    file: OBSERVING,
    from: "if (countedMs > step.settings.timing.leaseDurationMs &&",
    to: "if (countedMs < 0 &&",
    tests: TESTS,
  },
  {
    name: "older-events-believed",
    breaks: "H12",
    file: OBSERVING,
    from: "    outdate(state, record);\n    return false;\n",
    to: "    outdate(state, record);\n",
    tests: ["leader_test.ts"],
  },
  {
    name: "version-given-out-twice-unnoticed",
    breaks: "H13",
    file: OBSERVING,
    from: "if (!sameClaim(known!.record, record)) {",
    to: "if (known === undefined) {",
    tests: ["candidate_test.ts", "regressions_test.ts", "observing_test.ts"],
    seedless:
      "the server of the simulator gives no number out twice: operators bump revisions after a restore",
  },
  {
    name: "older-deletions-believed",
    breaks: "H12",
    file: OBSERVING,
    from: "if (known !== undefined && compareTokens(seen, known.rv) < 0) return;\n",
    to: "",
    tests: TESTS,
  },
  {
    name: "events-of-a-closed-watch-believed",
    breaks: "I6",
    file: ELECTION,
    from: 'if (input.watch !== state.watch.number || state.watch.phase === "closed") return;\n' +
      "      return whileSeeing",
    to: "return whileSeeing",
    tests: TESTS,
  },
  {
    name: "going-back-in-time-unnoticed",
    breaks: "H13",
    file: OBSERVING,
    from: "if (compareTokens(record.rv, oldestRv) >= 0) return learn",
    to: 'if (compareTokens(record.rv, "0") >= 0) return learn',
    tests: ["candidate_test.ts"],
  },
  {
    name: "overtaken-answer-taken-for-going-back",
    breaks: "H12",
    file: OBSERVING,
    from: "learnAnswer(step, answer.record, reading.oldestRv)",
    to: 'learnAnswer(step, answer.record, state.known?.rv ?? "0")',
    tests: TESTS,
  },
  {
    name: "release-believed-after-a-restore",
    breaks: "H13",
    file: OBSERVING,
    from: "grace: state.known!.grace || grace,\n    free: false,\n    pending: false,",
    to: "grace: state.known!.grace || grace,",
    tests: TESTS,
    seedless:
      "who has not seen the newest term is stopped before a restore, as operators are asked to, and who has seen it believes no older release",
  },
  {
    name: "grace-ends-with-a-restore",
    breaks: "H13",
    file: OBSERVING,
    from: "    grace: state.known!.grace || grace,\n",
    to: "",
    tests: ["regressions_test.ts"],
  },
  {
    name: "watch-resumed-from-a-version-that-is-gone",
    breaks: "I7",
    file: OBSERVING,
    from: 'if (end === "expired") watch.rv = watch.shown = undefined;',
    to: "",
    tests: ["candidate_test.ts"],
  },
  {
    name: "silent-watch-trusted",
    breaks: "I7",
    file: OBSERVING,
    from: "const silent = watch.heardAt + (answered ? WATCH_IDLE_MS : attemptTimeoutMs);",
    to: "const silent = watch.heardAt + (answered ? Infinity : attemptTimeoutMs);",
    tests: TESTS,
  },
  {
    name: "unanswered-watch-trusted",
    breaks: "I7",
    file: OBSERVING,
    from: "const silent = watch.heardAt + (answered ? WATCH_IDLE_MS : attemptTimeoutMs);",
    to: "const silent = watch.heardAt + WATCH_IDLE_MS;",
    tests: TESTS,
  },
  {
    name: "lagging-watch-trusted",
    breaks: "I7",
    file: OBSERVING,
    from: "return Math.min(silent, (watch.behindSince ?? Infinity) + attemptTimeoutMs);",
    to: "return silent;",
    tests: TESTS,
  },
  {
    name: "no-probe-in-silence",
    breaks: "I7",
    file: OBSERVING,
    from: "return Math.min(reads.at, poll, probe);",
    to: "return Math.min(reads.at, poll);",
    tests: TESTS,
  },
  {
    name: "no-reads-while-streams-break",
    breaks: "I7",
    file: OBSERVING,
    from: "return Math.min(reads.at, poll, probe);",
    to: "return Math.min(reads.at, probe);",
    tests: TESTS,
  },
  {
    name: "failed-read-not-repeated",
    breaks: "I7",
    file: OBSERVING,
    from: "if (reading.demanded) readBy(state, now.mono + retryDelayMs(step, reads.failures));",
    to: "",
    tests: TESTS,
  },
  {
    name: "attempt-without-a-limit",
    breaks: "I7",
    file: ELECTION,
    from: "if (exchange !== undefined && now.mono >= exchange.timeoutAt) {",
    to: "if (exchange !== undefined && now.mono >= Infinity) {",
    tests: ["leader_test.ts"],
  },
  {
    name: "overtaken-absence-believed",
    breaks: "H12",
    file: OBSERVING,
    from: "if (overtaken) readBy(state, now.mono);",
    to: "if (state.reads.at === -Infinity) readBy(state, now.mono);",
    tests: ["regressions_test.ts"],
  },
  {
    name: "version-that-comes-back-overlooked",
    breaks: "I7",
    file: OBSERVING,
    from: "if (order === 0 && known!.record !== undefined) {",
    to: "if (order === 0 && known!.record === undefined) return false;\n" +
      "  if (order === 0 && known!.record !== undefined) {",
    tests: ["regressions_test.ts"],
    seedless:
      "who believes a false absence tries to create, and the read behind the refusal shows the Lease, too",
  },
  {
    name: "release-behind-an-absence-believed",
    breaks: "I6",
    file: OBSERVING,
    from: "    watch.shown = event.rv;\n    learnAbsent(step, event.rv);\n  }\n  return",
    to: "    learnAbsent(step, event.rv);\n  }\n  return",
    tests: ["regressions_test.ts"],
  },
  {
    name: "breaking-watch-eats-the-budget",
    breaks: "I9",
    file: OBSERVING,
    from: "const WATCH_SPARE = 1;",
    to: "const WATCH_SPARE = 0;",
    tests: ["regressions_test.ts"],
    seedless: "renewals come later for it, by a third of a retry period, and never too late",
  },
];
