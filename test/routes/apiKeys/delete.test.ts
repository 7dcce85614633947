import { type Client, createOrganization, document, link, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { apiKey, expectDenied, expectError, TIME } from '../documents';
import { Keys } from './keys';

const PATH = `${S}/apiKeys`;
const HEADER = { source: { header: 'Authorization' } };

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const make = async (organization: string, attributes: object = {}) => {
  const relationships = { organization: link('organizations', organization) };
  const { body } = await app.platform.post(PATH, document('apiKeys', { name: 'K', ...attributes }, { relationships }));
  return { id: body.data.id as string, client: app.as(body.data.attributes.secret) };
};
const remove = (id: string, asker: Client = app.platform, headers = {}) => asker.delete(`${PATH}/${id}`, headers);
const me = (client: Client) => client.get(`${S}/me`);
const ids = async (asker: Client, query: string) =>
  (await asker.get(`${PATH}?${query}`)).body.data.map((each: { id: string }) => each.id);

test('the answer is 204; the key is 401 revoked_credential at once, for ever [INV-34]', async () => {
  const { id: organization } = await createOrganization(partner);
  const { id, client } = await make(organization);
  expect((await me(client)).status).toBe(200);
  const answer = await remove(id);
  expect([answer.status, answer.text]).toEqual([204, '']);
  expectError(await me(client), 401, 'revoked_credential', HEADER);
  expectError(await remove(id), 404, 'not_found');
  expectError(await app.platform.get(`${PATH}/${id}`), 404, 'not_found');
});

test('a revoked key is hidden, and found with filter[status]=revoked, with its time', async () => {
  const { id: organization, attributes } = await createOrganization(partner);
  const { id, client } = await make(organization);
  const { id: stays } = await make(organization);
  await me(client);
  await app.services.callers.drain();
  await remove(id);
  for (const asker of [app.platform, partner, app.as(attributes.token)]) {
    const of = `filter[organizationId]=${organization}`;
    expect(await ids(asker, `${of}&filter[isOrganizationToken]=false`)).toEqual([stays]);
    const { body } = await asker.get(`${PATH}?${of}&filter[status]=revoked`);
    const start = expect.stringMatching(/^sk_live_.{4}$/);
    const shown = { name: 'K', level: 'organization', start, status: 'revoked', revokedAt: TIME };
    const used = { lastUsedAt: TIME, lastUsedIp: '127.0.0.1' };
    const bound = { organization, ...(asker === app.platform ? { partner: null } : {}) };
    expect(body.data).toEqual([apiKey(id, { ...shown, ...used }, bound)]);
    expect(body.meta.total).toBe(1);
    expect(await ids(asker, `${of}&filter[status]=active,revoked&sort=id`)).toContain(id);
  }
});

test('a key may revoke itself', async () => {
  const { id: organization } = await createOrganization(partner);
  const { id, client } = await make(organization);
  expect((await remove(id, client)).status).toBe(204);
  expectError(await me(client), 401, 'revoked_credential', HEADER);
});

test('the organization token may be revoked like any key, and PATCH gives another', async () => {
  const { id: organization, attributes } = await createOrganization(partner);
  const own = app.as(attributes.token);
  const [id] = await ids(partner, `filter[organizationId]=${organization}&filter[isOrganizationToken]=true`);
  expect((await remove(id, partner)).status).toBe(204);
  expectError(await me(own), 401, 'revoked_credential', HEADER);
  const token = 'another-token-0123456789';
  const patch = document('organizations', { token }, { id: organization });
  expect((await partner.patch(`${M}/organizations/${organization}`, patch)).status).toBe(200);
  expect((await me(app.as(token))).status).toBe(200);
});

test('of 20 at the same time one revokes', async () => {
  const { id: organization } = await createOrganization(partner);
  const { id } = await make(organization);
  const answers = await Promise.all(Array.from({ length: 20 }, () => remove(id)));
  expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(19).fill(404)]);
});

test('the token is revoked while it is replaced: neither fails, although both lock organization and key', async () => {
  const { id: organization } = await createOrganization(partner);
  const [id] = await ids(partner, `filter[organizationId]=${organization}&filter[isOrganizationToken]=true`);
  const token = 'replaced-meanwhile-0123456789';
  const patch = document('organizations', { token }, { id: organization });
  const blocker = app.source.createQueryRunner();
  await blocker.query('begin');
  await blocker.query('select 1 from organizations where id = $1 for update', [organization]);
  const waiting = async (requests: number) => {
    const count =
      "select count(*)::int from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    while ((await app.db.query(count))[0]?.[0] !== requests);
  };
  const patched = partner.patch(`${M}/organizations/${organization}`, patch);
  await waiting(1);
  const removed = remove(id, partner);
  await waiting(2);
  await blocker.query('commit');
  await blocker.release();
  expect([(await patched).status, (await removed).status]).toEqual([200, 404]);
  expect((await me(app.as(token))).status).toBe(200);
});

test('a look-up that is under way when the key is revoked is not remembered [INV-34]', async () => {
  const { id: organization } = await createOrganization(partner);
  for (let round = 0; round < 10; round++) {
    const { id, client } = await make(organization);
    await Promise.all([me(client), remove(id), me(client), me(client)]);
    expectError(await me(client), 401, 'revoked_credential', HEADER);
  }
});

test('a key without apiKeys:revoke is told so; what he can’t see is 404', async () => {
  const { id: organization } = await createOrganization(partner);
  const { id } = await make(organization);
  const { client: reader } = await make(organization, { scopes: ['apiKeys:read'] });
  const foreign = await make((await createOrganization(partner)).id);
  expectDenied(await remove(id, reader), 'apiKeys:revoke');
  expectError(await remove(foreign.id, reader), 404, 'not_found');
  expectError(await remove(NIL, reader), 404, 'not_found');
  for (const client of [(await make(organization)).client, await app.partner()]) {
    expectError(await remove(foreign.id, client), 404, 'not_found');
  }
  expect((await me(foreign.client)).status).toBe(200);
});

test('a partner can revoke its own key, and none of the platform’s', async () => {
  const made = await app.partner();
  const [own] = await ids(made, '');
  const [platform] = await ids(app.platform, 'filter[level]=platform');
  expectError(await remove(platform, made), 404, 'not_found');
  expect((await remove(own, made)).status).toBe(204);
  expectError(await me(made), 401, 'revoked_credential', HEADER);
});

test('an If-Match that does not fit is 412, and the key lives [INV-59]', async () => {
  const { id: organization } = await createOrganization(partner);
  const { id, client } = await make(organization);
  const answer = await remove(id, app.platform, { 'If-Match': '"99.x"' });
  expectError(answer, 412, 'version_mismatch', { source: { header: 'If-Match' } });
  expect((await me(client)).status).toBe(200);
});

test('a reason is kept with the key', async () => {
  const keys = new Keys(app);
  const { id: organization } = await createOrganization(partner);
  const { id } = await make(organization);
  const reason = 'Found in a public repository';
  expect((await app.platform.delete(`${PATH}/${id}?reason=${encodeURIComponent(reason)}`)).status).toBe(204);
  expect((await keys.shown({ id })).attributes).toMatchObject({ status: 'revoked', revokedReason: reason });
  const { id: other } = await make(organization);
  const long = await app.platform.delete(`${PATH}/${other}?reason=${'x'.repeat(501)}`);
  expectError(long, 400, 'invalid_parameter', { source: { parameter: 'reason' } });
  expect(await keys.status({ id: other })).toBe('active');
});

test('the access tokens made from a key end with it', async () => {
  const keys = new Keys(app);
  const { id: organization } = await createOrganization(partner);
  const key = await make(organization);
  const token = await keys.token(key);
  expect((await me(token)).status).toBe(200);
  await remove(key.id);
  expectError(await me(token), 401, 'revoked_credential', HEADER);
  expect(await keys.tokensEnded(key)).toEqual([true]);
});
