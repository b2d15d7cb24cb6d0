/**
 * The flags of the worker: few, all needed, given by the bench and nobody else.
 *
 * @module
 */

/** What the worker is told. */
export interface WorkerFlags {
  readonly kubeconfig: string;
  readonly leaseNamespace: string;
  readonly leaseName: string;
  readonly identity: string;
  readonly acts: string;
  readonly trustUnheld: boolean;
}

/**
 * Reads them.
 *
 * @throws {Error} If one is missing.
 */
export function parseArgs(args: readonly string[]): WorkerFlags {
  const value = (name: string): string => {
    const found = args[args.indexOf(name) + 1];
    if (!args.includes(name) || found === undefined) throw new Error(`Cannot do without ${name}`);
    return found;
  };
  return {
    kubeconfig: value("--kubeconfig"),
    leaseNamespace: value("--lease-namespace"),
    leaseName: value("--lease-name"),
    identity: value("--identity"),
    acts: value("--acts"),
    trustUnheld: args.includes("--trust-unheld"),
  };
}
