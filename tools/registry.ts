// Prints the --import-map flag that lets this project run from npm alone, or nothing where JSR answers
// (or holds in the cache what is needed). The tasks in deno.json put the answer into their command.
// With --config it prints a deno.json to use in place of ours, which needs no such flag.
const { default: config } = await import("../deno.json", { with: { type: "json" } });

// Behind some firewalls JSR does not refuse, it says nothing. Who has waited once shall not wait for each
// command: for an hour, JSR then has to answer as fast as a cache does.
const LIMIT_MS = 3_000;
const SHORT_LIMIT_MS = 300;
const MEMORY_MS = 3_600_000;

const needed = Object.values(config.imports).filter((name) => name.startsWith("jsr:"));
const reached = Promise.all(needed.map((name) => import(name))).then(() => true, () => false);
const within = (ms: number) =>
  Promise.race([
    reached,
    new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), ms)),
  ]);

let answer = await within(SHORT_LIMIT_MS);
if (answer === undefined && !wasSilent()) {
  answer = await within(LIMIT_MS - SHORT_LIMIT_MS);
  if (answer === undefined) rememberSilence();
}

const importMap = "tools/npm/import_map.json";
if (Deno.args[0] === "--config") {
  const other = answer ? {} : { imports: undefined, importMap };
  console.log(JSON.stringify({ ...config, ...other }, null, 2));
} else if (!answer) console.log(`--import-map=${importMap}`);
Deno.exit();

/** Whether JSR has been waited for in vain within the last hour. */
function wasSilent(): boolean {
  try {
    return Date.now() - Number(localStorage.getItem("silent")) < MEMORY_MS;
  } catch {
    return false; // The cache of Deno, where this would be, cannot be used.
  }
}

function rememberSilence(): void {
  try {
    localStorage.setItem("silent", String(Date.now()));
  } catch {
    // Then the next command waits too.
  }
}
