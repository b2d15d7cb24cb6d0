/**
 * Who may do what.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { assertDone, assertRefused, bad, draft, GROUP, type Refusal } from "./assertions.ts";
import type { Api, Behaviour, User } from "./target.ts";

const REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/** @returns The refusal of RBAC. */
function forbidden(user: string, verb: string, where: string, name?: string): Refusal {
  const subject = name === undefined ? `leases.${GROUP}` : `leases.${GROUP} "${name}"`;
  return {
    code: 403,
    reason: "Forbidden",
    message: `${subject} is forbidden: User "${user}" cannot ${verb} resource "leases" in API ` +
      `group "${GROUP}" ${where}`,
    details: { ...(name === undefined ? {} : { name }), group: GROUP, kind: "leases" },
  };
}

/** Fails unless this user is refused everything. */
async function assertAllForbidden(api: Api, as: User): Promise<void> {
  const where = `in the namespace "${api.namespace}"`;
  const query = "fieldSelector=metadata.name%3Da";
  const refusal = (verb: string, name?: string) => forbidden(as.name, verb, where, name);
  assertRefused(await api.get("a", { as }), refusal("get", "a"));
  assertRefused(await api.list("", { as }), refusal("list"));
  assertRefused(await api.list(query, { as }), refusal("list", "a"));
  assertRefused(await api.list("watch=1", { as }), refusal("watch"));
  assertRefused(await api.list(`watch=1&${query}`, { as }), refusal("watch", "a"));
  assertRefused(await api.create(draft("a"), { as }), refusal("create"));
  assertRefused(await api.put(draft("a"), { as }), refusal("update", "a"));
  assertRefused(await api.patch("a", {}, { as }), refusal("patch", "a"));
  assertRefused(await api.delete("a", undefined, { as }), refusal("delete", "a"));
  assertRefused(await api.send("DELETE", api.path(), { as }), refusal("deletecollection"));
  assertRefused(
    await api.send("POST", api.path("a"), { as, body: draft("a") }),
    refusal("create", "a"),
  );
  assertRefused(
    await api.send("GET", `/apis/${GROUP}/v1/leases`, { as }),
    forbidden(as.name, "list", "at the cluster scope"),
  );
}

/** Asks what somebody may do with the Lease "a". */
async function mayDo(api: Api, as: User, verb: string, name = "a"): Promise<boolean> {
  const { namespace } = api;
  const spec = {
    resourceAttributes: { namespace, verb, group: GROUP, resource: "leases", name },
  };
  const review = assertDone(await api.send("POST", REVIEWS, { as, body: { spec } }), 201);
  assertEquals(review.kind, "SelfSubjectAccessReview");
  assertEquals(review.apiVersion, "authorization.k8s.io/v1");
  assertEquals(review.spec, spec);
  return review.status.allowed;
}

export const ACCESS: readonly Behaviour[] = [
  {
    name: "a token that names nobody is a 401, everywhere",
    async run(api) {
      const as = { name: "nobody", token: "of-nobody" };
      const refusal = { code: 401, reason: "Unauthorized", message: "Unauthorized" };
      assertRefused(await api.get("a", { as }), refusal);
      assertRefused(await api.create(draft("a"), { as }), refusal);
      assertRefused(await api.list("watch=1", { as }), refusal);
      assertRefused(await api.send("GET", "/version", { as }), refusal);
    },
  },
  {
    name: "no token is system:anonymous, who may know the version and nothing of Leases",
    async run(api) {
      const headers = { authorization: null };
      assertDone(await api.send("GET", "/version", { headers }));
      const where = `in the namespace "${api.namespace}"`;
      const refusal = forbidden("system:anonymous", "get", where, "a");
      assertRefused(await api.get("a", { headers }), refusal);
      assertEquals((await api.send("GET", "/livez", { headers })).status, 200);
    },
  },
  {
    name: "who has no rights is refused with verb, resource and place",
    async run(api) {
      await assertAllForbidden(api, api.target.outsider);
    },
  },
  {
    name: "what is forbidden is not looked at any further",
    async run(api) {
      const as = api.target.outsider;
      const headers = { "content-type": "text/plain", accept: "text/plain" };
      const answer = await api.send("POST", api.path(), { as, body: "{", headers });
      assertRefused(answer, forbidden(as.name, "create", `in the namespace "${api.namespace}"`));
    },
  },
  {
    name: "rights are for verbs",
    async run(api) {
      const as = api.target.outsider;
      assertDone(await api.create(draft("a")), 201);
      await api.target.grant(api.namespace, { verbs: ["get"] });
      assertDone(await api.get("a", { as }));
      const where = `in the namespace "${api.namespace}"`;
      assertRefused(await api.list("", { as }), forbidden(as.name, "list", where));
      assertRefused(await api.put(draft("a"), { as }), forbidden(as.name, "update", where, "a"));
    },
  },
  {
    name: "rights may be for one name; of lists and watches the field selector gives it",
    async run(api) {
      const as = api.target.outsider;
      const where = `in the namespace "${api.namespace}"`;
      await api.target.grant(api.namespace, {
        verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
        resourceNames: ["a"],
      });
      const created = assertDone(await api.put(draft("a"), { as }), 201);
      assertDone(await api.get("a", { as }));
      assertDone(await api.put({ ...created, spec: { holderIdentity: "me" } }, { as }));
      assertDone(await api.patch("a", {}, { as }));
      assertDone(await api.list("fieldSelector=metadata.name%3Da", { as }));
      const query = "watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Da";
      assertEquals((await api.list(query, { as })).status, 200);
      assertDone(await api.delete("a", undefined, { as }));

      assertRefused(await api.get("b", { as }), forbidden(as.name, "get", where, "b"));
      assertRefused(await api.put(draft("b"), { as }), forbidden(as.name, "update", where, "b"));
      assertRefused(await api.list("", { as }), forbidden(as.name, "list", where));
      assertRefused(await api.list("watch=1", { as }), forbidden(as.name, "watch", where));
      assertRefused(await api.create(draft("a"), { as }), forbidden(as.name, "create", where));
    },
  },
  {
    name: "a PUT that creates needs the right to create besides",
    async run(api) {
      const as = api.target.outsider;
      await api.target.grant(api.namespace, { verbs: ["update"] });
      const where = `in the namespace "${api.namespace}"`;
      const refusal = forbidden(as.name, "create", where, "a");
      assertRefused(await api.put(draft("a"), { as }), refusal);
      const created = assertDone(await api.create(draft("a")), 201);
      assertDone(await api.put({ ...created, spec: { holderIdentity: "me" } }, { as }));
    },
  },
  {
    name: "SelfSubjectAccessReview tells what one may do",
    async run(api) {
      const { admin, outsider } = api.target;
      assertEquals(await mayDo(api, admin, "update"), true);
      assertEquals(await mayDo(api, outsider, "update"), false);
      await api.target.grant(api.namespace, { verbs: ["update", "get"], resourceNames: ["a"] });
      assertEquals(await mayDo(api, outsider, "update"), true);
      assertEquals(await mayDo(api, outsider, "get"), true);
      assertEquals(await mayDo(api, outsider, "delete"), false);
      assertEquals(await mayDo(api, outsider, "update", "b"), false);
    },
  },
  {
    name: "SelfSubjectAccessReview wants one question, in JSON",
    async run(api) {
      const ask = (body: unknown) => api.send("POST", REVIEWS, { body });
      const refusal = (field: string, message: string): Refusal => ({
        code: 422,
        reason: "Invalid",
        message: `.authorization.k8s.io "" is invalid: ${field}: ${message}`,
        details: {
          group: "authorization.k8s.io",
          causes: [{ reason: "FieldValueInvalid", message, field }],
        },
      });
      assertRefused(
        await ask({ spec: {} }),
        refusal(
          "spec.resourceAttributes",
          "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must " +
            "be specified",
        ),
      );
      assertRefused(
        await ask({
          spec: { resourceAttributes: {}, nonResourceAttributes: { path: "/x", verb: "get" } },
        }),
        refusal(
          "spec.nonResourceAttributes",
          'Invalid value: {"Path":"/x","Verb":"get"}: cannot be specified in combination with ' +
            "resourceAttributes",
        ),
      );
      const prefix = "the object provided is unrecognized \\(must be of type " +
        "SelfSubjectAccessReview\\): couldn't get version/kind; json parse error: ";
      assertRefused(await ask("{"), bad(new RegExp(`^${prefix}.* \\(\\{\\)$`)));
    },
  },
];
