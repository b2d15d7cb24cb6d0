/**
 * How Leases come to be: POST to the collection, PUT to a name that nobody has.
 *
 * @module
 */
import { assertEquals, assertGreater, assertMatch, assertNotEquals } from "@std/assert";
import {
  assertDone,
  assertRefused,
  bad,
  conflict,
  draft,
  GROUP,
  invalid,
  undecodable,
} from "./assertions.ts";
import type { Behaviour } from "./target.ts";

const UID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

export const CREATE: readonly Behaviour[] = [
  {
    name: "POST creates a Lease, and GET gives the same",
    async run(api) {
      const created = assertDone(
        await api.create(draft("a", { holderIdentity: "me" }, {
          labels: { app: "x" },
          annotations: { "example.com/note": "ü" },
        })),
        201,
      );
      const { kind, apiVersion, metadata, spec } = created;
      assertEquals([kind, apiVersion], ["Lease", `${GROUP}/v1`]);
      assertEquals([metadata.name, metadata.namespace], ["a", api.namespace]);
      assertMatch(metadata.uid, UID);
      assertMatch(metadata.creationTimestamp, SECONDS);
      assertMatch(metadata.resourceVersion, /^[1-9]\d*$/);
      assertEquals(metadata.labels, { app: "x" });
      assertEquals(metadata.annotations, { "example.com/note": "ü" });
      assertEquals(spec, { holderIdentity: "me" });
      assertEquals(assertDone(await api.get("a")), created);
    },
  },
  {
    name: "POST of a name that is taken is a 409 AlreadyExists and changes nothing",
    async run(api) {
      const created = assertDone(await api.create(draft("a", { holderIdentity: "me" })), 201);
      assertRefused(await api.create(draft("a", { holderIdentity: "you" })), {
        code: 409,
        reason: "AlreadyExists",
        message: `leases.${GROUP} "a" already exists`,
        details: { name: "a", group: GROUP, kind: "leases" },
      });
      assertEquals(assertDone(await api.get("a")), created);
    },
  },
  {
    name: "POST with generateName makes up the end of the name",
    async run(api) {
      const body = { metadata: { generateName: "part-" }, spec: {} };
      const one = assertDone(await api.create(body), 201);
      const two = assertDone(await api.create(body), 201);
      assertMatch(one.metadata.name, /^part-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
      assertNotEquals(one.metadata.name, two.metadata.name);
      assertEquals(one.metadata.generateName, "part-");
    },
  },
  {
    name: "POST without a name is a 422",
    async run(api) {
      const message = "Required value: name or generateName is required";
      assertRefused(await api.create({}), {
        code: 422,
        reason: "Invalid",
        message: `Lease.${GROUP} "" is invalid: metadata.name: ${message}`,
        details: {
          group: GROUP,
          kind: "Lease",
          causes: [{ reason: "FieldValueRequired", message, field: "metadata.name" }],
        },
      });
    },
  },
  {
    name: "POST with a resourceVersion is an internal error, unless it is empty, 0 or no number",
    async run(api) {
      assertRefused(await api.create(draft("a", {}, { resourceVersion: "5" })), {
        code: 500,
        message: "resourceVersion should not be set on objects to be created",
      });
      const harmless = ["", "0", "-1", "abc", "99999999999999999999999"];
      for (const [index, resourceVersion] of harmless.entries()) {
        assertDone(await api.create(draft(`b${index}`, {}, { resourceVersion })), 201);
      }
    },
  },
  {
    name: "POST decides about uid and creationTimestamp itself",
    async run(api) {
      const theirs = { uid: "made-up", creationTimestamp: "2001-01-01T00:00:00Z" };
      const { metadata } = assertDone(await api.create(draft("a", {}, theirs)), 201);
      assertMatch(metadata.uid, UID);
      assertNotEquals(metadata.creationTimestamp, theirs.creationTimestamp);
    },
  },
  {
    name: "PUT to an absent name creates, if the resourceVersion is absent, empty or 0",
    async run(api) {
      assertDone(await api.put(draft("a", { holderIdentity: "me" })), 201);
      assertDone(await api.put(draft("b", {}, { resourceVersion: "" })), 201);
      assertDone(await api.put(draft("c", {}, { resourceVersion: "0" })), 201);
      assertEquals(assertDone(await api.get("a")).spec, { holderIdentity: "me" });
    },
  },
  {
    name: "PUT to an absent name creates whatever resourceVersion is given",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      assertDone(await api.delete("a"));
      const { resourceVersion } = metadata;
      const again = assertDone(await api.put(draft("a", {}, { resourceVersion })), 201);
      assertNotEquals(again.metadata.uid, metadata.uid);
      assertGreater(BigInt(again.metadata.resourceVersion), BigInt(resourceVersion));
    },
  },
  {
    name: "PUT to an absent name with a uid is a 409: that life is over",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      assertDone(await api.delete("a"));
      const { uid, resourceVersion } = metadata;
      const why =
        `StorageError: invalid object, Code: 4, Key: /registry/leases/${api.namespace}/a, ` +
        `ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ` +
        `UID in precondition: ${uid}, UID in object meta: `;
      assertRefused(await api.put(draft("a", {}, { uid })), conflict("a", why));
      assertRefused(await api.put(draft("a", {}, { uid, resourceVersion })), conflict("a", why));
      assertEquals((await api.get("a")).status, 404);
    },
  },
  {
    name: "names in path and body must agree",
    async run(api) {
      const path = api.path("a");
      assertRefused(
        await api.send("PUT", path, { body: draft("b") }),
        bad("the name of the object (b) does not match the name on the URL (a)"),
      );
      const why =
        "the name of the object (a based on URL) was undeterminable: name must be provided";
      assertRefused(await api.send("PUT", path, { body: { metadata: {}, spec: {} } }), bad(why));
    },
  },
  {
    name: "namespaces in path and body must agree",
    async run(api) {
      const refusal = bad(
        "the namespace of the provided object does not match the namespace sent on the request",
      );
      const elsewhere = draft("a", {}, { namespace: "elsewhere" });
      assertRefused(await api.create(elsewhere), refusal);
      assertRefused(await api.put(elsewhere), refusal);
      assertDone(await api.create(draft("a", {}, { namespace: api.namespace })), 201);
    },
  },
  {
    name: "in a namespace that does not exist nothing can be created or found, and lists are empty",
    async run(api) {
      const namespace = `${api.namespace}-absent`;
      const refusal = {
        code: 404,
        reason: "NotFound",
        message: `namespaces "${namespace}" not found`,
        details: { name: namespace, kind: "namespaces" },
      };
      const collection = api.path(undefined, namespace);
      assertRefused(await api.send("POST", collection, { body: draft("a") }), refusal);
      assertRefused(await api.send("PUT", `${collection}/a`, { body: draft("a") }), refusal);
      assertEquals((await api.send("GET", `${collection}/a`)).status, 404);
      assertEquals(assertDone(await api.send("GET", collection)).items, []);
    },
  },
  {
    name: "a name must be a DNS subdomain",
    async run(api) {
      const rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric " +
        "characters, '-' or '.', and must start and end with an alphanumeric character (e.g. " +
        "'example.com', regex used for validation is " +
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
      for (const name of ["Upper", "under_score", "-dash"]) {
        const refusal = invalid(name, "metadata.name", `Invalid value: "${name}": ${rule}`);
        assertRefused(await api.create(draft(name)), refusal);
        assertRefused(await api.put(draft(name)), refusal);
      }
      const long = "a".repeat(254);
      const why = `Invalid value: "${long}": must be no more than 253 characters`;
      assertRefused(await api.create(draft(long)), invalid(long, "metadata.name", why));
      assertDone(await api.create(draft("a.b-c.9")), 201);
    },
  },
  {
    name: "another kind or version than Lease v1 is a 400; both may be left out",
    async run(api) {
      const apiVersion = `${GROUP}/v1`;
      const scheme = 'in scheme "pkg/runtime/scheme.go:111"';
      assertRefused(
        await api.create({ ...draft("a"), apiVersion, kind: "Pod" }),
        bad(
          `Pod in version "v1" cannot be handled as a Lease: no kind "Pod" is registered for ` +
            `version "${apiVersion}" ${scheme}`,
        ),
      );
      assertRefused(
        await api.create({ ...draft("a"), apiVersion: `${GROUP}/v9`, kind: "Lease" }),
        bad(
          `Lease in version "v9" cannot be handled as a Lease: no kind "Lease" is registered for ` +
            `version "${GROUP}/v9" ${scheme}`,
        ),
      );
      assertRefused(
        await api.create({ ...draft("a"), apiVersion: `${GROUP}/v1beta1`, kind: "Lease" }),
        bad(
          `the API version in the data (${GROUP}/v1beta1) does not match ` +
            `the expected API version (${apiVersion})`,
        ),
      );
      assertDone(await api.create({ ...draft("a"), kind: "Lease" }), 201);
      assertDone(await api.create({ ...draft("b"), apiVersion }), 201);
    },
  },
  {
    name: "unknown fields are dropped with a warning each",
    async run(api) {
      const body = { ...draft("a", { holderIdentity: "me", holder: "x" }), status: {} };
      const answer = await api.create(body);
      assertEquals(assertDone(answer, 201).spec, { holderIdentity: "me" });
      assertEquals("status" in answer.body, false);
      const warnings = answer.headers.get("warning") ?? "";
      assertEquals(
        warnings.split(", ").sort(),
        ['299 - "unknown field \\"spec.holder\\""', '299 - "unknown field \\"status\\""'],
      );
      const quiet = await api.create(draft("b", { holder: "x" }), {
        query: "fieldValidation=Ignore",
      });
      assertEquals(quiet.headers.has("warning"), false);
      assertDone(quiet, 201);
    },
  },
  {
    name: "fieldValidation=Strict refuses unknown fields, on PUT too",
    async run(api) {
      const query = "fieldValidation=Strict";
      const body = draft("a", { one: 1, two: 2 });
      const refusal = undecodable(
        'strict decoding error: unknown field "spec.one", unknown field "spec.two"',
      );
      assertRefused(await api.create(body, { query }), refusal);
      assertRefused(await api.put(body, { query }), refusal);
      assertDone(await api.put(draft("a"), { query }), 201);
    },
  },
  {
    name: "fieldValidation has three values",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      const query = "fieldValidation=Maybe";
      const why = 'Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"';
      const refusal = (kind: string) => ({
        code: 422,
        reason: "Invalid",
        message: `${kind}.meta.k8s.io "" is invalid: fieldValidation: ${why}`,
        details: {
          group: "meta.k8s.io",
          kind,
          causes: [{ reason: "FieldValueNotSupported", message: why, field: "fieldValidation" }],
        },
      });
      assertRefused(await api.create(draft("b"), { query }), refusal("CreateOptions"));
      assertRefused(await api.put(draft("a"), { query }), refusal("UpdateOptions"));
      assertRefused(await api.patch("a", {}, { query }), refusal("PatchOptions"));
    },
  },
];
