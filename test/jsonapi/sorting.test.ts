import { registry } from '../../src/resources';
import { type Body, createOrganization, createUser, document, M, S, startApp, type TestApp } from '../support/app';
import { addDeliveries } from '../support/deliveries';
import { addMoney } from './moneyRows';
import {
  addInvitations,
  addWebhookEndpoints,
  buildWorld,
  errorsOf,
  pathOf,
  sampleOf,
  TYPES,
  type World,
} from './world';

let app: TestApp;
let world: World;

const REFUSED = [['400', 'invalid_parameter', 'sort']];
/** Letters only, so that every collation agrees with JavaScript. */
const WORDS = ['delta', 'alpha', 'echo', 'bravo', 'alpha', 'charlie'];

/** Rows with ties and nulls in every column that can be sorted. */
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  for (const [i, word] of WORDS.entries()) {
    const optional = i % 3 === 0 ? {} : { externalId: `${word}${i}` };
    await createOrganization(app.platform, { name: word, ...(i % 2 === 0 ? {} : { countryCode: 'NL' }), ...optional });
    await createUser(app.platform, i % 2 === 0 ? {} : { name: word });
    await app.platform.post(`${M}/partners`, document('partners', { name: word, ...optional }));
    await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: word }));
    await app.platform.post(`${S}/accessTokens`, document('accessTokens'));
  }
  await addInvitations(app, world.organization.id, 5);
  await addWebhookEndpoints(app, world.organization.id, 5);
  await addDeliveries(app, world.delivered, 5);
  await addMoney(app, world.organization.id, 5);
  const time = "timestamptz '2026-01-01T00:00:00Z' + make_interval(days => n % 4)";
  const status = "status = case when n % 3 = 0 then 'suspended' else 'active' end";
  await spread('organizations', `created_at = ${time}, updated_at = ${time}, status_changed_at = ${time}, ${status}`);
  await spread('organizations', "kind = case when n % 2 = 0 then 'club' else 'business' end");
  await spread('users', `created_at = ${time}, updated_at = ${time}, ${status}`);
  await spread('members', `joined_at = ${time}, ${status}`);
  await spread('invitations', `created_at = ${time}, updated_at = ${time}, expires_at = ${time} + interval '9 years'`);
  await spread('webhook_deliveries', `created_at = ${time}`);
  await spread('webhook_attempts', `started_at = ${time}`);
  await spread('events', `occurred_at = ${time}`);
  await spread('webhook_endpoints', `created_at = ${time}, updated_at = ${time}`);
  await spread('api_keys', `expires_at = case when n % 3 = 0 then ${time} + interval '9 years' end`);
});
afterAll(() => app.close());

const sortable = (type: string) =>
  Object.entries(registry.get(type)?.attributes ?? {})
    .filter(([, { sort }]) => sort)
    .map(([name]) => name);
const all = async (type: string, sort = ''): Promise<Body[]> =>
  (await app.platform.get(`${pathOf(type)}?page[size]=100${sort}`)).body.data;
/** Sets columns of all rows by their number `n`. */
const spread = (table: string, set: string) =>
  app.source.query(`update ${table} t set ${set}
    from (select id, row_number() over (order by id)::int as n from ${table}) numbered where numbered.id = t.id`);
const idsOf = (rows: Body[]): string[] => rows.map(({ id }) => id);

/** Nulls come last when rising and first when falling: null is greater than every value. */
function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return (a as string) < (b as string) ? -1 : 1;
}
const value = (row: Body, field: string) => (field === 'id' ? row.id : row.attributes[field]);
/** What the keys mean, ties broken by id in the direction of the last key. */
function sorted(rows: Body[], keys: string): Body[] {
  const list = keys.split(',');
  if (!list.includes('id') && !list.includes('-id')) list.push(list.at(-1)?.startsWith('-') ? '-id' : 'id');
  return [...rows].sort((a, b) => {
    for (const key of list) {
      const field = key.replace('-', '');
      const order = compare(value(a, field), value(b, field)) * (key.startsWith('-') ? -1 : 1);
      if (order !== 0) return order;
    }
    return 0;
  });
}

const EVERY = TYPES.flatMap((type) =>
  [...sortable(type), 'id'].flatMap((name) => [
    [type, name],
    [type, `-${name}`],
  ]),
);

test.each(EVERY)('%s can be sorted by %s, ties by id [SRT-1, SRT-4, SRT-7]', async (type, key) => {
  const rows = await all(type);
  expect(rows.length).toBeGreaterThan(2);
  expect(idsOf(await all(type, `&sort=${key}`))).toEqual(idsOf(sorted(rows, key)));
});

test('rows with nulls and with ties are among those sorted', async () => {
  const rows = await all('organizations');
  expect(new Set(rows.map(({ attributes }) => attributes.externalId)).has(null)).toBe(true);
  expect(new Set(rows.map(({ attributes }) => attributes.name)).size).toBeLessThan(rows.length);
});

test.each([
  ['organizations', 'status,-createdAt'],
  ['organizations', '-status,kind,-name'],
  ['organizations', 'countryCode,-externalId'],
  ['organizations', '-countryCode,name,id'],
  ['users', 'status,-name'],
  ['members', '-status,-number'],
  ['members', 'status,joinedAt,-id'],
  ['apiKeys', '-expiresAt,name'],
  ['partners', 'name,-externalId'],
  ['roles', '-rank,code'],
])('%s by %s: keys apply from left to right [SRT-2]', async (type, keys) => {
  expect(idsOf(await all(type, `&sort=${keys}`))).toEqual(idsOf(sorted(await all(type), keys)));
});

test.each(TYPES)('%s without sort have a default order that is always the same [SRT-5]', async (type) => {
  const first = idsOf(await all(type));
  expect(idsOf(await all(type))).toEqual(first);
  expect(idsOf(await all(type, `&sort=${registry.get(type)?.defaultSort}`))).toEqual(first);
});

test('the default of lists is newest first', async () => {
  expect(idsOf(await all('organizations'))).toEqual(idsOf(await all('organizations', '&sort=-createdAt')));
});

test.each(['countryCode', '-countryCode', 'externalId', '-externalId', 'name', '-createdAt', '-status,externalId'])(
  'a walk in pages by %s meets each row once, nulls and ties too [SRT-7, PAG-3]',
  async (keys) => {
    const whole = idsOf(await all('organizations', `&sort=${keys}`));
    const walked: string[] = [];
    let next: string | null = `${M}/organizations?sort=${keys}&page[size]=2`;
    while (next !== null) {
      const { body }: Body = await app.platform.get(next);
      walked.push(...idsOf(body.data));
      next = body.links.next;
    }
    expect(walked).toEqual(whole);
  },
);

test('filters and sorting go together, also on the list of a relationship [SRT-8]', async () => {
  const related = world.organization.relationships.members.links.related;
  const { body } = await app.platform.get(`${related}?filter[number][gte]=2&sort=-joinedAt,number`);
  expect(body.data).toHaveLength(2);
  expect(idsOf(body.data)).toEqual(idsOf(sorted(body.data, '-joinedAt,number')));
});

describe.each(TYPES)('%s', (type) => {
  const unsortable = () =>
    Object.keys(registry.get(type)?.attributes ?? {}).filter((name) => !sortable(type).includes(name));

  test.each([
    ['an unknown name', 'nope'],
    ['the name in capitals [MEM-5]', 'CREATEDAT'],
    ['an empty value', ''],
    ['a dash alone', '-'],
    ['two dashes', '--createdAt'],
    ['a plus sign', '%2BcreatedAt'],
    ['a blank in front', ' createdAt'],
    ['a comma at the end', 'createdAt,'],
    ['a good key beside a bad one', 'createdAt,nope'],
    ['the name of a column', 'created_at'],
    ['a path [SRT-6]', 'organization.name'],
    ['a path through a list [SRT-6]', 'members.joinedAt'],
    ['a relationship', 'organization'],
    ['a hidden property', 'version'],
    ['a property of every object', 'constructor'],
    ['the prototype', '__proto__'],
    ['SQL', 'id;drop table users'],
    ['more than eight keys', Array(9).fill('createdAt').join()],
  ])('%s is 400 [SRT-3]', async (_title, keys) => {
    expect(errorsOf(await app.platform.get(`${pathOf(type)}?sort=${keys}`))).toEqual(REFUSED);
  });

  test('every attribute that is not for sorting is 400, secrets among them [SRT-3]', async () => {
    for (const name of unsortable())
      expect([name, errorsOf(await app.platform.get(`${pathOf(type)}?sort=${name}`))]).toEqual([name, REFUSED]);
  });

  test('one resource can’t be sorted [SRT-3]', async () => {
    const url = `${pathOf(type)}/${sampleOf(world, type)}?sort=createdAt`;
    expect(errorsOf(await app.platform.get(url))).toEqual(REFUSED);
  });
});
