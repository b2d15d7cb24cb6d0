// What the shell must carry out at once when the machine says so, with a clock and an API server under the
// hand of the test.
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { ANNOTATION } from "../lib/lease.ts";
import type { Term } from "../lib/term.ts";
import { Stage } from "./support/stage.ts";

const untilAborted = ({ signal }: Term) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));

Deno.test("scenario 10: two electors of one name have two identities, and mark their writes as theirs", async () => {
  const marks: string[] = [];
  const identities: string[] = [];
  for (let i = 0; i < 2; i++) {
    // The clock of this machine: it is what draws the nonces.
    const stage = new Stage({ clock: undefined });
    const done = stage.elector.run(() => {});
    await stage.open();
    const { annotations } = (await stage.commit()).metadata;
    await stage.commit();
    await done;
    await stage.close();
    marks.push(annotations![ANNOTATION.write]!.split(".")[0]!);
    identities.push(stage.elector.identity);
  }
  assertNotEquals(identities[0], identities[1]);
  assertNotEquals(marks[0], marks[1]);
});

Deno.test("I2: work is told of a loss in the very call that brings the news", async () => {
  const stage = new Stage();
  const stop = new AbortController();
  let term: Term | undefined;
  const done = stage.elector.run((it) => untilAborted(term = it), { signal: stop.signal });
  await stage.elect();
  stage.lose();
  assert(term!.signal.aborted);
  assertEquals(term!.reason, "superseded");
  assert(!stage.elector.isLeader);
  stop.abort();
  await done;
  await stage.close();
});

Deno.test("I10: a request that takes too long is aborted, and with it its connection", async () => {
  const stage = new Stage();
  const stop = new AbortController();
  const done = stage.elector.run(untilAborted, { signal: stop.signal });
  await stage.elect();
  stage.clock.advance(2_000);
  const renewal = await stage.next();
  stage.clock.advance(2_499);
  assert(!renewal.signal.aborted);
  stage.clock.advance(1);
  assert(renewal.signal.aborted);
  await stage.commit();
  stop.abort();
  await stage.commit();
  await done;
  await stage.close();
});
