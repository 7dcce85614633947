import { buildWorld, errorsOf, pointed, rowCounts, type World } from '../jsonapi/world';
import { type Client, document, M, MEDIA_TYPE, S, startApp, type TestApp } from '../support/app';
import { requestOf, talk } from './rawSocket';

let app: TestApp;
let world: World;
let platform: Client;
let rows: Record<string, number>;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
  rows = await rowCounts(app);
});
afterEach(async () => {
  expect(app.logLines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
  expect((await app.anonymous.get('/livez')).status).toBe(200);
});
afterAll(() => app.close());

const ORGANIZATIONS = `${M}/organizations`;
/** Sends the bytes of a body as they are; nothing may be written. */
async function refuseBytes(body: string | Buffer, path = ORGANIZATIONS) {
  const fields = [`Authorization: ${app.platform.key}`, `Content-Type: ${MEDIA_TYPE}`, 'Connection: close'];
  const { answers } = await talk(app.port, requestOf('POST', path, fields, body));
  expect(await rowCounts(app)).toEqual(rows);
  expect(answers).toHaveLength(1);
  return answers.map(({ status, body: { errors } }) => [status, errors[0].code, errors[0].source]);
}
/** The errors of a creation that must not create anything. */
async function refuse(path: string, body: unknown) {
  const before = await rowCounts(app);
  const answer = await platform.post(path, body);
  expect(await rowCounts(app)).toEqual(before);
  return errorsOf(answer);
}
const named = (attributes: string) => `{"data":{"type":"organizations","attributes":{"name":"x",${attributes}}}}`;

describe('names of JavaScript', () => {
  test.each(['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'])(
    '%s is no attribute and no relationship',
    async (name) => {
      expect(await refuse(ORGANIZATIONS, named(`"${name}":{"legalHold":true}`))).toEqual([
        ['422', 'unknown_attribute', `/data/attributes/${name}`],
      ]);
      const body = `{"data":{"type":"organizations","attributes":{"name":"x"},"relationships":{"${name}":{"data":null}}}}`;
      expect(await refuse(ORGANIZATIONS, body)).toEqual([
        ['422', 'unknown_relationship', `/data/relationships/${name}`],
      ]);
    },
  );

  test('__proto__ is no key of metadata, constructor is one like others', async () => {
    expect(await refuse(ORGANIZATIONS, named('"metadata":{"__proto__":{"a":1}}'))).toEqual([
      ['422', 'invalid_format', '/data/attributes/metadata/__proto__'],
    ]);
    const metadata = { constructor: { prototype: { polluted: true } }, toString: 'x' };
    const request = document('organizations', { metadata }, { id: world.other.id });
    expect((await platform.patch(`${ORGANIZATIONS}/${world.other.id}`, request)).body.data.attributes.metadata).toEqual(
      metadata,
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('__proto__ elsewhere in a document is ignored, and sets nothing', async () => {
    const evil =
      '"__proto__":{"type":"organizations","data":{"type":"organizations"},"attributes":{"name":"x"},"polluted":1}';
    expect(await refuseBytes(`{${evil}}`)).toEqual([[400, 'malformed_document', { pointer: '' }]]);
    expect(await refuseBytes(`{"data":{${evil}}}`)).toEqual([[400, 'malformed_document', { pointer: '/data' }]]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('numbers', () => {
  test.each(['1e999', '-1e999', '1e308', '9007199254740993', `1${'0'.repeat(400)}`, '9'.repeat(100_000)])(
    '%.20s… in metadata would not come back as it is: 422',
    async (number) => {
      const errors = await refuse(ORGANIZATIONS, named(`"metadata":{"n":${number}}`));
      expect(errors).toEqual([['422', 'invalid_format', '/data/attributes/metadata/n']]);
    },
  );

  test.each(['1e999', '1', '-0', '1e-999'])('%s is no text, no truth value and no list', async (number) => {
    for (const name of ['kind', 'slug', 'deleteProtection', 'metadata', 'token', 'webhookUrl', 'status']) {
      const { status, body } = await platform.post(ORGANIZATIONS, named(`"${name}":${number}`));
      expect([name, status]).toEqual([name, 422]);
      for (const { source } of body.errors) expect(source.pointer).toBe(`/data/attributes/${name}`);
    }
  });

  test.each(['0', '-0.5', '1.5e-7', '9007199254740991', '0.1'])(
    '%s in metadata comes back as it is',
    async (number) => {
      const request = document('organizations', { metadata: { n: Number(number) } }, { id: world.other.id });
      const { body } = await platform.patch(`${ORGANIZATIONS}/${world.other.id}`, request);
      expect(body.data.attributes.metadata).toEqual({ n: Number(number) });
    },
  );
});

describe('times', () => {
  test.each([
    '2035-02-30T00:00:00Z',
    '2035-01-01T25:00:00Z',
    '2035-01-01T00:00:00',
    '2035-01-01',
    '2035-01-01 00:00:00Z',
    '2035-01-01T00:00:00+23:00',
    '2035-01-01T00:00:00+15:59',
    '9999-12-31T23:59:59-01:00',
    '+012035-01-01T00:00:00Z',
    '0000-01-01T00:00:00Z',
    'tomorrow',
    '',
  ])('%p is no time: 422', async (expiresAt) => {
    const errors = await refuse(`${S}/apiKeys`, document('apiKeys', { name: 'x', expiresAt }));
    expect(errors).toEqual([['422', 'invalid_format', '/data/attributes/expiresAt']]);
  });

  test.each([
    ['2035-01-01T00:00:00Z', '2035-01-01T00:00:00+00:00'],
    ['2035-01-01t02:00:00.999+02:00', '2035-01-01T00:00:00+00:00'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59+00:00'],
    ['2035-01-01T13:59:59+14:00', '2034-12-31T23:59:59+00:00'],
  ])('%s is shown as %s', async (expiresAt, shown) => {
    const { status, body } = await platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'x', expiresAt }));
    expect([status, body.data.attributes.expiresAt]).toEqual([201, shown]);
  });
});
