import { type Answer, type Body, createOrganization, createUser, M, S, startApp, type TestApp } from '../support/app';
import { until } from '../support/process';
import { add, perform, remove, resultsOf, update } from './operations';
import { buildWorld, membership, statementsOf, type World } from './world';

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
/** How often a transaction of ours was given up while `work` ran. */
async function rollbacksOf(work: () => Promise<unknown>): Promise<number> {
  return (await statementsOf(work)).filter((text) => text === 'rollback').length;
}

/** Runs `work` while a row is locked by somebody else, who lets it go when two transactions wait. */
async function whileLocked(table: string, id: string, work: () => Promise<Answer[]>): Promise<Answer[]> {
  const holder = app.source.createQueryRunner();
  try {
    await holder.startTransaction();
    await holder.query(`select 1 from ${table} where id = $1 for update`, [id]);
    const answers = work();
    await until(async () => {
      const [row] = await app.db.query(
        "select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return Number(row?.[0]) >= 2;
    }, 'two transactions wait');
    await holder.commitTransaction();
    return await answers;
  } finally {
    await holder.release();
  }
}

test('requests that change the same organizations in any order all work, fifty times, and none is carried out twice [ATO-12, ATO-13]', async () => {
  const round = async (i: number) => {
    const rows = await organizations(4);
    const orders = [rows, rows.toReversed(), [...rows.slice(i % 4), ...rows.slice(0, i % 4)]];
    const write = (list: Body[], kind: number) =>
      perform(app.platform, ...list.map(({ id }) => update('organizations', id, { kind: `kind ${kind}` })));
    expect(statuses(await Promise.all(orders.map(write)))).toEqual([200, 200, 200]);
    // The last one wrote all of them.
    expect(new Set(await kindsOf(rows)).size).toBe(1);
  };
  const rollbacks = await rollbacksOf(async () => {
    for (let i = 0; i < ROUNDS; i += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => round(i + n)));
    }
  });
  expect(rollbacks).toBe(0);
});

test('whatever names them: memberships and keys lock their organizations in the same order [ATO-13]', async () => {
  const round = async () => {
    const [one, other] = (await organizations(2)) as [Body, Body];
    const { id: user } = await createUser(app.platform);
    const made = await Promise.all(
      [one, other].map(({ id }) => app.platform.post(`${S}/members`, membership(id, user))),
    );
    const [first, second] = made.map(({ body }) => body.data.id);
    const owner = { relationships: { organization: { data: { type: 'organizations', id: one.id } } } };
    const answers = await Promise.all([
      perform(app.platform, update('members', first, { externalId: 'a' }), update('organizations', other.id)),
      perform(app.platform, remove('members', second), add('apiKeys', { name: 'x' }, owner)),
      perform(app.platform, update('organizations', other.id, { kind: 'x' }), { op: 'remove', href: one.links.self }),
      perform(app.platform, { op: 'remove', href: other.links.self }, update('members', first, { externalId: 'b' })),
    ]);
    for (const status of statuses(answers)) expect([200, 404]).toContain(status);
  };
  for (let i = 0; i < 20; i += 5) await Promise.all(Array.from({ length: 5 }, round));
});

test('two requests that lock each other out all the same both work: one is carried out again [ATO-13]', async () => {
  const made = await perform(app.platform, ...['a', 'b', 'shared'].map((name) => add('partners', { name })));
  const [a, b, shared] = resultsOf(made).map(({ data }) => data);
  const write = (name: string, ...list: Body[]) =>
    perform(
      app.platform,
      ...list.map(({ id }) => update('partners', id, { name })),
      add('organizations', { name: `Made ${name}`, externalId: name }),
    );
  const rollbacks = await rollbacksOf(async () => {
    // Each has its first row when the one in the middle comes free.
    const both = () => Promise.all([write('there', a, shared, b), write('back', b, shared, a)]);
    expect(statuses(await whileLocked('partners', shared.id, both))).toEqual([200, 200]);
  });
  expect(rollbacks).toBe(1);
  const names = await Promise.all([a, b, shared].map(({ links }) => app.platform.get(links.self)));
  expect(new Set(names.map(({ body }) => body.data.attributes.name)).size).toBe(1);
  const { body } = await app.platform.get(`${M}/organizations?filter[externalId]=there,back`);
  expect(body.meta.total).toBe(2);
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
