import { v7 as uuidv7 } from 'uuid';
import { hashKey, keyStart, makeKey } from '../../../src/secrets';
import {
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  M,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import {
  ACCESS_TOKEN,
  accessToken,
  created,
  expectAttributeError,
  expectDenied,
  expectError,
  REFRESH_TOKEN,
} from '../documents';
import { PASSWORD, PATH, person, refresh, signedIn, tokensFor, tokensOf, use } from './people';

let app: TestApp;
let organization: Body;
let owner: Client;
beforeAll(async () => {
  app = await startApp();
  organization = await createOrganization(app.platform);
  owner = app.as(organization.attributes.token);
});
afterAll(() => app.close());

/** A key of the organization, with its secret. */
async function madeKey(attributes: object = {}): Promise<Body> {
  const relationships = { organization: link('organizations', organization.id) };
  const body = document('apiKeys', { name: 'Key', ...attributes }, { relationships });
  return (await app.platform.post(`${S}/apiKeys`, body)).body.data;
}

/** A key of a user's own. */
async function personalKey(userId: string, scopes = ['*']): Promise<string> {
  const secret = makeKey('pat');
  await app.db.query(
    `insert into api_keys (id, level, user_id, name, hash, start, scopes, ceiling) values ($1, 'user', $2, 'Own', $3, $4, $5, '{*}')`,
    [uuidv7(), userId, hashKey(secret), keyStart(secret), scopes],
  );
  return secret;
}

test('an organization’s key makes tokens that may do the same', async () => {
  const key = await madeKey();
  const answer = await tokensFor(app.as(key.attributes.secret), {}, { 'User-Agent': 'CI' });
  const { id, attributes } = answer.body.data;
  const of = { apiKey: key.id, organization: organization.id };
  const shown = { accessToken: ACCESS_TOKEN, refreshToken: REFRESH_TOKEN, userAgent: 'CI' };
  expect([answer.status, answer.headers['cache-control'], answer.headers.location]).toEqual([
    201,
    'no-store',
    `${PATH}/${id}`,
  ]);
  expect(answer.body).toEqual(created(accessToken(id, shown, of)));
  const [mine, its] = [
    await app.as(key.attributes.secret).get(`${S}/me`),
    await app.as(attributes.accessToken).get(`${S}/me`),
  ];
  expect(its.body.data).toEqual({ ...mine.body.data, id });
});

test('keys of every level make tokens of their own level', async () => {
  const partner = await app.partner();
  const { id: userId } = await person(app);
  const own = app.as(await personalKey(userId));
  for (const [maker, level] of [
    [app.platform, 'platform'],
    [partner, 'partner'],
    [owner, 'organization'],
    [own, 'user'],
  ] as const) {
    const { attributes, relationships } = await tokensOf(maker);
    const me = await app.as(attributes.accessToken).get(`${S}/me`);
    expect([level, me.body.data.attributes.level]).toEqual([level, level]);
    expect(relationships.user.data).toBeNull();
  }
  const { attributes } = await tokensOf(partner);
  expect((await app.as(attributes.accessToken).get(`${M}/organizations`)).status).toBe(200);
});

describe('scopes', () => {
  test('can be fewer than those of the key', async () => {
    const { attributes } = await tokensOf(owner, { scopes: ['members:read', 'roles:read'] });
    const asker = app.as(attributes.accessToken);
    expect((await asker.get(`${S}/members`)).status).toBe(200);
    expectDenied(await asker.get(`${S}/apiKeys`), 'apiKeys:read');
  });

  test('are those of the key when none are named, or "*"', async () => {
    const key = await madeKey({ scopes: ['tokens:issue', 'members:read'] });
    for (const attributes of [{}, { scopes: ['*'] }]) {
      const made = await tokensOf(app.as(key.attributes.secret), attributes);
      expect(made.attributes.scopes).toEqual(['tokens:issue', 'members:read']);
    }
  });

  test('are never more: 403 with the pointer (INV-32)', async () => {
    const key = app.as((await madeKey({ scopes: ['tokens:issue', 'members:read'] })).attributes.secret);
    const source = { pointer: '/data/attributes/scopes' };
    expectError(await tokensFor(key, { scopes: ['members:read', 'members:update'] }), 403, 'cannot_grant', { source });
    expectError(await tokensFor(owner, { scopes: ['platform:admin'] }), 403, 'cannot_grant', { source });
    expectAttributeError(await tokensFor(owner, { scopes: ['members:dance'] }), 'not_allowed', 'scopes/0');
  });

  test('follow the key when it loses some later', async () => {
    const key = await madeKey();
    const { attributes } = await tokensOf(app.as(key.attributes.secret));
    await app.db.query("update api_keys set scopes = '{members:read}' where id = $1", [key.id]);
    app.services.callers.forget();
    const me = await app.as(attributes.accessToken).get(`${S}/me`);
    expect(me.body.data.attributes.permissions).toEqual(['members:read']);
  });
});

describe('no tokens', () => {
  test('for a key without the scope tokens:issue', async () => {
    const key = await madeKey({ scopes: ['members:read'] });
    expectDenied(await tokensFor(app.as(key.attributes.secret)), 'tokens:issue');
  });

  test('for an access token, whatever it was made from', async () => {
    const { attributes } = await tokensOf(owner);
    expectDenied(await tokensFor(app.as(attributes.accessToken)), 'tokens:issue');
    expectDenied(await tokensFor(await signedIn(app)), 'tokens:issue');
  });

  test('for a key with an account beside it', async () => {
    const { email } = await person(app);
    expectAttributeError(await tokensFor(owner, { email, password: PASSWORD }), 'not_allowed', 'email');
    expectAttributeError(await tokensFor(owner, { password: PASSWORD }), 'not_allowed', 'password');
  });

  test('for a bad credential, even with a good account', async () => {
    const { email } = await person(app);
    const answer = await tokensFor(app.as(makeKey('sk')), { email, password: PASSWORD });
    expectError(answer, 401, 'invalid_credential', { source: { header: 'Authorization' } });
  });

  test('for a key of a suspended organization', async () => {
    const { id, attributes } = await createOrganization(app.platform);
    const suspension = document('organizations', { status: 'suspended', statusReason: 'Unpaid' }, { id });
    expect((await app.platform.patch(`${M}/organizations/${id}`, suspension)).status).toBe(200);
    expectError(await tokensFor(app.as(attributes.token)), 403, 'organization_suspended');
  });
});

describe('tokens end with their key (INV-34)', () => {
  const endings: [string, (key: Body) => Promise<unknown>][] = [
    ['is revoked', ({ id }) => app.platform.delete(`${S}/apiKeys/${id}`)],
    ['is disabled', ({ id }) => app.db.query('update api_keys set disabled = true where id = $1', [id])],
    [
      'is rotated, and its grace over',
      ({ id }) => app.db.query('update api_keys set grace_until = now() where id = $1', [id]),
    ],
  ];
  test.each(endings)('when it %s', async (_title, end) => {
    const key = await madeKey();
    const { attributes } = await tokensOf(app.as(key.attributes.secret));
    expect(await use(app, attributes.accessToken)).toEqual([200, undefined]);
    await end(key);
    app.services.callers.forget();
    expect(await use(app, attributes.accessToken)).toEqual([401, 'revoked_credential']);
    expect((await refresh(app, attributes.refreshToken)).body.errors[0].code).toBe('revoked_credential');
  });

  test('at the next request after the key was revoked, without a second to wait', async () => {
    const key = await madeKey();
    const { attributes } = await tokensOf(app.as(key.attributes.secret));
    expect(await use(app, attributes.accessToken)).toEqual([200, undefined]);
    await app.platform.delete(`${S}/apiKeys/${key.id}`);
    expect(await use(app, attributes.accessToken)).toEqual([401, 'revoked_credential']);
  });

  test('no end of theirs is later than the key’s', async () => {
    const key = await madeKey({ expiresAt: new Date(Date.now() + 600_000).toISOString() });
    const { attributes } = await tokensOf(app.as(key.attributes.secret));
    expect([attributes.expiresAt, attributes.refreshExpiresAt]).toEqual(Array(2).fill(key.attributes.expiresAt));
    expect(attributes.expiresIn).toBeLessThanOrEqual(600);
    expect(attributes.expiresIn).toBeGreaterThan(540);
  });
});

test('an answer that is repeated for its Idempotency-Key holds no token (INV-30)', async () => {
  const headers = { 'Idempotency-Key': 'one' };
  const [first, again] = [await tokensFor(owner, {}, headers), await tokensFor(owner, {}, headers)];
  expect([first.status, again.status, again.headers['idempotent-replayed']]).toEqual([201, 201, 'true']);
  expect(again.body.data).toEqual({
    ...first.body.data,
    attributes: { ...first.body.data.attributes, accessToken: null, refreshToken: null },
  });
  expect(again.body.meta).toEqual({ secretWithheld: true });
});
