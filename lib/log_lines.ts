/**
 * What there is to say of what an election tells.
 *
 * @module
 */
import type { Tidings } from "./driver.ts";
import type { HolderChange } from "./elector_options.ts";
import type { LogFields, Logger } from "./logger.ts";

/** A line of the log, without what all lines have. */
export interface LogLine {
  readonly level: keyof Logger;
  /** A fixed word for it. */
  readonly event: string;
  readonly message: string;
  readonly fields?: LogFields;
}

/**
 * The line for these tidings, if they are worth one.
 *
 * @param tidings What is told.
 * @param token Of the term that they are about.
 * @param holder Who holds the Lease now.
 */
export function lineOf(
  tidings: Tidings,
  token: string | undefined,
  holder: HolderChange,
): LogLine | undefined {
  switch (tidings.type) {
    case "startTerm":
      return { level: "info", event: "elected", message: "elected", fields: { token } };
    case "endTerm": {
      const { reason } = tidings;
      const message = `told the work to stop: ${reason}`;
      return { level: "info", event: "lost", message, fields: { token, reason } };
    }
    case "revokeTerm": {
      const { reason } = tidings;
      const message = `the term is over (${reason}): nothing is released`;
      return { level: "warn", event: "revoked", message, fields: { token, reason } };
    }
    case "released": {
      const fields = { token: tidings.token };
      if (tidings.done) {
        return { level: "info", event: "released", message: "released the Lease", fields };
      }
      const message = "the Lease could not be released: it expires by itself";
      return { level: "warn", event: "unreleased", message, fields };
    }
    case "holder":
      return holder.isSelf ? undefined : newLeader(holder);
    case "notice":
      return tidings.notice;
    case "confirmed":
    case "disarm":
    case "withdrawn":
    case "failed":
  }
}

function newLeader({ leader, identity, token }: HolderChange): LogLine {
  return {
    level: "info",
    event: "new-leader",
    message: leader === null ? "nobody holds the Lease" : `the leader is ${leader}`,
    fields: {
      leader: leader ?? undefined,
      holder: identity ?? undefined,
      token: token ?? undefined,
    },
  };
}
