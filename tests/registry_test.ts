import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import map from "../tools/npm/import_map.json" with { type: "json" };
import { parseSource } from "../tools/source.ts";

const ROOT = new URL("../", import.meta.url);
const FROM_CONFIG: Record<string, string> = config.imports;
const FROM_MAP: Record<string, string> = map.imports;

/** The names under which this package can be imported, by itself too. */
const OWN = Object.entries(config.exports).map((
  [path, file],
) => [config.name + path.slice(1), file]);

/** All TypeScript files of the repository. */
async function* sources(folder = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (name.startsWith(".") || name === "node_modules") continue;
    if (isDirectory) yield* sources(`${folder}${name}/`);
    else if (/\.tsx?$/.test(name)) yield `${folder}${name}`;
  }
}

Deno.test("the import map for npm names all that deno.json names, and nothing else", () => {
  const own = OWN.map(([name]) => name);
  const subpaths = Object.keys(FROM_MAP).filter((name) =>
    Object.keys(FROM_CONFIG).some((base) => name.startsWith(`${base}/`))
  );
  assertEquals(
    Object.keys(FROM_MAP).sort(),
    [...Object.keys(FROM_CONFIG), ...own, ...subpaths].sort() as string[],
  );
  for (const [name, file] of OWN) {
    assertEquals(FROM_MAP[name!], `../../${file!.slice(2)}`, name);
  }
});

Deno.test("both lists take packages from npm in the same version, and pin every version", () => {
  for (const [name, specifier] of Object.entries(FROM_CONFIG)) {
    assertMatch(specifier, /^(jsr|npm):(@[\w-]+\/)?[\w.-]+@\d+\.\d+\.\d+$/);
    if (specifier.startsWith("npm:")) assertEquals(FROM_MAP[name], specifier);
    else assertMatch(FROM_MAP[name]!, /^\.\/\w+\.ts$/);
  }
});

Deno.test("every package that a file imports is in both lists", async () => {
  let bare = 0;
  for await (const file of sources()) {
    const text = await Deno.readTextFile(new URL(file, ROOT));
    for (const specifier of parseSource(text).imports) {
      if (/^\.{0,2}\//.test(specifier) || /^(node|data|file):/.test(specifier)) continue;
      if (/^npm:deno-std@/.test(specifier) && file.startsWith("tools/npm/")) continue;
      bare++;
      assert(Object.hasOwn(FROM_MAP, specifier), `${file} imports ${specifier}`);
    }
  }
  assertGreater(bare, 5);
});

Deno.test("what stands in for JSR takes one version of one package", async () => {
  const versions = new Set<string>();
  for await (const file of sources("tools/npm/")) {
    for (const specifier of parseSource(await Deno.readTextFile(new URL(file, ROOT))).imports) {
      if (specifier.startsWith("./")) continue;
      versions.add(specifier.replace(/^(npm:[^/]+).*/, "$1"));
    }
  }
  assertEquals([...versions], ["npm:deno-std@1.4.0"]);
});

// Where JSR answers, nothing of tools/npm is loaded, and so there is nothing to look at.
const standsIn = import.meta.resolve("@std/assert").startsWith("file:");

Deno.test("what stands in for JSR has all that it says it has", async () => {
  if (!standsIn) return;
  for (const name of ["@std/assert", "@std/http", "@std/http/status", "@std/log"]) {
    const module: Record<string, unknown> = await import(name);
    for (const [key, value] of Object.entries(module)) {
      assert(value !== undefined, `${name} ${key}`);
    }
    assertGreater(Object.keys(module).length, 0);
  }
});

Deno.test("tools/registry.ts prints one flag or nothing", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "tools/registry.ts"],
    cwd: ROOT,
    stdin: "null",
  }).output();
  assertMatch(new TextDecoder().decode(stdout), /^(--import-map=tools\/npm\/import_map\.json\n)?$/);
  assertEquals(code, 0);
});

Deno.test("every task that runs or tests code asks tools/registry.ts", () => {
  for (const [name, { command }] of Object.entries(config.tasks)) {
    if (name === "ok") continue; // asks by itself
    if (command.startsWith("kubectl ")) continue;
    assertMatch(
      command,
      /^(?:NO_PROXY=\S+ )?deno (run|test) \$\(deno run --quiet tools\/registry\.ts\) /,
      name,
    );
  }
});
