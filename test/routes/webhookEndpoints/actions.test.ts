import { randomUUID } from 'node:crypto';
import { removeExpiredSecrets } from '../../../src/services/webhookSecrets';
import { createOrganization, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError, TIME, WEBHOOK_SECRET } from '../documents';
import { colleague, founder } from '../people';
import { deliveriesOf, eventsOf, signingSecrets } from '../webhooks';
import { act, create, get, PATH } from './endpoints';

let app: TestApp;
let organization: string;
beforeAll(async () => {
  app = await startApp();
  organization = (await createOrganization(app.platform)).id;
});
afterAll(() => app.close());

const rotate = (id: string, meta?: object) => act(app.platform, id, 'secret/rotate', meta);
const stored = async (id: string) => {
  const [row] = await app.db.query('select count(*)::int from webhook_secrets where endpoint_id = $1', [id]);
  return row?.[0];
};
const expire = (id: string) =>
  app.db.query(
    "update webhook_secrets set expires_at = now() - interval '1 second' where endpoint_id = $1 and expires_at is not null",
    [id],
  );

describe('secret/rotate', () => {
  test('shows the new secret once; the old one signs along for a day (INV-33)', async () => {
    const { id, attributes } = await create(app.platform, organization);
    const { status, headers, body } = await rotate(id);
    const { secret, oldSecrets } = body.data.attributes;
    expect([status, headers['cache-control'], secret]).toEqual([200, 'no-store', WEBHOOK_SECRET]);
    expect(oldSecrets).toEqual([{ start: attributes.secret.slice(0, 10), expiresAt: TIME }]);
    expect(Math.abs(Date.parse(oldSecrets[0].expiresAt) - Date.now() - 86_400_000)).toBeLessThan(60_000);
    expect(await signingSecrets(app, id)).toEqual([secret, attributes.secret]);
    expect((await get(app.platform, id)).attributes).toMatchObject({ secret: null, oldSecrets });
    expect(body.data.attributes).toEqual({
      ...attributes,
      secret,
      oldSecrets,
      updatedAt: body.data.attributes.updatedAt,
    });
  });

  test('without grace the old one ends at once; others keep theirs', async () => {
    const { id, attributes } = await create(app.platform, organization);
    await rotate(id, { gracePeriodSeconds: 604_800 });
    const { secret, oldSecrets } = (await rotate(id, { gracePeriodSeconds: 0 })).body.data.attributes;
    expect(oldSecrets).toHaveLength(1);
    expect(await signingSecrets(app, id)).toEqual([secret, attributes.secret]);
  });

  test('takes a secret of the client as it is', async () => {
    const { id } = await create(app.platform, organization);
    const secret = '  a secret with blanks  ';
    expect((await rotate(id, { secret })).body.data.attributes.secret).toBe(secret);
    expect((await signingSecrets(app, id))[0]).toBe(secret);
  });

  test('gives a v1a endpoint another key pair, and shows the public one', async () => {
    const { id, attributes } = await create(app.platform, organization, { signature: 'v1a' });
    const { headers, body } = await rotate(id);
    const { publicKey, secret, oldSecrets } = body.data.attributes;
    expect([secret, headers['cache-control']]).toEqual([null, 'private, no-cache']);
    expect(publicKey).toMatch(/^whpk_/);
    expect(publicKey).not.toBe(attributes.publicKey);
    expect(oldSecrets[0].start).toBe(attributes.publicKey.slice(0, 9));
    expectError(await rotate(id, { secret: 'a secret of the client' }), 422, 'not_allowed', {
      source: { pointer: '/meta/secret' },
    });
  });

  test('ten old ones live side by side, the oldest of eleven ends (INV-33)', async () => {
    const { id, attributes } = await create(app.platform, organization);
    const secrets = [attributes.secret];
    for (let i = 0; i < 11; i++) secrets.unshift((await rotate(id)).body.data.attributes.secret);
    expect(await signingSecrets(app, id)).toEqual(secrets.slice(0, 11));
    expect((await get(app.platform, id)).attributes.oldSecrets).toHaveLength(10);
  });

  test('an old one whose grace is over is not there any more, before it is removed and after', async () => {
    const { id } = await create(app.platform, organization);
    const { secret } = (await rotate(id)).body.data.attributes;
    await expire(id);
    expect((await get(app.platform, id)).attributes.oldSecrets).toEqual([]);
    expect([await signingSecrets(app, id), await stored(id)]).toEqual([[secret], 2]);
    await removeExpiredSecrets(app.services);
    expect([await signingSecrets(app, id), await stored(id)]).toEqual([[secret], 1]);
  });

  test.each([
    ['gracePeriodSeconds', -1, 'not_allowed'],
    ['gracePeriodSeconds', 604_801, 'not_allowed'],
    ['gracePeriodSeconds', 1.5, 'invalid_format'],
    ['secret', 'x'.repeat(15), 'too_short'],
    ['secret', null, 'invalid_format'],
    ['grace', 1, 'unknown_attribute'],
  ])('%s %j is 422', async (name, value, code) => {
    const { id, attributes } = await create(app.platform, organization);
    const { status, body } = await rotate(id, { [name]: value });
    expect([status, body.errors[0]]).toMatchObject([422, { code, source: { pointer: `/meta/${name}` } }]);
    expect(await signingSecrets(app, id)).toEqual([attributes.secret]);
  });

  test('is told to the others, without a secret (INV-30, INV-43)', async () => {
    const { id } = await create(app.platform, organization, { eventTypes: ['webhook_endpoint.*'] });
    const other = await create(app.platform, organization, { eventTypes: ['webhook_endpoint.secret_rotated'] });
    const { secret, oldSecrets } = (await rotate(id, { gracePeriodSeconds: 5 })).body.data.attributes;
    const event = (await eventsOf(app, organization)).at(-1);
    expect(event).toMatchObject({
      type: 'webhook_endpoint.secret_rotated',
      data: { id, attributes: { oldSecrets } },
      previous: { attributes: { oldSecrets: [] } },
    });
    expect(JSON.stringify(event)).not.toContain(secret);
    expect(event.data.attributes).not.toHaveProperty('secret');
    expect(await deliveriesOf(app, other.id)).toEqual([['webhook_endpoint.secret_rotated', 'pending']]);
    expect(await deliveriesOf(app, id)).toEqual([['webhook_endpoint.created', 'pending']]);
  });

  test('needs the right to rotate, and heeds If-Match', async () => {
    const { owner, organization: own } = await founder(app);
    const { id } = await create(owner, own.id);
    expectDenied(await act(await colleague(app, own.id, 'auditor'), id, 'secret/rotate'), 'webhooks:rotate');
    expectError(await act(await app.user(), id, 'secret/rotate'), 404, 'not_found');
    expect((await owner.post(`${PATH}/${id}/secret/rotate`, undefined, { 'If-Match': '"99.x"' })).status).toBe(412);
    expect((await act(await colleague(app, own.id, 'admin'), id, 'secret/rotate')).status).toBe(200);
  });

  test('of ten at the same time each makes a secret, and one is current', async () => {
    const { id } = await create(app.platform, organization);
    const answers = await Promise.all(Array.from({ length: 10 }, () => rotate(id)));
    const shown = answers.map(({ body }) => body.data.attributes.secret);
    expect(new Set(shown).size).toBe(10);
    const signing = await signingSecrets(app, id);
    expect(signing).toHaveLength(11);
    expect(shown).toContain(signing[0]);
  });

  test('a repeated request gets null in its place (INV-30)', async () => {
    const { id } = await create(app.platform, organization);
    const key = { 'Idempotency-Key': randomUUID() };
    const [first, second] = [
      await app.platform.post(`${PATH}/${id}/secret/rotate`, {}, key),
      await app.platform.post(`${PATH}/${id}/secret/rotate`, {}, key),
    ];
    expect(first.body.data.attributes.secret).toEqual(WEBHOOK_SECRET);
    expect(second.body.data.attributes.secret).toBeNull();
    expect(second.body.meta.secretWithheld).toBe(true);
    expect(await signingSecrets(app, id)).toHaveLength(2);
  });
});

describe('secret/expireOld', () => {
  test('ends the old ones now, and tells of it when there were some', async () => {
    const { id } = await create(app.platform, organization);
    await rotate(id);
    const { secret } = (await rotate(id)).body.data.attributes;
    const { status, body } = await act(app.platform, id, 'secret/expireOld');
    expect([status, body.data.attributes]).toMatchObject([200, { secret: null, oldSecrets: [] }]);
    expect([await signingSecrets(app, id), await stored(id)]).toEqual([[secret], 1]);
    const events = await eventsOf(app, organization);
    expect(events.at(-1)).toMatchObject({ type: 'webhook_endpoint.updated', data: { id } });
    expect(events.at(-1).previous.attributes.oldSecrets).toHaveLength(2);
    expect((await act(app.platform, id, 'secret/expireOld')).status).toBe(200);
    expect(await eventsOf(app, organization)).toHaveLength(events.length);
  });

  test('needs the right to rotate', async () => {
    const { owner, organization: own } = await founder(app);
    const { id } = await create(owner, own.id);
    expectDenied(await act(await colleague(app, own.id, 'auditor'), id, 'secret/expireOld'), 'webhooks:rotate');
  });
});
