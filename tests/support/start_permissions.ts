/**
 * The flags of the tasks of `deno.json`, so that what is tested and measured is what runs.
 *
 * @module
 */
const CONFIG = new URL("../../deno.json", import.meta.url);

/** The permissions of `deno task start`. */
export async function startPermissions(): Promise<string[]> {
  return await runFlags("start");
}

/** What a task gives to `deno run`: permissions, and what saves memory. */
export async function runFlags(task: string): Promise<string[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(CONFIG)) as {
    tasks: Record<string, { command: string }>;
  };
  return tasks[task]!.command.match(/--allow-\S+|--no-code-cache/g) ?? [];
}
