/**
 * Candidates that take what they may not, or never take what they may.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const TESTS = ["candidate_test.ts"];
const CANDIDATE = "lib/election/candidate.ts";
const OBSERVING = "lib/election/observing.ts";
const SINCE = "since: kept ? known!.since : now.mono,";

export const CANDIDATES: readonly Mutant[] = [
  {
    name: "wait-counted-from-the-request",
    breaks: "I6",
    file: OBSERVING,
    from: 'if (answer.kind === "lease") return learnAnswer(step, answer.record, reading.oldestRv);',
    to: `if (answer.kind === "lease") {
      const back = learnAnswer(step, answer.record, reading.oldestRv);
      const sent = reading.timeoutAt - step.settings.timing.attemptTimeoutMs;
      if (state.known!.since === now.mono) state.known = { ...state.known!, since: sent };
      return back;
    }`,
    tests: TESTS,
  },
  {
    name: "wait-kept-for-any-version",
    breaks: "I6",
    file: OBSERVING,
    from: SINCE,
    to: "since: known?.since ?? now.mono,",
    tests: TESTS,
  },
  {
    name: "wait-kept-across-a-gap",
    breaks: "I6",
    file: OBSERVING,
    from: "const kept = followed && before !== undefined && sameClaim(before, record);",
    to: "const kept = before !== undefined && sameClaim(before, record);",
    tests: TESTS,
  },
  {
    name: "wait-kept-across-a-restart",
    breaks: "I6",
    file: OBSERVING,
    from: SINCE,
    to:
      "since: Math.min(now.mono, now.mono - now.wall + (record.renewMicros ?? Infinity) / 1_000),",
    tests: TESTS,
  },
  {
    name: "wait-kept-for-a-version-seen-earlier",
    breaks: "I6",
    file: OBSERVING,
    from: SINCE,
    to: `since: ((state as State & { seen?: Record<string, number> }).seen ??= {})[
      record.write ?? record.rv
    ] ??= now.mono,`,
    tests: TESTS,
  },
  {
    name: "old-wait-after-a-conflict",
    breaks: "I6",
    file: OBSERVING,
    from: SINCE,
    to: 'since: kept || state.role.name === "acquiring" ? known!.since : now.mono,',
    tests: TESTS,
  },
  {
    name: "wait-by-the-wall-clock",
    breaks: "I6",
    file: CANDIDATE,
    from: "if (now.mono < takeAt(settings, state) || !mayRequest(step)) return;",
    to: `const wall = state as State & { wall?: { rv?: string; began: number } };
  const rv = state.known?.rv;
  if (wall.wall?.rv !== rv) wall.wall = { rv, began: now.wall - now.mono };
  const ahead = Math.max(0, now.wall - now.mono - (wall.wall?.began ?? 0));
  if (now.mono + ahead < takeAt(settings, state) || !mayRequest(step)) return;`,
    tests: TESTS,
  },
  {
    name: "own-duration-alone",
    breaks: "H9",
    file: OBSERVING,
    from: "Math.max(known?.countedMs ?? 0, longest.ms, own)",
    to: "own",
    tests: TESTS,
  },
  {
    name: "record-duration-alone",
    breaks: "I6",
    file: OBSERVING,
    from: "Math.max(known?.countedMs ?? 0, longest.ms, own)",
    to: "known?.countedMs ?? own",
    tests: TESTS,
  },
  {
    name: "longest-duration-forgotten",
    breaks: "I6",
    file: OBSERVING,
    from: "else longest.ms = Math.max(longest.ms, countedMs);",
    to: "else longest.ms = countedMs;",
    tests: TESTS,
  },
  {
    name: "longest-duration-never-forgotten",
    breaks: "I7",
    file: OBSERVING,
    from: "if (larger) state.longest = { ms: countedMs, token: record.token };",
    to: "if (larger) state.longest = { ms: Math.max(longest.ms, countedMs), token: record.token };",
    tests: TESTS,
  },
  {
    name: "edited-duration-counted",
    breaks: "H6",
    file: OBSERVING,
    from: "const counts = before === undefined || !record.ours || record.write !== before.write;",
    to: "const counts = true;",
    tests: TESTS,
  },
  {
    name: "empty-holder-trusted",
    breaks: "I6",
    file: OBSERVING,
    from: "free: free || trusted(step, record),",
    to: 'free: free || record.holder === "",',
    tests: TESTS,
  },
  {
    name: "unheld-trusted-unasked",
    breaks: "I6",
    file: OBSERVING,
    from: "return step.settings.trustUnheld && unheld(record);",
    to: "return unheld(record);",
    tests: TESTS,
  },
  {
    name: "trust-in-everything-without-holder",
    breaks: "I6",
    file: OBSERVING,
    from: "return step.settings.trustUnheld && unheld(record);",
    to: 'return step.settings.trustUnheld && record.holder === "";',
    tests: TESTS,
  },
  {
    name: "shared-identity-trusted",
    breaks: "H7",
    file: OBSERVING,
    from: "free: free || trusted(step, record),",
    to: "free: free || trusted(step, record) || record.holder === step.settings.identity,",
    tests: TESTS,
  },
  {
    name: "release-believed-whatever-it-replaced",
    breaks: "I6",
    file: OBSERVING,
    from: "return source.after === undefined || record.released?.rv === source.after;",
    to: "return true;",
    tests: TESTS,
  },
  {
    name: "release-in-an-answer-believed",
    breaks: "I6",
    file: OBSERVING,
    from:
      'return watch.phase !== "open" || known === undefined || record.released?.rv === known.rv;',
    to: "return watch.phase !== undefined || known === undefined;",
    tests: TESTS,
    seedless:
      "who has not seen the newest term is stopped before an old release is put back, and who has seen it believes no older one",
  },
  {
    name: "release-of-an-older-term-believed",
    breaks: "I6",
    file: OBSERVING,
    from:
      "(longest.token === undefined || compareTokens(record.released.token, longest.token) >= 0);",
    to: "longest !== undefined;",
    tests: TESTS,
  },
  {
    name: "no-grace-after-another-make",
    breaks: "I6",
    file: OBSERVING,
    from: "(known?.grace ? settings.foreignGraceMs ?? whole + 3_000 : 0)",
    to: "0",
    tests: TESTS,
  },
  {
    name: "grace-that-was-asked-for-ignored",
    breaks: "I6",
    file: OBSERVING,
    from: "settings.foreignGraceMs ?? whole + 3_000",
    to: "whole + 3_000",
    tests: TESTS,
  },
  {
    name: "grace-only-while-another-make-holds",
    breaks: "I6",
    file: OBSERVING,
    from: "return !(followed && known?.record?.ours === true);",
    to: "return false;",
    tests: TESTS,
  },
  {
    name: "grace-ends-with-the-lease",
    breaks: "I6",
    file: OBSERVING,
    from: "    grace: known?.grace ?? false,\n    free: false,",
    to: "    grace: false,\n    free: false,",
    tests: TESTS,
  },
  {
    name: "preference-ignored-by-candidates",
    breaks: "I7",
    file: OBSERVING,
    from: "const others = prefersOther(settings, known?.record) ? whole : 0;",
    to: "const others = 0;",
    tests: TESTS,
  },
  {
    name: "late-acquisition-leads",
    breaks: "I2",
    file: CANDIDATE,
    from: "if (leftMs(attempt.sent, step.settings.timing.stopMs, now) <= 0) {",
    to: "if (leftMs(attempt.sent, step.settings.timing.stopMs, now) <= -Infinity) {",
    tests: TESTS,
  },
  {
    name: "acquisition-a-moment-late-leads",
    breaks: "I2",
    file: CANDIDATE,
    from: "if (leftMs(attempt.sent, step.settings.timing.stopMs, now) <= 0) {",
    to: "if (leftMs(attempt.sent, step.settings.timing.stopMs, now) < 0) {",
    tests: TESTS,
    seedless:
      "the news has to come at one exact reading of the clock, and work would only be called and told to stop in one breath",
  },
  {
    name: "leads-again-before-the-work-has-settled",
    breaks: "I8",
    file: CANDIDATE,
    from: 'if (role.name !== "observing") return Infinity;',
    to: 'if (role.name !== "observing" && role.name !== "settling") return Infinity;',
    tests: ["leader_test.ts"],
  },
  {
    name: "malformed-token-overlooked",
    breaks: "I4",
    file: CANDIDATE,
    from: 'if (record === undefined || record.token === "malformed") return undefined;\n' +
      "  return nextToken(record.rv, record.token, state.highest);",
    to: "if (record === undefined) return undefined;\n" +
      "  return nextToken(record.rv, undefined, state.highest);",
    tests: TESTS,
  },
  {
    name: "tokens-seen-forgotten",
    breaks: "I4",
    file: OBSERVING,
    from: "remember(state, record.token);",
    to: "",
    tests: TESTS,
  },
  {
    name: "versions-seen-forgotten",
    breaks: "I4",
    file: OBSERVING,
    from: "remember(state, state.known?.rv);",
    to: "",
    tests: ["observing_test.ts"],
    seedless:
      "only after a restore could it matter, and who has not seen the newest term is stopped then, as operators are asked to",
  },
  {
    name: "second-acquisition-while-one-is-in-flight",
    breaks: "I9",
    file: CANDIDATE,
    from:
      'if (state.exchange !== undefined) return;\n  if (state.role.name === "acquiring" && !state',
    to: 'if (state.role.name === "acquiring" && !state',
    tests: TESTS,
  },
  {
    name: "withdrawn-candidate-tries-on",
    breaks: "I8",
    file: CANDIDATE,
    from: "if (!state.contending || known === undefined || state.watch.forbidden) return Infinity;",
    to: "if (known === undefined || state.watch.forbidden) return Infinity;",
    tests: TESTS,
  },
  {
    name: "withdrawal-not-told-after-a-conflict",
    breaks: "I8",
    file: CANDIDATE,
    from: '  if (!state.contending) step.effects.push({ type: "withdrawn" });\n',
    to: "",
    tests: TESTS,
  },
  {
    name: "takes-without-being-able-to-watch",
    breaks: "H20",
    file: CANDIDATE,
    from: "if (!state.contending || known === undefined || state.watch.forbidden) return Infinity;",
    to: "if (!state.contending || known === undefined) return Infinity;",
    tests: ["observing_test.ts"],
  },
  {
    name: "candidate-obeys-retry-after-for-hours",
    breaks: "I7",
    file: CANDIDATE,
    from: "Math.min(asked, timing.retryPeriodMs)",
    to: "asked",
    tests: TESTS,
  },
  {
    name: "conflict-not-read",
    breaks: "I7",
    file: CANDIDATE,
    from: 'return readBy(state, now.mono + (state.watch.phase === "open" ? CONFLICT_READ_MS : 0));',
    to: "return readBy(state, Infinity);",
    tests: TESTS,
  },
  {
    name: "unanswered-write-forgotten-on-withdrawal",
    breaks: "I7",
    file: CANDIDATE,
    from:
      'if (state.role.name === "acquiring" && !state.contending) return awaitOutcome(step, state.role);',
    to: 'if (state.role.name === "acquiring" && !state.contending) return giveUp(step);',
    tests: ["regressions_test.ts"],
  },
  {
    name: "withdrawn-candidate-waits-for-ever",
    breaks: "I7",
    file: CANDIDATE,
    from: "} else if (now.mono >= role.until) {",
    to: "} else if (now.mono >= Infinity) {",
    tests: ["regressions_test.ts"],
  },
  {
    name: "labelled-release-waited-out",
    breaks: "I7",
    file: OBSERVING,
    from:
      "(kept ? known!.free : source.stream ? follows(record, source) : provenByAnswer(step, record));",
    to: "(source.stream ? follows(record, source) : provenByAnswer(step, record));",
    tests: ["regressions_test.ts"],
  },
];
