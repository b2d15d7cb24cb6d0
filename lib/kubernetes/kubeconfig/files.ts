/**
 * Reading kubeconfig files and merging them by kubectl's rules: of every name the first entry counts, and
 * the current context is that of the first file that has one.
 *
 * @module
 */
import { ConfigError } from "../../errors.ts";
import { Entry, type Fields, isFields, readText } from "./entry.ts";

/** The lists of a kubeconfig, and what an entry of each holds beside its name. */
const KINDS = { contexts: "context", clusters: "cluster", users: "user" } as const;

/** Between the paths in `KUBECONFIG`. */
const SEPARATOR = Deno.build.os === "windows" ? ";" : ":";

/** One file, or several as one. */
export class Kubeconfig {
  /** The files that are there, for messages. */
  readonly paths: string;
  readonly #files: readonly { readonly path: string; readonly fields: Fields }[];

  private constructor(files: readonly { readonly path: string; readonly fields: Fields }[]) {
    this.#files = files;
    this.paths = files.map(({ path }) => path).join(", ");
  }

  /**
   * Reads one file, or several.
   *
   * @param paths As in `KUBECONFIG`. Of several, those that are missing are left out.
   * @throws {ConfigError} If none is there, or one cannot be read.
   */
  static async read(paths: string): Promise<Kubeconfig> {
    const all = [...new Set(paths.split(SEPARATOR))].filter((path) => path !== "");
    const there = all.length === 1 ? all : await present(all);
    if (there.length === 0) {
      const why = all.length === 0 ? "no file is named" : `none of ${all.join(", ")} exists`;
      throw new ConfigError(`Cannot read a kubeconfig: ${why}`);
    }
    const files = [];
    for (const path of there) {
      const fields = await readFields(path);
      if (fields !== undefined) files.push({ path, fields });
    }
    if (files.length > 0) return new Kubeconfig(files);
    throw new ConfigError(`Cannot use ${there.join(", ")} as a kubeconfig: it holds no fields`);
  }

  /** The name of the context that is used if nobody names another. */
  get currentContext(): string | undefined {
    for (const { path, fields } of this.#files) {
      const name = new Entry(fields, "the top", path).text("current-context");
      if (name !== undefined) return name;
    }
    return undefined;
  }

  /**
   * Finds an entry.
   *
   * @param list Where.
   * @param name Which.
   * @throws {ConfigError} If there is none; it names those that there are.
   */
  entry(list: keyof typeof KINDS, name: string): Entry {
    const kind = KINDS[list];
    const names: string[] = [];
    for (const { path, fields } of this.#files) {
      for (const item of Array.isArray(fields[list]) ? fields[list] : []) {
        if (!isFields(item)) continue;
        if (item.name === name && isFields(item[kind])) {
          return new Entry(item[kind], `${kind} ${JSON.stringify(name)}`, path);
        }
        names.push(JSON.stringify(item.name));
      }
    }
    throw new ConfigError(
      `Cannot find the ${kind} ${JSON.stringify(name)} in ${this.paths}: it has ${
        names.join(", ") || `no ${list}`
      }`,
    );
  }
}

async function present(paths: readonly string[]): Promise<string[]> {
  const found = [];
  for (const path of paths) {
    try {
      await Deno.stat(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      // Whatever else is wrong is told when it is read.
    }
    found.push(path);
  }
  return found;
}

/** The fields of a file; `undefined` if it is empty, which among several is no mistake. */
async function readFields(path: string): Promise<Fields | undefined> {
  const text = await readText(path);
  let file: unknown;
  try {
    file = await parse(text);
  } catch (error) {
    // Its message may quote what stands there, which may be a token.
    const at = (error as { linePos?: { line: number; col: number }[] }).linePos?.[0];
    const where = at === undefined ? "it is none" : `see line ${at.line}, column ${at.col}`;
    throw new ConfigError(`Cannot read ${path} as YAML: ${where}`);
  }
  if (file === null) return undefined;
  if (!isFields(file)) {
    throw new ConfigError(`Cannot use ${path} as a kubeconfig: it holds no fields`);
  }
  if (file.kind !== undefined && file.kind !== "Config") {
    throw new ConfigError(
      `Cannot use ${path} as a kubeconfig: its kind is ${JSON.stringify(file.kind)}, not "Config"`,
    );
  }
  return file;
}

/** Only who has YAML pays for its parser; all JSON is YAML too, and the parser says where a mistake is. */
async function parse(text: string): Promise<unknown> {
  if (text.trimStart().startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch {
      // Told below.
    }
  }
  // Its warnings would go to stderr, with the lines that they are about.
  return (await import("yaml")).parse(text, { logLevel: "error" });
}
