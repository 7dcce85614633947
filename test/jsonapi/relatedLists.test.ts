import { registry } from '../../src/resources';
import {
  type Body,
  createOrganization,
  createUser,
  document,
  link,
  M,
  MEDIA_TYPE,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { addDeliveries, addDelivery, addEvents } from '../support/deliveries';
import { addMoney, addToTransaction } from './moneyRows';
import {
  addInvitations,
  addWebhookEndpoints,
  addWorkspaces,
  buildWorld,
  errorsOf,
  membership,
  pathOf,
  RELATIONSHIPS,
  sampleOf,
  type World,
} from './world';

const CURSORS = `${MEDIA_TYPE};profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination"`;
const LISTS = RELATIONSHIPS.filter(([, , each]) => 'many' in each);

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  await createUser(app.platform);
  // Three of everything at the least.
  for (const name of ['Second', 'Third']) {
    const { id } = await createOrganization(world.partner, { name });
    await app.platform.post(`${S}/members`, membership(id, world.owner.id));
    for (const relationships of [
      { partner: link('partners', world.partner.id) },
      { organization: link('organizations', world.organization.id) },
    ])
      await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name }, { relationships }));
  }
  await addWorkspaces(app, world, 2);
  await addInvitations(app, world.organization.id, 2);
  await addWebhookEndpoints(app, world.organization.id, 2);
  await addInvitations(app, world.other.id, 1);
  await addWebhookEndpoints(app, world.other.id, 1);
  await addEvents(app, world.organization.id, 2);
  await addDeliveries(app, world.delivered, 3);
  await addDelivery(app, world.other.id);
  for (const { id } of [world.organization, world.other]) await addMoney(app, id, 2);
  await addToTransaction(app, world, 1);
  const roles = ['owner', 'admin', 'member'].map((code) => ({ type: 'roles', id: world.roles[code].id }));
  await app.platform.patch(`${S}/members/${sampleOf(world, 'members')}/relationships/roles`, { data: roles });
});
afterAll(() => app.close());

const rowOf = (type: string) => `${pathOf(type)}/${sampleOf(world, type)}`;
const get = async (path: string, headers = {}): Promise<Body> => (await app.platform.get(path, headers)).body;
const idsOf = ({ data }: Body): string[] => data.map(({ id }: Body) => id);

/** Ids on all pages from this one on. */
async function walk(path: string, headers = {}): Promise<string[]> {
  const body = await get(path, headers);
  return body.links.next === null ? idsOf(body) : [...idsOf(body), ...(await walk(body.links.next))];
}

describe.each(LISTS)('the list %s/{id}/%s', (type, name, relationship) => {
  const url = () => `${rowOf(type)}/${name}`;
  const other = registry.get(relationship.type);

  test('has the totals and links of a list, which stay on it [FET-3, PAG-1]', async () => {
    const { data, meta, links } = await get(`${url()}?page[number]=2&page[size]=1&sort=id`);
    const whole = idsOf(await get(`${url()}?sort=id`));
    const at = (number: number) => `${url()}?sort=id&page[number]=${number}&page[size]=1`;
    expect(whole.length).toBeGreaterThan(2);
    expect(data.map(({ id }: Body) => id)).toEqual([whole[1]]);
    expect(meta).toEqual({
      total: whole.length,
      totalUnfiltered: whole.length,
      currentSize: 1,
      currentPage: 2,
      maxPage: whole.length,
    });
    const self = `${url()}?page[number]=2&page[size]=1&sort=id`;
    expect(links).toEqual({ self, first: at(1), last: at(whole.length), prev: at(1), next: at(3) });
  });

  test('is walked by number, by offset and by cursor, each row once [PAG-9, CUR-8]', async () => {
    const whole = idsOf(await get(url()));
    expect(await walk(`${url()}?page[size]=1`)).toEqual(whole);
    expect(await walk(`${url()}?page[limit]=2`)).toEqual(whole);
    expect(await walk(`${url()}?page[size]=1`, { Accept: CURSORS })).toEqual(whole);
  });

  const sortable = Object.keys(other?.attributes ?? {}).filter((field) => other?.attributes[field]?.sort);

  test('is sorted by whatever its type is sorted by, both ways [SRT-8]', async () => {
    const among = idsOf(await get(url()));
    for (const field of ['id', ...sortable]) {
      for (const sort of [field, `-${field}`]) {
        const all = idsOf(await get(`${pathOf(relationship.type)}?sort=${sort}&page[size]=100`));
        expect([sort, idsOf(await get(`${url()}?sort=${sort}`))]).toEqual([
          sort,
          all.filter((id) => among.includes(id)),
        ]);
      }
    }
  });

  test('is filtered, and counts what is there without the filter [FLT-1, FLT-7]', async () => {
    const whole = await get(url());
    const [{ id, attributes }] = whole.data;
    const one = await get(`${url()}?filter[id]=${id}`);
    expect([idsOf(one), one.meta.total, one.meta.totalUnfiltered]).toEqual([[id], 1, whole.data.length]);
    const time = ['createdAt', 'occurredAt', 'startedAt'].find((field) => field in attributes) as string;
    const until = encodeURIComponent(attributes[time]);
    expect((await get(`${url()}?filter[${time}][lt]=2020-01-01`)).data).toEqual([]);
    expect(idsOf(await get(`${url()}?filter[${time}][gte]=${until}`))).toContain(id);
    // What hangs on others is not found.
    const among = idsOf(whole);
    const outside = idsOf(await get(`${pathOf(relationship.type)}?page[size]=100`)).filter(
      (each) => !among.includes(each),
    );
    for (const each of outside) expect((await get(`${url()}?filter[id]=${each}`)).data).toEqual([]);
    // There are three roles, and this member has them all.
    if (relationship.type !== 'roles') expect(outside.length).toBeGreaterThan(0);
  });

  test.each([
    ['sort=nope', 'sort'],
    ['filter[nope]=1', 'filter[nope]'],
    ['page[size]=0', 'page[size]'],
    ['page[foo]=1', 'page[foo]'],
    ['foo=1', 'foo'],
    ['withCapabilities=true', 'withCapabilities'],
  ])('%s is 400 [QRY-1, SRT-3, FLT-3, PAG-6]', async (query, parameter) => {
    expect(errorsOf(await app.platform.get(`${url()}?${query}`))).toEqual([['400', 'invalid_parameter', parameter]]);
  });

  test('a cursor of another list is refused here, and the other way round [CUR-27]', async () => {
    const collection = pathOf(relationship.type);
    for (const [from, to] of [
      [url(), collection],
      [collection, url()],
      [url(), `${rowOf(type)}/relationships/${name}`],
    ] as const) {
      const { next } = (await get(`${from}?page[size]=1`, { Accept: CURSORS })).links;
      const answer = await app.platform.get(next.replace(from, to));
      expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', 'page[after]']]);
    }
  });
});

test('the seed’s link to the people of an organization shows them as its own path does', async () => {
  const { related, self } = world.organization.relationships.users.links;
  expect([related, self]).toEqual([
    `${S}/users?filter[organizationId]=${world.organization.id}`,
    `${rowOf('organizations')}/relationships/users`,
  ]);
  for (const sort of ['email', '-createdAt'])
    expect((await get(`${rowOf('organizations')}/users?sort=${sort}`)).data).toEqual(
      (await get(`${related}&sort=${sort}`)).data,
    );
});

test('what is hidden from lists is found by name here too: revoked keys, organizations that are being deleted', async () => {
  const revoked = document(
    'apiKeys',
    { name: 'Revoked' },
    { relationships: { organization: link('organizations', world.organization.id) } },
  );
  const key = (await app.platform.post(`${S}/apiKeys`, revoked)).body.data;
  await app.platform.delete(key.links.self);
  const keys = `${rowOf('organizations')}/apiKeys`;
  expect(idsOf(await get(keys))).not.toContain(key.id);
  expect(idsOf(await get(`${keys}?filter[status]=revoked`))).toEqual([key.id]);
  const { id } = await createOrganization(world.partner);
  await world.partner.delete(`${M}/organizations/${id}`);
  const organizations = `${rowOf('partners')}/organizations`;
  expect(idsOf(await get(organizations))).not.toContain(id);
  expect(idsOf(await get(`${organizations}?filter[status]=pending_deletion`))).toEqual([id]);
});
