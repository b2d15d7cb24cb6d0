/**
 * Every flag of every command, in one table, and what the commands get from it.
 *
 * A new flag is a line in a table here; parser and `--help` know it then. Its environment variable is
 * `K8SENSUS_` and its name, unless Kubernetes or kubectl have one for it already. `K8SENSUS_TOKEN`,
 * `K8SENSUS_IDENTITY` and `K8SENSUS_LEASE` are what a program under `exec` is given: no flag may read them.
 *
 * @module
 */
import { makeTiming } from "../timing.ts";
import { type Flag, parseFlags, type ParseOptions } from "./args.ts";
import * as values from "./values.ts";

/** What a flag of the table says of itself. */
interface Line<T> extends Omit<Flag<T>, "variable"> {
  /** Where the environment already has a variable for it. */
  readonly variable?: string;
}

function flag<T, const L extends Line<T>>(line: L & Line<T>): L & { readonly variable: string } {
  const variable = `K8SENSUS_${line.name.toUpperCase().replaceAll("-", "_")}`;
  return { ...line, variable: line.variable ?? variable };
}

/** Flags of all commands. */
const LOG = {
  logLevel: flag({
    name: "log-level",
    reader: values.choice("debug", "info", "warn", "error"),
    standard: "info",
    group: "Log",
    help: "how much to log",
  }),
  logFormat: flag({
    name: "log-format",
    reader: values.choice("text", "json"),
    standard: "text",
    group: "Log",
    help: "lines of text, or one JSON object a line",
  }),
};

/** Flags of all commands that talk to a cluster. */
const CLUSTER = {
  kubeconfig: flag({
    name: "kubeconfig",
    variable: "KUBECONFIG",
    reader: values.path,
    derived: "in a pod its service account, else ~/.kube/config",
    group: "Cluster",
    help: "how to reach the API server, as kubectl reads it",
  }),
  context: flag({
    name: "context",
    reader: values.name,
    derived: "the current context",
    group: "Cluster",
    help: "which context of the kubeconfig to use",
  }),
};

/** Flags of all commands that deal with one Lease. */
const LEASE = {
  leaseName: flag({
    name: "lease-name",
    reader: values.leaseName,
    standard: "k8sensus-lease",
    group: "Lease",
    help: "the Lease that candidates contend for",
  }),
  leaseNamespace: flag({
    name: "lease-namespace",
    reader: values.namespace,
    derived: 'that of the pod, else of the kubeconfig context, else "default"',
    group: "Lease",
    help: "where the Lease is",
  }),
};

/** Flags of a candidate. */
const CANDIDATE = {
  identity: flag({
    name: "identity",
    variable: "POD_NAME",
    reader: values.identity,
    derived: "the host name",
    group: "Lease",
    help: "the name of this candidate",
  }),
  leaseDurationMs: flag({
    name: "lease-duration",
    reader: values.duration,
    standard: "15s",
    group: "Timing",
    help: "how long others wait after the last renewal, in whole seconds",
  }),
  clockSkewMs: flag({
    name: "clock-skew",
    reader: values.durationOrZero,
    derived: "a fifth of the lease duration",
    group: "Timing",
    help: "how much sooner than others expect the leader is fenced",
  }),
  stopGraceMs: flag({
    name: "stop-grace",
    reader: values.duration,
    derived: "2/15 of the lease duration",
    group: "Timing",
    help: "how long work may take to stop when leadership runs out",
  }),
  retryPeriodMs: flag({
    name: "retry-period",
    reader: values.duration,
    derived: "2/15 of the lease duration",
    group: "Timing",
    help: "how often the leader renews",
  }),
  attemptTimeoutMs: flag({
    name: "attempt-timeout",
    reader: values.duration,
    derived: "a sixth of the lease duration",
    group: "Timing",
    help: "how long to wait for one answer of the API server",
  }),
  drainMs: flag({
    name: "drain",
    reader: values.durationOrZero,
    standard: "25s",
    group: "Timing",
    help: "how long work may take to end after a voluntary stop",
  }),
  trustUnheld: flag({
    name: "trust-unheld",
    reader: values.boolean,
    standard: "false",
    group: "Lease",
    help:
      "take an unheld Lease without a release mark at once, without waiting for a lease duration",
  }),
};

/** The flags of `start`. */
export const START = {
  ...LEASE,
  ...CANDIDATE,
  listen: flag({
    name: "listen",
    reader: values.listen,
    standard: ":8080",
    group: "Service",
    help: 'where to answer over HTTP; port 0 picks one, "off" for nowhere',
  }),
  ...CLUSTER,
  ...LOG,
};

/** Flags of all commands that prove deaths. */
const PROOF = {
  settleMs: flag({
    name: "settle",
    reader: values.durationOrZero,
    standard: "1s",
    group: "Guard",
    help: "how long after a proven death the Lease is released; 0s if every act carries the token",
  }),
};

/** The flags of `exec`. */
export const EXEC = {
  ...START,
  ...PROOF,
  stopSignal: flag({
    name: "stop-signal",
    reader: {
      ...values.choice("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"),
      placeholder: "SIGNAL",
    },
    standard: "SIGTERM",
    group: "Guard",
    help: "how the command is told to stop: SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1 or SIGUSR2",
  }),
  restart: flag({
    name: "restart",
    reader: values.boolean,
    standard: "false",
    group: "Guard",
    help: "start the command again when it ends by itself, instead of ending with it",
  }),
};

/** The flags of `guard`. */
export const GUARD = { ...PROOF, ...LOG };

/** The flags of `demo`. */
export const DEMO = {
  once: flag({
    name: "once",
    reader: values.boolean,
    standard: "false",
    group: "Demo",
    help: "end after one election, one hand-over and one crash",
  }),
  ...LOG,
};

/** What `start` is told. A setting is `undefined` where it follows from others or from the cluster. */
export interface StartSettings {
  /** The Lease to contend for. */
  leaseName: string;
  /** Where it is. */
  leaseNamespace?: string;
  /** The name of this candidate. */
  identity?: string;
  /** Above zero; whether it is whole seconds is for `lib/timing.ts` to say. */
  leaseDurationMs: number;
  /** Zero or more. */
  clockSkewMs?: number;
  /** Above zero. */
  stopGraceMs?: number;
  /** Above zero. */
  retryPeriodMs?: number;
  /** Above zero. */
  attemptTimeoutMs?: number;
  /** Zero or more. */
  drainMs: number;
  /** Whether an unheld Lease without a release mark is taken at once. */
  trustUnheld: boolean;
  /** Where to answer over HTTP; `undefined` for nowhere. */
  listen?: values.Address;
  /** A file, or several, as kubectl takes them. */
  kubeconfig?: string;
  /** A context in it. */
  context?: string;
  /** What is below is not logged. */
  logLevel: "debug" | "info" | "warn" | "error";
  /** How log lines look. */
  logFormat: "text" | "json";
}

/**
 * Reads the flags of `start`, and makes sure that the durations go together before anything is asked of a
 * cluster.
 *
 * @param args What followed the command.
 * @param options Where the environment comes from.
 * @throws {ConfigError} If anything is not as it should be; the message is one line.
 */
export function parseStart(
  args: readonly string[],
  options?: Pick<ParseOptions, "env">,
): StartSettings {
  const { settings } = parseFlags(START, args, options);
  makeTiming(settings);
  return settings;
}

/** What `exec` is told. */
export interface ExecSettings extends StartSettings {
  /** Zero or more. */
  settleMs: number;
  /** By which the command is told to stop. */
  stopSignal: string;
  /** Whether the command is started again when it ends by itself. */
  restart: boolean;
}

/** What `guard` is told. */
export interface GuardSettings extends Pick<StartSettings, "logLevel" | "logFormat"> {
  /** Zero or more. */
  settleMs: number;
}

/**
 * Reads the flags of `exec`, and the command behind them.
 *
 * @param args What followed the command.
 * @param options Where the environment comes from.
 * @throws {ConfigError} If anything is not as it should be; the message is one line.
 */
export function parseExec(
  args: readonly string[],
  options?: Pick<ParseOptions, "env">,
): { settings: ExecSettings; command: string[] } {
  const { settings, rest } = parseFlags(EXEC, args, { ...options, allowRest: true });
  makeTiming(settings);
  return { settings, command: rest };
}

/**
 * Reads the flags of `guard`, and the program behind them.
 *
 * @param args What followed the command.
 * @param options Where the environment comes from.
 * @throws {ConfigError} If anything is not as it should be; the message is one line.
 */
export function parseGuard(
  args: readonly string[],
  options?: Pick<ParseOptions, "env">,
): { settings: GuardSettings; command: string[] } {
  const { settings, rest } = parseFlags(GUARD, args, { ...options, allowRest: true });
  return { settings, command: rest };
}
