/**
 * What a kubeconfig says of a cluster: where its API server is, by what it is known, and the way there.
 *
 * @module
 */
import type { Logger } from "../../logger.ts";
import { checkServer, type Route } from "../config.ts";
import type { Entry } from "./entry.ts";

const FIELDS = [
  "server",
  "certificate-authority",
  "certificate-authority-data",
  "tls-server-name",
  "insecure-skip-tls-verify",
  "proxy-url",
  // Answers are a kilobyte, which no API server compresses.
  "disable-compression",
  "extensions",
];

/** Schemes of proxies, as with kubectl. */
const PROXIES = ["http:", "https:", "socks5:"];

/**
 * Reads how to get to a cluster.
 *
 * @param entry Of the cluster.
 * @param logger Told what is not safe.
 * @throws {ConfigError} If a field cannot be used.
 */
export function readRoute(entry: Entry, logger: Logger): Route {
  entry.refuseOthers(FIELDS);
  const server = checkServer(entry.text("server") ?? "");
  const route: Route = {
    server,
    tlsServerName: server.startsWith("https:") ? entry.text("tls-server-name") : undefined,
    proxyUrl: readProxy(entry),
    skipsVerification: entry.flag("insecure-skip-tls-verify"),
  };
  if (route.tlsServerName !== undefined && route.proxyUrl?.startsWith("socks5:")) {
    throw entry.unusable("tls-server-name", "it does not go together with a socks5 proxy-url");
  }
  if (!route.skipsVerification) return route;
  if (entry.text("certificate-authority") ?? entry.text("certificate-authority-data")) {
    throw entry.unusable(
      "insecure-skip-tls-verify",
      "there is a certificate authority to verify by: leave one of them out",
    );
  }
  logger.warn(
    `whoever answers at ${server} is taken for the API server and shown the credentials: ` +
      `insecure-skip-tls-verify is set for ${entry.where}; give certificate-authority in its place`,
    { event: "insecure" },
  );
  return route;
}

function readProxy(entry: Entry): string | undefined {
  const text = entry.text("proxy-url");
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && PROXIES.includes(url.protocol) && url.hostname !== "") return text;
  throw entry.unusable(
    "proxy-url",
    `give an address like http://host:3128, https://host:3128 or socks5://host:1080`,
  );
}

/**
 * The cluster as credential plugins are told of it, in the fields of `client.authentication.k8s.io/v1`.
 *
 * @param entry Of the cluster.
 */
export async function describeCluster(entry: Entry): Promise<Record<string, unknown>> {
  const ca = await entry.pem("certificate-authority");
  return {
    server: entry.text("server"),
    "tls-server-name": entry.text("tls-server-name"),
    "insecure-skip-tls-verify": entry.flag("insecure-skip-tls-verify") || undefined,
    "certificate-authority-data": ca === undefined ? undefined : toBase64(ca),
    "proxy-url": entry.text("proxy-url"),
    "disable-compression": entry.flag("disable-compression") || undefined,
    config: pluginConfig(entry),
  };
}

/** What the cluster's entry holds for the plugin alone, under a name that Kubernetes has reserved. */
function pluginConfig(entry: Entry): unknown {
  const extensions = entry.list("extensions") as { name?: unknown; extension?: unknown }[];
  return extensions.find((item) => item?.name === "client.authentication.k8s.io/exec")?.extension;
}

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
