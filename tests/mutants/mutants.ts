/**
 * All mutants, and all tests that may kill them.
 *
 * @module
 */
import { CANDIDATES } from "./candidate.ts";
import { GUARDS } from "./guard.ts";
import { KUBERNETES } from "./kubernetes.ts";
import { LEADERS } from "./leader.ts";
import type { Mutant } from "./mutant.ts";
import { OBSERVERS } from "./observing.ts";
import { RECORDS } from "./record.ts";
import { SHELL } from "./shell.ts";

/** By what they break. */
export const MUTANTS: readonly Mutant[] = [
  ...LEADERS,
  ...CANDIDATES,
  ...OBSERVERS,
  ...RECORDS,
  ...SHELL,
  ...KUBERNETES,
  ...GUARDS,
];

/** Below `tests/`: those about the election that need no control plane, the quickest first. */
export const TESTS: readonly string[] = [
  "leader_test.ts",
  "release_test.ts",
  "guarded_election_test.ts",
  "guard_test.ts",
  "candidate_test.ts",
  "observing_test.ts",
  "regressions_test.ts",
  "lease_test.ts",
  "token_test.ts",
  "timing_test.ts",
  "term_test.ts",
  "clock_test.ts",
  "shell_test.ts",
  "elector_observe_test.ts",
  "elector_run_test.ts",
  "elector_setup_test.ts",
  "unfinished_work_test.ts",
  "guarding_test.ts",
  "credentials_test.ts",
  "client_test.ts",
  "properties_test.ts",
  "hostile_test.ts",
  "watch_test.ts",
  "kubernetes/credential_plugin_test.ts",
  "kubernetes/permissions_test.ts",
  "scenarios_test.ts",
  "guard_units_test.ts",
];
