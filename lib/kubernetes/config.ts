/**
 * Where the API server is and how to be known there: inside a cluster, or by an address.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { ConfigError } from "../errors.ts";
import { Credentials, type Secrets } from "./credentials.ts";

/** Where kubelet mounts the service account. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The way to an API server. */
export interface Route {
  /** Base address without a slash at its end, for example `https://10.0.0.1:443`. */
  readonly server: string;
  /** The name in the server's certificate, if it is not that of the address. */
  readonly tlsServerName?: string;
  /**
   * A proxy for all requests: an address of `http:`, `https:` or `socks5:`, with user and password if it
   * wants them. Without one, the proxies of the environment are used, but never for loopback.
   */
  readonly proxyUrl?: string;
  /**
   * Whether the server's certificate may be anybody's. Deno allows that only by a flag at its start; this
   * makes errors name it.
   */
  readonly skipsVerification?: boolean;
}

/** All that a client has to know. */
export interface ClusterConfig extends Route {
  /** Where Leases are looked for if nobody says otherwise. */
  readonly namespace?: string;
  /** What is shown to the server. */
  readonly credentials: Credentials;
}

/** Options of {@linkcode inCluster}. */
export interface InClusterOptions {
  /**
   * The folder with `token`, `ca.crt` and `namespace`.
   *
   * @default {"/var/run/secrets/kubernetes.io/serviceaccount"}
   */
  directory?: string;
  /** Whose time decides when token and CA are read again. */
  clock?: Clock;
}

/** Whether this process runs in a cluster: Kubernetes then names the API server in the environment. */
export function runsInCluster(): boolean {
  return (Deno.env.get("KUBERNETES_SERVICE_HOST") ?? "") !== "";
}

/**
 * The API server of the cluster that this process runs in, with the pod's service account.
 *
 * @throws {ConfigError} If Kubernetes has not put its address into the environment.
 */
export function inCluster(options: InClusterOptions = {}): ClusterConfig {
  const { directory = SERVICE_ACCOUNT, clock = systemClock } = options;
  const host = Deno.env.get("KUBERNETES_SERVICE_HOST") ?? "";
  if (host === "") {
    throw new ConfigError(
      "Cannot find the API server: KUBERNETES_SERVICE_HOST is not set, so this is no pod; " +
        "give a client, or a kubeconfig",
    );
  }
  const port = Deno.env.get("KUBERNETES_SERVICE_PORT") || "443";
  const read = async (): Promise<Secrets> => {
    const token = (await Deno.readTextFile(`${directory}/token`)).trim();
    if (token === "") throw new ConfigError(`Cannot use ${directory}/token: it is empty`);
    return { token, ca: await Deno.readTextFile(`${directory}/ca.crt`) };
  };
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    namespace: readIfThere(`${directory}/namespace`)?.trim(),
    credentials: new Credentials(read, clock),
  };
}

/**
 * An API server by its address, for example the embedded one.
 *
 * @param server Base address.
 * @param secrets What to show; nothing by default.
 * @throws {ConfigError} If the address is not one of http or https.
 */
export function atAddress(server: string, secrets: Secrets = {}): ClusterConfig {
  return {
    server: checkServer(server),
    credentials: new Credentials(() => Promise.resolve(secrets), systemClock),
  };
}

/**
 * Checks a base address.
 *
 * @returns It, without a slash at its end.
 * @throws {ConfigError} If it is not one of http or https.
 */
export function checkServer(server: string): string {
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new ConfigError(
      `Cannot use ${
        JSON.stringify(server)
      } as an API server: give an address like https://host:6443`,
    );
  }
  return server.replace(/\/+$/, "");
}

/**
 * Whether a host is this machine.
 *
 * @param hostname As in a URL, so with brackets around an address of IPv6.
 */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}

/** The name of this machine: in a pod, the pod's. */
export function hostName(): string {
  return Deno.hostname();
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
