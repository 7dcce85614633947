import type { Logger } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import type { Services } from '../context';
import { cipherPurpose } from '../services/organizations';
import { headersOf } from '../services/webhookEndpointRules';
import { type AttemptInput, type AttemptResult, makeAttempt } from './attempt';
import { thinBody } from './body';
import type { ClaimedDelivery } from './delivery';
import type { Ended } from './outcome';
import { legacySignature, signatureOf } from './sign';

export type SendContext = Pick<Services, 'secrets' | 'egress' | 'now'> & { readonly log?: Logger };

/** Of an attempt that could not be made: a key that is not the one it was encrypted with, a header that can't be sent. */
const NOT_MADE: AttemptResult = {
  statusCode: null,
  error: 'aborted',
  remoteAddress: null,
  requestHeaders: {},
  responseHeaders: {},
  responseBody: null,
  truncated: false,
  durationMs: 0,
};

/**
 * Makes one attempt of a delivery. Never throws.
 * @param signal the process stops
 */
export async function sendDelivery(ctx: SendContext, delivery: ClaimedDelivery, signal?: AbortSignal): Promise<Ended> {
  const startedAt = ctx.now();
  let result: AttemptResult;
  let isCut = false;
  try {
    result = await makeAttempt(ctx.egress, { ...inputOf(ctx, delivery, startedAt), signal });
    isCut = result.error === 'aborted' && signal?.aborted === true;
  } catch (error) {
    ctx.log?.error({ delivery: delivery.id, reason: (error as Error).message }, 'a webhook can’t be sent');
    result = NOT_MADE;
  }
  return { delivery, id: uuidv7(), startedAt, endedAt: ctx.now(), result, isCut };
}

/** The same bytes in every attempt, signed anew (INV-40). */
function inputOf(ctx: SendContext, delivery: ClaimedDelivery, at: Date): AttemptInput {
  const { endpoint, eventId } = delivery;
  const secrets = endpoint.secretCiphers.map((cipher) =>
    ctx.secrets.decrypt(cipher, cipherPurpose(endpoint.organizationId)),
  );
  const body = Buffer.from(delivery.payload === 'thin' ? thinBody(delivery.body) : delivery.body, 'utf8');
  const timestamp = Math.floor(at.getTime() / 1_000);
  const { legacySignatureHeader: legacy } = endpoint;
  const [newest] = secrets;
  const signed = {
    'webhook-id': eventId,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatureOf(secrets, eventId, timestamp, body),
    ...(legacy === null || newest === undefined ? {} : { [legacy]: legacySignature(newest, body) }),
  };
  return { url: endpoint.url, body, signed, headers: headersOf(ctx, endpoint), timeoutMs: endpoint.timeoutMs };
}
