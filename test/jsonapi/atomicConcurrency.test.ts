import { Client as PgClient } from 'pg';
import { type Answer, type Body, createOrganization, createUser, S, startApp, type TestApp } from '../support/app';
import { until } from '../support/process';
import { add, perform, remove, resultsOf, update } from './operations';
import { buildWorld, membership, type World } from './world';

const ROUNDS = 50;
const AT_ONCE = 10;

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp({ DATABASE_POOL_SIZE: '25' });
  world = await buildWorld(app);
});
afterAll(() => app.close());

const organizations = (count: number): Promise<Body[]> =>
  Promise.all(Array.from({ length: count }, () => createOrganization(app.platform)));
const kindsOf = (list: Body[]): Promise<string[]> =>
  Promise.all(list.map(async ({ links }) => (await app.platform.get(links.self)).body.data.attributes.kind));
const statuses = (answers: Answer[]) => answers.map(({ status }) => status);
const deadlocks = async () =>
  Number((await app.db.query('select deadlocks from pg_stat_database where datname = current_database()'))[0]?.[0]);

test('two requests that change the same rows in opposite order both work, fifty times [ATO-12, ATO-13]', async () => {
  const round = async () => {
    const rows = await organizations(4);
    const write = (kind: string, list: Body[]) =>
      perform(app.platform, ...list.map(({ id }) => update('organizations', id, { kind })));
    const answers = await Promise.all([write('there', rows), write('back', rows.toReversed())]);
    expect(statuses(answers)).toEqual([200, 200]);
    // The later one wrote all of them.
    expect(new Set(await kindsOf(rows)).size).toBe(1);
  };
  for (let i = 0; i < ROUNDS; i += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, round));
});

test('two requests that certainly lock each other out both work: one is carried out again [ATO-13]', async () => {
  const rows = await organizations(3);
  const [a, b, shared] = rows as [Body, Body, Body];
  const before = await deadlocks();
  const holder = new PgClient(app.source.options as object);
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query('select 1 from organizations where id = $1 for update', [shared.id]);
    const write = (kind: string, ...list: Body[]) =>
      perform(
        app.platform,
        ...list.map(({ id }) => update('organizations', id, { kind })),
        add('organizations', { name: kind }),
      );
    const both = Promise.all([write('there', a, shared, b), write('back', b, shared, a)]);
    // Each has its first row; the row in the middle comes free when both wait for it.
    await until(async () => {
      const [row] = await app.db.query('select count(*)::int from pg_locks where not granted');
      return Number(row?.[0]) >= 2;
    }, 'both wait');
    await holder.query('commit');
    const answers = await both;
    expect(statuses(answers)).toEqual([200, 200]);
    expect(new Set(await kindsOf(rows)).size).toBe(1);
    for (const answer of answers) {
      const made = resultsOf(answer)[3].data;
      expect((await app.platform.get(made.links.self)).status).toBe(200);
    }
    await until(async () => (await deadlocks()) > before, 'a deadlock was counted');
  } finally {
    await holder.end();
  }
});

test('memberships of several organizations in opposite order: owners change hands without a failure [INV-2, ATO-13]', async () => {
  const role = world.roles.owner.id;
  const round = async () => {
    const [one, other] = (await organizations(2)) as [Body, Body];
    const { id: user } = await createUser(app.platform);
    const { id: next } = await createUser(app.platform);
    const member = (of: Body, person: string, roles: string[] = []) => ({
      op: 'add',
      data: membership(of.id, person, roles).data,
    });
    const owner = ({ id }: Body, person: string) => ({
      op: 'update',
      ref: { type: 'organizations', id, relationship: 'owner' },
      data: { type: 'users', id: person },
    });
    resultsOf(await perform(app.platform, member(one, user, [role]), member(other, user, [role])));
    const answers = await Promise.all([
      perform(app.platform, member(one, next), owner(one, next), member(other, next), owner(other, next)),
      perform(app.platform, owner(other, user), update('organizations', other.id, { kind: 'x' }), owner(one, user)),
      perform(
        app.platform,
        update('organizations', other.id, { name: 'x' }),
        update('organizations', one.id, { name: 'x' }),
      ),
    ]);
    expect(statuses(answers)).toEqual([200, 200, 200]);
  };
  for (let i = 0; i < 20; i += 5) await Promise.all(Array.from({ length: 5 }, round));
});

test('a key is revoked and made while its organization changes: no failure [ATO-13]', async () => {
  const round = async () => {
    const [organization] = (await organizations(1)) as [Body];
    const owner = { relationships: { organization: { data: { type: 'organizations', id: organization.id } } } };
    const [{ data: key }] = resultsOf(await perform(app.platform, add('apiKeys', { name: 'x' }, owner)));
    const change = update('organizations', organization.id, { kind: 'x' });
    const make = add('apiKeys', { name: 'y' }, owner);
    const answers = await Promise.all([
      perform(app.platform, remove('apiKeys', key.id), change),
      perform(app.platform, make, change),
      perform(app.platform, change, make),
      app.platform.delete(`${S}/apiKeys/${key.id}`),
    ]);
    for (const status of statuses(answers)) expect([200, 204, 404]).toContain(status);
    const { body } = await app.platform.get(`${S}/apiKeys?filter[organizationId]=${organization.id}`);
    // Its token, and those that were made.
    expect(body.meta.total).toBe(1 + statuses(answers.slice(1, 3)).length);
  };
  for (let i = 0; i < 20; i += 5) await Promise.all(Array.from({ length: 5 }, round));
});
