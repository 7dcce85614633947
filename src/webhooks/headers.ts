/** Hop by hop (RFC 9110, 7.6.1), what the body and the connection decide, and what is ours to say. */
const RESERVED = new Set([
  'connection',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const SECRET = /auth|token|secret|key|passw|pwd|cookie|signature|session|credential/i;
/** What is shown in the place of a value that must not be. */
export const MASK = '***';
/** What of an answer's header fields helps to find out what happened. */
const KEPT = [
  'cf-ray',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'location',
  'retry-after',
  'server',
  'via',
  'webhook-delivery',
  'x-amzn-requestid',
  'x-correlation-id',
  'x-request-id',
];
const LONGEST_KEPT = 1024;

/** Whether an endpoint may not set a header field of this name (domain sheet 4.10). */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return RESERVED.has(lower) || lower.startsWith('content-') || lower.startsWith('webhook-');
}

/** Whether a header field can be sent at all: the grammar of RFC 9110, 5.5 and 5.6.2, with values of visible ASCII. */
export function isSendableHeader(name: string, value: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && /^([\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?)?$/.test(value);
}

/** Whether the name of a header field suggests that its value must not be shown. Ours, `webhook-*`, hold nothing secret. */
export function isSecretHeader(name: string): boolean {
  return !/^webhook-/i.test(name) && SECRET.test(name);
}

/** The header fields of an endpoint as they are shown and stored. */
export function maskHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, isSecretHeader(name) ? MASK : value]),
  );
}

/** The part of an answer's header fields that is stored: a few names, the first 1,024 characters of each value. */
export function keptHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    KEPT.flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[name, value.slice(0, LONGEST_KEPT)]];
    }),
  );
}
