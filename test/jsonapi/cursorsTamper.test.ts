import {
  type Answer,
  type Client,
  createOrganization,
  document,
  link,
  M,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { CURSORS, idsOf, marksOf } from './cursors';
import { buildWorld, errorsOf, type World } from './world';

const ORGANIZATIONS = `${M}/organizations`;
const KEYS = ['after', 'before'] as const;

let app: TestApp;
let world: World;
let cursor: string;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  await createOrganization(world.partner, { name: 'Second' });
  [cursor = ''] = marksOf(await world.partner.get(ORGANIZATIONS, CURSORS));
});
afterAll(() => app.close());

const refusal = (key: string) => [['400', 'invalid_parameter', `page[${key}]`]];
const separator = (path: string) => (path.includes('?') ? '&' : '?');
const use = (mark: string, path = ORGANIZATIONS, key = 'after', client: Client = world.partner): Promise<Answer> =>
  client.get(`${path}${separator(path)}page[${key}]=${encodeURIComponent(mark)}`);

/** Everybody may look into a cursor; nobody may change it. */
async function expectRefused(mark: string): Promise<void> {
  for (const key of KEYS) {
    const answer = await use(mark, ORGANIZATIONS, key);
    expect([mark, errorsOf(answer)]).toEqual([mark, refusal(key)]);
  }
}

describe('a cursor that is not ours', () => {
  test('as it was given it works, for both parameters', async () => {
    for (const key of KEYS) expect((await use(cursor, ORGANIZATIONS, key)).status).toBe(200);
  });

  test('with any one character changed [CUR-7, CUR-27]', async () => {
    for (let i = 0; i < cursor.length; i++) {
      const other = cursor[i] === 'A' ? 'B' : 'A';
      await expectRefused(`${cursor.slice(0, i)}${other}${cursor.slice(i + 1)}`);
    }
  });

  test('with any one bit of its bytes changed [CUR-7, CUR-27]', async () => {
    const bytes = Buffer.from(cursor, 'base64url');
    for (let i = 0; i < bytes.length; i++) {
      const flipped = Buffer.from(bytes);
      flipped[i] = (flipped[i] as number) ^ (1 << (i % 8));
      await expectRefused(flipped.toString('base64url'));
    }
  });

  test('cut at any place, or at the beginning [CUR-7, CUR-27]', async () => {
    for (let length = 0; length < cursor.length; length++) await expectRefused(cursor.slice(0, length));
    for (const from of [1, 2, 3, 4, 20]) await expectRefused(cursor.slice(from));
  });

  test.each([
    ['longer by a character', () => `${cursor}A`],
    ['longer by many', () => cursor + 'A'.repeat(4000)],
    ['twice', () => cursor + cursor],
    ['with padding', () => `${cursor}=`],
    ['with a blank behind it', () => `${cursor} `],
    ['with a comma', () => `${cursor},${cursor}`],
    ['in capitals', () => cursor.toUpperCase()],
    ['garbage', () => 'garbage'],
    ['an id', () => world.organization.id],
    ['a number', () => '1'],
    ['no base64', () => '!!!'],
    ['text beyond ASCII', () => 'ü→🙂'],
    ['JSON', () => '["2026-01-01","x"]'],
    ['unsigned JSON', () => Buffer.from('["2026-01-01","x"]').toString('base64url')],
    ['an empty signature and JSON', () => Buffer.concat([Buffer.alloc(16), Buffer.from('[]')]).toString('base64url')],
    ['SQL', () => "' or 1=1 --"],
  ])('%s [CUR-7, CUR-27]', async (_title, make) => {
    await expectRefused(make());
  });

  test('a list of them, or one twice, is no parameter there is', async () => {
    for (const query of [
      `page[after][]=${cursor}`,
      `page[after]=${cursor}&page[after]=${cursor}`,
      `page[after][x]=${cursor}`,
    ])
      expect((await world.partner.get(`${ORGANIZATIONS}?${query}`)).status).toBe(400);
  });
});

describe('a cursor of another list', () => {
  test.each([
    ['another sorting', () => `${ORGANIZATIONS}?sort=createdAt`],
    ['more sorting', () => `${ORGANIZATIONS}?sort=-createdAt,name`],
    ['a filter', () => `${ORGANIZATIONS}?filter[status]=active`],
    ['another type', () => `${S}/users`],
    ['a related list', () => `${M}/partners/${world.partner.id}/organizations`],
    ['the linkage of it', () => `${M}/partners/${world.partner.id}/relationships/organizations`],
  ])('with %s is 400 [CUR-27]', async (_title, path) => {
    const [own] = marksOf(await app.platform.get(ORGANIZATIONS, CURSORS));
    for (const key of KEYS) expect(errorsOf(await use(own as string, path(), key, app.platform))).toEqual(refusal(key));
  });

  test('of a filter with another value, another operator or one more is 400 [CUR-27]', async () => {
    const at = (filter: string) => `${ORGANIZATIONS}?${filter}`;
    const [own = ''] = marksOf(await world.partner.get(at('filter[name]=Acme'), CURSORS));
    expect((await use(own, at('filter[name]=Acme'))).status).toBe(200);
    for (const filter of [
      'filter[name]=Second',
      'filter[name][ne]=Acme',
      'filter[name]=Acme&filter[kind]=business',
      '',
    ])
      expect(errorsOf(await use(own, filter === '' ? ORGANIZATIONS : at(filter)))).toEqual(refusal('after'));
  });

  test('of the members of another organization is 400 [CUR-27]', async () => {
    const linkage = (id: string) => `${ORGANIZATIONS}/${id}/relationships/members`;
    const [own = ''] = marksOf(await app.platform.get(linkage(world.organization.id), CURSORS));
    expect((await use(own, linkage(world.organization.id), 'after', app.platform)).status).toBe(200);
    expect(errorsOf(await use(own, linkage(world.other.id), 'after', app.platform))).toEqual(refusal('after'));
  });

  test.each<[string, () => Promise<Client> | Client]>([
    ['the platform', () => app.platform],
    ['another partner', () => app.partner('Other')],
    ['an organization of this one', () => world.key],
  ])('of a partner used by %s is 400 [CUR-27]', async (_title, client) => {
    expect(errorsOf(await use(cursor, ORGANIZATIONS, 'after', await client()))).toEqual(refusal('after'));
  });

  test('of one organization used by another is 400 [CUR-27]', async () => {
    const other = app.as((await createOrganization(app.platform)).attributes.token);
    const [own = ''] = marksOf(await world.key.get(`${S}/roles`, CURSORS));
    expect((await use(own, `${S}/roles`, 'after', world.key)).status).toBe(200);
    expect(errorsOf(await use(own, `${S}/roles`, 'after', other))).toEqual(refusal('after'));
  });
});

describe('what a cursor is not bound to', () => {
  test.each([
    ['the size', '?page[size]=1'],
    ['the fields', '?fields[organizations]=name'],
    ['what is included', '?include=owner'],
    ['the default sorting by name', '?sort=-createdAt'],
    ['a slash behind the path', '/?'],
  ])('%s [CUR-27]', async (_title, query) => {
    const whole = idsOf(await world.partner.get(ORGANIZATIONS));
    const answer = await use(cursor, `${ORGANIZATIONS}${query}`);
    expect([answer.status, idsOf(answer)]).toEqual([200, whole.slice(1, 2)]);
  });

  test('the order in which filters stand, and how they are encoded', async () => {
    const [one, two] = ['filter[kind]=business', 'filter[status]=active'];
    const [own = ''] = marksOf(await world.partner.get(`${ORGANIZATIONS}?${one}&${two}`, CURSORS));
    for (const query of [`${two}&${one}`, `${one}&${two.replace('[', '%5B').replace(']', '%5D')}`])
      expect((await use(own, `${ORGANIZATIONS}?${query}`)).status).toBe(200);
  });

  test('the key: another one of the same caller goes on', async () => {
    const relationships = { organization: link('organizations', world.organization.id) };
    const made = await world.partner.post(`${S}/apiKeys`, document('apiKeys', { name: 'Second' }, { relationships }));
    const [own = ''] = marksOf(await world.key.get(`${S}/roles`, CURSORS));
    const second = app.as(made.body.data.attributes.secret);
    expect((await use(own, `${S}/roles`, 'after', second)).status).toBe(200);
  });

  test('the kebab-case path [RCM-2]', async () => {
    const [own = ''] = marksOf(await world.partner.get(`${S}/apiKeys`, CURSORS));
    expect((await use(own, `${S}/api-keys`)).body).toEqual({
      ...(await use(own, `${S}/apiKeys`)).body,
    });
  });
});
