import { endGraces } from '../../../src/services/apiKeyRotation';
import { type Client, createOrganization, link, NIL, type Person, S, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError, ID, ORGANIZATION_KEY, TIME } from '../documents';
import { type Key, Keys, PATH } from './keys';

const HEADER = { source: { header: 'Authorization' } };

let app: TestApp;
let keys: Keys;
let owner: Person;
let organization: string;
let token: Client;
beforeAll(async () => {
  app = await startApp();
  keys = new Keys(app);
  owner = await app.user();
  const made = await createOrganization(owner);
  organization = made.id;
  token = app.as(made.attributes.token);
});
afterAll(() => app.close());

const make = (attributes: object = {}, maker: Client = owner) => keys.make(maker, attributes, organization);
const me = (client: Client) => client.get(`${S}/me`);
const rotated = async (key: Key, grace?: number, asker: Client = owner) => {
  const answer = await keys.rotate(asker, key, grace);
  expect(answer.status).toBe(201);
  return keys.read(answer.body.data);
};
/** Seconds from now. */
const away = (time: string) => (Date.parse(time) - Date.now()) / 1000;

test('the new key has every setting, an id and a secret of its own, shown once; the old one works on [INV-33]', async () => {
  const settings = {
    name: 'CI',
    scopes: ['members:read', 'apiKeys:read'],
    ipAllowList: ['127.0.0.0/8'],
    expiresAt: '2099-01-01T00:00:00+00:00',
    rateLimit: { limit: 100, windowSeconds: 10 },
    metadata: { team: 'build' },
    environment: 'test',
  };
  const [workspace] = (await owner.get(`${S}/workspaces?filter[organizationId]=${organization}`)).body.data;
  const relationships = { workspaces: { data: [{ type: 'workspaces', id: workspace.id }] } };
  const old = await keys.make(owner, settings, organization, relationships);
  const answer = await keys.rotate(owner, old);
  expect([answer.status, answer.headers['cache-control']]).toEqual([201, 'no-store']);
  const { id, attributes, relationships: made } = answer.body.data;
  expect(id).toEqual(ID);
  expect(id).not.toBe(old.id);
  expect(answer.headers.location).toBe(`${PATH}/${id}`);
  expect(attributes).toEqual({
    ...old.attributes,
    createdAt: TIME,
    updatedAt: TIME,
    start: attributes.secret.slice(0, 12),
    secret: expect.stringMatching(/^sk_test_[0-9A-Za-z]{36}$/),
  });
  expect(attributes).toMatchObject({ ...settings, allWorkspaces: false, status: 'active' });
  expect(made).toMatchObject({
    workspaces: { data: [{ type: 'workspaces', id: workspace.id }] },
    organization: { data: { type: 'organizations', id: organization } },
    createdBy: { data: { type: 'users', id: owner.id } },
    replaces: { data: { type: 'apiKeys', id: old.id } },
    replacedBy: { data: null },
  });
  const { attributes: oldNow, relationships: oldLinks } = await keys.shown(old);
  expect(oldNow).toMatchObject({ status: 'rotating', graceUntil: TIME, revokedAt: null });
  expect(away(oldNow.graceUntil)).toBeGreaterThan(86_390);
  expect(away(oldNow.graceUntil)).toBeLessThanOrEqual(86_400);
  expect(oldLinks.replacedBy.data).toEqual({ type: 'apiKeys', id });
  expect((await owner.get(`${PATH}/${id}`)).body.data.attributes.secret).toBeNull();
  for (const client of [old.client, app.as(attributes.secret)]) expect((await me(client)).status).toBe(200);
});

test.each([0, 1, 604_800])('the grace may be %i s', async (grace) => {
  const old = await make();
  const key = await rotated(old, grace);
  expect((await me(key.client)).status).toBe(200);
  expect(await keys.status(old)).toBe(grace === 0 ? 'revoked' : 'rotating');
});

test.each([-1, 604_801, 1.5, '60', null])('the grace may not be %j: 422', async (grace) => {
  const old = await make();
  const answer = await owner.post(`${old.self}/rotate`, { meta: { gracePeriodSeconds: grace } });
  expect([answer.status, answer.body.errors[0].source]).toEqual([422, { pointer: '/meta/gracePeriodSeconds' }]);
  expect(await keys.status(old)).toBe('active');
});

test('without a grace the old key and its access tokens end at once, with the reason', async () => {
  const old = await make();
  const accessToken = await keys.token(old);
  expect((await me(accessToken)).status).toBe(200);
  await rotated(old, 0);
  for (const client of [old.client, accessToken]) expectError(await me(client), 401, 'revoked_credential', HEADER);
  expect(await keys.tokensEnded(old)).toEqual([true]);
  expect((await keys.shown(old)).attributes).toMatchObject({ revokedAt: TIME, revokedReason: 'Replaced by rotation.' });
});

test('the grace never goes past the end of the key itself', async () => {
  const expiresAt = new Date(Date.now() + 600_000).toISOString();
  const old = await make({ expiresAt });
  await rotated(old);
  const { graceUntil, expiresAt: end } = (await keys.shown(old)).attributes;
  expect(graceUntil).toBe(end);
});

test('one old key lives at the most: the one before it ends', async () => {
  const first = await make();
  const accessToken = await keys.token(first);
  const second = await rotated(first);
  const third = await rotated(second);
  const states = await Promise.all([first, second, third].map((key) => keys.status(key)));
  expect(states).toEqual(['revoked', 'rotating', 'active']);
  for (const client of [first.client, accessToken]) expectError(await me(client), 401, 'revoked_credential', HEADER);
  for (const { client } of [second, third]) expect((await me(client)).status).toBe(200);
});

test.each([0, 86_400])('of 20 rotations at the same time (grace %i s) one wins, the others are 409', async (grace) => {
  for (const maker of [owner, token]) {
    const old = await make({}, maker);
    const answers = await Promise.all(Array.from({ length: 20 }, () => keys.rotate(maker, old, grace)));
    const statuses = answers.map(({ status }) => status).sort();
    // For a person, what is revoked is not there any more when he comes late.
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    for (const { status, body } of answers.filter((each) => each.status !== 201)) {
      expect([status, body.errors[0].code]).toEqual(
        status === 404 && maker === owner && grace === 0 ? [404, 'not_found'] : [409, 'invalid_transition'],
      );
    }
    const { body } = await owner.get(`${PATH}?filter[replacesId]=${old.id}`);
    expect(body.meta.total).toBe(1);
  }
});

test('a chain of rotations by many at once never has two successors of one key, nor two old ones alive', async () => {
  let key = await make({}, token);
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all(Array.from({ length: 4 }, () => keys.rotate(token, key)));
    const won = answers.filter(({ status }) => status === 201);
    expect(won).toHaveLength(1);
    key = keys.read(won[0]?.body.data);
  }
  const [row] = await app.db.query(
    `with recursive chain as (select * from api_keys where id = $1
       union all select k.* from api_keys k join chain on k.id = chain.replaces_id)
     select count(*)::int, count(*) filter (where revoked_at is null)::int, count(distinct replaces_id)::int from chain`,
    [key.id],
  );
  expect(row).toEqual([6, 2, 5]);
});

test('revoked, replaced and expired keys can’t be rotated: 409, and nothing is made', async () => {
  const revoked = await make();
  await owner.delete(revoked.self);
  const replaced = await make();
  await rotated(replaced);
  const expired = await make();
  await app.db.query("update api_keys set expires_at = now() - interval '1 second' where id = $1", [expired.id]);
  const count = async () => (await app.db.query('select count(*) from api_keys'))[0];
  const before = await count();
  for (const key of [revoked, replaced, expired]) {
    expectError(await keys.rotate(token, key), 409, 'invalid_transition');
  }
  expect(await count()).toEqual(before);
});

test('a disabled key may be rotated: its successor is disabled, too', async () => {
  const old = await make({ disabled: true });
  const key = await rotated(old);
  expect([await keys.status(old), await keys.status(key)]).toEqual(['disabled', 'disabled']);
  for (const { client } of [old, key]) expectError(await me(client), 401, 'revoked_credential', HEADER);
  await keys.change(owner, key, { disabled: false });
  expect((await me(key.client)).status).toBe(200);
});

describe('nobody gets the secret of a key that can do more than he [INV-13]', () => {
  test('an admin not that of the organization token, its owner does', async () => {
    const boss = await app.user();
    const { id, attributes } = await createOrganization(boss);
    const admin = await app.user();
    await keys.join(id, admin, 'admin');
    const { body } = await boss.get(`${PATH}?filter[organizationId]=${id}`);
    const old = { id: body.data[0].id, self: body.data[0].links.self };
    expectError(await keys.rotate(admin, old), 403, 'cannot_grant');
    const made = await keys.rotate(boss, old);
    expect(made.body.data.attributes).toMatchObject({ isOrganizationToken: true, secret: ORGANIZATION_KEY });
    for (const secret of [attributes.token, made.body.data.attributes.secret]) {
      expect((await me(app.as(secret))).status).toBe(200);
    }
  });

  test('a key with apiKeys:rotate rotates itself and lesser ones', async () => {
    const rotator = await make({ scopes: ['apiKeys:rotate', 'members:read'] });
    expectError(await keys.rotate(rotator.client, await make()), 403, 'cannot_grant');
    expect((await keys.rotate(rotator.client, await make({ scopes: ['members:read'] }))).status).toBe(201);
    expect((await keys.rotate(rotator.client, rotator)).status).toBe(201);
  });
});

test('is for those with apiKeys:rotate; what one can’t see is 404', async () => {
  const key = await make();
  const reader = await make({ scopes: ['apiKeys:read'] });
  const member = await app.user();
  await keys.join(organization, member, 'member');
  for (const asker of [reader.client, member]) expectDenied(await keys.rotate(asker, key), 'apiKeys:rotate');
  for (const asker of [await app.user(), await app.partner()]) {
    expectError(await keys.rotate(asker, key), 404, 'not_found');
  }
  expectError(await keys.rotate(owner, { self: `${PATH}/${NIL}` }), 404, 'not_found');
  expect(await keys.status(key)).toBe('active');
});

test('platform and partner keys rotate, too', async () => {
  const partner = await app.partner();
  const [own] = (await partner.get(PATH)).body.data;
  const { body } = await keys.rotate(partner, { self: own.links.self });
  expect(body.data.attributes).toMatchObject({ level: 'partner', secret: expect.stringMatching(/^pk_live_/) });
  const platform = await keys.make(app.platform);
  const made = await rotated(platform, 0, app.platform);
  expect(made.attributes.level).toBe('platform');
  expect((await me(made.client)).status).toBe(200);
});

test('replayed under its Idempotency-Key nothing is made again, and the secret is withheld [INV-30]', async () => {
  const key = await make();
  const headers = { 'Idempotency-Key': 'rotate-once' };
  const first = await owner.post(`${key.self}/rotate`, undefined, headers);
  const again = await owner.post(`${key.self}/rotate`, undefined, headers);
  expect([first.status, again.status, again.body.data.id]).toEqual([201, 201, first.body.data.id]);
  expect([again.body.data.attributes.secret, again.body.meta.secretWithheld]).toEqual([null, true]);
});

test('a key whose grace is over authenticates nobody; the sweep notes it as revoked, and totals stay right', async () => {
  const old = await make();
  const accessToken = await keys.token(old);
  await rotated(old);
  await app.db.query("update api_keys set grace_until = now() - interval '1 second' where id = $1", [old.id]);
  app.services.callers.forget();
  for (const client of [old.client, accessToken]) expectError(await me(client), 401, 'revoked_credential', HEADER);
  expect(await keys.status(old)).toBe('revoked');
  await Promise.all([endGraces(app.services), endGraces(app.services)]);
  expect((await keys.shown(old)).attributes.revokedAt).toEqual(TIME);
  expect(await keys.tokensEnded(old)).toEqual([true]);
  const { body } = await app.platform.get(`${PATH}?page[size]=1`);
  const [row] = await app.db.query('select count(*)::int from api_keys where revoked_at is null');
  expect([body.meta.total]).toEqual(row);
});

test('one that was made for a partner’s organization is counted once', async () => {
  const partner = await app.partner();
  const { id } = await createOrganization(partner);
  const { id: keyId } = await keys.make(partner, {}, id, { organization: link('organizations', id) });
  await keys.rotate(partner, { self: `${PATH}/${keyId}` }, 0);
  const { body } = await partner.get(PATH);
  expect(body.meta.total).toBe(body.data.length);
});
