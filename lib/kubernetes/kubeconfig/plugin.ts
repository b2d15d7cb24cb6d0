/**
 * Credential plugins: when they are run, and for how long what they gave is used.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Logger } from "../../logger.ts";
import { describeCluster } from "./cluster.ts";
import { type Entry, isFields } from "./entry.ts";
import { type Credential, PLUGIN_API, type PluginCommand, runPlugin } from "./plugin_run.ts";
import type { UserSecrets } from "./user.ts";

const FIELDS = [
  "apiVersion",
  "command",
  "args",
  "env",
  "installHint",
  "interactiveMode",
  "provideClusterInfo",
];

const MODES = ["Never", "IfAvailable", "Always"];

/** A credential is renewed this long before it expires, or in the last third of a shorter life. */
const EARLY_MS = 60_000;
/** A plugin is a process, often a slow one: this lies between the starts of two, whatever happens. */
const PAUSE_MS = 5_000;

/**
 * Reads how a plugin is to be run.
 *
 * @param user Whose `exec` it is.
 * @param cluster What the plugin may want to know of.
 * @throws {ConfigError} If a field is missing, or cannot be used.
 */
export async function readPlugin(user: Entry, cluster: Entry): Promise<PluginCommand> {
  const exec = user.part("exec")!;
  exec.refuseOthers(FIELDS);
  const version = exec.text("apiVersion");
  if (version !== PLUGIN_API) {
    throw exec.unusable(
      "apiVersion",
      `it is ${
        JSON.stringify(version ?? "")
      }, and ${PLUGIN_API} is what is spoken here: bring the ` +
        `plugin up to date, and let it or its provider's tool write this entry anew`,
    );
  }
  const name = exec.text("command");
  if (name === undefined) throw exec.unusable("command", "there is none");
  const interactiveMode = exec.text("interactiveMode") ?? "";
  if (!MODES.includes(interactiveMode)) {
    throw exec.unusable("interactiveMode", `write one of ${MODES.join(", ")}`);
  }
  return {
    name,
    // Only a name without a folder is looked up in PATH.
    command: name.includes("/") ? exec.besides(name) : name,
    args: exec.list("args").map((arg) => {
      if (typeof arg === "string") return arg;
      throw exec.unusable("args", "it is not a list of texts");
    }),
    env: readEnv(exec),
    interactiveMode,
    installHint: exec.text("installHint"),
    cluster: exec.flag("provideClusterInfo") ? await describeCluster(cluster) : undefined,
    where: user.where,
  };
}

function readEnv(exec: Entry): Record<string, string> {
  const pairs = exec.list("env").map((item) => {
    const { name, value = "" } = isFields(item) ? item : {};
    if (typeof name === "string" && name !== "" && typeof value === "string") return [name, value];
    throw exec.unusable("env", "it is not a list of a name and a value each");
  });
  return Object.fromEntries(pairs);
}

/** A plugin, and what it gave last. */
export class Plugin {
  readonly #command: PluginCommand;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #credential?: Credential;
  /** When the credential is to be renewed, by the wall clock. */
  #renewAt = -Infinity;
  #startedAt = -Infinity;
  #running?: Promise<void>;
  #failure: unknown;

  /**
   * Runs nothing yet.
   *
   * @param command How it is run.
   * @param clock Whose time.
   * @param logger Told what it writes to stderr, and of failures that stop nobody yet.
   */
  constructor(command: PluginCommand, clock: Clock, logger: Logger) {
    this.#command = command;
    this.#clock = clock;
    this.#logger = logger;
  }

  /**
   * What it gave last, as long as that serves; else what it gives now. Shortly before a credential
   * expires it is run while the old one is still in use, so that nobody has to wait for it.
   *
   * @param refused Whether the server has refused what it gave last.
   * @throws {ConfigError} If it cannot be run.
   * @throws {RequestFailed} If it fails.
   */
  async secrets(refused: boolean): Promise<UserSecrets> {
    const now = this.#clock.now();
    const kept = this.#credential;
    if (kept !== undefined && !refused && now.wall < this.#renewAt) return kept.secrets;
    if (this.#running === undefined && now.mono - this.#startedAt >= PAUSE_MS) {
      this.#startedAt = now.mono;
      this.#running = this.#run().finally(() => this.#running = undefined);
    }
    if (kept !== undefined && !refused && now.wall < kept.expiresAt) return kept.secrets;
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#credential!.secrets;
  }

  /** Never rejects: whether somebody waits for it is not known when it begins. */
  async #run(): Promise<void> {
    try {
      const credential = await runPlugin(this.#command, this.#clock, this.#logger);
      const life = Math.max(0, credential.expiresAt - this.#clock.now().wall);
      this.#renewAt = credential.expiresAt - Math.min(EARLY_MS, life / 3);
      this.#credential = credential;
      this.#failure = undefined;
    } catch (error) {
      // Who has nothing else yet is told by the request that needs it; a second failure is no news.
      if (this.#credential !== undefined && this.#failure === undefined) {
        const message = error instanceof Error ? error.message : String(error);
        this.#logger.warn(`Cannot renew the credentials: ${message}`, {
          event: "credential-plugin",
        });
      }
      this.#failure = error;
    }
  }
}
