// A plan says beforehand everything that will go wrong in one simulation. It is data, so that single faults
// can be taken out of it and the rest played again.
import type { TimingOptions } from "../../lib/timing.ts";

/** What can be the matter with the surroundings of one host for a while. */
export const WEATHER = [
  /** A request never arrives. */
  "loseRequest",
  /** A request is carried out, its answer never arrives. */
  "loseAnswer",
  /** A proxy or an HTTP stack sends a request twice. */
  "duplicate",
  /** A request arrives late, maybe after the client gave up, maybe after later ones. */
  "delayRequest",
  "delayAnswer",
  /** The server says no: 401, 403, 404 of a proxy, 410, 422, 429 for an hour, 500, 503, 504. */
  "refuse",
  /** As above, or with an unreadable answer, but the request was carried out. */
  "failAfter",
  /** A conflict that is none, a Lease that is not gone, an answer that shows another version. */
  "lie",
  /** Reads and new watches show the past. */
  "staleRead",
  /** Nothing gets through: both ways, one way, or now and then. */
  "partition",
  "cutWatch",
  /** A watch stays open and says nothing. */
  "silenceWatch",
  "delayWatch",
  /** 410, again and again. */
  "expireWatch",
  /** A watch shows again what it has shown before. */
  "repeatWatch",
  /** A watch has bookmarks instead of events. */
  "bookmarksOnly",
  "denyWatch",
  /** Timers fire late. */
  "lateTimer",
  /** An effect that was started in time lands late. */
  "slowEffect",
  /** A webhook changes what is written. */
  "webhook",
  /** A webhook puts everything back as it was: 200 with the old version. */
  "noop",
  /** Work takes long to end when it is told to. */
  "slowWork",
  /** Work never ends. */
  "hangWork",
] as const;

/** What can happen to one host. */
export const MISHAPS = [
  "pause",
  /** A pause between the reading of the clock and the first byte of what it is for. */
  "pauseInStep",
  /** The monotonic clock stands still; the wall clock goes on. */
  "suspend",
  "wallForward",
  /** Either way. */
  "wallJump",
  "freezeWall",
  /** Goes over to another rate, little by little. */
  "drift",
  /** The process dies, and is started again under the same name. */
  "crash",
  /** Work returns by itself; the user contends again later. */
  "finish",
  /** Work throws. */
  "throw",
  "resign",
  /** The user stops, and starts again later. */
  "withdraw",
] as const;

/** What can happen to the Lease, or to its server. */
export const HANDS = [
  "delete",
  /** Deleted and created anew from an exported manifest. */
  "recreate",
  "label",
  "empty",
  "strip",
  "shorten",
  "lengthen",
  "lowerToken",
  "raiseToken",
  "malformToken",
  /** By a manifest that says nothing of holders. */
  "replace",
  "steal",
  /** The holder becomes another of the candidates. */
  "swapHolder",
  "prefer",
  "putBackHeld",
  "putBackReleased",
  /** etcd goes back to an earlier version. */
  "restore",
  /** No request of anybody is answered. */
  "outage",
] as const;

/** What can happen to the processes of a contender that runs under a guard, and between them. */
export const GUARD_MISHAPS = [
  "electorCrash",
  "guardCrash",
  "bothCrash",
  /** The command ends as if somebody had killed it; what it started goes on. */
  "commandCrash",
  /** SIGSTOP to one of them, or to all. */
  "electorPause",
  "guardPause",
  "commandPause",
  "containerPause",
  /** The socket is closed by mistake. */
  "pipeCut",
  /** Messages lie in the socket for long. */
  "pipeDelay",
  /** A pass over all processes takes long. */
  "slowSweep",
  /** What has been killed is gone late. */
  "lateKill",
  /** Passes prove nothing. */
  "unprovable",
] as const;

/** Kinds of {@linkcode GUARD_MISHAPS}. */
export type GuardMishap = typeof GUARD_MISHAPS[number];
/** Kinds of {@linkcode WEATHER}. */
export type WeatherKind = typeof WEATHER[number];
/** Everything that can go wrong. */
export type FaultKind =
  | WeatherKind
  | typeof MISHAPS[number]
  | typeof HANDS[number]
  | GuardMishap;

/** In the place of a host: the one that leads when the fault begins, or any if none does. */
export const LEADER = -1;

/** One thing that goes wrong. */
export interface Fault {
  readonly kind: FaultKind;
  /** Whose host; {@linkcode LEADER} for that of whoever leads then. Of no meaning for {@linkcode HANDS}. */
  readonly who: number;
  /** When it begins, in milliseconds of true time. */
  readonly at: number;
  /** How long it lasts. */
  readonly forMs: number;
  /** Weather: how probable it is for each request, event…; drift: the rate that clocks go over to. */
  readonly rate: number;
  /** By how much it delays, jumps… */
  readonly ms: number;
  /** A whole number, for choices between variants. */
  readonly pick: number;
}

/** Who contends. */
export type Make = "k8sensus" | "client-go" | "client-go-old" | "kubert";

/** How a contender is guarded. */
export interface GuardPlan {
  /** Its work runs in a command of its own, which never asks; or in the process of the elector. */
  readonly kind: "exec" | "program";
  readonly settleMs: number;
  /** `exec`: a command that ends by itself is started again. */
  readonly restart: boolean;
  /** `exec`: how many processes a command leaves beside it, at most. */
  readonly strays: number;
  /** `exec`: how probable it is that a command obeys the stop signal. */
  readonly obedience: number;
  /** `program`: its work never asks whether it may act. */
  readonly deaf: boolean;
}

/** One contender and the host it runs on. */
export interface Contender {
  readonly make: Make;
  /** How fast its clocks go at first. */
  readonly rate: number;
  readonly timing: TimingOptions;
  /** How far its wall clock is off. */
  readonly wallOffsetMs: number;
  /** Absent if it runs under none. */
  readonly guard?: GuardPlan;
}

/** Everything about one simulation. */
export interface Plan {
  /** All chance beyond the plan comes from here. */
  readonly seed: number;
  /** The lease duration that most contenders have. */
  readonly leaseDurationMs: number;
  readonly contenders: readonly Contender[];
  /** How long things go wrong. */
  readonly chaosMs: number;
  /** How long a message takes on average, when all is well. */
  readonly latencyMs: number;
  /** How many other objects the server may write between two versions of the Lease. */
  readonly traffic: number;
  readonly trustUnheld: boolean;
  /** Extra wait after a holder of another make; by default what the contenders think best. */
  readonly foreignGraceMs?: number;
  /** How long work takes to end when told, at most, while nothing is the matter with it. */
  readonly settleMs: number;
  /** How often work acts. */
  readonly actMs: number;
  /** How long an effect of work takes to land in the store, at most, while nothing is the matter with it. */
  readonly effectMs: number;
  readonly faults: readonly Fault[];
}
