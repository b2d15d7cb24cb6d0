/**
 * What lists hold, and which queries are refused.
 *
 * @module
 */
import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { assertDone, assertRefused, bad, draft, GROUP, notFound } from "./assertions.ts";
import type { Answer, Api, Behaviour } from "./target.ts";

/** a: app=x, tier=1; b: no labels; c: app=y. */
async function fill(api: Api): Promise<void> {
  assertDone(await api.create(draft("c", {}, { labels: { app: "y" } })), 201);
  assertDone(await api.create(draft("a", {}, { labels: { app: "x", tier: "1" } })), 201);
  assertDone(await api.create(draft("b")), 201);
}

/** What an old version will do for may be answered from memory, which a plain list brings up to date. */
async function catchUp(api: Api): Promise<void> {
  assertDone(await api.list());
}

function namesIn(answer: Answer): string {
  const items: { metadata: { name: string } }[] = assertDone(answer).items;
  return items.map(({ metadata }) => metadata.name).join("");
}

function invalidOptions(field: string, reason: string, message: string) {
  return {
    code: 422,
    reason: "Invalid",
    message: `ListOptions.meta.k8s.io "" is invalid: ${field}: ${message}`,
    details: {
      group: "meta.k8s.io",
      kind: "ListOptions",
      causes: [{ reason, message, field }],
    },
  };
}

export const LIST: readonly Behaviour[] = [
  {
    name: "GET of an absent Lease is a 404",
    async run(api) {
      assertRefused(await api.get("a"), notFound("a"));
    },
  },
  {
    name: "GET takes a resourceVersion that was reached, and refuses what is no number",
    async run(api) {
      const created = assertDone(await api.create(draft("a")), 201);
      await catchUp(api);
      for (const version of ["", "0", "1", created.metadata.resourceVersion]) {
        const answer = await api.get("a", { query: `resourceVersion=${version}` });
        assertEquals(assertDone(answer), created);
      }
      assertRefused(await api.get("a", { query: "resourceVersion=abc" }), {
        code: 500,
        message: 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": ' +
          "invalid syntax",
      });
    },
  },
  {
    name: "GET and LIST of a version that has not been reached are a 504 with Retry-After",
    async run(api) {
      assertDone(await api.create(draft("a")), 201);
      const query = "resourceVersion=99999999";
      const answers = await Promise.all([api.get("a", { query }), api.list(query)]);
      for (const answer of answers) {
        assertRefused(answer, {
          code: 504,
          reason: "Timeout",
          message: /^Timeout: Too large resource version: 99999999, current: \d+$/,
          details: {
            causes: [{
              reason: "ResourceVersionTooLarge",
              message: "Too large resource version",
            }],
            retryAfterSeconds: 1,
          },
        });
        assertEquals(answer.headers.get("retry-after"), "1");
      }
    },
  },
  {
    name: "a list is sorted by name, names its version, and its items name no kind",
    async run(api) {
      await fill(api);
      const list = assertDone(await api.list());
      assertEquals([list.kind, list.apiVersion], ["LeaseList", `${GROUP}/v1`]);
      assertEquals(namesIn(await api.list()), "abc");
      const b = assertDone(await api.get("b"));
      assertEquals(list.items[1], { metadata: b.metadata, spec: b.spec });
      const last = BigInt(b.metadata.resourceVersion);
      assertGreaterOrEqual(BigInt(list.metadata.resourceVersion), last);
    },
  },
  {
    name: "a list of all namespaces has those of each",
    async run(api) {
      await fill(api);
      const query = `fieldSelector=metadata.namespace%3D${api.namespace}`;
      const path = `/apis/${GROUP}/v1/leases`;
      assertEquals(namesIn(await api.send("GET", path, { query })), "abc");
    },
  },
  {
    name: "field selectors know name and namespace",
    async run(api) {
      await fill(api);
      const cases: readonly [selector: string, names: string][] = [
        ["metadata.name=a", "a"],
        ["metadata.name==a", "a"],
        ["metadata.name!=a", "bc"],
        ["metadata.name=absent", ""],
        ["metadata.name=a,metadata.name=b", ""],
        ["metadata.name!=a,metadata.name!=b", "c"],
        [`metadata.namespace=${api.namespace}`, "abc"],
        ["metadata.namespace=elsewhere", ""],
      ];
      for (const [selector, names] of cases) {
        const answer = await api.list(`fieldSelector=${encodeURIComponent(selector)}`);
        assertEquals(namesIn(answer), names, selector);
      }
    },
  },
  {
    name: "other field selectors are a 400",
    async run(api) {
      for (const key of ["spec.holderIdentity", "metadata.uid"]) {
        const why = `"${key}" is not a known field selector: only "metadata.name", ` +
          `"metadata.namespace"`;
        assertRefused(await api.list(`fieldSelector=${key}%3Dx`), bad(why));
        assertRefused(await api.list(`watch=1&fieldSelector=${key}%3Dx`), bad(why));
      }
      assertRefused(
        await api.list("fieldSelector=nonsense"),
        bad("invalid selector: 'nonsense'; can't understand 'nonsense'"),
      );
    },
  },
  {
    name: "label selectors compare, and ask whether a label is there",
    async run(api) {
      await fill(api);
      const cases: readonly [selector: string, names: string][] = [
        ["app=x", "a"],
        ["app==x", "a"],
        ["app!=x", "bc"],
        ["app", "ac"],
        ["!app", "b"],
        ["app=x,tier=1", "a"],
        ["app=x,tier=2", ""],
        ["app,!tier", "c"],
        [" app = x , tier = 1 ", "a"],
        ["app=", ""],
      ];
      for (const [selector, names] of cases) {
        const answer = await api.list(`labelSelector=${encodeURIComponent(selector)}`);
        assertEquals(namesIn(answer), names, selector);
      }
    },
  },
  {
    name: "label selectors know sets",
    async run(api) {
      await fill(api);
      const cases: readonly [selector: string, names: string][] = [
        ["app in (x,y)", "ac"],
        ["app in (x)", "a"],
        ["app notin (x)", "bc"],
        ["app in (x, y),tier", "a"],
        ["tier,app notin (y , z)", "a"],
      ];
      for (const [selector, names] of cases) {
        const answer = await api.list(`labelSelector=${encodeURIComponent(selector)}`);
        assertEquals(namesIn(answer), names, selector);
      }
    },
  },
  {
    name: "label selectors that make no sense are a 400",
    async run(api) {
      const broken = [
        "=x",
        "app=a b",
        "!app=x",
        "app=x,",
        ",",
        "app in x",
        "(",
        "-app=x",
        "a/b/c=d",
      ];
      for (const selector of broken) {
        const answer = await api.list(`labelSelector=${encodeURIComponent(selector)}`);
        assertRefused(answer, bad(/./));
      }
    },
  },
  {
    name: "a list takes a resourceVersion that was reached, and refuses what is no number",
    async run(api) {
      await fill(api);
      await catchUp(api);
      for (const version of ["", "0", "1"]) {
        assertEquals(namesIn(await api.list(`resourceVersion=${version}`)), "abc");
      }
      const match = "resourceVersion=1&resourceVersionMatch=NotOlderThan";
      assertEquals(namesIn(await api.list(match)), "abc");
      const why = 'strconv.ParseUint: parsing "abc": invalid syntax';
      assertRefused(
        await api.list("resourceVersion=abc"),
        bad(`invalid resource version: resourceVersion: Invalid value: "abc": ${why}`),
      );
    },
  },
  {
    name: "a list refuses the options of a watch, and half of a pair",
    async run(api) {
      assertRefused(
        await api.list("sendInitialEvents=true"),
        invalidOptions(
          "sendInitialEvents",
          "FieldValueForbidden",
          "Forbidden: sendInitialEvents is forbidden for list",
        ),
      );
      assertRefused(
        await api.list("resourceVersionMatch=NotOlderThan"),
        invalidOptions(
          "resourceVersionMatch",
          "FieldValueForbidden",
          "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
      );
      assertRefused(
        await api.list("resourceVersion=0&resourceVersionMatch=Exact"),
        invalidOptions(
          "resourceVersionMatch",
          "FieldValueForbidden",
          'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        ),
      );
      assertRefused(
        await api.list("resourceVersion=1&resourceVersionMatch=Maybe"),
        invalidOptions(
          "resourceVersionMatch",
          "FieldValueNotSupported",
          'Unsupported value: "Maybe": supported values: "Exact", "NotOlderThan", ""',
        ),
      );
    },
  },
  {
    name: "timeoutSeconds and limit must be numbers of 64 bits",
    async run(api) {
      const parsing = "strconv.ParseInt: parsing";
      for (const field of ["timeoutSeconds", "limit"]) {
        assertRefused(await api.list(`${field}=abc`), bad(`${parsing} "abc": invalid syntax`));
        const large = "99999999999999999999";
        const why = `${parsing} "${large}": value out of range`;
        assertRefused(await api.list(`${field}=${large}`), bad(why));
        assertDone(await api.list(`${field}=-1`));
      }
    },
  },
];
