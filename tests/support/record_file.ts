// `reliability.json`: several programs share it, each with a part of its own, and keep what others wrote.

/**
 * Reads a record; one that is not there yet is empty.
 *
 * @typeParam T What its reader knows of it.
 */
export function readRecord<T extends object>(file: string): T {
  try {
    return JSON.parse(Deno.readTextFileSync(file));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {} as T;
    throw error;
  }
}

/** Reads a record, changes it and puts it back, all at once. */
export function updateRecord<T extends object>(file: string, change: (record: T) => T): void {
  const text = JSON.stringify(change(readRecord<T>(file)), undefined, 2);
  Deno.writeTextFileSync(`${file}.new`, text + "\n");
  Deno.renameSync(`${file}.new`, file);
}
