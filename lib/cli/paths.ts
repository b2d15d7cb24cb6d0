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
