/**
 * The HTTP surface: who leads, and how this process is, for probes, proxies and programs in any language.
 *
 * @module
 */
import { STATUS_CODE } from "@std/http/status";
import type { ElectorStatus } from "../elector_options.ts";

/** A loop that has not turned for so long is stuck; it turns every 5 s at least. */
const STUCK_MS = 30_000;

const JSON_TYPE = "application/json; charset=utf-8";

/** What the routes ask of an elector. */
export interface StatusSource {
  /** Everything about it at this instant. */
  status(): ElectorStatus;
}

/** Something that is asked for by GET. */
type Route = (status: ElectorStatus) => Response;

const ROUTES: Readonly<Record<string, Route>> = {
  "/": (status) => json(STATUS_CODE.OK, { name: status.leader ?? "" }),
  "/livez": livez,
  "/readyz": readyz,
  "/leader": (status) => leader(status, status.isLeader),
  "/replica": (status) => leader(status, !status.isLeader),
  "/status": (status) => json(STATUS_CODE.OK, status),
};

/**
 * Makes the handler of all routes.
 *
 * @param source Asked anew at every request, so that the answer holds at that instant.
 * @returns A handler for `Deno.serve`. HEAD is answered as GET without a body, OPTIONS with what is allowed.
 */
export function routes(source: StatusSource): (request: Request) => Response {
  return (request) => {
    const route = ROUTES[new URL(request.url).pathname];
    if (route === undefined) {
      return plain(
        STATUS_CODE.NotFound,
        `there is nothing here; there is ${Object.keys(ROUTES).join(", ")}`,
      );
    }
    const allow = { allow: "GET, HEAD, OPTIONS" };
    if (request.method === "OPTIONS") {
      return new Response(null, { status: STATUS_CODE.NoContent, headers: allow });
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return plain(STATUS_CODE.MethodNotAllowed, "this is read-only", allow);
    }
    const response = route(source.status());
    if (request.method === "GET") return response;
    return new Response(null, { status: response.status, headers: response.headers });
  };
}

function livez({ turnedMsAgo }: ElectorStatus): Response {
  if (turnedMsAgo < STUCK_MS) return plain(STATUS_CODE.OK, "ok");
  return plain(
    STATUS_CODE.ServiceUnavailable,
    `the loop of the elector has not turned for ${Math.round(turnedMsAgo / 1_000)}s`,
  );
}

function readyz({ missingVerbs, observed, leaseName, leaseNamespace }: ElectorStatus): Response {
  const lease = `${leaseNamespace}/${leaseName}`;
  const reason = missingVerbs === null
    ? "the permissions are not known yet"
    : missingVerbs.length > 0
    ? `not allowed to ${missingVerbs.join(", ")} the Lease ${lease}`
    : !observed
    ? `the Lease ${lease} has not been observed yet`
    : undefined;
  if (reason === undefined) return plain(STATUS_CODE.OK, "ok");
  return plain(STATUS_CODE.ServiceUnavailable, reason);
}

function leader(status: ElectorStatus, yes: boolean): Response {
  return json(yes ? STATUS_CODE.OK : STATUS_CODE.ServiceUnavailable, {
    leader: status.leader,
    identity: status.holder,
    isLeader: status.isLeader,
    token: status.token,
    remainingMs: Math.floor(status.remainingMs),
  });
}

function json(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body) + "\n", {
    status,
    headers: { "content-type": JSON_TYPE, "cache-control": "no-store" },
  });
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\n`, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      ...headers,
    },
  });
}
