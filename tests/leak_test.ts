// I10: whatever a term takes, it gives back.
import { assertEquals, assertLess } from "@std/assert";
import { TestProcess } from "./support/processes.ts";
import type { Usage } from "./support/thousand_terms.ts";

const MEBIBYTE = 1 << 20;

Deno.test("I10: a thousand terms leave no file, socket, watch or memory behind", async () => {
  await using process = await TestProcess.deno("tests/support/thousand_terms.ts", {
    flags: ["--allow-all", "--v8-flags=--expose-gc"],
  });
  const { code } = await process.exit;
  assertEquals(code, 0, process.lines.join("\n"));
  const { started, early, late, ended }: Record<string, Usage> = JSON.parse(await process.stdout);
  assertEquals(late!.watches, early!.watches);
  assertEquals(late!.files, early!.files);
  assertEquals(ended!.watches, 0);
  assertLess(ended!.files, started!.files + 3);
  // Eight hundred terms: a kilobyte kept of each would show.
  assertLess(late!.heap - early!.heap, 0.75 * MEBIBYTE, JSON.stringify({ early, late }));
});
