// Prints the --import-map flag that lets this project run from npm alone, or nothing where JSR answers
// (or holds in the cache what is needed). The tasks in deno.json put the answer into their command.
const { default: config } = await import("../deno.json", { with: { type: "json" } });
const needed = Object.values(config.imports).filter((name) => name.startsWith("jsr:"));
const reached = await Promise.race([
  Promise.all(needed.map((name) => import(name))).then(() => true, () => false),
  new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 3_000)),
]);
if (!reached) console.log("--import-map=tools/npm/import_map.json");
Deno.exit();
