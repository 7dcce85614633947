import { type Endpoint, serveEndpoints } from '../../src/controllers/endpoints';
import { resources } from '../../src/controllers/resources';
import { Sites } from '../../src/controllers/sites';
import { checkEndpoints, endpoints } from '../../src/endpoints';
import { uuid } from '../../src/jsonapi/schemas';
import { buildOpenApi } from '../../src/openapi/build';
import { registry } from '../../src/resources';
import { errorsOf } from '../jsonapi/world';
import { type Answer, type Body, M, MEDIA_TYPE, NIL, S, startApp, type TestApp } from '../support/app';
import { mounted, type Send } from '../support/mounted';
import { compiled } from '../support/openapi';
import { ANONYMOUS, GREET, LIST, last } from './echo';

let app: TestApp;
let limited: TestApp;
let send: Send;
const mount = (on: TestApp) =>
  mounted(on, [serveEndpoints(on.services, LIST, registry), resources(on.services, registry)]);
beforeAll(async () => {
  app = await startApp();
  limited = await startApp({ RATE_LIMIT: '5/60' });
  send = mount(app);
});
afterAll(async () => {
  await app.close();
  await limited.close();
});

describe('Idempotency-Key', () => {
  const make = (key: string, query = '') =>
    send('post', `${S}/users/new${query}`, undefined, { 'Idempotency-Key': key });
  const isThere = async ({ body }: Answer) => (await send('get', `${S}/users/${body.meta.id}`)).status;

  test('carries a request out once, and withholds secrets from the repetition [INV-30, INV-56]', async () => {
    const first = await make('one');
    const again = await make('one');
    expect(first.body.meta).toMatchObject({ secret: 'secret-one', deep: { secret: 'secret-two' } });
    expect([again.status, again.headers['idempotent-replayed'], again.headers.location]).toEqual([
      201,
      'true',
      first.headers.location,
    ]);
    expect(again.body.meta).toEqual({
      id: first.body.meta.id,
      secret: null,
      deep: { secret: null, other: 1 },
      secretWithheld: true,
    });
    expect(JSON.stringify(await app.db.query('select body from idempotency_records'))).not.toMatch('secret-one');
    expect(await isThere(first)).toBe(200);
  });

  test('keeps the effect and the answer together: what fails leaves neither but the refusal [INV-57]', async () => {
    const before = last.runs;
    const [first, again] = [await make('two', '?fails=true'), await make('two', '?fails=true')];
    expect([first.status, again.status, again.headers['idempotent-replayed'], last.runs]).toEqual([
      409,
      409,
      'true',
      before + 1,
    ]);
    const email = `made-${last.runs}@example.com`;
    expect((await send('get', `${S}/users?filter[email]=${email}`)).body.data).toEqual([]);
  });

  test('of a stranger is ignored', async () => {
    const headers = { ...ANONYMOUS, 'Idempotency-Key': 'three' };
    const before = last.runs;
    for (let i = 0; i < 2; i++) await send('post', `${S}/users/inv_1/helloWorld`, undefined, headers);
    expect(last.runs).toBe(before + 2);
  });
});

describe('a stream', () => {
  const PATH = `${S}/users/${NIL}/export`;

  test('is sent line by line under its media type', async () => {
    for (const Accept of ['application/x-ndjson', '*/*', MEDIA_TYPE, '']) {
      const answer = await send('get', PATH, undefined, { Accept });
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
      expect(answer.headers).toMatchObject({ vary: 'Accept', 'x-request-id': expect.any(String) });
      const sent = answer.text.trimEnd().split('\n');
      expect([sent.length, sent.at(-1)]).toEqual([5_000, '{"line":5000}']);
    }
    expect((await send('get', PATH, undefined, { Accept: 'text/html' })).status).toBe(406);
  });

  test('has the header fields for HEAD, and no body', async () => {
    const answer = await send('head', PATH);
    expect([answer.status, answer.headers['content-type'], answer.text]).toEqual([200, 'application/x-ndjson', '']);
  });

  test('that can’t begin is an error document; one that breaks off is cut, so that nobody takes it for whole', async () => {
    expect(errorsOf(await send('get', `${PATH}?fails=before`))).toEqual([['409', 'invalid_transition', undefined]]);
    await expect(send('get', `${PATH}?fails=within`)).rejects.toThrow(/aborted|hang up|reset/);
    expect((await send('get', PATH)).status).toBe(200);
  });
});

test('strangers are counted by their network, and told so', async () => {
  const ask = mount(limited);
  const hello = () => ask('post', `${S}/users/inv_1/helloWorld`, undefined, ANONYMOUS);
  const first = await hello();
  expect(first.headers).toMatchObject({ 'ratelimit-policy': '"default";q=5;w=60', ratelimit: '"default";r=4;t=60' });
  for (let i = 0; i < 4; i++) expect((await hello()).status).toBe(200);
  const over = await hello();
  expect([over.status, over.body.errors[0].code, over.headers['retry-after']]).toEqual([
    429,
    'rate_limited',
    expect.stringMatching(/^\d+$/),
  ]);
  // Who has a credential is counted for himself.
  expect((await ask('post', GREET)).status).toBe(202);
});

describe('the start refuses', () => {
  const good = LIST[3] as Endpoint;
  test.each<[string, object, RegExp]>([
    ['an endpoint without a row in permissions', { operation: 'users.nothing' }, /has no row/],
    ['a stranger’s endpoint that is not open', { credential: 'none' }, /is not among the open operations/],
    ['an open operation that needs a credential', { operation: 'test.open' }, /is among the open operations/],
    ['a path elsewhere', { path: '/v1/x' }, /is not below/],
    ['a stream that changes something', { responses: { 200: { description: '', mediaType: 'text/x' } } }, /stream/],
  ])('%s', (_what, more, message) => {
    expect(() => checkEndpoints([{ ...good, ...more } as Endpoint])).toThrow(message);
  });

  test('two with one method and path, and none of those that are there', () => {
    expect(() => checkEndpoints([good, good])).toThrow(/twice/);
    for (const list of [LIST, endpoints]) expect(() => checkEndpoints(list)).not.toThrow();
  });
});

test('a path of a type without endpoints costs one look-up', () => {
  const sites = new Sites(LIST, registry);
  expect(sites.find(`${M}/organizations/${NIL}`)).toBeUndefined();
  expect(sites.find('/livez')).toBeUndefined();
  expect(sites.find(`${S}/users/${NIL}/greet`)?.site.template).toBe(`${S}/users/{id}/greet`);
});

describe('the description', () => {
  const { paths, components }: Body = buildOpenApi(registry, LIST);
  const codes = (operation: Body, status: number) =>
    components.responses[operation.responses[status].$ref.split('/').at(-1)]['x-codes'];
  const schemaOf = ({ content }: Body, type = MEDIA_TYPE) =>
    components.schemas[content[type].schema.$ref.split('/').at(-1)];

  test('has who may ask', () => {
    const greet = paths[`${S}/users/{id}/greet`];
    expect(greet.post).toMatchObject({ 'x-permission': 'members:update', operationId: 'greet', tags: ['users'] });
    expect(greet.post).not.toHaveProperty('security');
    expect(paths[`${S}/users/{token}/helloWorld`].post.security).toEqual([]);
    expect(paths[`${S}/users/{token}/helloWorld`].post).not.toHaveProperty('x-permission');
    expect(codes(greet.post, 404)).toEqual(['not_found']);
    expect(paths[`${S}/users/{token}/helloWorld`].post.responses).not.toHaveProperty('401');
    expect(Object.keys(greet)).toEqual(['post', 'delete']);
  });

  test('has the request with an example that it takes, and what can be wrong with it', () => {
    const { post } = paths[`${S}/users/new`];
    expect(post.requestBody).toBeUndefined();
    for (const path of [`${S}/users/{token}/helloWorld`, `${S}/users/many`]) {
      const { requestBody } = paths[path].post;
      expect(compiled(schemaOf(requestBody))(requestBody.content[MEDIA_TYPE].example)).toBe(true);
    }
    expect(paths[`${S}/users/{token}/helloWorld`].post.requestBody.required).toBe(false);
    expect(codes(paths[`${S}/users/{token}/helloWorld`].post, 422)).toEqual(['invalid_format', 'unknown_attribute']);
  });

  test('has answers as they are: streams, secrets, none', () => {
    const { responses } = paths[`${S}/users/{id}/export`].get;
    expect(responses[200].content).toHaveProperty(['application/x-ndjson']);
    expect(responses[409]).toBeUndefined();
    const made = schemaOf(paths[`${S}/users/new`].post.responses[201]);
    expect(made.properties.meta.anyOf).toHaveLength(2);
    expect(paths[`${S}/users/{id}/greet`].delete.responses[204]).not.toHaveProperty('content');
  });

  test('has one operation where a type and an endpoint share a method of a path', () => {
    expect(paths).not.toHaveProperty([`${S}/users/{token}`]);
    const { get } = paths[`${S}/users/{id}`];
    expect(get.operationId).toBe('getUser');
    expect(get.security).toEqual([{}, { bearer: [] }, { apiKey: [] }]);
    const [id] = get.parameters;
    expect(id).toMatchObject({ name: 'id', in: 'path', schema: { anyOf: [uuid, { pattern: '^inv_' }] } });
    expect(codes(get, 409)).toEqual(['invalid_transition']);
    expect(codes(get, 403)).toEqual(expect.arrayContaining(['permission_denied']));
    expect(schemaOf(get.responses[200]).anyOf).toHaveLength(2);
    expect(get.responses[200].headers).toHaveProperty('ETag');
  });
});
