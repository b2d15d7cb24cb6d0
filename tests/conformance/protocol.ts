/**
 * What is the same for all resources: paths, methods, media types, sizes.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { assertDone, assertRefused, draft, GROUP, type Refusal } from "./assertions.ts";
import type { Behaviour } from "./target.ts";

const UNKNOWN: Refusal = {
  code: 404,
  reason: "NotFound",
  message: "the server could not find the requested resource",
  details: {},
};
const NOT_ALLOWED: Refusal = {
  code: 405,
  reason: "MethodNotAllowed",
  message: "the server does not allow this method on the requested resource",
  details: {},
};

function unacceptable(types: string): Refusal {
  const message = `406: Not Acceptable\n\nAvailable representations: ${types}`;
  return { code: 406, reason: "NotAcceptable", message, details: {} };
}

const TYPES = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

export const PROTOCOL: readonly Behaviour[] = [
  {
    name: "answers are JSON that nobody may keep",
    async run(api) {
      const answers = [await api.create(draft("a")), await api.get("b"), await api.list()];
      for (const { headers } of answers) {
        assertEquals(headers.get("content-type"), "application/json");
        assertEquals(headers.get("cache-control"), "no-cache, private");
      }
    },
  },
  {
    name: "/version tells the version, /livez and /readyz say ok",
    async run(api) {
      const { major, minor, gitVersion } = assertDone(await api.send("GET", "/version"));
      assertEquals(major, "1");
      assertMatch(minor, /^\d+$/);
      assertMatch(gitVersion, /^v1\.\d+\.\d+/);
      for (const path of ["/livez", "/readyz", "/healthz"]) {
        const { status, body, headers } = await api.send("GET", path);
        assertEquals([status, body], [200, "ok"]);
        assertEquals(headers.get("content-type"), "text/plain; charset=utf-8");
      }
    },
  },
  {
    name: "an unknown resource is a 404",
    async run(api) {
      const paths = [
        `/apis/${GROUP}/v1/namespaces/${api.namespace}/nonsense`,
        `/apis/${GROUP}/v1/nonsense`,
        `/apis/${GROUP}/v7/leases`,
        `/apis/authorization.k8s.io/v1/nonsense`,
        `${api.path("a")}/status`,
      ];
      for (const path of paths) assertRefused(await api.send("GET", path), UNKNOWN);
    },
  },
  {
    name: "a path of nobody is a 404 in plain text",
    async run(api) {
      for (const path of ["/nonsense", "/apis/nonsense.example.com/v1/things"]) {
        const { status, body, headers } = await api.send("GET", path);
        assertEquals([status, body], [404, "404 page not found\n"]);
        assertEquals(headers.get("content-type"), "text/plain; charset=utf-8");
      }
    },
  },
  {
    name: "a method that a path does not have is a 405",
    async run(api) {
      const all = `/apis/${GROUP}/v1/leases`;
      const body = draft("a");
      assertRefused(await api.send("POST", api.path("a"), { body }), NOT_ALLOWED);
      assertRefused(await api.send("PUT", api.path(), { body }), NOT_ALLOWED);
      assertRefused(await api.send("PATCH", api.path(), { body }), NOT_ALLOWED);
      assertRefused(await api.send("POST", all, { body }), NOT_ALLOWED);
      assertRefused(await api.send("DELETE", all), NOT_ALLOWED);
      assertRefused(
        await api.send("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
        NOT_ALLOWED,
      );
    },
  },
  {
    name: "a body of another type than JSON is a 415",
    async run(api) {
      const refusal = {
        code: 415,
        reason: "UnsupportedMediaType",
        message: "the body of the request was in an unknown format - accepted media types " +
          `include: ${TYPES}`,
      };
      for (const type of ["text/plain", "application/xml", "nonsense", "*/*"]) {
        const headers = { "content-type": type };
        assertRefused(await api.create(draft("a"), { headers }), refusal);
        assertRefused(await api.put(draft("a"), { headers }), refusal);
      }
      assertDone(await api.create(draft("a")), 201);
      const headers = { "content-type": "text/plain" };
      assertRefused(await api.delete("a", {}, { headers }), refusal);
    },
  },
  {
    name: "the content type may be absent, in capitals, and name a charset",
    async run(api) {
      const types = [null, "APPLICATION/JSON", "application/json; charset=utf-8"];
      for (const [index, type] of types.entries()) {
        const headers = { "content-type": type };
        assertDone(await api.create(draft(`a${index}`), { headers }), 201);
      }
    },
  },
  {
    name: "Accept without JSON is a 406, and nothing is done",
    async run(api) {
      const headers = { accept: "text/plain" };
      assertRefused(await api.create(draft("a"), { headers }), unacceptable(TYPES));
      assertRefused(await api.get("a", { headers }), unacceptable(TYPES));
      const streams = `${TYPES}, application/json;stream=watch, ` +
        "application/vnd.kubernetes.protobuf;stream=watch";
      assertRefused(await api.list("", { headers }), unacceptable(streams));
      assertRefused(await api.list("watch=1", { headers }), unacceptable(streams));
      const version = await api.send("GET", "/version", { headers });
      assertRefused(version, unacceptable("application/json"));
      assertEquals((await api.get("a")).status, 404);
    },
  },
  {
    name: "Accept may be absent, list several types, and carry parameters",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      const accepted = [
        null,
        "*/*",
        "application/json",
        "application/json;charset=utf-8",
        "text/html, */*;q=0.1",
        "text/html, application/json",
      ];
      for (const accept of accepted) assertDone(await api.get("a", { headers: { accept } }));
      for (const accept of ["application/*", "text/*", "nonsense"]) {
        assertRefused(await api.get("a", { headers: { accept } }), unacceptable(TYPES));
      }
      const headers = { accept: "application/json;stream=watch" };
      assertEquals((await api.list("watch=1&timeoutSeconds=1", { headers })).status, 200);
    },
  },
  {
    name: "a body of more than 3 MiB is a 413",
    async run(api) {
      const body = draft("a", { holderIdentity: "x".repeat(3 * 1024 * 1024) });
      const refusal = {
        code: 413,
        reason: "RequestEntityTooLarge",
        message: "Request entity too large: limit is 3145728",
      };
      assertRefused(await api.create(body), refusal);
      assertRefused(await api.put(body), refusal);
    },
  },
  {
    name: "a Lease of more than 1.5 MiB does not fit into etcd",
    async run(api) {
      const body = draft("a", { holderIdentity: "x".repeat(1.5 * 1024 * 1024) });
      assertRefused(await api.create(body), {
        code: 500,
        message: "etcdserver: request is too large",
      });
      assertEquals((await api.get("a")).status, 404);
    },
  },
];
