/**
 * Processes as `/proc` shows them: who lives below this one, who carries a mark, and the end of both.
 *
 * @module
 */
import { type Libc, openLibc } from "./libc.ts";
import type { Exit } from "./messages.ts";

/** Numbers in a `/proc` of another PID namespace are other processes here: nobody may be killed by them. */
const FOREIGN = "/proc does not show this process";

/** A line of the process table. */
interface Entry {
  readonly pid: number;
  readonly parent: number;
  /** In clock ticks since boot. */
  readonly started: number;
  /** A zombie is dead; but a main thread may end before the others. */
  readonly alive: boolean;
}

/** What one kill pass found. */
export interface Pass {
  /** How many lived or were newly dead. */
  readonly found: number;
  /** Why passes prove nothing here. */
  readonly unprovable?: string;
}

/** The processes below this one. */
export class Processes {
  readonly #mark: string;
  /** The children that Deno waits for. */
  readonly #own = new Set<number>();
  readonly #libc: Libc | string;
  /** Orphans reaped since the last pass. */
  #reaped = 0;
  /** Why nothing can be proven here. */
  readonly unprovable: string | undefined;

  /**
   * Becomes the one that orphans go to, where that is possible.
   *
   * @param mark The name of the variable that everything started here carries in its environment.
   */
  constructor(mark: string) {
    this.#mark = mark;
    this.#libc = openLibc();
    this.unprovable = this.#settle();
  }

  #settle(): string | undefined {
    if (typeof this.#libc === "string") return this.#libc;
    if (!this.#libc.becomeSubreaper()) return "the kernel refuses to make this a child subreaper";
    return isOurs() ? undefined : FOREIGN;
  }

  /** Has a child left to Deno, until it has ended. */
  async own(child: Deno.ChildProcess): Promise<Exit> {
    this.#own.add(child.pid);
    const exit = await exitOf(child);
    this.#own.delete(child.pid);
    this.reap();
    return exit;
  }

  /** Reaps the orphans that have ended here, which nobody else would. */
  reap(): void {
    if (typeof this.#libc === "string") return;
    for (let pid; (pid = this.#libc.endedChild()) !== undefined; this.#reaped++) {
      // What Deno waits for stands in the way until Deno has reaped it.
      if (this.#own.has(pid)) return;
      this.#libc.reap(pid);
    }
  }

  /**
   * SIGKILL to every living descendant and to all that carry the mark.
   *
   * @param spared A child that may live, with all below it.
   */
  async sweep(spared?: number): Promise<Pass> {
    // A process that lives through a whole pass is seen in it. One that forks and dies in its course may slip
    // through, but not unnoticed: at the beginning of the next pass it is newly dead.
    this.reap();
    let found = this.#reaped;
    this.#reaped = 0;
    if (!isOurs()) return { found, unprovable: FOREIGN };
    try {
      const table = readTable();
      const below = [...descendants(table, Deno.pid, spared), ...hiddenChildren(table)];
      for (const pid of below) {
        found++;
        kill(pid);
      }
      const kept = new Set([...below, Deno.pid, spared ?? 0]);
      if (spared !== undefined) { for (const pid of descendants(table, spared)) kept.add(pid); }
      found += await killCarriers(table, this.#mark, kept);
    } catch (error) {
      return { found, unprovable: `cannot read /proc: ${messageOf(error)}` };
    }
    if (spared === undefined && this.#own.size === 0 && typeof this.#libc !== "string") {
      if (!this.#libc.isChildless()) found++;
    }
    return { found, unprovable: this.unprovable };
  }
}

/** What an elector does in place of a guard that is gone, or asleep: it kills what that has started. */
export class Deputy {
  readonly #mark: string;
  readonly #guard: Entry | undefined;
  /** Who lived below the guard when this was last looked at. */
  #known: readonly Entry[] = [];

  /**
   * @param mark The name of the variable that everything carries which the guard has started.
   * @param guard The process of the guard, of which this one is a child.
   */
  constructor(mark: string, guard?: number) {
    this.#mark = mark;
    // The parent of one whose guard has died already is a stranger.
    const isParent = guard !== undefined && guard === Deno.ppid;
    this.#guard = isParent && isOurs() ? readEntry(`${guard}`) : undefined;
  }

  /**
   * Notes who lives below the guard: when that has died the tree is gone, and who carries no mark can be
   * found only if it was known before.
   */
  look(): void {
    const below = this.#guardLives() ? listBelow(this.#guard!.pid, Deno.pid) : [];
    // Who died meanwhile may have been seen without some of its children.
    if (this.#guardLives()) this.#known = below;
  }

  #guardLives(): boolean {
    if (this.#guard === undefined) return false;
    const { pid, started } = this.#guard;
    const entry = readEntry(`${pid}`);
    return entry?.started === started && entry.alive;
  }

  /**
   * SIGKILL to the command's group, to all below the guard, to all that were seen there and all below them,
   * and to all that carry the mark, until two passes find none.
   *
   * @param command The process that leads the group, if it is known.
   * @param pause Waits between passes, long enough for what has just been forked to get its environment.
   */
  async kill(command: number | undefined, pause: () => Promise<void>): Promise<void> {
    if (command !== undefined) kill(-command);
    // Without a /proc of ours there is nobody else to be found.
    if (Deno.build.os !== "linux" || !isOurs()) return;
    for (let clean = 0; clean < 2; await pause()) {
      const table = readTable();
      const below = this.#known = this.#below(table);
      // Those that this may not kill are not waited for: nothing is claimed, and they may live for ever.
      const killed = below.filter(({ pid }) => kill(pid));
      const kept = new Set([Deno.pid, ...below.map(({ pid }) => pid)]);
      const found = killed.length + await killCarriers(table, this.#mark, kept);
      clean = found === 0 ? clean + 1 : 0;
    }
  }

  /** Who lives below the guard, and who was seen there and what lives below them; this process is spared. */
  #below(table: readonly Entry[]): Entry[] {
    const known = new Map(this.#known.map(({ pid, started }) => [pid, started]));
    const found = new Set<number>();
    for (const { pid, started } of table) {
      // A number may belong to somebody else by now.
      const isKnown = known.get(pid) === started;
      if (isKnown) found.add(pid);
      if (!isKnown && (pid !== this.#guard?.pid || started !== this.#guard.started)) continue;
      for (const below of descendants(table, pid, Deno.pid)) found.add(below);
    }
    return table.filter(({ pid, alive }) => alive && found.has(pid));
  }
}

/** Sends a signal, unless there is nobody to get it, or that one may not be sent any. @returns Whether it was. */
export function kill(pid: number, signal: string = "SIGKILL"): boolean {
  try {
    Deno.kill(pid, signal as Deno.Signal);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    // A process of somebody else: it is seen in every pass of a guard, and so nothing is proven.
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}

/** How a child ended. Deno has reaped it too where it rejects, for want of a name for a real-time signal. */
async function exitOf(child: Deno.ChildProcess): Promise<Exit> {
  try {
    const { code, signal } = await child.status;
    return signal === null ? { code } : { code, signal };
  } catch (error) {
    const number = /^Invalid signal: (\d+)$/.exec(messageOf(error))?.[1];
    // An end of which nothing is known is a failure, and an end: the passes find whatever lives.
    if (number === undefined) return { code: 1 };
    return { code: 128 + Number(number), signal: `signal ${number}` };
  }
}

/** Kills who carries the mark, but for those that are dealt with. @returns How many there were. */
async function killCarriers(
  table: readonly Entry[],
  mark: string,
  kept: ReadonlySet<number>,
): Promise<number> {
  const since = table.find(({ pid }) => pid === Deno.pid)?.started ?? 0;
  // A mark is younger than the process that made it up.
  const suspects = table.filter(({ pid, started, alive }) =>
    alive && started >= since && !kept.has(pid)
  );
  // All at once, and not in this thread: reading the memory of a process may take its time.
  const marked = await Promise.all(suspects.map(async ({ pid }) => {
    if (!await carries(pid, mark)) return false;
    kill(pid);
    return true;
  }));
  return marked.filter(Boolean).length;
}

async function carries(pid: number, mark: string): Promise<boolean> {
  try {
    const environment = await Deno.readTextFile(`/proc/${pid}/environ`);
    return `\0${environment}`.includes(`\0${mark}=`);
  } catch {
    return false; // Gone, or of another user: then only the tree can show it.
  }
}

/** The living processes below `root`, without those at and below `spared`. */
function descendants(table: readonly Entry[], root: number, spared?: number): number[] {
  const children = Map.groupBy(table, ({ parent }) => parent);
  const found: number[] = [];
  const visit = (parent: number) => {
    for (const { pid, alive } of children.get(parent) ?? []) {
      if (pid === spared || pid === root) continue;
      if (alive) found.push(pid);
      visit(pid);
    }
  };
  visit(root);
  return found;
}

/**
 * The same as the kernel lists them by their parents, which is less to read than the whole table, and may miss
 * some while others end.
 */
function listBelow(root: number, spared: number): Entry[] {
  const found: Entry[] = [];
  for (const pid of listChildren(root)) {
    const entry = pid === spared ? undefined : readEntry(`${pid}`);
    if (entry !== undefined) found.push(entry, ...listBelow(pid, spared));
  }
  return found;
}

function listChildren(pid: number): number[] {
  // Children belong to the thread that started them.
  return entriesOf(`/proc/${pid}/task`).flatMap((thread) =>
    textOf(`/proc/${pid}/task/${thread}/children`).split(" ").filter((child) => child !== "")
  ).map(Number);
}

function entriesOf(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch {
    return []; // Gone.
  }
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // Gone, or of a kernel that keeps no such lists.
  }
}

/**
 * Children that the table lacks, since `/proc` hides those of other users (`hidepid`). What hides further below
 * becomes a child when those above it are dead.
 */
function hiddenChildren(table: readonly Entry[]): number[] {
  const shown = new Set(table.map(({ pid }) => pid));
  return listChildren(Deno.pid).filter((pid) => !shown.has(pid));
}

/** Whether `/proc` shows the processes that can be reached from here. */
function isOurs(): boolean {
  return readEntry("self")?.pid === Deno.pid;
}

function readTable(): Entry[] {
  const table: Entry[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    const entry = /^\d+$/.test(name) ? readEntry(name) : undefined;
    if (entry !== undefined) table.push(entry);
  }
  return table;
}

function readEntry(name: string): Entry | undefined {
  const text = textOf(`/proc/${name}/stat`);
  if (text === "") return undefined;
  // The name of the program stands in parentheses, and may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, threads, started] = [0, 1, 17, 19].map((index) => fields[index]);
  return {
    pid: Number.parseInt(text),
    parent: Number(parent),
    started: Number(started),
    alive: (state !== "Z" && state !== "X") || Number(threads) > 1,
  };
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);
