/**
 * Answers, credentials and connections that are trusted too far.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const LEASES = "lib/kubernetes/leases.ts";
const CLIENT = "lib/kubernetes/client.ts";
const CREDENTIALS = "lib/kubernetes/credentials.ts";
const PREFLIGHT = "lib/preflight.ts";

export const KUBERNETES: readonly Mutant[] = [
  {
    name: "proxy-404-taken-for-deletion",
    breaks: "H5",
    file: LEASES,
    from: 'if (status === 404 && about?.kind === "leases" && about.name === this.#name) {',
    to: "if (status === 404) {",
    tests: ["hostile_test.ts"],
  },
  {
    name: "another-lease-in-the-answer",
    breaks: "I4",
    file: LEASES,
    from: "if (name === this.#name && namespace === this.#namespace) return record;",
    to: "if (name !== undefined || namespace === this.#namespace) return record;",
    tests: ["hostile_test.ts"],
  },
  {
    name: "refused-watch-taken-for-an-outage",
    breaks: "H20",
    file: LEASES,
    from: 'return "forbidden";\n        }',
    to: 'return "failed";\n        }',
    tests: ["hostile_test.ts"],
  },
  {
    name: "expired-event-overlooked",
    breaks: "I7",
    file: LEASES,
    from: '=== 410 ? "expired" : "failed";',
    to: '=== 410 ? "failed" : "failed";',
    tests: ["hostile_test.ts"],
  },
  {
    name: "line-without-a-limit",
    breaks: "I10",
    file: LEASES,
    from: "if (rest.length > LONGEST_LINE)",
    to: "if (rest.length > Infinity)",
    tests: ["hostile_test.ts"],
  },
  {
    name: "body-without-a-limit",
    breaks: "I10",
    file: CLIENT,
    from: "if (size > LARGEST_ANSWER)",
    to: "if (size > Infinity)",
    tests: ["hostile_test.ts"],
  },
  {
    name: "redirect-followed",
    breaks: "H19",
    file: CLIENT,
    from: 'redirect: "manual",',
    to: 'redirect: "follow",',
    tests: ["hostile_test.ts"],
  },
  {
    name: "credentials-not-read-again-on-401",
    breaks: "H19",
    file: CLIENT,
    from: "this.#usedAt = this.#clock.now().mono;\n" +
      "      if (response.status === 401) this.#config.credentials.expire(true);",
    to: "this.#usedAt = this.#clock.now().mono;",
    tests: ["credentials_test.ts"],
  },
  {
    name: "credentials-not-read-again-on-401-to-a-watch",
    breaks: "H19",
    file: CLIENT,
    from: "      if (response.status === 401) this.#config.credentials.expire(true);\n" +
      "      const body",
    to: "      const body",
    tests: ["credentials_test.ts"],
  },
  {
    name: "credentials-not-read-again-after-a-failure",
    breaks: "H19",
    file: CLIENT,
    from: "this.#config.credentials.expire();\n      throw this.#wrap(request, error);\n" +
      "    } finally {\n      request.signal",
    to: "throw this.#wrap(request, error);\n    } finally {\n      request.signal",
    tests: ["credentials_test.ts"],
  },
  {
    name: "connection-kept-after-a-failure",
    breaks: "H4",
    file: CLIENT,
    from: "if (this.#pool === pool) this.#discard();\n    };",
    to: "};",
    tests: ["client_test.ts"],
  },
  {
    name: "idle-connection-trusted",
    breaks: "I7",
    file: CLIENT,
    from: "if (changed || this.#clock.now().mono - this.#usedAt > WARM_MS) this.#discard();",
    to: "if (changed) this.#discard();",
    tests: ["client_test.ts"],
  },
  {
    name: "certificate-that-does-not-fit-its-key-kept",
    breaks: "H19",
    file: CLIENT,
    from: "this.#config.credentials.expire();\n      throw new RequestFailed(`Cannot use",
    to: "throw new RequestFailed(`Cannot use",
    tests: ["credentials_test.ts"],
  },
  {
    name: "reader-not-told-of-a-refusal",
    breaks: "H19",
    file: CREDENTIALS,
    from: "await this.#read(refused);",
    to: "await this.#read(false);",
    tests: ["credentials_test.ts"],
  },
  {
    name: "secrets-read-by-everybody-at-once",
    breaks: "I9",
    file: CREDENTIALS,
    from: "this.#reading ??= this.#renew()",
    to: "this.#reading = this.#renew()",
    tests: ["credentials_test.ts"],
  },
  {
    name: "plugin-run-for-every-refusal",
    breaks: "I9",
    file: "lib/kubernetes/kubeconfig/plugin.ts",
    from: "PAUSE_MS = 5_000;",
    to: "PAUSE_MS = 0;",
    tests: ["kubernetes/credential_plugin_test.ts"],
  },
  {
    name: "plugin-not-run-after-a-refusal",
    breaks: "H19",
    file: "lib/kubernetes/kubeconfig/plugin.ts",
    from: "!refused && now.wall < this.#renewAt",
    to: "now.wall < this.#renewAt",
    tests: ["kubernetes/credential_plugin_test.ts"],
  },
  {
    name: "permissions-asked-for-at-one-pace",
    breaks: "I9",
    file: PREFLIGHT,
    from: "      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);\n",
    to: "      pauseMs = Math.min(pauseMs, LONGEST_PAUSE_MS);\n",
    tests: ["kubernetes/permissions_test.ts"],
  },
  {
    name: "unfounded-doubts-looked-into-again-and-again",
    breaks: "I9",
    file: PREFLIGHT,
    from: "- this.#clearedAt >= LONGEST_PAUSE_MS",
    to: "- this.#clearedAt >= 0",
    tests: ["kubernetes/permissions_test.ts"],
  },
  {
    name: "contends-while-permissions-are-in-doubt",
    breaks: "H20",
    file: "lib/elector.ts",
    from: "        await this.#standDown();\n",
    to: "",
    tests: ["kubernetes/permissions_test.ts"],
  },
  {
    name: "leader-gives-up-at-the-first-refusal",
    breaks: "H20",
    file: "lib/elector.ts",
    from: "this.#preflight?.passed === false && !leads",
    to: "this.#preflight?.passed === false && leads !== undefined",
    tests: ["kubernetes/permissions_test.ts"],
  },
];
