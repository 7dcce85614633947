import type { Body, TestApp } from '../support/app';

/** Rows of secrets of an endpoint that sign at this moment, the current one first, then newest first: what is read of each, decrypted. */
export async function signingSecrets(app: TestApp, endpointId: string): Promise<string[]> {
  const rows = await app.db.query(
    `select s.cipher, e.organization_id from webhook_secrets s join webhook_endpoints e on e.id = s.endpoint_id
     where e.id = $1 and (s.expires_at is null or s.expires_at > now()) order by s.expires_at is not null, s.created_at desc, s.id desc`,
    [endpointId],
  );
  return rows.map(([cipher, organizationId]) =>
    app.services.secrets.decrypt(cipher as Buffer, `organizations/${organizationId}/webhookSecret`),
  );
}

/** Id of the endpoint that `webhookUrl` of an organization stands for. */
export async function defaultEndpointId(app: TestApp, organizationId: string): Promise<string | undefined> {
  const [row] = await app.db.query(
    'select id from webhook_endpoints where organization_id = $1 and is_default and deleted_at is null',
    [organizationId],
  );
  return row?.[0] as string | undefined;
}

/** The secret that deliveries to the default endpoint are signed with, which no answer shows; null: there is none. */
export async function defaultSecret(app: TestApp, organizationId: string): Promise<string | null> {
  const id = await defaultEndpointId(app, organizationId);
  return id === undefined ? null : ((await signingSecrets(app, id))[0] ?? null);
}

/** The bodies of an organization's events, by their numbers. */
export async function eventsOf(app: TestApp, organizationId: string): Promise<Body[]> {
  const rows = await app.db.query('select body from events where organization_id = $1 order by sequence', [
    organizationId,
  ]);
  return rows.map(([body]) => JSON.parse(body as string));
}

/** The deliveries to an endpoint, in the order of their events: type of the event and status. */
export async function deliveriesOf(app: TestApp, endpointId: string): Promise<[string, string][]> {
  const rows = await app.db.query(
    `select e.event_type, d.status from webhook_deliveries d join events e on e.id = d.event_id
     where d.endpoint_id = $1 order by d.sequence, d.id`,
    [endpointId],
  );
  return rows as [string, string][];
}
