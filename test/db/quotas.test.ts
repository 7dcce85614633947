import { randomUUID } from 'node:crypto';
import type { Database } from '../../src/db/database';
import { AppError } from '../../src/errors';
import { hashKey } from '../../src/secrets';
import { checkQuota } from '../../src/services/quotas';
import { createOrganization, createUser, startApp, type TestApp } from '../support/app';

const LIMIT = 10;
const QUOTAS = 'members=10,invitations=10,workspaces=10,roles=10,apiKeys=10';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ QUOTAS });
});
afterAll(() => app.close());

type Name = Parameters<typeof checkQuota>[2];

/** How a row of each kind comes into being, and how many an organization begins with. */
const KINDS: [name: Name, begins: number, insert: (db: Database, organization: string) => Promise<unknown>][] = [
  [
    'members',
    0,
    async (db, organization) => {
      const id = randomUUID();
      await db.query('insert into users (id, email) values ($1::uuid, $1::text || $2)', [id, '@example.com']);
      await db.query("insert into members (id, organization_id, user_id, join_method) values ($1, $2, $1, 'admin')", [
        id,
        organization,
      ]);
      await db.query("insert into member_roles (member_id, role_id) select $1, id from roles where code = 'member'", [
        id,
      ]);
    },
  ],
  [
    'invitations',
    0,
    (db, organization) =>
      db.query(
        `insert into invitations (id, organization_id, email, expires_at, hash, token_start)
         values ($1, $2, $3, now() + interval '1 day', $4, 'inv')`,
        [randomUUID(), organization, `${randomUUID()}@example.com`, hashKey(randomUUID())],
      ),
  ],
  [
    'workspaces',
    1,
    (db, organization) =>
      db.query("insert into workspaces (id, organization_id, name, slug) values ($1, $2, 'W', $3)", [
        randomUUID(),
        organization,
        randomUUID(),
      ]),
  ],
  [
    'roles',
    0,
    (db, organization) =>
      db.query(
        "insert into roles (id, organization_id, code, name, kind, rank, permissions) values ($1, $2, $3, 'R', 'custom', 1, '{roles:read}')",
        [randomUUID(), organization, randomUUID()],
      ),
  ],
  [
    'apiKeys',
    1,
    (db, organization) =>
      db.query(
        `insert into api_keys (id, level, organization_id, name, hash, start, scopes, ceiling)
         values ($1, 'organization', $2, 'K', $3, 'sk', '{*}', '{*}')`,
        [randomUUID(), organization, hashKey(randomUUID())],
      ),
  ],
];

/** As a service adds one: the organization is locked, the quota asked, the row written. */
function add(name: Name, organization: string, insert: (typeof KINDS)[number][2], adding = 1): Promise<void> {
  return app.db.transaction(async (db) => {
    await db.query('select 1 from organizations where id = $1 for no key update', [organization]);
    await checkQuota({ ...app.services, db }, organization, name, adding);
    for (let i = 0; i < adding; i++) await insert(db, organization);
  });
}

const quota = (error: unknown): unknown => {
  if (!(error instanceof AppError)) return error;
  return [error.faults[0]?.code, error.faults[0]?.meta];
};

describe.each(KINDS)('%s', (name, begins, insert) => {
  test('of 50 at the same time as many come as there is room for [4.17]', async () => {
    const { id } = await createOrganization(app.platform);
    const results = await Promise.allSettled(Array.from({ length: 50 }, () => add(name, id, insert)));
    const refused = results.flatMap((each) => (each.status === 'rejected' ? [quota(each.reason)] : []));
    expect(refused).toEqual(Array(50 - LIMIT + begins).fill(['quota_exceeded', { limit: LIMIT, used: LIMIT }]));
  });

  test('several at once come together or not at all', async () => {
    const { id } = await createOrganization(app.platform);
    await add(name, id, insert, LIMIT - begins - 1);
    await expect(add(name, id, insert, 2).catch(quota)).resolves.toEqual([
      'quota_exceeded',
      { limit: LIMIT, used: LIMIT - 1 },
    ]);
    await add(name, id, insert, 1);
  });

  test('a limit of its own takes the place of the installation’s; null is none, and lowering removes nothing', async () => {
    const { id } = await createOrganization(app.platform);
    const limit = (value: number | null) =>
      app.db.query('update organizations set quotas = $2 where id = $1', [id, { [name]: value }]);
    await limit(null);
    await add(name, id, insert, LIMIT + 5 - begins);
    await limit(3);
    const refusal = ['quota_exceeded', { limit: 3, used: LIMIT + 5 }];
    await expect(add(name, id, insert).catch(quota)).resolves.toEqual(refusal);
    await limit(LIMIT + 6);
    await add(name, id, insert);
    await limit(0);
    const none = ['quota_exceeded', { limit: 0, used: LIMIT + 6 }];
    await expect(add(name, id, insert).catch(quota)).resolves.toEqual(none);
  });
});

test('invitations that are not open, and keys that are revoked or replaced, take no room', async () => {
  const { id } = await createOrganization(app.platform);
  const [, , invite] = KINDS[1] as (typeof KINDS)[number];
  const [, , addKey] = KINDS[4] as (typeof KINDS)[number];
  await add('invitations', id, invite, LIMIT);
  await add('apiKeys', id, addKey, LIMIT - 1);
  await app.db.query(
    `with numbered as (select id, row_number() over () as n from invitations where organization_id = $1)
     update invitations i set status = case when n = 1 then 'revoked' else i.status end,
       expires_at = case when n = 2 then now() else i.expires_at end from numbered where numbered.id = i.id`,
    [id],
  );
  await app.db.query(
    `with numbered as (select id, row_number() over () as n from api_keys where organization_id = $1)
     update api_keys k set revoked_at = case when n = 1 then now() end,
       grace_until = case when n = 2 then now() + interval '1 day' end from numbered where numbered.id = k.id`,
    [id],
  );
  await add('invitations', id, invite, 2);
  await add('apiKeys', id, addKey, 2);
});

test('another organization’s rows take no room', async () => {
  const [, , insert] = KINDS[2] as (typeof KINDS)[number];
  const { id: full } = await createOrganization(app.platform);
  const { id } = await createOrganization(app.platform);
  await add('workspaces', full, insert, LIMIT - 1);
  await add('workspaces', id, insert, LIMIT - 1);
});

test('without any limit nothing is refused', async () => {
  const { id } = await createOrganization(app.platform);
  const unlimited = { ...app.services, config: { ...app.services.config, quotas: {} } };
  await checkQuota(unlimited, id, 'workspaces', 1_000_000);
  const { id: user } = await createUser(app.platform);
  await checkQuota(unlimited, user, 'organizationsPerUser', 1_000_000);
});
