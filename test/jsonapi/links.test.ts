import { levelReads } from '../../src/permissions';
import { registry } from '../../src/resources';
import { type Body, createOrganization, document, link, M, S, startApp, type TestApp } from '../support/app';
import { buildWorld, membership, pathOf, RELATIONSHIPS, sampleOf, seesSample, TYPES, type World } from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

const urlOf = (type: string) => `${pathOf(type)}/${sampleOf(world, type)}`;
const get = async (path: string): Promise<Body> => (await app.platform.get(path)).body;
const callers = () => [
  ['platform', app.platform] as const,
  ['partner', world.partner] as const,
  ['organization', world.key] as const,
];

describe.each(RELATIONSHIPS)('%s.%s', (type, name, relationship) => {
  const isMany = 'many' in relationship;

  test('is an object with links to itself and to what it leads to, and nothing else [REL-1…4, LNK-7]', async () => {
    for (const [level, client] of callers()) {
      if (!levelReads(level, type) || !levelReads(level, relationship.type) || !seesSample(level, type)) continue;
      const { body } = await client.get(urlOf(type));
      const { links, data, ...others } = body.data.relationships[name];
      const related =
        type === 'organizations' && name === 'users'
          ? `${S}/users?filter[organizationId]=${body.data.id}`
          : `${urlOf(type)}/${name}`;
      expect([links, others]).toEqual([{ self: `${urlOf(type)}/relationships/${name}`, related }, {}]);
    }
  });

  test('has linkage where the row holds it: always of a to-one, of a list only when it is small [REL-5, REL-11]', async () => {
    const isHeld = !isMany || relationship.keys !== undefined;
    for (const { relationships } of (await get(pathOf(type))).data as Body[]) {
      const shown = relationships[name];
      expect('data' in shown).toBe(isHeld);
      if (!isHeld) continue;
      expect(Array.isArray(shown.data)).toBe(isMany);
      for (const each of [shown.data].flat().filter((linked) => linked !== null))
        expect(each).toEqual({ type: relationship.type, id: expect.any(String) });
    }
  });

  test('has its path in kebab-case too, with the same document [RCM-2]', async () => {
    const kebab = (path: string) => path.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const { self } = (await get(urlOf(type))).data.relationships[name].links;
    for (const path of [self, `${urlOf(type)}/${name}`]) {
      const plain = await app.platform.get(path);
      const { status, text, headers } = await app.platform.get(kebab(path));
      expect([status, text, headers.etag]).toEqual([200, plain.text, plain.headers.etag]);
    }
  });
});

test('both kebab-case and the type itself name a collection, and what is printed is the path [RCM-1, RCM-2]', async () => {
  for (const [alias, path] of [
    ['/public/v2/api-keys', '/public/v2/apiKeys'],
    ['/public/v2/organizations', '/public/v2/management/organizations'],
  ] as const) {
    for (const query of ['', '?page[size]=1&sort=createdAt', `/${sampleOf(world, path.split('/').at(-1) as string)}`]) {
      const plain = await app.platform.get(`${path}${query}`);
      const other = await app.platform.get(`${alias}${query}`);
      expect([other.status, other.text, other.headers.etag]).toEqual([200, plain.text, plain.headers.etag]);
    }
  }
  const made = await app.platform.post('/public/v2/api-keys', document('apiKeys', { name: 'Made in kebab-case' }));
  expect([made.status, made.headers.location]).toEqual([201, `/public/v2/apiKeys/${made.body.data.id}`]);
});

test('what is included has no linkage that nobody asked for: a cycle ends [REL-11]', async () => {
  const { included } = await get(`${urlOf('members')}?include=organization,user`);
  const lists = (included as Body[]).flatMap(({ type, relationships }) =>
    Object.entries<Body>(relationships).filter(([name]) => 'many' in (registry.get(type)?.relationships[name] ?? {})),
  );
  expect(lists.map(([name]) => name).sort()).toEqual([
    'apiKeys',
    'auditEvents',
    'events',
    'invitations',
    'members',
    'members',
    'organizations',
    'overageLimits',
    'roles',
    'users',
    'wallets',
    'webhookDeliveries',
    'webhookEndpoints',
    'workspaces',
  ]);
  for (const [, relationship] of lists) expect(Object.keys(relationship)).toEqual(['links']);
});

describe('related links', () => {
  test('are there when nothing is behind them yet, and stay the same when something is [REL-6, REL-7]', async () => {
    const { id, relationships, links } = await createOrganization(app.platform);
    const empty = await Promise.all(
      Object.entries<Body>(relationships).map(async ([name, each]) => [name, (await get(each.links.related)).data]),
    );
    expect(Object.fromEntries(empty)).toMatchObject({ users: [], members: [], owner: null, partner: null });
    await app.platform.post(`${S}/members`, membership(id, world.user.id, [world.roles.owner.id]));
    const after = (await get(links.self)).data.relationships;
    for (const [name, each] of Object.entries<Body>(relationships))
      expect([name, after[name].links]).toEqual([name, each.links]);
    expect((await get(after.members.links.related)).data).toHaveLength(1);
    expect((await get(after.owner.links.related)).data.id).toBe(world.user.id);
  });

  test('show resources with their own self, not the way that led there [LNK-8]', async () => {
    for (const [type, name, relationship] of RELATIONSHIPS) {
      const { data } = await get(`${urlOf(type)}/${name}`);
      for (const each of [data].flat().filter((row) => row !== null))
        expect(each.links).toEqual({ self: `${pathOf(relationship.type)}/${each.id}` });
    }
  });
});

test.each(TYPES)(
  'self of one of the %s gives it as primary data, whatever list showed it [LNK-6, LNK-8]',
  async (type) => {
    for (const shown of (await get(pathOf(type))).data as Body[]) {
      expect(shown.links).toEqual({ self: `${pathOf(type)}/${shown.id}` });
      const own = await get(shown.links.self);
      expect([own.data.type, own.data.id, own.links.self]).toEqual([type, shown.id, shown.links.self]);
    }
  },
);

describe('the links of a document', () => {
  test.each([
    '?sort=name&page[size]=2&page[number]=1',
    '?include=owner,members.user&fields[users]=email,name&sort=-createdAt',
    '?filter[name]=Acme,Other&filter[createdAt][gte]=2020-01-01T00:00:00%2B00:00&page[offset]=1&page[limit]=1',
    '?filter[name][]=Acme&filter[name][]=Other%20one',
    '?filter[q]=%C3%A9t%C3%A9%26x=y%23',
  ])('self of %s asks for the same again [DOC-10, LNK-11]', async (query) => {
    const path = `${M}/organizations${query}`;
    const { text, body } = await app.platform.get(path);
    expect((await app.platform.get(body.links.self)).text).toBe(text);
    expect(body.links.self).toContain(`${M}/organizations?`);
    expect(body.links.self).not.toMatch(/%5[BD]/i);
  });

  test('are text or null, so that a client can ask for them as they are [LNK-1, LNK-2, LNK-10]', async () => {
    await app.platform.post(
      `${S}/apiKeys`,
      document(
        'apiKeys',
        { name: 'One more' },
        { relationships: { organization: link('organizations', world.organization.id) } },
      ),
    );
    const paths = [
      `${S}/apiKeys?page[size]=1`,
      `${urlOf('apiKeys')}?include=organization.apiKeys`,
      `${urlOf('organizations')}/relationships/apiKeys`,
    ];
    for (const path of paths) {
      for (const links of linksIn(await get(path))) {
        for (const each of Object.values(links)) expect(each === null || typeof each === 'string').toBe(true);
      }
    }
  });

  test('of a profile are text too, but for self, which names the profile and nothing else [LNK-3, LNK-4, LNK-5, LNK-10]', async () => {
    const accept = 'application/vnd.api+json;profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination"';
    const { body } = await app.platform.get(`${S}/apiKeys?page[size]=1&include=organization.apiKeys`, {
      Accept: accept,
    });
    const objects = linksIn(body).flatMap((links) =>
      Object.entries(links).filter(([, each]) => each !== null && typeof each !== 'string'),
    );
    expect(objects).toEqual([
      ['self', { href: `${S}/apiKeys?page[size]=1&include=organization.apiKeys`, type: accept }],
    ]);
  });
});

/** Every links object in a document. */
function linksIn(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => (name === 'links' ? [each] : linksIn(each)));
}
