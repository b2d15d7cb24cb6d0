/**
 * Electors in this process that share one client of an embedded API server.
 *
 * @module
 */
import { Elector } from "../../lib/elector.ts";
import type { ElectorOptions } from "../../lib/elector_options.ts";
import { Client } from "../../lib/kubernetes/client.ts";
import { ApiServer, type ApiServerOptions } from "../../lib/testing/mod.ts";
import { settled } from "./until.ts";

/** Makes an elector for the Lease `x` by its name; it is closed with the server. */
export type Make = (identity: string, options?: Partial<ElectorOptions>) => Elector;

/** Starts a server, plays, and closes everything. */
export async function onServer(
  play: (make: Make, server: ApiServer) => Promise<void>,
  options: ApiServerOptions = {},
): Promise<void> {
  await using server = new ApiServer(options);
  await using client = new Client(server.url);
  await using electors = new AsyncDisposableStack();
  const make: Make = (identity, options) => {
    const elector = new Elector({
      leaseName: "x",
      identity,
      trustUnheld: true,
      client,
      ...options,
    });
    electors.defer(() => settled(`close() of ${identity}`, elector.close()));
    return elector;
  };
  await settled("the play", play(make, server));
}

/** Who holds the Lease; `""` if nobody does. */
export function holderOn(server: ApiServer): string {
  return server.leases.get("default", "x")?.spec.holderIdentity ?? "";
}
