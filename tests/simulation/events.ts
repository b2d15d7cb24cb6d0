// The kinds of entries in the agenda of a simulation, and what their fields hold.

export const EVENT = {
  /** A request reaches the server. ref: Request */
  request: 0,
  /** An answer reaches a process. ref: Request, more: Version or Answer */
  answer: 1,
  /** A watch reaches the server. ref: Stream */
  open: 2,
  /** A watch event reaches a process. ref: Stream, more: Version or WatchEvent */
  watched: 3,
  /** The end of a watch reaches a process. ref: Stream, more: WatchEnd */
  ended: 4,
  /** Every minute the server sends bookmarks. */
  bookmark: 5,
  /** Work of a term is called. ref: Job */
  work: 6,
  /** Work acts. ref: Job */
  act: 7,
  /** Work ends. ref: Job */
  settle: 8,
  /** An effect of work lands in the store. ref: Job */
  effect: 9,
  /** A user calls. number: the life of the process, ref: Input */
  call: 10,
  /** A process starts. */
  boot: 11,
  /** A fault begins. number: its place in the plan */
  fault: 12,
  /** Weather ends. number: its place in the plan */
  fade: 13,
  /** The clocks of a host go at another rate. number: the rate */
  rate: 14,
  /** The monotonic clock goes again. */
  wake: 15,
  /** The wall clock goes again. */
  thaw: 16,
  /** A process goes on after a pause. */
  resume: 18,
  /** The operator lets new processes start again. */
  reopen: 17,
  /** Something happens to a guard, its processes or its requests. ref: a function */
  guard: 19,
  /** Something comes to the process of a guarded elector. number: its life, ref: a function */
  heard: 20,
} as const;
