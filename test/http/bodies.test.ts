import { registry } from '../../src/resources';
import {
  buildWorld,
  creationOf,
  errorsOf,
  pathOf,
  pointed,
  rowCounts,
  sampleOf,
  TYPES,
  type World,
  withKeys,
} from '../jsonapi/world';
import { type Body, type Client, document, M, MEDIA_TYPE, S, startApp, type TestApp } from '../support/app';
import { requestOf, talk } from './rawSocket';

let app: TestApp;
let world: World;
let platform: Client;
let rows: Record<string, number>;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = withKeys(pointed(app.platform));
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
const MALFORMED = [[400, 'malformed_document', undefined]];
/** The errors of a creation that must not create anything. */
async function refuse(path: string, body: unknown) {
  const before = await rowCounts(app);
  const answer = await platform.post(path, body);
  expect(await rowCounts(app)).toEqual(before);
  return errorsOf(answer);
}
const named = (attributes: string) => `{"data":{"type":"organizations","attributes":{"name":"x",${attributes}}}}`;

describe('what is not JSON', () => {
  test.each([
    '{',
    '{"data":',
    '{"data":}',
    "{'data':{}}",
    '{"data":{},}',
    '{"data":{}}{"data":{}}',
    '{"data":{}} x',
    '// {"data":{}}',
    'undefined',
    'NaN',
    '{"data":+1}',
    '{"data":01}',
    '{"data":"\n"}',
    '{"data":"\\x"}',
    '{"data":"\\u12"}',
    '\0',
    '   ',
    'data[type]=users&data[attributes][email]=x',
    '<data/>',
  ])('%j is 400 [DOC-15]', async (body) => {
    expect(await refuseBytes(body)).toEqual(MALFORMED);
  });

  test.each([
    ['a byte that begins nothing', Buffer.concat([Buffer.from('{"data":"'), Buffer.of(0xff), Buffer.from('"}')])],
    ['a character that is cut off', Buffer.from('{"data":"é"}').subarray(0, 10)],
    ['an overlong form', Buffer.concat([Buffer.from('{"data":"'), Buffer.of(0xc0, 0x80), Buffer.from('"}')])],
    [
      'half a surrogate pair',
      Buffer.concat([Buffer.from('{"data":"'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"}')]),
    ],
    ['UTF-16', Buffer.from('\ufeff{"data":{}}', 'utf16le')],
    ['Latin-1', Buffer.from(named('"kind":"é"'), 'latin1')],
    ['gzip that nobody announced', Buffer.from('1f8b08000000000000ff', 'hex')],
  ])('%s is no UTF-8: 400', async (_title, bytes) => {
    expect(await refuseBytes(bytes)).toEqual(MALFORMED);
  });

  test('the error does not quote the body', async () => {
    const secret = 'sk_live_mysecret';
    const { text } = await platform.post(
      ORGANIZATIONS,
      `{"data":{"type":"organizations","attributes":{"token":"${secret}"`,
    );
    expect(text).not.toContain(secret);
  });

  test('a byte order mark in front is left out (RFC 8259, 8.1)', async () => {
    expect(await refuseBytes('\ufeff{}')).toEqual([[400, 'malformed_document', { pointer: '' }]]);
  });
});

describe('nesting', () => {
  test.each([
    ['40,000 lists', '['.repeat(40_000)],
    ['40,000 lists that end', '['.repeat(40_000) + ']'.repeat(40_000)],
    ['40,000 objects', '{"a":'.repeat(40_000)],
    ['40,000 objects that end', `${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`],
    ['40,000 levels in an attribute', named(`"metadata":${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`)],
    ['40,000 levels in a member that is ignored', `{"foo":${'['.repeat(40_000)}${']'.repeat(40_000)}}`],
    ['33 levels', `${'['.repeat(33)}${']'.repeat(33)}`],
  ])('%s are 400 [ERR-17]', async (_title, body) => {
    expect(await refuseBytes(body)).toEqual(MALFORMED);
  });

  test('32 levels are read, and brackets inside text are no levels', async () => {
    expect(await refuseBytes(`${'['.repeat(32)}${']'.repeat(32)}`)).toEqual([
      [400, 'malformed_document', { pointer: '' }],
    ]);
    const attributes = `"kind":"\\"${'['.repeat(39)}"`;
    expect(
      (
        await platform.patch(
          `${ORGANIZATIONS}/${world.other.id}`,
          named(attributes).replace('"attributes"', `"id":"${world.other.id}","attributes"`),
        )
      ).status,
    ).toBe(200);
  });

  test.each([
    ['6 levels of objects', { a: { a: { a: { a: { a: {} } } } } }, '/a/a/a/a/a'],
    ['6 levels with a list', { a: { a: { a: { a: [[]] } } } }, '/a/a/a/a/0'],
  ])('metadata of %s is refused', async (_title, metadata, path) => {
    const errors = await refuse(ORGANIZATIONS, document('organizations', { name: 'x', metadata }));
    expect(errors).toEqual([['422', 'invalid_format', `/data/attributes/metadata${path}`]]);
  });
});

/** Every attribute that is text and that a request can set, per type and kind of request. */
const TEXTS = TYPES.flatMap((type) =>
  (['create', 'update'] as const).flatMap((purpose) => {
    const { operations, attributes } = registry.get(type) as NonNullable<ReturnType<typeof registry.get>>;
    if (operations[purpose] === undefined) return [];
    return Object.entries(attributes)
      .filter(
        ([, { schema, write }]) => [schema.type].flat().includes('string') && (write === 'both' || write === purpose),
      )
      .map(([name]) => [type, purpose, name] as const);
  }),
);

describe('characters that PostgreSQL or a screen can’t take', () => {
  const BAD = [
    '\\u0000',
    'ab\\u0000cd',
    '\\ud800',
    'x\\udc00',
    '\\udc00\\ud800',
    'a\\u0007b',
    'a\\nb',
    'a\\u007fb',
    'a\\u0085b',
  ];

  test('are tried in every text', () => {
    expect(TEXTS.map(([type, purpose, name]) => `${type} ${purpose} ${name}`)).toEqual(
      expect.arrayContaining([
        'organizations create token',
        'organizations update name',
        'users create email',
        'apiKeys create name',
      ]),
    );
  });

  test.each(TEXTS)(
    '%s, %s: %s with one is 422 that points at it, and nothing is written',
    async (type, purpose, name) => {
      const creates = purpose === 'create';
      const url = creates ? pathOf(type) : `${pathOf(type)}/${sampleOf(world, type)}`;
      const { data } = creates
        ? await creationOf(app, world, type)
        : { data: { type, id: sampleOf(world, type) } as Body };
      const counts = await rowCounts(app);
      const before = creates ? '' : (await app.platform.get(url)).text;
      // A message may have several lines.
      const isLines = registry.get(type)?.attributes[name]?.schema.format === 'lines';
      for (const bad of BAD.filter((each) => !isLines || each !== 'a\\nb')) {
        const body = JSON.stringify({ data: { ...data, attributes: { ...data.attributes, [name]: '<BAD>' } } }).replace(
          '<BAD>',
          bad,
        );
        const { status, body: answer } = await (creates ? platform.post(url, body) : platform.patch(url, body));
        expect([bad, status]).toEqual([bad, 422]);
        for (const { source } of answer.errors) expect(source).toEqual({ pointer: `/data/attributes/${name}` });
      }
      expect(await rowCounts(app)).toEqual(counts);
      if (!creates) expect((await app.platform.get(url)).text).toBe(before);
    },
  );

  test.each([
    ['a null character in a value', '{"a":"x\\u0000"}', '/a'],
    ['half a pair in a value', '{"a":["x","\\ud800"]}', '/a/1'],
    ['a null character in a key', '{"a\\u0000":1}', '/a\u0000'],
    ['half a pair in a key', '{"a\\ud800":1}', '/a\ud800'],
    ['half a pair alone as a key', '{"\\udc00":1}', '/\udc00'],
    ['half a pair in a key further down', '{"ok":{"\\ud800b":{}}}', '/ok/\ud800b'],
    ['a line break in a key', '{"a\\nb":1}', '/a\nb'],
  ])('metadata with %s is 422 that points at it', async (_title, metadata, path) => {
    expect(await refuse(ORGANIZATIONS, named(`"metadata":${metadata}`))).toEqual([
      ['422', 'invalid_format', `/data/attributes/metadata${path}`],
    ]);
  });

  test('pairs, marks and all scripts are text', async () => {
    for (const name of ['😀 naïve Ⅷ 日本語 العربية', 'a\u0301', 'e\u200d', '\u202ertl']) {
      const { status, body } = await platform.patch(
        `${ORGANIZATIONS}/${world.other.id}`,
        document('organizations', { name, metadata: { ключ: name } }, { id: world.other.id }),
      );
      expect([status, body.data.attributes.name, body.data.attributes.metadata]).toEqual([
        200,
        name.normalize('NFC'),
        { ключ: name },
      ]);
    }
  });

  test.each(['\\u0000', '\\ud800', 'x\\udc00'])('%s in a type, an id or a name of a field is refused', async (bad) => {
    const answers = [
      await platform.post(ORGANIZATIONS, `{"data":{"type":"${bad}"}}`),
      await platform.post(ORGANIZATIONS, `{"data":{"type":"organizations","id":"${bad}","attributes":{"name":"x"}}}`),
      await platform.post(ORGANIZATIONS, named(`"${bad}":1`)),
      await platform.post(
        ORGANIZATIONS,
        `{"data":{"type":"organizations","attributes":{"name":"x"},"relationships":{"${bad}":{}}}}`,
      ),
      await platform.post(
        `${S}/apiKeys`,
        `{"data":{"type":"apiKeys","attributes":{"name":"x"},"relationships":{"organization":{"data":{"type":"organizations","id":"${bad}"}}}}}`,
      ),
      await platform.post(`${S}/apiKeys`, `{"data":{"type":"apiKeys","attributes":{"name":"x","scopes":["${bad}"]}}}`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([409, 403, 422, 422, 404, 422]);
  });
});
