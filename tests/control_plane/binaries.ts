/**
 * The programs of a control plane, kube-apiserver and etcd, and kubectl to use it: from
 * `KUBEBUILDER_ASSETS`, or built once with Go from the versions in `go.mod` and kept in the user's cache
 * folder.
 *
 * @module
 */

/** What has to be there, and the Go package of each. */
const PACKAGES = {
  etcd: "go.etcd.io/etcd/server/v3",
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  kubectl: "k8s.io/kubernetes/cmd/kubectl",
} as const;

type Program = keyof typeof PACKAGES;
const PROGRAMS = Object.keys(PACKAGES) as Program[];

/** What else a control plane needs of the machine: a shell that starts it, and certificates. */
const TOOLS = ["sh", "openssl"];

/** Where the programs lie. */
export interface Binaries {
  readonly etcd: string;
  readonly apiServer: string;
  readonly kubectl: string;
}

/**
 * Why no control plane can be had here, in one sentence.
 *
 * @returns The reason, or `undefined` if {@linkcode binaries} should succeed.
 */
export async function missingBinaries(): Promise<string | undefined> {
  for (const tool of TOOLS) {
    if (await findInPath(tool) === undefined) return `${tool} is not in PATH`;
  }
  const assets = Deno.env.get("KUBEBUILDER_ASSETS");
  if (assets) {
    const absent = await absentFrom(assets);
    return absent && `KUBEBUILDER_ASSETS is ${assets}, where ${absent} is not`;
  }
  const cache = cacheFolder();
  if (cache === undefined) {
    return "none of KUBEBUILDER_ASSETS, XDG_CACHE_HOME and HOME is set, so there is no place for the programs";
  }
  if (await absentFrom(`${cache}/${await buildName()}`) === undefined) return undefined;
  if (await findInPath("go") !== undefined) return undefined;
  return `Go is not installed to build ${
    PROGRAMS.join(", ")
  }, and KUBEBUILDER_ASSETS does not name a folder that has them`;
}

/**
 * Finds the programs, or builds them, which takes minutes the first time.
 *
 * @param say Where to tell of a build.
 * @returns Their paths.
 * @throws {Error} If they cannot be had here.
 */
export async function binaries(
  say: (message: string) => void = console.error,
): Promise<Binaries> {
  const missing = await missingBinaries();
  if (missing !== undefined) throw new Error(`Cannot start a control plane: ${missing}`);
  const folder = Deno.env.get("KUBEBUILDER_ASSETS") || await built(say);
  return {
    etcd: `${folder}/etcd`,
    apiServer: `${folder}/kube-apiserver`,
    kubectl: `${folder}/kubectl`,
  };
}

/** The folder of the built programs; builds what it lacks. */
async function built(say: (message: string) => void): Promise<string> {
  const folder = `${cacheFolder()}/${await buildName()}`;
  if (await absentFrom(folder) === undefined) return folder;
  await Deno.mkdir(folder, { recursive: true });
  // One build at a time: the kernel drops the lock when its process ends, however it ends. Each program
  // appears under its name only when it is whole, so whoever reads without the lock sees all or nothing.
  using lock = await Deno.open(`${folder}/.lock`, { write: true, create: true });
  await lock.lock(true);
  for (const program of PROGRAMS) {
    if (await isFile(`${folder}/${program}`)) continue;
    say(`Building ${program} into ${folder}: minutes the first time, then never again.`);
    await build(program, folder);
  }
  return folder;
}

async function build(program: Program, folder: string): Promise<void> {
  const unfinished = `${folder}/.${program}.${Deno.pid}`;
  try {
    const flags = `-s -w${program === "etcd" ? "" : await versionFlags()}`;
    const args = ["build", "-trimpath", "-ldflags", flags, "-o", unfinished, PACKAGES[program]];
    const { success, stderr } = await new Deno.Command("go", {
      args,
      cwd: import.meta.dirname!,
      env: { CGO_ENABLED: "0", GOFLAGS: "-mod=readonly", GOWORK: "off" },
      stdin: "null",
      stdout: "null",
    }).output();
    if (!success) {
      const said = new TextDecoder().decode(stderr).trim();
      throw new Error(`Cannot build ${program} with Go:\n${said}`);
    }
    await Deno.rename(unfinished, `${folder}/${program}`);
  } finally {
    await Deno.remove(unfinished).catch(() => {});
  }
}

/** Without these the programs take themselves for v0.0.0, and the API server leaves out what is newer. */
async function versionFlags(): Promise<string> {
  const version = await pinned("k8s.io/kubernetes");
  const [major, minor] = version.slice(1).split(".");
  const set = { gitVersion: version, gitMajor: major, gitMinor: minor };
  return Object.entries(set)
    .map(([name, value]) => ` -X k8s.io/component-base/version.${name}=${value}`).join("");
}

/** New pins are a new folder: two checkouts with different pins do not disturb each other. */
async function buildName(): Promise<string> {
  const etcd = await pinned(PACKAGES.etcd);
  return `k8sensus/control-plane-${await pinned("k8s.io/kubernetes")}-etcd-${etcd}`;
}

async function pinned(module: string): Promise<string> {
  const lines = (await Deno.readTextFile(new URL("./go.mod", import.meta.url))).split("\n");
  for (const line of lines) {
    const [name, version] = line.trim().split(/\s+/);
    if (name === module && version !== undefined) return version;
  }
  throw new Error(`Cannot find ${module} in go.mod`);
}

function cacheFolder(): string | undefined {
  const home = Deno.env.get("HOME");
  return Deno.env.get("XDG_CACHE_HOME") || (home && `${home}/.cache`) || undefined;
}

async function absentFrom(folder: string): Promise<Program | undefined> {
  for (const program of PROGRAMS) {
    if (!await isFile(`${folder}/${program}`)) return program;
  }
}

/**
 * Looks for a program as a shell would.
 *
 * @returns Its path, or `undefined`.
 */
export async function findInPath(program: string): Promise<string | undefined> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    if (folder !== "" && await isFile(`${folder}/${program}`)) return `${folder}/${program}`;
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
