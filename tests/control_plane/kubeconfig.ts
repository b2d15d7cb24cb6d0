/**
 * Kubeconfig files of one user.
 *
 * @module
 */

/** What stands in it. */
export interface KubeconfigOptions {
  readonly url: string;
  /** Certificate of the authority, PEM. */
  readonly ca: string;
  readonly user: string;
  readonly token: string;
  readonly namespace: string;
}

/** A kubeconfig, in the JSON that every reader of YAML takes. */
export function kubeconfigText(options: KubeconfigOptions): string {
  const { url, ca, user, token, namespace } = options;
  const cluster = { server: url, "certificate-authority-data": btoa(ca) };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user, namespace } }],
    "current-context": "test",
  };
  return JSON.stringify(config, null, 2) + "\n";
}
