import { type Answer, type Body, type Client, document, link, S, type TestApp } from '../../support/app';

export const PATH = `${S}/webhookEndpoints`;
export const URL = 'https://hooks.example.com/in';

export const post = (asker: Client, organizationId: string, attributes: object = {}): Promise<Answer> =>
  asker.post(
    PATH,
    document(
      'webhookEndpoints',
      { url: URL, ...attributes },
      { relationships: { organization: link('organizations', organizationId) } },
    ),
  );

/** A new endpoint, `secret` in its attributes. */
export async function create(asker: Client, organizationId: string, attributes: object = {}): Promise<Body> {
  const { status, body, text } = await post(asker, organizationId, attributes);
  if (status !== 201) throw new Error(`endpoint not created: ${text}`);
  return body.data;
}

export const patch = (asker: Client, id: string, attributes: object, headers = {}): Promise<Answer> =>
  asker.patch(`${PATH}/${id}`, document('webhookEndpoints', attributes, { id }), headers);

export const get = async (asker: Client, id: string): Promise<Body> => (await asker.get(`${PATH}/${id}`)).body.data;

export const act = (asker: Client, id: string, action: string, meta?: object): Promise<Answer> =>
  asker.post(`${PATH}/${id}/${action}`, meta === undefined ? undefined : { meta });

/** Deliveries to an endpoint that are on their way, one with each of these statuses, of the first event of its organization. */
export async function addDeliveries(app: TestApp, endpointId: string, statuses: readonly string[]): Promise<void> {
  await app.db.query(
    `insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, status, payload, next_attempt_at)
     select new_id(), e.organization_id, e.id, v.id, v.sequence, s.status, 'full',
       case when s.status in ('pending', 'retrying', 'sending') then now() end
     from webhook_endpoints e join events v on v.organization_id = e.organization_id and v.sequence = 1, unnest($2::text[]) s (status)
     where e.id = $1`,
    [endpointId, statuses],
  );
}
