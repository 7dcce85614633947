import { type Answer, type Body, createOrganization, M, MEDIA_TYPE, S, startApp, type TestApp } from '../support/app';
import { isFullyLinked } from '../support/document';
import { CURSOR_TYPE, CURSORS, idsOf, marksOf, unmarked, walk } from './cursors';
import { buildWorld, pathOf, RELATIONSHIPS, sampleOf, type World } from './world';

const TO_MANY = RELATIONSHIPS.filter(([, , relationship]) => 'many' in relationship);
/** Lists that `include` brings the first twenty-five of. */
const CUT = TO_MANY.filter(
  ([, , relationship]) => 'many' in relationship && relationship.include === true && relationship.keys === undefined,
);

let app: TestApp;
let world: World;
/** Organizations with this many members. */
const team: Record<number, string> = {};
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  for (const count of [0, 1, 25, 26, 60]) {
    const { id } = await createOrganization(world.partner, { name: `Team of ${count}` });
    team[count] = id;
    await app.source.query(
      `with made as (insert into users (id, email, name) select gen_random_uuid(), gen_random_uuid() || '@example.com', 'of ${count}'
         from generate_series(1, $2::int) returning id), joined as (
       insert into members (id, organization_id, user_id, join_method, created_at)
       select gen_random_uuid(), $1, id, 'import', timestamptz '2026-01-01Z' + interval '1 day' * (row_number() over () % 7) from made returning id)
       insert into member_roles (member_id, role_id) select joined.id, r.id from joined, roles r where r.code = 'member'`,
      [id, count],
    );
  }
});
afterAll(() => app.close());

const get = (path: string): Promise<Answer> => app.platform.get(path, CURSORS);
const plain = (path: string) => app.platform.get(path);
const organization = (count: number) => `${M}/organizations/${team[count]}`;
const rowOf = (type: string) => `${pathOf(type)}/${sampleOf(world, type)}`;

describe.each(TO_MANY)('%s/{id}, %s', (type, name) => {
  test.each([
    ['the related list', (row: string) => `${row}/${name}`],
    ['the linkage', (row: string) => `${row}/relationships/${name}`],
  ])('%s is a page with cursors, and walked by them [CUR-2, CUR-15, CUR-21, CUR-25]', async (_title, pathFrom) => {
    const path = pathFrom(rowOf(type));
    const { headers, body } = await get(path);
    const numbered = (await plain(path)).body;
    expect([headers['content-type'], body.jsonapi.profile]).toEqual([CURSOR_TYPE, [expect.any(String)]]);
    expect(unmarked(body.data)).toEqual(numbered.data);
    expect(body.meta).toMatchObject({ total: numbered.meta.total, page: { total: numbered.meta.total } });
    expect([body.links.prev, body.links.next]).toEqual([null, null]);
    expect(body.links.related).toBe(numbered.links.related);
    const forward = await walk(get, `${path}?page[size]=1`);
    expect(forward.flatMap(idsOf)).toEqual(numbered.data.map(({ id }: Body) => id));
    const backward = await walk(get, body.links.last.replace(/page\[size\]=\d+/, 'page[size]=1'), 'prev');
    expect(backward.reverse().flatMap(idsOf)).toEqual(numbered.data.map(({ id }: Body) => id));
    for (const { body: each } of forward) for (const link of ['prev', 'next']) expect(each.links).toHaveProperty(link);
  });
});

describe('linkage of sixty', () => {
  const path = () => `${organization(60)}/relationships/members`;

  test('each identifier has its cursor, and any of them begins a page [CUR-2, CUR-21]', async () => {
    const pages = await walk(get, `${path()}?page[size]=25`);
    expect(pages.map(({ body }) => body.data.length)).toEqual([25, 25, 10]);
    const [ids, marks] = [pages.flatMap(idsOf), pages.flatMap(marksOf)];
    expect(pages[0]?.body.data[0]).toEqual({ type: 'members', id: ids[0], meta: { page: { cursor: marks[0] } } });
    expect(new Set(ids).size).toBe(60);
    for (const at of [0, 24, 31, 58]) {
      const after = await plain(`${path()}?page[after]=${marks[at]}&page[size]=3`);
      expect(idsOf(after)).toEqual(ids.slice(at + 1, at + 4));
    }
    const range = await plain(`${path()}?page[after]=${marks[3]}&page[before]=${marks[40]}`);
    expect([idsOf(range), range.body.meta.page]).toEqual([ids.slice(4, 40), { total: 60 }]);
  });

  test('sorted, filtered and with its resources it is walked all the same [FRL-7, FRL-8]', async () => {
    const query = 'sort=createdAt,-number&filter[joinMethod]=import&include=members.user&fields[users]=name';
    const pages = await walk(get, `${path()}?${query}&page[size]=20`);
    const whole = (await plain(`${organization(60)}/members?sort=createdAt,-number&page[size]=100`)).body.data;
    expect(pages.flatMap(idsOf)).toEqual(whole.map(({ id }: Body) => id));
    for (const { body } of pages) {
      expect(body.included).toHaveLength(2 * body.data.length);
      expect(isFullyLinked(body)).toBe(true);
    }
  });

  test('has a strong ETag with cursors as well', async () => {
    const { headers } = await get(path());
    expect((await app.platform.get(path(), { ...CURSORS, 'If-None-Match': headers.etag as string })).status).toBe(304);
    expect(headers.etag).not.toBe((await plain(path())).headers.etag);
  });
});

describe('a list that is included', () => {
  const included = async (count: number, ask = get) => {
    const answer = await ask(`${organization(count)}?include=members`);
    return { ...answer, members: answer.body.data.relationships.members };
  };

  test.each([
    [0, 0, false],
    [1, 1, false],
    [25, 25, false],
    [26, 25, true],
    [60, 25, true],
  ])(
    'of %i: the first %i, with prev, next and the total [INC-12, CUR-15, CUR-16, CUR-17, CUR-20, CUR-22]',
    async (count, shown, more) => {
      for (const ask of [get, plain]) {
        const { body, members } = await included(count, ask);
        expect([members.data.length, body.included.length, members.meta]).toEqual([
          shown,
          shown,
          { page: { total: count } },
        ]);
        expect(Object.keys(members.links).sort()).toEqual(['next', 'prev', 'related', 'self']);
        expect([members.links.prev, members.links.next !== null]).toEqual([null, more]);
        const list = (await plain(members.links.related)).body.data.slice(0, 25);
        expect(members.data).toEqual(list.map(({ type, id }: Body) => ({ type, id })));
        expect(isFullyLinked(body)).toBe(true);
      }
    },
  );

  test('goes on by its next link, in pages of linkage, to its end [CUR-2, REL-9]', async () => {
    for (const ask of [get, plain]) {
      const { members } = await included(60, ask);
      expect(members.links.next).toContain(`${organization(60)}/relationships/members?page[`);
      const rest = await walk(ask, members.links.next);
      const whole = (await plain(`${organization(60)}/relationships/members?page[size]=100`)).body.data;
      const bare = rest.flatMap(({ body }) => body.data).map(({ type, id }: Body) => ({ type, id }));
      expect([...members.data, ...bare]).toEqual(whole);
    }
  });

  test('says by its media type whether it goes on by cursors [CUR-25]', async () => {
    const asked = await included(60);
    expect([asked.headers['content-type'], asked.body.jsonapi.profile?.length]).toEqual([CURSOR_TYPE, 1]);
    expect(asked.members.links.next).toMatch(/\?page\[after\]=[\w-]+&page\[size\]=25$/);
    const numbered = await included(60, plain);
    expect([numbered.headers['content-type'], numbered.body.jsonapi]).toEqual([MEDIA_TYPE, { version: '1.1' }]);
    expect(numbered.members.links.next).toMatch(/\?page\[number\]=2&page\[size\]=25$/);
  });

  test('is cut for each row of a list, and below what is included [INC-11, INC-12]', async () => {
    const names = (ids: string[]) => `filter[id]=${ids.join()}`;
    const both = await get(`${M}/organizations?${names([team[26] as string, team[60] as string])}&include=members`);
    const totals = both.body.data.map(({ relationships }: Body) => relationships.members.meta.page.total);
    expect([totals.sort(), both.body.included.length]).toEqual([[26, 60], 50]);
    const [one] = (await plain(`${organization(60)}/users?page[size]=1`)).body.data;
    const { body } = await get(`${S}/users/${one.id}?include=organizations.members`);
    const [nested] = body.included.filter(({ type }: Body) => type === 'organizations');
    expect(body.data.relationships.organizations.meta).toEqual({ page: { total: 1 } });
    expect([nested.relationships.members.data.length, nested.relationships.members.meta]).toEqual([
      25,
      { page: { total: 60 } },
    ]);
    const next = await get(nested.relationships.members.links.next);
    expect([next.status, next.body.data.length]).toEqual([200, 25]);
  });

  test.each(CUT)('%s.%s has prev, next and a total', async (type, name) => {
    const { body } = await get(`${rowOf(type)}?include=${name}`);
    const { links, meta, data } = body.data.relationships[name];
    expect([Object.keys(links).sort(), links.prev, meta]).toEqual([
      ['next', 'prev', 'related', 'self'],
      null,
      { page: { total: data.length } },
    ]);
  });

  test('the cursor of its next link is that of the linkage, and of no other list [CUR-27]', async () => {
    const { members } = await included(60);
    const query = members.links.next.split('?')[1];
    for (const path of [`${organization(60)}/members`, `${organization(26)}/relationships/members`])
      expect((await get(`${path}?${query}`)).status).toBe(400);
  });
});
