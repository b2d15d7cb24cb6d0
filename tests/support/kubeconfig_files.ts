/**
 * Kubeconfig files as people have them, and what lies beside them.
 *
 * @module
 */

/** A folder of files, which goes with the test. */
export interface Files extends AsyncDisposable {
  /** The path of one of them. */
  path(name: string): string;
}

/** Writes files into a folder of their own. */
export async function files(contents: Readonly<Record<string, string>>): Promise<Files> {
  const folder = await Deno.makeTempDir({ prefix: "k8sensus-kubeconfig-" });
  for (const [name, text] of Object.entries(contents)) {
    await Deno.mkdir(`${folder}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
  return {
    path: (name) => `${folder}/${name}`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** What stands in a kubeconfig with one entry of each kind. */
export interface Parts {
  readonly cluster?: Readonly<Record<string, unknown>>;
  /** `null` leaves it out. */
  readonly user?: Readonly<Record<string, unknown>> | null;
  readonly context?: Readonly<Record<string, unknown>>;
  /** Beside them, or in their place. */
  readonly top?: Readonly<Record<string, unknown>>;
}

/** A kubeconfig with one of each, as JSON, which is YAML too. */
export function config(parts: Parts = {}): string {
  const user = parts.user === null ? [] : [{ name: "u", user: parts.user ?? { token: "secret" } }];
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "c",
    clusters: [{ name: "k", cluster: parts.cluster ?? { server: "https://k:6443/" } }],
    contexts: [{ name: "c", context: parts.context ?? { cluster: "k", user: "u" } }],
    users: user,
    ...parts.top,
  });
}
