/**
 * Reading a kubeconfig as kubectl does: which cluster, by which way, as whom.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { ConfigError } from "../errors.ts";
import { type Logger, silent } from "../logger.ts";
import { type ClusterConfig, isLoopback } from "./config.ts";
import { Credentials } from "./credentials.ts";
import { readRoute } from "./kubeconfig/cluster.ts";
import { Entry } from "./kubeconfig/entry.ts";
import { Kubeconfig } from "./kubeconfig/files.ts";
import { Plugin, readPlugin } from "./kubeconfig/plugin.ts";
import { checkUser, needsPlugin, readUser } from "./kubeconfig/user.ts";

/** Options of {@linkcode fromKubeconfig}. */
export interface KubeconfigOptions {
  /** Which context to use; by default the current one. */
  context?: string;
  /** Whose time decides when files are read and plugins are run again. */
  clock?: Clock;
  /** Told of what is not safe, and what credential plugins say; nothing is logged without. */
  logger?: Logger;
}

const CONTEXT_FIELDS = ["cluster", "user", "namespace", "extensions"];

/**
 * Reads a kubeconfig. What can change under its names (tokens and certificates in files, what a
 * credential plugin gives) is read again as long as the credentials are in use; the file itself is not.
 *
 * @param paths A file, or several as in `KUBECONFIG`, of which those that are missing are left out.
 * @param options Which context.
 * @throws {ConfigError} If it cannot be read, or asks for something that is not supported.
 */
export async function fromKubeconfig(
  paths: string,
  options: KubeconfigOptions = {},
): Promise<ClusterConfig> {
  const { clock = systemClock, logger = silent } = options;
  const config = await Kubeconfig.read(paths);
  const name = options.context ?? config.currentContext;
  if (name === undefined) {
    throw new ConfigError(
      `Cannot choose a context in ${config.paths}: there is no current-context, so give one`,
    );
  }
  const context = config.entry("contexts", name);
  context.refuseOthers(CONTEXT_FIELDS);
  const cluster = config.entry("clusters", context.text("cluster") ?? "");
  const route = readRoute(cluster, logger);
  const userName = context.text("user");
  const user = userName === undefined
    ? new Entry({}, "nobody", config.paths)
    : config.entry("users", userName);
  checkUser(user);
  const credentials = await credentialsOf(user, cluster, clock, logger);
  warnOfClearText(route.server, user, logger);
  return { ...route, namespace: context.text("namespace"), credentials };
}

/** Reads them once, so that what is wrong for good is told now. */
async function credentialsOf(
  user: Entry,
  cluster: Entry,
  clock: Clock,
  logger: Logger,
): Promise<Credentials> {
  const ca = () => cluster.pem("certificate-authority");
  if (!needsPlugin(user)) {
    const read = async () => ({ ca: await ca(), ...await readUser(user) });
    const credentials = new Credentials(read, clock);
    await credentials.get();
    return credentials;
  }
  const plugin = new Plugin(await readPlugin(user, cluster), clock, logger);
  const read = async (refused: boolean) => ({ ca: await ca(), ...await plugin.secrets(refused) });
  const credentials = new Credentials(read, clock, 0);
  try {
    await credentials.get();
  } catch (error) {
    // A plugin that fails may work later, as a server may; one that cannot be run will not.
    if (error instanceof ConfigError) throw error;
  }
  return credentials;
}

/** Tells of secrets that everybody on the way can read. */
function warnOfClearText(server: string, user: Entry, logger: Logger): void {
  const { protocol, hostname } = new URL(server);
  if (protocol === "https:" || isLoopback(hostname)) return;
  if (Object.keys(user.fields).length === 0) return;
  logger.warn(`the credentials of ${user.where} go to ${server} unencrypted; use https`, {
    event: "insecure",
  });
}
