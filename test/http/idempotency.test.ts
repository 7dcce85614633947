import { registry } from '../../src/resources';
import { ATOMIC, add, documentOf, OPERATIONS } from '../jsonapi/operations';
import { buildWorld, creationOf, errorsOf, pathOf, TYPES, type World } from '../jsonapi/world';
import {
  type Answer,
  type Client,
  createOrganization,
  document,
  M,
  MEDIA_TYPE,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { contentsOf } from '../support/contents';
import { freshKey, isReplay, keyed, recordsOf, twice } from './keyed';

const ORGANIZATIONS = `${M}/organizations`;

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = app.platform;
});
afterAll(() => app.close());

const user = (email = `${freshKey()}@example.com`) => document('users', { email });
const total = async (path: string) => (await platform.get(path)).body.meta.total;

/** What is new in every answer, a repetition too. */
const FRESH = ['x-request-id', 'date', 'connection', 'keep-alive'];
const lasting = ({ headers }: Answer) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !FRESH.includes(name)));

/** The second answer is the first one told again, and the second request did nothing. */
async function expectReplay(send: (headers: Record<string, string>) => Promise<Answer>, status: number): Promise<void> {
  const headers = keyed(freshKey());
  const first = await send(headers);
  expect([first.status, isReplay(first)]).toEqual([status, false]);
  const before = await contentsOf(app);
  const second = await send(headers);
  expect(await contentsOf(app)).toEqual(before);
  expect([second.status, second.text]).toEqual([first.status, first.text]);
  expect(lasting(second)).toEqual({ ...lasting(first), 'idempotent-replayed': 'true' });
  expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id']);
}

describe('the same request with the same key has one effect, and its answer is told again [INV-56, CRE-20]', () => {
  const ids = async () => (await createOrganization(platform)).id;

  test('POST of a resource', () => {
    const body = user();
    return expectReplay((headers) => platform.post(`${S}/users`, body, headers), 201);
  });

  test('PATCH', async () => {
    const id = await ids();
    const body = document('organizations', { kind: 'patched' }, { id });
    await expectReplay((headers) => platform.patch(`${ORGANIZATIONS}/${id}`, body, headers), 200);
  });

  test('DELETE: 204 again, where it would be 404 [DEL-3]', async () => {
    const id = await ids();
    await expectReplay((headers) => platform.delete(`${ORGANIZATIONS}/${id}`, headers), 204);
    expect((await platform.delete(`${ORGANIZATIONS}/${id}`)).status).toBe(404);
  });

  test('an action, which has no body', async () => {
    const id = await ids();
    await platform.delete(`${ORGANIZATIONS}/${id}`);
    await expectReplay((headers) => platform.post(`${ORGANIZATIONS}/${id}/restore`, undefined, headers), 200);
  });

  test('PATCH, POST and DELETE of linkage', async () => {
    const url = `${S}/members/${world.members[1].id}/relationships/roles`;
    const roles = (...codes: string[]) => ({
      data: codes.map((code) => ({ type: 'roles', id: world.roles[code].id })),
    });
    await expectReplay((headers) => platform.patch(url, roles('member'), headers), 200);
    await expectReplay((headers) => platform.post(url, roles('admin'), headers), 200);
    await expectReplay((headers) => platform.delete(url, headers, roles('member')), 200);
  });

  test('atomic operations', async () => {
    const body = documentOf({ op: 'add', data: user().data }, { op: 'add', data: user().data });
    await expectReplay((headers) => platform.post(OPERATIONS, body, { ...ATOMIC, ...headers }), 200);
  });

  test.each(TYPES.filter((type) => registry.get(type)?.operations.create !== undefined))('%s', async (type) => {
    const body = await creationOf(app, world, type);
    const before = await total(pathOf(type));
    const [first, second] = await twice((headers) => platform.post(pathOf(type), body, headers));
    expect([first.status, second.status, isReplay(second)]).toEqual([201, 201, true]);
    expect(second.body.data.id).toBe(first.body.data.id);
    expect(second.headers.location).toBe(first.headers.location);
    expect(await total(pathOf(type))).toBe(before + 1);
  });

  test('a tenth time as well as a second', async () => {
    const [body, headers] = [user(), keyed(freshKey())];
    const answers: Answer[] = [];
    for (let i = 0; i < 10; i++) answers.push(await platform.post(`${S}/users`, body, headers));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(isReplay)).toHaveLength(9);
  });
});

test('without a key every request is carried out, and nothing is kept', async () => {
  const before = await app.db.query('select count(*) from idempotency_records');
  const made = [await createOrganization(platform), await createOrganization(platform)];
  expect(made[0].id).not.toBe(made[1].id);
  expect(await app.db.query('select count(*) from idempotency_records')).toEqual(before);
});

test('GET and HEAD have no use for a key, good or bad', async () => {
  for (const key of [freshKey(), 'a b']) {
    const answer = await platform.get(`${S}/users`, keyed(key));
    expect([answer.status, isReplay(answer), await recordsOf(app, key)]).toEqual([200, false, []]);
    expect((await platform.head(`${S}/users`, keyed(key))).status).toBe(200);
  }
});

describe('the key', () => {
  const send = (key: string, body = user()) => platform.post(`${S}/users`, body, keyed(key));

  test('is the same bare and in double quotes [9.8]', async () => {
    const [key, body] = [freshKey(), user()];
    expect(isReplay(await send(key, body))).toBe(false);
    expect(isReplay(await send(`"${key}"`, body))).toBe(true);
    expect(await recordsOf(app, key)).toEqual([`POST ${S}/users 201`]);
  });

  test.each([
    ['one character', '!'],
    ['255 characters', 'k'.repeat(255)],
    ['255 characters in quotes', `"${'q'.repeat(255)}"`],
    ['every visible character', Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join('')],
    ['a comma', 'a,b'],
  ])('may be %s', async (_title, key) => {
    const body = user();
    expect((await send(key, body)).status).toBe(201);
    expect(isReplay(await send(key, body))).toBe(true);
  });

  test.each([
    ['nothing', ''],
    ['empty quotes', '""'],
    ['256 characters', 'k'.repeat(256)],
    ['256 characters in quotes', `"${'k'.repeat(256)}"`],
    ['a blank inside', 'a b'],
    ['a tab inside', 'a\tb'],
    ['a letter beyond ASCII', 'schl\u00fcssel'],
    ['two of them', 'first, second'],
  ])('may not be %s: 400, and nothing is done [9.8]', async (_title, key) => {
    const before = await contentsOf(app);
    expect(errorsOf(await send(key))).toEqual([['400', 'malformed_request', 'Idempotency-Key']]);
    const body = documentOf(add('users', user().data.attributes));
    const performed = await platform.post(OPERATIONS, body, { ...ATOMIC, ...keyed(key) });
    expect(errorsOf(performed)).toEqual([['400', 'malformed_request', 'Idempotency-Key']]);
    expect(await contentsOf(app)).toEqual(before);
  });

  test('is told apart by case', async () => {
    const [key, body] = [freshKey(), user()];
    await send(key, body);
    expect((await send(key.toUpperCase(), body)).status).toBe(409);
  });
});

describe('the same key', () => {
  const REUSED = [['422', 'idempotency_key_reused', 'Idempotency-Key']];

  /** Uses a key once, and then for what must not be taken for the same. */
  async function reuse(send: (headers: Record<string, string>) => Promise<Answer>, more = {}): Promise<Answer> {
    const key = freshKey();
    await platform.post(`${S}/users`, user(`${key}@example.com`), keyed(key));
    const before = await contentsOf(app);
    const answer = await send(keyed(key, more));
    expect(await contentsOf(app)).toEqual(before);
    return answer;
  }

  test('with another body is 422, and nothing is done [INV-56]', async () => {
    const answer = await reuse((headers) => platform.post(`${S}/users`, user(), headers));
    expect(errorsOf(answer)).toEqual(REUSED);
    expect(isReplay(answer)).toBe(false);
  });

  test('with a body that means the same in other bytes is 422: what was sent counts [INV-56]', async () => {
    const [key, body] = [freshKey(), user()];
    await platform.post(`${S}/users`, body, keyed(key));
    const answer = await platform.post(`${S}/users`, JSON.stringify(body, null, 1), keyed(key));
    expect(errorsOf(answer)).toEqual(REUSED);
  });

  test('with another query or content type is 422 [INV-56]', async () => {
    const [key, body] = [freshKey(), user()];
    await platform.post(`${S}/users`, body, keyed(key));
    expect(errorsOf(await platform.post(`${S}/users?fields[users]=email`, body, keyed(key)))).toEqual(REUSED);
    const profile = { 'Content-Type': `${MEDIA_TYPE};profile="https://example.com/x"` };
    expect(errorsOf(await platform.post(`${S}/users`, body, keyed(key, profile)))).toEqual(REUSED);
  });

  test('with a slash at the end of the path is the same request [contract 3]', async () => {
    const [key, body] = [freshKey(), user()];
    await platform.post(`${S}/users`, body, keyed(key));
    expect(isReplay(await platform.post(`${S}/users/`, body, keyed(key)))).toBe(true);
  });

  test('with other fields of the header is the same request: Accept, If-Match, X-Request-Id [4.16]', async () => {
    const [key, body] = [freshKey(), user()];
    const first = await platform.post(`${S}/users`, body, keyed(key));
    const more = { Accept: '*/*', 'If-Match': '"9.x"', 'X-Request-Id': 'another-request' };
    const second = await platform.post(`${S}/users`, body, keyed(key, more));
    expect([second.text, second.headers['x-request-id']]).toEqual([first.text, 'another-request']);
  });

  test('on another path, or with another method, is another request [4.16]', async () => {
    const key = freshKey();
    const { id } = await createOrganization(platform);
    const url = `${ORGANIZATIONS}/${id}`;
    const body = document('organizations', { name: 'Same' }, { id });
    expect((await platform.patch(url, body, keyed(key))).status).toBe(200);
    expect((await platform.delete(url, keyed(key), body)).status).toBe(204);
    expect((await platform.post(`${url}/restore`, undefined, keyed(key))).status).toBe(200);
    expect((await platform.post(ORGANIZATIONS, document('organizations', { name: 'Same' }), keyed(key))).status).toBe(
      201,
    );
    expect(await recordsOf(app, key)).toEqual([
      `DELETE ${url} 204`,
      `PATCH ${url} 200`,
      `POST ${ORGANIZATIONS} 201`,
      `POST ${url}/restore 200`,
    ]);
  });

  test('of another credential is another request: nobody learns what others did [INV-56, INV-18]', async () => {
    const key = freshKey();
    const body = document('organizations', { name: 'Mine' });
    const other = await app.partner();
    const answers: Answer[] = [];
    for (const client of [platform, world.partner, other]) {
      answers.push(await client.post(ORGANIZATIONS, body, keyed(key)));
    }
    expect(answers.map(isReplay)).toEqual([false, false, false]);
    expect(new Set(answers.map(({ body: { data } }) => data.id)).size).toBe(3);
  });
});
