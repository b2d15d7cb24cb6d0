/**
 * Builds the image without a container runtime: carries out the Dockerfile in folders, where a `RUN` really
 * runs, with the folder as its root.
 *
 * @module
 */
import { contextFiles } from "./context.ts";
import {
  configOf,
  type ImageConfig,
  parseDockerfile,
  type Stage,
  type Step,
} from "./dockerfile.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const ROOT_SH = new URL("./root.sh", import.meta.url).pathname;

/** What the base images set, which is where Deno and its cache are. */
const BASE_ENV = { DENO_DIR: "/deno-dir/", PATH: "/usr/bin:/bin" };
/** What is there in every container: the kernel's and the C library's; /var/run is a link in Debian. */
const SKELETON = [
  "bin",
  "dev/shm",
  "etc",
  "lib",
  "lib64",
  "proc",
  "run",
  "tmp",
  "usr/bin",
  "usr/lib",
];
/** How this machine reaches registries; a builder hands such things to every `RUN`. */
const PASSED_ON = /^(https?_proxy|no_proxy|DENO_CERT|DENO_TLS_CA_STORE|NODE_EXTRA_CA_CERTS)$/i;

/** What Debian has for a command of `exec`, and distroless has not. */
const TOOLS = ["sh", "sleep"];

/** A built image. */
export interface Image {
  /** The folder that is the root of its containers. */
  readonly root: string;
  readonly config: ImageConfig;
}

/** Reads the Dockerfile. */
export async function readStages(): Promise<Stage[]> {
  return parseDockerfile(await Deno.readTextFile(`${ROOT}Dockerfile`));
}

/** What can be built: the last stage of the Dockerfile, and the target `exec`. */
export interface Images {
  readonly service: Image;
  readonly exec: Image;
}

/**
 * Builds the images. Needs root, and a registry that answers.
 *
 * @param dir An empty folder.
 * @param args As of `--build-arg`; by default those that are variables of this process.
 * @throws {Error} If a `RUN` fails; with its output.
 */
export async function buildImages(
  dir: string,
  args: Readonly<Record<string, string>> = Deno.env.toObject(),
): Promise<Images> {
  const stages = await readStages();
  for (const [index, stage] of stages.entries()) {
    const root = `${dir}/${stage.name ?? index}`;
    await layBase(root, stage.from);
    const state = { root, dir, workdir: "/", args, env: {} };
    for (const step of stage.steps) await carryOut(state, step);
  }
  const built = (stage: Stage): Image => ({
    root: `${dir}/${stage.name ?? stages.indexOf(stage)}`,
    config: configOf(stage),
  });
  return { service: built(stages.at(-1)!), exec: built(stageNamed(stages, "exec")) };
}

/** A stage that the Dockerfile names. */
export function stageNamed(stages: readonly Stage[], name: string): Stage {
  const stage = stages.find((stage) => stage.name === name);
  if (stage === undefined) throw new Error(`The Dockerfile has no stage ${name}`);
  return stage;
}

/** What a base image brings, as far as it matters here: Deno, tini, and where files can be mounted. */
async function layBase(root: string, from: string): Promise<void> {
  for (const folder of SKELETON) await Deno.mkdir(`${root}/${folder}`, { recursive: true });
  await Deno.chmod(`${root}/tmp`, 0o1777);
  await Deno.mkdir(`${root}/var`);
  await Deno.symlink("../run", `${root}/var/run`);
  const mounted = ["bin/deno", "dev/null", "dev/zero", "dev/random", "dev/urandom"];
  for (const file of mounted) await Deno.create(`${root}/${file}`).then((file) => file.close());
  await Deno.copyFile(await tini(), `${root}/tini`);
  if (from.includes("distroless")) return;
  // In Debian /bin is /usr/bin.
  await Deno.create(`${root}/usr/bin/deno`).then((file) => file.close());
  for (const tool of TOOLS) await Deno.copyFile(`/usr/bin/${tool}`, `${root}/usr/bin/${tool}`);
}

async function tini(): Promise<string> {
  const path = "/usr/bin/tini";
  if (await Deno.stat(path).then(() => true, () => false)) return path;
  throw new Error("Cannot find tini, the init of the image: apt-get install tini");
}

interface BuildState {
  readonly root: string;
  readonly dir: string;
  workdir: string;
  /** What was given. */
  readonly args: Readonly<Record<string, string>>;
  /** Those of it that the stage asks for. */
  readonly env: Record<string, string>;
}

async function carryOut(state: BuildState, { keyword, rest }: Step): Promise<void> {
  if (keyword === "ARG") {
    const value = state.args[rest];
    if (value !== undefined) state.env[rest] = value;
  } else if (keyword === "WORKDIR") {
    state.workdir = rest;
    await Deno.mkdir(state.root + rest, { recursive: true });
  } else if (keyword === "COPY") {
    await copy(state, rest.split(/ +/));
  } else if (keyword === "RUN") {
    await run(state, rest);
  }
}

async function copy({ root, dir, workdir }: BuildState, words: string[]): Promise<void> {
  const stage = /^--from=(.+)$/.exec(words[0]!)?.[1];
  if (stage !== undefined) words.shift();
  const target = new URL(words.pop()!, `file://${workdir}/`).pathname;
  if (stage !== undefined) {
    const [source] = words;
    await Deno.mkdir(root + target, { recursive: true });
    await command("cp", ["--archive", `${dir}/${stage}${source}.`, root + target]);
    return;
  }
  const files = await contextFiles(ROOT);
  for (const source of words) {
    const found = files.filter(({ path }) =>
      source.endsWith("/") ? path.startsWith(source) : path === source
    );
    if (found.length === 0) throw new Error(`Cannot copy ${source}: it is not in the context`);
    for (const { path } of found) {
      const name = source.endsWith("/") ? path.slice(source.length) : path.replace(/.*\//, "");
      await Deno.mkdir(`${root}${target}${name}`.replace(/[^/]*$/, ""), { recursive: true });
      await Deno.copyFile(`${ROOT}${path}`, `${root}${target}${name}`);
    }
  }
}

async function run(state: BuildState, script: string): Promise<void> {
  const { root, workdir } = state;
  const passedOn = Object.entries(Deno.env.toObject()).filter(([name]) => PASSED_ON.test(name));
  const env = { ...BASE_ENV, ...Object.fromEntries(passedOn), ...state.env };
  const inRoot = ["build", root, Deno.execPath(), "0:0", workdir, "/usr/bin/sh", "-c", script];
  await command("unshare", ["--mount", "--pid", "--fork", "sh", ROOT_SH, ...inRoot], env);
}

async function command(
  name: string,
  args: string[],
  env?: Record<string, string>,
): Promise<void> {
  const options = { args, env, clearEnv: env !== undefined };
  const { success, stdout, stderr } = await new Deno.Command(name, options).output();
  if (success) return;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  throw new Error(`Cannot run ${name} ${args.join(" ")}:\n${text(stdout)}${text(stderr)}`);
}

/** The command that starts a container, in PID and mount namespaces of its own. */
export function containerCommand(
  { root, config }: Image,
  { user = config.user, init = true, args = config.cmd }: ContainerOptions = {},
): string[] {
  const entrypoint = init ? config.entrypoint : config.entrypoint.slice(2);
  return [
    ...["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", ROOT_SH, "run"],
    ...[root, Deno.execPath(), user, config.workdir, ...entrypoint, ...args],
  ];
}

/** What a container is started with in place of what the image says. */
export interface ContainerOptions {
  /** `UID:GID`. */
  readonly user?: string;
  /** Whether the image's init is process 1, as it should be. @default {true} */
  readonly init?: boolean;
  /** In place of `CMD`. */
  readonly args?: readonly string[];
}
