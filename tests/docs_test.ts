// What the documents say of the tests is true: every test that they name is there.
import { assertEquals, assertGreater } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** The text of all files below a folder whose name ends so. */
async function textOf(folder: string, end: string): Promise<string> {
  let text = "";
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) text += await textOf(`${folder}${name}/`, end);
    else if (name.endsWith(end)) text += await Deno.readTextFile(new URL(folder + name, ROOT));
  }
  return text;
}

/** Names in backquotes that are sentences, not code. */
function namesIn(document: string): string[] {
  return [...document.matchAll(/`([^`]+)`/g)]
    .map(([, name]) => name!.replaceAll(/\s+/g, " "))
    .filter((name) => /^\S+ \S+ \S+/.test(name) && !/^(deno|curl) /.test(name));
}

Deno.test("docs/safety.md names only tests that exist", async () => {
  const sources = await textOf("tests/", ".ts");
  const names = namesIn(await Deno.readTextFile(new URL("docs/safety.md", ROOT)));
  assertGreater(names.length, 50);
  const missing = names.filter((name) =>
    !sources.includes(`"${name}"`) && !sources.includes(`"${name.replace(/^\w+: /, "")}"`)
  );
  assertEquals(missing, []);
});
