import { randomUUID } from 'node:crypto';
import { type Client, createOrganization, document, link, M, S, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError, ORGANIZATION_KEY, WEBHOOK_SECRET } from '../documents';
import { colleague, founder } from '../people';
import { defaultEndpointId, defaultSecret, signingSecrets } from '../webhooks';

const PATH = `${M}/organizations`;

let app: TestApp;
let clock = 0;
beforeAll(async () => {
  app = await startApp({}, () => new Date(Date.now() + clock));
});
beforeEach(() => {
  clock = 0;
});
afterAll(() => app.close());

const rotate = (id: string, asker: Client, meta?: object, headers = {}) =>
  asker.post(`${PATH}/${id}/token/rotate`, meta === undefined ? undefined : { meta }, headers);
const end = (id: string, asker: Client) => asker.delete(`${PATH}/${id}/token`);
const works = async (token: string) => (await app.as(token).get(`${S}/me`)).status === 200;

describe('token/rotate', () => {
  test('shows the new token once; the old one lives on for the grace [INV-33]', async () => {
    const { owner, organization } = await founder(app);
    const { status, headers, body } = await rotate(organization.id, owner, { gracePeriodSeconds: 60 });
    const { token } = body.data.attributes;
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    expect(token).toEqual(ORGANIZATION_KEY);
    expect(token).not.toBe(organization.attributes.token);
    expect((await owner.get(`${PATH}/${organization.id}`)).body.data.attributes.token).toBeNull();
    expect([await works(organization.attributes.token), await works(token)]).toEqual([true, true]);
    clock = 61_000;
    expect([await works(organization.attributes.token), await works(token)]).toEqual([false, true]);
  });

  test('without grace the old one ends at once; a day is the default', async () => {
    const { owner, organization } = await founder(app);
    const { token } = (await rotate(organization.id, owner, { gracePeriodSeconds: 0 })).body.data.attributes;
    expect([await works(organization.attributes.token), await works(token)]).toEqual([false, true]);
    const next = (await rotate(organization.id, owner)).body.data.attributes.token;
    clock = 86_000_000;
    expect([await works(token), await works(next)]).toEqual([true, true]);
    clock = 86_500_000;
    expect([await works(token), await works(next)]).toEqual([false, true]);
  });

  test('makes one anew where it was ended', async () => {
    const { owner, organization } = await founder(app);
    await end(organization.id, owner);
    const { status, body } = await rotate(organization.id, owner);
    expect([status, await works(body.data.attributes.token)]).toEqual([200, true]);
  });

  test('is not for those who can do less than the token, since they would get it', async () => {
    const { organization } = await founder(app);
    const admin = await colleague(app, organization.id, 'admin');
    expectError(await rotate(organization.id, admin), 403, 'cannot_grant');
    expectDenied(await rotate(organization.id, await colleague(app, organization.id, 'member')), 'apiKeys:rotate');
    expectError(await rotate(organization.id, await app.user()), 404, 'not_found');
    expect(await works(organization.attributes.token)).toBe(true);
  });

  test('an admin’s own token can do no more than he can [INV-32]', async () => {
    const { organization } = await founder(app);
    const admin = await colleague(app, organization.id, 'admin');
    const given = `given-${randomUUID()}`;
    const patched = document('organizations', { token: given }, { id: organization.id });
    expect((await admin.patch(`${PATH}/${organization.id}`, patched)).status).toBe(200);
    const made = (await end(organization.id, admin).then(() => rotate(organization.id, admin))).body.data.attributes
      .token;
    const own = app.as(made);
    expect((await own.get(`${S}/me`)).body.data.attributes.permissions).not.toContain('organizations:delete');
    expectDenied(await own.delete(`${PATH}/${organization.id}`), 'organizations:delete');
  });

  test('a grace beyond seven days is 422', async () => {
    const { id } = await createOrganization(app.platform);
    for (const gracePeriodSeconds of [-1, 604_801]) {
      expect((await rotate(id, app.platform, { gracePeriodSeconds })).body.errors[0]).toMatchObject({
        code: 'not_allowed',
        source: { pointer: '/meta/gracePeriodSeconds' },
      });
    }
  });

  test('of 10 at the same time one token is left that lives', async () => {
    const { id, attributes } = await createOrganization(app.platform);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => rotate(id, app.platform, { gracePeriodSeconds: 0 })),
    );
    const tokens = answers.filter(({ status }) => status === 200).map(({ body }) => body.data.attributes.token);
    expect(tokens.length).toBeGreaterThan(0);
    const living = await Promise.all([attributes.token, ...tokens].map(works));
    expect(living.filter(Boolean)).toHaveLength(1);
  });

  test('a repeated request gets null in its place [INV-30]', async () => {
    const { id } = await createOrganization(app.platform);
    const key = { 'Idempotency-Key': randomUUID() };
    const first = await rotate(id, app.platform, {}, key);
    const second = await rotate(id, app.platform, {}, key);
    expect(first.body.data.attributes.token).toEqual(ORGANIZATION_KEY);
    expect(second.body.data.attributes.token).toBeNull();
    expect(second.body.meta.secretWithheld).toBe(true);
  });
});

describe('DELETE token', () => {
  test('ends it at once, with those that were replaced and live on; then there is none: 404', async () => {
    const { owner, organization } = await founder(app);
    const { token } = (await rotate(organization.id, owner)).body.data.attributes;
    const answer = await end(organization.id, owner);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect([await works(organization.attributes.token), await works(token)]).toEqual([false, false]);
    expectError(await end(organization.id, owner), 404, 'not_found');
  });

  test('needs the right to revoke keys, and leaves the other keys alone', async () => {
    const { owner, organization } = await founder(app);
    const relationships = { organization: link('organizations', organization.id) };
    const made = await owner.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' }, { relationships }));
    expectDenied(await end(organization.id, await colleague(app, organization.id, 'member')), 'apiKeys:revoke');
    expectError(await end(organization.id, await app.user()), 404, 'not_found');
    expect((await end(organization.id, app.as(organization.attributes.token))).status).toBe(204);
    expect(await works(made.body.data.attributes.secret)).toBe(true);
  });
});

describe('webhookSecret/rotate', () => {
  const rotateSecret = (id: string, asker: Client, meta?: object) =>
    asker.post(`${PATH}/${id}/webhookSecret/rotate`, meta === undefined ? undefined : { meta });

  test('shows the new secret once', async () => {
    const { owner, organization } = await founder(app, { webhookUrl: 'https://example.com/in' });
    const { status, headers, body } = await rotateSecret(organization.id, owner);
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    expect(body.data.attributes.webhookSecret).toEqual(WEBHOOK_SECRET);
    expect(body.data.attributes.webhookSecret).not.toBe(organization.attributes.webhookSecret);
    expect(await defaultSecret(app, organization.id)).toBe(body.data.attributes.webhookSecret);
    expect((await owner.get(`${PATH}/${organization.id}`)).body.data.attributes.webhookSecret).toBeNull();
  });

  test('the old one signs along for the grace, a day unless it is said [INV-33]', async () => {
    const { owner, organization } = await founder(app, { webhookUrl: 'https://example.com/in' });
    const endpoint = (await defaultEndpointId(app, organization.id)) as string;
    const first = organization.attributes.webhookSecret;
    const second = (await rotateSecret(organization.id, owner)).body.data.attributes.webhookSecret;
    expect(await signingSecrets(app, endpoint)).toEqual([second, first]);
    const { body } = await owner.get(`${S}/webhookEndpoints/${endpoint}`);
    const [{ start, expiresAt }] = body.data.attributes.oldSecrets;
    expect(start).toBe(first.slice(0, 10));
    expect(Math.abs(Date.parse(expiresAt) - Date.now() - 86_400_000)).toBeLessThan(60_000);
    const third = (await rotateSecret(organization.id, owner, { gracePeriodSeconds: 0 })).body.data.attributes
      .webhookSecret;
    expect(await signingSecrets(app, endpoint)).toEqual([third, first]);
  });

  test('without a URL there is none: 409; a grace beyond seven days is 422', async () => {
    const { owner, organization } = await founder(app);
    expectError(await rotateSecret(organization.id, owner), 409, 'invalid_transition');
    for (const gracePeriodSeconds of [-1, 604_801]) {
      const refused = await rotateSecret(organization.id, owner, { gracePeriodSeconds });
      expect(refused.body.errors[0]).toMatchObject({
        code: 'not_allowed',
        source: { pointer: '/meta/gracePeriodSeconds' },
      });
    }
  });

  test('needs webhooks:rotate', async () => {
    const { organization } = await founder(app, { webhookUrl: 'https://example.com/in' });
    expectDenied(
      await rotateSecret(organization.id, await colleague(app, organization.id, 'auditor')),
      'webhooks:rotate',
    );
    expect((await rotateSecret(organization.id, await colleague(app, organization.id, 'admin'))).status).toBe(200);
  });
});
