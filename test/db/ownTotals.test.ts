import { M, type Person, S, signIn, startApp, type TestApp } from '../support/app';
import { withRoles } from '../support/database';
import { crowd, flatten, planOf, type Statement, scansOf, statementsOn } from './explain';

/** How many organizations somebody has who is in very many is told by his memberships, and by what of them leads nowhere. */

const OWN = 2_000;
const PATH = `${M}/organizations`;

let app: TestApp;
let user: Person;
beforeAll(async () => {
  app = await startApp();
  await crowd(app, [(await app.partner()).id, (await app.partner()).id]);
  user = await app.user();
  await app.db.query(
    withRoles(`insert into members (id, organization_id, user_id, join_method)
      select gen_random_uuid(), o.id, $1, 'import' from generate_series(1, ${OWN}) g
      join organizations o on o.slug = 'organization-' || g * 9`),
    [user.id],
  );
  for (const table of ['members', 'member_roles', 'organizations']) await app.source.query(`analyze ${table}`);
}, 120_000);
afterAll(() => app.close());

/** How many there are, by looking at each. */
async function counted(): Promise<number> {
  const [row] = await app.db.query(
    `select count(*)::int from organizations o join members m on m.organization_id = o.id
     where m.user_id = $1 and m.status = 'active' and o.status <> 'pending_deletion' and exists (
       select 1 from member_roles mr join roles r on r.id = mr.role_id
       where mr.member_id = m.id and 'organizations:read' = any(r.permissions))`,
    [user.id],
  );
  return row?.[0] as number;
}

const total = async (): Promise<number> => (await user.get(PATH)).body.meta.total;

test('it is the real number, whatever he may not read', async () => {
  expect(await total()).toBe(await counted());
  // Of each kind some: suspended memberships, roles that do not let him read, alone and beside one that does.
  const some = (offset: number) => `select id from members where user_id = $1 order by id offset ${offset} limit 40`;
  await app.db.query(`update members set status = 'suspended' where id in (${some(100)})`, [user.id]);
  const narrow = (offset: number) => `
    from roles r join members m on m.organization_id = r.organization_id
    where r.code = 'narrow' and m.id in (${some(offset)})`;
  await app.db.query(
    `insert into roles (id, organization_id, code, name, kind, rank, permissions)
     select gen_random_uuid(), m.organization_id, 'narrow', 'Narrow', 'custom', 0, '{members:read}'
     from members m where m.id in (${some(120)})`,
    [user.id],
  );
  await app.db.query(`insert into member_roles (member_id, role_id) select m.id, r.id ${narrow(120)}`, [user.id]);
  await app.db.query(
    `delete from member_roles mr using (select m.id as member_id, r.id as role_id ${narrow(140)}) n
     where mr.member_id = n.member_id and mr.role_id <> n.role_id`,
    [user.id],
  );
  await app.db.query(
    `update organizations set status = 'pending_deletion' where id in (
       select organization_id from members where user_id = $1 order by id offset 150 limit 40)`,
    [user.id],
  );
  const expected = await counted();
  expect(expected).toBeGreaterThan(OWN * 0.9);
  expect(expected).toBeLessThan(OWN - 80);
  expect(await total()).toBe(expected);
});

test('no table of all organizations, members or roles is read for it', async () => {
  const [statement] = (await statementsOn(app, 'organizations', user, PATH)) as [Statement];
  const [root] = await planOf(app, statement, true);
  // The totals: they stand before the page.
  const totals = (root?.Plans ?? []).filter(
    (node) => 'Subplan Name' in node && /^InitPlan/.test(String(node['Subplan Name'])),
  );
  expect(totals.length).toBeGreaterThan(0);
  const nodes = totals.flatMap(flatten);
  expect(scansOf(nodes)).toEqual([]);
  const rows = nodes.map(
    (node) => ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1),
  );
  expect(Math.max(...rows)).toBeLessThan(OWN * 1.1);
});

test('somebody who is in one has one', async () => {
  const [row] = await app.db.query("select id from users where lower(email) = 'user-3@example.com'");
  const person = app.as(await signIn(app.db, row?.[0] as string));
  expect((await person.get(PATH)).body.meta).toMatchObject({ total: 1, totalUnfiltered: 1 });
  expect((await person.get(`${S}/users`)).body.meta.total).toBe(1);
});
