import { registry } from '../../src/resources';
import {
  type Answer,
  type Body,
  createOrganization,
  document,
  link,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { addDeliveries } from '../support/deliveries';
import { isFullyLinked } from '../support/document';
import { addMoney } from './moneyRows';
import {
  addInvitations,
  addWebhookEndpoints,
  addWorkspaces,
  buildWorld,
  errorsOf,
  firstAttribute,
  membership,
  pathOf,
  RELATIONSHIPS,
  sampleOf,
  type World,
} from './world';

const TO_MANY = RELATIONSHIPS.filter(([, , relationship]) => 'many' in relationship);

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  // Two of everything that the world has one of.
  await addWorkspaces(app, world, 1);
  await addInvitations(app, world.organization.id, 1);
  await addWebhookEndpoints(app, world.organization.id, 1);
  await addDeliveries(app, world.delivered, 1);
  await addMoney(app, world.organization.id, 1);
  const second = await createOrganization(world.partner, { name: 'Second' });
  await world.partner.post(`${S}/members`, membership(second.id, world.owner.id));
  const relationships = { partner: link('partners', world.partner.id) };
  await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'Another' }, { relationships }));
});
afterAll(() => app.close());

const rowOf = (type: string) => `${pathOf(type)}/${sampleOf(world, type)}`;
const identifiers = (resources: Body[]) => resources.map(({ type, id }) => ({ type, id }));
const get = (path: string) => app.platform.get(path);

/** The data of all pages, from the first on by `next`. */
async function walk(path: string): Promise<Body[]> {
  const { body } = await get(path);
  return body.links.next === null ? body.data : [...body.data, ...(await walk(body.links.next))];
}

describe.each(TO_MANY)('%s/{id}/relationships/%s', (type, name, relationship) => {
  const linkage = () => `${rowOf(type)}/relationships/${name}`;
  const related = () => `${rowOf(type)}/${name}`;
  const other = registry.get(relationship.type);

  test('there is more than one, and no more than the totals say', async () => {
    const { body } = await get(linkage());
    expect(body.data.length).toBeGreaterThan(1);
    expect(body.meta).toMatchObject({ total: body.data.length, totalUnfiltered: body.data.length, currentPage: 1 });
  });

  test('is cut into pages as the related list is, with links that stay on the linkage [FRL-8, REL-9]', async () => {
    const whole = identifiers((await get(related())).body.data);
    expect(await walk(`${linkage()}?page[size]=1`)).toEqual(whole);
    const { links, data } = (await get(`${linkage()}?page[number]=2&page[size]=1`)).body;
    const at = (number: number) => `${linkage()}?page[number]=${number}&page[size]=1`;
    expect(data).toEqual([whole[1]]);
    expect(links).toEqual({
      self: at(2),
      related: related(),
      first: at(1),
      last: at(whole.length),
      prev: at(1),
      next: whole.length > 2 ? at(3) : null,
    });
  });

  test('takes offset and limit, and a page beyond the end is empty [PAG-1, FRL-8]', async () => {
    const whole = (await get(linkage())).body.data;
    expect((await get(`${linkage()}?page[offset]=1&page[limit]=1`)).body.data).toEqual([whole[1]]);
    const beyond = await get(`${linkage()}?page[number]=99`);
    expect([beyond.status, beyond.body.data, beyond.body.meta.total]).toEqual([200, [], whole.length]);
  });

  const sortable = [
    'id',
    ...Object.entries(other?.attributes ?? {}).flatMap(([field, { sort }]) => (sort ? [field] : [])),
  ];

  test.each(sortable)('is sorted by %s as the related list is, both ways [SRT-8, FRL-8]', async (field) => {
    for (const sort of [field, `-${field}`]) {
      const { data } = (await get(`${linkage()}?sort=${sort}`)).body;
      expect(data).toEqual(identifiers((await get(`${related()}?sort=${sort}`)).body.data));
    }
  });

  test('is filtered by what the others hold, and keeps the total of all [FRL-8]', async () => {
    const whole = (await get(linkage())).body.data;
    const { body } = await get(`${linkage()}?filter[id]=${whole[1].id}`);
    expect(body.data).toEqual([whole[1]]);
    expect(body.meta).toMatchObject({ total: 1, totalUnfiltered: whole.length });
    expect((await get(`${linkage()}?filter[id]=${NIL}`)).body).toMatchObject({ data: [], meta: { total: 0 } });
  });

  const isIncluded = relationship.include === true;

  if (isIncluded)
    test('include brings the resources of the page, in its order, and nothing else [FRL-7, INC-3, INC-11]', async () => {
      const query = `include=${name}&page[size]=1&page[number]=2`;
      const { status, body } = await get(`${linkage()}?${query}`);
      expect([status, body.data]).toEqual([200, (await get(`${linkage()}?page[size]=1&page[number]=2`)).body.data]);
      expect(body.included).toEqual((await get(`${related()}?page[size]=1&page[number]=2`)).body.data);
      expect(body.links.next ?? `include=${name}`).toContain(`include=${name}`);
      expect(isFullyLinked(body)).toBe(true);
    });

  const deeper = Object.entries(other?.relationships ?? {}).filter(([, { include }]) => include);

  if (isIncluded && deeper.length > 0)
    test.each(deeper.map(([below]) => below))(`include=${name}.%s brings both levels [FRL-7, CMP-4]`, async (below) => {
      const { body } = await get(`${linkage()}?include=${name}.${below}`);
      const expected = (await get(`${related()}?include=${below}`)).body;
      const keys = (list: Body[]) => list.map((each) => `${each.type} ${each.id}`).sort();
      expect(keys(body.included)).toEqual(keys([...expected.data, ...expected.included]));
      expect(isFullyLinked(body)).toBe(true);
    });

  test('an empty include brings an empty list [INC-2, INC-5]', async () => {
    const { body } = await get(`${linkage()}?include=`);
    expect([body.data.length > 1, body.included]).toEqual([true, []]);
  });

  if (isIncluded)
    test('fields are those of the included resources; identifiers have none [FRL-7, SPF-4]', async () => {
      const field = firstAttribute(relationship.type);
      const { body } = await get(`${linkage()}?include=${name}&fields[${relationship.type}]=${field}`);
      expect(body.data).toEqual((await get(linkage())).body.data);
      for (const { attributes, relationships } of body.included)
        expect([Object.keys(attributes), relationships]).toEqual([[field], undefined]);
      expect((await get(`${linkage()}?fields[${relationship.type}]=${field}`)).body.data).toEqual(body.data);
    });

  test.each([
    ['sort=nope', 'sort'],
    ['sort=organization.name', 'sort'],
    ['filter[nope]=1', 'filter[nope]'],
    ['include=nope', 'include'],
    [`include=${name}.nope`, 'include'],
    [`include=${name},nope`, 'include'],
    [`fields[${relationship.type}]=nope`, `fields[${relationship.type}]`],
    ['page[size]=0', 'page[size]'],
    ['page[number]=x', 'page[number]'],
    ['page[foo]=1', 'page[foo]'],
    ['withCapabilities=true', 'withCapabilities'],
    ['foo=1', 'foo'],
  ])('%s is 400 [INC-6, FLT-3, SRT-3, PAG-6, QRY-1]', async (query, parameter) => {
    expect(errorsOf(await get(`${linkage()}?${query}`))).toEqual([['400', 'invalid_parameter', parameter]]);
  });

  test('a path that begins with a relationship of the others is 400 [FRL-7]', async () => {
    const below = Object.keys(other?.relationships ?? {}).find((each) => each !== name) ?? 'organization';
    expect(errorsOf(await get(`${linkage()}?include=${below}`))).toEqual([['400', 'invalid_parameter', 'include']]);
  });

  test('a page that is too large is 400 [CUR-4]', async () => {
    const { status, body } = await get(`${linkage()}?page[size]=101`);
    expect([status, body.errors[0].code, body.errors[0].meta]).toEqual([
      400,
      'page_size_too_large',
      { page: { maxSize: 100 } },
    ]);
  });
});

test('resources that the caller may not read are not included with linkage that he may: 403 [CMP-6]', async () => {
  const relationships = { organization: link('organizations', world.organization.id) };
  const scopes = ['members:read'];
  const { body } = await app.platform.post(
    `${S}/apiKeys`,
    document('apiKeys', { name: 'Narrow', scopes }, { relationships }),
  );
  const narrow = app.as(body.data.attributes.secret);
  const at = (path: string): Promise<Answer> => narrow.get(`${rowOf('members')}/relationships/${path}`);
  expect((await at('roles')).status).toBe(200);
  for (const path of ['roles?include=roles', 'organization?include=organization', 'user?include=user.organizations'])
    expect([path, (await at(path)).body.errors[0].code]).toEqual([path, 'permission_denied']);
  expect((await at('user?include=user.members')).status).toBe(200);
});

test('who may not list roles sees which a member has, and neither filters nor sorts by what they hold', async () => {
  const scopes = ['members:read'];
  const { body } = await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'Narrow', scopes }));
  const narrow = app.as(body.data.attributes.secret);
  const roles = `${rowOf('members')}/relationships/roles`;
  expect((await narrow.get(`${roles}?page[size]=1`)).status).toBe(200);
  for (const query of ['filter[code]=admin', 'filter[rank][gt]=50', 'sort=name']) {
    const answer = await narrow.get(`${roles}?${query}`);
    expect([query, answer.status, answer.body.errors?.[0].meta]).toEqual([query, 403, { required: 'roles:read' }]);
  }
});
