// What an elector is told before it begins: its options, its permissions, its logger.
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Elector } from "../lib/elector.ts";
import type { ElectorOptions } from "../lib/elector_options.ts";
import { ConfigError } from "../lib/errors.ts";
import { Client } from "../lib/kubernetes/client.ts";
import { atAddress } from "../lib/kubernetes/config.ts";
import type { LogFields, Logger } from "../lib/logger.ts";
import type { Term } from "../lib/term.ts";
import { refusal } from "../lib/testing/mod.ts";
import { onServer } from "./support/on_server.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { ApiByHand, Stage } from "./support/stage.ts";
import { aborted, settled, until } from "./support/until.ts";

/** Work that only leads. */
const lead = (term: Term) => aborted(term.signal);

interface Line extends LogFields {
  level: string;
  message: string;
}

/** A logger that keeps what it is told. */
function keeper(): { lines: Line[]; logger: Logger } {
  const lines: Line[] = [];
  const keep = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push({ ...fields, level, message });
  return {
    lines,
    logger: {
      debug: keep("debug"),
      info: keep("info"),
      warn: keep("warn"),
      error: keep("error"),
    },
  };
}

Deno.test("options that cannot be used are refused, in words that say what to give", () => {
  const cases: [Partial<Record<keyof ElectorOptions, unknown>>, string][] = [
    [{ leaseName: "" }, "give leaseName"],
    [{ leaseName: undefined }, "give leaseName"],
    [{ leaseName: 7 }, "give leaseName"],
    [{ identity: "" }, 'Cannot use "" as an identity: give 1 to 200 printable ASCII characters'],
    [{ identity: "two words" }, '"two words" as an identity'],
    [{ identity: "a;b" }, '"a;b" as an identity'],
    [{ identity: "ä" }, '"ä" as an identity'],
    [{ identity: "a".repeat(201) }, "as an identity"],
    [{ identity: 7 }, "Cannot use 7 as an identity"],
    [{ foreignGraceMs: NaN }, "Cannot wait for NaNms after a holder of another make"],
    [{ foreignGraceMs: -1 }, "give at least 0"],
    [{ foreignGraceMs: Infinity }, "give at least 0"],
    [{ leaseDurationMs: 1_500 }, "whole seconds"],
    [{ drainMs: NaN }, "Cannot use a drain of NaNms"],
    [{ clockSkewMs: 0 }, "clock skew of at least"],
  ];
  const leases = new ApiByHand();
  for (const [options, message] of cases) {
    const all = { leaseName: "x", identity: "a", leases, ...options } as ElectorOptions;
    assertThrows(() => new Elector(all), ConfigError, message);
  }
  assertEquals([leases.requests, leases.watches], [[], []]);
});

Deno.test("outside a cluster, an elector without a client is refused", () => {
  const host = Deno.env.get("KUBERNETES_SERVICE_HOST");
  Deno.env.delete("KUBERNETES_SERVICE_HOST");
  try {
    const message = "so this is no pod; give a client";
    assertThrows(() => new Elector({ leaseName: "x", identity: "a" }), ConfigError, message);
  } finally {
    if (host !== undefined) Deno.env.set("KUBERNETES_SERVICE_HOST", host);
  }
});

Deno.test("the least that must be given: name, namespace and durations have defaults", async () => {
  await using client = new Client({ ...atAddress("http://127.0.0.1:1"), namespace: "prod" });
  const elector = new Elector({ leaseName: "x", client });
  const { name, leaseNamespace, timing } = elector.status();
  assertEquals([name, leaseNamespace], [Deno.hostname(), "prod"]);
  assertEquals([timing.leaseDurationMs, timing.fenceMs, timing.stopMs], [15_000, 12_000, 10_000]);
  const { leaseNamespace: own } = new Elector({ leaseName: "x", leaseNamespace: "a", client })
    .status();
  assertEquals(own, "a");
  assertEquals(
    new Elector({ leaseName: "x", leases: new ApiByHand() }).status().leaseNamespace,
    "default",
  );
  const zero = new Elector({ leaseName: "x", client, foreignGraceMs: 0, identity: "a:b~!" });
  assertEquals(zero.status().name, "a:b~!");
});

Deno.test("options are never changed, and changing them afterwards changes nothing", async () => {
  const options: ElectorOptions = { leaseName: "x", identity: "me", leaseDurationMs: 15_000 };
  const before = { ...options };
  const stage = new Stage(options);
  const done = stage.elector.run(() => {});
  assertEquals(options, before);
  Object.assign(options, { leaseName: "y", identity: "you", leaseDurationMs: 60_000 });
  await stage.elect();
  const { metadata, spec } = await stage.commit();
  assertEquals([metadata.name, spec.leaseDurationSeconds], ["x", 15]);
  await done;
  await stage.close();
});

Deno.test("a missing permission is told with the Role that grants it; granted, the elector goes on", () =>
  onServer(async (make, server) => {
    const { lines, logger } = keeper();
    server.allow = (_, { verb }) => verb !== "update";
    const a = make("a", { logger });
    const done = a.run(lead);
    await until("it knows", () => a.status().missingVerbs?.length === 1);
    const { missingVerbs, contending, role } = a.status();
    assertEquals([missingVerbs, contending, role], [["update"], false, "observing"]);
    const reviews = () => server.requests.filter(({ verb }) => verb === "create").length;
    await until("it asks again", () => reviews() >= 8);
    assert(!server.requests.some(({ verb }) => verb === "update"), "nothing was tried");
    server.allow = () => true;
    await until("it leads", () => a.isLeader);
    assertEquals(a.status().missingVerbs, []);
    const [told, ...more] = lines.filter(({ event }) => event === "preflight");
    assertEquals([told?.level, more.map(({ level }) => level)], ["error", ["info"]]);
    assertStringIncludes(
      told!.message,
      'not allowed to update leases.coordination.k8s.io "x" in namespace "default"',
    );
    assertStringIncludes(told!.message, '"resourceNames":["x"]');
    await a.close();
    await done;
  }));

Deno.test("permissions are asked for until there is an answer, which the signal ends", () =>
  onServer(async (make, server) => {
    const { lines, logger } = keeper();
    server.before = ({ resource }) =>
      resource === "leases" ? undefined : refusal(503, { message: "busy" });
    const clock = new FakeClock();
    const a = make("a", { logger, clock });
    const stop = new AbortController();
    const done = a.run(() => assert(false, "it leads"), { signal: stop.signal });
    await until("it is told", () => lines.some(({ event }) => event === "preflight"));
    const asked = server.requests.length;
    clock.advance(a.status().timing.retryPeriodMs);
    await until("it asks again", () => server.requests.length > asked);
    assertEquals(a.status().missingVerbs, null);
    stop.abort();
    assertEquals(await settled("run()", done), undefined);
    assertEquals(clock.timers, 0);
  }));

Deno.test("where permissions cannot be asked for, the elector finds out by itself, and says so", () =>
  onServer(async (make, server) => {
    for (const status of [403, 404, 405]) {
      const { lines, logger } = keeper();
      server.before = ({ resource }) => resource === "leases" ? undefined : refusal(status);
      assertEquals(await make(`a${status}`, { logger }).run(() => 7), 7);
      const told = lines.filter(({ event }) => event === "preflight");
      assertEquals(told.map(({ level }) => level), ["warn"]);
    }
  }));

Deno.test("I8: the log tells of each term once and in order, with Lease, identity, token and reason", () =>
  onServer(async (make, server) => {
    const { lines, logger } = keeper();
    const a = make("a", { logger });
    const tokens: string[] = [];
    await a.run(async (term) => {
      tokens.push(term.token);
      if (tokens.length === 2) return;
      server.leases.delete("default", "x");
      await aborted(term.signal);
    });
    const [first, second] = tokens;
    const story = ["candidate", "elected", "lost", "revoked", "released"];
    assertEquals(
      lines.filter(({ event }) => story.includes(String(event)))
        .map(({ event, token, reason }) => [event, token, reason]),
      [
        ["candidate", undefined, undefined],
        ["elected", first, undefined],
        ["lost", first, "deleted"],
        ["revoked", first, "deleted"],
        ["elected", second, undefined],
        ["lost", second, "resigned"],
        ["released", second, undefined],
      ],
    );
    for (const { lease, identity } of lines) {
      assertEquals([lease, identity], ["default/x", a.identity]);
    }
  }));

Deno.test("a retry period below a second is warned about", () => {
  const { lines, logger } = keeper();
  const leases = new ApiByHand();
  const options = { leaseName: "x", identity: "a", leases, logger };
  new Elector({ ...options, retryPeriodMs: 1_000 });
  assertEquals(lines, []);
  new Elector({ ...options, retryPeriodMs: 999 });
  assertEquals(lines.map(({ level, event }) => [level, event]), [["warn", "short-retry"]]);
});

Deno.test("a logger that throws costs nobody the leadership, nor the end of it", () =>
  onServer(async (make, server) => {
    for (const only of ["lost", "revoked", "new-leader", undefined]) {
      const throws = (_: string, fields: LogFields = {}) => {
        if (only === undefined || fields.event === only) throw new Error("the disk is full");
      };
      const logger = { debug: throws, info: throws, warn: throws, error: throws };
      let terms = 0;
      const done = make("a", { logger, retryPeriodMs: 500 }).run(async (term) => {
        if (++terms === 2) return "led again";
        server.leases.delete("default", "x");
        await settled("the signal", aborted(term.signal));
      });
      assertEquals(await settled("run()", done), "led again");
    }
  }));
