import { allRoutes, type Route } from '../src/controllers/routes';
import { may } from '../src/permissions';
import { registry } from '../src/resources';
import { headersOf } from './jsonapi/world';
import { keyed, moved } from './routes/money';
import {
  type Answer,
  type Body,
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
} from './support/app';
import { contentsOf } from './support/contents';

/** Two partners with two organizations each: what one of them has does not exist for the other (domain sheet 2, INV-18). */

interface Tenant {
  client: Client;
  /** In every text of the tenant's rows, and nowhere else. */
  word: string;
  /** Ids of its rows by type. */
  ids: Record<string, string[]>;
}

let app: TestApp;
let viewers: Record<string, { client: Client; foreign: Tenant[] }>;
let tenants: Tenant[];
/** Every row, as the last look at them found it. */
let stored: Record<string, unknown>;

async function organizationTenant(partner: Client, word: string): Promise<Tenant> {
  const texts = { externalId: word, metadata: { note: word } };
  const made = await createOrganization(partner, {
    ...texts,
    name: word,
    slug: word,
    primaryDomain: `${word}.example`,
  });
  const user = await createUser(partner, { email: `${word}@example.com`, name: word, externalId: word });
  const organization = { organization: link('organizations', made.id) };
  const post = async (type: string, attributes: object, relationships: object) =>
    (await partner.post(`${S}/${type}`, document(type, attributes, { relationships }))).body.data;
  const member = await post('members', texts, { ...organization, user: link('users', user.id) });
  const role = await post(
    'roles',
    { ...texts, metadata: undefined, code: word.replace('-', '_'), name: word, permissions: ['members:read'] },
    organization,
  );
  const workspace = await post('workspaces', { ...texts, name: word }, organization);
  await post('apiKeys', { name: word, metadata: { note: word } }, organization);
  const endpoint = { url: `https://hooks.example.com/${word}`, metadata: { note: word } };
  const webhookEndpoint = await post('webhookEndpoints', endpoint, organization);
  const money = await moved(partner, made.id, 'topup', { amount: 100, reference: word, reason: word });
  const entries = await partner.get(`${S}/walletTransactions/${money.id}/entries`);
  const held = document('holds', { amount: 1, reason: word }, { relationships: organization });
  const hold = (await partner.post(`${S}/holds`, held, keyed())).body.data;
  const limit = await post('overageLimits', { asset: 'EUR' }, organization);
  const watched = { wallet: link('wallets', money.relationships.wallet.data.id) };
  const alert = await post('walletAlerts', { direction: 'below', value: 1 }, watched);
  const keys = await partner.get(`${S}/apiKeys?filter[organizationId]=${made.id}`);
  return {
    client: app.as(made.attributes.token),
    word,
    ids: {
      organizations: [made.id],
      users: [user.id],
      members: [member.id],
      roles: [role.id],
      workspaces: [workspace.id],
      apiKeys: keys.body.data.map(({ id }: Body) => id),
      webhookEndpoints: [webhookEndpoint.id],
      wallets: [money.relationships.wallet.data.id],
      walletTransactions: [money.id],
      ledgerEntries: entries.body.data.map(({ id }: Body) => id),
      holds: [hold.id],
      overageLimits: [limit.id],
      walletAlerts: [alert.id],
    },
  };
}

async function partnerTenant(word: string): Promise<{ whole: Tenant; organizations: Tenant[] }> {
  const client = await app.partner(word);
  const organizations = [
    await organizationTenant(client, `${word}-one`),
    await organizationTenant(client, `${word}-two`),
  ];
  const { id: loose } = await createUser(client, { email: `${word}@example.com` });
  const own = await app.platform.get(`${S}/apiKeys?filter[partnerId]=${client.id}`);
  const ids: Tenant['ids'] = {
    partners: [client.id],
    users: [loose],
    apiKeys: own.body.data.map(({ id }: Body) => id),
  };
  for (const each of organizations) {
    for (const [type, list] of Object.entries(each.ids)) ids[type] = [...(ids[type] ?? []), ...list];
  }
  return { whole: { client, word, ids }, organizations };
}

beforeAll(async () => {
  app = await startApp();
  const [alpha, bravo] = [await partnerTenant('alpha'), await partnerTenant('bravo')];
  const platformKeys = await app.platform.get(`${S}/apiKeys?filter[level]=platform`);
  const operator = { client: app.platform, word: 'Test', ids: { apiKeys: [platformKeys.body.data[0].id] } };
  const [one, two] = alpha.organizations as [Tenant, Tenant];
  const { partners = [] } = alpha.whole.ids;
  const reseller = { client: alpha.whole.client, word: '"alpha"', ids: { partners } };
  tenants = [alpha.whole, bravo.whole, operator];
  viewers = {
    partner: { client: alpha.whole.client, foreign: [bravo.whole, operator] },
    organization: { client: one.client, foreign: [bravo.whole, operator, two, reseller] },
  };
  stored = await contentsOf(app);
});
afterAll(() => app.close());

async function expectNoChange(): Promise<void> {
  const before = stored;
  stored = await contentsOf(app);
  // To look for the difference takes much longer than to see that there is none.
  if (JSON.stringify(stored) !== JSON.stringify(before)) expect(stored).toEqual(before);
}

const METHODS = ['get', 'patch', 'delete', 'post', 'put'] as const;
type Method = (typeof METHODS)[number];
const ROUTES = allRoutes(registry);
const VIEWERS = ['partner', 'organization'] as const;

function send(client: Client, method: Method, route: Route, id: string): Promise<Answer> {
  const { type } = route.definition;
  const path = route.template.replace('{id}', id);
  if (method === 'get') return client.get(path);
  if (method === 'delete') return client.delete(path);
  if (route.kind === 'action') return client[method](path);
  return client[method](path, document(type, {}, { id }));
}

/** All that a client gets to see, without what differs from request to request. */
function seen({ status, headers, text }: Answer, id = NIL): object {
  const { date: _date, 'x-request-id': requestId = '', ...others } = headers;
  return { status, headers: others, text: text.replaceAll(requestId, '<request>').replaceAll(id, '<id>') };
}

describe.each(VIEWERS)('a foreign id is to a %s what a missing id is', (viewer) => {
  const cases = ROUTES.filter(({ kind }) => kind !== 'collection').flatMap((route) =>
    METHODS.map((method): [string, Route, Method] => [`${method.toUpperCase()} ${route.template}`, route, method]),
  );

  test.each(cases)('%s', async (_title, route, method) => {
    const { client, foreign } = viewers[viewer] as (typeof viewers)[string];
    const { definition, methods } = route;
    const missing = await send(client, method, route, NIL);
    if (methods.includes(method.toUpperCase()) && route.kind === 'resource') expect(missing.status).toBe(404);
    for (const { ids } of foreign) {
      for (const id of ids[definition.type] ?? []) {
        const answer = await send(client, method, route, id);
        expect(seen(answer, id)).toEqual(seen(missing));
      }
    }
    // What reading changes is found by the next one.
    if (method !== 'get') await expectNoChange();
  });

  test('DELETE with ?purgeNow=true', async () => {
    const { client, foreign } = viewers[viewer] as (typeof viewers)[string];
    for (const id of [NIL, ...foreign.flatMap(({ ids }) => ids.organizations ?? [])]) {
      expect((await client.delete(`${M}/organizations/${id}?purgeNow=true`)).status).toBe(404);
    }
  });
});

test('a missing id is 404 to those who may restore', async () => {
  const answer = await viewers.partner?.client.post(`${M}/organizations/${NIL}/restore`);
  expect(answer?.status).toBe(404);
});

/** Every list of a type that can be asked for without naming a row: plain, with every include, by every filter on ids. */
function listsOf(type: string, ids: string[]): string[] {
  const { path, relationships, filters, attributes } = registry.get(type) as NonNullable<
    ReturnType<typeof registry.get>
  >;
  const included = Object.entries(relationships).flatMap(([name, { include }]) => (include === true ? [name] : []));
  const keys = ['id', ...Object.values(relationships).flatMap((each) => ('one' in each ? [each.key] : []))];
  const byId = [...keys, ...Object.keys(filters).filter((name) => name.endsWith('Id'))];
  return [
    path,
    ...included.map((name) => `${path}?include=${name}`),
    ...byId.flatMap((key) => ids.map((id) => `${path}?filter[${key}]=${id}`)),
    ...(attributes.status === undefined ? [] : [`${path}?filter[status][ne]=x`]),
  ];
}

describe.each(VIEWERS)('the lists of a %s', (viewer) => {
  test.each([...registry.keys()])('%s hold no foreign row, filtered or included, and no foreign text', async (type) => {
    const { client, foreign } = viewers[viewer] as (typeof viewers)[string];
    const foreignIds = foreign.flatMap(({ ids }) => Object.values(ids).flat());
    for (const path of listsOf(type, foreignIds)) {
      const { status, body, text } = await client.get(path);
      // 400: a relationship that this caller is not shown can't be asked for; 403: a type that he may not read.
      expect([200, 400, 403]).toContain(status);
      for (const { word } of foreign) expect([path, text.includes(word)]).toEqual([path, false]);
      if (status !== 200) continue;
      const rows = [...body.data, ...(body.included ?? [])].map(({ id }: Body) => id);
      expect([path, rows.filter((id: string) => foreignIds.includes(id))]).toEqual([path, []]);
      if (path.includes('filter[')) expect([path, body.data, body.meta.total]).toEqual([path, [], 0]);
    }
  });

  test('are not found by the texts of others', async () => {
    const { client, foreign } = viewers[viewer] as (typeof viewers)[string];
    for (const { word } of foreign) {
      for (const query of [
        `${M}/organizations?filter[q]=${word}`,
        `${M}/organizations?filter[name][contains]=${word}`,
        `${M}/organizations?filter[metadata.note]=${word}`,
        `${S}/users?filter[email][contains]=${word}`,
        `${S}/members?filter[externalId]=${word}`,
        `${S}/apiKeys?filter[name]=${word}`,
        `${S}/webhookEndpoints?filter[url][contains]=${word}`,
        `${S}/webhookEndpoints?filter[metadata.note]=${word}`,
        `${S}/walletTransactions?filter[reference]=${word}`,
      ]) {
        const { status, body } = await client.get(query);
        expect([query, status, body.data, body.meta?.total]).toEqual([query, 200, [], 0]);
      }
    }
  });

  test('are as long as what the caller has', async () => {
    const expected = {
      partner: {
        organizations: 2,
        users: 3,
        members: 2,
        apiKeys: 5,
        webhookEndpoints: 2,
        wallets: 2,
        walletTransactions: 4,
        ledgerEntries: 6,
        holds: 2,
        overageLimits: 2,
        walletAlerts: 2,
      },
      organization: {
        organizations: 1,
        users: 1,
        members: 1,
        apiKeys: 2,
        webhookEndpoints: 1,
        wallets: 1,
        walletTransactions: 2,
        ledgerEntries: 3,
        holds: 1,
        overageLimits: 1,
        walletAlerts: 1,
      },
    }[viewer];
    for (const [type, total] of Object.entries(expected)) {
      const { body } = await (viewers[viewer] as (typeof viewers)[string]).client.get(registry.get(type)?.path ?? '');
      expect([type, body.data.length, body.meta.total, body.meta.totalUnfiltered]).toEqual([type, total, total, total]);
    }
  });
});

describe.each(VIEWERS)('a %s that creates something with a foreign relationship', (viewer) => {
  // Whoever reads the audit trail leaves a row in it.
  beforeAll(async () => {
    stored = await contentsOf(app);
  });
  const cases = [...registry.values()].flatMap((definition) =>
    definition.operations.create === undefined
      ? []
      : Object.entries(definition.relationships).flatMap(
          ([name, relationship]): [string, string, typeof relationship][] =>
            relationship.write === 'create' ? [[definition.type, name, relationship]] : [],
        ),
  );

  test.each(cases)('%s.%s is told the same as with a missing one', async (type, name, relationship) => {
    const { client, foreign } = viewers[viewer] as (typeof viewers)[string];
    const { path, relationships } = registry.get(type) as NonNullable<ReturnType<typeof registry.get>>;
    const own = await client.get(`${M}/organizations`);
    const user = await client.get(`${S}/users`);
    const wallet = await client.get(`${S}/wallets`);
    const good: Record<string, object> = {
      organization: link('organizations', own.body.data[0].id),
      user: link('users', user.body.data[0].id),
      wallet: link('wallets', wallet.body.data[0].id),
    };
    const required = Object.keys(relationships).filter(
      // Workspaces and roles are those of an organization.
      (each) =>
        each !== name &&
        (relationships[each]?.required || (['workspaces', 'roles'].includes(name) && each === 'organization')),
    );
    const attempt = (id: string) => {
      const data = { type: relationship.type, id };
      const given = Object.fromEntries(required.map((each) => [each, good[each]]));
      const all = { ...given, [name]: { data: 'many' in relationship ? [data] : data } };
      const more = type === 'roles' ? { code: 'made', permissions: ['members:read'] } : {};
      const minimal: Record<string, object> = {
        invitations: { email: 'made@example.com' },
        webhookEndpoints: { url: 'https://hooks.example.com/made' },
        members: {},
        walletTransactions: { kind: name === 'reverses' ? 'reversal' : 'topup', amount: 100, reason: 'x' },
        holds: { amount: 1 },
        overageLimits: {},
        walletAlerts: { direction: 'below', value: 1 },
      };
      const attributes = minimal[type] ?? { name: 'Made', ...more };
      return client.post(path, document(type, attributes, { relationships: all }), headersOf(type));
    };
    const missing = await attempt(NIL);
    const me = await app.services.callers.find(client.key as string, '127.0.0.1');
    expect(missing.status).toBe(may(me, `${type}.create`) ? 404 : 403);
    for (const id of foreign.flatMap(({ ids }) => ids[relationship.type] ?? [])) {
      expect(seen(await attempt(id), id)).toEqual(seen(missing));
    }
    await expectNoChange();
  });
});

test('the platform sees the rows of both, so that the tests above had something to find', async () => {
  const lists = [...registry.values()].map(({ path }) => app.platform.get(`${path}?page[size]=100&sort=id`));
  const all = (await Promise.all(lists)).map(({ text }) => text).join();
  for (const { word, ids } of tenants) {
    expect(all).toContain(word);
    for (const id of Object.values(ids).flat()) expect(all).toContain(`"id":"${id}"`);
  }
});
