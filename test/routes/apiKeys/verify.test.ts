import { makeKey } from '../../../src/secrets';
import { type Client, createOrganization, document, link, M, S, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError } from '../documents';

const PATH = `${S}/apiKeys/verify`;
const JSONAPI = { version: '1.1' };

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const ask = (asker: Client, secret: unknown) => asker.post(PATH, { meta: { secret } });

/** A key of a new organization of this maker. */
async function made(maker: Client, attributes: object = {}) {
  const { id: organization, attributes: own, links } = await createOrganization(maker);
  const relationships = { organization: link('organizations', organization) };
  const body = document('apiKeys', { name: 'K', scopes: ['members:read'], ...attributes }, { relationships });
  const { data } = (await maker.post(`${S}/apiKeys`, body)).body;
  const token: string = own.token;
  return { id: data.id, secret: data.attributes.secret as string, organization, token, url: links.self as string };
}

test('a good key is told with what it is for, in meta alone', async () => {
  const { secret, organization, token } = await made(app.platform, { expiresAt: '2099-01-01T00:00:00Z' });
  const { status, body, headers } = await ask(app.platform, secret);
  const meta = {
    valid: true,
    level: 'organization',
    scopes: ['members:read'],
    organizationId: organization,
    expiresAt: '2099-01-01T00:00:00+00:00',
  };
  expect([status, body]).toEqual([200, { meta, jsonapi: JSONAPI }]);
  expect(headers).not.toHaveProperty('etag');
  expect((await ask(app.platform, token)).body.meta).toMatchObject({ scopes: ['*'], expiresAt: null });
  expect((await ask(app.platform, app.platform.key)).body.meta).toEqual({
    valid: true,
    level: 'platform',
    scopes: ['*'],
    organizationId: null,
    expiresAt: null,
  });
});

test('a partner’s key is told of to the partner and to the platform', async () => {
  const partner = await app.partner();
  for (const asker of [partner, app.platform]) {
    expect((await ask(asker, partner.key)).body.meta).toMatchObject({ valid: true, level: 'partner' });
  }
});

describe('anything else is not valid, and no more is said', () => {
  const expectNothing = async (asker: Client, secret: unknown) => {
    const { status, body } = await ask(asker, secret);
    expect([secret, status, body]).toEqual([secret, 200, { meta: { valid: false }, jsonapi: JSONAPI }]);
  };

  test('unknown, mistyped, cut, extended, empty, with blanks around it', async () => {
    const { secret } = await made(app.platform);
    const mistyped = secret.slice(0, -1) + (secret.endsWith('0') ? '1' : '0');
    const others = [makeKey('sk'), mistyped, secret.slice(0, -1), `${secret}0`, '', ` ${secret}`, `Bearer ${secret}`];
    for (const each of [...others, 'x'.repeat(10_000), 'a-text-that-could-be-a-token']) {
      await expectNothing(app.platform, each);
    }
    expect((await ask(app.platform, secret)).body.meta.valid).toBe(true);
  });

  test('revoked, expired, of a deleted organization, of a suspended partner', async () => {
    const revoked = await made(app.platform);
    await app.platform.delete(`${S}/apiKeys/${revoked.id}`);
    await expectNothing(app.platform, revoked.secret);
    const expired = await made(app.platform);
    await app.db.query("update api_keys set expires_at = now() - interval '1 second' where id = $1", [expired.id]);
    await expectNothing(app.platform, expired.secret);
    const deleted = await made(app.platform);
    await app.platform.delete(deleted.url);
    await expectNothing(app.platform, deleted.secret);
    const partner = await app.partner();
    const suspension = document('partners', { status: 'suspended' }, { id: partner.id });
    await app.platform.patch(`${M}/partners/${partner.id}`, suspension);
    await expectNothing(app.platform, partner.key);
  });

  test('out of the sight of the caller [INV-18]', async () => {
    const [one, two] = [await app.partner(), await app.partner()];
    const foreign = await made(two);
    const own = await made(one);
    for (const secret of [foreign.secret, foreign.token, two.key, app.platform.key]) {
      await expectNothing(one, secret);
      await expectNothing(app.as(own.token), secret);
    }
    await expectNothing(app.as(own.token), one.key);
    expect((await ask(app.as(own.token), own.secret)).body.meta.valid).toBe(true);
  });
});

test('is no use of the key, and tells nobody the secret: not the log, not an idempotency record', async () => {
  const { id, secret } = await made(app.platform);
  const headers = { 'Idempotency-Key': 'verify-1' };
  for (let i = 0; i < 2; i++) {
    const answer = await app.platform.post(PATH, { meta: { secret } }, headers);
    expect([answer.body.meta.valid, answer.headers['idempotent-replayed']]).toEqual([true, undefined]);
  }
  await app.services.callers.drain();
  const { attributes } = (await app.platform.get(`${S}/apiKeys/${id}`)).body.data;
  expect([attributes.lastUsedAt, attributes.lastUsedIp]).toEqual([null, null]);
  expect(JSON.stringify(app.logLines)).not.toContain(secret);
  // An answer that was stored would stay true after the key has been revoked.
  await app.platform.delete(`${S}/apiKeys/${id}`);
  expect((await app.platform.post(PATH, { meta: { secret } }, headers)).body.meta).toEqual({ valid: false });
});

test('is for callers with apiKeys:read, also of a suspended organization, which reads on', async () => {
  const partner = await app.partner();
  const { secret, organization, token, url } = await made(partner);
  expectDenied(await ask(app.as(secret), secret), 'apiKeys:read');
  expectError(await ask(app.anonymous, secret), 401, 'missing_credential', { source: { header: 'Authorization' } });
  const suspension = document('organizations', { status: 'suspended', statusReason: 'x' }, { id: organization });
  expect((await partner.patch(url, suspension)).status).toBe(200);
  expect((await ask(app.as(token), secret)).body.meta.valid).toBe(true);
});

test('takes the secret in meta, and says what is wrong with a body', async () => {
  const refused = async (body: unknown) => {
    const answer = await app.platform.post(PATH, body);
    return answer.body.errors.map(({ code, source }: never) => [code, (source as { pointer: string }).pointer]);
  };
  expect(await refused({})).toEqual([['required', '']]);
  expect(await refused({ meta: {} })).toEqual([['required', '/meta']]);
  expect(await refused({ meta: { secret: 1, other: 2 } })).toEqual([
    ['unknown_attribute', '/meta/other'],
    ['invalid_format', '/meta/secret'],
  ]);
  expectError(await app.platform.get(PATH), 405, 'method_not_allowed');
});
