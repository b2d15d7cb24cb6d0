/**
 * A JSR of our own on loopback, for `JSR_URL`: the packages that deno.json takes from JSR, in those versions,
 * each a stub that has the names of the real one and does nothing.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import importMap from "../../tools/npm/import_map.json" with { type: "json" };

/** What deno.json takes from JSR: name in the code, package, version. */
export const JSR_PACKAGES: readonly (readonly [name: string, version: string])[] = Object
  .entries(config.imports)
  .flatMap(([name, specifier]) => {
    const found = /^jsr:(@[^@]+)@(.+)$/.exec(specifier);
    return found === null ? [] : [[name, found[2]!] as const];
  });

/** An address where nobody listens, for `JSR_URL` too. */
export function nowhere(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `http://127.0.0.1:${listener.addr.port}/`;
}

/** Serves the stubs, as JSR lays its files out. */
export class JsrServer implements AsyncDisposable {
  /** For `JSR_URL`. */
  readonly url: string;
  /** The paths that were asked for. */
  readonly paths: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(files: ReadonlyMap<string, string>) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      const { pathname } = new URL(request.url);
      this.paths.push(pathname);
      const body = files.get(pathname);
      return body === undefined
        ? new Response("not found", { status: 404 })
        : new Response(body, { headers: { "content-type": contentType(pathname) } });
    });
    this.url = `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Starts it. */
  static async start(): Promise<JsrServer> {
    const files = new Map<string, string>();
    for (const [name, version] of JSR_PACKAGES) await addPackage(files, name, version);
    return new JsrServer(files);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function contentType(path: string): string {
  return path.endsWith(".json") ? "application/json" : "text/typescript";
}

async function addPackage(files: Map<string, string>, name: string, version: string) {
  const [scope, short] = name.slice(1).split("/");
  const meta = { scope, name: short, latest: version, versions: { [version]: {} } };
  files.set(`/${name}/meta.json`, JSON.stringify(meta));
  const exports: Record<string, string> = {};
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const specifier of Object.keys(importMap.imports)) {
    if (specifier !== name && !specifier.startsWith(`${name}/`)) continue;
    const subpath = specifier.slice(name.length + 1);
    const file = `/${subpath || "mod"}.ts`;
    const source = await stubOf(specifier);
    exports[subpath === "" ? "." : `./${subpath}`] = `.${file}`;
    manifest[file] = { size: source.length, checksum: `sha256-${await sha256(source)}` };
    files.set(`/${name}/${version}${file}`, source);
  }
  files.set(`/${name}/${version}_meta.json`, JSON.stringify({ manifest, exports }));
}

/** A module that can be imported in place of another: each name is there, and is nothing but a class. */
async function stubOf(specifier: string): Promise<string> {
  const names = Object.keys(await import(specifier));
  return names.map((name) => `export const ${name}: any = class {};\n`).join("");
}

async function sha256(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(bytes).toHex();
}
