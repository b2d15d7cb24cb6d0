/**
 * `@std/http` from npm, for machines that cannot reach JSR: the parts in use here, with the types of
 * `@std/http@1.0.25`, since the npm package is plain JavaScript.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- it must not be a dependency where JSR answers
import * as negotiation from "npm:deno-std@1.4.0/http/negotiation.js";
// deno-lint-ignore no-import-prefix -- it must not be a dependency where JSR answers
import * as events from "npm:deno-std@1.4.0/http/server_sent_event_stream.js";
// deno-lint-ignore no-import-prefix -- it must not be a dependency where JSR answers
import * as status from "npm:deno-std@1.4.0/http/status.js";

/** The names of the status codes. */
export interface StatusCodes {
  readonly Continue: 100;
  readonly SwitchingProtocols: 101;
  readonly Processing: 102;
  readonly EarlyHints: 103;
  readonly OK: 200;
  readonly Created: 201;
  readonly Accepted: 202;
  readonly NonAuthoritativeInfo: 203;
  readonly NoContent: 204;
  readonly ResetContent: 205;
  readonly PartialContent: 206;
  readonly MultiStatus: 207;
  readonly AlreadyReported: 208;
  readonly IMUsed: 226;
  readonly MultipleChoices: 300;
  readonly MovedPermanently: 301;
  readonly Found: 302;
  readonly SeeOther: 303;
  readonly NotModified: 304;
  readonly UseProxy: 305;
  readonly TemporaryRedirect: 307;
  readonly PermanentRedirect: 308;
  readonly BadRequest: 400;
  readonly Unauthorized: 401;
  readonly PaymentRequired: 402;
  readonly Forbidden: 403;
  readonly NotFound: 404;
  readonly MethodNotAllowed: 405;
  readonly NotAcceptable: 406;
  readonly ProxyAuthRequired: 407;
  readonly RequestTimeout: 408;
  readonly Conflict: 409;
  readonly Gone: 410;
  readonly LengthRequired: 411;
  readonly PreconditionFailed: 412;
  readonly ContentTooLarge: 413;
  readonly URITooLong: 414;
  readonly UnsupportedMediaType: 415;
  readonly RangeNotSatisfiable: 416;
  readonly ExpectationFailed: 417;
  readonly Teapot: 418;
  readonly MisdirectedRequest: 421;
  readonly UnprocessableEntity: 422;
  readonly Locked: 423;
  readonly FailedDependency: 424;
  readonly TooEarly: 425;
  readonly UpgradeRequired: 426;
  readonly PreconditionRequired: 428;
  readonly TooManyRequests: 429;
  readonly RequestHeaderFieldsTooLarge: 431;
  readonly UnavailableForLegalReasons: 451;
  readonly InternalServerError: 500;
  readonly NotImplemented: 501;
  readonly BadGateway: 502;
  readonly ServiceUnavailable: 503;
  readonly GatewayTimeout: 504;
  readonly HTTPVersionNotSupported: 505;
  readonly VariantAlsoNegotiates: 506;
  readonly InsufficientStorage: 507;
  readonly LoopDetected: 508;
  readonly NotExtended: 510;
  readonly NetworkAuthenticationRequired: 511;
}

/** Any of the status codes. */
export type StatusCode = StatusCodes[keyof StatusCodes];

/** Status codes by name. */
export const STATUS_CODE: StatusCodes = status.STATUS_CODE;
/** The usual text of each status code. */
export const STATUS_TEXT: Readonly<Record<StatusCode, string>> = status.STATUS_TEXT;

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
