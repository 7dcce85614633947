import { levelReads } from '../../src/permissions';
import { registry } from '../../src/resources';
import { type Body, type Client, document, M, S, startApp, type TestApp } from '../support/app';
import {
  buildWorld,
  creationOf,
  headersOf,
  masked,
  pathOf,
  sampleOf,
  seesSample,
  TIME,
  TIME_MS,
  TYPES,
  type World,
} from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

const get = async (path: string): Promise<Body> => (await app.platform.get(path)).body;
const definition = (type: string) => registry.get(type) as NonNullable<ReturnType<typeof registry.get>>;
const names = () => ({
  [world.organization.id]: 'ACME',
  [world.owner.id]: 'OLGA',
  [world.user.id]: 'UWE',
  [world.partner.id]: 'PARTNER',
  [world.members[0].id]: 'OWNER',
  [world.members[1].id]: 'MEMBER',
  [world.roles.admin.id]: 'ADMIN',
  [world.roles.member.id]: 'MEMBER-ROLE',
});

/** The links of a relationship of the resource at this path. */
const linksOf = (path: string, name: string) => ({ self: `${path}/relationships/${name}`, related: `${path}/${name}` });
const AT = '/public/v2/management/organizations/ACME';
const CURSORS = 'application/vnd.api+json;profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination"';

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
    settings: {
      defaultRole: 'member',
      allowedInviteDomains: [],
      membersMayInvite: false,
      auditRetentionDays: null,
      requireIdempotencyKey: false,
    },
    quotas: {},
    deletedAt: null,
    purgeAt: null,
  },
  relationships: {
    users: { links: { ...linksOf(AT, 'users'), related: '/public/v2/users?filter[organizationId]=ACME' } },
    members: { links: linksOf(AT, 'members') },
    roles: { links: linksOf(AT, 'roles') },
    workspaces: { links: linksOf(AT, 'workspaces') },
    invitations: { links: linksOf(AT, 'invitations') },
    apiKeys: { links: linksOf(AT, 'apiKeys') },
    webhookEndpoints: { links: linksOf(AT, 'webhookEndpoints') },
    auditEvents: { links: linksOf(AT, 'auditEvents') },
    wallets: { links: linksOf(AT, 'wallets') },
    overageLimits: { links: linksOf(AT, 'overageLimits') },
    events: { links: linksOf(AT, 'events') },
    webhookDeliveries: { links: linksOf(AT, 'webhookDeliveries') },
    owner: { links: linksOf(AT, 'owner'), data: { type: 'users', id: 'OLGA' } },
    partner: { links: linksOf(AT, 'partner'), data: { type: 'partners', id: 'PARTNER' } },
  },
  links: { self: AT },
  meta: { memberCount: 3 },
};

describe('whole documents', () => {
  test('a single resource has data, links and jsonapi, in this order [DOC-6, LNK-7, REL-11]', async () => {
    const { body } = await app.platform.get(`${M}/organizations/${world.organization.id}`);
    expect(Object.keys(body)).toEqual(['data', 'links', 'jsonapi']);
    expect(masked(body, names())).toEqual({
      data: ACME,
      links: { self: AT },
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

  test('a list that is included stands in its relationship, with its total and where the rest is [DOC-5, REL-9]', async () => {
    const { body } = await app.platform.get(`${M}/organizations/${world.organization.id}?include=members`);
    const [third, second, first] = body.included.map(({ id }: Body) => ({ type: 'members', id }));
    expect(body.data.relationships.members).toEqual({
      links: { ...world.organization.relationships.members.links, prev: null, next: null },
      data: [third, second, first],
      meta: { page: { total: 3 } },
    });
    expect(first.id).toBe(world.members[0].id);
    const { members, ...others } = masked(body, names()).data.relationships;
    expect({ ...others, members: ACME.relationships.members }).toEqual(ACME.relationships);
  });

  test('linkage has data, links to itself and to the resources, and jsonapi [DOC-8, DOC-12]', async () => {
    const at = world.organization.links.self;
    const owner = await app.platform.get(`${at}/relationships/owner`);
    expect(masked(owner.body, names())).toEqual({
      data: { type: 'users', id: 'OLGA' },
      links: linksOf(AT, 'owner'),
      jsonapi: { version: '1.1' },
    });
    const members = await app.platform.get(`${at}/relationships/members?page[size]=1&sort=number`);
    const page = (number: number) => `${AT}/relationships/members?sort=number&page[number]=${number}&page[size]=1`;
    expect(Object.keys(members.body)).toEqual(['data', 'meta', 'links', 'jsonapi']);
    expect(masked(members.body, names())).toEqual({
      data: [{ type: 'members', id: 'OWNER' }],
      meta: { total: 3, totalUnfiltered: 3, currentSize: 1, currentPage: 1, maxPage: 3 },
      links: {
        self: `${AT}/relationships/members?page[size]=1&sort=number`,
        related: `${AT}/members`,
        first: page(1),
        last: page(3),
        prev: null,
        next: page(2),
      },
      jsonapi: { version: '1.1' },
    });
  });

  test('a profile that was applied is told by links.self, jsonapi and Content-Type alike [DOC-11, JA-4]', async () => {
    const path = `${M}/organizations?filter[externalId]=acme-1`;
    const { body, headers } = await app.platform.get(path, { Accept: CURSORS });
    expect(headers['content-type']).toBe(CURSORS);
    expect(body.jsonapi).toEqual({ version: '1.1', profile: [/"(.*)"/.exec(CURSORS)?.[1]] });
    const { self, first, last, ...others } = body.links;
    expect([self, others]).toEqual([
      { href: path, type: CURSORS },
      { prev: null, next: null },
    ]);
    expect(first).toContain(`${path}&page[after]=`);
    expect(last).toContain(`${path}&page[before]=`);
    expect(body.meta).toEqual({ total: 1, totalUnfiltered: expect.any(Number), page: { total: 1 } });
    const [plain] = (await get(path)).data;
    expect(body.data).toEqual([{ ...plain, meta: { ...plain.meta, page: { cursor: expect.any(String) } } }]);
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
    expect(other.body.data.relationships.owner.data).toBeNull();
    const member = await app.platform.get(`${S}/members/${world.members[1].id}`);
    const at = '/public/v2/members/MEMBER';
    expect(masked(member.body, names()).data.relationships).toEqual({
      organization: { links: linksOf(at, 'organization'), data: { type: 'organizations', id: 'ACME' } },
      user: { links: linksOf(at, 'user'), data: { type: 'users', id: 'UWE' } },
      roles: {
        links: linksOf(at, 'roles'),
        data: [
          { type: 'roles', id: 'ADMIN' },
          { type: 'roles', id: 'MEMBER-ROLE' },
        ],
      },
      workspaces: { links: linksOf(at, 'workspaces'), data: [] },
      invitedBy: { links: linksOf(at, 'invitedBy'), data: { type: 'users', id: 'OLGA' } },
    });
  });

  test('a list is an array also for no row and for one [DOC-7]', async () => {
    const one = await app.platform.get(`${M}/organizations?filter[slug]=acme`);
    const none = await app.platform.get(`${M}/organizations?filter[slug]=nobody`);
    expect([one.body.data.length, none.body.data]).toEqual([1, []]);
  });

  test('a single target is an object or null, never an array [DOC-6]', async () => {
    for (const path of ['owner', 'relationships/owner', 'partner', 'relationships/partner']) {
      const data = await Promise.all(
        [world.organization, world.other].map(async ({ links }) => (await get(`${links.self}/${path}`)).data),
      );
      expect(data).toEqual([expect.objectContaining({ type: expect.any(String), id: expect.any(String) }), null]);
    }
  });
});

describe.each(TYPES)('%s', (type) => {
  const read = (client: Client, query = '') => client.get(`${pathOf(type)}/${sampleOf(world, type)}${query}`);

  test('have every declared attribute, in its order, with times as in the seed [RCM-3]', async () => {
    const { body } = await read(app.platform);
    const { attributes } = body.data;
    expect(Object.keys(attributes)).toEqual(Object.keys(definition(type).attributes));
    const form = ['events', 'webhookAttempts', 'auditEvents'].includes(type) ? TIME_MS : TIME;
    for (const [name, { schema }] of Object.entries(definition(type).attributes)) {
      if (schema.format === 'date-time' && attributes[name] !== null) expect(attributes[name]).toMatch(form);
    }
  });

  test('have the relationships that the caller’s level can read, and no other', async () => {
    for (const [level, client] of [
      ['platform', app.platform],
      ['partner', world.partner],
      ['organization', world.key],
    ] as const) {
      if (!levelReads(level, type) || !seesSample(level, type)) continue;
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
    const keys = Object.keys(attributes).filter(
      (name) => /_ids?$|Ids?$/.test(name) && !['externalId', 'familyId', 'requestId'].includes(name),
    );
    expect(keys).toEqual([]);
  });

  test('are the same by id, in a list and after POST, but for secrets [RES-3]', async () => {
    const { body } = await read(app.platform);
    const list = await app.platform.get(`${pathOf(type)}?filter[id]=${body.data.id}`);
    expect(list.body.data).toEqual([body.data]);
    const request = await creationOf(app, world, type);
    if (request === null) return;
    const made = (await app.platform.post(pathOf(type), request, headersOf(type))).body.data;
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
