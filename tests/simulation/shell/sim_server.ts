// The API server of the shell's simulator: the store that the embedded one stands on, and its watches.
import type { Lease } from "../../../lib/lease.ts";
import { LeaseStore, type StoreEvent } from "../../../lib/testing/lease_store.ts";
import type { HttpAnswer } from "../../../lib/kubernetes/client.ts";

export const NAMESPACE = "default";
export const NAME = "x";

/** A short history, so that watches expire. */
const HISTORY = 50;

/** One Lease, and who watches it. */
export class SimServer {
  readonly store: LeaseStore;
  readonly #watchers = new Set<(events: readonly string[]) => void>();
  #uids = 0;
  #told: bigint;

  /**
   * @param now True time.
   * @param onCommit Told of every new version, and of a deletion by `undefined`.
   */
  constructor(now: () => number, readonly onCommit: (lease: Lease | undefined) => void) {
    this.store = new LeaseStore({
      now: () => Date.UTC(2026, 0, 1) + now(),
      uid: () => `uid-${++this.#uids}`,
      historySize: HISTORY,
      firstResourceVersion: 7,
    });
    this.#told = this.store.revision;
    this.store.subscribe(() => this.#changed());
  }

  get lease(): Lease | undefined {
    return this.store.get(NAMESPACE, NAME);
  }

  /** Does what a request asks for. */
  answer(method: string, path: string, body: unknown): HttpAnswer {
    if (path.includes("selfsubjectaccessreviews")) {
      return answerOf(201, { status: { allowed: true } });
    }
    if (method === "PUT") {
      // As over the wire.
      const outcome = this.store.put(NAMESPACE, NAME, JSON.parse(JSON.stringify(body)));
      return outcome.ok
        ? answerOf(outcome.status, outcome.lease)
        : answerOf(outcome.refusal.code!, outcome.refusal);
    }
    const { lease } = this;
    if (lease !== undefined) return answerOf(200, lease);
    const details = { name: NAME, group: "coordination.k8s.io", kind: "leases" };
    const message = `leases.coordination.k8s.io "${NAME}" not found`;
    return answerOf(404, { kind: "Status", status: "Failure", message, details, code: 404 });
  }

  /**
   * Opens a watch.
   *
   * @param report Takes lines.
   * @returns The first lines, and how to end it; `undefined` if the version has expired.
   */
  watch(query: URLSearchParams, report: (lines: readonly string[]) => void) {
    const from = query.get("resourceVersion");
    const lines: string[] = [];
    if (from === null) {
      if (this.lease !== undefined) {
        lines.push(JSON.stringify({ type: "ADDED", object: this.lease }));
      }
      if (query.get("sendInitialEvents") === "true") lines.push(this.bookmark(true));
    } else {
      const events = this.store.since(BigInt(from));
      if (events === undefined) return undefined;
      lines.push(...events.map(lineOf));
    }
    this.#watchers.add(report);
    return { lines, end: () => void this.#watchers.delete(report) };
  }

  bookmark(first = false): string {
    const metadata = {
      resourceVersion: String(this.store.revision),
      ...(first ? { annotations: { "k8s.io/initial-events-end": "true" } } : {}),
    };
    return JSON.stringify({ type: "BOOKMARK", object: { kind: "Lease", metadata } });
  }

  /** Changes the Lease as hands do. */
  edit(change: (lease: Lease) => void): void {
    if (this.lease === undefined) return;
    const lease = structuredClone(this.lease);
    change(lease);
    this.store.put(NAMESPACE, NAME, lease);
  }

  #changed(): void {
    const events = this.store.since(this.#told) ?? [];
    this.#told = this.store.revision;
    for (const { type, lease } of events) this.onCommit(type === "DELETED" ? undefined : lease);
    const lines = events.map(lineOf);
    for (const report of this.#watchers) report(lines);
  }
}

function lineOf({ type, lease }: StoreEvent): string {
  return JSON.stringify({ type, object: lease });
}

/** An answer as it comes out of the client. */
export function answerOf(status: number, body: unknown, retryAfterMs?: number): HttpAnswer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // It is none.
  }
  return { status, json, text, retryAfterMs };
}
