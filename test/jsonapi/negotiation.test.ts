import { ATOMIC } from '../../src/jsonapi/negotiate';
import { createUser, document, MEDIA_TYPE as JA, M, NIL, S, startApp, type TestApp } from '../support/app';
import { buildWorld, errorsOf, rowCounts, type World } from './world';

const NOPE = 'https://example.com/nope';
const CURSOR = 'https://jsonapi.org/profiles/ethanresnick/cursor-pagination';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

const user = (email = `${Math.random()}@example.com`) => document('users', { email });

describe('Accept', () => {
  test.each([
    ['no Accept gets JSON:API [CN-20]', undefined],
    ['an empty Accept is like none', ''],
    ['*/* gets JSON:API [CN-20]', '*/*'],
    ['application/* gets JSON:API [CN-20]', 'application/*'],
    ['a wildcard behind other types is enough', 'text/html, */*;q=0.1'],
    ['the media type itself', JA],
    ['a good instance beside one with a charset is enough [CN-13]', `${JA};charset=utf-8, ${JA}`],
    ['a good instance beside one with an unknown extension is enough [CN-16]', `${JA};ext="${NOPE}", ${JA}`],
    ['the order of the instances does not matter [CN-16]', `${JA}, ${JA};ext="${NOPE}"`],
    ['q is a weight, no parameter [CN-18]', `${JA};q=0.8`],
    ['what follows q belongs to the range, not to the media type', `${JA};q=0.8;charset=utf-8`],
    ['names match in any case [CN-22]', `Application/VND.API+JSON;PROFILE="https://example.com/x"`],
    ['separators inside quotes are text [CN-23]', `${JA};profile="https://example.com/a;b,c"`],
    ['an escaped quote does not end the text [CN-23]', `${JA};profile="https://example.com/\\";charset=\\"x"`],
    ['an ext without quotes is understood [CN-24]', `${JA};ext=${ATOMIC}`],
    ['an unknown profile is ignored [CN-25]', `${JA};profile="https://example.com/unknown"`],
    ['a supported extension that is not needed is left out [CN-33]', `${JA};ext="${ATOMIC}"`],
    ['blanks around separators do not matter', ` ${JA} ; profile="https://example.com/x" , text/html`],
  ])('%s → 200 without parameters', async (_title, accept) => {
    const { status, headers } = await app.platform.get(`${S}/roles`, accept === undefined ? {} : { Accept: accept });
    expect([status, headers['content-type']]).toEqual([200, JA]);
  });

  test.each([
    ['a charset makes 406 when no other instance is there [CN-14]', `${JA};charset=utf-8`],
    ['any other parameter does too [CN-14]', `${JA};version=1.1`],
    ['an unknown extension makes 406 [CN-15]', `${JA};ext="${NOPE}"`],
    ['an unknown extension beside a known one makes 406 [CN-15]', `${JA};ext="${ATOMIC} ${NOPE}"`],
    ['extension URIs match exactly [CN-22]', `${JA};ext="${ATOMIC.toUpperCase()}"`],
    ['every instance is bad in its own way [CN-17]', `${JA};x=1, ${JA};ext="${NOPE}"`],
    ['a wildcard does not save instances that are all bad', `${JA};charset=utf-8, */*`],
    ['q=0 excludes the media type [CN-19]', `${JA};q=0`],
    ['q=0 excludes it beside a wildcard too [CN-19]', `${JA};q=0, */*`],
    ['the more specific wildcard decides [CN-19]', 'application/*;q=0, */*'],
    ['text/html is not what we have [CN-21]', 'text/html'],
    ['application/json is not either [CN-21]', 'application/json'],
  ])('%s → 406 that names the header [CN-32]', async (_title, accept) => {
    const { status, body, headers } = await app.platform.get(`${S}/roles`, { Accept: accept });
    expect([status, headers['content-type']]).toEqual([406, JA]);
    expect(body).toEqual({
      errors: [
        {
          id: headers['x-request-id'],
          status: '406',
          code: 'not_acceptable',
          title: 'Not acceptable',
          detail: `Answers are ${JA}, with no parameter but ext and profile.`,
          source: { header: 'Accept' },
        },
      ],
      jsonapi: { version: '1.1' },
    });
  });

  test('what can’t be answered is not done [CN-14]', async () => {
    const before = await rowCounts(app);
    const answers = [
      await app.platform.post(`${S}/users`, user(), { Accept: 'text/html' }),
      await app.platform.delete(`${S}/members/${world.members[2].id}`, { Accept: `${JA};charset=utf-8` }),
      await app.platform.get(`${S}/me`, { Accept: 'text/html' }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([406, 406, 406]);
    expect(await rowCounts(app)).toEqual(before);
  });
});

describe('Content-Type', () => {
  test.each([
    ['the media type', JA],
    ['in any case [CN-22]', 'Application/Vnd.Api+Json'],
    ['a profile never matters, known or not [CN-8]', `${JA};profile="https://example.com/unknown ${CURSOR}"`],
    ['an empty ext names no extension', `${JA};ext=""`],
  ])('%s → 201', async (_title, type) => {
    const { status, headers } = await app.platform.post(`${S}/users`, user(), { 'Content-Type': type });
    expect([status, headers['content-type']]).toEqual([201, JA]);
  });

  const REFUSED: [string, string][] = [
    ['a charset [CN-4]', `${JA};charset=utf-8`],
    ['an unknown parameter [CN-5]', `${JA};version=1`],
    ['an unknown extension [CN-6]', `${JA};ext="${NOPE}"`],
    ['a known extension beside an unknown one [CN-7]', `${JA};ext="${ATOMIC} ${NOPE}"`],
    ['an extension that this endpoint does not apply', `${JA};ext="${ATOMIC}"`],
    ['a charset beside a profile [CN-4]', `${JA};profile="https://example.com/x";charset=utf-8`],
    ['plain JSON [CN-9]', 'application/json'],
    ['a form [CN-9]', 'application/x-www-form-urlencoded'],
    ['no type at all [CN-10]', ''],
  ];
  const error = (id: string | undefined) => ({
    id,
    status: '415',
    code: 'unsupported_media_type',
    title: 'Unsupported media type',
    detail: `Send ${JA}, with no parameter but ext and profile.`,
    source: { header: 'Content-Type' },
  });

  test.each(REFUSED)('%s on POST → 415 that names the header, and nothing is written [CN-32]', async (_title, type) => {
    const before = await rowCounts(app);
    const { status, body, headers } = await app.platform.post(`${S}/users`, user(), { 'Content-Type': type });
    expect([status, headers['content-type']]).toEqual([415, JA]);
    expect(body.errors).toEqual([error(headers['x-request-id'])]);
    expect(await rowCounts(app)).toEqual(before);
  });

  test.each(REFUSED)('%s on PATCH → 415, and nothing is written [CN-11]', async (_title, type) => {
    const path = `${M}/organizations/${world.organization.id}`;
    const change = document('organizations', { name: 'Changed' }, { id: world.organization.id });
    expect((await app.platform.patch(path, change, { 'Content-Type': type })).status).toBe(415);
    expect((await app.platform.get(path)).body.data.attributes.name).toBe('Acme');
  });

  test('a DELETE with a body is held to the same rules [CN-11, DEL-4]', async () => {
    const path = `${S}/members/${world.members[2].id}`;
    const body = { data: { type: 'members', id: world.members[2].id } };
    const refused = await app.platform.delete(path, { 'Content-Type': `${JA};a=b` }, body);
    expect(errorsOf(refused)).toEqual([['415', 'unsupported_media_type', 'Content-Type']]);
    expect((await app.platform.get(path)).status).toBe(200);
    expect((await app.platform.delete(path, {}, body)).status).toBe(204);
    expect((await app.platform.get(path)).status).toBe(404);
  });

  test.each([JA, 'application/json', `${JA};charset=utf-8`])('%s without a body is harmless [CN-12]', async (type) => {
    const headers = { 'Content-Type': type };
    const { id } = await createUser(app.platform);
    expect((await app.platform.get(`${S}/users`, headers)).status).toBe(200);
    expect((await app.platform.get(`${S}/users/${id}`, headers)).status).toBe(200);
    expect((await app.platform.delete(`${S}/apiKeys/${NIL}`, headers)).status).toBe(404);
  });
});

describe('every answer', () => {
  const organization = () => `${M}/organizations/${world.organization.id}`;
  const change = (attributes: object) => document('organizations', attributes, { id: world.organization.id });
  const tooLarge = () => JSON.stringify(document('users', { name: 'x'.repeat(1_048_576) }));

  test.each([
    [200, () => app.platform.get(`${S}/roles`)],
    [200, () => app.platform.get(`${S}/me`)],
    [200, () => app.platform.get(organization())],
    [200, () => app.platform.patch(organization(), change({ kind: 'club' }))],
    [201, () => app.platform.post(`${S}/users`, user())],
    [204, () => app.platform.options(organization())],
    [204, () => app.platform.options(`${S}/me`)],
    [304, () => app.platform.get(organization(), { 'If-None-Match': '*' })],
    [304, () => app.platform.get(`${S}/me`, { 'If-None-Match': '*' })],
    [400, () => app.platform.get(`${S}/roles?foo=1`)],
    [400, () => app.platform.post(`${S}/users`, '{')],
    [401, () => app.anonymous.get(`${S}/roles`)],
    [403, () => app.platform.patch(`${S}/permissions/members:read`, {})],
    [404, () => app.platform.get(`${S}/users/${NIL}`)],
    [404, () => app.platform.get(`${S}/nope`)],
    [405, () => app.platform.put(`${S}/roles`)],
    [406, () => app.platform.get(`${S}/roles`, { Accept: 'text/html' })],
    [409, () => app.platform.post(`${S}/users`, document('roles'))],
    [412, () => app.platform.patch(organization(), change({}), { 'If-Match': '"0.x"' })],
    [413, () => app.platform.post(`${S}/users`, tooLarge())],
    [414, () => app.platform.get(`${S}/roles?filter[name]=${'x'.repeat(9000)}`)],
    [415, () => app.platform.post(`${S}/users`, user(), { 'Content-Type': 'text/plain' })],
    [422, () => app.platform.post(`${S}/users`, document('users'))],
  ])(
    '%i varies by Accept, and is JSON:API without charset when it has a body [CN-1, CN-2, CN-3, CN-30]',
    async (expected, ask) => {
      const { status, headers, text } = await ask();
      expect(status).toBe(expected);
      expect((headers.vary ?? '').split(/ *, */)).toContain('Accept');
      expect(headers['content-type']).toBe(text === '' ? undefined : JA);
      expect(headers['x-request-id']).toMatch(/^[\w-]{8,64}$/);
    },
  );

  test('a 204 after DELETE varies by Accept and has no Content-Type [CN-30]', async () => {
    const { status, headers, text } = await app.platform.delete(`${S}/apiKeys/${world.apiKey.id}`);
    expect([status, headers.vary, headers['content-type'], text]).toEqual([204, 'Accept', undefined, '']);
  });

  test('a profile that no answer of ours applies is not claimed [CN-25]', async () => {
    const accept = { Accept: `${JA};profile="https://example.com/unknown"` };
    const { headers, body } = await app.platform.get(`${S}/roles`, accept);
    expect(headers['content-type']).not.toContain('profile');
    expect(body.jsonapi).toEqual({ version: '1.1' });
  });
});
