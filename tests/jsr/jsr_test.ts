// The documented commands, from an empty cache: where JSR refuses, where it says nothing, and where it answers.
// Where it does not, npm is enough; where it does, nothing of what stands in for it is loaded.
import { assert, assertEquals, assertGreater, assertLess, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { JSR_PACKAGES, JsrServer, nowhere } from "./jsr_server.ts";

const ROOT = new URL("../../", import.meta.url);
const FLAG = "--import-map=tools/npm/import_map.json\n";

/** Deno with an empty cache and a JSR of ours. */
class Machine implements AsyncDisposable {
  readonly #cache: string;
  readonly #jsr: string;

  private constructor(cache: string, jsr: string) {
    this.#cache = cache;
    this.#jsr = jsr;
  }

  /** @param jsr The address of JSR. */
  static async create(jsr: string): Promise<Machine> {
    return new Machine(await Deno.makeTempDir({ prefix: "k8sensus-cache-" }), jsr);
  }

  /** Runs Deno. @returns What it wrote to stdout. @throws {Error} If it fails; with its output. */
  async deno(...args: string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: ROOT,
      env: { DENO_DIR: this.#cache, JSR_URL: this.#jsr, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    if (success) return out!;
    throw new Error(`Cannot run deno ${args.join(" ")}:\n${out}${err}`);
  }

  /** Which npm packages have been loaded. */
  async packages(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name: registry } of Deno.readDir(`${this.#cache}/npm`)) {
      for await (const { name } of Deno.readDir(`${this.#cache}/npm/${registry}`)) names.push(name);
    }
    return names.sort();
  }

  /** What a file imports, and that file, by address. */
  async modules(file: string): Promise<string[]> {
    const flags = (await this.deno("run", "--quiet", "tools/registry.ts")).trim();
    const map = flags === "" ? [] : [flags];
    const { modules } = JSON.parse(await this.deno("info", "--quiet", "--json", ...map, file)) as {
      modules: { specifier: string; error?: string }[];
    };
    for (const { specifier, error } of modules) assertEquals(error, undefined, specifier);
    return modules.map(({ specifier }) => specifier);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#cache, { recursive: true });
  }
}

const standsIn = (module: string) =>
  module.startsWith(`${ROOT}tools/npm/`) || module.includes("deno-std");

/** Takes connections, and never says a word. */
class SilentServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];
  readonly #accepting = this.#accept();
  readonly url = `http://127.0.0.1:${this.#listener.addr.port}/`;

  get connections(): number {
    return this.#connections.length;
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) this.#connections.push(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#connections) connection.close();
  }
}

Deno.test("from an empty cache, with npm alone, the documented commands work", async () => {
  await using machine = await Machine.create(nowhere());
  assertEquals(await machine.deno("run", "--quiet", "tools/registry.ts"), FLAG);
  assertStringIncludes(
    await machine.deno("task", "--quiet", "start", "--help"),
    "Usage: deno task start",
  );
  const shown = await machine.deno("task", "--quiet", "demo", "--once");
  assertStringIncludes(shown, "the failover after a crash took");
  const tested = await machine.deno("task", "--quiet", "test", "tests/duration_test.ts");
  assertStringIncludes(tested, "| 0 failed");
  assert((await machine.packages()).includes("deno-std"));
  const modules = await machine.modules("lib/cli/main.ts");
  assert(modules.some(standsIn), "this is what the next test must not find");
});

Deno.test("where JSR answers, nothing of what stands in for it is loaded", async () => {
  await using jsr = await JsrServer.start();
  await using machine = await Machine.create(jsr.url);
  assertEquals(await machine.deno("run", "--quiet", "tools/registry.ts"), "");
  assertStringIncludes(await machine.deno("task", "--quiet", "start", "--help"), "Usage:");
  // All of lib/, the library alone, and a test.
  const found = await Promise.all(
    ["lib/cli/main.ts", "mod.ts", "tests/duration_test.ts"].map((file) => machine.modules(file)),
  );
  const modules = found.flat();
  assertEquals(modules.filter(standsIn), []);
  for (const [name, version] of JSR_PACKAGES) {
    assert(modules.some((module) => module.startsWith(`${jsr.url}${name}/${version}/`)), name);
  }
  assert(!(await machine.packages()).includes("deno-std"));
  const printed = await machine.deno("run", "--quiet", "tools/registry.ts", "--config");
  assertEquals(JSON.parse(printed), config);
});

Deno.test("where JSR says nothing, it is waited for once, and then no longer", async () => {
  await using silent = new SilentServer();
  await using machine = await Machine.create(silent.url);
  const timed = async () => {
    const start = performance.now();
    assertEquals(await machine.deno("run", "--quiet", "tools/registry.ts"), FLAG);
    return performance.now() - start;
  };
  assertGreater(await timed(), 3_000);
  assertLess(await timed(), 3_000);
  assertGreater(silent.connections, 0);
  const help = await machine.deno("task", "--quiet", "start", "--help");
  assertStringIncludes(help, "Usage: deno task start");
});
