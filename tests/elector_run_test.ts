// What run(), terms() and stepDown() promise to those who call them.
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import type { Elector } from "../lib/elector.ts";
import { ElectorBusy, TermOver } from "../lib/errors.ts";
import { ANNOTATION, type Lease } from "../lib/lease.ts";
import type { Term } from "../lib/term.ts";
import { compareTokens } from "../lib/token.ts";
import { holderOn, onServer } from "./support/on_server.ts";
import { Stage } from "./support/stage.ts";
import { aborted, pause, settled, until } from "./support/until.ts";

/** Work that only leads. */
const lead = (term: Term) => aborted(term.signal);

/** Both ways to have work done. */
const WAYS = {
  "run()": (elector: Elector, work: (term: Term) => void) => elector.run(work),
  "terms()": async (elector: Elector, work: (term: Term) => void) => {
    for await (const term of elector.terms()) {
      work(term);
      break;
    }
  },
};

Deno.test("run() returns what the work returned, and the Lease is released", () =>
  onServer(async (make, server) => {
    const a = make("a");
    const token = await a.run((term) => {
      assertEquals(holderOn(server), a.identity);
      assert(a.isLeader);
      return term.token;
    });
    const { metadata, spec } = server.leases.get("default", "x")!;
    assertEquals(spec.holderIdentity ?? "", "");
    assert(metadata.annotations![ANNOTATION.released]!.startsWith(`${a.identity};${token};`));
    assert(!a.isLeader);
    assertEquals(a.status().lastReleased, true);
  }));

Deno.test("run() throws what the work threw, and the Lease is released", () =>
  onServer(async (make, server) => {
    const error = new Error("broken");
    const abort = new DOMException("not by the term", "AbortError");
    const works = {
      sync: () => {
        throw error;
      },
      async: () => Promise.reject(error),
      abort: () => Promise.reject(abort),
    };
    for (const [name, work] of Object.entries(works)) {
      const elector = make(name);
      const thrown = await assertRejects(() => elector.run(work));
      assertEquals(thrown, name === "abort" ? abort : error);
      assertEquals(holderOn(server), "");
      assertEquals(elector.status().lastReleased, true);
    }
  }));

Deno.test("one elector can run again and again, each time with a larger token", () =>
  onServer(async (make) => {
    const a = make("a", { retryPeriodMs: 20 });
    const tokens: string[] = [];
    for (let i = 0; i < 3; i++) await a.run((term) => tokens.push(term.token));
    assertEquals(tokens, [...tokens].sort(compareTokens));
    assertEquals(new Set(tokens).size, 3);
  }));

Deno.test("after a loss run() contends again, and calls the work anew with a larger token", () =>
  onServer(async (make, server) => {
    const terms: Term[] = [];
    const value = await make("a").run(async (term) => {
      terms.push(term);
      if (terms.length === 2) return "done";
      server.leases.delete("default", "x");
      await aborted(term.signal);
      assertEquals(term.reason, "deleted");
      assertInstanceOf(term.signal.reason, TermOver);
    });
    assertEquals(value, "done");
    assert(compareTokens(terms[0]!.token, terms[1]!.token) < 0);
    assertEquals([terms[0]!.reason, terms[1]!.reason], ["deleted", "resigned"]);
  }));

Deno.test("work that throws because its term is over has not failed", () =>
  onServer(async (make, server) => {
    const throws: Record<string, (term: Term) => unknown> = {
      check: (term) => term.check(),
      run: (term) => term.run(() => {}),
      reason: (term) => term.signal.throwIfAborted(),
      abort: () => Promise.reject(new DOMException("stopped", "AbortError")),
    };
    for (const [name, stop] of Object.entries(throws)) {
      let terms = 0;
      const value = await make(name).run(async (term) => {
        if (++terms === 2) return name;
        server.leases.delete("default", "x");
        await aborted(term.signal);
        await stop(term);
        throw new Error(`${name} lets it go on`);
      });
      assertEquals(value, name);
    }
  }));

Deno.test("work that breaks after a loss has failed all the same, and nothing is released", () =>
  onServer(async (make, server) => {
    const a = make("a");
    const broken = a.run(async (term) => {
      server.leases.delete("default", "x");
      await aborted(term.signal);
      throw new Error("broken");
    });
    await assertRejects(() => broken, Error, "broken");
    assertEquals(a.status().lastReleased, false);
    assertEquals(a.status().contending, false);
  }));

Deno.test("signal: the work is told, holds the Lease while it drains, and its value is returned", () =>
  onServer(async (make, server) => {
    const a = make("a");
    const stop = new AbortController();
    const value = await a.run(async (term) => {
      stop.abort();
      assert(term.signal.aborted);
      assertEquals(term.reason, "resigned");
      assert(!a.isLeader);
      await assertRejects(() => term.run(() => {}), TermOver);
      await pause(50);
      term.check();
      assertEquals(holderOn(server), a.identity);
      return 7;
    }, { signal: stop.signal });
    assertEquals(value, 7);
    assertEquals(holderOn(server), "");
    assertEquals(a.status().lastReleased, true);
  }));

Deno.test("signal: work that throws because it was told to stop has not failed; other errors are thrown", () =>
  onServer(async (make, server) => {
    for (const error of [undefined, new Error("broken")]) {
      const stop = new AbortController();
      const done = make("a").run((term) => {
        stop.abort();
        throw error ?? term.signal.reason;
      }, { signal: stop.signal });
      const [outcome] = await Promise.allSettled([done]);
      const expected = error === undefined
        ? { status: "fulfilled" as const, value: undefined }
        : { status: "rejected" as const, reason: error };
      assertEquals(outcome, expected);
      assertEquals(holderOn(server), "");
    }
  }));

Deno.test("signal: who has never led returns undefined, and has written nothing", () =>
  onServer(async (make, server) => {
    const a = make("a");
    const done = a.run(lead);
    await until("a leads", () => a.isLeader);
    const b = make("b");
    const work = () => assert(false, "b leads");
    assertEquals(await b.run(work, { signal: AbortSignal.abort() }), undefined);
    const stop = new AbortController();
    const waiting = b.run(work, { signal: stop.signal });
    await until("b waits", () => b.status().observed);
    stop.abort();
    assertEquals(await waiting, undefined);
    assertEquals(holderOn(server), a.identity);
    await a.close();
    await done;
    assertEquals(b.status().terms, 0);
  }));

for (const [name, doWork] of Object.entries(WAYS)) {
  Deno.test(`I5: work of ${name} ends before its pieces: no more begin, and the release waits for them`, () =>
    onServer(async (make, server) => {
      let running = 0;
      const atRelease: number[] = [];
      server.before = ({ verb, body }) => {
        if (verb !== "update") return;
        if (!(body as Lease).spec.holderIdentity) atRelease.push(running);
      };
      const piece = async () => {
        running++;
        await pause(20);
        running--;
      };
      let pieces = Promise.resolve();
      const a = make("a");
      const done = doWork(a, (term) => {
        pieces = (async () => {
          for (;;) await term.run(piece);
        })();
        pieces.catch(() => {});
      });
      await settled(`${name} ends`, done);
      assertEquals(running, 0);
      await assertRejects(() => pieces, TermOver);
      // The first is the creation.
      assertEquals(atRelease, [0, 0]);
    }));

  Deno.test(`I5: work of ${name} leaves behind a piece that waits for the signal: it aborts`, () =>
    onServer(async (make, server) => {
      const a = make("a");
      let piece: Promise<string> | undefined;
      const done = doWork(a, (term) => {
        piece = term.run(async () => {
          await aborted(term.signal);
          term.check();
          return holderOn(server);
        });
      });
      await settled(`${name} ends`, done);
      assertEquals(await piece, a.identity);
      assertEquals(holderOn(server), "");
    }));
}

Deno.test("I5: after a loss no new term begins while a piece of the last one goes on", () =>
  onServer(async (make, server) => {
    const a = make("a");
    const gate = Promise.withResolvers<void>();
    let running = false;
    let terms = 0;
    const done = a.run(async (term) => {
      if (++terms === 2) return running;
      term.run(async () => {
        running = true;
        await gate.promise;
        running = false;
      });
      server.leases.delete("default", "x");
      await aborted(term.signal);
    });
    await until("the work has ended", () => a.status().role === "settling");
    assertEquals(a.status().takeableInMs, null);
    await pause(50);
    gate.resolve();
    assertEquals(await settled("the second term", done), false);
  }));

Deno.test("terms(): a body that breaks, or throws, releases the Lease", () =>
  onServer(async (make, server) => {
    for (const error of [undefined, new Error("broken")]) {
      const a = make("a");
      const done = (async () => {
        for await (const term of a.terms()) {
          assertEquals(holderOn(server), a.identity);
          assert(!term.signal.aborted);
          if (error !== undefined) throw error;
          break;
        }
      })();
      if (error === undefined) await done;
      else assertEquals(await assertRejects(() => done), error);
      assertEquals(holderOn(server), "");
      assertEquals(a.status().lastReleased, true);
    }
  }));

Deno.test("terms() yields the next term after a loss, and after a body that ends", () =>
  onServer(async (make, server) => {
    const a = make("a", { retryPeriodMs: 20 });
    const terms: Term[] = [];
    for await (const term of a.terms()) {
      terms.push(term);
      if (terms.length === 1) continue;
      if (terms.length === 3) break;
      server.leases.delete("default", "x");
      await aborted(term.signal);
    }
    assertEquals(terms.map((term) => term.reason), ["resigned", "deleted", "resigned"]);
    assertEquals(terms, [...terms].sort((x, y) => compareTokens(x.token, y.token)));
  }));

Deno.test("terms(): the signal tells the body, and ends the iteration", () =>
  onServer(async (make, server) => {
    const stop = new AbortController();
    let terms = 0;
    for await (const term of make("a").terms({ signal: stop.signal })) {
      terms++;
      stop.abort();
      assert(term.signal.aborted);
    }
    assertEquals(terms, 1);
    assertEquals(holderOn(server), "");
    for await (const _ of make("b").terms({ signal: stop.signal })) assert(false, "it is over");
  }));

Deno.test("one elector contends once at a time, and never again once it is closed", () =>
  onServer(async (make) => {
    const a = make("a");
    const done = a.run(lead);
    await until("a leads", () => a.isLeader);
    await assertRejects(() => a.run(lead), ElectorBusy, "make another");
    await assertRejects(() => a.terms().next(), ElectorBusy, "make another");
    assert(a.isLeader, "the first goes on");
    await a.close();
    await done;
    await assertRejects(() => a.run(lead), ElectorBusy, "closed");
    await assertRejects(() => a.terms().next(), ElectorBusy, "closed");
    await assertRejects(() => a.observe().next(), ElectorBusy, "closed");
    assertEquals(await a.stepDown(), false);
    await a.close();
  }));

Deno.test("stepDown(): the work is told, the Lease released, and another candidate leads first", () =>
  onServer(async (make, server) => {
    const [a, b] = [make("a"), make("b")];
    const names: string[] = [];
    const work = (name: string) => (term: Term) => {
      names.push(name);
      return lead(term);
    };
    const done = [a.run(work("a"))];
    await until("a leads", () => a.isLeader);
    done.push(b.run(work("b")));
    await until("b waits", () => b.status().observed);
    assertEquals(await b.stepDown(), false, "it does not lead");
    assertEquals(await a.stepDown(), true);
    await until("b leads", () => b.isLeader);
    assertEquals([a.status().contending, a.status().lastReleased], [true, true]);
    assertEquals(holderOn(server), b.identity);
    await b.close();
    await until("a leads again", () => a.isLeader);
    assertEquals(names, ["a", "b", "a"]);
    await a.close();
    await Promise.all(done);
  }));

Deno.test("stepDown(): alone, an elector stands back for exactly one retry period", async () => {
  const stage = new Stage();
  const done = stage.elector.run(lead);
  await stage.elect();
  const stepping = stage.elector.stepDown();
  await stage.commit();
  assert(await stepping);
  const { contending, takeableInMs } = stage.elector.status();
  assertEquals([contending, takeableInMs], [true, 2_000]);
  stage.clock.advance(1_999);
  assertEquals(stage.api.requests, []);
  stage.clock.advance(1);
  await stage.commit();
  assertEquals(stage.elector.status().terms, 2);
  const closing = stage.elector.close();
  await stage.commit();
  await Promise.all([closing, done]);
  stage.assertIdle();
});

Deno.test("stepDown() is false if nothing could be released: the Lease was lost, or the fence passed", async () => {
  for (const lost of [true, false]) {
    const stage = new Stage();
    const end = Promise.withResolvers<void>();
    const stop = new AbortController();
    const done = stage.elector.run(() => end.promise, { signal: stop.signal });
    await stage.elect();
    const stepping = stage.elector.stepDown();
    if (lost) stage.lose();
    else stage.clock.advance(12_000);
    assertEquals(await settled("stepDown()", stepping), false);
    stop.abort();
    end.resolve();
    await done;
    await stage.close();
  }
});
