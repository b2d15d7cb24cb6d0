/**
 * What watches tell.
 *
 * @module
 */
import { assertEquals, assertGreater, assertGreaterOrEqual } from "@std/assert";
import { assertDone, assertRefused, assertStatus, draft, type Refusal } from "./assertions.ts";
import type { Api, Behaviour, WatchLine } from "./target.ts";

const INITIAL = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan";

/** A name for each event: `ADDED a`. */
function told({ type, object }: WatchLine): string {
  return `${type} ${object.metadata.name}`;
}

/** The version as it is; whatever the server remembers is not older afterwards. */
async function present(api: Api): Promise<string> {
  return assertDone(await api.list()).metadata.resourceVersion;
}

function invalidOptions(causes: [field: string, reason: string, message: string][]): Refusal {
  const texts = causes.map(([field, , message]) => `${field}: ${message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
  return {
    code: 422,
    reason: "Invalid",
    message: `ListOptions.meta.k8s.io "" is invalid: ${list}`,
    details: {
      group: "meta.k8s.io",
      kind: "ListOptions",
      causes: causes.map(([field, reason, message]) => ({ reason, message, field })),
    },
  };
}

export const WATCH: readonly Behaviour[] = [
  {
    name: "a watch from a version tells what came after it, as the answers to the writes",
    async run(api) {
      assertDone(await api.create(draft("before")), 201);
      const from = await present(api);
      const added = assertDone(await api.create(draft("a")), 201);
      const watch = await api.watch(`resourceVersion=${from}`);
      assertEquals(await watch.next(), { type: "ADDED", object: added });
      const { resourceVersion } = added.metadata;
      const body = draft("a", { holderIdentity: "me" }, { resourceVersion });
      const changed = assertDone(await api.put(body));
      assertEquals(await watch.next(), { type: "MODIFIED", object: changed });
    },
  },
  {
    name: "DELETED carries the last state, with the version of the deletion",
    async run(api) {
      const added = assertDone(await api.create(draft("a", { holderIdentity: "me" })), 201);
      const watch = await api.watch(`resourceVersion=${added.metadata.resourceVersion}`);
      assertDone(await api.delete("a"));
      const { type, object } = await watch.next();
      const { resourceVersion } = object.metadata;
      assertGreater(BigInt(resourceVersion), BigInt(added.metadata.resourceVersion));
      const metadata = { ...added.metadata, resourceVersion };
      assertEquals([type, object], ["DELETED", { ...added, metadata }]);
    },
  },
  {
    name: "a write that changes nothing is no event",
    async run(api) {
      const added = assertDone(await api.create(draft("a", { holderIdentity: "me" })), 201);
      const watch = await api.watch(`resourceVersion=${added.metadata.resourceVersion}`);
      assertDone(await api.put(added));
      assertDone(await api.create(draft("b")), 201);
      assertEquals(told(await watch.next()), "ADDED b");
    },
  },
  {
    name: "a watch without a version, or from 0, begins with what is there",
    async run(api) {
      const a = assertDone(await api.create(draft("a")), 201);
      const b = assertDone(await api.create(draft("b")), 201);
      await present(api);
      for (const query of ["", "resourceVersion=0"]) {
        const watch = await api.watch(query);
        assertEquals(await watch.next(), { type: "ADDED", object: a });
        assertEquals(await watch.next(), { type: "ADDED", object: b });
      }
      const watch = await api.watch("");
      await watch.next();
      await watch.next();
      assertDone(await api.delete("a"));
      assertEquals(told(await watch.next()), "DELETED a");
    },
  },
  {
    name: "sendInitialEvents tells what is there, and marks its end by a bookmark",
    async run(api) {
      const a = assertDone(await api.create(draft("a")), 201);
      const watch = await api.watch(`${INITIAL}&allowWatchBookmarks=true`);
      assertEquals(await watch.next(), { type: "ADDED", object: a });
      const { type, object } = await watch.next();
      const { resourceVersion } = object.metadata;
      assertEquals(type, "BOOKMARK");
      assertEquals(object, {
        kind: "Lease",
        apiVersion: "coordination.k8s.io/v1",
        metadata: { resourceVersion, annotations: { "k8s.io/initial-events-end": "true" } },
        spec: {},
      });
      assertGreaterOrEqual(BigInt(resourceVersion), BigInt(a.metadata.resourceVersion));
      assertDone(await api.delete("a"));
      assertEquals(told(await watch.change()), "DELETED a");
    },
  },
  {
    name: "sendInitialEvents takes any version that was reached, however old",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      await present(api);
      for (const version of ["0", "1", metadata.resourceVersion]) {
        const query = `${INITIAL}&allowWatchBookmarks=true&resourceVersion=${version}`;
        const watch = await api.watch(query);
        assertEquals(told(await watch.next()), "ADDED a");
        assertEquals((await watch.next()).type, "BOOKMARK");
      }
    },
  },
  {
    name: "sendInitialEvents=false begins with what comes next",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      const query = "sendInitialEvents=false&resourceVersionMatch=NotOlderThan";
      const watch = await api.watch(query);
      assertDone(await api.create(draft("b")), 201);
      assertEquals(told(await watch.next()), "ADDED b");
    },
  },
  {
    name: "without allowWatchBookmarks the end of the initial events is not marked",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      const watch = await api.watch(INITIAL);
      assertEquals(told(await watch.next()), "ADDED a");
      assertDone(await api.create(draft("b")), 201);
      assertEquals(told(await watch.next()), "ADDED b");
    },
  },
  {
    name: "a watch with a name tells of that Lease alone, and waits for one that is absent",
    async run(api) {
      assertDone(await api.create(draft("other")), 201);
      const query = "fieldSelector=metadata.name%3Dmine";
      const watch = await api.watch(`${query}&${INITIAL}&allowWatchBookmarks=true`);
      assertEquals((await watch.next()).type, "BOOKMARK");
      assertDone(await api.create(draft("mine-too")), 201);
      assertDone(await api.create(draft("mine")), 201);
      assertEquals(told(await watch.change()), "ADDED mine");
      assertDone(await api.delete("other"));
      assertDone(await api.delete("mine"));
      assertEquals(told(await watch.change()), "DELETED mine");
      assertDone(await api.put(draft("mine")), 201);
      assertEquals(told(await watch.change()), "ADDED mine");
    },
  },
  {
    name: "a watch of one namespace knows nothing of others, one of all knows of each",
    async run(api) {
      const from = await present(api);
      const elsewhere = `${api.namespace}-2`;
      await api.target.namespace(elsewhere);
      const path = api.path(undefined, elsewhere);
      assertDone(await api.send("POST", path, { body: draft("far") }), 201);
      assertDone(await api.create(draft("near")), 201);
      const watch = await api.watch(`resourceVersion=${from}`);
      assertEquals(told(await watch.next()), "ADDED near");
      const item = await api.send("GET", api.path("near"), { query: "watch=1" });
      assertEquals(assertDone(item).metadata.name, "near");
    },
  },
  {
    name: "a Lease that leaves a label selector is DELETED as it was, one that enters is ADDED",
    async run(api) {
      const added = assertDone(await api.create(draft("a", {}, { labels: { app: "x" } })), 201);
      const from = added.metadata.resourceVersion;
      const label = async (app: string, holderIdentity: string, resourceVersion: string) =>
        assertDone(
          await api.put(draft("a", { holderIdentity }, { resourceVersion, labels: { app } })),
        );
      const left = await label("y", "one", from);
      const still = await label("y", "two", left.metadata.resourceVersion);
      const back = await label("x", "three", still.metadata.resourceVersion);
      assertDone(await api.delete("a"));

      const x = await api.watch(`resourceVersion=${from}&labelSelector=app%3Dx`);
      const { resourceVersion } = left.metadata;
      assertEquals(await x.next(), {
        type: "DELETED",
        object: { ...added, metadata: { ...added.metadata, resourceVersion } },
      });
      assertEquals(await x.next(), { type: "ADDED", object: back });
      assertEquals(told(await x.next()), "DELETED a");

      const y = await api.watch(`resourceVersion=${from}&labelSelector=app%3Dy`);
      assertEquals(await y.next(), { type: "ADDED", object: left });
      assertEquals(await y.next(), { type: "MODIFIED", object: still });
      const gone = await y.next();
      assertEquals([gone.type, gone.object.spec.holderIdentity], ["DELETED", "two"]);
      assertEquals(gone.object.metadata.resourceVersion, back.metadata.resourceVersion);
    },
  },
  {
    name: "sendInitialEvents from a version that was never reached is told so, in the stream",
    async run(api) {
      const watch = await api.watch(`${INITIAL}&resourceVersion=99999999`);
      const { type, object } = await watch.next();
      assertEquals(type, "ERROR");
      assertStatus(object, {
        code: 504,
        reason: "Timeout",
        message: /^Timeout: Too large resource version: 99999999, current: \d+$/,
        details: {
          causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
          retryAfterSeconds: 1,
        },
      });
      assertEquals(await watch.rest(), []);
    },
  },
  {
    name: "timeoutSeconds ends the stream in good order",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      const from = `resourceVersion=${metadata.resourceVersion}`;
      const watch = await api.watch(`${from}&timeoutSeconds=1`);
      assertDone(await api.create(draft("b")), 201);
      assertEquals((await watch.rest()).map(told), ["ADDED b"]);
      const past = await api.watch(`resourceVersion=${await present(api)}&timeoutSeconds=-1`);
      assertEquals(await past.rest(), []);
    },
  },
  {
    name: "before its end a watch gets a bookmark, if it allows them",
    async run(api) {
      const from = await present(api);
      const watch = await api.watch(
        `fieldSelector=metadata.name%3Dquiet&resourceVersion=${from}&timeoutSeconds=4` +
          "&allowWatchBookmarks=true",
      );
      // Without anything newer than the version at which the watch began, the real server sends none.
      const other = assertDone(await api.create(draft("other")), 201);
      const { type, object } = await watch.next();
      const { resourceVersion } = object.metadata;
      assertEquals(type, "BOOKMARK");
      assertEquals(object, {
        kind: "Lease",
        apiVersion: "coordination.k8s.io/v1",
        metadata: { resourceVersion },
        spec: {},
      });
      assertGreaterOrEqual(BigInt(resourceVersion), BigInt(other.metadata.resourceVersion));
    },
  },
  {
    name: "a watch may be cut off and resumed at any event without missing one",
    async run(api) {
      let version = await present(api);
      for (const name of ["a", "b", "c"]) assertDone(await api.create(draft(name)), 201);
      for (const name of ["a", "b", "c"]) {
        const watch = await api.watch(`resourceVersion=${version}`);
        const line = await watch.next();
        await watch.close();
        assertEquals(told(line), `ADDED ${name}`);
        version = line.object.metadata.resourceVersion;
      }
    },
  },
  {
    name: "a watch refuses a version that is no number",
    async run(api) {
      for (const query of ["", `&${INITIAL}`]) {
        assertRefused(await api.list(`watch=1&resourceVersion=abc${query}`), {
          code: 500,
          message: 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": ' +
            "invalid syntax",
        });
      }
    },
  },
  {
    name: "sendInitialEvents and resourceVersionMatch come together or not at all",
    async run(api) {
      const field = "resourceVersionMatch";
      const alone = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
      const forbidden = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is " +
        "provided";
      assertRefused(
        await api.list("watch=1&sendInitialEvents=true"),
        invalidOptions([[field, "FieldValueForbidden", `Forbidden: ${alone}`]]),
      );
      assertRefused(
        await api.list("watch=1&resourceVersionMatch=NotOlderThan"),
        invalidOptions([[field, "FieldValueForbidden", `Forbidden: ${forbidden}`]]),
      );
      assertRefused(
        await api.list("watch=1&sendInitialEvents=true&resourceVersionMatch=Exact"),
        invalidOptions([
          [field, "FieldValueForbidden", `Forbidden: ${alone}`],
          [
            field,
            "FieldValueNotSupported",
            'Unsupported value: "Exact": supported values: "NotOlderThan"',
          ],
        ]),
      );
    },
  },
  {
    name: "a watch from a version that is too old is told so, in the stream, and ends",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      await api.target.forget();
      const watch = await api.watch("resourceVersion=1");
      const { type, object } = await watch.next();
      assertEquals(type, "ERROR");
      assertStatus(object, {
        code: 410,
        reason: "Expired",
        message: /^too old resource version: 1 \(\d+\)$/,
      });
      assertEquals(await watch.rest(), []);
    },
  },
];
