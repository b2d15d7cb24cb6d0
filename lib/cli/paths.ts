/**
 * Addresses of modules as other programs take them.
 *
 * @module
 */

/**
 * A path for a `file:` address; any other address stays as it is, since `deno run` takes those too.
 *
 * @param url The address of a module.
 */
export function fromFileUrl(url: string): string {
  return url.startsWith("file:") ? decodeURIComponent(new URL(url).pathname) : url;
}

/**
 * What another Deno program of this project has to be started with to find its imports as this process does:
 * without JSR, bare names come from npm.
 */
export function importMapFlags(): string[] {
  const here = import.meta.resolve("@std/log");
  if (!here.endsWith("/tools/npm/log.ts")) return [];
  return [`--import-map=${fromFileUrl(new URL("./import_map.json", here).href)}`];
}
