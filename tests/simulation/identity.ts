// Names and nonces of contenders.

/** How the identities of this project's contenders begin. */
export const PREFIX = "c";

/** The nonce of a process: the host it runs on, and how many ran there before it. */
export function nonceOf(host: number, life: number): string {
  return `${(host + 1).toString(16)}${life.toString(16).padStart(31, "0")}`;
}
