import type { Services } from '../context';
import type { Row } from '../db/database';
import { MOST_PER_ENDPOINT } from './slots';

/** What the sending of a delivery needs to know of its endpoint, as it was when the delivery was taken. */
export interface EndpointSettings {
  readonly id: string;
  readonly organizationId: string;
  /** It has failed since its last success. */
  readonly isFailing: boolean;
  readonly isStrict: boolean;
  /** Deliveries that may be on their way to it at once. */
  readonly bound: number;
  readonly url: string;
  readonly timeoutMs: number;
  /** Encrypted, a JSON object; null: none. */
  readonly headersCipher: Buffer | null;
  readonly legacySignatureHeader: string | null;
  /** Seconds; null: the installation's. */
  readonly retrySchedule: readonly number[] | null;
  /** Encrypted, newest first: the current one, and old ones whose grace is not over. */
  readonly secretCiphers: readonly Buffer[];
}

/** A delivery that this process may send until its lease ends. */
export interface ClaimedDelivery {
  readonly id: string;
  /** Times that it was taken, this one included. */
  readonly claims: number;
  readonly eventId: string;
  readonly eventType: string;
  /** Milliseconds since 1970. */
  readonly occurredAt: number;
  /** As it is stored: the full form (INV-40). */
  readonly body: string;
  readonly payload: 'full' | 'thin';
  readonly manual: boolean;
  /** Attempts that were made, and those of them that failed. */
  readonly attemptCount: number;
  readonly failures: number;
  readonly endpoint: EndpointSettings;
}

/** Milliseconds for which a delivery belongs to the process that took it or prolonged the lease (rulings). */
export const LEASE_MS = 30_000;
/** No lease ends later than this from now: where leases are counted. */
export const LONGEST_LEASE_MS = 2 * LEASE_MS;

/** Of an endpoint `e`, for `readEndpoint`; $2 is now. */
export const SETTINGS = `e.id, e.organization_id, e.failing_since is not null, e.ordering = 'strict', e.url,
  e.timeout_seconds, e.headers_cipher, e.legacy_signature_header, e.retry_schedule,
  array(select s.cipher from webhook_secrets s where s.endpoint_id = e.id and (s.expires_at is null or s.expires_at > $2)
    order by s.expires_at is not null, s.created_at desc, s.id desc)`;
export const SETTINGS_COUNT = 10;
/** Of a delivery `d` and its event `v`, for `readDelivery`. */
export const DELIVERY = `d.endpoint_id, d.id, d.claims, d.event_id, v.event_type, (extract(epoch from v.occurred_at) * 1000)::float8, v.body,
  d.payload, d.manual, d.attempt_count, d.failures`;

/** The columns of `SETTINGS`. */
export function readEndpoint(row: Row): EndpointSettings {
  const [id, organizationId, isFailing, isStrict, url, seconds, ...others] = row;
  const [headersCipher, legacySignatureHeader, retrySchedule, secretCiphers] = others;
  return {
    id,
    organizationId,
    isFailing,
    isStrict,
    // One that fails is only felt for.
    bound: isStrict || isFailing ? 1 : MOST_PER_ENDPOINT,
    url,
    timeoutMs: (seconds as number) * 1_000,
    headersCipher,
    legacySignatureHeader,
    retrySchedule,
    secretCiphers,
  } as EndpointSettings;
}

/** A delivery whose event may have lost its body. */
export type Stored = Omit<ClaimedDelivery, 'body'> & { readonly body: string | null };

export function readDelivery(row: Row, endpoint: EndpointSettings): Stored {
  const [id, claims, eventId, eventType, occurredAt, body, payload, manual, attemptCount, failures] = row;
  return {
    id,
    claims,
    eventId,
    eventType,
    occurredAt,
    body,
    payload,
    manual,
    attemptCount,
    failures,
    endpoint,
  } as Stored;
}

export type QueueContext = Pick<Services, 'db' | 'now'>;

/** Begins leases anew. Whoever lost one has no effect, here and at the end: `claims` has moved on. */
export async function prolongLeases(
  { db, now }: QueueContext,
  deliveries: readonly Pick<ClaimedDelivery, 'id' | 'claims'>[],
): Promise<void> {
  await db.query(
    `update webhook_deliveries d set next_attempt_at = $3 from unnest($1::uuid[], $2::integer[]) r (id, claims)
     where d.id = r.id and d.claims = r.claims and d.status = 'sending'`,
    [deliveries.map(({ id }) => id), deliveries.map(({ claims }) => claims), new Date(now().getTime() + LEASE_MS)],
  );
}

/**
 * A delivery that the caller has made as being sent, with all that sending it needs, and a lease for as long as that takes.
 * @returns undefined when it is not there, is not being sent, or its event has no body any more
 */
export async function adoptDelivery({ db, now }: QueueContext, id: string): Promise<ClaimedDelivery | undefined> {
  const at = now();
  const [row] = await db.query(
    `update webhook_deliveries d set next_attempt_at = $2, claims = d.claims + 1 from events v
     where d.id = $1 and v.id = d.event_id and d.status = 'sending' and v.body is not null
     returning ${DELIVERY}`,
    [id, new Date(at.getTime() + LONGEST_LEASE_MS)],
  );
  if (row === undefined) return undefined;
  const [endpointId, ...columns] = row;
  const [endpoint] = await db.query(`select ${SETTINGS} from webhook_endpoints e where e.id = $1`, [endpointId, at]);
  return readDelivery(columns, readEndpoint(endpoint as Row)) as ClaimedDelivery;
}
