/**
 * One entry of a kubeconfig, and its fields: what is not understood is refused by name, never passed over.
 *
 * @module
 */
import { ConfigError } from "../../errors.ts";

/** Fields as they stand in a file. */
export type Fields = Readonly<Record<string, unknown>>;

/** A cluster, a user, a context, or a part of one. */
export class Entry {
  /** As they stand in the file. */
  readonly fields: Fields;
  readonly #label: string;
  readonly #path: string;

  /**
   * @param fields As they stand in the file.
   * @param label What it is, for messages: `user "u"`.
   * @param path The file. Paths in it are relative to its folder.
   */
  constructor(fields: Fields, label: string, path: string) {
    this.fields = fields;
    this.#label = label;
    this.#path = path;
  }

  /** Which entry of which file, for messages: `user "u" in /home/me/.kube/config`. */
  get where(): string {
    return `${this.#label} in ${this.#path}`;
  }

  /** A text; `undefined` if there is none, or an empty one. */
  text(field: string): string | undefined {
    const value = this.fields[field];
    if (value === undefined || value === null || value === "") return undefined;
    if (typeof value === "string") return value;
    throw this.unusable(field, "it is not a text");
  }

  /** A yes or no; no if there is none. */
  flag(field: string): boolean {
    const value = this.fields[field] ?? false;
    if (typeof value === "boolean") return value;
    throw this.unusable(field, "it is neither true nor false");
  }

  /** A list; empty if there is none. */
  list(field: string): readonly unknown[] {
    const value = this.fields[field] ?? [];
    if (Array.isArray(value)) return value;
    throw this.unusable(field, "it is not a list");
  }

  /** The fields of a part. */
  part(field: string): Entry | undefined {
    const value = this.fields[field];
    if (value === undefined || value === null) return undefined;
    if (isFields(value)) return new Entry(value, `${field} of ${this.#label}`, this.#path);
    throw this.unusable(field, "it holds no fields");
  }

  /** A path, made absolute or left relative to the working directory, as the kubeconfig itself is. */
  path(field: string): string | undefined {
    const path = this.text(field);
    return path === undefined ? undefined : this.besides(path);
  }

  /** A path as seen from the working directory. */
  besides(path: string): string {
    return path.startsWith("/") ? path : `${this.#path.replace(/[^/]*$/, "")}${path}`;
  }

  /** What stands in `field-data` in base64, else in the file that `field` names. */
  async pem(field: string): Promise<string | undefined> {
    const data = this.text(`${field}-data`);
    if (data === undefined) {
      const path = this.path(field);
      return path === undefined ? undefined : await readText(path);
    }
    try {
      return new TextDecoder().decode(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)));
    } catch {
      throw this.unusable(`${field}-data`, "it is not base64");
    }
  }

  /**
   * Refuses fields that are not understood.
   *
   * @param known Those that are.
   * @param advice What to use in the place of some that are known and not supported.
   * @throws {ConfigError} If there are others; it names the first.
   */
  refuseOthers(known: readonly string[], advice: Readonly<Record<string, string>> = {}): void {
    for (const [field, value] of Object.entries(this.fields)) {
      if (known.includes(field) || value === null || value === "") continue;
      const reason = Object.hasOwn(advice, field) ? advice[field] : undefined;
      throw this.unusable(field, reason ?? `supported are ${known.join(", ")}`);
    }
  }

  /** The error for a field that cannot be used. */
  unusable(field: string, reason: string): ConfigError {
    return new ConfigError(`Cannot use the field ${field} of ${this.where}: ${reason}`);
  }
}

/** Whether a value holds named fields. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads a file.
 *
 * @throws {ConfigError} If it cannot be read.
 */
export async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new ConfigError(
      `Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
