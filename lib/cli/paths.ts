/**
 * What another Deno program has to be started with to go on as this one does.
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

/**
 * The flags by which this process believes servers whose certificate cannot be verified. Deno tells no program
 * of them, so they are read off the command line, which only Linux shows.
 */
export function unverifiedFlags(): string[] {
  if (Deno.build.os !== "linux") return [];
  const words = Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(0, -1);
  // What follows the program is ours, and a command's: anything may stand there.
  const own = words.slice(0, words.length - Deno.args.length);
  return own.filter((word) => /^--unsafely-ignore-certificate-errors(=|$)/.test(word));
}
