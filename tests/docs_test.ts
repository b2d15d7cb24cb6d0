// What the documents say of tests and log events is true: those that they name are there, and no others.
import { assert, assertEquals, assertGreater } from "@std/assert";
import { PATHS, withFigures } from "../tools/figures.ts";

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

/** A call that logs, up to the word for its event: that of machines, that of the guard process. */
const CALLS = [
  /(?<!function )\b(?:tell|note)\(\s*step,\s*([^,"]*(?:"[a-z]+"[^,"]*)+|level),\s*([^,]+),/g,
  /#tell\(\s*("[a-z]+"),\s*("[^,]+),/g,
  /(?<!function )\b(doom)\(step, ([^,]+),/g,
  /\b(event): ("[^"]+")/g,
];

/** The strings of a union type in a file. */
async function membersOf(file: string, type: string): Promise<string[]> {
  const source = await Deno.readTextFile(new URL(file, ROOT));
  const union = new RegExp(`type ${type} =([^;]+);`).exec(source)?.[1] ?? "";
  const members = [...union.matchAll(/"([^"]+)"/g)].map(([, member]) => member!);
  assertGreater(members.length, 1, type);
  return members;
}

/** All words that `event` can be in a line of the log. */
async function eventsOf(): Promise<Set<string>> {
  const source = await textOf("lib/", ".ts");
  const kinds = await membersOf("lib/election/state.ts", "WriteKind");
  const computed: Readonly<Record<string, string[]>> = {
    "`${exchange.kind}-failed`": kinds.map((kind) => `${kind}-failed`),
    outcome: await membersOf("lib/guard/release.ts", "Outcome"),
    // Within doom(), whose own callers are looked at.
    event: [],
  };
  const events = new Set<string>();
  for (const call of CALLS) {
    let calls = 0;
    for (const [text, , word] of source.matchAll(call)) {
      calls++;
      const literal = /^"([a-z-]+)"$/.exec(word!)?.[1];
      const words = literal === undefined ? computed[word!] : [literal];
      assert(words !== undefined, `Cannot tell which event this is: ${text}`);
      for (const word of words) events.add(word);
    }
    assertGreater(calls, 5, String(call));
  }
  return events;
}

Deno.test("docs/operations.md lists the events of the log, all of them and no others", async () => {
  const document = await Deno.readTextFile(new URL("docs/operations.md", ROOT));
  const log = /^## The log$(.*?)^### Reasons of a loss$/ms.exec(document)?.[1] ?? "";
  const listed = [...log.matchAll(/^\| (`[^|]+)\|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, word]) => word!)
  );
  assertEquals([...new Set(listed)].sort(), [...await eventsOf()].sort());
});

Deno.test("the figures in the documents are those of reliability.json", async () => {
  const record = JSON.parse(await Deno.readTextFile(new URL("reliability.json", ROOT)));
  for (const path of PATHS) {
    const document = await Deno.readTextFile(new URL(path, ROOT));
    const fmt = new Deno.Command(Deno.execPath(), {
      args: ["fmt", "--quiet", "--ext=md", "-"],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = fmt.stdin.getWriter();
    await writer.write(new TextEncoder().encode(withFigures(path, document, record)));
    await writer.close();
    const formatted = new TextDecoder().decode((await fmt.output()).stdout);
    assertEquals(document, formatted, `run tools/figures.ts: ${path} is out of date`);
  }
});
