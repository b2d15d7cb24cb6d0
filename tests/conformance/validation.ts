/**
 * What may stand in a Lease, and how it comes back.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  assertDone,
  assertRefused,
  bad,
  draft,
  GROUP,
  invalid,
  undecodable,
} from "./assertions.ts";
import type { Behaviour } from "./target.ts";

const MICRO_TIME = "2006-01-02T15:04:05.000000Z07:00";

/** Times that come back, and as what. */
const TIMES: readonly [sent: string, back: string | null][] = [
  ["2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.123456Z"],
  ["2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:00.000000Z"],
  ["2026-01-01T00:00:00.123456+02:00", "2025-12-31T22:00:00.123456Z"],
  ["2026-01-01T00:00:00.123456-00:30", "2026-01-01T00:30:00.123456Z"],
  ["2026-01-01T00:00:00,123456Z", "2026-01-01T00:00:00.123456Z"],
  ["2026-01-01T0:00:00.123456Z", "2026-01-01T00:00:00.123456Z"],
  ["2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:59.999999Z"],
  ["9999-12-31T23:59:59.999999-01:00", "10000-01-01T00:59:59.999999Z"],
  ["0001-01-01T00:00:00.000001Z", "0001-01-01T00:00:00.000001Z"],
  ["0001-01-01T00:00:00.000000Z", null],
];

/** Times that are no MicroTimes, and why, after the time in quotes. */
const NO_TIMES: readonly [sent: string, why: string][] = [
  ["2026-01-01T00:00:00Z", ` as "${MICRO_TIME}": cannot parse "Z" as ".000000"`],
  ["2026-01-01T00:00:00.000Z", ` as "${MICRO_TIME}": cannot parse ".000Z" as ".000000"`],
  ["2026-01-01T00:00:00.0000000Z", ` as "${MICRO_TIME}": cannot parse "0Z" as "Z07:00"`],
  ["2026-01-01 00:00:00.000000Z", ` as "${MICRO_TIME}": cannot parse " 00:00:00.000000Z" as "T"`],
  ["", ` as "${MICRO_TIME}": cannot parse "" as "2006"`],
  ["yesterday", ` as "${MICRO_TIME}": cannot parse "yesterday" as "2006"`],
  ["2026-13-01T00:00:00.000000Z", ": month out of range"],
  ["2026-02-29T00:00:00.000000Z", ": day out of range"],
  ["2026-01-01T24:00:00.000000Z", ": hour out of range"],
  ["2026-01-01T00:60:00.000000Z", ": minute out of range"],
  ["2026-01-01T00:00:60.000000Z", ": second out of range"],
  ["2026-01-01T00:00:00.000000Z ", ': extra text: " "'],
];

/** Values that are of the wrong type, in the words of Go. */
const WRONG_TYPES = ([
  ["leaseDurationSeconds", 2 ** 31, "number 2147483648 into", "int32"],
  ["leaseDurationSeconds", 1.5, "number 1.5 into", "int32"],
  ["leaseDurationSeconds", "15", "string into", "int32"],
  ["leaseDurationSeconds", true, "bool into", "int32"],
  ["leaseTransitions", 2 ** 31, "number 2147483648 into", "int32"],
  ["leaseTransitions", -(2 ** 31) - 1, "number -2147483649 into", "int32"],
  ["leaseTransitions", [], "array into", "int32"],
  ["holderIdentity", 5, "number into", "string"],
  ["holderIdentity", {}, "object into", "string"],
  ["renewTime", 5, "number into", "string"],
] as const).map(([field, value, what, type]) => ({
  field,
  value,
  why: `json: cannot unmarshal ${what} Go struct field LeaseSpec.spec.${field} of type ${type}`,
}));

export const VALIDATION: readonly Behaviour[] = [
  {
    name: "times come back in UTC with six digits; the zero time of Go as null",
    async run(api) {
      for (const [index, [sent, back]] of TIMES.entries()) {
        const answer = await api.create(draft(`t${index}`, { renewTime: sent }));
        assertEquals(assertDone(answer, 201).spec, { renewTime: back }, sent);
      }
      assertEquals(
        assertDone(await api.create(draft("both", { acquireTime: TIMES[2]![0] })), 201).spec,
        { acquireTime: TIMES[2]![1] },
      );
    },
  },
  {
    name: "times that are no MicroTimes are a 400 that says what is wrong",
    async run(api) {
      for (const [sent, why] of NO_TIMES) {
        for (const field of ["acquireTime", "renewTime"]) {
          const answer = await api.create(draft("a", { [field]: sent }));
          assertRefused(answer, undecodable(`parsing time "${sent}"${why}`));
        }
      }
      const strange = await api.create(draft("a", { renewTime: 'é"\n' }));
      const shown = '"\\xc3\\xa9\\"\\x0a"';
      assertRefused(
        strange,
        undecodable(`parsing time ${shown} as "${MICRO_TIME}": cannot parse ${shown} as "2006"`),
      );
    },
  },
  {
    name: "fields of the wrong type are a 400 that names type and field",
    async run(api) {
      for (const { field, value, why } of WRONG_TYPES) {
        assertRefused(await api.create(draft("a", { [field]: value })), undecodable(why));
      }
    },
  },
  {
    name: "leaseDurationSeconds must be greater than 0",
    async run(api) {
      const field = "spec.leaseDurationSeconds";
      for (const seconds of [0, -1, -(2 ** 31)]) {
        const body = draft("a", { leaseDurationSeconds: seconds });
        const why = `Invalid value: ${seconds}: must be greater than 0`;
        assertRefused(await api.create(body), invalid("a", field, why));
        assertRefused(await api.put(body), invalid("a", field, why));
      }
      const largest = draft("a", { leaseDurationSeconds: 2 ** 31 - 1 });
      assertEquals(assertDone(await api.create(largest), 201).spec, largest.spec);
    },
  },
  {
    name: "leaseTransitions must not be negative",
    async run(api) {
      const why = "Invalid value: -1: must be greater than or equal to 0";
      assertRefused(
        await api.create(draft("a", { leaseTransitions: -1 })),
        invalid("a", "spec.leaseTransitions", why),
      );
      const zero = draft("a", { leaseTransitions: 0 });
      assertEquals(assertDone(await api.create(zero), 201).spec, zero.spec);
    },
  },
  {
    name: "all faults are told at once",
    async run(api) {
      const duration = "Invalid value: 0: must be greater than 0";
      const transitions = "Invalid value: -1: must be greater than or equal to 0";
      const body = draft("a", { leaseDurationSeconds: 0, leaseTransitions: -1 });
      assertRefused(await api.create(body), {
        code: 422,
        reason: "Invalid",
        message: `Lease.${GROUP} "a" is invalid: [spec.leaseDurationSeconds: ${duration}, ` +
          `spec.leaseTransitions: ${transitions}]`,
        details: {
          name: "a",
          group: GROUP,
          kind: "Lease",
          causes: [
            { reason: "FieldValueInvalid", message: duration, field: "spec.leaseDurationSeconds" },
            { reason: "FieldValueInvalid", message: transitions, field: "spec.leaseTransitions" },
          ],
        },
      });
    },
  },
  {
    name: "holderIdentity may be empty, which is not the same as absent",
    async run(api) {
      const empty = assertDone(await api.create(draft("a", { holderIdentity: "" })), 201);
      assertEquals(empty.spec, { holderIdentity: "" });
      const { resourceVersion } = empty.metadata;
      const absent = assertDone(await api.put(draft("a", {}, { resourceVersion })));
      assertEquals(absent.spec, {});
      assertEquals(absent.metadata.resourceVersion === resourceVersion, false);
    },
  },
  {
    name: "null is as good as absent",
    async run(api) {
      const spec = { holderIdentity: null, leaseDurationSeconds: null, renewTime: null };
      assertEquals(assertDone(await api.create(draft("a", spec)), 201).spec, {});
      assertEquals(assertDone(await api.create({ ...draft("b"), spec: null }), 201).spec, {});
    },
  },
  {
    name: "strategy and preferredHolder are dropped without a word",
    async run(api) {
      const spec = {
        strategy: "OldestEmulationVersion",
        preferredHolder: "you",
        leaseTransitions: 1,
      };
      const answer = await api.create(draft("a", spec));
      assertEquals(assertDone(answer, 201).spec, { leaseTransitions: 1 });
      assertEquals(answer.headers.has("warning"), false);
      const strict = await api.create(draft("b", spec), { query: "fieldValidation=Strict" });
      assertEquals(assertDone(strict, 201).spec, { leaseTransitions: 1 });
    },
  },
  {
    name: "of two fields of one name the last counts",
    async run(api) {
      const body = '{"metadata":{"name":"a"},"spec":{"holderIdentity":"x","holderIdentity":"y"}}';
      assertEquals(assertDone(await api.create(body), 201).spec, { holderIdentity: "y" });
    },
  },
  {
    name: "field names are told apart by case",
    async run(api) {
      const answer = await api.create(draft("a", { HolderIdentity: "me" }));
      assertEquals(assertDone(answer, 201).spec, {});
      assertEquals(
        answer.headers.get("warning"),
        '299 - "unknown field \\"spec.HolderIdentity\\""',
      );
    },
  },
  {
    name: "labels must be label keys and values",
    async run(api) {
      const name = "name part must consist of alphanumeric characters, '-', '_' or '.', and must " +
        "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or " +
        "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
      const value =
        "a valid label must be an empty string or consist of alphanumeric characters, " +
        "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  " +
        "or 'my_value',  or '12345', regex used for validation is " +
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
      const key = name.replace("name part must", "a valid label key must") +
        " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
      const long = "x".repeat(64);
      const cases: readonly [labels: Record<string, string>, shown: string, rule: string][] = [
        [{ "a b": "c" }, "a b", name],
        [{ "a/b/c": "d" }, "a/b/c", key],
        [{ a: "b c" }, "b c", value],
        [{ a: long }, long, "must be no more than 63 bytes"],
        [{ [long]: "a" }, long, "name part must be no more than 63 bytes"],
        [{ "/a": "b" }, "/a", "prefix part must be non-empty"],
      ];
      for (const [labels, shown, rule] of cases) {
        const why = `Invalid value: "${shown}": ${rule}`;
        const answer = await api.create(draft("a", {}, { labels }));
        assertRefused(answer, invalid("a", "metadata.labels", why));
      }
      const labels = { "example.com/a.b_c-d": "E.f_g-1", empty: "" };
      assertEquals(
        assertDone(await api.create(draft("a", {}, { labels })), 201).metadata.labels,
        labels,
      );
    },
  },
  {
    name: "annotations may hold any text, 256 KiB together",
    async run(api) {
      const annotations = { "Example.com/A": " ü\n{}", b: "" };
      const answer = await api.create(draft("a", {}, { annotations }));
      assertEquals(assertDone(answer, 201).metadata.annotations, annotations);
      const much = await api.create(draft("b", {}, { annotations: { a: "x".repeat(256 * 1024) } }));
      const message = "Too long: may not be more than 262144 bytes";
      assertRefused(much, {
        code: 422,
        reason: "Invalid",
        message: `Lease.${GROUP} "b" is invalid: metadata.annotations: ${message}`,
        details: {
          name: "b",
          group: GROUP,
          kind: "Lease",
          causes: [{ reason: "FieldValueTooLong", message, field: "metadata.annotations" }],
        },
      });
    },
  },
  {
    name: "a body that is no JSON object is a 400",
    async run(api) {
      const prefix =
        "^the object provided is unrecognized \\(must be of type Lease\\): couldn't get " +
        "version/kind; json parse error: ";
      const cases: readonly [body: string, end: string][] = [
        ["{", "\\(\\{\\)$"],
        [
          '{"metadata":{"name":"a"},"spec":{"holderIdentity":',
          '\\(\\{"metadata":\\{"name":"a"\\},"spec \\.\\.\\.\\)$',
        ],
        ["nonsense", "\\(6e6f6e73656e7365\\)$"],
        ["{} {}", "\\(\\{\\} \\{\\}\\)$"],
        [
          "[]",
          "json: cannot unmarshal array into Go value of type struct \\{ APIVersion string .* \\} \\(5b5d\\)$",
        ],
        ["5", "json: cannot unmarshal number into Go value of type struct .* \\(35\\)$"],
        ['"x"', "json: cannot unmarshal string into Go value of type struct .* \\(227822\\)$"],
      ];
      for (const [body, end] of cases) {
        assertRefused(await api.create(body), bad(new RegExp(prefix + `.*${end}`)));
        const put = await api.send("PUT", api.path("a"), { body });
        assertRefused(put, bad(new RegExp(prefix + `.*${end}`)));
      }
      assertRefused(
        await api.create({ ...draft("a"), apiVersion: 1 }),
        bad(
          "the object provided is unrecognized (must be of type Lease): couldn't get version/kind; " +
            "json parse error: json: cannot unmarshal number into Go struct field .apiVersion of " +
            'type string ({"metadata":{"name":"a"},"spec ...)',
        ),
      );
    },
  },
  {
    name: "a body that is empty or null lacks a name",
    async run(api) {
      const why = "the object provided is unrecognized (must be of type Lease): couldn't get " +
        "version/kind; json parse error: unexpected end of JSON input (<empty>)";
      assertRefused(await api.create(""), bad(why));
      assertEquals((await api.create("null")).status, 422);
    },
  },
];
