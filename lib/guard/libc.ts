/**
 * The few calls to the C library that Deno has no API for: becoming the one that orphans go to, and taking
 * in what they leave behind.
 *
 * @module
 */

const SYMBOLS = {
  prctl: { parameters: ["i32", "usize", "usize", "usize", "usize"], result: "i32" },
  waitid: { parameters: ["i32", "u32", "buffer", "i32"], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
} as const;

const PR_SET_CHILD_SUBREAPER = 36;
const P_ALL = 0;
const WNOHANG = 0x1;
const WEXITED = 0x4;
const WNOWAIT = 0x0100_0000;
const WALL = 0x4000_0000;
/** `si_pid` in a `siginfo_t` of 64-bit Linux, in units of 4 bytes. */
const SI_PID = 4;
const SIGINFO_BYTES = 128;

/** glibc, then musl. */
const NAMES = ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`];

/** What an {@linkcode openLibc} gives. */
export interface Libc {
  /** Has all orphaned descendants become children of this process. @returns Whether it could. */
  becomeSubreaper(): boolean;
  /** A child that has ended and waits to be reaped, and stays so. */
  endedChild(): number | undefined;
  /** Reaps a child that has ended. */
  reap(pid: number): void;
  /**
   * Whether this process has no child at all, dead or alive. As all descendants of a subreaper hang below a
   * child of it, none of those is left then either. Only when nothing waits for a child of its own: what has
   * ended is reaped by this.
   */
  isChildless(): boolean;
}

/**
 * Opens the C library.
 *
 * @returns It, or why not.
 */
export function openLibc(): Libc | string {
  if (Deno.build.os !== "linux") return `this is ${Deno.build.os}, not Linux`;
  let why = "";
  for (const name of NAMES) {
    try {
      return wrap(Deno.dlopen(name, SYMBOLS).symbols);
    } catch (error) {
      why = error instanceof Error ? error.message : String(error);
    }
  }
  return `the C library cannot be loaded: ${why}`;
}

function wrap(c: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"]): Libc {
  const info = new Int32Array(SIGINFO_BYTES / 4);
  return {
    becomeSubreaper: () => c.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) === 0,
    endedChild() {
      info.fill(0);
      const failed = c.waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT | WALL) !== 0;
      return failed ? undefined : info[SI_PID] || undefined;
    },
    reap: (pid) => void c.waitpid(pid, null, WNOHANG | WALL),
    isChildless() {
      let pid: number;
      while ((pid = c.waitpid(-1, null, WNOHANG | WALL)) > 0);
      // 0: a child lives. The only other failure of this call is that there is none.
      return pid < 0;
    },
  };
}
