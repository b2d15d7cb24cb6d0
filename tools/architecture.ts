/**
 * The rules of `docs/architecture.md` that a machine can check: which way imports point, and which file
 * may touch what. `tests/architecture_test.ts` holds `lib/` to them.
 *
 * @module
 */
import { parseSource, type Source } from "./source.ts";

/** Files by their path from the root of the repository, with `/` between folders. */
export type Sources = Readonly<Record<string, string>>;

/** A part of the house, the files it is made of, and what those may import. */
interface Room {
  readonly name: string;
  readonly files: RegExp;
  /** The names of the rooms they may import from, beside their own. */
  readonly imports: readonly string[];
}

const FOUNDATION = ["foundation", "ground"];
const MIDDLE = [...FOUNDATION, "machine", "kubernetes"];

/** From the ground up. `kubernetes` and `testing` stand on the ground alone: they know of no elections. */
const ROOMS: readonly Room[] = [
  { name: "ground", files: /^lib\/(clock|lease|errors|logger)\.ts$/, imports: FOUNDATION },
  { name: "foundation", files: /^lib\/(duration|token|timing)\.ts$/, imports: FOUNDATION },
  { name: "kubernetes", files: /^lib\/kubernetes\//, imports: ["ground"] },
  { name: "testing", files: /^lib\/testing\//, imports: ["ground"] },
  { name: "machine", files: /^lib\/election(\.ts$|\/)/, imports: FOUNDATION },
  { name: "guard link", files: /^lib\/guard\/(link|lines|messages)\.ts$/, imports: FOUNDATION },
  {
    name: "guard machine",
    files: /^lib\/guard\/(guard|state|command|proof|release)\.ts$/,
    imports: [...FOUNDATION, "machine", "guard link"],
  },
  {
    name: "shell",
    files: /^lib\/(term|elector|elector_options|driver|guarding|log_lines|preflight|status)\.ts$/,
    imports: [...MIDDLE, "guard link"],
  },
  { name: "guard", files: /^lib\/guard\//, imports: [...MIDDLE, "guard link", "guard machine"] },
  { name: "server", files: /^lib\/server\//, imports: [...MIDDLE, "shell"] },
  { name: "fencing", files: /^lib\/fencing\//, imports: [...MIDDLE, "shell"] },
  {
    name: "cli",
    files: /^lib\/cli\//,
    imports: [
      ...MIDDLE,
      "shell",
      "guard link",
      "guard machine",
      "guard",
      "server",
      "fencing",
      "testing",
    ],
  },
];

/** Something that only some files may have in their code. */
interface Privilege {
  readonly what: string;
  readonly code: RegExp;
  readonly files: RegExp;
}

const CLOCK = /^lib\/clock\.ts$/;

const PRIVILEGES: readonly Privilege[] = [
  {
    what: "fetch()",
    code: /(?<![\w$#]|(?<!\bglobalThis)\.\s*)fetch\s*\(/,
    files: /^lib\/kubernetes\/client\.ts$/,
  },
  { what: "setTimeout", code: /(?<![\w$#])setTimeout\b/, files: CLOCK },
  { what: "setInterval", code: /(?<![\w$#])setInterval\b/, files: CLOCK },
  { what: "Date.now", code: /\bDate\s*\??\.\s*now\b/, files: CLOCK },
  { what: "new Date()", code: /\bnew\s+Date\s*(?:\(\s*\)|(?!\s*\())/, files: CLOCK },
  { what: "Temporal.Now", code: /\bTemporal\s*\.\s*Now\b/, files: CLOCK },
  { what: "performance.now", code: /\bperformance\s*\??\.\s*now\b/, files: CLOCK },
  { what: "Math.random", code: /\bMath\s*\??\.\s*random\b/, files: CLOCK },
  { what: "getRandomValues", code: /\bgetRandomValues\b/, files: CLOCK },
  { what: "randomUUID", code: /\brandomUUID\b/, files: CLOCK },
  {
    what: "Deno",
    code: /(?<![\w$#.])Deno\b/,
    files:
      /^lib\/(clock\.ts|kubernetes\/((config|kubeconfig|credentials|client|pool|relay)\.ts|kubeconfig\/.*)|guard\/(link|libc|processes|thread|warden|socket|deadline_file)\.ts|(server|testing|cli)\/.*)$/,
  },
];

/** Packages that only some files may import; the others may be imported by all. */
const PACKAGES: readonly { readonly name: RegExp; readonly files: RegExp }[] = [
  { name: /^@std\/log(\/|$)/, files: /^lib\/cli\// },
  { name: /^@std\/assert(\/|$)|^fast-check$/, files: /^$/ },
];

const LONGEST = 450;

/**
 * Checks the files of `lib/` against the rules.
 *
 * @param sources All files of `lib/`; others are ignored.
 * @returns What is wrong, one line each, naming the file; empty if nothing is.
 */
export function faultsOf(sources: Sources): string[] {
  const faults: string[] = [];
  const imports = new Map<string, string[]>();
  for (const [file, text] of Object.entries(sources)) {
    if (!file.startsWith("lib/")) continue;
    const source = parseSource(text);
    const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
    if (lines > LONGEST) faults.push(`${file}: ${lines} lines are more than ${LONGEST}`);
    faults.push(...misplaced(file, source.code));
    const targets = targetsOf(file, source);
    faults.push(...wrongArrows(file, targets));
    imports.set(file, targets);
  }
  return [...faults, ...circles(imports)];
}

/** What the code has that only other files may have. */
function misplaced(file: string, code: string): string[] {
  return PRIVILEGES.flatMap(({ what, code: pattern, files }) => {
    const found = files.test(file) ? null : pattern.exec(code);
    if (found === null) return [];
    return [`${file}:${code.slice(0, found.index).split("\n").length}: ${what} has no place here`];
  });
}

/** What a file imports: other files as paths from the root, packages as they are written. */
function targetsOf(file: string, source: Source): string[] {
  return source.imports.map((specifier) => {
    if (!/^\.{0,2}\//.test(specifier)) return specifier;
    return new URL(specifier, `file:///${file}`).pathname.slice(1);
  });
}

function wrongArrows(file: string, targets: string[]): string[] {
  const room = ROOMS.find(({ files }) => files.test(file));
  if (room === undefined) {
    return [`${file}: which room is it in? See ROOMS in tools/architecture.ts`];
  }
  return targets.flatMap((target) => {
    const wrong = `${file}: must not import ${target}`;
    if (/^[a-z]+:/.test(target)) return [`${wrong}: name packages in deno.json`];
    const only = PACKAGES.find(({ name }) => name.test(target));
    if (only !== undefined) return only.files.test(file) ? [] : [wrong];
    if (!/\.[a-z]+$/.test(target)) return [];
    if (target === "deno.json" && room.name === "cli") return [];
    const other = ROOMS.find(({ files }) => files.test(target));
    if (other === room || (other !== undefined && room.imports.includes(other.name))) return [];
    return [wrong];
  });
}

/** Every circle once, as the path that leads back to where it began. */
function circles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const faults: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) {
      const circle = [...path.slice(path.indexOf(file)), file];
      faults.push(`${file}: imports itself: ${circle.join(" -> ")}`);
      return;
    }
    if (done.has(file)) return;
    for (const target of imports.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return faults;
}
