import { createHash } from 'node:crypto';
import { brokenLinks } from '../../events/audited';
import {
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectDenied, expectError } from '../documents';

const PATH = `${M}/organizations`;

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const purge = (id: string, asker: Client = app.platform, headers = {}) =>
  asker.delete(`${PATH}/${id}?purgeNow=true`, headers);

/** Names of the tables in which `text` stands anywhere. */
async function tablesWith(text: string): Promise<string[]> {
  const tables = await app.db.query("select tablename from pg_tables where schemaname = 'public' order by 1");
  const found = await Promise.all(
    tables.map(async ([table]) => {
      const [row] = await app.db.query(`select exists (select 1 from ${table} t where t::text like '%' || $1 || '%')`, [
        text,
      ]);
      return row?.[0] === true ? [table as string] : [];
    }),
  );
  return found.flat();
}

async function fullOrganization(attributes: object = {}) {
  const made = await createOrganization(partner, { name: 'To be forgotten', ...attributes });
  const user = await createUser(partner);
  const roles = await app.platform.get(`${S}/roles?filter[code]=owner`);
  const relationships = {
    organization: link('organizations', made.id),
    user: link('users', user.id),
    roles: { data: [{ type: 'roles', id: roles.body.data[0].id }] },
  };
  await partner.post(`${S}/members`, document('members', {}, { relationships }));
  return made;
}

/** Its last event says that it is gone, and so does the last row of its audit chain, which stays whole (INV-55). */
const LEFT = ['audit_events', 'event_sequences', 'events', 'organization_tombstones'];

test.each(['active', 'suspended', 'pending_deletion'])(
  'removes an organization that is %s, and all its rows; a tombstone stays [INV-9]',
  async (status) => {
    const { id, attributes } = await fullOrganization();
    if (status === 'suspended') {
      const suspended = document('organizations', { status, statusReason: 'x' }, { id });
      await partner.patch(`${PATH}/${id}`, suspended);
    }
    if (status === 'pending_deletion') await partner.delete(`${PATH}/${id}`);
    const planned = status === 'pending_deletion' ? ['jobs'] : [];
    const tables = [
      'api_keys',
      'audit_events',
      'event_sequences',
      'events',
      ...planned,
      'members',
      'organizations',
      'row_counts',
      'wallets',
      'workspaces',
    ];
    expect(await tablesWith(id)).toEqual(tables);
    const answer = await purge(id);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(await tablesWith(id)).toEqual(LEFT);
    expect(await tablesWith('To be forgotten')).toEqual(['audit_events']);
    const chain = await app.db.query(
      'select sequence, action, target_id from audit_events where organization_id = $1 order by sequence',
      [id],
    );
    expect(chain.map(([sequence]) => sequence)).toEqual(chain.map((_row, i) => i + 1));
    expect([chain[0]?.[1], chain.at(-1)?.slice(1)]).toEqual(['organization.created', ['organization.purged', id]]);
    expect(await brokenLinks(app)).toEqual([]);
    const [tombstone] = await app.db.query(
      'select name_hash, deleted_at is not null, purged_at >= deleted_at from organization_tombstones where id = $1',
      [id],
    );
    expect(tombstone).toEqual([createHash('sha256').update('To be forgotten').digest(), true, true]);
    expectError(await app.as(attributes.token).get(`${S}/me`), 401, 'invalid_credential', {
      source: { header: 'Authorization' },
    });
    expect((await app.platform.get(`${PATH}?filter[status]=pending_deletion`)).body.data).toEqual([]);
  },
);

test('the tombstone keeps the time of the deletion that went before', async () => {
  const { id } = await createOrganization(partner);
  await partner.delete(`${PATH}/${id}`);
  await app.db.query("update organizations set deleted_at = '2026-01-02T03:04:05Z' where id = $1", [id]);
  await purge(id);
  const [row] = await app.db.query('select deleted_at from organization_tombstones where id = $1', [id]);
  expect(row).toEqual(['2026-01-02T03:04:05+00:00']);
});

test('its slug, externalId and token are free again [INV-11]', async () => {
  const unique = { slug: 'free-again', externalId: 'free-again', token: 'free-again-free-again-free' };
  const { id } = await createOrganization(partner, unique);
  await purge(id);
  expect((await createOrganization(partner, unique)).attributes).toMatchObject(unique);
});

test('its people stay', async () => {
  const { id } = await fullOrganization();
  const { body } = await partner.get(`${S}/users?filter[organizationId]=${id}`);
  await purge(id);
  expect((await app.platform.get(`${S}/users/${body.data[0].id}`)).status).toBe(200);
});

test('a second one and one of a missing organization are 404', async () => {
  const { id } = await createOrganization(partner);
  await purge(id);
  expectError(await purge(id), 404, 'not_found');
  expectError(await purge(NIL), 404, 'not_found');
  expectError(await purge('nothing'), 404, 'not_found');
});

test('is for platform callers: the others get 403 for what they see, 404 for what they don’t', async () => {
  const { id, attributes } = await createOrganization(partner);
  const own = app.as(attributes.token);
  const { id: foreign } = await createOrganization(app.platform);
  for (const asker of [partner, own]) {
    expectDenied(await purge(id, asker), 'platform:admin');
    expectError(await purge(foreign, asker), 404, 'not_found');
    expectError(await purge(NIL, asker), 404, 'not_found');
  }
  for (const each of [id, foreign]) expect((await app.platform.get(`${PATH}/${each}`)).status).toBe(200);
});

test.each([
  ['deleteProtection', 'delete_protected'],
  ['legalHold', 'legal_hold'],
])('%s blocks it: 409, and nothing is lost [INV-8]', async (attribute, code) => {
  const { id } = await createOrganization(partner);
  await app.platform.patch(`${PATH}/${id}`, document('organizations', { [attribute]: true }, { id }));
  const before = await app.platform.get(`${PATH}/${id}`);
  expectError(await purge(id), 409, code);
  expect((await app.platform.get(`${PATH}/${id}`)).body).toEqual(before.body);
});

test('a legal hold put on a deleted organization blocks it too [INV-8]', async () => {
  const { id } = await createOrganization(partner);
  await partner.delete(`${PATH}/${id}`);
  await app.db.query('update organizations set legal_hold = true where id = $1', [id]);
  expectError(await purge(id), 409, 'legal_hold');
  expect((await app.platform.get(`${PATH}?filter[status]=pending_deletion&filter[id]=${id}`)).body.data).toHaveLength(
    1,
  );
});

test('an If-Match that does not fit is 412, and nothing is lost [INV-59]', async () => {
  const { id } = await createOrganization(partner);
  const answer = await purge(id, app.platform, { 'If-Match': '"99.x"' });
  expectError(answer, 412, 'version_mismatch', { source: { header: 'If-Match' } });
  expect((await app.platform.get(`${PATH}/${id}`)).status).toBe(200);
});

test('purgeNow=false is a plain deletion, anything but true and false is 400', async () => {
  const { id } = await createOrganization(partner);
  expectError(await app.platform.delete(`${PATH}/${id}?purgeNow=yes`), 400, 'invalid_parameter', {
    source: { parameter: 'purgeNow' },
  });
  expect((await partner.delete(`${PATH}/${id}?purgeNow=false`)).status).toBe(204);
  expect((await partner.post(`${PATH}/${id}/restore`)).status).toBe(200);
});

test('of 10 at the same time one purges, the others find nothing, and one tombstone is there', async () => {
  const { id } = await fullOrganization();
  const answers = await Promise.all(Array.from({ length: 10 }, () => purge(id)));
  expect(answers.map(({ status }) => status).sort()).toEqual([204, ...Array(9).fill(404)]);
  expect(await tablesWith(id)).toEqual(LEFT);
});
