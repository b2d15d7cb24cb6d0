/**
 * How Leases change in part: merge patches.
 *
 * @module
 */
import { assertEquals, assertNotEquals } from "@std/assert";
import {
  assertDone,
  assertRefused,
  bad,
  draft,
  invalid,
  modified,
  notFound,
} from "./assertions.ts";
import type { Behaviour } from "./target.ts";

export const PATCH: readonly Behaviour[] = [
  {
    name: "a merge patch sets what it names, removes what is null, and leaves the rest",
    async run(api) {
      const spec = { holderIdentity: "me", leaseDurationSeconds: 5 };
      assertDone(await api.create(draft("a", spec, { annotations: { a: "1", b: "2" } })), 201);
      const patched = assertDone(
        await api.patch("a", {
          metadata: { annotations: { a: null, c: "3" } },
          spec: { holderIdentity: null, leaseTransitions: 1 },
        }),
      );
      assertEquals(patched.spec, { leaseDurationSeconds: 5, leaseTransitions: 1 });
      assertEquals(patched.metadata.annotations, { b: "2", c: "3" });
      assertEquals(assertDone(await api.patch("a", { spec: null })).spec, {});
    },
  },
  {
    name: "a patch that changes nothing keeps the resourceVersion",
    async run(api) {
      const created = assertDone(await api.create(draft("a", { holderIdentity: "me" })), 201);
      assertEquals(assertDone(await api.patch("a", {})), created);
      assertEquals(assertDone(await api.patch("a", { spec: { renewTime: null } })), created);
      const other = assertDone(await api.patch("a", { spec: { holderIdentity: "you" } }));
      assertNotEquals(other.metadata.resourceVersion, created.metadata.resourceVersion);
    },
  },
  {
    name: "a patch is conditional if it carries a resourceVersion",
    async run(api) {
      const { metadata } = assertDone(await api.create(draft("a")), 201);
      const patch = (resourceVersion: string | null) =>
        api.patch("a", { metadata: { resourceVersion }, spec: { holderIdentity: "me" } });
      assertRefused(await patch("1"), modified("a"));
      assertRefused(await patch("abc"), {
        code: 500,
        message: 'strconv.ParseUint: parsing "abc": invalid syntax',
      });
      assertEquals((await patch(null)).status, 422);
      assertDone(await patch(metadata.resourceVersion));
    },
  },
  {
    name: "a patch changes neither name nor namespace nor uid",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      assertRefused(
        await api.patch("a", { metadata: { name: "b" } }),
        bad("the name of the object (b) does not match the name on the URL (a)"),
      );
      assertRefused(
        await api.patch("a", { metadata: { namespace: "elsewhere" } }),
        bad(
          "the namespace of the provided object does not match the namespace sent on the request",
        ),
      );
      const refusal = invalid("a", "metadata.uid", 'Invalid value: "b": field is immutable');
      const cause = {
        reason: "FieldValueInvalid",
        message: 'Invalid value: "b": field is immutable',
        field: "metadata.uid",
      };
      assertRefused(await api.patch("a", { metadata: { uid: "b" } }), {
        ...refusal,
        details: { ...refusal.details, causes: [cause, cause] },
      });
    },
  },
  {
    name: "what comes out of a patch is checked as any Lease",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      const why = "Invalid value: 0: must be greater than 0";
      assertRefused(
        await api.patch("a", { spec: { leaseDurationSeconds: 0 } }),
        invalid("a", "spec.leaseDurationSeconds", why),
      );
      const cases: readonly [patch: unknown, query: string, end: RegExp][] = [
        [
          { spec: { leaseDurationSeconds: "x" } },
          "",
          /: json: cannot unmarshal string into Go struct field LeaseSpec\.spec\.leaseDurationSeconds of type int32$/,
        ],
        [{ spec: { renewTime: "now" } }, "", /: cannot parse "now" as "2006"$/],
        [{ kind: "Pod" }, "", /: no kind "Pod" is registered for version /],
        [
          { spec: { one: 1 } },
          "fieldValidation=Strict",
          /: strict decoding error: unknown field "spec\.one"$/,
        ],
      ];
      for (const [patch, query, end] of cases) {
        const answer = await api.patch("a", patch, { query });
        assertRefused(answer, { code: 422, reason: "Invalid", message: end, details: {} });
      }
      const lax = await api.patch("a", { spec: { one: 1 } });
      assertDone(lax);
      assertEquals(lax.headers.get("warning"), '299 - "unknown field \\"spec.one\\""');
    },
  },
  {
    name: "a patch of an absent Lease is a 404: it never creates",
    async run(api) {
      assertRefused(await api.patch("a", { spec: {} }), notFound("a"));
      assertRefused(await api.patch("a", "{"), notFound("a"));
    },
  },
  {
    name: "a merge patch is a JSON object",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      const type = "into Go value of type map[string]interface {}";
      for (const [body, what] of [["[]", "array"], ["5", "number"], ['"x"', "string"]] as const) {
        const why = `error decoding patch: json: cannot unmarshal ${what} ${type}`;
        assertRefused(await api.patch("a", body), bad(why));
      }
      assertRefused(await api.patch("a", "null"), bad("Invalid JSON Patch"));
      assertRefused(await api.patch("a", "{"), bad(/^error decoding patch: /));
      assertRefused(
        await api.patch("a", ""),
        bad("error decoding patch: unexpected end of JSON input"),
      );
    },
  },
  {
    name: "a patch of no known type is a 415",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      for (const type of ["application/json", "text/plain", null]) {
        assertRefused(await api.patch("a", {}, { headers: { "content-type": type } }), {
          code: 415,
          reason: "UnsupportedMediaType",
          message: "415: Unsupported Media Type",
          details: {},
        });
      }
      const headers = { "content-type": "application/merge-patch+json; charset=utf-8" };
      assertDone(await api.patch("a", {}, { headers }));
    },
  },
];
