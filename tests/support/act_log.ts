/**
 * Finds acts of two leaders that overlap, among real processes, without trusting any clock.
 *
 * Each act is one `write()` of one line to a file opened with O_APPEND. The kernel orders such appends
 * totally, so the *position in the file* says which act came first, and no time is compared. Any act under
 * an older token after the first act under a newer one is stale. The times in a record are for figures
 * alone: Deno's `performance.now()` starts near zero in every process, and wall clocks jump.
 *
 * Use one log per Lease, on a local file system.
 *
 * @module
 */

/** Longer lines are refused, so that one act stays one small write. */
const MAX_LINE_BYTES = 4096;

/** One act, as it stands in the log. */
export interface ActRecord {
  readonly pid: number;
  /** Names the term: the holder identity with its nonce. */
  readonly identity: string;
  /** Fencing token, a decimal string. */
  readonly token: string;
  /** Counts the acts of one writer from 1. */
  readonly sequence: number;
  /** Wall clock, ms since 1970. */
  readonly wallMs: number;
  /** Wall time at the start of the process plus monotonic time since, ms since 1970. */
  readonly monotonicMs: number;
  /** Whatever else the writer wants to say. */
  readonly note?: string;
}

/** Who acts. */
export type Actor = Pick<ActRecord, "identity" | "token" | "note">;

/** What the order of acts is judged by; the time counts for figures alone. */
export type Act = Pick<ActRecord, "pid" | "identity" | "token" | "sequence" | "monotonicMs">;

/** A stale act, and what makes it stale. */
export interface StaleAct {
  readonly act: Act;
  /** Line of the log, from 1. */
  readonly line: number;
  /** The earlier line with a newer token. */
  readonly newer: Act;
  /** How long after the first act of the newer term, as far as clocks can tell. */
  readonly overlapMs: number;
}

/** Time between two terms without an act, as far as clocks can tell. */
export interface Gap {
  readonly from: ActRecord;
  readonly to: ActRecord;
  /** Negative if the terms overlap. */
  readonly gapMs: number;
}

/** An open log. */
export class ActLog implements Disposable {
  readonly #file: Deno.FsFile;
  #sequence = 0;

  /** @ignore Made by {@linkcode openActLog}. */
  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Writes one act; when this returns, the kernel has it.
   *
   * @param actor Who acts.
   * @param check Called with everything ready, so that between it and the write lies nothing but the call of
   * the kernel; what it throws is thrown on, and nothing is written. The times in the record are earlier.
   * @throws {RangeError} If the line would be longer than 4 KiB.
   * @throws {Error} If the kernel took part of it only (a full disk): the log proves nothing any more.
   */
  act(actor: Actor, check: () => void = () => {}): ActRecord {
    const record: ActRecord = {
      pid: Deno.pid,
      identity: actor.identity,
      token: actor.token,
      sequence: this.#sequence + 1,
      wallMs: Date.now(),
      monotonicMs: performance.timeOrigin + performance.now(),
      ...(actor.note !== undefined && { note: actor.note }),
    };
    const line = new TextEncoder().encode(JSON.stringify(record) + "\n");
    if (line.length > MAX_LINE_BYTES) {
      throw new RangeError(
        `Cannot write an act of ${line.length} bytes: at most ${MAX_LINE_BYTES}`,
      );
    }
    check();
    this.#sequence++;
    // Synchronous, so that nothing happens between the look at the clock and the write.
    const written = this.#file.writeSync(line);
    if (written !== line.length) {
      throw new Error(`Cannot write an act: ${written} of ${line.length} bytes taken`);
    }
    return record;
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** Opens a log for writing; all processes may have it open at once. */
export function openActLog(path: string): ActLog {
  return new ActLog(Deno.openSync(path, { append: true, create: true }));
}

/**
 * Reads a log.
 *
 * @returns Its records in the order of the file.
 * @throws {Error} If a line is not a whole record.
 */
export async function readActLog(path: string): Promise<ActRecord[]> {
  const text = await Deno.readTextFile(path);
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new Error(`Cannot read ${path}: its last line is not whole`);
  return lines.map((line, index) => {
    const record = parse(line);
    if (record === undefined) throw new Error(`Cannot read line ${index + 1} of ${path}: ${line}`);
    return record;
  });
}

function parse(line: string): ActRecord | undefined {
  try {
    const record: ActRecord = JSON.parse(line);
    const whole = /^\d+$/.test(record.token) && typeof record.identity === "string" &&
      Number.isInteger(record.pid) && Number.isInteger(record.sequence) &&
      Number.isFinite(record.wallMs) && Number.isFinite(record.monotonicMs);
    return whole ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Compares tokens by length, then by bytes: they may be larger than a Number holds. */
export function compareTokens(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+(?=\d)/, ""), b.replace(/^0+(?=\d)/, "")];
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Acts that came after the first act of a newer term. */
export function findStaleActs(records: readonly Act[]): StaleAct[] {
  const stale: StaleAct[] = [];
  /** First act under each new highest token, tokens rising. */
  const firsts: Act[] = [];
  for (const [index, act] of records.entries()) {
    const newer = firsts.find((first) => compareTokens(first.token, act.token) > 0);
    if (newer !== undefined) {
      stale.push({ act, line: index + 1, newer, overlapMs: act.monotonicMs - newer.monotonicMs });
    } else if (firsts.length === 0 || compareTokens(firsts.at(-1)!.token, act.token) < 0) {
      firsts.push(act);
    }
  }
  return stale;
}

/** Tokens under which more than one term acted; a token must never repeat. */
export function findSharedTokens(records: readonly Act[]): string[] {
  const owners = new Map<string, string>();
  const shared = new Set<string>();
  for (const { token, identity } of records) {
    if ((owners.get(token) ?? identity) !== identity) shared.add(token);
    owners.set(token, identity);
  }
  return [...shared];
}

/**
 * The times between the last act of each term and the first of the next. An act that is stale does not end
 * its term, so look for those first.
 */
export function gaps(records: readonly ActRecord[]): Gap[] {
  const found: Gap[] = [];
  let last: ActRecord | undefined;
  for (const act of records) {
    const order = last === undefined ? 0 : compareTokens(act.token, last.token);
    if (order < 0) continue;
    if (last !== undefined && order > 0) {
      found.push({ from: last, to: act, gapMs: act.monotonicMs - last.monotonicMs });
    }
    last = act;
  }
  return found;
}
