import { type Client, M, S, startApp, type TestApp } from '../support/app';

/** With 20,000 organizations the first page must still be read from an index, 25 rows of it, and nothing be counted. */

const ORGANIZATIONS = 20_000;
const PATH = `${M}/organizations`;

interface Node {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  Plans?: Node[];
}

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
  const other = await app.partner();
  await app.db.query(
    `insert into organizations (id, name, slug, partner_id, created_at, status)
     select gen_random_uuid(), 'Organization ' || g, 'organization-' || g,
       case g % 10 when 0 then $1::uuid when 1 then $2::uuid end, now() - g * interval '1 minute',
       case when g % 50 = 7 then 'pending_deletion' else 'active' end
     from generate_series(1, ${ORGANIZATIONS}) g`,
    [partner.id, other.id],
  );
  for (const table of ['organizations', 'row_counts', 'partners']) await app.source.query(`analyze ${table}`);
});
afterAll(() => app.close());

/** The statements that a request runs on organizations, as they are sent to the database. */
async function statementsOf(asker: Client, path: string): Promise<[text: string, values: unknown[]][]> {
  const query = jest.spyOn(app.db, 'query');
  try {
    expect((await asker.get(path)).status).toBe(200);
    return query.mock.calls
      .filter(([text]) => text.includes('from organizations t'))
      .map(([text, values]) => [text, values ?? []]);
  } finally {
    query.mockRestore();
  }
}

const flatten = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(flatten)];

async function planOf(text: string, values: unknown[]): Promise<Node[]> {
  const [row] = await app.source.query(`explain (format json) ${text}`, values);
  return flatten(row['QUERY PLAN'][0].Plan);
}

/** The one statement of the page, and its plan. */
async function pagePlan(asker: Client, path: string): Promise<{ text: string; nodes: Node[] }> {
  const statements = await statementsOf(asker, path);
  expect(statements).toHaveLength(1);
  const [text, values] = statements[0] as [string, unknown[]];
  return { text, nodes: await planOf(text, values) };
}

const indexes = (nodes: Node[]) =>
  [...new Set(nodes.map((node) => node['Index Name']).filter((name) => name?.startsWith('organizations')))].sort();
const types = (nodes: Node[]) => nodes.map((node) => node['Node Type']);
/** Relations that are read to be counted or summed. */
const aggregated = (nodes: Node[]) =>
  nodes
    .filter((node) => node['Node Type'].includes('Aggregate'))
    .flatMap(flatten)
    .map((node) => node['Relation Name'])
    .filter((name) => name !== undefined);
const scanned = (nodes: Node[]) =>
  nodes
    .filter((node) => /Seq Scan|Bitmap/.test(node['Node Type']) && node['Relation Name'] === 'organizations')
    .map((node) => node['Node Type']);

const ASKERS: [string, () => Client, string][] = [
  ['platform', () => app.platform, 'organizations_live_created_at_idx'],
  ['partner', () => partner, 'organizations_live_partner_created_at_idx'],
];

describe.each(ASKERS)('the list of a %s caller', (_level, asker, index) => {
  test.each([
    ['the first page', '?page[size]=25'],
    ['the first page, oldest first', '?sort=createdAt'],
    ['page 10', '?page[number]=10'],
    ['a page past the first 500 rows', '?page[number]=30'],
  ])('%s comes from the index, with no scan, no sort and no count', async (_title, query) => {
    const { text, nodes } = await pagePlan(asker(), `${PATH}${query}`);
    expect(indexes(nodes)).toContain(index);
    expect(scanned(nodes)).toEqual([]);
    // Past the first 500 rows the 25 of the page are put in order again, after they were joined.
    if (!query.includes('30')) expect(types(nodes)).not.toContain('Sort');
    expect(text).not.toMatch(/count\(/);
    expect(new Set(aggregated(nodes))).toEqual(new Set(['row_counts']));
  });

  test('the plan without values, which a prepared statement may get, uses the index too', async () => {
    const [[text]] = (await statementsOf(asker(), PATH)) as [[string, unknown[]]];
    const [row] = await app.source.query(`explain (generic_plan, format json) ${text}`);
    const nodes = flatten(row['QUERY PLAN'][0].Plan);
    expect(indexes(nodes)).toEqual([index]);
    expect(scanned(nodes)).toEqual([]);
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

test('one by its id is found by its key', async () => {
  const { body } = await partner.get(PATH);
  const statements = await statementsOf(partner, `${PATH}/${body.data[0].id}`);
  const nodes = await planOf(...(statements[0] as [string, unknown[]]));
  expect(indexes(nodes)).toEqual(['organizations_pkey']);
  expect(scanned(nodes)).toEqual([]);
});

test('those that are being deleted have an index of their own', async () => {
  const { nodes } = await pagePlan(app.platform, `${PATH}?filter[status]=pending_deletion`);
  expect(indexes(nodes)).toContain('organizations_pending_deletion_idx');
});

test('members and keys of one organization are found without reading those of others', async () => {
  const id = (await partner.get(PATH)).body.data[0].id;
  for (const type of ['members', 'apiKeys']) {
    const query = jest.spyOn(app.db, 'query');
    await partner.get(`${S}/${type}?filter[organizationId]=${id}`);
    const calls = query.mock.calls.filter(([text]) => text.includes(' t where '));
    query.mockRestore();
    expect(calls.length).toBeGreaterThan(0);
    for (const [text, values = []] of calls) expect(scanned(await planOf(text, values))).toEqual([]);
  }
});
