import { type Client, createOrganization, document, link, M, S, startApp, type TestApp } from '../support/app';
import {
  crowd,
  flatten,
  indexesOf,
  type Node,
  nodeTypes,
  planOf,
  rowsRead,
  type Statement,
  scansOf,
  statementsOn,
} from './explain';

/** Among 20,000 rows of each kind, lists, filters and relationships must be found in an index, and nothing be counted. */

const PATH = `${M}/organizations`;

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
/** An organization with a thousand members, and its token. */
let large: string;
let key: Client;
/** One of its members, who is in two organizations. */
let user: string;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
  large = await crowd(app, [partner.id, (await app.partner()).id]);
  const { body } = await app.platform.post(
    `${S}/apiKeys`,
    document('apiKeys', { name: 'Key' }, { relationships: { organization: link('organizations', large) } }),
  );
  key = app.as(body.data.attributes.secret);
  [{ id: user }] = await app.source.query("select id from users where lower(email) = 'user-1500@example.com'");
}, 120_000);
afterAll(() => app.close());

/** The one statement of the page, and its plan. */
async function pagePlan(
  asker: Client,
  path: string,
  table = 'organizations',
): Promise<{ text: string; nodes: Node[] }> {
  const statements = await statementsOn(app, table, asker, path);
  expect(statements).toHaveLength(1);
  const statement = statements[0] as Statement;
  return { text: statement[0], nodes: await planOf(app, statement, true) };
}

/** Relations that are read to be counted or summed. */
const aggregated = (nodes: Node[]) =>
  nodes
    .filter((node) => node['Node Type'].includes('Aggregate'))
    .flatMap(flatten)
    .map((node) => node['Relation Name'])
    .filter((name) => name !== undefined);

const ASKERS: [string, () => Client, string][] = [
  ['platform', () => app.platform, 'organizations_live_created_at_idx'],
  ['partner', () => partner, 'organizations_live_partner_created_at_idx'],
];

describe.each(ASKERS)('the list of a %s caller', (_level, asker, index) => {
  test.each([
    ['the first page', '?page[size]=25'],
    ['the first page, oldest first', '?sort=createdAt'],
    ['page 4', '?page[number]=4'],
    ['a page past the first 100 rows', '?page[number]=30'],
  ])('%s comes from the index, with no scan, no sort and no count', async (_title, query) => {
    const { text, nodes } = await pagePlan(asker(), `${PATH}${query}`);
    expect(indexesOf(nodes)).toContain(index);
    expect(scansOf(nodes)).toEqual([]);
    // Past the first 100 rows the 25 of the page are put in order again, after they were joined.
    if (!query.includes('30')) expect(nodeTypes(nodes)).not.toContain('Sort');
    expect(text).not.toMatch(/count\(/);
    expect(new Set(aggregated(nodes))).toEqual(new Set(['row_counts']));
  });

  test('the plan without values, which a prepared statement may get, uses the index too', async () => {
    const [[text]] = (await statementsOn(app, 'organizations', asker(), PATH)) as [Statement];
    const [row] = await app.source.query(`explain (generic_plan, format json) ${text}`);
    const nodes = flatten(row['QUERY PLAN'][0].Plan);
    expect([scansOf(nodes), indexesOf(nodes)]).toEqual([[], expect.arrayContaining([index])]);
  });

  test('its totals are the real ones', async () => {
    const { body } = await asker().get(PATH);
    const [row] = await app.db.query(
      "select count(*)::int from organizations where status <> 'pending_deletion' and ($1::uuid is null or partner_id = $1::uuid)",
      [asker() === partner ? partner.id : null],
    );
    expect([body.meta.total, body.meta.totalUnfiltered]).toEqual([row?.[0], row?.[0]]);
  });

  test('its filtered list counts what fits, and still sums what there is without the filter', async () => {
    const { text, nodes } = await pagePlan(asker(), `${PATH}?filter[name][startsWith]=Organization 77`);
    expect(text.match(/count\(/g)).toHaveLength(1);
    expect(aggregated(nodes)).toContain('row_counts');
  });
});

test.each([PATH, `${S}/users`, `${S}/members`])('one of %s by its id is found by its key', async (path) => {
  const table = path.split('/').at(-1) as string;
  for (const asker of [app.platform, partner, key]) {
    const [row] = (await asker.get(`${path}?page[size]=1`)).body.data;
    const { nodes } = await pagePlan(asker, `${path}/${row.id}`, table);
    expect([scansOf(nodes), indexesOf(nodes)]).toEqual([[], expect.arrayContaining([`${table}_pkey`])]);
    expect(rowsRead(nodes)).toBeLessThan(20);
  }
});

test('those that are being deleted have an index of their own', async () => {
  const { nodes } = await pagePlan(app.platform, `${PATH}?filter[status]=pending_deletion`);
  expect(indexesOf(nodes)).toContain('organizations_pending_deletion_idx');
});

describe('a filter', () => {
  const EMAIL = 'USER-1500@Example.com';

  test.each<[string, string, string, string[]]>([
    ['three letters anywhere', `${PATH}?filter[q]=ext-1234`, 'organizations', ['organizations_search_idx']],
    ['part of a name', `${PATH}?filter[name][contains]=ization 1234`, 'organizations', ['organizations_search_idx']],
    [
      'the beginning of a name',
      `${PATH}?filter[name][startsWith]=organization 1234`,
      'organizations',
      ['organizations_search_idx'],
    ],
    [
      'part of an externalId',
      `${PATH}?filter[externalId][contains]=1234`,
      'organizations',
      ['organizations_search_idx'],
    ],
    ['a value in metadata', `${PATH}?filter[metadata.seat]=1240`, 'organizations', ['organizations_metadata_idx']],
    [
      'some values in metadata',
      `${PATH}?filter[metadata.seat]=1240,1244`,
      'organizations',
      ['organizations_metadata_idx'],
    ],
    ['an externalId', `${PATH}?filter[externalId]=ext-1234`, 'organizations', ['organizations_external_id_idx']],
    [
      'some externalIds',
      `${PATH}?filter[externalId]=ext-1234,ext-4`,
      'organizations',
      ['organizations_external_id_idx'],
    ],
    [
      'the time of change',
      `${PATH}?filter[updatedAt][gte]=2999-01-01T00:00:00Z`,
      'organizations',
      ['organizations_updated_at_idx'],
    ],
    ['a slug', `${PATH}?filter[slug]=organization-1234`, 'organizations', ['organizations_slug_key']],
    ['three letters of a user', `${S}/users?filter[q]=-12345@`, 'users', ['users_search_idx']],
    ['part of a user’s name', `${S}/users?filter[name][contains]=me 1234`, 'users', ['users_search_idx']],
    ['an e-mail address', `${S}/users?filter[email]=${EMAIL}`, 'users', ['users_email_key']],
    ['some e-mail addresses', `${S}/users?filter[email]=${EMAIL},x@example.com`, 'users', ['users_email_key']],
    ['a user’s name', `${S}/users?filter[name]=Name 1234`, 'users', ['users_name_idx']],
    [
      'members changed since',
      `${S}/members?filter[updatedAt][gte]=2999-01-01T00:00:00Z`,
      'members',
      ['members_updated_at_idx'],
    ],
    [
      'a slug of the organization',
      `${S}/members?filter[organization.slug]=organization-1234`,
      'members',
      ['organizations_slug_key', 'members_organization_id_created_at_idx'],
    ],
    [
      'metadata of the organization',
      `${S}/members?filter[organization.metadata.seat]=1240`,
      'members',
      ['organizations_metadata_idx'],
    ],
    [
      'an e-mail address of the user',
      `${S}/members?filter[user.email]=${EMAIL}`,
      'members',
      ['users_email_key', 'members_user_id_created_at_idx'],
    ],
  ])('by %s finds its rows in the index [FLT-4]', async (_title, path, table, expected) => {
    for (const statement of await statementsOn(app, table, app.platform, path)) {
      const nodes = await planOf(app, statement, true);
      expect([scansOf(nodes), indexesOf(nodes)]).toEqual([[], expect.arrayContaining(expected)]);
      expect(rowsRead(nodes)).toBeLessThan(150);
    }
  });

  test('by a country reads a page of its index in order, and counts in it', async () => {
    const { nodes } = await pagePlan(app.platform, `${PATH}?filter[countryCode]=DE`);
    expect([scansOf(nodes), indexesOf(nodes)]).toEqual([
      [],
      expect.arrayContaining(['organizations_country_code_idx']),
    ]);
    expect(nodeTypes(nodes)).not.toContain('Sort');
  });

  test.each([
    ['three letters', 'users', `${S}/users?filter[q]=-1500@`, 'users_search_idx'],
    ['an e-mail address', 'users', `${S}/users?filter[email]=${EMAIL}`, 'users_email_key'],
    ['an e-mail address of the user', 'members', `${S}/members?filter[user.email]=${EMAIL}`, 'users_email_key'],
  ])('by %s is found in the index by an organization’s own key as well', async (_title, table, path, index) => {
    const { nodes } = await pagePlan(key, path, table);
    expect([scansOf(nodes), indexesOf(nodes)]).toEqual([[], expect.arrayContaining([index])]);
    expect(rowsRead(nodes)).toBeLessThan(50);
  });
});

describe('what belongs to one', () => {
  test.each([
    [
      'members of an organization',
      'members',
      () => `${S}/members?filter[organizationId]=${large}`,
      'members_organization_id_created_at_idx',
    ],
    ['its related members', 'members', () => `${PATH}/${large}/members`, 'members_organization_id_created_at_idx'],
    [
      'linkage of its members',
      'members',
      () => `${PATH}/${large}/relationships/members`,
      'members_organization_id_created_at_idx',
    ],
    ['its related keys', 'api_keys', () => `${PATH}/${large}/apiKeys`, 'api_keys_organization_id_idx'],
    [
      'organizations of a user',
      'organizations',
      () => `${S}/users/${user}/organizations`,
      'members_user_id_created_at_idx',
    ],
    [
      'linkage of a user’s organizations',
      'organizations',
      () => `${S}/users/${user}/relationships/organizations`,
      'members_user_id_created_at_idx',
    ],
    ['memberships of a user', 'members', () => `${S}/users/${user}/members`, 'members_user_id_created_at_idx'],
    [
      'organizations of a partner',
      'organizations',
      () => `${M}/partners/${partner.id}/organizations`,
      'organizations_live_partner_created_at_idx',
    ],
  ])('%s are found without reading those of others', async (_title, table, path, index) => {
    const { nodes } = await pagePlan(app.platform, path(), table);
    expect([scansOf(nodes), indexesOf(nodes)]).toEqual([[], expect.arrayContaining([index])]);
    expect(rowsRead(nodes)).toBeLessThan(120);
  });

  test('users of an organization are found by its members, and those of a small one by nothing else', async () => {
    const { id } = (await app.platform.get(`${PATH}?filter[slug]=organization-1234`)).body.data[0];
    for (const path of [
      `${PATH}/${id}/users`,
      `${S}/users?filter[organizationId]=${id}`,
      `${PATH}/${id}/relationships/users`,
    ]) {
      const { text, nodes } = await pagePlan(app.platform, path, 'users');
      expect([scansOf(nodes), text.includes('count(')]).toEqual([[], false]);
      expect(rowsRead(nodes)).toBeLessThan(20);
    }
  });

  test('members of the caller’s own organization are read in order, without a count', async () => {
    const { text, nodes } = await pagePlan(key, `${S}/members`, 'members');
    expect([scansOf(nodes), text.includes('count(')]).toEqual([[], false]);
    expect(rowsRead(nodes)).toBeLessThan(60);
  });

  test('the first members of each of a page of organizations are read with one statement, and no more of them', async () => {
    await createOrganization(app.platform, { name: 'Empty' });
    const { nodes } = await pagePlan(
      app.platform,
      `${PATH}?filter[name][startsWith]=Organization 2&include=members&page[size]=100`,
      'members',
    );
    expect([scansOf(nodes), indexesOf(nodes)]).toEqual([
      [],
      expect.arrayContaining(['members_organization_id_created_at_idx']),
    ]);
    const { nodes: one } = await pagePlan(app.platform, `${PATH}/${large}?include=members`, 'members');
    expect(rowsRead(one)).toBeLessThan(120);
  });
});
