import { snakeCase } from '../../ormconfig';
import type { Context } from '../../src/context';
import { cursorsOf } from '../../src/controllers/include';
import { CURSORS, marksOf } from '../jsonapi/cursors';
import { statementsOf } from '../jsonapi/world';
import { type Client, M, S, startApp, type TestApp } from '../support/app';
import {
  crowd,
  indexesOf,
  type Node,
  nodeTypes,
  planOf,
  rowsRead,
  type Statement,
  scansOf,
  statementsOn,
} from './explain';

/** A page behind ten thousand rows must cost what the first one costs: one statement, and ranges of an index. */

const ORGANIZATIONS = `${M}/organizations`;
const USERS = `${S}/users`;
/** Of two ranges each is a page and one row more, and the rows of both are fetched; some rows are being deleted. */
const MOST_READ = 120;

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
let large: string;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
  large = await crowd(app, [(await app.partner()).id, partner.id]);
}, 120_000);
afterAll(() => app.close());

interface List {
  table: string;
  path: string;
  sort: string;
  /** SQL of the rows that the caller sees in it. */
  where?: string;
  caller?: { level: 'platform' | 'partner'; partnerId: string | null };
}
const live = "status <> 'pending_deletion'";

/** A cursor for the row at this place, made as the service makes it: walking there would take a hundred requests. */
async function cursorAt({ table, path, sort, where = 'true', caller }: List, place: number): Promise<string> {
  const column = snakeCase(sort.replace('-', ''));
  const direction = sort.startsWith('-') ? 'desc' : 'asc';
  const [row] = await app.source.query(
    `select ${column}::text as value, id from ${table} where ${where} order by ${column} ${direction}, id ${direction} offset $1 limit 1`,
    [place],
  );
  const platform = { level: 'platform', partnerId: null, organizationId: null };
  const ctx = { secrets: app.services.secrets, caller: { ...platform, ...caller } } as Context;
  return cursorsOf(ctx).encode([row.value, row.id], `${path}?${sort}?`);
}

/** The plan of the one statement of a page, as it was carried out. */
async function pagePlan(asker: Client, { table, path, sort }: List, page: string): Promise<Node[]> {
  const statements = await statementsOn(app, table, asker, `${path}?sort=${sort}&${page}`);
  expect(statements).toHaveLength(1);
  return planOf(app, statements[0] as Statement, true);
}

const organizations = (sort: string): List => ({ table: 'organizations', path: ORGANIZATIONS, sort, where: live });
const users = (sort: string): List => ({ table: 'users', path: USERS, sort });

test.each<[string, List, number, string, boolean]>([
  ['organizations, newest first', organizations('-createdAt'), 15_000, 'organizations_live_created_at_idx', true],
  ['organizations, oldest first', organizations('createdAt'), 15_000, 'organizations_live_created_at_idx', true],
  ['organizations by name', organizations('name'), 15_000, 'organizations_name_idx', true],
  ['organizations by the time of change', organizations('-updatedAt'), 15_000, 'organizations_updated_at_idx', true],
  [
    'organizations by externalId, nulls last',
    organizations('externalId'),
    6_000,
    'organizations_external_id_idx',
    false,
  ],
  [
    'organizations by externalId, nulls first',
    organizations('-externalId'),
    15_000,
    'organizations_external_id_idx',
    true,
  ],
  ['organizations without an externalId', organizations('externalId'), 15_000, 'organizations_external_id_idx', true],
  ['users, newest first', users('-createdAt'), 15_000, 'users_created_at_idx', true],
  ['users by name, nulls last', users('name'), 6_000, 'users_name_idx', false],
  ['users by name, nulls first', users('-name'), 15_000, 'users_name_idx', true],
  ['users without a name', users('name'), 15_000, 'users_name_idx', true],
])('%s: a page deep in the list is a range of the index', async (_title, list, place, index, isOneRange) => {
  const cursor = await cursorAt(list, place);
  for (const key of ['after', 'before']) {
    const nodes = await pagePlan(app.platform, list, `page[${key}]=${cursor}`);
    expect([scansOf(nodes), indexesOf(nodes)]).toEqual([[], expect.arrayContaining([index])]);
    expect(rowsRead(nodes)).toBeLessThan(MOST_READ);
    // Two ranges, values and nulls, are put in order after they were cut; one range comes in order.
    if (isOneRange && key === 'after') expect(nodeTypes(nodes)).not.toContain('Sort');
  }
});

test('a range between two cursors reads no more than its page', async () => {
  const list = organizations('-createdAt');
  const [from, to] = [await cursorAt(list, 2_000), await cursorAt(list, 4_000)];
  const nodes = await pagePlan(app.platform, list, `page[after]=${from}&page[before]=${to}&page[size]=50`);
  expect([scansOf(nodes), nodeTypes(nodes).includes('Sort')]).toEqual([[], false]);
  expect(rowsRead(nodes)).toBeLessThan(MOST_READ);
});

test.each(['-createdAt', 'externalId', '-externalId'])(
  'by %s, the last page costs what the first one costs',
  async (sort) => {
    const list = organizations(sort);
    const { last } = (await app.platform.get(`${ORGANIZATIONS}?sort=${sort}`, CURSORS)).body.links;
    const nodes = await pagePlan(app.platform, list, last.split(/&(?=page)/)[1]);
    expect([scansOf(nodes), nodeTypes(nodes).includes('Sort')]).toEqual([[], false]);
    expect(rowsRead(nodes)).toBeLessThan(MOST_READ);
  },
);

test('a partner’s list comes from the index of his own', async () => {
  const list: List = {
    ...organizations('-createdAt'),
    where: `${live} and partner_id = '${partner.id}'`,
    caller: { level: 'partner', partnerId: partner.id },
  };
  const nodes = await pagePlan(partner, list, `page[after]=${await cursorAt(list, 150)}`);
  expect([scansOf(nodes), indexesOf(nodes)]).toEqual([
    [],
    expect.arrayContaining(['organizations_live_partner_created_at_idx']),
  ]);
  expect(rowsRead(nodes)).toBeLessThan(MOST_READ);
});

test.each(['members', 'relationships/members'])(
  '%s of a large organization are a range of the index of its own',
  async (name) => {
    const path = `${ORGANIZATIONS}/${large}/${name}`;
    const list: List = { table: 'members', path, sort: '-createdAt', where: `organization_id = '${large}'` };
    const nodes = await pagePlan(app.platform, list, `page[after]=${await cursorAt(list, 700)}`);
    expect([scansOf(nodes), indexesOf(nodes)]).toEqual([
      [],
      expect.arrayContaining(['members_organization_id_created_at_idx']),
    ]);
    expect(rowsRead(nodes)).toBeLessThan(MOST_READ);
  },
);

test.each([ORGANIZATIONS, `${ORGANIZATIONS}?sort=externalId`, `${USERS}?sort=name,-createdAt`])(
  '%s is one statement at any depth, with both totals and a cursor for each row',
  async (path) => {
    const separator = path.includes('?') ? '&' : '?';
    let page = `${separator}page[size]=100`;
    for (let i = 0; i < 10; i++) {
      const { body } = await app.platform.get(`${path}${page}`, CURSORS);
      page = `${separator}${body.links.next.split(/[?&](?=page)/)[1]}`;
    }
    const [, , cursor] = marksOf(await app.platform.get(`${path}${page}`, CURSORS));
    for (const at of ['', `${separator}page[after]=${cursor}`, `${separator}page[before]=${cursor}`]) {
      const texts = await statementsOf(async () => {
        const { body } = await app.platform.get(`${path}${at}`, CURSORS);
        expect([body.data.length, body.meta.page.total > 10_000, marksOf({ body } as never).length]).toEqual([
          25,
          true,
          25,
        ]);
      });
      expect(texts).toHaveLength(1);
    }
  },
);
