/**
 * The processes of candidates, as `/proc` shows them from outside of any namespace.
 *
 * @module
 */

/** A process that lives. */
export interface Entry {
  readonly pid: number;
  readonly parent: number;
  /** Its arguments, each ended by a NUL. */
  readonly commandLine: string;
}

/** All processes that live; none where there is no `/proc`. */
export function processTable(): Entry[] {
  const table: Entry[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const text = Deno.readTextFileSync(`/proc/${name}/stat`);
      const [state, parent] = text.slice(text.lastIndexOf(")") + 2).split(" ");
      if (state === "Z" || state === "X") continue;
      const commandLine = Deno.readTextFileSync(`/proc/${name}/cmdline`);
      table.push({ pid: Number(name), parent: Number(parent), commandLine });
    } catch {
      // Gone.
    }
  }
  return table;
}

/** The number of a process in its own namespace; `undefined` if it is gone. */
export function innerPid(pid: number): number | undefined {
  try {
    const numbers = /^NSpid:\s*(.*)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
    return Number(numbers?.split(/\s+/).at(-1));
  } catch {
    return undefined;
  }
}

/** The value of a variable in the environment that a process was started with; `undefined` if it has none. */
export function variableOf(pid: number, name: string): string | undefined {
  try {
    const lines = Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0");
    return lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
  } catch {
    return undefined;
  }
}

/** Sends a signal; nothing happens if there is nobody to get it. */
export function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * SIGKILL to all processes that have a text among their arguments, until none is left: who has neither group
 * nor environment of those who started it has this still.
 */
export async function killMentioning(text: string): Promise<void> {
  while (true) {
    const found = processTable().filter(({ commandLine }) => commandLine.includes(text));
    if (found.length === 0) return;
    for (const { pid } of found) signal(pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
