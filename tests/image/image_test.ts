// The image, as far as it can be had without a container runtime: the Dockerfile is carried out in folders, and
// its exact command line runs in PID, mount and network namespaces, as another user, with nothing to write to.
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { START } from "../../lib/cli/flags.ts";
import { JsrServer, nowhere } from "../jsr/jsr_server.ts";
import { importFlags, TestProcess } from "../support/processes.ts";
import { buildImages, type Images, readStages, stageNamed } from "./build.ts";
import { contextFiles, isSent } from "./context.ts";
import { configOf, parseDockerfile, type Stage } from "./dockerfile.ts";
import { EXEC_SCENARIOS } from "./exec_scenarios.ts";
import { SCENARIOS } from "./inside.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

Deno.test("the build context is at most 1 MB, and nothing in it is left unused", async () => {
  const files = await contextFiles(ROOT);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  assertLessOrEqual(bytes, 1_000_000);
  const sources = (await readStages()).flatMap(({ steps }) =>
    steps.filter(({ keyword, rest }) => keyword === "COPY" && !rest.startsWith("--from"))
      .flatMap(({ rest }) => rest.split(/ +/).slice(0, -1))
  );
  for (const { path } of files) {
    assert(sources.some((source) => `${path}/`.startsWith(`${source.replace(/\/$/, "")}/`)), path);
  }
});

Deno.test("isSent() reads .dockerignore as Docker does", () => {
  const patterns = ["# all but lib", "*", "!lib", "lib/**/*_old.ts", "!/tools/a.ts"];
  const sent = ["lib/a.ts", "lib/b/c.ts", "tools/a.ts", "lib/b/old.ts"];
  const kept = ["deno.json", ".git/config", "lib/b/c_old.ts", "tools/b.ts", "library.ts"];
  for (const path of sent) assert(isSent(patterns, path), path);
  for (const path of kept) assert(!isSent(patterns, path), path);
});

Deno.test("the image says what it is, and is made of one version of Deno", async () => {
  const stages = await readStages();
  const debian = `denoland/deno:${denoVersion}`;
  const bases = stages.map(({ from }) => from);
  assertEquals(bases, [debian, debian, `denoland/deno:distroless-${denoVersion}`]);
  const images = [
    [stages.at(-1)!, "/bin/deno"],
    [stageNamed(stages, "exec"), "/usr/bin/deno"],
  ] as const;
  for (const [stage, deno] of images) {
    const { labels, ports, stopSignal, user, entrypoint } = configOf(stage);
    assertEquals(labels["org.opencontainers.image.base.name"], `docker.io/${stage.from}`);
    assertEquals(labels["org.opencontainers.image.version"], config.version);
    assertEquals(labels["org.opencontainers.image.licenses"], config.license);
    // The base image's own init and program come first.
    assertEquals(entrypoint.slice(0, 4), ["/tini", "--", deno, "run"]);
    assert(entrypoint.includes("--cached-only") && entrypoint.includes("--no-prompt"));
    assertEquals([ports, stopSignal], [["8080"], "SIGTERM"]);
    assertEquals(START.listen.standard, ":8080");
    assert(/^[1-9]\d*:[1-9]\d*$/.test(user), "numbers, so that runAsNonRoot can tell");
  }
});

Deno.test("docs/operations.md copies all that the image for exec has", async () => {
  const document = await Deno.readTextFile(`${ROOT}docs/operations.md`);
  const blocks = [...document.matchAll(/^```dockerfile\n(.*?)^```$/gms)].map(([, text]) => text!);
  const [own, copied] = blocks.map((text) => parseDockerfile(text)[0]!);
  const exec = stageNamed(await readStages(), "exec");
  const { entrypoint, env, user } = configOf(exec);
  const named = `k8sensus-exec:${config.version}`;
  assertEquals(own!.from, named);
  const all = (stage: Stage, keyword: string) =>
    stage.steps.filter((step) => step.keyword === keyword).map(({ rest }) => rest);
  assertEquals(all(copied!, "ENTRYPOINT").map((text) => JSON.parse(text)), [entrypoint]);
  assertEquals(all(copied!, "USER"), [user]);
  assertEquals(all(copied!, "ENV"), [`DENO_DIR=/deno-dir/ ${all(exec, "ENV")}`]);
  assertEquals(Object.keys(env), ["DENO_NO_UPDATE_CHECK"]);
  const there = ["/tini", "/usr/bin/deno", "/deno-dir/", "/app/"];
  const copies = all(copied!, "COPY").filter((rest) => rest.startsWith("--from"));
  assertEquals(copies, there.map((path) => `--from=${named} ${path} ${path}`));
});

/** The version that CI installs. */
const denoVersion = /^deno_version=(.+)$/m.exec(await Deno.readTextFile(`${ROOT}.ci/run`))![1];

/** What `deno info` knows of a program of this repository. */
async function info(file: string): Promise<{
  modules: { specifier: string }[];
  npmPackages: Record<string, { name: string }>;
}> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--quiet", "--json", ...await importFlags(), file],
    cwd: ROOT,
    stdin: "null",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("the image may read the variables that the service reads, and no others", async () => {
  const { entrypoint } = configOf((await readStages()).at(-1)!);
  const allowed = entrypoint.find((word) => word.startsWith("--allow-env="))!
    .replace("--allow-env=", "").split(",");
  const read = new Set(Object.values(START).map(({ variable }) => variable));
  for (const { specifier } of (await info("lib/cli/start.ts")).modules) {
    if (!specifier.startsWith(`file://${ROOT}lib/`)) continue;
    const text = await Deno.readTextFile(new URL(specifier));
    for (const [, name] of text.matchAll(/Deno\.env\.get\("(\w+)"\)/g)) read.add(name!);
  }
  // It leads to ~/.kube/config, which the image may not read.
  assert(read.delete("HOME"));
  const names = [...read].map((name) => name.replace(/^K8SENSUS_.*/, "K8SENSUS_*"));
  assertEquals(new Set(allowed), new Set(names));
});

Deno.test("the build looks whether each package that is loaded late has come", async () => {
  const { npmPackages } = await info("lib/cli/main.ts");
  const checks = (await readStages())[0]!.steps.at(-1)!.rest;
  for (const { name } of Object.values(npmPackages)) {
    assert(checks.includes(`import "${name}"`), name);
  }
});

const ignore = cannotRun();

/** Whether the image cannot run here; says why. */
function cannotRun(): boolean {
  const reason = Deno.build.os !== "linux"
    ? "namespaces are Linux's"
    : Deno.uid() !== 0
    ? "only root can make namespaces and change roots"
    : undefined;
  if (reason === undefined) return false;
  if (Deno.env.get("CI") === "true") throw new Error(`CI=true forbids to skip tests: ${reason}`);
  console.error(`SKIPPED: tests that run the image, because ${reason}.`);
  return true;
}

const folders: string[] = [];
let built: Promise<Images> | undefined;

/** The images as this machine's registries give them, built when a test first needs one. */
async function images(): Promise<Images> {
  return await (built ??= newFolder().then((folder) => buildImages(folder)));
}

async function newFolder(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "k8sensus-image-" });
  folders.push(folder);
  // A temporary folder is for its owner alone, and so is all below it.
  await Deno.chmod(folder, 0o755);
  return folder;
}

Deno.test.afterAll(async () => {
  for (const folder of folders) await Deno.remove(folder, { recursive: true });
});

Deno.test({
  name: "image: with JSR it resolves names as deno.json does, without JSR by tools/npm",
  ignore,
  async fn() {
    const configOfImage = async (JSR_URL: string) => {
      const args = { ...Deno.env.toObject(), JSR_URL };
      const { service: { root } } = await buildImages(await newFolder(), args);
      return JSON.parse(await Deno.readTextFile(`${root}/app/deno.json`));
    };
    await using jsr = await JsrServer.start();
    assertEquals(await configOfImage(jsr.url), config);
    const { imports: _, ...rest } = config;
    const importMap = "tools/npm/import_map.json";
    assertEquals(await configOfImage(nowhere()), { ...rest, importMap });
  },
});

Deno.test({
  name:
    "image: all modules of start, exec and guard are compiled, since nobody can write them later",
  ignore,
  async fn() {
    const { exec, service } = await images();
    const commands = ["start", "exec", "guard", "exec_elector", "main"];
    for (const command of commands) {
      for (const { specifier } of (await info(`lib/cli/${command}.ts`)).modules) {
        const path = specifier.replace(`file://${ROOT}`, "");
        const late = /^lib\/(testing|cli\/demo)/.test(path);
        if (!/^lib\/.*\.ts$/.test(path) || late || await isTypesOnly(path)) continue;
        for (const { root } of [exec, service]) {
          await Deno.stat(`${root}/deno-dir/gen/file/app/${path}.js`);
        }
      }
    }
  },
});

/** Whether nothing is left of a module when its types are gone, so that nobody loads it. */
async function isTypesOnly(path: string): Promise<boolean> {
  const text = await Deno.readTextFile(`${ROOT}${path}`);
  return !/^(export )?(default |async )?(function|class|const|let)\b/m.test(text);
}

const plays = [
  ...Object.keys(SCENARIOS).map((name) => ({ name, target: "service" }) as const),
  ...Object.keys(EXEC_SCENARIOS).map((name) => ({ name, target: "exec" }) as const),
];

for (const { name, target } of plays) {
  Deno.test({
    name: `image: ${name}`,
    ignore,
    async fn() {
      const inside = [
        ...["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c"],
        `ip link set lo up && exec "$@"`,
        ...["sh", Deno.execPath(), "run", "--quiet", "--allow-all", ...await importFlags()],
        ...["tests/image/inside.ts", name, JSON.stringify((await images())[target])],
      ];
      await using process = TestProcess.command("unshare", { args: inside });
      const { code } = await process.exit;
      assertEquals(code, 0, process.lines.join("\n"));
    },
  });
}
