// What guard and elector say to each other, over a real socket.
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConfigError, Unguarded } from "../lib/errors.ts";
import { Lines } from "../lib/guard/lines.ts";
import { GuardLink } from "../lib/guard/link.ts";
import {
  type Access,
  type ElectorMessage,
  readElectorMessage,
  readGuardMessage,
} from "../lib/guard/messages.ts";
import { GuardSocket, type Hearing } from "../lib/guard/socket.ts";
import { FACTS } from "./support/guard_rig.ts";
import { until } from "./support/until.ts";

const SECRET = "0".repeat(32);
const ACCESS: Access = { server: "https://10.0.0.1", token: "t", ca: "c" };

/** A guard's socket and everything that was heard on it. */
class Guard implements Hearing, AsyncDisposable {
  readonly heard: string[] = [];
  readonly messages: ElectorMessage[] = [];
  readonly socket: GuardSocket;

  private constructor(readonly folder: string) {
    this.socket = new GuardSocket(this.path, SECRET, this);
  }

  static async start(): Promise<Guard> {
    return new Guard(await Deno.makeTempDir());
  }

  get path(): string {
    return `${this.folder}/socket`;
  }

  said(session: number, message: ElectorMessage): void {
    this.messages.push(message);
    this.heard.push(message.type);
    if (message.type === "ask") {
      this.socket.say(session, { type: "reading", sequence: message.sequence });
    }
  }

  access(_session: number, access: Access): void {
    this.heard.push(`access ${JSON.stringify(access)}`);
  }

  closed(): void {
    this.heard.push("closed");
  }

  refused(why: string): void {
    this.heard.push(`refused: ${why}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await Deno.remove(this.folder, { recursive: true });
  }
}

const nothing = { armed() {}, gone() {} };

Deno.test("hello, access, ask, goodbye", async () => {
  await using guard = await Guard.start();
  const link = new GuardLink(guard.path, SECRET);
  await link.open(FACTS, () => Promise.resolve(ACCESS), nothing);
  assert(await link.ask(7, "41", new AbortController().signal));
  await link.goodbye();
  await until("the end", () => guard.heard.includes("closed"));
  assertEquals(guard.heard, [
    "hello",
    `access ${JSON.stringify(ACCESS)}`,
    "ask",
    "goodbye",
    "closed",
  ]);
  const hello: unknown = { type: "hello", version: 1, secret: SECRET, ...FACTS };
  assertEquals(guard.messages[0] as unknown, hello);
});

Deno.test("the way to the API server is told again when it has changed, before the write", async () => {
  await using guard = await Guard.start();
  const link = new GuardLink(guard.path, SECRET);
  let access: Access | undefined = ACCESS;
  const source = () => access ? Promise.resolve(access) : Promise.reject(new Error("gone"));
  await link.open(FACTS, source, nothing);
  const { signal } = new AbortController();
  await link.ask(1, "41", signal);
  access = { ...ACCESS, token: "u" };
  await link.ask(2, "41", signal);
  access = undefined;
  assert(await link.ask(3, "41", signal), "the write will say what is wrong with it");
  assertEquals(guard.heard.map((line) => line.split(" ")[0]), [
    "hello",
    "access",
    "ask",
    "access",
    "ask",
    "ask",
  ]);
  await link.goodbye();
});

Deno.test("who waits for a reading is woken by an abort, and by the death of the guard", async () => {
  await using guard = await Guard.start();
  guard.said = () => {};
  const link = new GuardLink(guard.path, SECRET);
  let gone = 0;
  await link.open(FACTS, () => Promise.resolve(ACCESS), { armed() {}, gone: () => void gone++ });
  const stop = new AbortController();
  const aborted = link.ask(1, "41", stop.signal);
  stop.abort();
  assertEquals(await aborted, false);
  const asked = link.ask(2, "41", new AbortController().signal);
  const ran = link.run("41");
  guard.socket.drop(1);
  assertEquals([await asked, await ran], [false, undefined]);
  assertEquals(gone, 1);
  assertEquals(await link.ask(3, "41", new AbortController().signal), false);
  assertEquals(await link.run("41"), undefined);
});

Deno.test("a guard that talks nonsense is gone", async () => {
  const folder = await Deno.makeTempDir();
  const listener = Deno.listen({ transport: "unix", path: `${folder}/socket` });
  const link = new GuardLink(`${folder}/socket`, SECRET);
  const gone = Promise.withResolvers<void>();
  await link.open(FACTS, () => Promise.resolve(ACCESS), { armed() {}, gone: gone.resolve });
  const connection = await listener.accept();
  await connection.write(new TextEncoder().encode(`{"type":"armed","token":"0"}\n`));
  await gone.promise;
  connection.close();
  listener.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("without a guard: told how to get one, or that it is gone", async () => {
  assertThrows(() => GuardLink.fromEnvironment(), ConfigError, "deno task guard");
  const link = new GuardLink("/no/such/socket", SECRET);
  await assertRejects(
    () => link.open(FACTS, () => Promise.resolve(ACCESS), nothing),
    Unguarded,
    "/no/such/socket",
  );
});

Deno.test("who does not introduce itself is refused", async (t) => {
  const hello = { type: "hello", version: 1, secret: SECRET, ...FACTS };
  const cases: [string, string, RegExp][] = [
    ["another secret", JSON.stringify({ ...hello, secret: "x" }), /secret/],
    ["another version", JSON.stringify({ ...hello, version: 2 }), /same release/],
    ["no hello", `{"type":"goodbye"}`, /hello/],
    ["nonsense", "GET / HTTP/1.1", /cannot be read/],
  ];
  for (const [name, line, story] of cases) {
    await t.step(name, async () => {
      await using guard = await Guard.start();
      const lines = new Lines(await Deno.connect({ transport: "unix", path: guard.path }));
      lines.send({});
      await lines.flush();
      lines.close();
      const raw = await Deno.connect({ transport: "unix", path: guard.path });
      await raw.write(new TextEncoder().encode(`${line}\n`));
      assertEquals(await raw.read(new Uint8Array(1)), null, "it is sent away");
      raw.close();
      assert(guard.heard.some((heard) => story.test(heard)), guard.heard.join("\n"));
      assertEquals(guard.messages, []);
      assert(!guard.heard.includes("closed"), "it was never there");
    });
  }
});

Deno.test("after hello, nonsense is the end", async () => {
  await using guard = await Guard.start();
  const raw = await Deno.connect({ transport: "unix", path: guard.path });
  const hello = { type: "hello", version: 1, secret: SECRET, ...FACTS };
  await raw.write(new TextEncoder().encode(`${JSON.stringify(hello)}\n{"type":"ask"}\n`));
  await until("the end", () => guard.heard.includes("closed"));
  raw.close();
});

Deno.test("messages are read strictly", async (t) => {
  const bad = [
    "",
    "null",
    "[]",
    `"ask"`,
    "{}",
    `{"type":"toString"}`,
    `{"type":"ask","sequence":1}`,
    `{"type":"ask","sequence":-1,"token":"1"}`,
    `{"type":"ask","sequence":1.5,"token":"1"}`,
    `{"type":"ask","sequence":1e300,"token":"1"}`,
    `{"type":"ask","sequence":"1","token":"1"}`,
    `{"type":"ask","sequence":1,"token":"01"}`,
    `{"type":"ask","sequence":1,"token":1}`,
    `{"type":"ask","sequence":1,"token":"1","more":true}`,
    `{"type":"over","token":"1","reason":"expired","revoked":1}`,
    `{"type":"reading","sequence":1}`,
    `{"type":"goodbye"} {}`,
  ];
  for (const line of bad) {
    await t.step(JSON.stringify(line), () => assertEquals(readElectorMessage(line), undefined));
  }
  const good = `{"type":"run","token":"1","url":"http://127.0.0.1"}`;
  assertEquals(readElectorMessage(good), JSON.parse(good));
  const ended = `{"type":"ended","token":"1","stopped":true,"code":137,"signal":"SIGKILL"}`;
  assertEquals(readGuardMessage(ended), JSON.parse(ended));
  assertEquals(readGuardMessage(good), undefined);
});

/** A connection that gives these bytes, and takes all. */
function stream(chunks: Uint8Array[]) {
  const written: Uint8Array[] = [];
  return {
    written,
    read(buffer: Uint8Array): Promise<number | null> {
      const chunk = chunks.shift();
      if (chunk === undefined) return Promise.resolve(null);
      buffer.set(chunk);
      return Promise.resolve(chunk.length);
    },
    write(bytes: Uint8Array): Promise<number> {
      const size = Math.min(3, bytes.length);
      written.push(bytes.slice(0, size));
      return Promise.resolve(size);
    },
    close() {},
  };
}

Deno.test("lines: split anywhere, and bounded", async () => {
  const bytes = new TextEncoder().encode("läuft\n\nweiter\nohne Ende");
  const split = [...bytes].map((byte) => Uint8Array.of(byte));
  assertEquals(await Array.fromAsync(new Lines(stream(split)).read()), ["läuft", "", "weiter"]);
  const endless = Array.from({ length: 300 }, () => new Uint8Array(4_096).fill(97));
  endless.push(new TextEncoder().encode("\nbehind it\n"));
  assertEquals(await Array.fromAsync(new Lines(stream(endless)).read()), []);
});

Deno.test("lines: short writes lose nothing, and keep the order", async () => {
  const connection = stream([]);
  const lines = new Lines(connection);
  lines.send({ first: 1 });
  lines.send({ second: 2 });
  await lines.flush();
  const text = connection.written.map((bytes) => new TextDecoder().decode(bytes)).join("");
  assertEquals(text, `{"first":1}\n{"second":2}\n`);
});

Deno.test("lines: who does not listen is not talked to for ever", () => {
  let closed = false;
  const lines = new Lines({
    read: () => new Promise(() => {}),
    write: () => new Promise(() => {}),
    close: () => void (closed = true),
  });
  for (let i = 0; i < 100 && !closed; i++) lines.send({ text: "x".repeat(1 << 16) });
  assert(closed);
});
