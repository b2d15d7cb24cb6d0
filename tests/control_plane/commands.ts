/**
 * How kube-apiserver and etcd are called.
 *
 * @module
 */

/** Ports on loopback. */
export interface Ports {
  readonly apiServer: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
}

// Below the range that systems hand out to clients (Linux from 32768, others from 49152): while the API
// server is down for a restart, nobody's outgoing connection can take its port.
const FIRST_PORT = 12_000;
const LAST_PORT = 31_999;

/** Picks ports on which nobody listens at present. */
export function freePorts(): Ports {
  const found = new Set<number>();
  while (found.size < 3) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    if (isFree(port)) found.add(port);
  }
  const [apiServer, etcdClient, etcdPeer] = [...found] as [number, number, number];
  return { apiServer, etcdClient, etcdPeer };
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/** etcd, its data in the folder `etcd`; it does not wait for the disk. */
export function etcdCommand(program: string, ports: Ports, flags: readonly string[]): string[] {
  const client = `http://127.0.0.1:${ports.etcdClient}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return [
    program,
    "--data-dir=etcd",
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    "--unsafe-no-fsync",
    ...flags,
  ];
}

/**
 * With this flag of kube-apiserver a Pod gets its service account mounted, as in any cluster; the account
 * must exist.
 */
export const MOUNT_ACCOUNTS = "--enable-admission-plugins=ServiceAccount";

/** kube-apiserver, with the files that `certificates.ts` and the control plane write. */
export function apiServerCommand(
  program: string,
  ports: Ports,
  flags: readonly string[],
): string[] {
  return [
    program,
    `--etcd-servers=http://127.0.0.1:${ports.etcdClient}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${ports.apiServer}`,
    "--tls-cert-file=server.crt",
    "--tls-private-key-file=server.key",
    "--client-ca-file=ca.crt",
    "--token-auth-file=tokens.csv",
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    "--service-account-key-file=sa.pub",
    "--service-account-signing-key-file=sa.key",
    "--service-cluster-ip-range=10.0.0.0/24",
    // It would write a loopback address into the `kubernetes` Endpoints, which the server refuses.
    "--endpoint-reconciler-type=none",
    // No controller makes the `default` accounts that this plugin wants before it lets a Pod in.
    ...flags.includes(MOUNT_ACCOUNTS) ? [] : ["--disable-admission-plugins=ServiceAccount"],
    ...flags,
  ];
}
