import type { TestApp } from './app';

/** Ids of what was made. */
export interface Delivered {
  readonly eventId: string;
  readonly endpointId: string;
  /** The one that was replayed. */
  readonly firstId: string;
  /** A replay of it. */
  readonly deliveryId: string;
  /** Of the replay. */
  readonly attemptId: string;
}

/**
 * What a sender leaves behind of the first event of an organization: a delivery that failed, and its replay with one
 * attempt, to an endpoint that is made for it unless there is one.
 */
export async function addDelivery(app: TestApp, organizationId: string, endpointId?: string): Promise<Delivered> {
  const [row] = await app.source.query(
    `with endpoint as (
       insert into webhook_endpoints (id, organization_id, url)
       select new_id(), $1, 'https://example.com/hook' where $2::uuid is null returning id
     ), event as (
       select id, sequence from events where organization_id = $1 order by sequence limit 1
     ), failed as (
       insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, status, payload, attempt_count,
         failures, last_status_code, last_error)
       select new_id(), $1, coalesce($2::uuid, endpoint.id), event.id, event.sequence, 'exhausted', 'full', 1, 1, 500, 'http_status'
       from event left join endpoint on true returning *
     ), replay as (
       insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, trigger, manual, status, payload,
         attempt_count, replay_of_id, first_attempt_at, last_attempt_at, delivered_at, last_status_code)
       select new_id(), $1, endpoint_id, event_id, sequence, 'replay', true, 'succeeded', 'full', 1, id, now(), now(), now(), 200
       from failed returning *
     ), attempt as (
       insert into webhook_attempts (id, organization_id, delivery_id, number, manual, started_at, duration_ms, status_code,
         remote_address, request_headers, response_headers, response_body)
       select new_id(), $1, id, 1, true, now(), 12, 200, '192.0.2.1', '{"webhook-timestamp": "1767225600"}',
         '{"content-type": "text/plain"}', 'ok' from replay returning id
     )
     select replay.event_id as "eventId", replay.endpoint_id as "endpointId", failed.id as "firstId", replay.id as "deliveryId",
       attempt.id as "attemptId" from failed, replay, attempt`,
    [organizationId, endpointId ?? null],
  );
  return row;
}

/** More events of an organization, which tell of it; its endpoints get them. */
export async function addEvents(app: TestApp, organizationId: string, count: number): Promise<void> {
  await app.source.query(
    `select record_events(array['organization.updated'], $1, array_agg(jsonb_build_object('type', 'organizations', 'id', $1::uuid)),
       null, 'system', null, null, null, null) from generate_series(1, $2::int)`,
    [organizationId, count],
  );
}

/** More deliveries of the same event to the same endpoint, more attempts of the same one, and an attempt of another. */
export async function addDeliveries(app: TestApp, delivered: Delivered, count: number): Promise<void> {
  const { eventId, endpointId, firstId, deliveryId } = delivered;
  await app.source.query(
    `insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, status, payload)
     select new_id(), e.organization_id, $2, e.id, e.sequence, 'succeeded', 'full' from events e, generate_series(1, $3::int)
     where e.id = $1`,
    [eventId, endpointId, count],
  );
  await app.source.query(
    `insert into webhook_attempts (id, organization_id, delivery_id, number, manual, started_at, duration_ms, error,
       request_headers, response_headers)
     select new_id(), d.organization_id, d.id, n, false, now(), 3, 'timeout', '{}', '{}'
     from webhook_deliveries d, generate_series(2, $3::int + 1) n where d.id = $1 or (d.id = $2 and n = 2)`,
    [deliveryId, firstId, count],
  );
}
