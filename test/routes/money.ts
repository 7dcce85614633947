import { randomUUID } from 'node:crypto';
import { type Answer, type Body, type Client, document, link, S, type TestApp } from '../support/app';

/** What moves money takes a key. */
export const keyed = (key: string = randomUUID()) => ({ 'Idempotency-Key': key });

/** A request document for a transaction of an organization. */
export const transaction = (organization: string, kind: string, attributes: object = {}, relationships: object = {}) =>
  document(
    'walletTransactions',
    { kind, ...attributes },
    { relationships: { organization: link('organizations', organization), ...relationships } },
  );

/** Posts it with a key of its own. */
export const move = (
  asker: Client,
  organization: string,
  kind: string,
  attributes: object = {},
  relationships: object = {},
): Promise<Answer> =>
  asker.post(`${S}/walletTransactions`, transaction(organization, kind, attributes, relationships), keyed());

/** The same, and its resource object. */
export async function moved(...asked: Parameters<typeof move>): Promise<Body> {
  const { status, body, text } = await move(...asked);
  if (status !== 201) throw new Error(`nothing was moved: ${text}`);
  return body.data;
}

export const reverse = (asker: Client, organization: string, id: string): Promise<Answer> =>
  move(asker, organization, 'reversal', { reason: 'A mistake' }, { reverses: link('walletTransactions', id) });

/** The wallet of an organization in an asset. */
export async function walletOf(asker: Client, organization: string, asset = 'USD'): Promise<Body> {
  const { body } = await asker.get(`${S}/wallets?filter[organizationId]=${organization}&filter[asset]=${asset}`);
  return body.data[0];
}

/** Sets how far an organization may go below zero, as the limit of an asset or of one service. */
export async function setLimit(
  app: TestApp,
  organization: string,
  maxOverage: number | null,
  asset = 'USD',
  service: string | null = null,
): Promise<void> {
  await app.db.query(
    'delete from overage_limits where organization_id = $1 and asset = $2 and service is not distinct from $3',
    [organization, asset, service],
  );
  await app.db.query(
    'insert into overage_limits (id, organization_id, asset, service, max_overage) values (new_id(), $1, $2, $3, $4)',
    [organization, asset, service, maxOverage],
  );
}

/** Whether the wallets of an organization add up, as the check says. */
export async function addsUp(asker: Client, organization: string): Promise<Body> {
  const { body } = await asker.get(`${S}/wallets?filter[organizationId]=${organization}`);
  const checks = await Promise.all(body.data.map(({ id }: Body) => asker.get(`${S}/wallets/${id}/verify`)));
  return checks.flatMap((each: Answer) => each.body.meta.problems);
}
