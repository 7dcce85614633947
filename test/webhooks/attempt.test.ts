import { makeAttempt } from '../../src/webhooks/attempt';
import { makeEgress, startReceiver } from '../egress/servers';

const signed = { 'webhook-id': 'evt_1', 'webhook-timestamp': '1700000000', 'webhook-signature': 'v1,abc=' };
const input = { body: Buffer.from('{"é":1}'), signed, headers: {}, timeoutMs: 5_000 };

test('an attempt is a POST of the signed bytes with the headers of Standard Webhooks (domain sheet 9.5)', async () => {
  const receiver = await startReceiver((_request, response) => response.end('thanks'));
  const result = await makeAttempt(makeEgress(), { ...input, url: `http://a.example:${receiver.port}/hook?x=1` });
  expect(receiver.requests[0]).toMatchObject({ method: 'POST', url: '/hook?x=1' });
  expect(receiver.bodies).toEqual([input.body]);
  const { headers } = receiver.requests[0] as { headers: Record<string, string> };
  expect(headers).toEqual({
    ...signed,
    'content-type': 'application/json',
    'content-length': '8',
    'user-agent': expect.stringMatching(/^Guildhall\/\d+\.\d+\.\d+\S* \(webhooks\)$/),
    host: `a.example:${receiver.port}`,
    connection: 'keep-alive',
  });
  expect(result).toMatchObject({
    error: null,
    statusCode: 200,
    responseBody: 'thanks',
    truncated: false,
    requestHeaders: { ...signed, 'content-type': 'application/json', 'user-agent': headers['user-agent'] },
  });
  expect(Object.keys(result.responseHeaders)).toEqual(expect.not.arrayContaining(['connection', 'keep-alive']));
});

test('headers of the endpoint are sent, and stored without their secrets (INV-30)', async () => {
  const receiver = await startReceiver((_request, response) => response.end());
  const result = await makeAttempt(makeEgress(), {
    ...input,
    url: `http://a.example:${receiver.port}/`,
    signed: { ...signed, 'X-Old-Signature': 'ab12' },
    headers: {
      Authorization: 'Bearer s3cret',
      'X-API-Key': 's3cret',
      'X-Tenant': 'blue',
      'User-Agent': 'own/1',
      'Webhook-Id': 'forged',
      'content-type': 'text/plain',
    },
  });
  expect(receiver.requests[0]?.headers).toMatchObject({
    ...signed,
    authorization: 'Bearer s3cret',
    'x-api-key': 's3cret',
    'x-tenant': 'blue',
    'user-agent': 'own/1',
    'x-old-signature': 'ab12',
    'content-type': 'application/json',
  });
  expect(result.requestHeaders).toEqual({
    ...signed,
    authorization: '***',
    'x-api-key': '***',
    'x-tenant': 'blue',
    'user-agent': 'own/1',
    'x-old-signature': 'ab12',
    'content-type': 'application/json',
  });
  expect(JSON.stringify(result)).not.toContain('s3cret');
});

test('of the answer’s headers a few are kept, and not more than 1,024 characters of each', async () => {
  const receiver = await startReceiver((_request, response) =>
    response
      .writeHead(503, {
        'retry-after': '120',
        'webhook-delivery': 'disable',
        'x-request-id': 'a'.repeat(2_000),
        'set-cookie': 'session=1',
        'x-internal': 'no',
      })
      .end(),
  );
  const result = await makeAttempt(makeEgress(), { ...input, url: `http://a.example:${receiver.port}/` });
  expect(result).toMatchObject({ statusCode: 503, error: 'http_status' });
  expect(result.responseHeaders).toEqual({
    date: expect.any(String),
    'retry-after': '120',
    'webhook-delivery': 'disable',
    'x-request-id': 'a'.repeat(1_024),
  });
});

test.each([
  ['UTF-8', Buffer.from('grün 🙂'), 'grün 🙂'],
  ['a byte order mark', Buffer.from('\ufeffa'), '\ufeffa'],
  ['bytes that are no UTF-8', Buffer.from([0x61, 0xff, 0x62]), 'a\ufffdb'],
  ['NUL', Buffer.from('a\0b'), 'a\ufffdb'],
  ['nothing', Buffer.alloc(0), ''],
  ['half a character', Buffer.from([0x61, 0xc3]), 'a\ufffd'],
  ['a character that the limit cuts in two', Buffer.from(`${'x'.repeat(16_383)}é!`), 'x'.repeat(16_383)],
])('a body of %s is text that can be stored', async (_title, bytes, text) => {
  const receiver = await startReceiver((_request, response) => response.end(bytes));
  const result = await makeAttempt(makeEgress(), { ...input, url: `http://a.example:${receiver.port}/` });
  expect(result).toMatchObject({ error: null, responseBody: text, truncated: bytes.length > 16_384 });
});

test('an attempt that gets no answer says why and where', async () => {
  const egress = makeEgress({ webhookAllowCidrs: [] });
  expect(await makeAttempt(egress, { ...input, url: 'http://127.1/' })).toMatchObject({
    error: 'blocked_address',
    statusCode: null,
    remoteAddress: '127.0.0.1',
    responseHeaders: {},
    responseBody: null,
    truncated: false,
  });
});

test('a process that stops ends its attempts: aborted', async () => {
  const stop = new AbortController();
  const receiver = await startReceiver(() => stop.abort());
  const url = `http://a.example:${receiver.port}/`;
  expect(await makeAttempt(makeEgress(), { ...input, url, signal: stop.signal })).toMatchObject({ error: 'aborted' });
});
