/**
 * One run of a credential plugin: a program that prints an `ExecCredential`.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { ConfigError, RequestFailed } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { UserSecrets } from "./user.ts";

/** The one version of the protocol that is spoken. */
export const PLUGIN_API = "client.authentication.k8s.io/v1";

/** A credential is a few kilobytes. */
const LARGEST_OUTPUT = 1 << 20;
/** The longest line of stderr that is passed on whole. */
const LONGEST_LINE = 1_000;
/** Plugins ask servers, some of them through proxies. */
const LIMIT_MS = 60_000;
/** People have to find their phones. */
const INTERACTIVE_LIMIT_MS = 300_000;

/** How a plugin is run. */
export interface PluginCommand {
  /** As it stands in the kubeconfig. */
  readonly name: string;
  /** A path, or a name to be looked up in `PATH`. */
  readonly command: string;
  /** What follows it. */
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether it may ask on the terminal: `Never`, `IfAvailable`, `Always`. */
  readonly interactiveMode: string;
  /** How people get it who do not have it. */
  readonly installHint?: string;
  /** What it is told of the cluster, if it wants that. */
  readonly cluster?: Readonly<Record<string, unknown>>;
  /** Whose plugin it is, for messages. */
  readonly where: string;
}

/** What a plugin gave. */
export interface Credential {
  /** To show to the server. */
  readonly secrets: UserSecrets;
  /** When they expire, by the wall clock, in milliseconds since 1970; `Infinity` if it does not say. */
  readonly expiresAt: number;
}

/**
 * Runs a plugin.
 *
 * @param plugin Which.
 * @param clock For the time that it may take.
 * @param logger Told what it writes to stderr, unless it has the terminal for itself.
 * @throws {ConfigError} If it cannot be run.
 * @throws {RequestFailed} If it fails, takes too long, or prints something else.
 */
export async function runPlugin(
  plugin: PluginCommand,
  clock: Clock,
  logger: Logger,
): Promise<Credential> {
  const interactive = isInteractive(plugin);
  const child = spawn(plugin, interactive);
  const output = child.stdout.getReader();
  const complaints = interactive ? undefined : child.stderr.getReader();
  const end = (why: string) => {
    kill(child);
    // What it has started itself may hold the pipes open.
    void output.cancel();
    void complaints?.cancel();
    return why;
  };
  let cut: string | undefined;
  const limitMs = interactive ? INTERACTIVE_LIMIT_MS : LIMIT_MS;
  const cancel = clock.schedule(limitMs, () => cut ??= end(`took longer than ${limitMs / 1_000}s`));
  try {
    const [text, last] = await Promise.all([
      readText(output, () => cut ??= end(`printed more than ${LARGEST_OUTPUT} bytes`)),
      complaints === undefined ? "" : passOn(plugin, complaints, logger),
    ]);
    const { code, signal } = await child.status;
    const how = cut ??
      (signal !== null ? `was ended by ${signal}` : `ended with exit code ${code}`);
    if (cut !== undefined || code !== 0) throw failure(plugin, `${how}${last && `: ${last}`}`);
    return readCredential(plugin, text);
  } finally {
    cancel();
  }
}

/** Whether it gets the terminal. */
function isInteractive(plugin: PluginCommand): boolean {
  const terminal = Deno.stdin.isTerminal();
  if (terminal || plugin.interactiveMode !== "Always") {
    return terminal && plugin.interactiveMode !== "Never";
  }
  throw new ConfigError(
    `Cannot run the credential plugin ${JSON.stringify(plugin.name)} of ${plugin.where}: it asks ` +
      `on the terminal, and standard input is none; start this from a terminal, or give another user`,
  );
}

function spawn(plugin: PluginCommand, interactive: boolean): Deno.ChildProcess {
  const { name, command, args, env, cluster, installHint, where } = plugin;
  const spec = { interactive, ...(cluster === undefined ? {} : { cluster }) };
  const info = JSON.stringify({ kind: "ExecCredential", apiVersion: PLUGIN_API, spec });
  try {
    return new Deno.Command(command, {
      args: [...args],
      env: { ...env, KUBERNETES_EXEC_INFO: info },
      stdin: interactive ? "inherit" : "null",
      stdout: "piped",
      stderr: interactive ? "inherit" : "piped",
    }).spawn();
  } catch (error) {
    let why = error instanceof Error ? error.message : String(error);
    if (error instanceof Deno.errors.NotCapable) {
      why = `this process may not run programs: give Deno the flag --allow-run=${command}`;
    } else if (error instanceof Deno.errors.NotFound) {
      why = `there is no such program; ${oneLine(installHint ?? "install it")}`;
    }
    throw new ConfigError(
      `Cannot run the credential plugin ${JSON.stringify(name)} of ${where}: ${why}`,
    );
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended, and something that it has started has not.
  }
}

/** Reads all of stdout; beyond its limit the rest is of no interest. */
async function readText(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  tooMuch: () => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (let part; !(part = await reader.read()).done;) {
    size += part.value.length;
    if (size > LARGEST_OUTPUT) tooMuch();
    else text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}

/** Logs the lines of stderr as they come: a plugin may tell people where to sign in. Gives the last one. */
async function passOn(
  { name }: PluginCommand,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  logger: Logger,
): Promise<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let last = "";
  const tell = (line: string) => {
    if (line.trim() === "") return;
    last = line.trim().slice(0, LONGEST_LINE);
    logger.warn(`${name}: ${last}`, { event: "credential-plugin" });
  };
  for (let part; !(part = await reader.read()).done;) {
    const lines = (rest + decoder.decode(part.value, { stream: true })).split("\n");
    rest = lines.pop()!.slice(0, LONGEST_LINE);
    lines.forEach(tell);
  }
  tell(rest);
  return last;
}

/** Reads what it printed. */
function readCredential(plugin: PluginCommand, text: string): Credential {
  const printed = parse(text);
  if (printed?.kind !== "ExecCredential" || printed.apiVersion !== PLUGIN_API) {
    const what = printed === undefined
      ? "what is not JSON"
      : `${JSON.stringify(printed.kind)} of ${JSON.stringify(printed.apiVersion)}`;
    throw failure(plugin, `printed ${what}, not an ExecCredential of ${PLUGIN_API}`);
  }
  const status = printed.status as Record<string, unknown> | null | undefined;
  const read = (field: string): string | undefined => {
    const value = status?.[field] ?? "";
    if (typeof value !== "string") throw failure(plugin, `printed a ${field} that is not a text`);
    return value === "" ? undefined : value;
  };
  const token = read("token");
  const cert = read("clientCertificateData");
  const key = read("clientKeyData");
  if ((cert === undefined) !== (key === undefined)) {
    throw failure(plugin, "printed half of a client certificate");
  }
  if (token === undefined && cert === undefined) {
    throw failure(plugin, "printed neither a token nor a client certificate");
  }
  const expires = read("expirationTimestamp");
  const expiresAt = expires === undefined ? Infinity : Date.parse(expires);
  if (Number.isNaN(expiresAt)) {
    throw failure(plugin, "printed an expirationTimestamp that is not a time of RFC 3339");
  }
  return { secrets: { token, cert, key }, expiresAt };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function failure({ name, where }: PluginCommand, what: string): RequestFailed {
  return new RequestFailed(`the credential plugin ${JSON.stringify(name)} of ${where} ${what}`);
}

const oneLine = (text: string) => text.replace(/\s+/g, " ").trim();
