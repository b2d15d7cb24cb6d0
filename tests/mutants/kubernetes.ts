/**
 * Answers, credentials and connections that are trusted too far.
 *
 * @module
 */
import type { Mutant } from "./mutant.ts";

const LEASES = "lib/kubernetes/leases.ts";
const CLIENT = "lib/kubernetes/client.ts";

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
    from: 'if (status === 403) return "forbidden";\n        if',
    to: "if",
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
];
