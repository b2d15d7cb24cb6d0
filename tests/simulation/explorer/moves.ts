// What may happen next in a world. A move is a small number, so that millions of them can be remembered.
import { FAULTS, type Scope, tickOf } from "./scope.ts";
import { EDITS } from "./edits.ts";
import { type Host, monoOf, presentOf, type World } from "./world.ts";

/** The kinds of moves. */
export const MOVE = {
  /** True time goes on. */
  tick: 0,
  /** The timer of a host is due. */
  timer: 1,
  /** A message arrives. */
  deliver: 2,
  /** A watch is read. */
  event: 3,
  /** Work that was told to stop has ended. */
  settle: 4,
  /** A paused process goes on. */
  resume: 5,
  lose: 6,
  /** A message is lost, and its sender knows at once that it does not know. */
  reset: 7,
  delay: 8,
  stall: 9,
  resend: 10,
  cut: 11,
  pause: 12,
  delete: 13,
  edit: 14,
  resign: 15,
  crash: 16,
} as const;

/** A kind and what it is about: a host, a message or an edit. */
export type Move = number;

export const moveOf = (kind: number, about = 0): Move => kind << 8 | about;
export const kindOf = (move: Move): number => move >> 8;
export const aboutOf = (move: Move): number => move & 0xff;

const place = Object.fromEntries(FAULTS.map((fault, i) => [fault, i])) as Record<
  typeof FAULTS[number],
  number
>;

/** The fault that a move is an instance of, as an index into `FAULTS`; -1 if it is none. */
export function priceOf(kind: number): number {
  switch (kind) {
    case MOVE.lose:
    case MOVE.reset:
      return place.losses;
    case MOVE.delay:
    case MOVE.stall:
      return place.delays;
    case MOVE.resend:
      return place.resends;
    case MOVE.cut:
      return place.cuts;
    case MOVE.pause:
      return place.pauses;
    case MOVE.delete:
      return place.deletes;
    case MOVE.edit:
      return place.edits;
    case MOVE.resign:
      return place.resigns;
    case MOVE.crash:
      return place.crashes;
    default:
      return -1;
  }
}

/** Whether a host has something to do before time may go on. */
function busy(scope: Scope, world: World, host: Host, who: number): boolean {
  if (host.paused) return false;
  if (host.due <= monoOf(world, tickOf(scope, who))) return true;
  return host.stream !== undefined && host.stream.batches.length > 0 && !host.stream.stalled;
}

/** Everything that may happen next, always in the same order. */
export function movesOf(scope: Scope, world: World): Move[] {
  const moves: Move[] = [];
  const { left, hosts, flights } = world;
  let waits = false;
  for (let who = 0; who < hosts.length; who++) {
    const host = hosts[who]!;
    waits ||= busy(scope, world, host, who);
    ofHost(scope, world, host, who, moves);
  }
  for (let i = 0; i < flights.length; i++) {
    const flight = flights[i]!;
    const asleep = flight.type === "answer" && hosts[flight.who]!.paused;
    waits ||= !flight.delayed && !asleep;
    if (!asleep) moves.push(moveOf(MOVE.deliver, i));
    if (left[place.losses]! > 0) {
      moves.push(moveOf(MOVE.lose, i));
      if (flight.id !== 0) moves.push(moveOf(MOVE.reset, i));
    }
    if (left[place.delays]! > 0 && !flight.delayed && !asleep) moves.push(moveOf(MOVE.delay, i));
    if (left[place.resends]! > 0 && flight.type === "write" && flight.id !== 0) {
      moves.push(moveOf(MOVE.resend, i));
    }
  }
  if (presentOf(world.store)?.record !== undefined) {
    if (left[place.deletes]! > 0) moves.push(moveOf(MOVE.delete));
    for (let i = 0; i < EDITS.length && left[place.edits]! > 0; i++) {
      moves.push(moveOf(MOVE.edit, i));
    }
  }
  if (!waits) moves.push(moveOf(MOVE.tick));
  return moves;
}

function ofHost(scope: Scope, world: World, host: Host, who: number, moves: Move[]): void {
  const { left } = world;
  const { stream, work, state } = host;
  if (left[place.crashes]! > 0) moves.push(moveOf(MOVE.crash, who));
  if (stream !== undefined && left[place.cuts]! > 0) moves.push(moveOf(MOVE.cut, who));
  if (host.paused) {
    moves.push(moveOf(MOVE.resume, who));
    return;
  }
  if (host.due <= monoOf(world, tickOf(scope, who))) moves.push(moveOf(MOVE.timer, who));
  if (stream !== undefined && stream.batches.length > 0) {
    moves.push(moveOf(MOVE.event, who));
    if (left[place.delays]! > 0 && !stream.stalled) moves.push(moveOf(MOVE.stall, who));
  }
  if (work?.told) moves.push(moveOf(MOVE.settle, who));
  if (left[place.pauses]! > 0) moves.push(moveOf(MOVE.pause, who));
  if (left[place.resigns]! > 0 && state.role.name === "leading") {
    moves.push(moveOf(MOVE.resign, who));
  }
}
