/**
 * Other values in the environment, for the length of a test.
 *
 * @module
 */

/** Runs something with other values in the environment; `undefined` takes one out. */
export async function withEnv<T>(
  values: Readonly<Record<string, string | undefined>>,
  run: () => T | Promise<T>,
): Promise<T> {
  const before = Object.keys(values).map((name) => [name, Deno.env.get(name)] as const);
  const set = (name: string, value: string | undefined) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  try {
    for (const [name, value] of Object.entries(values)) set(name, value);
    return await run();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}
