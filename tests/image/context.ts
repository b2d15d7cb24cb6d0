/**
 * What `docker build` sends to the builder: the files that `.dockerignore` leaves.
 *
 * @module
 */

/** A file of the build context. */
export interface ContextFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly bytes: number;
}

/**
 * Whether a path is sent. The last pattern that matches it, or a folder it is in, decides.
 *
 * @param patterns The lines of a `.dockerignore`.
 * @param path From the root of the context.
 */
export function isSent(patterns: readonly string[], path: string): boolean {
  const parts = path.split("/");
  const prefixes = parts.map((_, i) => parts.slice(0, i + 1).join("/"));
  let sent = true;
  for (const line of patterns) {
    const pattern = line.trim();
    if (pattern === "" || pattern.startsWith("#")) continue;
    const exception = pattern.startsWith("!");
    const glob = globToRegExp(exception ? pattern.slice(1) : pattern);
    if (prefixes.some((prefix) => glob.test(prefix))) sent = exception;
  }
  return sent;
}

function globToRegExp(glob: string): RegExp {
  const source = glob.replace(/^\/|\/$/g, "").replace(/\*\*|[*?]|[.+^${}()|[\]\\]/g, (part) => {
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part === "?" ? "[^/]" : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}

/** All files that are sent. */
export async function contextFiles(root: string): Promise<ContextFile[]> {
  const patterns = (await Deno.readTextFile(`${root}.dockerignore`)).split("\n");
  const files: ContextFile[] = [];
  for await (const path of filesBelow(root, "")) {
    if (isSent(patterns, path)) {
      files.push({ path, bytes: (await Deno.stat(`${root}${path}`)).size });
    }
  }
  return files;
}

async function* filesBelow(root: string, folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(`${root}${folder}`)) {
    const path = `${folder}${name}`;
    if (isDirectory) yield* filesBelow(root, `${path}/`);
    else yield path;
  }
}
