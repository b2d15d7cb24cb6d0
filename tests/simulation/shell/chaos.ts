// What goes wrong between electors and the API server, and how often: drawn for every seed.
import type { Dice } from "../dice.ts";

/** Everything that can go wrong again and again. */
export const CHAOS = [
  "loseRequest",
  "loseAnswer",
  "reset",
  "delay",
  "refuse",
  "failAfter",
  "hostileAnswer",
  "hostileLine",
  "cutLine",
  "cutWatch",
  "silence",
  "repeat",
  "bookmark",
  "expire",
  "refuseWatch",
  "lateTimer",
  "pause",
  "wallJump",
  "crash",
  "delete",
  "label",
  "empty",
  "steal",
  "compact",
] as const;

/** The name of a {@linkcode CHAOS}. */
export type ChaosName = typeof CHAOS[number];

/** How likely each is whenever it could happen; 0 for those that this seed is spared. */
export type Rates = Readonly<Record<ChaosName, number>>;

/** A random part of everything, each at its own random rate. */
export function drawRates(dice: Dice): Rates {
  const intensity = dice.next();
  const rates = CHAOS.map((name) => [name, dice.chance(intensity) ? 0.25 * dice.next() : 0]);
  return Object.fromEntries(rates);
}

/** Answers of a server, or of a proxy before it, that says no. */
export const REFUSALS: readonly { readonly status: number; readonly retryAfterMs?: number }[] = [
  { status: 401 },
  { status: 403 },
  { status: 404 },
  { status: 409 },
  { status: 410 },
  { status: 422 },
  { status: 429, retryAfterMs: 3_600_000 },
  { status: 429, retryAfterMs: 1_000 },
  { status: 500 },
  { status: 503 },
  { status: 504 },
];

/** Bodies that no API server sends. */
export const HOSTILE: readonly string[] = [
  "",
  "<html><body>504 Gateway Time-out</body></html>",
  "null",
  "[]",
  "{}",
  '{"kind":"Lease"',
  '{"kind":"Lease","metadata":null,"spec":null}',
  '{"kind":"Lease","metadata":{"name":"other","namespace":"default","uid":"1","resourceVersion":"9"}}',
  '{"kind":"Lease","metadata":{"name":"x","namespace":"default","uid":"1","resourceVersion":"abc"}}',
  '{"kind":"Lease","metadata":{"name":"x","namespace":"default","uid":1,"resourceVersion":1e99}}',
  '{"kind":"Lease","metadata":{"name":"x","namespace":"default","uid":"u","resourceVersion":"1",' +
  '"annotations":[]},"spec":{"leaseDurationSeconds":1e300}}',
  '{"kind":"Status","code":200,"message":null}',
  "\u0000\ufffd",
];

/** Lines of a watch that no API server sends. */
export const HOSTILE_LINES: readonly string[] = [
  "{",
  "null",
  "<html>",
  '{"type":"MODIFIED"}',
  '{"type":"MODIFIED","object":null}',
  '{"type":"BOOKMARK","object":{}}',
  '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"-1"}}}',
  '{"type":"ERROR","object":{"kind":"Status","code":500}}',
  '{"type":"WHAT","object":{}}',
  ...HOSTILE.slice(4).map((body) => `{"type":"MODIFIED","object":${body}}`),
];
