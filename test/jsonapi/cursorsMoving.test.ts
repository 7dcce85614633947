import { type Answer, type Body, S, startApp, type TestApp } from '../support/app';
import { CURSORS, idsOf, marksOf } from './cursors';
import { buildWorld } from './world';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
  await buildWorld(app);
});
afterAll(() => app.close());

let lists = 0;
/** A list of its own: users `0`…`n - 1` in the order of their names, or with no names at all. */
async function users(count: number, name = "'n-' || to_char(n, 'FM000')"): Promise<string> {
  const group = `group${lists++}`;
  await app.source.query(
    `insert into users (id, email, name, created_at)
     select gen_random_uuid(), '${group}-' || to_char(n, 'FM000') || '@example.com', ${name}, timestamptz '2026-01-01Z' + n * interval '1 hour'
     from generate_series(0, $1::int - 1) n`,
    [count],
  );
  return `${S}/users?filter[email][startsWith]=${group}-`;
}
const get = (path: string): Promise<Answer> => app.platform.get(path, CURSORS);
const remove = (ids: readonly string[]) => app.source.query('delete from users where id = any($1)', [ids]);

describe.each([
  ['sort=email', 'email'],
  ['sort=-createdAt', 'created_at'],
  ['sort=name', 'name'],
  ['sort=name,-email', 'name'],
  ['sort=-name', 'name'],
])('with %s', (sort, column) => {
  test('the cursor’s row may go, and the places around it stay [CUR-11]', async () => {
    const path = `${await users(9)}&${sort}`;
    const whole = await get(path);
    const [ids, marks] = [idsOf(whole), marksOf(whole)];
    await remove([ids[4] as string]);
    expect(idsOf(await get(`${path}&page[after]=${marks[4]}&page[size]=2`))).toEqual(ids.slice(5, 7));
    expect(idsOf(await get(`${path}&page[before]=${marks[4]}&page[size]=2`))).toEqual(ids.slice(2, 4));
    await remove(ids.slice(3, 6));
    expect(idsOf(await get(`${path}&page[after]=${marks[4]}&page[size]=2`))).toEqual(ids.slice(6, 8));
    const between = await get(`${path}&page[after]=${marks[4]}&page[before]=${marks[8]}`);
    expect(idsOf(between)).toEqual(ids.slice(6, 8));
    await remove(ids);
    const nothing = await get(`${path}&page[after]=${marks[4]}`);
    expect([nothing.status, nothing.body.data, nothing.body.meta.total]).toEqual([200, [], 0]);
  });

  test('the cursor’s row may change, and the place stays where it was [CUR-11]', async () => {
    const path = `${await users(9)}&${sort}`;
    const whole = await get(path);
    const [ids, marks] = [idsOf(whole), marksOf(whole)];
    const other = { email: "'zzz' || email", created_at: "'2030-01-01'", name: "'zzz'" }[column];
    await app.source.query(`update users set ${column} = ${other} where id = $1`, [ids[4]]);
    const rest = (await get(`${path}&page[after]=${marks[4]}`)).body.data.map(({ id }: Body) => id);
    expect(rest.filter((id: string) => id !== ids[4])).toEqual(ids.slice(5));
    const before = idsOf(await get(`${path}&page[before]=${marks[4]}`));
    expect(before.filter((id) => id !== ids[4])).toEqual(ids.slice(0, 4));
  });
});

test('a value that becomes null or stops being null moves the row, not the place [CUR-11]', async () => {
  const path = `${await users(12, "case when n < 6 then 'n-' || n end")}&sort=name`;
  const whole = await get(path);
  const [ids, marks] = [idsOf(whole), marksOf(whole)];
  await app.source.query('update users set name = null where id = $1', [ids[2]]);
  await app.source.query("update users set name = 'n-0a' where id = $1", [ids[8]]);
  const after = idsOf(await get(`${path}&page[after]=${marks[2]}&page[size]=4`));
  expect(after).toEqual([ids[3], ids[4], ids[5], after[3]]);
  const all = idsOf(await get(path));
  expect(idsOf(await get(`${path}&page[before]=${marks[2]}`))).toEqual([ids[0], ids[8], ids[1]]);
  expect(idsOf(await get(`${path}&page[after]=${marks[8]}`))).toEqual(
    all.slice(all.indexOf(ids[5] as string) + 1).filter((id) => id > (ids[8] as string)),
  );
});

describe.each([
  ['sort=email', 'next'],
  ['sort=-email', 'next'],
  ['sort=name', 'next'],
  ['sort=-createdAt', 'prev'],
  ['sort=name', 'prev'],
] as const)('walking by %s, link %s', (sort, link) => {
  test('while rows come and go: each that stays is there once, in its order [PAG-9, CUR-8, CUR-9]', async () => {
    const path = `${await users(60, "case when n % 3 > 0 then 'n-' || n % 5 end")}&${sort}&page[size]=7`;
    const whole: string[] = [];
    for (let at: string | null = path; at !== null; ) {
      const answer: Answer = await get(at);
      whole.push(...idsOf(answer));
      at = answer.body.links.next;
    }
    const doomed = whole.filter((_id, i) => i % 4 === 1);
    const walked: string[] = [];
    let inserted = 0;
    for (let at: string | null = link === 'next' ? path : (await get(path)).body.links.last; at !== null; ) {
      const answer: Answer = await get(at);
      const page = idsOf(answer);
      walked.push(...(link === 'next' ? page : page.reverse()));
      // Behind and in front of the place, and the very row that the next cursor stands for.
      await remove([...doomed.splice(0, 1), ...doomed.splice(-1, 1)]);
      const group = /startsWith\]=(group\d+-)/.exec(path)?.[1];
      await app.source.query(
        `insert into users (id, email, name, created_at) select gen_random_uuid(), $1 || n || '-' || $2 || '@example.com',
           case when n > 1 then 'n-' || n end, timestamptz '2026-01-02Z' + n * interval '9 hours' from generate_series(0, 4) n`,
        [group, inserted++],
      );
      at = answer.body.links[link];
      expect(inserted).toBeLessThan(100);
    }
    expect(new Set(walked).size).toBe(walked.length);
    const left = new Set((await app.source.query('select id from users')).map(({ id }: { id: string }) => id));
    const stayed = whole.filter((id) => left.has(id));
    const expected = link === 'next' ? stayed : [...stayed].reverse();
    expect(walked.filter((id) => stayed.includes(id))).toEqual(expected);
    expect(stayed.length).toBeLessThan(whole.length);
  });
});

test('a row that is put in behind the last page is found by the cursor of its last row', async () => {
  const path = `${await users(3)}&sort=email`;
  const [, , last] = marksOf(await get(path));
  const after = `${path}&page[after]=${last}`;
  expect((await get(after)).body.data).toEqual([]);
  const group = /startsWith\]=(group\d+-)/.exec(path)?.[1];
  await app.source.query("insert into users (id, email) values (gen_random_uuid(), $1 || '999@example.com')", [group]);
  expect((await get(after)).body.data.map(({ attributes }: Body) => attributes.email)).toEqual([
    `${group}999@example.com`,
  ]);
});
