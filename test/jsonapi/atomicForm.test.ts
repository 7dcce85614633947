import { ATOMIC_TYPE } from '../../src/jsonapi/negotiate';
import { type Client, MEDIA_TYPE, startApp, type TestApp } from '../support/app';
import { ATOMIC, add, at, documentOf, errorOf, OPERATIONS, perform, remove, resultsOf, update } from './operations';
import { ask, buildWorld, errorsOf, pointed, rowCounts, type World } from './world';

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

const organization = (name = 'Made') => add('organizations', { name });
const member = () => world.members[1];
/** Whether a request that must not do anything did. */
async function unchanged<T>(work: () => Promise<T>): Promise<T> {
  const before = await rowCounts(app);
  const result = await work();
  expect(await rowCounts(app)).toEqual(before);
  return result;
}
const refusal = async (document: unknown) =>
  errorsOf(await unchanged(() => platform.post(OPERATIONS, document, ATOMIC)));

describe('methods and media types', () => {
  test.each(['GET', 'HEAD', 'PATCH', 'PUT', 'DELETE'])('%s is 405: only POST is offered [ATO-1]', async (method) => {
    const answer = await ask(app, method, OPERATIONS);
    expect([answer.status, answer.headers.allow]).toEqual([405, 'POST, OPTIONS']);
    if (method !== 'HEAD') expect(errorOf(answer)).toEqual(['405', 'method_not_allowed', undefined]);
  });

  test('OPTIONS says so, and a slash at the end makes no difference [ATO-1]', async () => {
    const { status, headers } = await ask(app, 'OPTIONS', OPERATIONS);
    expect([status, headers.allow]).toEqual([204, 'POST, OPTIONS']);
    expect((await platform.post(`${OPERATIONS}/`, documentOf(organization()), ATOMIC)).status).toBe(200);
  });

  test('the answer is labelled with the extension, in header and document [ATO-2, ATO-6, CN-28]', async () => {
    const answer = await perform(platform, organization());
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ 'content-type': ATOMIC_TYPE, vary: 'Accept' });
    expect(Object.keys(answer.body)).toEqual(['atomic:results', 'jsonapi']);
    expect(answer.body.jsonapi).toEqual({ version: '1.1', ext: ['https://jsonapi.org/ext/atomic'] });
  });

  test('an error applies no extension: no atomic member, and no label [ATO-6]', async () => {
    const answer = await perform(platform, organization(), remove('organizations', 'nowhere'));
    expect([answer.status, answer.headers['content-type']]).toEqual([404, MEDIA_TYPE]);
    expect(Object.keys(answer.body)).toEqual(['errors', 'jsonapi']);
  });

  test.each([
    ['the plain media type', MEDIA_TYPE],
    ['another extension', `${MEDIA_TYPE};ext="https://example.com/nope"`],
    ['the extension and an unknown one', `${MEDIA_TYPE};ext="https://jsonapi.org/ext/atomic https://example.com/nope"`],
    ['a parameter that is neither ext nor profile', `${ATOMIC_TYPE};charset=utf-8`],
    ['a profile instead', `${MEDIA_TYPE};profile="https://jsonapi.org/ext/atomic"`],
    ['plain JSON', 'application/json'],
  ])('%s as Content-Type is 415 [ATO-3, CN-7, CN-32]', async (_title, type) => {
    const document = { ...documentOf(organization()), jsonapi: { ext: ['https://jsonapi.org/ext/atomic'] } };
    const answer = await unchanged(() => platform.post(OPERATIONS, document, { 'Content-Type': type }));
    expect(errorsOf(answer)).toEqual([['415', 'unsupported_media_type', 'Content-Type']]);
  });

  test.each([
    ['without quotes', `${MEDIA_TYPE};ext=https://jsonapi.org/ext/atomic`],
    ['with a profile beside it', `${ATOMIC_TYPE};profile="https://example.com/unknown"`],
    ['in other case', 'Application/VND.API+JSON; EXT="https://jsonapi.org/ext/atomic"'],
  ])('the extension %s is understood [ATO-2, CN-22, CN-24]', async (_title, type) => {
    const answer = await platform.post(OPERATIONS, documentOf(organization()), { 'Content-Type': type });
    expect([answer.status, answer.headers['content-type']]).toEqual([200, ATOMIC_TYPE]);
  });

  test.each([
    ['*/*', 200],
    [MEDIA_TYPE, 200],
    [ATOMIC_TYPE, 200],
    ['application/*;q=0.5', 200],
    ['text/html', 406],
    [`${MEDIA_TYPE};ext="https://example.com/nope"`, 406],
  ])('Accept: %s → %d [ATO-4]', async (accept, status) => {
    const answer = await platform.post(OPERATIONS, documentOf(organization()), { ...ATOMIC, Accept: accept });
    expect(answer.status).toBe(status);
    if (status === 406) expect(errorOf(answer)).toEqual(['406', 'not_acceptable', 'Accept']);
  });

  test('no Accept at all works as well [ATO-4]', async () => {
    const answer = await fetch(`${app.url}${OPERATIONS}`, {
      method: 'POST',
      headers: { ...ATOMIC, Authorization: platform.key as string },
      body: JSON.stringify(documentOf(organization())),
    });
    expect(answer.status).toBe(200);
  });

  test('other endpoints do not apply the extension [CN-6]', async () => {
    const answer = await unchanged(() => platform.post('/public/v2/management/organizations', organization(), ATOMIC));
    expect(errorOf(answer)).toEqual(['415', 'unsupported_media_type', 'Content-Type']);
  });

  test.each(['include=owner', 'fields[organizations]=name', 'foo=1', 'withCapabilities=true', 'atomic:foo=1'])(
    'the query ?%s is 400: the endpoint has no parameters [INC-1, QRY-12]',
    async (query) => {
      const answer = await unchanged(() => platform.post(`${OPERATIONS}?${query}`, documentOf(organization()), ATOMIC));
      expect(errorOf(answer)).toEqual(['400', 'invalid_parameter', query.split('=')[0]]);
    },
  );

  test('without a credential it is 401, whatever the body', async () => {
    const answer = await unchanged(() => perform(app.anonymous, organization()));
    expect(errorOf(answer)).toEqual(['401', 'missing_credential', 'Authorization']);
  });
});

describe('the document', () => {
  test.each<[string, unknown, string | undefined]>([
    ['no JSON', '{', undefined],
    ['nothing', '', undefined],
    ['an array', [organization()], ''],
    ['a text', '"x"', ''],
    ['null', 'null', ''],
    ['an empty object', {}, ''],
    ['one with other operations', { operations: [organization()] }, ''],
    ['an empty list', documentOf(), at(0).slice(0, -2)],
    ['an object instead of a list', { 'atomic:operations': organization() }, '/atomic:operations'],
    ['null instead of a list', { 'atomic:operations': null }, '/atomic:operations'],
    ['one with data', { ...documentOf(organization()), data: organization().data }, '/data'],
    ['one with data: null', { ...documentOf(organization()), data: null }, '/data'],
    ['one with included', { ...documentOf(organization()), included: [] }, '/included'],
  ])('%s is 400 [ATO-5, ATO-7]', async (_title, document, pointer) => {
    expect(await refusal(document)).toEqual([['400', 'malformed_document', pointer]]);
  });

  test('other members of the top level are ignored [DOC-14]', async () => {
    const others = { jsonapi: { version: '1.1' }, meta: { a: 1 }, links: {}, '@x': 1, foo: 1 };
    expect((await platform.post(OPERATIONS, { ...others, ...documentOf(organization()) }, ATOMIC)).status).toBe(200);
  });

  test('a hundred operations are taken, one more is 413 [ATO-28]', async () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, i) => add('organizations', { name: `Many ${i}` }));
    expect(resultsOf(await perform(platform, ...many(100)))).toHaveLength(100);
    expect(await refusal(documentOf(...many(101)))).toEqual([['413', 'too_large', '/atomic:operations']]);
  });

  test('more than 1 MiB is 413', async () => {
    const long = add('organizations', { name: 'x', metadata: { a: 'x'.repeat(1_100_000) } });
    expect(await refusal(documentOf(long))).toEqual([['413', 'too_large', undefined]]);
  });
});

describe('an operation', () => {
  const ref = { type: 'organizations', id: '00000000-0000-7000-8000-000000000000' };
  const { data } = organization();
  test.each<[string, string, unknown, string]>([
    ['null', 'ATO-24', null, ''],
    ['a text', 'ATO-24', 'add', ''],
    ['an array', 'ATO-24', [], ''],
    ['no op', 'ATO-8', { data }, ''],
    ['another op', 'ATO-8', { op: 'replace', data }, '/op'],
    ['op in other case', 'ATO-8', { op: 'Add', data }, '/op'],
    ['op: null', 'ATO-8', { op: null, data }, '/op'],
    ['ref and href', 'ATO-9', { op: 'remove', ref, href: '/public/v2/roles' }, ''],
    ['href that is no text', 'ATO-11', { op: 'remove', href: 5 }, '/href'],
    ['href: null', 'ATO-11', { op: 'remove', href: null }, '/href'],
    ['ref: null', 'ATO-10', { op: 'remove', ref: null }, '/ref'],
    ['ref that is a text', 'ATO-10', { op: 'remove', ref: 'organizations' }, '/ref'],
    ['ref without type', 'ATO-10', { op: 'remove', ref: { id: ref.id } }, '/ref'],
    ['ref with a type that is no text', 'ATO-10', { op: 'remove', ref: { ...ref, type: 5 } }, '/ref/type'],
    ['ref without id and lid', 'ATO-10', { op: 'remove', ref: { type: 'organizations' } }, '/ref'],
    ['ref with id and lid', 'ATO-10', { op: 'remove', ref: { ...ref, lid: 'a' } }, '/ref'],
    ['ref with an id that is no text', 'ATO-10', { op: 'remove', ref: { ...ref, id: 5 } }, '/ref/id'],
    ['ref with a lid that is no text', 'ATO-10', { op: 'remove', ref: { type: 'users', lid: {} } }, '/ref/lid'],
    [
      'a relationship that is no text',
      'ATO-10',
      { op: 'remove', ref: { ...ref, relationship: 1 } },
      '/ref/relationship',
    ],
    ['meta that is no object', 'MET-1', { op: 'add', data, meta: 'x' }, '/meta'],
    ['ifMatch that is no text', 'UPD-16', { op: 'add', data, meta: { ifMatch: 1 } }, '/meta/ifMatch'],
    ['ifMatch: null', 'UPD-16', { op: 'add', data, meta: { ifMatch: null } }, '/meta/ifMatch'],
    ['add without data', 'ATO-16', { op: 'add' }, ''],
    ['add with data: null', 'ATO-16', { op: 'add', data: null }, '/data'],
    ['add with a list', 'ATO-16', { op: 'add', data: [data] }, '/data'],
    ['add without a type', 'ATO-16', { op: 'add', data: { attributes: { name: 'x' } } }, '/data'],
    ['add with a type that is no text', 'ATO-16', { op: 'add', data: { ...data, type: 5 } }, '/data/type'],
    [
      'add with attributes that are no object',
      'ATO-24',
      { op: 'add', data: { ...data, attributes: 5 } },
      '/data/attributes',
    ],
    ['update without data', 'ATO-17', { op: 'update', ref }, ''],
    ['update with data: null', 'ATO-17', { op: 'update', data: null }, '/data'],
    ['update without ref, href and id', 'ATO-17', { op: 'update', data }, '/data'],
    ['update with an id that is no text', 'ATO-17', { op: 'update', data: { ...data, id: 5 } }, '/data/id'],
    ['update of a resource with a list', 'ATO-17', { op: 'update', ref, data: [data] }, '/data'],
    ['remove without a target', 'ATO-18', { op: 'remove' }, ''],
    ['remove with data only', 'ATO-18', { op: 'remove', data: ref }, ''],
  ])('%s is 400, and nothing is done [%s, ATO-26]', async (_title, _rule, bad, where) => {
    expect(await refusal(documentOf(organization(), bad))).toEqual([['400', 'malformed_document', at(1, where)]]);
  });

  test('all faults of form are reported at once, each where it is [ATO-24, ATO-26]', async () => {
    const bad = [
      { op: 'move', ref: { id: 5 }, meta: 'x' },
      organization(),
      { op: 'remove' },
      { op: 'update', ref, href: 5 },
      7,
    ];
    expect((await refusal(documentOf(...bad))).map(([, , where]) => where)).toEqual([
      at(0, '/op'),
      at(0, '/ref'),
      at(0, '/ref/id'),
      at(0, '/meta'),
      at(2),
      at(3),
      at(3, '/href'),
      at(3),
      at(4),
    ]);
  });

  test('members that nobody knows are ignored [DOC-14]', async () => {
    const id = world.organization.id;
    const odd = { ...update('organizations', id, { kind: 'odd' }), '@x': 1, foo: { bar: 1 }, meta: { other: 1 } };
    expect(resultsOf(await perform(platform, odd))[0].data.attributes.kind).toBe('odd');
  });

  test('all faults of one body are reported at once, from the root of the document [ATO-25, ATO-26, CRE-18]', async () => {
    const bad = add('organizations', { name: '', slug: '-', countryCode: 'XX', nope: 1 }, { relationships: { x: {} } });
    const answer = await unchanged(() => perform(platform, organization(), bad));
    expect(answer.status).toBe(422);
    const attributes = at(1, '/data/attributes');
    expect(
      errorsOf(answer)
        .map(([, code, where]) => `${code} ${where}`)
        .sort(),
    ).toEqual([
      `invalid_format ${attributes}/countryCode`,
      `invalid_format ${attributes}/slug`,
      `too_short ${attributes}/name`,
      `too_short ${attributes}/slug`,
      `unknown_attribute ${attributes}/nope`,
      `unknown_relationship ${at(1, '/data/relationships/x')}`,
    ]);
  });

  test('a fault without a place of its own points at the operation [ATO-26]', async () => {
    const denied = { op: 'remove', ref: { type: 'members', id: world.members[0].id } };
    expect(await refusal(documentOf(update('members', member().id), denied))).toEqual([['409', 'last_owner', at(1)]]);
  });
});
