/**
 * How Leases go.
 *
 * @module
 */
import { assertEquals, assertNotEquals } from "@std/assert";
import { assertDone, assertRefused, bad, conflict, draft, GROUP, notFound } from "./assertions.ts";
import type { Behaviour } from "./target.ts";

const WRONG_UID = "00000000-0000-4000-8000-000000000000";

export const DELETE: readonly Behaviour[] = [
  {
    name: "DELETE answers a Status with the uid that is gone",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      assertEquals(assertDone(await api.delete("a")), {
        kind: "Status",
        apiVersion: "v1",
        metadata: {},
        status: "Success",
        details: { name: "a", group: GROUP, kind: "leases", uid: metadata.uid },
      });
      assertRefused(await api.get("a"), notFound("a"));
    },
  },
  {
    name: "DELETE of an absent Lease is a 404, whatever is demanded of it",
    async run(api) {
      assertRefused(await api.delete("a"), notFound("a"));
      const options = { preconditions: { uid: WRONG_UID } };
      assertRefused(await api.delete("a", options), notFound("a"));
    },
  },
  {
    name: "DELETE with another uid is a 409",
    async run(api) {
      const { metadata: { uid } } = assertDone(await api.create(draft("a")), 201);
      const why = `the UID in the precondition (${WRONG_UID}) does not match the UID in record ` +
        `(${uid}). The object might have been deleted and then recreated`;
      const answer = await api.delete("a", { preconditions: { uid: WRONG_UID } });
      assertRefused(answer, conflict("a", why, "Lease"));
      assertDone(await api.delete("a", { preconditions: { uid } }));
    },
  },
  {
    name: "DELETE with an old resourceVersion is a 409",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      const { resourceVersion } = metadata;
      const body = draft("a", { holderIdentity: "me" }, { resourceVersion });
      const present = assertDone(await api.put(body)).metadata.resourceVersion;
      const why =
        `the ResourceVersion in the precondition (${resourceVersion}) does not match the ` +
        `ResourceVersion in record (${present}). The object might have been modified`;
      const answer = await api.delete("a", { preconditions: { resourceVersion } });
      assertRefused(answer, conflict("a", why, "Lease"));
      assertDone(await api.delete("a", { preconditions: { resourceVersion: present } }));
    },
  },
  {
    name: "DELETE takes DeleteOptions, and nothing else",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      const scheme = 'in scheme "pkg/runtime/scheme.go:111"';
      assertRefused(
        await api.delete("a", { kind: "Lease", apiVersion: `${GROUP}/v1` }),
        bad(`no kind "Lease" is registered for version "${GROUP}/v1" ${scheme}`),
      );
      const unread = bad(/^couldn't get version\/kind; json parse error: /);
      assertRefused(await api.delete("a", "{"), unread);
      const of = "json: cannot unmarshal number into Go struct field";
      assertRefused(
        await api.delete("a", { preconditions: 5 }),
        bad(`${of} DeleteOptions.preconditions of type v1.Preconditions`),
      );
      assertRefused(
        await api.delete("a", { preconditions: { uid: 5 } }),
        bad(`${of} Preconditions.preconditions.uid of type types.UID`),
      );
      assertDone(await api.get("a"));
      assertDone(await api.delete("a", { kind: "DeleteOptions", apiVersion: "v1", unknown: 1 }));
    },
  },
  {
    name: "a name that was deleted begins a new life",
    async run(api) {
      const one = assertDone(await api.create(draft("a", { leaseTransitions: 7 })), 201);
      assertDone(await api.delete("a"));
      const two = assertDone(await api.create(draft("a")), 201);
      assertNotEquals(one.metadata.uid, two.metadata.uid);
      assertEquals(two.spec, {});
    },
  },
  {
    name: "DELETE of the collection takes all that match, and gives them",
    async run(api) {
      assertDone(await api.create(draft("a", {}, { labels: { app: "x" } })), 201);
      assertDone(await api.create(draft("b")), 201);
      const query = "labelSelector=app%3Dx";
      const gone = assertDone(await api.send("DELETE", api.path(), { query }));
      assertEquals(gone.kind, "LeaseList");
      assertEquals(gone.items.map(nameOf), ["a"]);
      assertEquals(assertDone(await api.list()).items.map(nameOf), ["b"]);
      assertEquals(assertDone(await api.send("DELETE", api.path(), { query })).items, []);
    },
  },
];

function nameOf({ metadata }: { metadata: { name: string } }): string {
  return metadata.name;
}
