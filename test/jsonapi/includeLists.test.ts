import {
  type Body,
  createOrganization,
  createUser,
  document,
  link,
  M,
  MEDIA_TYPE,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { addDeliveries, addEvents } from '../support/deliveries';
import { addMoney, addToTransaction } from './moneyRows';
import {
  addInvitations,
  addMembers,
  addWebhookEndpoints,
  buildWorld,
  errorsOf,
  membership,
  pathOf,
  RELATIONSHIPS,
  sampleOf,
  statementsOf,
  TYPES,
  type World,
} from './world';

/** Rows of each list at the least: more than an include links. */
const MANY = 31;
const MOST = 25;
const CURSORS = `${MEDIA_TYPE};profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination"`;
/** Lists that are cut. The roles of an organization are the five of the installation. */
const LISTS = RELATIONSHIPS.filter(
  ([, name, each]) => 'many' in each && each.include === true && each.keys === undefined && name !== 'roles',
).map(([type, name]) => [type, name] as const);

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  await addMembers(app, world.organization.id, MANY);
  await addInvitations(app, world.organization.id, MANY);
  await addEvents(app, world.organization.id, MANY);
  await addWebhookEndpoints(app, world.organization.id, MANY);
  const organization = { organization: link('organizations', world.organization.id) };
  const partner = { partner: link('partners', world.partner.id) };
  for (let i = 0; i < MANY; i++) {
    const { id } = await createOrganization(world.partner, { name: `Organization ${i}` });
    await app.platform.post(`${S}/members`, membership(id, world.owner.id, [world.roles.owner.id]));
    await app.platform.post(
      `${S}/workspaces`,
      document('workspaces', { name: `W${i}` }, { relationships: organization }),
    );
    for (const relationships of [organization, partner])
      await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: `Key ${i}` }, { relationships }));
  }
  await addDeliveries(app, world.delivered, MANY);
  await addMoney(app, world.organization.id, MANY);
  await addToTransaction(app, world, MANY);
  // Among the first of the list.
  await app.source.query("update webhook_deliveries set created_at = now() + interval '1 hour' where id = $1", [
    world.delivered.deliveryId,
  ]);
});
afterAll(() => app.close());

const rowOf = (type: string) => `${pathOf(type)}/${sampleOf(world, type)}`;
const get = async (path: string, headers = {}): Promise<Body> => (await app.platform.get(path, headers)).body;
const identifiers = (rows: Body[]): Body[] => rows.map(({ type, id }) => ({ type, id }));

/** Linkage of all pages from this one on. */
async function walk(next: string | null): Promise<Body[]> {
  if (next === null) return [];
  const { data, links } = await get(next);
  return [...identifiers(data), ...(await walk(links.next))];
}

describe.each(LISTS)('%s?include=%s', (type, name) => {
  const linkage = () => `${rowOf(type)}/relationships/${name}`;

  test('links the first 25, and says how many there are and where the rest is [INC-12, REL-9, CUR-15]', async () => {
    const { data, included } = await get(`${rowOf(type)}?include=${name}`);
    const shown = data.relationships[name];
    expect(shown.links).toMatchObject({
      self: linkage(),
      prev: null,
      next: `${linkage()}?page[number]=2&page[size]=${MOST}`,
    });
    expect([shown.data.length, shown.meta]).toEqual([MOST, { page: { total: expect.any(Number) } }]);
    expect(identifiers(included)).toEqual(shown.data);
    const rest = await walk(shown.links.next);
    const whole = await walk(`${linkage()}?page[size]=100`);
    expect([...shown.data, ...rest]).toEqual(whole);
    expect(shown.meta.page.total).toBe(whole.length);
    expect(whole.length).toBeGreaterThanOrEqual(MANY);
  });

  test('with cursors the rest is behind a cursor, and the profile is named [INC-12, CUR-15, CUR-25]', async () => {
    const { headers, body } = await app.platform.get(`${rowOf(type)}?include=${name}`, { Accept: CURSORS });
    const shown = body.data.relationships[name];
    expect([headers['content-type'], body.jsonapi.profile.length, body.links.self.type]).toEqual([CURSORS, 1, CURSORS]);
    expect(shown.links.next).toMatch(
      new RegExp(`^[^?]*/relationships/${name}\\?page\\[after\\]=[\\w-]+&page\\[size\\]=${MOST}$`),
    );
    const second = await app.platform.get(shown.links.next);
    expect(second.headers['content-type']).toBe(CURSORS);
    expect(identifiers((await get(second.body.links.prev)).data)).toEqual(shown.data);
    expect([...shown.data, ...(await walk(shown.links.next))]).toEqual(await walk(`${linkage()}?page[size]=100`));
  });

  test('is the same in a list, for each row its own [INC-11, INC-12]', async () => {
    const { data } = await get(`${pathOf(type)}?include=${name}&page[size]=100`);
    const totals = data.map((row: Body) => row.relationships[name].meta.page.total);
    expect(Math.max(...totals)).toBeGreaterThanOrEqual(MANY);
    const sample = data.find(({ id }: Body) => id === sampleOf(world, type));
    expect(sample).toEqual((await get(`${rowOf(type)}?include=${name}`)).data);
    for (const { relationships } of data as Body[]) {
      const { links, data: linked, meta } = relationships[name];
      expect([linked.length, links.next === null]).toEqual([Math.min(meta.page.total, MOST), meta.page.total <= MOST]);
    }
  });
});

describe('a list that is included', () => {
  test('has no next page when all of it is there: at 25 exactly, not at 26 [INC-12, CUR-16]', async () => {
    const { id } = await createOrganization(app.platform);
    await addMembers(app, id, MOST);
    const shown = async () => (await get(`${M}/organizations/${id}?include=members`)).data.relationships.members;
    expect(await shown()).toMatchObject({ links: { next: null }, meta: { page: { total: MOST } } });
    await addMembers(app, id, 1);
    const more = await shown();
    expect([more.data.length, more.meta.page.total]).toEqual([MOST, MOST + 1]);
    expect(await walk(more.links.next)).toHaveLength(1);
  });

  test('is cut two levels down as well, and by cursors on a page that cursors ask for [INC-12, CUR-25]', async () => {
    const deep = await get(`${rowOf('members')}?include=organization.members.user`);
    const [organization] = deep.included;
    const { links, data } = organization.relationships.members;
    expect([organization.type, data.length, links.next]).toEqual([
      'organizations',
      MOST,
      expect.stringContaining('page[number]=2'),
    ]);
    expect(deep.included.filter((each: Body) => each.type === 'users').length).toBeGreaterThanOrEqual(MOST - 1);
    const first = await get(`${M}/organizations?sort=createdAt&page[size]=1&include=members`, { Accept: CURSORS });
    const cut = first.data[0].relationships.members.links.next;
    expect(cut).toContain('page[after]=');
    const again = await app.platform.get(first.links.first);
    expect([again.headers['content-type'], again.body.data]).toEqual([CURSORS, first.data]);
  });

  test('is cut by cursors in the linkage and behind the related link of a to-one, and after POST and PATCH [CN-27]', async () => {
    const user = await createUser(app.platform);
    const made = membership(world.organization.id, user.id);
    const change = document('members', { externalId: 'cut' }, { id: sampleOf(world, 'members') });
    const headers = { Accept: CURSORS };
    for (const answer of [
      await app.platform.get(`${rowOf('members')}/relationships/organization?include=organization.members`, headers),
      await app.platform.get(`${rowOf('members')}/organization?include=members`, headers),
      await app.platform.post(`${S}/members?include=organization.members`, made, headers),
      await app.platform.patch(`${rowOf('members')}?include=organization.members`, change, headers),
    ]) {
      const shown = [answer.body.data, ...answer.body.included].find(
        (each) => each.relationships?.members?.data !== undefined,
      );
      expect([
        shown.relationships.members.links.next,
        answer.headers['content-type'],
        answer.body.jsonapi.profile,
      ]).toEqual([expect.stringContaining('page[after]='), CURSORS, [/"(.*)"/.exec(CURSORS)?.[1]]]);
    }
  });

  test('is whole where the row holds it: the roles of a member have no pages', async () => {
    const { data } = await get(`${rowOf('members')}?include=roles`);
    expect(Object.keys(data.relationships.roles.links).sort()).toEqual(['related', 'self']);
    expect(data.relationships.roles).not.toHaveProperty('meta');
  });
});

describe('how far an include may reach', () => {
  test.each([
    ['organizations?include=members&page[size]=100', 200],
    ['organizations?include=members.user,members.roles,users,apiKeys', 200],
    ['organizations?include=members.roles&page[size]=100', 200],
    ['organizations?include=members.organization.members&page[size]=4', 200],
    ['organizations?include=members.organization.members&page[size]=5', 400],
    ['organizations?include=members.organization.members', 400],
    ['organizations?include=owner,members.organization.members', 400],
    ['partners?include=organizations.users&page[limit]=4', 200],
    ['partners?include=organizations.users&page[limit]=5', 400],
    ['members?include=roles&page[size]=100', 200],
    ['members?include=user.organizations.users', 400],
  ])('%s is %i: 2,500 resources of one path at the most [INC-9]', async (query, expected) => {
    const [type = '', search] = query.split('?');
    const answer = await app.platform.get(`${pathOf(type)}?${search}`);
    expect(answer.status).toBe(expected);
    if (expected === 400) expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', 'include']]);
  });

  test.each([
    ['organizations', '?include=members.organization.members', 200],
    ['organizations', '?include=users.organizations.users', 400],
    ['organizations', '/members?include=user.organizations', 200],
    ['organizations', '/members?include=user.organizations.users', 400],
    ['organizations', '/members?include=user.organizations.users&page[size]=4', 200],
    ['organizations', '/relationships/members?include=members.user.organizations&page[size]=100', 200],
    ['organizations', '/relationships/users?include=users.organizations.users', 400],
    ['organizations', '/relationships/users?include=users.organizations.users&page[size]=4', 200],
    ['members', '/organization?include=members.user.organizations', 200],
    ['members', '/organization?include=users.organizations.users', 400],
    ['members', '/relationships/organization?include=organization.users.organizations', 200],
  ])('of one of the %s, %s is %i [INC-9]', async (type, rest, expected) => {
    expect((await app.platform.get(`${rowOf(type)}${rest}`)).status).toBe(expected);
  });
});

describe('statements beside authentication', () => {
  test.each(TYPES)('a list of %s costs one, whatever the size of the page, and two when it is empty', async (type) => {
    // Looks the key up, and notes its use.
    await app.platform.get(`${S}/roles`);
    for (const [query, most] of [
      ['page[size]=1', 1],
      ['page[size]=100', 1],
      [`sort=-id&filter[id][ne]=${NIL}`, 1],
      ['page[number]=1000', 2],
    ] as const) {
      const statements = await statementsOf(() => app.platform.get(`${pathOf(type)}?${query}`));
      // That the trail was read is told in it, in a transaction.
      expect([query, statements.length]).toEqual([query, type === 'auditEvents' ? most + 3 : most]);
    }
  });

  test.each([
    ['members', 'user', 2],
    ['members', 'user,roles', 3],
    ['members', 'user,roles,organization', 4],
    ['members', 'user,roles,organization,organization.owner', 5],
    ['members', 'user,roles,organization.owner,organization.partner', 6],
    ['organizations', 'owner,partner', 3],
    ['organizations', 'members', 2],
    ['organizations', 'members.user,members.roles', 4],
    ['partners', 'organizations.owner,apiKeys', 4],
  ])('a list of %s with include=%s costs %i: one more for each relationship', async (type, include, expected) => {
    for (const size of [1, 4, 25]) {
      const url = `${pathOf(type)}?include=${include}&page[size]=${size}&sort=createdAt`;
      const { length } = await statementsOf(() => app.platform.get(url));
      expect([size, length]).toEqual([size, expected]);
    }
  });

  test('two levels on 25 organizations cost four, for every caller', async () => {
    for (const client of [app.platform, world.partner]) {
      const url = `${M}/organizations?include=members.user,members.roles&page[size]=25`;
      await client.get(url);
      let body: Body;
      const statements = await statementsOf(async () => {
        body = (await client.get(url)).body;
      });
      expect([body.data.length, statements.length]).toEqual([25, 4]);
      expect(body.included.length).toBeGreaterThan(25);
    }
  });

  test('one resource costs one, what is related to it or its linkage one more, and 404 no more', async () => {
    for (const [path, expected] of [
      [rowOf('members'), 1],
      [`${rowOf('members')}/organization`, 2],
      [`${rowOf('organizations')}/members`, 2],
      [`${rowOf('organizations')}/members?include=user`, 3],
      [`${rowOf('organizations')}/relationships/members`, 2],
      [`${rowOf('organizations')}/relationships/owner`, 1],
      [`${S}/members/nope`, 0],
      [`${S}/members/nope/organization`, 0],
    ] as const) {
      expect([path, (await statementsOf(() => app.platform.get(path))).length]).toEqual([path, expected]);
    }
  });
});
