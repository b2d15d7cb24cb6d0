import { assertEquals } from "@std/assert";
import {
  earlyTakeovers,
  erasures,
  type LeaseWrite,
  readLeaseWrites,
  takeovers,
} from "./lease_writes.ts";

/** A Lease of 3 s as it is written at these times, by whom, in turn; `-a` is a release by a. */
function history(...writes: [receivedMs: number, who: string, change?: Partial<LeaseWrite>][]) {
  return writes.map(([receivedMs, who, change], index): LeaseWrite => ({
    receivedMs,
    uid: "1",
    resourceVersion: BigInt(index + 1),
    holder: who.startsWith("-") ? "" : who,
    ours: true,
    write: `${who}.${index}`,
    ...who.startsWith("-") && { releasedBy: who.slice(1) },
    leaseDurationMs: 3_000,
    ...change,
  }));
}

Deno.test("earlyTakeovers() counts from the last renewal of the holder before", () => {
  const due = history([0, "a"], [400, "a"], [3_400, "b"], [3_800, "b"]);
  assertEquals(takeovers(due).map(({ waitedMs }) => waitedMs), [3_000]);
  assertEquals(earlyTakeovers(due), []);

  const early = history([0, "a"], [400, "a"], [3_399.999, "b"]);
  assertEquals(earlyTakeovers(early).map(({ from, to }) => [from.holder, to.holder]), [["a", "b"]]);
});

Deno.test("takeovers() knows releases, strangers and foreign metadata", () => {
  assertEquals(takeovers(history([0, "a"], [10, "-a"], [20, "b"])), []);
  // What a stranger did, and what was done to it, tells nothing of our candidates.
  assertEquals(takeovers(history([0, "a"], [10, "x", { ours: false }], [20, "b"])), []);
  assertEquals(takeovers(history([0, "a"], [10, "b", { uid: "2" }])), []);
  // A label was added long after the last renewal: the wait goes on.
  const labelled = history([0, "a"], [2_900, "a", { write: "a.0" }], [3_000, "b"]);
  assertEquals(takeovers(labelled).map(({ waitedMs }) => waitedMs), [3_000]);
});

Deno.test("erasures() finds releases of what another holds", () => {
  assertEquals(erasures(history([0, "a"], [10, "-a"], [20, "-a"], [30, "b"])), []);
  const erased = history([0, "a"], [10, "b"], [20, "-a"]);
  assertEquals(erasures(erased), [erased[2]!]);
  assertEquals(erasures(history([0, "a"], [10, "", { ours: false }])).length, 1);
});

Deno.test("readLeaseWrites() reads what took effect, in the order of the versions", async () => {
  const line = (name: string, code: number, resourceVersion: string, received: string) =>
    JSON.stringify({
      requestReceivedTimestamp: received,
      objectRef: { namespace: "ns", name },
      responseStatus: { code },
      responseObject: {
        metadata: {
          uid: "u",
          resourceVersion,
          annotations: { "k8sensus.dev/holder": "a", "k8sensus.dev/write": "n.1" },
        },
        spec: { holderIdentity: "a", leaseDurationSeconds: 3 },
      },
    });
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(
      path,
      [
        line("x", 200, "12", "2025-01-01T00:00:00.500001Z"),
        line("x", 201, "9", "2025-01-01T00:00:00.000000Z"),
        line("x", 409, "11", "2025-01-01T00:00:00.000000Z"),
        line("y", 200, "10", "2025-01-01T00:00:00.000000Z"),
        `{"objectRef": {"namespace": "ns"`,
      ].join("\n"),
    );
    const writes = await readLeaseWrites(path, "ns", "x");
    const common = {
      uid: "u",
      holder: "a",
      ours: true,
      write: "n.1",
      leaseDurationMs: 3_000,
    };
    const start = Date.UTC(2025);
    assertEquals(writes, [
      { ...common, receivedMs: start, resourceVersion: 9n },
      { ...common, receivedMs: start + 500.001, resourceVersion: 12n },
    ]);
    assertEquals(await readLeaseWrites(`${path}.none`, "ns", "x"), []);
  } finally {
    await Deno.remove(path);
  }
});
