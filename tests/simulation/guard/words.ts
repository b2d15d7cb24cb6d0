// What guards hear and say, in a few words.
import type { Effect, Input } from "../../../lib/guard/guard.ts";
import type { ElectorMessage, GuardMessage } from "../../../lib/guard/messages.ts";

/** What comes to a guard. */
export function sayInput(input: Input): string {
  switch (input.type) {
    case "said":
      return sayMessage(input.message);
    case "answered":
      return `answer ${input.id}: ${input.answer.kind}`;
    case "swept":
      return `pass ${input.id} found ${input.found}${
        input.unprovable ? ", and proves nothing" : ""
      }`;
    case "signalled":
      return input.signal;
    default:
      return input.type;
  }
}

/** One message. */
export function sayMessage(message: GuardMessage | ElectorMessage): string {
  switch (message.type) {
    case "ask":
    case "reading":
    case "confirmed":
      return `${message.type} ${message.sequence}`;
    case "over":
      return message.revoked ? "over, revoked" : "over";
    case "ended":
      return message.stopped ? "ended, stopped" : "ended";
    default:
      return message.type;
  }
}

/** What a guard wants done. */
export function sayEffect(effect: Effect): string {
  switch (effect.type) {
    case "say":
      return sayMessage(effect.message);
    case "note":
      return `says ${effect.note.event}`;
    case "read":
    case "write":
    case "abandon":
      return `${effect.type} ${effect.id}`;
    default:
      return effect.type;
  }
}
