/**
 * How Leases change: PUT with optimistic concurrency.
 *
 * @module
 */
import { assertEquals, assertGreater } from "@std/assert";
import { assertDone, assertRefused, conflict, draft, invalid, modified } from "./assertions.ts";
import type { Behaviour } from "./target.ts";

export const UPDATE: readonly Behaviour[] = [
  {
    name: "PUT with the present resourceVersion replaces, and the version grows",
    async run(api) {
      const { metadata } = assertDone(
        await api.create(
          draft("a", { holderIdentity: "me" }, { labels: { a: "1" }, annotations: { b: "2" } }),
        ),
        201,
      );
      const { resourceVersion } = metadata;
      const updated = assertDone(
        await api.put(draft("a", { leaseTransitions: 1 }, { resourceVersion })),
      );
      assertEquals(updated.spec, { leaseTransitions: 1 });
      assertEquals(updated.metadata.labels, undefined);
      assertEquals(updated.metadata.annotations, undefined);
      assertGreater(BigInt(updated.metadata.resourceVersion), BigInt(resourceVersion));
      assertEquals(assertDone(await api.get("a")), updated);
    },
  },
  {
    name: "PUT with an old resourceVersion is a 409 and changes nothing",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      const { resourceVersion } = metadata;
      const won = assertDone(
        await api.put(draft("a", { holderIdentity: "one" }, { resourceVersion })),
      );
      const lost = await api.put(draft("a", { holderIdentity: "two" }, { resourceVersion }));
      assertRefused(lost, modified("a"));
      assertEquals(assertDone(await api.get("a")), won);
    },
  },
  {
    name: "PUT with a resourceVersion that was never reached is a 409",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      assertRefused(await api.put(draft("a", {}, { resourceVersion: "99999999" })), modified("a"));
    },
  },
  {
    name: "of many PUTs on one version exactly one wins",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      const { resourceVersion } = metadata;
      const answers = await Promise.all(
        Array.from(
          { length: 8 },
          (_, index) => api.put(draft("a", { holderIdentity: `${index}` }, { resourceVersion })),
        ),
      );
      const winners = answers.filter(({ status }) => status === 200);
      assertEquals(winners.length, 1);
      for (const answer of answers) if (answer.status !== 200) assertRefused(answer, modified("a"));
      assertEquals(assertDone(await api.get("a")), winners[0]!.body);
    },
  },
  {
    name: "PUT without a resourceVersion on an existing Lease is a 422: it never overwrites",
    async run(api) {
      const created = assertDone(await api.create(draft("a", { holderIdentity: "me" })), 201);
      const why = "Invalid value: 0: must be specified for an update";
      const refusal = {
        ...invalid("a", "metadata.resourceVersion", why),
        message: `leases.coordination.k8s.io "a" is invalid: metadata.resourceVersion: ${why}`,
      };
      const details = { ...refusal.details, kind: "leases" };
      for (const version of [{}, { resourceVersion: "" }, { resourceVersion: "0" }]) {
        const answer = await api.put(draft("a", { holderIdentity: "you" }, version));
        assertRefused(answer, { ...refusal, details });
      }
      assertEquals(assertDone(await api.get("a")), created);
    },
  },
  {
    name: "PUT with a resourceVersion that is no number is an internal error",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      for (const resourceVersion of ["abc", "-1", " 1", "1.5", "0x10"]) {
        assertRefused(await api.put(draft("a", {}, { resourceVersion })), {
          code: 500,
          message: `strconv.ParseUint: parsing "${resourceVersion}": invalid syntax`,
        });
      }
      const resourceVersion = "99999999999999999999";
      assertRefused(await api.put(draft("a", {}, { resourceVersion })), {
        code: 500,
        message: `strconv.ParseUint: parsing "${resourceVersion}": value out of range`,
      });
    },
  },
  {
    name: "resourceVersions are compared as numbers: leading zeros do not matter",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      const resourceVersion = `00${metadata.resourceVersion}`;
      assertDone(await api.put(draft("a", { holderIdentity: "me" }, { resourceVersion })));
    },
  },
  {
    name: "PUT with another uid is a 409, with the right resourceVersion too",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      const { uid, resourceVersion } = metadata;
      const other = "00000000-0000-4000-8000-000000000000";
      const why =
        `StorageError: invalid object, Code: 4, Key: /registry/leases/${api.namespace}/a, ` +
        `ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ` +
        `UID in precondition: ${other}, UID in object meta: ${uid}`;
      const answer = await api.put(draft("a", {}, { uid: other, resourceVersion }));
      assertRefused(answer, conflict("a", why));
      assertDone(await api.put(draft("a", {}, { uid, resourceVersion })));
    },
  },
  {
    name: "PUT that changes nothing answers 200 with the same resourceVersion",
    async run(api) {
      const spec = { holderIdentity: "me", renewTime: "2026-01-01T00:00:00.000000Z" };
      const created = assertDone(await api.create(draft("a", spec, { labels: { a: "1" } })), 201);
      assertEquals(assertDone(await api.put(created)), created);
      const { resourceVersion } = created.metadata;
      const sameInstant = { ...spec, renewTime: "2026-01-01T02:00:00.000000+02:00" };
      const metadata = { resourceVersion, labels: { a: "1" } };
      const answer = assertDone(await api.put(draft("a", sameInstant, metadata)));
      assertEquals(answer.metadata.resourceVersion, resourceVersion);
    },
  },
  {
    name: "PUT that changes nothing is a conflict all the same if its resourceVersion is old",
    async run(api) {
      const created = assertDone(await api.create(draft("a", { holderIdentity: "me" })), 201);
      const { resourceVersion } = created.metadata;
      assertDone(await api.put(draft("a", { holderIdentity: "you" }, { resourceVersion })));
      const same = draft("a", { holderIdentity: "you" }, { resourceVersion });
      assertRefused(await api.put(same), modified("a"));
    },
  },
  {
    name: "uid and creationTimestamp outlive a PUT that says otherwise",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      const { uid, creationTimestamp, resourceVersion } = metadata;
      const theirs = { resourceVersion, creationTimestamp: "2001-01-01T00:00:00Z" };
      const one = assertDone(await api.put(draft("a", { holderIdentity: "me" }, theirs)));
      assertEquals([one.metadata.uid, one.metadata.creationTimestamp], [uid, creationTimestamp]);
      const nothing = { resourceVersion: one.metadata.resourceVersion, creationTimestamp: null };
      const two = assertDone(await api.put(draft("a", {}, nothing)));
      assertEquals([two.metadata.uid, two.metadata.creationTimestamp], [uid, creationTimestamp]);
    },
  },
  {
    name: "resourceVersions grow across Leases, deletions included, and none is given out twice",
    async run(api) {
      const versions: string[] = [];
      const version = (lease: { metadata: { resourceVersion: string } }) => {
        versions.push(lease.metadata.resourceVersion);
        return lease.metadata.resourceVersion;
      };
      version(assertDone(await api.create(draft("a")), 201));
      const resourceVersion = version(assertDone(await api.create(draft("b")), 201));
      version(assertDone(await api.put(draft("c")), 201));
      version(assertDone(await api.put(draft("b", { leaseTransitions: 1 }, { resourceVersion }))));
      assertDone(await api.delete("a"));
      version(assertDone(await api.list()));
      version(assertDone(await api.create(draft("a")), 201));
      for (let index = 1; index < versions.length; index++) {
        assertGreater(BigInt(versions[index]!), BigInt(versions[index - 1]!));
      }
    },
  },
  {
    name: "a PUT is judged by its version before its content",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      const { resourceVersion } = metadata;
      assertDone(await api.put(draft("a", { holderIdentity: "me" }, { resourceVersion })));
      const answer = await api.put(draft("a", { leaseDurationSeconds: 0 }, { resourceVersion }));
      assertRefused(answer, modified("a"));
    },
  },
];
