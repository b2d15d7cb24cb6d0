/**
 * `@std/http` from npm, for machines that cannot reach JSR: negotiation, server-sent events and the status
 * codes, with the types of `@std/http@1.0.25`, since the npm package is plain JavaScript.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- it must not be a dependency where JSR answers
import * as negotiation from "npm:deno-std@1.4.0/http/negotiation.js";
// deno-lint-ignore no-import-prefix -- it must not be a dependency where JSR answers
import * as events from "npm:deno-std@1.4.0/http/server_sent_event_stream.js";

export { STATUS_CODE } from "./http_status.ts";

/** Which media types the client accepts, or which of those given it likes best. */
export const accepts: {
  (request: Request): string[];
  (request: Request, ...types: string[]): string | undefined;
} = negotiation.accepts;

/** One server-sent event. */
export interface ServerSentEventMessage {
  /** A comment, which clients ignore. */
  comment?: string;
  /** The kind of event. */
  event?: string;
  /** The payload. */
  data?: string;
  /** What the client sends as `Last-Event-ID` when it comes back. */
  id?: string | number;
  /** How long the client waits before it comes back, in milliseconds. */
  retry?: number;
}

/** Turns events into the bytes that go over the wire. */
export type ServerSentEventStream = TransformStream<
  ServerSentEventMessage,
  Uint8Array<ArrayBuffer>
>;
/** Turns events into the bytes that go over the wire. */
export const ServerSentEventStream: new () => ServerSentEventStream = events.ServerSentEventStream;
