import { levelReads } from '../../src/permissions';
import { registry } from '../../src/resources';
import { type Body, type Client, createOrganization, document, M, S, startApp, type TestApp } from '../support/app';
import { buildWorld, creationOf, masked, membership, pathOf, sampleOf, TIME, TYPES, type World } from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

const definition = (type: string) => registry.get(type) as NonNullable<ReturnType<typeof registry.get>>;
const names = () => ({
  [world.organization.id]: 'ACME',
  [world.owner.id]: 'OLGA',
  [world.user.id]: 'UWE',
  [world.partner.id]: 'PARTNER',
  [world.members[1].id]: 'MEMBER',
  [world.roles.admin.id]: 'ADMIN',
  [world.roles.member.id]: 'MEMBER-ROLE',
});

const ACME = {
  id: 'ACME',
  type: 'organizations',
  attributes: {
    createdAt: 'TIME',
    updatedAt: 'TIME',
    name: 'Acme',
    webhookUrl: null,
    webhookSecret: null,
    token: null,
    number: 1,
    slug: 'acme',
    externalId: 'acme-1',
    kind: 'business',
    countryCode: null,
    status: 'active',
    statusReason: null,
    statusChangedAt: 'TIME',
    avatarUrl: null,
    primaryDomain: null,
    metadata: {},
    deleteProtection: false,
    legalHold: false,
    deletedAt: null,
    purgeAt: null,
  },
  relationships: {
    users: { links: { related: '/public/v2/users?filter[organizationId]=ACME' } },
    members: { links: { related: '/public/v2/members?filter[organizationId]=ACME' } },
    roles: { links: { related: '/public/v2/roles?filter[organizationId]=ACME' } },
    apiKeys: { links: { related: '/public/v2/apiKeys?filter[organizationId]=ACME' } },
    owner: { data: { type: 'users', id: 'OLGA' } },
    partner: { data: { type: 'partners', id: 'PARTNER' } },
  },
  links: { self: '/public/v2/management/organizations/ACME' },
};

describe('whole documents', () => {
  test('a single resource has data, links and jsonapi, in this order [DOC-6, LNK-7, REL-11]', async () => {
    const { body } = await app.platform.get(`${M}/organizations/${world.organization.id}`);
    expect(Object.keys(body)).toEqual(['data', 'links', 'jsonapi']);
    expect(masked(body, names())).toEqual({
      data: ACME,
      links: { self: '/public/v2/management/organizations/ACME' },
      jsonapi: { version: '1.1' },
    });
  });

  test('a list has data, meta, links and jsonapi, in this order [DOC-7, LNK-7]', async () => {
    const { body } = await world.partner.get(`${M}/organizations?filter[externalId]=acme-1`);
    expect(Object.keys(body)).toEqual(['data', 'meta', 'links', 'jsonapi']);
    const { partner: _hidden, ...relationships } = ACME.relationships;
    const path = '/public/v2/management/organizations?filter[externalId]=acme-1';
    expect(masked(body, names())).toEqual({
      data: [{ ...ACME, relationships }],
      meta: { total: 1, totalUnfiltered: 1, currentSize: 25, currentPage: 1, maxPage: 1 },
      links: {
        self: path,
        first: `${path}&page[number]=1&page[size]=25`,
        last: `${path}&page[number]=1&page[size]=25`,
        prev: null,
        next: null,
      },
      jsonapi: { version: '1.1' },
    });
  });

  test('included comes behind data', async () => {
    const list = await app.platform.get(`${S}/members?include=user`);
    expect(Object.keys(list.body)).toEqual(['data', 'included', 'meta', 'links', 'jsonapi']);
    const one = await app.platform.get(`${S}/members/${world.members[0].id}?include=user`);
    expect(Object.keys(one.body)).toEqual(['data', 'included', 'links', 'jsonapi']);
  });

  test('what POST made has data, meta and jsonapi, and meta is empty', async () => {
    const request = document('organizations', { name: 'Made', webhookUrl: 'https://example.com/hook' });
    const { body } = await app.platform.post(`${M}/organizations`, request);
    expect(Object.keys(body)).toEqual(['data', 'meta', 'jsonapi']);
    expect(body.meta).toEqual({});
    const { attributes } = masked(body, { [body.data.id]: 'MADE' }).data;
    expect(attributes).toMatchObject({ name: 'Made', slug: 'made', token: 'SECRET', webhookSecret: 'SECRET' });
  });

  test('an error has errors and jsonapi [JA-3]', async () => {
    const { body } = await app.platform.get(`${S}/users?foo=1`);
    expect(Object.keys(body)).toEqual(['errors', 'jsonapi']);
    expect(masked(body)).toEqual({
      errors: [
        {
          id: 'ID',
          status: '400',
          code: 'invalid_parameter',
          title: 'Invalid query parameter',
          detail: 'This endpoint has no query parameter foo.',
          source: { parameter: 'foo' },
        },
      ],
      jsonapi: { version: '1.1' },
    });
  });

  test('linkage is there where the row holds it: null, one, or many [REL-5]', async () => {
    const other = await app.platform.get(`${M}/organizations/${world.other.id}`);
    expect(other.body.data.relationships.owner).toEqual({ data: null });
    const member = await app.platform.get(`${S}/members/${world.members[1].id}`);
    expect(masked(member.body, names()).data.relationships).toEqual({
      organization: { data: { type: 'organizations', id: 'ACME' } },
      user: { data: { type: 'users', id: 'UWE' } },
      roles: {
        data: [
          { type: 'roles', id: 'ADMIN' },
          { type: 'roles', id: 'MEMBER-ROLE' },
        ],
      },
    });
  });

  test('a list is an array also for no row and for one [DOC-7]', async () => {
    const one = await app.platform.get(`${M}/organizations?filter[slug]=acme`);
    const none = await app.platform.get(`${M}/organizations?filter[slug]=nobody`);
    expect([one.body.data.length, none.body.data]).toEqual([1, []]);
  });
});

describe.each(TYPES)('%s', (type) => {
  const read = (client: Client, query = '') => client.get(`${pathOf(type)}/${sampleOf(world, type)}${query}`);

  test('have every declared attribute, in its order, with times as in the seed [RCM-3]', async () => {
    const { body } = await read(app.platform);
    const { attributes } = body.data;
    expect(Object.keys(attributes)).toEqual(Object.keys(definition(type).attributes));
    for (const [name, { schema }] of Object.entries(definition(type).attributes)) {
      if (schema.format === 'date-time' && attributes[name] !== null) expect(attributes[name]).toMatch(TIME);
    }
  });

  test('have the relationships that the caller’s level can read, and no other', async () => {
    for (const [level, client] of [
      ['platform', app.platform],
      ['partner', world.partner],
      ['organization', world.key],
    ] as const) {
      if (!levelReads(level, type)) continue;
      const declared = Object.entries(definition(type).relationships);
      const expected = declared.filter(([, { type: other }]) => levelReads(level, other)).map(([name]) => name);
      const { body } = await read(client);
      expect(Object.keys(body.data.relationships ?? {})).toEqual(expected);
    }
  });

  test('have camelCase names, and no foreign keys among the attributes [FLD-4, MEM-8]', () => {
    const { attributes, relationships } = definition(type);
    for (const name of [type, ...Object.keys(attributes), ...Object.keys(relationships)])
      expect(name).toMatch(/^[a-z][a-zA-Z0-9]*[a-z]$/);
    const keys = Object.keys(attributes).filter((name) => /_ids?$|Ids?$/.test(name) && name !== 'externalId');
    expect(keys).toEqual([]);
  });

  test('are the same by id, in a list and after POST, but for secrets [RES-3]', async () => {
    const { body } = await read(app.platform);
    const list = await app.platform.get(`${pathOf(type)}?filter[id]=${body.data.id}`);
    expect(list.body.data).toEqual([body.data]);
    const request = await creationOf(app, world, type);
    if (request === null) return;
    const made = (await app.platform.post(pathOf(type), request)).body.data;
    const again = (await app.platform.get(made.links.self)).body.data;
    const secrets = Object.entries(definition(type).attributes).filter(([, { reveal }]) => reveal === 'once');
    for (const [name] of secrets) {
      expect(again.attributes[name]).toBeNull();
      delete made.attributes[name];
      delete again.attributes[name];
    }
    expect(again).toEqual(made);
  });

  test('never show a secret again, to nobody and nowhere [FLD-6]', async () => {
    const secrets = Object.entries(definition(type).attributes).filter(([, { reveal }]) => reveal === 'once');
    for (const client of [app.platform, world.partner, world.key]) {
      const { status, body } = await client.get(`${pathOf(type)}?page[size]=100`);
      if (status === 403) continue;
      expect(body.data.length).toBeGreaterThan(0);
      for (const { attributes } of body.data) for (const [name] of secrets) expect(attributes[name]).toBeNull();
    }
  });
});

describe('links', () => {
  const linksIn = (value: unknown): string[] => {
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([name, each]) =>
      name === 'links' ? Object.values(each as object).filter((link) => link !== null) : linksIn(each),
    );
  };

  test.each([
    ['platform', () => app.platform],
    ['partner', () => world.partner],
    ['organization', () => world.key],
  ] as const)(
    'every link that the %s caller is shown is relative and answers 200 [FET-1, LNK-9, REL-10]',
    async (level, client) => {
      const queue = TYPES.filter((type) => levelReads(level, type)).flatMap((type) => [
        pathOf(type),
        `${pathOf(type)}?page[size]=1&sort=-createdAt`,
        `${pathOf(type)}?page[limit]=1&fields[${type}]=createdAt`,
      ]);
      const seen = new Set(queue);
      for (const url of queue) {
        const { status, body } = await client().get(url);
        expect([url, status]).toEqual([url, 200]);
        for (const each of [body.data].flat()) {
          if (each.links.self === url) expect(body.data.links.self).toBe(body.links.self);
        }
        for (const link of linksIn(body)) {
          expect(link).toMatch(/^\/public\/v2\/[^%]*$/);
          if (!seen.has(link)) queue.push(link);
          seen.add(link);
        }
      }
      // Otherwise nothing was crawled.
      expect(seen.size).toBeGreaterThan(20);
    },
  );

  test.each(TYPES)(
    'self of one of the %s gives it as primary data, whatever list showed it [LNK-6, LNK-8]',
    async (type) => {
      const { body } = await app.platform.get(pathOf(type));
      for (const shown of body.data as Body[]) {
        expect(shown.links.self).toBe(`${pathOf(type)}/${shown.id}`);
        const { body: own } = await app.platform.get(shown.links.self);
        expect([own.data.type, own.data.id, own.links.self]).toEqual([type, shown.id, shown.links.self]);
      }
    },
  );

  test('the related link of a relationship stays the same when its content changes [REL-6, REL-7]', async () => {
    const { id, relationships, links } = await createOrganization(app.platform);
    const empty = await app.platform.get(relationships.members.links.related);
    expect([empty.status, empty.body.data]).toEqual([200, []]);
    await app.platform.post(`${S}/members`, membership(id, world.user.id));
    const after = (await app.platform.get(links.self)).body.data;
    expect(after.relationships.members).toEqual(relationships.members);
    expect((await app.platform.get(relationships.members.links.related)).body.data).toHaveLength(1);
  });
});
