import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type LeaderAnswer, LeaderJudge, LeaderPoll } from "./leader_poll.ts";
import { until } from "./until.ts";

function leads(identity: string, token: string): LeaderAnswer {
  return { status: 200, leader: identity, identity, isLeader: true, token, remainingMs: 1 };
}

function follows(identity: string, token: string): LeaderAnswer {
  return { ...leads(identity, token), status: 503, isLeader: false, remainingMs: 0 };
}

Deno.test("LeaderJudge: who is asked after a newer leader has answered must not lead", () => {
  const judge = new LeaderJudge();
  judge.asks("a")(leads("a", "9"));
  judge.asks("a")(follows("b", "10"));
  judge.asks("b")(leads("b", "10"));
  assertEquals(judge.faults, []);
  judge.asks("a")(leads("a", "9"));
  assertEquals(judge.faults.length, 1);
  assertStringIncludes(judge.faults[0]!, "a answered");
});

Deno.test("LeaderJudge: an answer to an earlier question proves nothing, however late it comes", () => {
  const judge = new LeaderJudge();
  const late = judge.asks("a");
  judge.asks("b")(leads("b", "10"));
  late(leads("a", "9"));
  assertEquals(judge.faults, []);
});

Deno.test("LeaderJudge: one token has one holder, and answers agree with themselves", () => {
  const cases: [LeaderAnswer, string][] = [
    [leads("b", "9"), "to a question after"],
    [{ ...leads("a", "9"), isLeader: false }, "status and body"],
    [{ ...follows("a", "9"), isLeader: true }, "status and body"],
    [{ ...leads("a", "9"), token: null }, "without a token"],
  ];
  for (const [answer, fault] of cases) {
    const judge = new LeaderJudge();
    judge.asks("a")(leads("a", "9"));
    judge.asks("?")(answer);
    assertEquals(judge.faults.length, 1);
    assertStringIncludes(judge.faults[0]!, fault);
  }
});

Deno.test("LeaderPoll: asks until it ends, also when nobody answers any more", async () => {
  const judge = new LeaderJudge();
  // Each answer is of an older term than the one before.
  let token = 9;
  const handler = () => Response.json(leads("a", String(token--)));
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handler);
  await using poll = new LeaderPoll("a", server.addr.port, judge);
  await until("three answers", () => judge.faults.length >= 2);
  await server.shutdown();
  await assertRejects(() => poll.ask(), TypeError);
});

Deno.test("LeaderPoll: an answer that cannot be read is a fault", async () => {
  const judge = new LeaderJudge();
  const handler = () => new Response("<html>");
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, handler);
  await using _poll = new LeaderPoll("a", server.addr.port, judge);
  await until("the fault", () => judge.faults.length > 0);
});
