// The Lease as the wire has it: what is read of it, and what is written into it.
import { assert, assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { MalformedAnswer } from "../lib/errors.ts";
import {
  acquiredLease,
  ANNOTATION,
  type Claim,
  type Lease,
  nameOf,
  newLease,
  readLease,
  releasedLease,
  renewedLease,
  sameClaim,
} from "../lib/lease.ts";
import {
  byClientGo,
  edited,
  held,
  ME,
  NONCE,
  OTHER,
  released,
  renewed,
  stored,
  THEM,
  unheld,
} from "./support/rig.ts";

const MICROS = Date.UTC(2026, 0, 1) * 1_000 + 123_456;
const CLAIM: Claim = {
  identity: ME,
  write: `${NONCE}.3`,
  token: "41",
  durationMs: 15_000,
  renewMicros: MICROS,
};
const notesOf = (lease: Lease) => lease.metadata.annotations!;

Deno.test("readLease() reads what we wrote", () => {
  const record = stored(acquiredLease(unheld(40), CLAIM), 41);
  const { lease, ...read } = record;
  assertEquals(read, {
    uid: "uid-1",
    rv: "41",
    holder: ME,
    ours: true,
    write: `${NONCE}.3`,
    token: "41",
    released: undefined,
    durationMs: 15_000,
    renewMicros: MICROS,
    transitions: 1,
    preferredHolder: undefined,
  });
  assertEquals(lease.spec.acquireTime, lease.spec.renewTime);
});

Deno.test("readLease() reads a release with its mark", () => {
  const from = stored(acquiredLease(unheld(40), CLAIM), 41);
  const record = stored(releasedLease(from, { ...CLAIM, renewMicros: MICROS + 1 }), 42);
  assertEquals(record.holder, "");
  assert(record.ours);
  assertEquals(record.released, { token: "41", rv: "41", renewMicros: MICROS + 1 });
  assertEquals(notesOf(record.lease)[ANNOTATION.released]?.split(";").slice(0, 3), [
    ME,
    "41",
    "41",
  ]);
});

Deno.test("readLease() knows a record of another make, whose marks are void", async (t) => {
  const note = (name: string, value?: string) => (lease: Lease) => {
    if (value === undefined) delete notesOf(lease)[name];
    else notesOf(lease)[name] = value;
  };
  const cases: [string, ReturnType<typeof held>, Partial<ReturnType<typeof held>>][] = [
    ["never held", unheld(5), { ours: false, holder: "", token: undefined, transitions: 0 }],
    ["client-go over ours", byClientGo(held(4), 5), {
      ours: false,
      holder: "go-client",
      write: undefined,
      token: "3",
      released: undefined,
    }],
    ["client-go over our release", byClientGo(released(4), 5), {
      ours: false,
      released: undefined,
      write: undefined,
    }],
    ["emptied by client-go", byClientGo(held(4), 5, ""), { ours: false, released: undefined }],
    [
      "our annotation missing",
      edited(held(4), 5, note(ANNOTATION.holder)),
      { ours: false, write: undefined },
    ],
    [
      "our annotation of somebody else",
      edited(held(4), 5, note(ANNOTATION.holder, ME)),
      { ours: false, write: undefined },
    ],
    [
      "a release without its mark",
      edited(released(4), 5, note(ANNOTATION.released)),
      { ours: false, released: undefined, write: undefined },
    ],
    [
      "a mark of another token",
      edited(released(4), 5, note(ANNOTATION.token, "99")),
      { ours: false, released: undefined },
    ],
    [
      "a mark of another time",
      edited(released(4), 5, (lease) => lease.spec.renewTime = "2020-01-01T00:00:00.000000Z"),
      { ours: false, released: undefined },
    ],
    [
      "a mark and a holder",
      edited(released(4), 5, (lease) => {
        lease.spec.holderIdentity = notesOf(lease)[ANNOTATION.holder] = "a";
      }),
      { ours: true, released: undefined },
    ],
  ];
  for (const [name, record, expected] of cases) {
    await t.step(name, () => assertEquals({ ...record, ...expected }, record));
  }
});

Deno.test("readLease() believes no release mark that is malformed", () => {
  const time = released(5).lease.spec.renewTime;
  const marks = ["", ";", "a;3;4", `a;0;4;${time}`, `a;3;0;${time}`, `a;3;x;${time}`, "a;3;4;now"];
  marks.push(`a;3;4;${time};`, `a;b;3;4;${time}`, `a;03;4;${time}`, `a;3;4;${time}\n`);
  for (const mark of marks) {
    const record = edited(released(5), 6, (lease) => notesOf(lease)[ANNOTATION.released] = mark);
    assertEquals(record.released, undefined, JSON.stringify(mark));
  }
  const good = edited(released(5), 6, (lease) => {
    notesOf(lease)[ANNOTATION.released] = `;3;4;${time}`;
  });
  assert(good.released !== undefined, "the name in it is for people");
});

Deno.test("readLease() tells a token that cannot be compared from none", () => {
  const table: [string, string][] = [
    ["1", "1"],
    ["9".repeat(39), "9".repeat(39)],
    ["", "malformed"],
    ["0", "malformed"],
    ["-1", "malformed"],
    ["1.5", "malformed"],
    ["9".repeat(40), "malformed"],
  ];
  for (const [text, token] of table) {
    const record = edited(held(5), 6, (lease) => notesOf(lease)[ANNOTATION.token] = text);
    assertEquals(record.token, token);
  }
});

Deno.test("readLease() reads sparse Leases", () => {
  const lease = (parts: unknown) => ({
    kind: "Lease",
    metadata: { name: "x", uid: "u", resourceVersion: "5" },
    ...parts as object,
  });
  const shapes: unknown[] = [
    {},
    { spec: null },
    { spec: {} },
    { spec: { holderIdentity: null, renewTime: null, leaseDurationSeconds: null } },
    { metadata: { name: "x", uid: "u", resourceVersion: "5", annotations: null } },
    { spec: { holderIdentity: "", preferredHolder: "" } },
    { spec: { renewTime: "tomorrow" } },
  ];
  for (const shape of shapes) {
    const { holder, ours, token, durationMs, renewMicros, transitions, preferredHolder } =
      readLease(
        lease(shape),
      );
    assertEquals(
      { holder, ours, token, durationMs, renewMicros, transitions, preferredHolder },
      {
        holder: "",
        ours: false,
        token: undefined,
        durationMs: undefined,
        renewMicros: undefined,
        transitions: 0,
        preferredHolder: undefined,
      },
    );
  }
});

Deno.test("readLease() refuses what no API server sends", () => {
  const good = held(5).lease;
  const meta = (change: object) => ({ ...good, metadata: { ...good.metadata, ...change } });
  const spec = (change: object) => ({ ...good, spec: { ...good.spec, ...change } });
  const values: unknown[] = [
    undefined,
    null,
    7,
    "Lease",
    [],
    {},
    { ...good, kind: "LeaseList" },
    { ...good, metadata: undefined },
    { ...good, metadata: [] },
    { ...good, spec: "x" },
    { ...good, spec: [] },
    meta({ uid: "" }),
    meta({ uid: undefined }),
    meta({ uid: 7 }),
    meta({ resourceVersion: undefined }),
    meta({ resourceVersion: "" }),
    meta({ resourceVersion: "0" }),
    meta({ resourceVersion: "007" }),
    meta({ resourceVersion: "abc" }),
    meta({ resourceVersion: 7 }),
    meta({ resourceVersion: "9".repeat(40) }),
    meta({ annotations: [] }),
    meta({ annotations: { [ANNOTATION.token]: 7 } }),
    meta({ annotations: { [ANNOTATION.holder]: {} } }),
    meta({ annotations: { [ANNOTATION.released]: true } }),
    meta({ annotations: { ...notesOf(good), [ANNOTATION.write]: 1 } }),
    spec({ holderIdentity: 7 }),
    spec({ leaseDurationSeconds: "15" }),
    spec({ leaseDurationSeconds: 1.5 }),
    spec({ leaseDurationSeconds: 2 ** 31 }),
    spec({ leaseTransitions: -(2 ** 31) }),
    spec({ renewTime: 7 }),
    spec({ preferredHolder: [] }),
  ];
  for (const value of values) {
    assertThrows(() => readLease(value), MalformedAnswer, "Cannot", JSON.stringify(value));
  }
});

Deno.test("readLease() takes any JSON or refuses it as malformed; it never fails otherwise", () => {
  const shape = fc.record(
    {
      kind: fc.constantFrom("Lease", "Pod"),
      metadata: fc.record(
        {
          uid: fc.constantFrom("u", "", null, 7),
          resourceVersion: fc.constantFrom("5", "0", 5, null),
          annotations: fc.oneof(
            fc.constant(null),
            fc.dictionary(fc.constantFrom(...Object.values(ANNOTATION)), fc.jsonValue()),
          ),
        },
        { requiredKeys: [] },
      ),
      spec: fc.oneof(
        fc.jsonValue(),
        fc.dictionary(
          fc.constantFrom(
            "holderIdentity",
            "renewTime",
            "leaseDurationSeconds",
            "leaseTransitions",
          ),
          fc.jsonValue(),
        ),
      ),
    },
    { requiredKeys: ["kind"] },
  );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), shape), (value) => {
      try {
        const record = readLease(value);
        assertEquals(structuredClone(record), record, "plain data");
      } catch (error) {
        if (!(error instanceof MalformedAnswer)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});

/** A Lease with everything that others may keep in it. */
function crowded() {
  return edited(released(40, held(39, { token: "38" })), 41, (lease) => {
    Object.assign(lease.metadata, {
      labels: { app: "a" },
      ownerReferences: [{ kind: "Deployment", name: "d" }],
      finalizers: ["f"],
      creationTimestamp: "2026-01-01T00:00:00Z",
      managedFields: [{ manager: "kubectl" }],
      future: { a: 1 },
    });
    lease.metadata.annotations!.theirs = "kept";
    Object.assign(lease.spec, {
      strategy: "OldestEmulationVersion",
      preferredHolder: "p",
      next: 1,
    });
    Object.assign(lease, { status: { kept: true } });
  });
}

Deno.test("every write sends back what is not ours, with uid and version", async (t) => {
  const record = crowded();
  for (const make of [acquiredLease, renewedLease, releasedLease]) {
    await t.step(make.name, () => {
      const before = structuredClone(record);
      const lease = make(record, CLAIM);
      assertEquals(record, before, "what was read is not touched");
      const { annotations, ...meta } = lease.metadata;
      const { annotations: _, managedFields: __, ...expected } = record.lease.metadata;
      assertEquals(meta, expected);
      assertEquals([meta.uid, meta.resourceVersion], ["uid-1", "41"]);
      assertEquals(annotations?.theirs, "kept");
      assertEquals([lease.spec.strategy, lease.spec.next], ["OldestEmulationVersion", 1]);
      assertEquals((lease as unknown as { status: unknown }).status, { kept: true });
      assertEquals([lease.apiVersion, lease.kind], ["coordination.k8s.io/v1", "Lease"]);
      assertNotStrictEquals(lease.metadata.annotations, record.lease.metadata.annotations);
    });
  }
});

Deno.test("an acquisition: a new term, counted, the old mark gone, the preference cleared", () => {
  const lease = acquiredLease(crowded(), CLAIM);
  assertEquals(lease.spec.holderIdentity, ME);
  assertEquals(lease.spec.leaseDurationSeconds, 15);
  assertEquals(lease.spec.acquireTime, "2026-01-01T00:00:00.123456Z");
  assertEquals(lease.spec.renewTime, "2026-01-01T00:00:00.123456Z");
  assertEquals(lease.spec.leaseTransitions, crowded().transitions + 1);
  assertEquals("preferredHolder" in lease.spec, false);
  assertEquals(notesOf(lease), {
    theirs: "kept",
    [ANNOTATION.holder]: ME,
    [ANNOTATION.write]: `${NONCE}.3`,
    [ANNOTATION.token]: "41",
  });
});

Deno.test("an acquisition: the count of transitions stops where the field ends", () => {
  const record = edited(held(5), 6, (lease) => lease.spec.leaseTransitions = 2 ** 31 - 1);
  assertEquals(acquiredLease(record, CLAIM).spec.leaseTransitions, 2 ** 31 - 1);
});

Deno.test("a renewal: only the write and the time are new, and a stray mark goes", () => {
  const record = edited(held(5, { identity: ME }), 6, (lease) => {
    notesOf(lease)[ANNOTATION.released] = "x;1;1;2026-01-01T00:00:00.000000Z";
    lease.spec.preferredHolder = "p";
  });
  const lease = renewedLease(record, CLAIM);
  const { renewTime, ...rest } = lease.spec;
  const { renewTime: _, ...before } = record.lease.spec;
  assertEquals(rest, before);
  assertEquals(renewTime, "2026-01-01T00:00:00.123456Z");
  assertEquals(notesOf(lease)[ANNOTATION.released], undefined);
  assertEquals(notesOf(lease)[ANNOTATION.write], `${NONCE}.3`);
});

Deno.test("a release: nobody, in the spec as in the annotation; token, duration and count stay", () => {
  const record = held(40, { identity: ME, token: "41" });
  const lease = releasedLease(record, CLAIM);
  assertEquals(lease.spec, {
    ...record.lease.spec,
    holderIdentity: "",
    renewTime: "2026-01-01T00:00:00.123456Z",
  });
  assertEquals(notesOf(lease), {
    [ANNOTATION.holder]: "",
    [ANNOTATION.write]: `${NONCE}.3`,
    [ANNOTATION.token]: "41",
    [ANNOTATION.released]: `${ME};41;40;2026-01-01T00:00:00.123456Z`,
  });
});

Deno.test("a new Lease names nobody, and carries neither uid nor version", () => {
  assertEquals(newLease("team", "x"), {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "x", namespace: "team" },
    spec: {},
  });
});

Deno.test("sameClaim() sees through foreign metadata, and through nothing else", () => {
  const base = held(5);
  const same: ((lease: Lease) => void)[] = [
    (lease) => lease.metadata.labels = { a: "b" },
    (lease) => notesOf(lease).theirs = "x",
    (lease) => lease.metadata.ownerReferences = [],
    (lease) => lease.spec.strategy = "x",
  ];
  const other: ((lease: Lease) => void)[] = [
    (lease) => lease.metadata.uid = "uid-2",
    (lease) => lease.spec.holderIdentity = "x",
    (lease) => lease.spec.renewTime = "2026-02-02T00:00:00.000000Z",
    (lease) => lease.spec.acquireTime = "2026-02-02T00:00:00.000000Z",
    (lease) => lease.spec.leaseDurationSeconds = 3,
    (lease) => lease.spec.leaseTransitions = 9,
    (lease) => lease.spec.preferredHolder = "x",
    (lease) => notesOf(lease)[ANNOTATION.write] = `${OTHER}.9`,
    (lease) => notesOf(lease)[ANNOTATION.token] = "99",
    (lease) => notesOf(lease)[ANNOTATION.holder] = "x",
  ];
  for (const change of same) assert(sameClaim(base, edited(base, 6, change)), String(change));
  for (const change of other) assert(!sameClaim(base, edited(base, 6, change)), String(change));
  assert(!sameClaim(released(6, held(5)), released(6, renewed(held(5), 4))));
  assert(!sameClaim(byClientGo(base, 6, "a"), byClientGo(base, 6, "b")));
});

Deno.test("nameOf() finds the name that people gave", () => {
  const table: [string, string][] = [
    [ME, "me"],
    [THEM, "them"],
    [`my_pod_1_${NONCE}_3f2a-uid`, "my_pod_1"],
    [`a_${NONCE}_b_c`, `a_${NONCE}_b_c`],
    [`_${NONCE}_-`, `_${NONCE}_-`],
    ["go-client_4711", "go-client_4711"],
    [`a_${NONCE.toUpperCase()}_-`, `a_${NONCE.toUpperCase()}_-`],
    ["", ""],
  ];
  for (const [identity, name] of table) assertEquals(nameOf(identity), name);
});
