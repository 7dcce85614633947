import { ERRORS } from '../../src/errors';
import { rowCounts } from '../jsonapi/world';
import { document, M, MEDIA_TYPE, S, startApp, type TestApp } from '../support/app';
import { requestOf, type Talk, talk } from './rawSocket';

let app: TestApp;
let slow: Promise<Talk>;
let rows: Record<string, number>;

beforeAll(async () => {
  app = await startApp();
  rows = await rowCounts(app);
  // The one test that takes seconds runs beside all the others.
  slow = talk(app.port, requestOf('GET', '/livez', ['Connection: close']), { bytePerMs: 1_000 });
});
afterEach(async () => {
  // Nothing is written, and the server still answers.
  expect(await rowCounts(app)).toEqual(rows);
  expect((await app.anonymous.get('/livez')).status).toBe(200);
  expect(app.logLines.filter(({ level }) => Number(level) >= 50)).toEqual([]);
});
afterAll(() => app.close());

const CLOSE = 'Connection: close';
const JSON_TYPE = `Content-Type: ${MEDIA_TYPE}`;
const auth = () => `Authorization: ${app.platform.key}`;
const livez = () => requestOf('GET', '/livez', [CLOSE]);
/** A request that would make a user, if it were understood. */
const creation = (
  fields: string[],
  body: string | Buffer = JSON.stringify(document('users', { email: 'x@example.com' })),
) => requestOf('POST', `${S}/users`, [JSON_TYPE, auth(), ...fields], body);

/** Status, code and place of the errors of the first answer; the others only by their status. */
const seen = ({ answers }: Talk) =>
  answers.map(({ status, body }, i) => {
    if (i > 0 || status < 400) return status;
    const [{ code, source }] = body.errors;
    expect(status).toBe(ERRORS[code as keyof typeof ERRORS][0]);
    return [code, source?.header];
  });

describe('requests that two readers could understand differently', () => {
  const get = (fields: string[]) => requestOf('GET', `${S}/roles`, fields);

  test.each([
    ['two Host fields', () => get(['Host: a', 'Host: b', auth(), CLOSE]), 'Host'],
    ['two Host fields that agree', () => get(['Host: a', 'Host: a', auth(), CLOSE]), 'Host'],
    ['no Host field', () => `GET ${S}/roles HTTP/1.1\r\n${auth()}\r\n${CLOSE}\r\n\r\n`, 'Host'],
    ['two Authorization fields', () => get([auth(), 'Authorization: x', CLOSE]), 'Authorization'],
    [
      'two Authorization fields, of which the first is wrong',
      () => get(['authorization: x', auth(), CLOSE]),
      'Authorization',
    ],
  ])('%s are 400', async (_title, bytes, header) => {
    expect(seen(await talk(app.port, bytes()))).toEqual([['malformed_request', header]]);
  });

  test.each([
    ['an unknown Transfer-Encoding', ['Transfer-Encoding: xchunked']],
    ['another coding before chunked', ['Transfer-Encoding: gzip, chunked']],
    ['chunked before another coding', ['Transfer-Encoding: chunked, gzip']],
    ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
    ['chunked beside a length', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
    ['a length beside chunked', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
    ['two lengths', ['Content-Length: 0', 'Content-Length: 5']],
    ['a length below zero', ['Content-Length: -1']],
    ['a length that is no number', ['Content-Length: 0x5']],
    ['a length in two parts', ['Content-Length: 0, 5']],
    ['a length with a sign', ['Content-Length: +5']],
    ['a blank before the colon', ['Transfer-Encoding : chunked']],
    ['a folded line', ['X-A: b\r\n Transfer-Encoding: chunked']],
    ['a null character in a value', ['X-A: a\0b']],
    ['a line feed alone in a value', ['X-A: a\nContent-Length: 5']],
    ['a field without a colon', ['nonsense']],
  ])('%s is 400, and what stands behind it is not read', async (_title, fields) => {
    const hidden = requestOf(
      'POST',
      `${S}/users`,
      [JSON_TYPE, auth()],
      JSON.stringify(document('users', { email: 'hidden@example.com' })),
    );
    const { answers } = await talk(app.port, [
      requestOf('POST', `${S}/users`, [auth(), JSON_TYPE, ...fields]),
      `0\r\n\r\n`,
      hidden,
      livez(),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([400]);
    expect(answers[0]?.body.errors[0].code).toBe('malformed_request');
  });

  test('requests one behind the other are answered in their order', async () => {
    const paths = [`${S}/roles`, '/nowhere', `${S}/me`, '/livez'];
    const requests = paths.map((path, i) => requestOf('GET', path, [auth(), ...(i === 3 ? [CLOSE] : [])]));
    const { answers } = await talk(app.port, requests);
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 200, 200]);
    expect(answers.map(({ body }) => body.links?.self ?? body.status)).toEqual([
      `${S}/roles`,
      undefined,
      `${S}/me`,
      'ok',
    ]);
  });
});

describe('what is not HTTP', () => {
  test.each([
    ['a word', 'hello\r\n\r\n'],
    ['an unknown method', 'FOO / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a method in small letters', 'get / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a target without a slash', 'GET public/v2/users HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['another protocol', 'GET / FTP/1.0\r\n\r\n'],
    ['a version that does not exist', 'GET / HTTP/7.9\r\nHost: x\r\n\r\n'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['the beginning of TLS', Buffer.from('160301020001000001fc0303', 'hex')],
    ['zeros', Buffer.alloc(64)],
  ])('%s is 400, and the connection ends', async (_title, bytes) => {
    expect(seen(await talk(app.port, bytes))).toEqual([['malformed_request', undefined]]);
  });

  test('a client that says nothing and goes is not answered', async () => {
    expect((await talk(app.port, '', { end: true })).answers).toEqual([]);
  });

  test('one byte a second is cut off', async () => {
    const { answers, ms } = await slow;
    expect(answers.map(({ body }) => body.errors[0].code)).toEqual(['request_timeout']);
    expect(ms).toBeLessThan(8_000);
  });
});

describe('sizes', () => {
  test('a URL of 9 kB is 414, one of 20 kB is 431', async () => {
    const of = (length: number) => requestOf('GET', `${S}/roles?filter[name]=`.padEnd(length, 'x'), [auth()]);
    expect(seen(await talk(app.port, [of(9_000), livez()]))).toEqual([['uri_too_long', undefined], 200]);
    expect(seen(await talk(app.port, of(20_000)))).toEqual([['headers_too_large', undefined]]);
  });

  test.each([
    ['one field', [`X-Large: ${'x'.repeat(20_000)}`]],
    ['a thousand fields', Array.from({ length: 1_000 }, (_, i) => `X-Field-${i}: some value`)],
    ['a credential', [`Authorization: ${'x'.repeat(20_000)}`]],
  ])('20 kB of header fields are 431: %s', async (_title, fields) => {
    expect(seen(await talk(app.port, requestOf('GET', `${S}/roles`, fields)))).toEqual([
      ['headers_too_large', undefined],
    ]);
  });

  test('a body of 1 MiB + 1 is 413, with a length and in chunks, and the connection goes on', async () => {
    const body = ' '.repeat(1_048_577);
    expect(seen(await talk(app.port, [creation([], body), livez()]))).toEqual([['too_large', undefined], 200]);
    const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    expect(seen(await talk(app.port, [creation(['Transfer-Encoding: chunked'], chunks), livez()]))).toEqual([
      ['too_large', undefined],
      200,
    ]);
  });

  test('a body of exactly 1 MiB is read', async () => {
    const body = JSON.stringify(document('users', { email: 'no address' })).padEnd(1_048_576, ' ');
    expect(seen(await talk(app.port, creation([CLOSE], body)))).toEqual([['invalid_format', undefined]]);
  });

  test('a length of many terabytes is refused before anything is read', async () => {
    const bytes = creation(['Content-Length: 9007199254740991', CLOSE], 'x');
    expect(seen(await talk(app.port, bytes))).toEqual([['too_large', undefined]]);
  });
});

describe('bodies that do not fit their header fields', () => {
  test('one that ends before its length is 400, once', async () => {
    expect(seen(await talk(app.port, creation(['Content-Length: 200'], '{"data":'), { end: true }))).toEqual([
      ['malformed_request', undefined],
    ]);
    expect(
      seen(await talk(app.port, creation(['Transfer-Encoding: chunked'], '50\r\n{"data":'), { end: true })),
    ).toEqual([['malformed_request', undefined]]);
  });

  test('one whose request was answered already has no second answer', async () => {
    const bytes = requestOf('POST', `${S}/users`, ['Content-Type: text/plain', auth(), 'Content-Length: 200'], 'x');
    expect(seen(await talk(app.port, bytes, { end: true }))).toEqual([['unsupported_media_type', 'Content-Type']]);
  });

  test('one with a broken chunk is 400', async () => {
    for (const chunks of ['zz\r\n', '5\r\nabc\r\n0\r\n\r\n', 'fffffffffffffffffff\r\n', '-1\r\n'])
      expect(seen(await talk(app.port, creation(['Transfer-Encoding: chunked'], chunks)))).toEqual([
        ['malformed_request', undefined],
      ]);
  });

  test.each(['gzip', 'deflate', 'br', 'zstd', 'x', 'gzip, gzip'])('Content-Encoding: %s is 415', async (coding) => {
    const bytes = creation([`Content-Encoding: ${coding}`, CLOSE]);
    expect(seen(await talk(app.port, bytes))).toEqual([['unsupported_media_type', 'Content-Encoding']]);
  });

  test('one without Content-Type is 415 [CN-10]', async () => {
    const bytes = requestOf('POST', `${S}/users`, [auth(), CLOSE], '{}');
    expect(seen(await talk(app.port, bytes))).toEqual([['unsupported_media_type', 'Content-Type']]);
  });

  test('an Expect that is not known is no reason to refuse, 100-continue is answered', async () => {
    const body = JSON.stringify(document('users', { email: 'no address' }));
    expect(seen(await talk(app.port, creation(['Expect: the-best', CLOSE], body)))).toEqual([
      ['invalid_format', undefined],
    ]);
    const { answers } = await talk(app.port, creation(['Expect: 100-continue', CLOSE], body));
    expect(answers.map(({ status }) => status)).toEqual([100, 422]);
  });

  test('a GET with a body is a GET', async () => {
    const bytes = requestOf('GET', `${S}/me`, [auth()], '{"data":1}');
    expect(seen(await talk(app.port, [bytes, livez()]))).toEqual([200, 200]);
  });
});

describe('targets', () => {
  test.each([
    ['bad percent-encoding', `${S}/users/%E0%A4%A`, 400],
    ['bad percent-encoding outside every surface', '/%', 400],
    ['an overlong slash', `${S}/users/%C0%AF`, 400],
    ['a null character', `${S}/users/%00`, 404],
    ['a way up', `${S}/../../../../etc/passwd`, 404],
    ['an encoded way up', `${S}/%2e%2e/%2e%2e/etc/passwd`, 404],
    ['backslashes', `${S}\\..\\users`, 404],
    ['two slashes in front', `/${S}/users`, 404],
    ['a matrix parameter', `${S}/users;a=b`, 404],
    ['a fragment', `${S}/users#x`, 404],
    ['a method as target', '*', 404],
    ['raw bytes above ASCII', `${S}/users/\u00e4`, 400],
    ['a query in the path', `${S}/users%3Fpage[size]=1`, 404],
    ['an id with a line break', `${S}/users/%0d%0aX-Injected:%20yes`, 404],
    ['an id of SQL', `${S}/users/1;drop%20table%20users`, 404],
    ['an id of 8,000 letters', `${S}/users/${'x'.repeat(8_000)}`, 404],
    ['a number as id', `${M}/organizations/18446744073709551616`, 404],
  ])('%s is an error document', async (_title, target, expected) => {
    const { answers } = await talk(app.port, requestOf('GET', target, [auth(), CLOSE]));
    expect(answers.map(({ status }) => status)).toEqual([expected]);
    expect(answers[0]?.headers).not.toHaveProperty('x-injected');
  });
});
