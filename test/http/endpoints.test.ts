import { serveEndpoints } from '../../src/controllers/endpoints';
import { resources } from '../../src/controllers/resources';
import { OPERATIONS } from '../../src/permissions';
import { registry } from '../../src/resources';
import { errorsOf } from '../jsonapi/world';
import {
  type Client,
  createOrganization,
  document,
  link,
  MEDIA_TYPE,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { mounted, type Send } from '../support/mounted';
import { ANONYMOUS, GREET, LIST, last } from './echo';

let app: TestApp;
let send: Send;
const logLines: Record<string, unknown>[] = [];
beforeAll(async () => {
  app = await startApp();
  const { services } = app;
  send = mounted(app, [serveEndpoints(services, LIST, registry), resources(services, registry)], logLines);
});
afterAll(() => app.close());
beforeEach(() => {
  last.given = undefined;
});

const introduction = (attributes: unknown, more = {}) => ({ data: { type: 'introductions', attributes, ...more } });

/** A key with these scopes of a new organization, and its organization's URL. */
async function keyOf(scopes: string[]): Promise<{ Authorization: string; url: string; maker: Client }> {
  const { id, links } = await createOrganization(app.platform);
  const relationships = { organization: link('organizations', id) };
  const body = document('apiKeys', { name: 'K', scopes }, { relationships });
  const { secret } = (await app.platform.post(`${S}/apiKeys`, body)).body.data.attributes;
  return { Authorization: secret, url: links.self, maker: app.platform };
}

describe('paths', () => {
  test.each([
    ['post', `${S}/users/new`, 201],
    ['post', `${S}/users/new/`, 201],
    ['post', GREET, 202],
    ['post', `${S}/users/inv_1/helloWorld`, 200],
    ['post', `${S}/users/inv_1/hello-world/`, 200],
    ['post', `${S}/users/%69nv_1/helloWorld`, 200],
    ['get', `${S}/users/inv_1`, 200],
    ['head', `${S}/users/inv_1`, 200],
    ['post', `${S}/users/other/helloWorld`, 404],
    ['get', `${S}/users/xinv_1`, 404],
    ['post', `${S}/users/not-a-uuid/greet`, 404],
    ['post', `${S}/users//greet`, 404],
    ['post', `${S}/users/inv_1/helloWorld/x`, 404],
    ['get', `${S}/users/inv_%ff`, 400],
  ] as const)('%s %s → %i', async (method, path, status) => {
    expect((await send(method, path)).status).toBe(status);
  });

  test('what is not an endpoint’s goes on to the resource types, at the same path too', async () => {
    expect((await send('get', `${S}/users`)).status).toBe(200);
    const { body } = await send('get', `${S}/roles`);
    expect((await send('get', `${S}/roles/${body.data[0].id}`)).status).toBe(200);
    expect((await send('patch', `${S}/users/${NIL}`, document('users', {}, { id: NIL }))).status).not.toBe(405);
  });

  test.each([
    [`${S}/users/new`, 'put', 405, 'POST, OPTIONS'],
    [GREET, 'get', 405, 'POST, DELETE, OPTIONS'],
    [`${S}/users/inv_1`, 'delete', 405, 'GET, HEAD, OPTIONS'],
    [`${S}/users`, 'patch', 405, 'GET, HEAD, POST, OPTIONS'],
  ] as const)('%s refuses %s, and tells its methods with OPTIONS', async (path, method, status, allow) => {
    const refused = await send(method, path, undefined, ANONYMOUS);
    expect([refused.status, refused.headers.allow]).toEqual([status, allow]);
    const options = await send('options', path, undefined, ANONYMOUS);
    expect([options.status, options.headers.allow, options.text]).toEqual([204, allow, '']);
  });

  test('ids are in lower case, and the address is the client’s', async () => {
    await send('post', GREET.toUpperCase().replace('/PUBLIC/V2/USERS', `${S}/users`).replace('GREET', 'greet'));
    expect([last.given?.params, last.given?.address]).toEqual([{ id: NIL }, expect.stringContaining('127.0.0.1')]);
  });

  test('the log and the measurements have the template', async () => {
    logLines.length = 0;
    await send('post', `${S}/users/inv_secret/helloWorld`, undefined, ANONYMOUS);
    expect(logLines).toMatchObject([{ route: `${S}/users/{token}/helloWorld`, status: 200 }]);
    expect(JSON.stringify(logLines)).not.toContain('inv_secret');
  });
});

describe('negotiation', () => {
  test('is judged as for resources, before the credential', async () => {
    const ask = async (headers: Record<string, string>, body?: unknown) =>
      errorsOf(await send('post', GREET, body, { ...ANONYMOUS, ...headers }))[0]?.slice(0, 2);
    expect(await ask({ Accept: 'text/html' })).toEqual(['406', 'not_acceptable']);
    expect(await ask({ 'Content-Type': 'application/json' }, {})).toEqual(['415', 'unsupported_media_type']);
    expect(await ask({})).toEqual(['401', 'missing_credential']);
  });

  test('answers are JSON:API documents with what every answer has', async () => {
    const { headers } = await send('post', GREET);
    expect(headers).toMatchObject({
      'content-type': MEDIA_TYPE,
      vary: 'Accept',
      'x-request-id': expect.any(String),
      'cache-control': 'private, no-cache',
    });
    expect(headers).not.toHaveProperty('etag');
  });

  test('one resource has an ETag, and 304 for who has it', async () => {
    const first = await send('get', `${S}/users/inv_1`);
    const tag = first.headers.etag as string;
    const again = await send('get', `${S}/users/inv_1`, undefined, { 'If-None-Match': tag });
    expect([again.status, again.text]).toEqual([304, '']);
    expect((await send('get', `${S}/users/inv_2`, undefined, { 'If-None-Match': tag })).status).toBe(200);
  });
});

describe('credentials', () => {
  test('required: 401 without, 403 without the permission or the level', async () => {
    expect((await send('post', GREET, undefined, ANONYMOUS)).status).toBe(401);
    expect((await send('post', GREET, undefined, { Authorization: 'x'.repeat(30) })).status).toBe(401);
    const { Authorization } = await keyOf(['*']);
    expect(errorsOf(await send('post', GREET, undefined, { Authorization }))[0]?.[1]).toBe('permission_denied');
    expect(last.given).toBeUndefined();
    expect((await send('post', GREET)).status).toBe(202);
    expect(last.given?.ctx?.caller.level).toBe('platform');
  });

  test('optional: none is a stranger, a wrong one is 401, a good one is judged', async () => {
    const body = introduction({ name: 'Ada' });
    expect((await send('post', `${S}/users`, body, ANONYMOUS)).status).toBe(200);
    expect(last.given?.ctx).toBeNull();
    expect((await send('post', `${S}/users`, body, { Authorization: 'x'.repeat(30) })).status).toBe(401);
    const { Authorization } = await keyOf(['*']);
    expect((await send('post', `${S}/users`, body, { Authorization })).status).toBe(403);
    expect((await send('post', `${S}/users`, body)).status).toBe(200);
    expect(last.given?.ctx?.caller.level).toBe('platform');
  });

  test('none: what is sent is not looked at', async () => {
    for (const headers of [ANONYMOUS, { Authorization: 'nonsense' }]) {
      expect((await send('post', `${S}/users/inv_1/helloWorld`, undefined, headers)).status).toBe(200);
      expect([last.given?.ctx, last.given?.services.requestId]).toEqual([null, expect.any(String)]);
    }
  });

  test('a suspended organization writes nothing', async () => {
    const { Authorization, url, maker } = await keyOf(['members:update']);
    const row = OPERATIONS['test.do'];
    Object.assign(OPERATIONS, { 'test.do': OPERATIONS['members.update'] });
    const ask = async (method: 'post' | 'get', path: string) =>
      (await send(method, path, undefined, { Authorization })).status;
    expect(await ask('post', GREET)).toBe(202);
    const suspension = { status: 'suspended', statusReason: 'x' };
    await maker.patch(url, document('organizations', suspension, { id: url.split('/').at(-1) }));
    expect([await ask('post', GREET), await ask('get', `${S}/users/${NIL}/export`)]).toEqual([403, 200]);
    Object.assign(OPERATIONS, { 'test.do': row });
  });
});

describe('query parameters', () => {
  test('are read as their schemas say', async () => {
    const body = introduction({ name: 'Ada' });
    expect((await send('post', `${S}/users?times=3`, body)).status).toBe(200);
    expect(last.given?.query).toEqual({ times: 3 });
    expect((await send('post', GREET)).status).toBe(202);
    expect(last.given?.query).toEqual({});
  });

  test.each(['times=0', 'times=x', 'other=1', 'times=1&times=2', 'include=x', 'toString=1'])(
    '?%s is 400 by its name',
    async (query) => {
      const answer = await send('post', `${S}/users?${query}`, introduction({ name: 'Ada' }));
      expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', query.split('=')[0]]]);
    },
  );
});

describe('bodies', () => {
  const post = (body: unknown) => send('post', `${S}/users`, body, ANONYMOUS);

  test('a resource object: texts are trimmed, secrets are not, relationships are ids', async () => {
    const relationships = { friend: { data: { type: 'users', id: NIL.toUpperCase() } } };
    expect((await post(introduction({ name: ' Ada ', password: ' pw ' }, { relationships }))).status).toBe(200);
    expect(last.given?.document).toMatchObject({
      attributes: { name: 'Ada', password: ' pw ' },
      relationships: { friend: NIL },
      meta: {},
    });
  });

  test('all faults are reported at once, in the words and at the pointers of resources', async () => {
    const relationships = { friend: { data: { type: 'users', id: 'x' } }, enemy: { data: null } };
    const answer = await post(introduction({ name: 'A', password: 1, age: 3 }, { relationships }));
    expect(new Set(errorsOf(answer))).toEqual(
      new Set([
        ['422', 'unknown_attribute', '/data/attributes/age'],
        ['422', 'too_short', '/data/attributes/name'],
        ['422', 'invalid_format', '/data/attributes/password'],
        ['404', 'not_found', '/data/relationships/friend/data'],
        ['422', 'unknown_relationship', '/data/relationships/enemy'],
      ]),
    );
    expect(answer.body.errors[0].meta).toEqual({ attribute: 'age', message: expect.any(String) });
  });

  test.each<[string, unknown, [string, string, string | undefined]]>([
    ['none', undefined, ['400', 'malformed_document', '']],
    ['no JSON', '{', ['400', 'malformed_document', undefined]],
    ['a list', [], ['400', 'malformed_document', '']],
    ['no data', {}, ['400', 'malformed_document', '']],
    ['another type', document('users'), ['409', 'type_mismatch', '/data/type']],
    ['an id', introduction({ name: 'Ada' }, { id: NIL }), ['403', 'client_id_not_allowed', '/data/id']],
    ['nothing of what is required', introduction({}), ['422', 'required', '/data/attributes']],
  ])('%s is refused', async (_what, body, error) => {
    expect(errorsOf(await post(body))).toEqual([error]);
    expect(last.given).toBeUndefined();
  });

  test('settings: none are the defaults, others stand in meta', async () => {
    const greet = (body: unknown) => send('post', `${S}/users/inv_1/helloWorld`, body, ANONYMOUS);
    for (const body of [undefined, {}, { meta: {} }]) {
      expect((await greet(body)).status).toBe(200);
      expect(last.given?.document.meta).toEqual({});
    }
    await greet({ meta: { loud: true } });
    expect(last.given?.document.meta).toEqual({ loud: true });
    expect(errorsOf(await greet({ meta: { loud: 1, soft: 1 } }))).toEqual([
      ['422', 'unknown_attribute', '/meta/soft'],
      ['422', 'invalid_format', '/meta/loud'],
    ]);
  });

  test('lists: objects, one at the least and as many as the endpoint takes', async () => {
    const many = (data: unknown) => send('post', `${S}/users/many`, { data });
    expect((await many([{ a: 1 }, { b: 2 }])).status).toBe(200);
    expect(last.given?.document.items).toEqual([{ a: 1 }, { b: 2 }]);
    const [small, large] = [await many([]), await many([{}, {}, {}, {}])];
    expect([...errorsOf(small), ...errorsOf(large)]).toEqual([
      ['422', 'too_short', '/data'],
      ['413', 'too_large', '/data'],
    ]);
    expect(errorsOf(await many([{}, 1, null]))).toEqual([
      ['400', 'malformed_document', '/data/1'],
      ['400', 'malformed_document', '/data/2'],
    ]);
    expect(errorsOf(await many({}))).toEqual([['400', 'malformed_document', '/data']]);
  });

  test('have 1 MiB at the most', async () => {
    const answer = await post(introduction({ name: 'x'.repeat(1_100_000) }));
    expect([answer.status, answer.body.errors[0].code]).toEqual([413, 'too_large']);
  });
});
