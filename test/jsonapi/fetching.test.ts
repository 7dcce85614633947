import { allRoutes } from '../../src/controllers/routes';
import { endpoints } from '../../src/endpoints';
import { registry } from '../../src/resources';
import {
  type Answer,
  createOrganization,
  document,
  link,
  M,
  MEDIA_TYPE,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { ask, buildWorld, errorsOf, firstAttribute, pathOf, sampleOf, TYPES, type World } from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

const NOT_FOUND = [['404', 'not_found', undefined]];
const urlOf = (type: string, id = sampleOf(world, type)) => `${pathOf(type)}/${id}`;
/** What may differ between two answers to the same question. */
const VOLATILE = ['date', 'x-request-id', 'connection', 'content-length', 'ratelimit', 'transfer-encoding'];
const lasting = ({ headers }: Answer) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !VOLATILE.includes(name)));
/** The id of the error is the only thing in which two refusals differ. */
const withoutId = ({ status, body, headers }: Answer) => {
  expect(body.errors[0].id).toBe(headers['x-request-id']);
  return { status, body: { ...body, errors: body.errors.map((error: object) => ({ ...error, id: undefined })) } };
};

describe.each(TYPES)('%s', (type) => {
  test('a list and one resource are 200, and private [FET-2, FET-3, FET-4]', async () => {
    for (const path of [pathOf(type), urlOf(type)]) {
      const { status, headers } = await app.platform.get(path);
      expect([status, headers['content-type'], headers['cache-control']]).toEqual([
        200,
        MEDIA_TYPE,
        'private, no-cache',
      ]);
    }
  });

  test('a path with a slash at the end is the same', async () => {
    for (const path of [pathOf(type), urlOf(type)]) {
      const plain = await app.platform.get(path);
      const slashed = await app.platform.get(`${path}/`);
      expect([slashed.status, slashed.text, lasting(slashed)]).toEqual([200, plain.text, lasting(plain)]);
      const search = `?fields[${type}]=${firstAttribute(type)}`;
      expect((await app.platform.get(`${path}/${search}`)).text).toBe((await app.platform.get(path + search)).text);
    }
  });

  test.each([
    ['an id that no row has [FET-6]', NIL],
    ['an id that is no UUID [FET-7]', 'not-a-uuid'],
    ['an id that is a number [FET-7]', '1'],
    ['an id with a blank behind it [FET-7]', `${NIL}%20`],
    ['an id with a null character [FET-7]', '%00'],
    ['an id that is SQL [FET-7]', `${NIL}'%20or%20'1'='1`],
    ['an empty id', '/'],
  ])('%s is 404', async (_title, id) => {
    const { status, body, headers } = await app.platform.get(`${pathOf(type)}/${id}`);
    expect(status).toBe(404);
    expect(body.errors).toEqual([
      {
        id: headers['x-request-id'],
        status: '404',
        code: 'not_found',
        title: 'Not found',
        detail: id === '/' ? expect.any(String) : 'There is no such resource.',
      },
    ]);
  });

  test('an id in capitals is the same id, but for ids that are texts', async () => {
    const { status, body } = await app.platform.get(urlOf(type, sampleOf(world, type).toUpperCase()));
    const isText = registry.get(type)?.textIds === true;
    expect([status, body.data?.id]).toEqual(isText ? [404, undefined] : [200, sampleOf(world, type)]);
  });

  test('HEAD is GET without a body [FET-11]', async () => {
    for (const path of [pathOf(type), urlOf(type), `${urlOf(type)}?foo=1`, urlOf(type, NIL)]) {
      const got = await ask(app, 'GET', path);
      const { status, text, headers } = await ask(app, 'HEAD', path);
      expect([status, text, lasting({ headers } as Answer)]).toEqual([got.status, '', lasting(got)]);
      expect(headers['content-length']).toBe(got.headers['content-length']);
    }
  });

  test('a word behind an id that is no relationship or action is 404 [FET-9]', async () => {
    for (const word of ['nope', 'constructor', '__proto__', 'toString'])
      expect(errorsOf(await app.platform.get(`${urlOf(type)}/${word}`))).toEqual(NOT_FOUND);
  });
});

describe('methods', () => {
  const ALL = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS'];
  /** With the methods of endpoints at the same path. */
  const routes = allRoutes(registry).map(({ template, methods, kind }) => {
    const beside: string[] = endpoints.filter(({ path }) => path === template).map(({ method }) => method);
    const offered = ALL.filter((method) => methods.includes(method) || beside.includes(method));
    return [template, beside.length === 0 ? methods : offered, kind] as const;
  });
  /** An update that is not offered is 403 by the specification (UPD-9, RUP-12). */
  const updates: Record<string, string[]> = { resource: ['PATCH'], linkage: ['PATCH', 'POST', 'DELETE'] };
  const concrete = (template: string) => {
    const type = TYPES.find((each) => template.startsWith(pathOf(each))) ?? '';
    return template.replace('{id}', sampleOf(world, type));
  };

  test.each(routes)('OPTIONS %s tells the methods, also without a credential [FET-13]', async (template, methods) => {
    const { status, headers, text } = await app.anonymous.options(concrete(template));
    expect([status, headers.allow, text]).toEqual([204, methods.join(', '), '']);
    expect(methods).toContain('OPTIONS');
    expect(methods.includes('HEAD')).toBe(methods.includes('GET'));
  });

  test.each(routes)('a method that %s does not have is 405 with Allow [FET-12]', async (template, methods, kind) => {
    const path = concrete(template);
    const ask = { GET: 'get', POST: 'post', PUT: 'put', PATCH: 'patch', DELETE: 'delete' } as const;
    for (const [method, call] of Object.entries(ask)) {
      if (methods.includes(method)) continue;
      const answer = await app.platform[call](path);
      const expected = updates[kind]?.includes(method) ? 403 : 405;
      expect([method, answer.status, answer.headers.allow]).toEqual([method, expected, methods.join(', ')]);
      const code = expected === 405 ? 'method_not_allowed' : 'update_not_offered';
      expect(errorsOf(answer)).toEqual([[String(expected), code, undefined]]);
    }
  });

  test('the caller’s own page takes GET, HEAD and OPTIONS [FET-12, FET-13]', async () => {
    const allowed = 'GET, HEAD, OPTIONS';
    const options = await app.platform.options(`${S}/me`);
    expect([options.status, options.headers.allow]).toEqual([204, allowed]);
    const deleted = await app.platform.delete(`${S}/me`);
    expect([deleted.status, deleted.headers.allow]).toEqual([405, allowed]);
    const head = await ask(app, 'HEAD', `${S}/me/`);
    expect([head.status, head.text]).toEqual([200, '']);
  });
});

describe('what does not exist', () => {
  test.each([
    ['an unknown type', `${S}/nope`],
    ['a type in the wrong case', `${S}/Users`],
    ['a flat type inside management', `${M}/users`],
    ['the prefix alone', S],
    ['the root', '/'],
    ['another prefix', '/public/v3/users'],
    ['a path of JavaScript', `${S}/__proto__`],
    ['below the caller’s own page', `${S}/me/x`],
  ])('%s is a 404 document for every method [FET-15]', async (_title, path) => {
    for (const method of ['get', 'post', 'put', 'patch', 'delete', 'options'] as const)
      expect([method, errorsOf(await app.platform[method](path))]).toEqual([method, NOT_FOUND]);
    expect((await ask(app, 'HEAD', path)).status).toBe(404);
  });

  test.each([
    'relationships',
    'relationships/',
    'relationships/members/x',
    'members/x',
    '/members',
    'Members',
    'apikeys',
    'API-keys',
    '-api-keys',
    'members%2Fx',
  ])('%s below an organization is nothing [FET-9, FET-15]', async (rest) => {
    for (const method of ['get', 'post', 'patch', 'delete'] as const)
      expect(errorsOf(await app.platform[method](`${urlOf('organizations')}/${rest}`))).toEqual(NOT_FOUND);
  });

  test.each(['organizations', 'members', 'apiKeys', 'users'])(
    '%s of others look like missing ones [FET-10]',
    async (type) => {
      const stranger = await app.partner('Stranger');
      const missing = withoutId(await stranger.get(urlOf(type, NIL)));
      expect(missing.status).toBe(404);
      for (const path of [urlOf(type), `${urlOf(type)}?include=`]) {
        expect(withoutId(await stranger.get(path))).toEqual(missing);
      }
      const before = await app.platform.get(urlOf(type));
      expect(withoutId(await stranger.delete(urlOf(type)))).toMatchObject({ status: type === 'users' ? 405 : 404 });
      expect((await app.platform.get(urlOf(type))).text).toBe(before.text);
    },
  );
});

test('a credential without a right is told so only of what it sees; the rest is 404 [FET-10]', async () => {
  const relationships = { organization: link('organizations', world.organization.id) };
  const reader = { name: 'Reader', scopes: ['organizations:read', 'members:read', 'apiKeys:read'] };
  const made = await world.partner.post(`${S}/apiKeys`, document('apiKeys', reader, { relationships }));
  const client = app.as(made.body.data.attributes.secret);
  const outcome = ({ status, body }: Answer) => [status, body.errors[0].meta?.required];
  const patch = (id: string) => client.patch(urlOf('organizations', id), document('organizations', {}, { id }));
  expect(outcome(await patch(world.organization.id))).toEqual([403, 'organizations:update']);
  expect(outcome(await client.delete(urlOf('members')))).toEqual([403, 'members:remove']);
  expect(outcome(await client.delete(urlOf('apiKeys')))).toEqual([403, 'apiKeys:revoke']);
  const hidden = (await app.platform.get(`${S}/apiKeys?filter[level]=platform`)).body.data[0].id;
  for (const id of [world.other.id, NIL]) expect(outcome(await patch(id))).toEqual([404, undefined]);
  for (const id of [hidden, NIL, 'x'])
    expect(outcome(await client.delete(urlOf('apiKeys', id)))).toEqual([404, undefined]);
});

describe('conditional requests', () => {
  const url = () => urlOf('organizations');
  const tagOf = async (query = '') => (await app.platform.get(`${url()}${query}`)).headers.etag as string;

  test.each(TYPES)('one of the %s has a strong ETag that answers 304 without a body [FET-14]', async (type) => {
    const { headers } = await app.platform.get(urlOf(type));
    expect(headers.etag).toMatch(/^"[\x21\x23-\x7e]+"$/);
    const again = await app.platform.get(urlOf(type), { 'If-None-Match': headers.etag as string });
    expect([again.status, again.text, again.headers.etag]).toEqual([304, '', headers.etag]);
    expect(again.headers).toMatchObject({ vary: 'Accept', 'cache-control': 'private, no-cache' });
    expect(again.headers).not.toHaveProperty('content-type');
  });

  test.each([
    ['weak', (tag: string) => `W/${tag}`, 304],
    ['in a list', (tag: string) => `"a", W/"b" ,${tag}`, 304],
    ['a star', () => '*', 304],
    ['another', () => '"1.other"', 200],
    ['without its quotes', (tag: string) => tag.slice(1, -1), 200],
    ['empty', () => '', 200],
  ])('If-None-Match with a tag that is %s', async (_title, header, expected) => {
    const { status } = await app.platform.get(url(), { 'If-None-Match': header(await tagOf()) });
    expect(status).toBe(expected);
  });

  test('HEAD is answered 304 as well', async () => {
    expect((await ask(app, 'HEAD', url(), { 'If-None-Match': await tagOf() })).status).toBe(304);
  });

  test('each representation has a tag of its own', async () => {
    const asked = ['', '?include=owner', '?include=owner,partner', '?fields[organizations]=name', '?include='];
    const tags = await Promise.all(asked.map(tagOf));
    tags.push((await world.partner.get(url())).headers.etag as string);
    expect(new Set(tags).size).toBe(tags.length);
  });

  test('a change ends the tag', async () => {
    const { id } = await createOrganization(app.platform);
    const own = urlOf('organizations', id);
    const { etag = '' } = (await app.platform.get(own)).headers;
    const patched = await app.platform.patch(own, document('organizations', { kind: 'club' }, { id }));
    const after = await app.platform.get(own, { 'If-None-Match': etag });
    expect([after.status, after.headers.etag]).toEqual([200, patched.headers.etag]);
  });

  test('a change of what is included ends the tag', async () => {
    const query = '?include=owner';
    const tag = await tagOf(query);
    await app.source.query('update users set name = $1, version = version + 1 where id = $2', [
      'Olga II',
      world.owner.id,
    ]);
    expect((await app.platform.get(`${url()}${query}`, { 'If-None-Match': tag })).status).toBe(200);
  });

  test('the last use of a key changes what is shown of it, and so its tag', async () => {
    const made = await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'Used later' }));
    const own = urlOf('apiKeys', made.body.data.id);
    const unused = await app.platform.get(own);
    await app.as(made.body.data.attributes.secret).get(`${S}/roles`);
    await app.services.callers.drain();
    const used = await app.platform.get(own, { 'If-None-Match': unused.headers.etag as string });
    expect([unused.body.data.attributes.lastUsedAt, used.status]).toEqual([null, 200]);
    expect(used.body.data.attributes.lastUsedAt).not.toBeNull();
  });
});
