/**
 * Reading a kubeconfig, as far as tokens and client certificates go. What is not understood is refused
 * by name, never passed over.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { ConfigError } from "../errors.ts";
import { checkServer, type ClusterConfig } from "./config.ts";
import { Credentials, type Secrets } from "./credentials.ts";

/** Options of {@linkcode fromKubeconfig}. */
export interface KubeconfigOptions {
  /** Which context to use; by default the file's current one. */
  context?: string;
  /** Whose time decides when files are read again. */
  clock?: Clock;
}

type Entry = Record<string, unknown>;

const CLUSTER_FIELDS = ["server", "certificate-authority", "certificate-authority-data"];
const USER_FIELDS = [
  "token",
  "tokenFile",
  "client-certificate",
  "client-certificate-data",
  "client-key",
  "client-key-data",
];

/**
 * Reads a kubeconfig.
 *
 * @param path The file.
 * @param options Which context.
 * @throws {ConfigError} If it cannot be read, or asks for something that is not supported.
 */
export async function fromKubeconfig(
  path: string,
  options: KubeconfigOptions = {},
): Promise<ClusterConfig> {
  const file = await readYaml(path);
  const name = options.context ?? textOf(file, "current-context", path);
  if (name === undefined) {
    throw new ConfigError(
      `Cannot choose a context in ${path}: there is no current-context, so give one`,
    );
  }
  const context = pick(file, "contexts", "context", name, path);
  const clusterName = textOf(context, "cluster", path) ?? "";
  const cluster = pick(file, "clusters", "cluster", clusterName, path);
  refuseOthers(cluster, CLUSTER_FIELDS, `cluster ${JSON.stringify(clusterName)} in ${path}`);
  const userName = textOf(context, "user", path);
  const user = userName === undefined ? {} : pick(file, "users", "user", userName, path);
  refuseOthers(user, USER_FIELDS, `user ${JSON.stringify(userName)} in ${path}`);
  const read = () => readSecrets(path, cluster, user);
  await read();
  return {
    server: checkServer(textOf(cluster, "server", path) ?? ""),
    namespace: textOf(context, "namespace", path),
    credentials: new Credentials(read, options.clock ?? systemClock),
  };
}

async function readSecrets(path: string, cluster: Entry, user: Entry): Promise<Secrets> {
  const pem = (from: Entry, field: string) => dataOrFile(path, from, field);
  const tokenFile = textOf(user, "tokenFile", path);
  const token = tokenFile === undefined
    ? textOf(user, "token", path)
    : (await readText(besides(path, tokenFile))).trim();
  const secrets = {
    token,
    ca: await pem(cluster, "certificate-authority"),
    cert: await pem(user, "client-certificate"),
    key: await pem(user, "client-key"),
  };
  if ((secrets.cert === undefined) !== (secrets.key === undefined)) {
    throw new ConfigError(
      `Cannot use half of a client certificate in ${path}: give both client-certificate and client-key`,
    );
  }
  return secrets;
}

/** `field-data`, in base64, wins over the file that `field` names, as with kubectl. */
async function dataOrFile(path: string, from: Entry, field: string): Promise<string | undefined> {
  const data = textOf(from, `${field}-data`, path);
  if (data !== undefined) {
    try {
      return new TextDecoder().decode(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)));
    } catch {
      throw new ConfigError(`Cannot read ${field}-data in ${path}: it is not base64`);
    }
  }
  const file = textOf(from, field, path);
  return file === undefined ? undefined : await readText(besides(path, file));
}

async function readYaml(path: string): Promise<Entry> {
  const text = await readText(path);
  let file: unknown;
  try {
    file = await parse(text);
  } catch (error) {
    // Its message may quote what stands there, which may be a token.
    const at = (error as { linePos?: { line: number; col: number }[] }).linePos?.[0];
    throw new ConfigError(
      `Cannot read ${path} as YAML: ` +
        (at === undefined ? "it is none" : `see line ${at.line}, column ${at.col}`),
    );
  }
  if (typeof file === "object" && file !== null && !Array.isArray(file)) return file as Entry;
  throw new ConfigError(`Cannot use ${path} as a kubeconfig: it holds no fields`);
}

/** Only who has YAML pays for its parser; all JSON is YAML too, and the parser says where a mistake is. */
async function parse(text: string): Promise<unknown> {
  if (text.trimStart().startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch {
      // Told below.
    }
  }
  // Its warnings would go to stderr, with the lines that they are about.
  return (await import("yaml")).parse(text, { logLevel: "error" });
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new ConfigError(
      `Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Paths in a kubeconfig are relative to it. */
function besides(path: string, file: string): string {
  return file.startsWith("/") ? file : `${path.replace(/[^/]*$/, "")}${file}`;
}

/** Finds the entry of this name in one of the lists, each an array of `{name, [kind]: {…}}`. */
function pick(file: Entry, list: string, kind: string, name: string, path: string): Entry {
  const entries = Array.isArray(file[list]) ? file[list] as Entry[] : [];
  const found = entries.find((entry) => entry?.name === name)?.[kind];
  if (typeof found === "object" && found !== null) return found as Entry;
  const names = entries.map((entry) => JSON.stringify(entry?.name)).join(", ");
  throw new ConfigError(
    `Cannot find the ${kind} ${JSON.stringify(name)} in ${path}: it has ${names || `no ${list}`}`,
  );
}

function textOf(entry: Entry, field: string, path: string): string | undefined {
  const value = entry[field];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw new ConfigError(`Cannot use ${field} in ${path}: it is not a text`);
}

function refuseOthers(entry: Entry, known: string[], where: string): void {
  const field = Object.keys(entry).find((field) => !known.includes(field));
  if (field === undefined) return;
  throw new ConfigError(
    `Cannot use the field ${field} of ${where}: supported are ${known.join(", ")}`,
  );
}
