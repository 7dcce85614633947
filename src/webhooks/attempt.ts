import type { Egress } from '../egress/egress';
import type { Exchange } from '../egress/exchange';
import { packageVersion } from '../version';
import { keptHeaders, maskHeaders } from './headers';

const USER_AGENT = `Guildhall/${packageVersion()} (webhooks)`;
/** Bytes of an answer's body that are stored (domain sheet 4.12). */
const MOST_STORED = 16_384;

export interface AttemptInput {
  readonly url: string;
  /** Exactly what was signed (INV-40). */
  readonly body: Buffer;
  /** `webhook-id`, `webhook-timestamp`, `webhook-signature`, and the signature for old receivers if there is one. */
  readonly signed: Readonly<Record<string, string>>;
  /** The endpoint's own, in clear; none of them is reserved (`isReservedHeader`). */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** The process is stopping. */
  readonly signal?: AbortSignal;
}

/** What a row of `webhook_attempts` says about a request and its answer. */
export interface AttemptResult extends Omit<Exchange, 'responseBody'> {
  /** As they were sent, but values that look secret are masked. */
  readonly requestHeaders: Readonly<Record<string, string>>;
  /** The first 16 KiB, read as UTF-8, U+FFFD for what is none and for NUL, which PostgreSQL can't store; null without an answer. */
  readonly responseBody: string | null;
}

/**
 * One POST to the receiver of a webhook. It has succeeded when `error` is null.
 * @throws Error when a header field can't be sent (`isSendableHeader`)
 */
export async function makeAttempt(egress: Egress, input: AttemptInput): Promise<AttemptResult> {
  const { url, body, timeoutMs, signal } = input;
  const own = lowerCased(input.headers);
  const signed = lowerCased(input.signed);
  const fixed = { 'content-type': 'application/json', ...signed };
  const exchange = await egress.request({
    url: new URL(url),
    method: 'POST',
    headers: { 'user-agent': USER_AGENT, ...own, ...fixed },
    body,
    timeoutMs,
    maxBodyBytes: MOST_STORED,
    signal,
  });
  return {
    ...exchange,
    requestHeaders: { 'user-agent': USER_AGENT, ...maskHeaders(own), ...fixed },
    responseHeaders: keptHeaders(exchange.responseHeaders),
    responseBody: exchange.responseBody === null ? null : readText(exchange.responseBody, exchange.truncated),
  };
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** A character that the end of a truncated text has cut in two is left out. */
function readText(bytes: Buffer, truncated: boolean): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: truncated }).replaceAll('\0', '\ufffd');
}
