import { isReservedHeader, isSecretHeader, isSendableHeader, maskHeaders } from '../../src/webhooks/headers';

test.each([
  'authorization',
  'X-Auth',
  'x-api-key',
  'X-Access-Token',
  'cookie',
  'X-Client-Secret',
  'x-password',
  'X-Hub-Signature-256',
  'session-id',
])('the value of %s is masked', (name) => {
  expect(isSecretHeader(name)).toBe(true);
  expect(maskHeaders({ [name]: 'value' })).toEqual({ [name]: '***' });
});

test.each(['x-tenant', 'user-agent', 'accept', 'x-request-id', 'webhook-signature', 'Webhook-Id', 'webhook-timestamp'])(
  'the value of %s is shown',
  (name) => {
    expect(isSecretHeader(name)).toBe(false);
    expect(maskHeaders({ [name]: 'value' })).toEqual({ [name]: 'value' });
  },
);

test.each([
  'Host',
  'connection',
  'Keep-Alive',
  'TE',
  'trailer',
  'Transfer-Encoding',
  'upgrade',
  'expect',
  'Proxy-Authorization',
  'Content-Length',
  'content-type',
  'Content-Anything',
  'Webhook-Id',
  'webhook-own',
])('an endpoint may not set %s', (name) => expect(isReservedHeader(name)).toBe(true));

test.each(['authorization', 'x-content-type', 'user-agent', 'accept', 'hostname', 'my-webhook-id'])(
  'an endpoint may set %s',
  (name) => expect(isReservedHeader(name)).toBe(false),
);

test.each([
  ['x-a', '', true],
  ['x-a', 'b', true],
  ["!#$%&'*+.^_`|~-", 'a b\tc', true],
  ['', 'b', false],
  ['x a', 'b', false],
  ['x-a:', 'b', false],
  ['x-ä', 'b', false],
  ['x-a', 'b\r\nc: d', false],
  ['x-a', 'b\n', false],
  ['x-a', ' b', false],
  ['x-a', 'b ', false],
  ['x-a', '\0', false],
  ['x-a', 'ä', false],
  ['x-a', '€', false],
])('%j: %j can be sent: %s', (name, value, can) => expect(isSendableHeader(name, value)).toBe(can));
