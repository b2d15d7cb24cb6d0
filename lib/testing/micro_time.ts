/**
 * Times as the API server reads them: layout element by layout element, with the complaints of Go's
 * `time.Parse`, because those are what people see in their logs.
 *
 * @module
 */

/** Reads one element of a layout off the front of the text. */
type Element = readonly [layout: string, pattern: RegExp];

const DATE: readonly Element[] = [
  ["2006", /^\d{4}/],
  ["-", /^-/],
  ["01", /^\d\d/],
  ["-", /^-/],
  ["02", /^\d\d/],
  ["T", /^T/],
  ["15", /^\d\d?/],
  [":", /^:/],
  ["04", /^\d\d/],
  [":", /^:/],
  ["05", /^\d\d/],
];
const MICROS: Element = [".000000", /^[.,]\d{6}/];
const ZONE: Element = ["Z07:00", /^(?:Z|[+-]\d\d:\d\d)/];
/** A time without prescribed digits takes any number of them after the seconds. */
const SECONDS_AND_MORE: Element = ["05", /^\d\d(?:[.,]\d+)?/];

const MICRO_TIME = { name: "2006-01-02T15:04:05.000000Z07:00", elements: [...DATE, MICROS, ZONE] };
const TIME = {
  name: "2006-01-02T15:04:05Z07:00",
  elements: [...DATE.slice(0, -1), SECONDS_AND_MORE, ZONE],
};

/** A time that was read, or why it cannot be read. */
export type ReadTime =
  | { readonly text: string | null; readonly error?: undefined }
  | { readonly error: string };

/**
 * Reads a MicroTime: exactly six digits, any offset.
 *
 * @param text As it came.
 * @returns The same instant in UTC as the server sends it back; `null` for the zero time of Go, the
 * beginning of the year 1.
 */
export function readMicroTime(text: string): ReadTime {
  const parts = split(text, MICRO_TIME);
  if (typeof parts === "string") return { error: parts };
  const ms = instantOf(parts);
  // Years beyond 9999, which an offset can lead to, come as +010000 out of JavaScript and as 10000 out of Go.
  const utc = new Date(ms).toISOString().replace(/^[+-]0*(\d{4,})-/, "$1-").replace(/\..*/, "");
  const time = `${utc}.${parts[11]!.slice(1)}Z`;
  return { text: time === "0001-01-01T00:00:00.000000Z" ? null : time };
}

/**
 * Reads a Time of `metadata`, which the server then replaces by its own.
 *
 * @param text As it came.
 * @returns Why it cannot be read, if so.
 */
export function readTime(text: string): string | undefined {
  const parts = split(text, TIME);
  return typeof parts === "string" ? parts : undefined;
}

function split(
  text: string,
  layout: { readonly name: string; readonly elements: readonly Element[] },
): string[] | string {
  const quoted = quote(text);
  const parts: string[] = [];
  let rest = text;
  for (const [index, [name, pattern]] of layout.elements.entries()) {
    const part = pattern.exec(rest)?.[0];
    if (part === undefined) {
      return `parsing time ${quoted} as "${layout.name}": ` +
        `cannot parse ${quote(rest)} as "${name}"`;
    }
    const outside = outOfRange(index, part);
    if (outside !== undefined) return `parsing time ${quoted}: ${outside} out of range`;
    parts.push(part);
    rest = rest.slice(part.length);
  }
  if (rest !== "") return `parsing time ${quoted}: extra text: ${quote(rest)}`;
  const [year, , month, , day] = parts.map(Number);
  if (day! < 1 || day! > daysIn(year!, month!)) {
    return `parsing time ${quoted}: day out of range`;
  }
  return parts;
}

/** As the time package of Go: everything but printable ASCII is shown byte by byte. */
function quote(text: string): string {
  let quoted = "";
  for (const byte of new TextEncoder().encode(text)) {
    const char = String.fromCharCode(byte);
    if (byte < 0x20 || byte >= 0x80) quoted += `\\x${byte.toString(16).padStart(2, "0")}`;
    else quoted += char === '"' || char === "\\" ? `\\${char}` : char;
  }
  return `"${quoted}"`;
}

function outOfRange(index: number, part: string): string | undefined {
  const value = parseInt(part, 10);
  if (index === 2 && (value < 1 || value > 12)) return "month";
  if (index === 6 && value > 23) return "hour";
  if (index === 8 && value > 59) return "minute";
  if (index === 10 && value > 59) return "second";
  return undefined;
}

function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

/** To the second; the microseconds do not take part in the change of offset. */
function instantOf(parts: readonly string[]): number {
  const [year, , month, , day, , hour, , minute, , second] = parts.map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year!, month! - 1, day!);
  date.setUTCHours(hour!, minute!, second!);
  const zone = parts.at(-1)!;
  if (zone === "Z") return date.getTime();
  const offset = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return date.getTime() - (zone[0] === "-" ? -offset : offset) * 60_000;
}
