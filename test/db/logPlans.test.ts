import { forgetPerson } from '../../src/services/eventRetention';
import { exportUser } from '../../src/services/userExport';
import { CURSORS } from '../jsonapi/cursors';
import { join } from '../routes/people';
import { type Client, createOrganization, type Person, S, startApp, type TestApp } from '../support/app';
import { flatten, indexesOf, type Node, nodeTypes, patientClient, planOf, statementsOn } from './explain';

/** Among 2,000 organizations and some 100,000 events, deliveries and attempts, nothing is read from its beginning or counted. */

const LOG = ['events', 'webhook_deliveries', 'webhook_attempts'];

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
let small: Awaited<ReturnType<TestApp['partner']>>;
let key: Client;
let user: Person;
/** An organization with 20,000 events, and an endpoint of it. */
let large: string;
let endpoint: string;

beforeAll(async () => {
  app = await startApp();
  [partner, small] = [await app.partner(), await app.partner()];
  const organization = await createOrganization(app.platform);
  large = organization.id;
  key = app.as(organization.attributes.token);
  user = await app.user();
  await join(app, large, user.id, 'admin');
  endpoint = await fill();
}, 120_000);
afterAll(() => app.close());

async function fill(): Promise<string> {
  const client = await patientClient(app);
  await client.query(
    `insert into organizations (id, name, slug, partner_id, status)
     select gen_random_uuid(), 'O ' || g, 'o-' || g, case when g % 10 = 0 then $1::uuid when g % 100 = 1 then $2::uuid end,
       case when g % 50 = 7 then 'pending_deletion' else 'active' end from generate_series(1, 2000) g`,
    [partner.id, small.id],
  );
  await client.query(
    `insert into events (id, organization_id, sequence, event_type, subject_type, subject_id, occurred_at, actor_type, request_id, body)
     select gen_random_uuid(), o.id, 100 + g, (array['member.updated', 'role.updated', 'user.updated', 'organization.updated',
         'workspace.updated'])[1 + g % 5], 'roles', gen_random_uuid(), now() - random() * interval '10 days', 'system',
       'request-' || g, '{"data": {"type": "roles", "id": "0198f2a4-7c1e-7d3a-9b60-2f5c8e1d4a77"}, "previous": null}'
     from organizations o cross join lateral generate_series(1, case when o.id = $1 then 20000 else 20 end) g`,
    [large],
  );
  await client.query(
    'insert into webhook_endpoints (id, organization_id, url) select new_id(), id, $1 from organizations',
    ['https://hooks.example.com/in'],
  );
  await client.query(
    `insert into webhook_deliveries (id, organization_id, endpoint_id, event_id, sequence, status, payload, last_error, created_at)
     select new_id(), e.organization_id, w.id, e.id, e.sequence, case when e.sequence % 100 = 3 then 'exhausted' else 'succeeded' end,
       'full', case when e.sequence % 100 = 3 then 'timeout' end, date_trunc('second', e.occurred_at)
     from events e join webhook_endpoints w on w.organization_id = e.organization_id where e.sequence > 100`,
  );
  await client.query(
    `insert into webhook_attempts (id, organization_id, delivery_id, number, manual, started_at, duration_ms, request_headers,
       response_headers)
     select new_id(), organization_id, id, 1, false, created_at, 1, '{}', '{}' from webhook_deliveries`,
  );
  await client.query('update event_sequences set last = 20100 where organization_id = $1', [large]);
  for (const table of [...LOG, 'organizations', 'webhook_endpoints']) await client.query(`vacuum analyze ${table}`);
  await client.query('analyze row_counts');
  const { rows } = await client.query('select id from webhook_endpoints where organization_id = $1', [large]);
  await client.end();
  return rows[0].id;
}

const scansOf = (nodes: Node[]): string[] =>
  nodes
    .filter((node) => node['Node Type'] === 'Seq Scan')
    .flatMap((node) => node['Relation Name'] ?? [])
    .filter((table) => LOG.includes(table));

/** Rows of the log that were read, those that did not fit among them. */
const rowsRead = (nodes: Node[]): number =>
  nodes
    .filter((node) => LOG.includes(node['Relation Name'] ?? ''))
    .map((node) => ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * (node['Actual Loops'] ?? 1))
    .reduce((sum, rows) => sum + rows, 0);

async function pagePlan(asker: Client, path: string, headers = {}): Promise<{ text: string; nodes: Node[] }> {
  const table = LOG.find((each) => path.includes(each.replace(/_[a-z]/g, (part) => part.charAt(1).toUpperCase())));
  const [statement] = await statementsOn(app, table as string, asker, path, headers);
  if (statement === undefined) throw new Error(`${path} reads nothing`);
  return { text: statement[0], nodes: await planOf(app, statement, true) };
}

/** A user may see several: he reads one of them. */
const ASKERS: [string, () => Client, () => string][] = [
  ['platform', () => app.platform, () => ''],
  ['partner', () => partner, () => ''],
  ['organization', () => key, () => ''],
  ['user', () => user, () => `&filter[organizationId]=${large}`],
];

describe.each(ASKERS)('the lists of a %s caller', (_level, asker, filter) => {
  test.each(['events', 'webhookDeliveries', 'webhookAttempts'])(
    '%s: a page is read in order, and nothing counted',
    async (type) => {
      for (const query of ['', '&page[number]=3']) {
        const { text, nodes } = await pagePlan(asker(), `${S}/${type}?page[size]=25${query}${filter()}`);
        expect([scansOf(nodes), /count\(/.test(text)]).toEqual([[], false]);
        // Of a partner with a tenth of the organizations fifteen times as many are looked at.
        expect(rowsRead(nodes)).toBeLessThan(2_500);
      }
    },
  );

  test.each([
    ['events', 'filter[sequence][gt]=110'],
    ['events', 'filter[eventType]=workspace.updated&filter[sequence][gt]=20000'],
    ['events', 'sort=-occurredAt'],
    ['events', 'sort=-occurredAt&filter[occurredAt][gt]=2999-01-01'],
    ['webhookDeliveries', 'filter[status]=exhausted'],
    ['webhookDeliveries', 'filter[lastError]=timeout'],
    ['webhookDeliveries', 'filter[createdAt][gte]=2999-01-01'],
    ['webhookAttempts', 'filter[startedAt][gte]=2999-01-01'],
  ])('%s?%s are found in an index', async (type, query) => {
    const { nodes } = await pagePlan(asker(), `${S}/${type}?${query}${filter()}`);
    expect(indexesOf(nodes).length).toBeGreaterThan(0);
    expect(
      nodes.filter((node) => node['Node Type'] === 'Seq Scan' && LOG.includes(node['Relation Name'] ?? '')),
    ).toEqual([]);
  });
});

test.each([
  ['events/{event}/deliveries', 'webhook_deliveries', 'webhook_deliveries_event_id_idx'],
  ['webhookEndpoints/{endpoint}/deliveries', 'webhook_deliveries', 'webhook_deliveries_endpoint_id'],
  ['webhookDeliveries/{delivery}/attempts', 'webhook_attempts', 'webhook_attempts_delivery_id_number_key'],
  ['management/organizations/{organization}/events', 'events', 'events_organization_id_sequence_idx'],
])('what hangs on one: %s', async (path, table, index) => {
  const [event] = (await key.get(`${S}/events?filter[sequence]=500`)).body.data;
  const [delivery] = (await key.get(`${S}/webhookDeliveries?page[size]=1`)).body.data;
  const ids: Record<string, string> = { event: event.id, endpoint, delivery: delivery.id, organization: large };
  const url = `${S}/${path.replace(/\{(\w+)\}/, (_all, name) => ids[name] as string)}`;
  const [statement] = await statementsOn(app, table, app.platform, url);
  const nodes = await planOf(app, statement ?? ['', []], true);
  expect([scansOf(nodes), indexesOf(nodes).some((name) => name.startsWith(index))]).toEqual([[], true]);
});

test('the feed of one organization is a range of its index, at any depth, for everybody', async () => {
  for (const asker of [key, user, app.platform]) {
    const filter = `filter[organizationId]=${large}`;
    const { body } = await asker.get(`${S}/events?${filter}&filter[sequence][gte]=15000&page[size]=1`, CURSORS);
    const query = `${filter}&filter[sequence][gte]=15000&page[after]=${body.data[0].meta.page.cursor}&page[size]=100`;
    const { nodes } = await pagePlan(asker, `${S}/events?${query}`);
    expect([scansOf(nodes), indexesOf(nodes)]).toEqual([
      [],
      expect.arrayContaining(['events_organization_id_sequence_idx']),
    ]);
  }
  const cursor = (await key.get(`${S}/events?sort=-sequence&page[size]=100`, CURSORS)).body.data[99].meta.page.cursor;
  const { text, nodes } = await pagePlan(key, `${S}/events?sort=-sequence&page[after]=${cursor}&page[size]=100`);
  expect([scansOf(nodes), nodeTypes(nodes).includes('Sort'), /count\(/.test(text)]).toEqual([[], false, false]);
  expect(rowsRead(nodes)).toBeLessThan(150);
});

test('totals are the real ones', async () => {
  for (const asker of [app.platform, partner, small, key]) {
    for (const type of ['webhookDeliveries', 'webhookAttempts']) {
      const { body } = await asker.get(`${S}/${type}?page[size]=1`);
      const where = asker === app.platform ? 'true' : asker === key ? 'o.id = $1' : 'o.partner_id = $1';
      const scope = asker === key ? large : asker === app.platform ? undefined : (asker as typeof partner).id;
      const table = type === 'webhookDeliveries' ? 'webhook_deliveries' : 'webhook_attempts';
      const [row] = await app.db.query(
        `select count(*)::int from ${table} t join organizations o on o.id = t.organization_id
         where o.status <> 'pending_deletion' and ${where}`,
        scope === undefined ? [] : [scope],
      );
      expect([type, body.meta.total]).toEqual([type, row?.[0]]);
    }
  }
});

test('the plan of the platform’s feed does not depend on the values', async () => {
  const [statement] = await statementsOn(app, 'events', app.platform, `${S}/events`);
  const [row] = await app.source.query(`explain (generic_plan, format json) ${statement?.[0]}`);
  const nodes = flatten(row['QUERY PLAN'][0].Plan);
  expect([scansOf(nodes), indexesOf(nodes)]).toEqual([[], expect.arrayContaining(['events_sequence_idx'])]);
});

test('events about a person are found in indexes, to be erased and to be exported', async () => {
  const query = jest.spyOn(app.db, 'query');
  await forgetPerson(app.db, user.id, user.email);
  for await (const _resource of exportUser(app.services, user.id));
  const statements = query.mock.calls.filter(([text]) => text.includes('from events'));
  query.mockRestore();
  expect(statements).toHaveLength(2);
  for (const [text, values] of statements) {
    const nodes = await planOf(app, [text, values ?? []]);
    expect([scansOf(nodes), indexesOf(nodes)]).toEqual([
      [],
      expect.arrayContaining(['events_member_user_idx', 'events_subject_id_idx']),
    ]);
  }
});
