import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type ActRecord,
  compareTokens,
  findSharedTokens,
  findStaleActs,
  gaps,
  openActLog,
  readActLog,
} from "./act_log.ts";
import { TestProcess } from "./processes.ts";

/** A record of which only token, term and time matter. */
function act(token: string, identity: string, monotonicMs: number): ActRecord {
  return { pid: 1, identity, token, sequence: 1, wallMs: 0, monotonicMs };
}

Deno.test("compareTokens() goes by length, then by bytes", () => {
  const rising = ["0", "9", "10", "9007199254740992", "9007199254740993", "18446744073709551616"];
  for (const [i, a] of rising.entries()) {
    for (const [j, b] of rising.entries()) {
      assertEquals(Math.sign(compareTokens(a, b)), Math.sign(i - j), `${a} and ${b}`);
    }
  }
  assertEquals(compareTokens("007", "7"), 0);
});

Deno.test("findStaleActs() goes by the order of the lines, whatever the times say", () => {
  const clean = [act("9", "a", 500), act("9", "a", 400), act("10", "b", 100), act("10", "b", 50)];
  assertEquals(findStaleActs(clean), []);

  const overlap = [act("9", "a", 10), act("10", "b", 20), act("9", "a", 15), act("10", "b", 30)];
  assertEquals(findStaleActs(overlap), [
    { act: overlap[2]!, line: 3, newer: overlap[1]!, overlapMs: -5 },
  ]);
});

Deno.test("findStaleActs() measures from the first of the newer terms", () => {
  const records = [act("1", "a", 0), act("2", "b", 10), act("3", "c", 20), act("1", "a", 25)];
  assertEquals(findStaleActs(records).map((found) => found.overlapMs), [15]);
  const tooLarge = [act("9007199254740993", "b", 0), act("9007199254740992", "a", 1)];
  assertEquals(findStaleActs(tooLarge).length, 1);
});

Deno.test("findSharedTokens() tells of two terms with one token", () => {
  assertEquals(findSharedTokens([act("1", "a", 0), act("1", "a", 1), act("2", "b", 2)]), []);
  assertEquals(findSharedTokens([act("1", "a", 0), act("1", "b", 1), act("1", "a", 2)]), ["1"]);
});

Deno.test("gaps() measures from the last act of a term to the first of the next", () => {
  const records = [
    act("1", "a", 0),
    act("1", "a", 100),
    act("2", "b", 350),
    act("1", "a", 360), // Stale: neither ends nor begins anything.
    act("2", "b", 400),
    act("5", "c", 390),
  ];
  assertEquals(gaps(records).map((gap) => [gap.to.token, gap.gapMs]), [["2", 250], ["5", -10]]);
});

Deno.test("a log gives back what was written, and refuses what it cannot vouch for", async () => {
  const path = await Deno.makeTempFile();
  try {
    {
      using log = openActLog(path);
      const before = Date.now();
      log.act({ identity: "a_1", token: "7" });
      log.act({ identity: "a_1", token: "7", note: "line\nbreak" });
      assertThrows(() => log.act({ identity: "a".repeat(5000), token: "7" }), RangeError, "4096");
      const records = await readActLog(path);
      assertEquals(records.map((record) => record.sequence), [1, 2]);
      assertEquals(records[1]!.note, "line\nbreak");
      assertEquals(records[0]!.pid, Deno.pid);
      assert(records[0]!.wallMs >= before && Math.abs(records[0]!.monotonicMs - before) < 60_000);
    }
    await Deno.writeTextFile(path, '{"pid":1', { append: true });
    await assertRejects(() => readActLog(path), Error, "not whole");
    await Deno.writeTextFile(path, "}\n", { append: true });
    await assertRejects(() => readActLog(path), Error, "line 3");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("an act that its check forbids is not written, and leaves no gap in the sequence", async () => {
  const path = await Deno.makeTempFile();
  try {
    {
      using log = openActLog(path);
      const forbid = () => {
        throw new Error("over");
      };
      assertThrows(() => log.act({ identity: "a", token: "1" }, forbid), Error, "over");
      log.act({ identity: "a", token: "1" }, () => {});
    }
    assertEquals((await readActLog(path)).map(({ sequence }) => sequence), [1]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("processes that write at once neither lose nor tear a line", async () => {
  const dir = await Deno.makeTempDir();
  const writer = `${dir}/writer.ts`;
  const here = new URL("./act_log.ts", import.meta.url).href;
  await Deno.writeTextFile(
    writer,
    `import { openActLog } from "${here}";
     using log = openActLog("${dir}/acts");
     const note = "x".repeat(1000);
     console.error(JSON.stringify({ event: "ready" }));
     while (true) { try { Deno.statSync("${dir}/go"); break; } catch { /* Not yet. */ } }
     for (let i = 0; i < 500; i++) log.act({ identity: Deno.args[0]!, token: Deno.args[1]!, note });`,
  );
  try {
    await using one = await TestProcess.deno(writer, { args: ["a", "1"] });
    await using two = await TestProcess.deno(writer, { args: ["b", "2"] });
    await Promise.all([one.event("ready"), two.event("ready")]);
    await Deno.writeTextFile(`${dir}/go`, "");
    assert(
      (await one.exit).success && (await two.exit).success,
      [...one.lines, ...two.lines].join(),
    );
    const records = await readActLog(`${dir}/acts`);
    for (const identity of ["a", "b"]) {
      const own = records.filter((record) => record.identity === identity);
      assertEquals(
        own.map((record) => record.sequence),
        Array.from({ length: 500 }, (_, i) => i + 1),
      );
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
