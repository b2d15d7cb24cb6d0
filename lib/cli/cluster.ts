/**
 * Which cluster the commands talk to.
 *
 * @module
 */
import { ConfigError } from "../errors.ts";
import { Client } from "../kubernetes/client.ts";
import { inCluster, runsInCluster } from "../kubernetes/config.ts";
import type { Logger } from "../logger.ts";

/** What the flags say of the cluster. */
export interface ClusterSettings {
  /** A kubeconfig file, or several as in `KUBECONFIG`. */
  readonly kubeconfig?: string;
  /** A context in it. */
  readonly context?: string;
}

/**
 * The API server to use: the kubeconfig that was asked for, else that of the pod, else `~/.kube/config`.
 *
 * @param settings What the flags say.
 * @param logger Told of what is not safe, and what credential plugins say.
 * @throws {ConfigError} If there is none, or it cannot be used.
 */
export async function connect(settings: ClusterSettings, logger: Logger): Promise<Client> {
  const { kubeconfig, context } = settings;
  if (kubeconfig === undefined && context === undefined && runsInCluster()) {
    return new Client(inCluster());
  }
  const path = kubeconfig ?? homeConfig();
  if (path === undefined) {
    throw new ConfigError(
      "Cannot find a cluster: this is no pod, KUBECONFIG is not set and there is no ~/.kube/config; " +
        "give --kubeconfig FILE, or try deno task demo, which brings its own API server",
    );
  }
  const { fromKubeconfig } = await import("../kubernetes/kubeconfig.ts");
  return new Client(await fromKubeconfig(path, { context, logger }));
}

function homeConfig(): string | undefined {
  const path = `${Deno.env.get("HOME") ?? ""}/.kube/config`;
  try {
    return Deno.statSync(path).isFile ? path : undefined;
  } catch {
    return undefined;
  }
}
