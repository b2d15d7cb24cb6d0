// The package as JSR would get it, by a dry run.
import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { importFlags } from "./support/processes.ts";

const ROOT = new URL("../", import.meta.url);

/** Runs Deno in the repository. */
async function deno(...args: string[]): Promise<{ out: string; err: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert(success, err);
  return { out: out!, err: err! };
}

/** The files of this repository that the exports of the package are made of. */
async function modules(): Promise<string[]> {
  const found = new Set<string>();
  for (const file of Object.values(config.exports)) {
    const { out } = await deno("info", "--quiet", "--json", ...await importFlags(), file);
    for (const { specifier } of JSON.parse(out).modules as { specifier: string }[]) {
      if (specifier.startsWith(ROOT.href)) found.add(specifier.slice(ROOT.href.length));
    }
  }
  return [...found];
}

Deno.test("the package can be published without a warning, and has what its exports need and the docs", async () => {
  // The tree of somebody who works on it is not clean; what CI has checked out is.
  const { out, err } = await deno("publish", "--dry-run", "--allow-dirty");
  const told = out + err;
  assert(!/^(warning|error)/im.test(told), told);
  const files = [...told.matchAll(/^ +(file:\S+) \(/gm)].map(([, url]) => {
    assert(url!.startsWith(ROOT.href), url);
    return url!.slice(ROOT.href.length);
  });
  const isDoc = (file: string) => /^(docs\/.*|[A-Z]+\.md|LICENSE)$/.test(file);
  const code = files.filter((file) => !isDoc(file));
  assertEquals(code.sort(), [...await modules(), "deno.json"].sort());
  for (const doc of ["LICENSE", "CHANGELOG.md"]) assert(files.includes(doc), doc);
});
