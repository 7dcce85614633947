import { isDeepStrictEqual } from 'node:util';
import type { WebhookEndpoint } from '../../entities';
import type { Context } from '../context';
import type { Changes } from '../db/write';
import { AppError, type ErrorCode, type Fault } from '../errors';
import { EVENT_PATTERNS, EVENT_TYPES } from '../eventTypes';
import { isReservedHeader, isSecretHeader, isSendableHeader, MASK, maskHeaders } from '../webhooks/headers';

type Headers = Readonly<Record<string, string>>;

/** Attributes of a request, judged by their schemas already. */
export type EndpointInput = Partial<
  Pick<
    WebhookEndpoint,
    | 'url'
    | 'description'
    | 'eventTypes'
    | 'disabled'
    | 'signature'
    | 'headers'
    | 'timeoutSeconds'
    | 'ratePerSecond'
    | 'ordering'
    | 'payload'
    | 'retrySchedule'
    | 'legacySignatureHeader'
    | 'metadata'
    | 'externalId'
  >
> & { secret?: string | null };

/** What new attributes must fit to. */
export interface Settled extends Pick<WebhookEndpoint, 'id' | 'signature' | 'legacySignatureHeader'> {
  /** As they are sent. */
  readonly headers: Headers;
}

/** Header names are keys of a JSON:API document, too, and must be member names there: fewer than HTTP allows. */
const HEADER_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?$/;
const KNOWN_TYPES: ReadonlySet<string> = new Set([...EVENT_TYPES, ...EVENT_PATTERNS]);

/** A faulty attribute, or a part of one, named where client libraries look for it. */
export function attributeFault(code: ErrorCode, detail: string, ...path: (string | number)[]): Fault {
  const pointer = path.map((part) => String(part).replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
  return {
    code,
    detail,
    source: { pointer: `/data/attributes/${pointer}` },
    meta: { attribute: String(path.at(-1)), message: detail },
  };
}

const eventTypeFaults = (types: readonly string[]): Fault[] =>
  types.flatMap((type, i) =>
    KNOWN_TYPES.has(type)
      ? []
      : [attributeFault('unknown_event_type', 'There is no such type of event.', 'eventTypes', i)],
  );

/** Those that HTTP, the body or the signature need, and ours. */
const isOurs = (name: string): boolean => isReservedHeader(name) || name.toLowerCase() === 'user-agent';

function headerFaults(headers: Headers): Fault[] {
  const seen = new Set<string>();
  return Object.entries(headers).flatMap(([name, value]) => {
    const at = (code: ErrorCode, detail: string) => [attributeFault(code, detail, 'headers', name)];
    if (!HEADER_NAME.test(name)) return at('invalid_format', 'A name has up to 100 letters, digits, "-" and "_".');
    if (isOurs(name)) return at('not_allowed', `${name} can't be set here.`);
    if (seen.has(name.toLowerCase())) return at('not_allowed', `${name} is there twice.`);
    seen.add(name.toLowerCase());
    return isSendableHeader(name, value) ? [] : at('invalid_format', 'A value has visible ASCII characters.');
  });
}

/** A masked value that is sent back stays what it is (round trip). */
function unmask(given: Headers, stored: Headers, faults: Fault[]): Headers {
  const known = new Map(Object.entries(stored).map(([name, value]) => [name.toLowerCase(), value]));
  const values = Object.entries(given).map(([name, value]) => {
    if (value !== MASK || !isSecretHeader(name)) return [name, value];
    const kept = known.get(name.toLowerCase());
    if (kept === undefined)
      faults.push(attributeFault('not_allowed', `${name} has no value that ${MASK} stands for.`, 'headers', name));
    return [name, kept ?? value];
  });
  return Object.fromEntries(values);
}

function legacyFaults({ signature }: Settled, legacy: string | null, headers: Headers): Fault[] {
  if (legacy === null) return [];
  const at = (detail: string) => [attributeFault('not_allowed', detail, 'legacySignatureHeader')];
  if (isOurs(legacy)) return at(`${legacy} can't be set here.`);
  if (signature === 'v1a') return at('An endpoint with v1a has no secret that old receivers could verify with.');
  const isTaken = Object.keys(headers).some((name) => name.toLowerCase() === legacy.toLowerCase());
  return isTaken ? at('It is one of the headers of the endpoint.') : [];
}

/**
 * The columns of these attributes, but for `disabled` and `secret`, which are more than a column.
 * @throws AppError with all faults: `unknown_event_type`, `not_allowed`, `invalid_format`
 */
export function columnsOf(
  { secrets }: Pick<Context, 'secrets'>,
  settled: Settled,
  { disabled: _disabled, secret, headers: given, ...attributes }: EndpointInput,
): Changes<WebhookEndpoint> {
  const { eventTypes = [], legacySignatureHeader = settled.legacySignatureHeader } = attributes;
  const faults = [...eventTypeFaults(eventTypes), ...headerFaults(given ?? {})];
  if (settled.signature === 'v1a' && typeof secret === 'string') {
    faults.push(attributeFault('not_allowed', 'The key of a v1a endpoint is made here.', 'secret'));
  }
  const headers = given === undefined ? settled.headers : unmask(given, settled.headers, faults);
  faults.push(...legacyFaults(settled, legacySignatureHeader, headers));
  if (faults.length > 0) throw AppError.of(faults);
  if (isDeepStrictEqual(headers, settled.headers)) return attributes;
  const isNone = Object.keys(headers).length === 0;
  const headersCipher = isNone ? null : secrets.encrypt(JSON.stringify(headers), headersPurpose(settled.id));
  return { ...attributes, headers: maskHeaders(headers), headersCipher };
}

/** What the cipher of the headers of an endpoint is bound to. */
export const headersPurpose = (id: string) => `webhookEndpoints/${id}/headers`;

/** The headers of an endpoint as they are sent. */
export const headersOf = (
  { secrets }: Pick<Context, 'secrets'>,
  { id, headersCipher }: Pick<WebhookEndpoint, 'id' | 'headersCipher'>,
): Headers => (headersCipher === null ? {} : JSON.parse(secrets.decrypt(headersCipher, headersPurpose(id))));
