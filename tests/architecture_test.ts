import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { faultsOf } from "../tools/architecture.ts";
import { parseSource } from "../tools/source.ts";

const ROOT = new URL("../", import.meta.url);

/** All files below a folder. */
async function read(folder: string): Promise<Record<string, string>> {
  const sources: Record<string, string> = {};
  for await (const entry of Deno.readDir(new URL(folder, ROOT))) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) Object.assign(sources, await read(`${path}/`));
    else if (path.endsWith(".ts")) sources[path] = await Deno.readTextFile(new URL(path, ROOT));
  }
  return sources;
}

Deno.test("lib/ keeps to the rules of the house", async () => {
  const sources = await read("lib/");
  assertGreater(Object.keys(sources).length, 5);
  assertEquals(faultsOf(sources), []);
});

Deno.test("parseSource() finds the same imports as Deno does", async () => {
  const file = "lib/cli/main.ts";
  const map = import.meta.resolve("@std/assert").startsWith("file:")
    ? ["--import-map=tools/npm/import_map.json"]
    : [];
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--quiet", "--json", ...map, file],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string; dependencies?: { specifier: string }[] }[];
  };
  let compared = 0;
  for (const { specifier, dependencies = [] } of modules) {
    if (!specifier.startsWith(`${ROOT}lib/`) || !specifier.endsWith(".ts")) continue;
    const path = specifier.slice(ROOT.href.length);
    const text = await Deno.readTextFile(new URL(specifier)).catch(() => undefined);
    if (text === undefined) continue;
    const expected = dependencies.map((dependency) => dependency.specifier);
    assertEquals(new Set(parseSource(text).imports), new Set(expected), path);
    compared++;
  }
  assertGreater(compared, 5);
});

/** Each must be noticed: a file, what is planted in it, and a part of the complaint. */
const PLANTED: [file: string, code: string, complaint: string][] = [
  ["lib/election.ts", `import { Elector } from "./elector.ts";`, "must not import lib/elector.ts"],
  ["lib/election/leader.ts", `import type { A } from '../term.ts';`, "must not import lib/term.ts"],
  ["lib/election.ts", `import * as x from "./kubernetes/leases.ts";`, "must not import"],
  ["lib/lease.ts", `export * from "./election.ts";`, "must not import lib/election.ts"],
  [
    "lib/errors.ts",
    `await import("./timing.ts").then(() => import(\n"./term.ts"));`,
    "lib/term.ts",
  ],
  [
    "lib/elector.ts",
    `import { serve } from "./server/mod.ts";`,
    "must not import lib/server/mod.ts",
  ],
  ["lib/elector.ts", `import { ApiServer } from "./testing/mod.ts";`, "lib/testing/mod.ts"],
  ["lib/server/mod.ts", `import { a } from "../guard/mod.ts";`, "must not import lib/guard/mod.ts"],
  ["lib/server/mod.ts", `import { a } from "../cli/flags.ts";`, "must not import lib/cli/flags.ts"],
  ["lib/guard/mod.ts", `export { a } from "../cli/flags.ts";`, "must not import lib/cli/flags.ts"],
  ["lib/kubernetes/leases.ts", `import { a } from "../election.ts";`, "lib/election.ts"],
  ["lib/kubernetes/leases.ts", `import { a } from "../token.ts";`, "lib/token.ts"],
  ["lib/kubernetes/leases.ts", `import { a } from "../testing/mod.ts";`, "lib/testing/mod.ts"],
  [
    "lib/testing/mod.ts",
    `import { a } from "../kubernetes/client.ts";`,
    "lib/kubernetes/client.ts",
  ],
  ["lib/testing/mod.ts", `import { a } from "../timing.ts";`, "lib/timing.ts"],
  ["lib/cli/start.ts", `import { a } from "../../tests/fixtures.ts";`, "tests/fixtures.ts"],
  ["lib/cli/start.ts", `import "../../tools/registry.ts";`, "tools/registry.ts"],
  ["lib/cli/start.ts", `import { a } from "../../mod.ts";`, "must not import mod.ts"],
  ["lib/token.ts", `import config from "../deno.json" with { type: "json" };`, "deno.json"],
  ["lib/elector.ts", `import { getLogger } from "@std/log";`, "must not import @std/log"],
  [
    "lib/elector.ts",
    `import { getLogger } from "@std/log/get-logger";`,
    "must not import @std/log",
  ],
  ["lib/token.ts", `import { assert } from "@std/assert";`, "must not import @std/assert"],
  ["lib/token.ts", `import { parse } from "npm:yaml@2";`, "name packages in deno.json"],
  ["lib/helpers.ts", ``, "which room is it in?"],
  ["lib/token.ts", `import "./token.ts";`, "imports itself: lib/token.ts -> lib/token.ts"],
  ["lib/server/mod.ts", `await fetch(url)`, "lib/server/mod.ts:1: fetch()"],
  ["lib/kubernetes/leases.ts", `return globalThis.fetch (url)`, "fetch()"],
  ["lib/elector.ts", `\n\nsetTimeout(() => {}, 1)`, "lib/elector.ts:3: setTimeout"],
  ["lib/cli/demo.ts", `const later = globalThis.setTimeout;`, "setTimeout"],
  ["lib/elector.ts", `setInterval(f, 1)`, "setInterval"],
  ["lib/elector.ts", `const t = Date.now();`, "Date.now"],
  ["lib/elector.ts", `const t = new Date();`, "new Date()"],
  ["lib/elector.ts", `const t = new Date;`, "new Date()"],
  ["lib/elector.ts", `const t = Temporal.Now.instant();`, "Temporal.Now"],
  ["lib/timing.ts", `const t = performance\n  .now();`, "performance.now"],
  ["lib/token.ts", `const r = Math.random();`, "Math.random"],
  ["lib/token.ts", `crypto.getRandomValues(bytes)`, "getRandomValues"],
  ["lib/token.ts", `crypto.randomUUID()`, "randomUUID"],
  ["lib/elector.ts", `Deno.env.get("X")`, "lib/elector.ts:1: Deno"],
  ["lib/kubernetes/leases.ts", `const { env } = Deno;`, "Deno"],
  ["lib/timing.ts", "const a = `${`}` + Date.now()}`;", "Date.now"],
  ["lib/timing.ts", "const a = b / 2; Date.now(); const c = 1 / 2;", "Date.now"],
  ["lib/timing.ts", `const a = /["'\`/*]/; Date.now();`, "Date.now"],
  ["lib/timing.ts", `const a = "\\"//"; Date.now();`, "Date.now"],
  ["lib/timing.ts", "\n".repeat(451), "451 lines are more than 450"],
];

Deno.test("faultsOf() notices what breaks a rule", () => {
  for (const [file, code, complaint] of PLANTED) {
    const faults = faultsOf({ [file]: code });
    assertEquals(faults.length, 1, `${file}: ${code} gave ${JSON.stringify(faults)}`);
    assertStringIncludes(faults[0]!, complaint);
    assertStringIncludes(faults[0]!, file);
  }
});

Deno.test("faultsOf() notices circles, of types too", () => {
  const faults = faultsOf({
    "lib/election.ts": `export * from "./election/a.ts";`,
    "lib/election/a.ts": `import { b } from "./b.ts";`,
    "lib/election/b.ts": `import type { a } from "../election.ts";`,
  });
  assertEquals(faults, [
    "lib/election.ts: imports itself: " +
    "lib/election.ts -> lib/election/a.ts -> lib/election/b.ts -> lib/election.ts",
  ]);
});

/** None of these breaks a rule. */
const ALLOWED: [file: string, code: string][] = [
  ["lib/election.ts", `import { a } from "./lease.ts"; import { b } from "./election/leader.ts";`],
  ["lib/election/leader.ts", `import type { a } from "../timing.ts";`],
  ["lib/elector.ts", `import { a } from "./kubernetes/leases.ts"; import "./election.ts";`],
  ["lib/cli/start.ts", `import { a } from "../server/mod.ts"; import "../testing/mod.ts";`],
  ["lib/cli/log.ts", `import { setup } from "@std/log";`],
  ["lib/cli/main.ts", `import config from "../../deno.json" with { type: "json" };`],
  ["lib/kubernetes/kubeconfig.ts", `import { parse } from "yaml"; Deno.env.get("HOME");`],
  ["lib/kubernetes/client.ts", `await fetch(url, { client: Deno.createHttpClient({}) });`],
  [
    "lib/clock.ts",
    `setTimeout(f, 1); Date.now(); performance.now(); Math.random(); Deno.hostname();`,
  ],
  ["lib/token.ts", `// Math.random() and "fetch(" and import "./elector.ts"`],
  ["lib/token.ts", `/** Deno.exit() and\n * setTimeout(f) */ const a = 1;`],
  ["lib/token.ts", "const a = \"Date.now()\" + 'Deno.exit()' + `fetch(${b}) Math.random()`;"],
  ["lib/token.ts", `const a = /fetch\\(|[/"]Deno/.test(b); const c = "Deno";`],
  ["lib/token.ts", `const d = new Date(0); const e = new Date(ms); let f: Date;`],
  ["lib/token.ts", `this.#client.fetch(url); prefetch(url); this.#fetch(url);`],
  ["lib/token.ts", "\n".repeat(450)],
  ["tests/other.ts", `Date.now()`],
];

Deno.test("faultsOf() lets pass what breaks none", () => {
  for (const [file, code] of ALLOWED) assertEquals(faultsOf({ [file]: code }), [], code);
});
