/**
 * Runs everything that CI runs, in turn, and stops at the first failure: `deno task ok`. With names, only
 * those parts: `deno task ok fmt lint`.
 *
 * @module
 */
const ROOT = new URL("../", import.meta.url);

/** Runs Deno with its output where ours goes. @returns The exit code. */
async function deno(...args: string[]): Promise<number> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdin: "null" });
  return (await command.spawn().status).code;
}

/** The flag that lets Deno do without JSR, where that is needed. */
async function importMap(): Promise<string[]> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "tools/registry.ts"],
    cwd: ROOT,
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (code !== 0) Deno.exit(code);
  return new TextDecoder().decode(stdout).split("\n").filter((flag) => flag !== "");
}

/** The programs in this folder; those of `npm/` are checked where they are in use. */
function tools(): string[] {
  return [...Deno.readDirSync(new URL("tools/", ROOT))]
    .filter(({ name }) => name.endsWith(".ts"))
    .map(({ name }) => `tools/${name}`)
    .sort();
}

type Part = (map: string[]) => Promise<number>;

const PARTS: Readonly<Record<string, Part>> = {
  fmt: () => deno("fmt", "--check"),
  lint: () => deno("lint"),
  check: (map) => deno("check", ...map, "mod.ts", "lib", "tests", ...tools()),
  docs: (map) => deno("doc", "--lint", ...map, "mod.ts", "lib/testing/mod.ts"),
  simulate,
  test: () => deno("task", "--quiet", "test"),
};

/** Two minutes of simulation: the first seeds, the same ones every time, and fresh ones. */
async function simulate(): Promise<number> {
  const minute = ["task", "--quiet", "simulate", "--minutes", "1"];
  return await deno(...minute, "--seeds", "1..4294967295") || await deno(...minute);
}

/** Runs the parts of these names. @returns The exit code of the first that fails, else 0. */
async function main(names: string[]): Promise<number> {
  const unknown = names.find((name) => !Object.hasOwn(PARTS, name));
  if (unknown !== undefined) {
    console.error(`Cannot run the part "${unknown}": there are ${Object.keys(PARTS).join(", ")}`);
    return 2;
  }
  const map = await importMap();
  for (const [name, part] of Object.entries(PARTS)) {
    if (names.length > 0 && !names.includes(name)) continue;
    console.error(`--- ${name}`);
    const code = await part(map);
    if (code !== 0) {
      console.error(`--- ${name} failed`);
      return code;
    }
  }
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
