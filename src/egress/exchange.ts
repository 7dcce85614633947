import type { Readable } from 'node:stream';

/** Why a request has not succeeded: the closed list of domain sheet 4.12. */
export type ErrorClass =
  | 'dns_error'
  | 'connection_refused'
  | 'connection_reset'
  | 'tls_error'
  | 'timeout'
  | 'blocked_address'
  | 'redirect_refused'
  | 'http_status'
  | 'aborted';

export interface EgressRequest {
  readonly url: URL;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** In lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** For all of it: name, connection, TLS, header fields and body. */
  readonly timeoutMs: number;
  /** What is kept of the answer's body; the rest is not waited for. */
  readonly maxBodyBytes: number;
  readonly signal?: AbortSignal;
}

export interface Exchange {
  /** Of the answer, also when its body did not end well. */
  readonly statusCode: number | null;
  /** null: the request has succeeded, with a complete answer of 2xx in time. Nothing else says so. */
  readonly error: ErrorClass | null;
  /** The address that was connected, tried last, or refused. */
  readonly remoteAddress: string | null;
  /** Names in lower case, several fields of one name joined with commas; empty without an answer. */
  readonly responseHeaders: Readonly<Record<string, string>>;
  /** As it came, compressed or not; null without an answer. */
  readonly responseBody: Buffer | null;
  /** There was more of the body. */
  readonly truncated: boolean;
  readonly durationMs: number;
}

/** An exchange whose answer of 2xx is read while it comes. */
export interface OpenedExchange extends Exchange {
  /** null: it was no such answer. To be read to its end or destroyed; ends with an error when the time is over. */
  readonly body: Readable | null;
}

/** Ends a request with a class of its own choice. */
export class Refusal extends Error {
  constructor(readonly errorClass: ErrorClass) {
    super(errorClass);
  }
}

/** The verdict on a complete answer. */
export function judgeStatus(statusCode: number): ErrorClass | null {
  if (statusCode >= 300 && statusCode < 400) return 'redirect_refused';
  return statusCode >= 200 && statusCode < 300 ? null : 'http_status';
}

/**
 * What broke a connection that stood, or an answer: always `connection_reset`. Answers that are no HTTP/1.1, too long header
 * fields included, are like a connection that broke, and a fault of TLS after its handshake reads as an end of the stream.
 * @returns cause itself when it says that the request can't be sent: that is for who made it
 */
export function judgeFailure(cause: unknown): unknown {
  const code = (cause as { code?: unknown } | null)?.code;
  const isOurs = code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED';
  return isOurs ? cause : new Refusal('connection_reset');
}
