/**
 * Finds every process that a test has started, by a mark in its environment. Neither `setsid` nor a double
 * fork gets rid of it, and a process of somebody else that was given the same number does not have it.
 *
 * @module
 */

/** Name of the variable. */
export const MARK = "TEST_PROCESS_MARK";

const ROUNDS = 500;
const PAUSE_MS = 10;

/**
 * SIGKILL to all processes with a mark, until none is left.
 *
 * @returns `false` where there is no /proc to look in.
 * @throws {Error} If some of them do not die.
 */
export async function killMarked(mark: string): Promise<boolean> {
  // Again and again: one may have forked between the look and the kill.
  for (let round = 0; round < ROUNDS; round++) {
    const pids = await findMarked(mark);
    if (pids === undefined) return false;
    if (pids.length === 0) return true;
    for (const pid of pids) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error(`Cannot end the processes with mark ${mark}`);
}

/**
 * The processes with a mark; zombies have no environment any more and do not count.
 *
 * @returns Their ids, or `undefined` where there is no /proc.
 */
export async function findMarked(mark: string): Promise<number[] | undefined> {
  const pids: number[] = [];
  try {
    for await (const { name } of Deno.readDir("/proc")) {
      if (/^\d+$/.test(name) && await isMarked(name, mark)) pids.push(Number(name));
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  return pids;
}

async function isMarked(pid: string, mark: string): Promise<boolean> {
  try {
    const environment = await Deno.readTextFile(`/proc/${pid}/environ`);
    return environment.split("\0").includes(`${MARK}=${mark}`);
  } catch {
    return false; // Gone, or somebody else's.
  }
}
