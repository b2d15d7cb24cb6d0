/**
 * The permissions of `deno task start`, so that what is tested and measured is what runs.
 *
 * @module
 */
const CONFIG = new URL("../../deno.json", import.meta.url);

/** The flags of `deno run` that give them. */
export async function startPermissions(): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(CONFIG)) as {
    tasks: { start: { command: string } };
  };
  return tasks.start.command.match(/--allow-\S+/g) ?? [];
}
