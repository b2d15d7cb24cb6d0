// What must hold in every state. It looks at the world from outside, by true time, and asks the machine nothing
// but whether work may act.
import type { WriteKind } from "../../../lib/election.ts";
import type { LeaseRecord } from "../../../lib/lease.ts";
import { compareTokens, type Token } from "../../../lib/token.ts";
import { Violation } from "../violation.ts";
import type { Cast } from "./cast.ts";
import type { Sender } from "./server.ts";
import type { Host, Store, Version, World } from "./world.ts";

/** I1 and I2: who may act at this instant, and by which write. */
export function check(cast: Cast, world: World): void {
  const { hosts, tick } = world;
  let acting = -1;
  for (let who = 0; who < hosts.length; who++) {
    const host = hosts[who]!;
    if (host.work === undefined) continue;
    if (!cast.machine(who, host).mayAct(host.work.term, cast.now(tick, who))) continue;
    const age = (tick - host.proof) * cast.tickMs(who);
    if (age >= cast.scope.timing.fenceMs) {
      throw new Violation(
        "I2",
        `c${who} may act ${age} ms after its last committed write was sent`,
      );
    }
    if (acting >= 0) throw new Violation("I1", `c${acting} and c${who} may act at the same time`);
    acting = who;
  }
}

/** I4, I5 and I8: what a term may begin with, and what a release may be sent after. */
export function checkStart(host: Host, who: number, what: WriteKind | "term", token?: Token): void {
  if (what === "term" && token !== host.acquired) {
    throw new Violation("I4", `c${who} begins a term with token ${token}, which it did not commit`);
  }
  if (what === "term" && host.work !== undefined) {
    throw new Violation("I8", `c${who} begins a term while the work of the last one goes on`);
  }
  if (what === "release" && host.work !== undefined) {
    throw new Violation("I5", `c${who} releases while its work goes on`);
  }
}

/** I4 and I6: a token larger than any, and a Lease that was free or has been waited for. */
export function checkAcquisition(
  store: Store,
  before: Version,
  record: LeaseRecord,
  { sent, perTick }: Sender,
): Store {
  const token = record.token!;
  if (compareTokens(token, store.highest) <= 0) {
    throw new Violation("I4", `${record.holder} takes the token ${token} after ${store.highest}`);
  }
  const stood = (sent - before.claimedAt) * perTick;
  const waited = Math.max(record.durationMs!, before.record?.durationMs ?? 0);
  if (!before.free && stood < waited) {
    throw new Violation(
      "I6",
      `${record.holder} takes version ${before.rv}, which stood ${stood} ms`,
    );
  }
  return { ...store, highest: token };
}
