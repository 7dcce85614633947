import { AddressRules } from '../../src/egress/addressRules';
import { makeEgress, resolveTo, send } from './servers';

/** By range, with its first and last address where they are not plain. */
const NOT_PUBLIC = [
  '0.0.0.0',
  '0.255.255.255',
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.0',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.255',
  '168.63.129.16',
  '169.254.169.254',
  '172.16.0.0',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.0.1',
  '192.168.255.255',
  '198.18.0.0',
  '198.19.255.255',
  '198.51.100.7',
  '203.0.113.7',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::2',
  '::7f00:1',
  '::127.0.0.1',
  '::8.8.8.8',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::FFFF:8.8.8.8',
  '::ffff:0:127.0.0.1',
  '64:ff9b::127.0.0.1',
  '64:ff9b::8.8.8.8',
  '64:ff9b:1::7f00:1',
  '64:ff9b:1:7f00:0:100::',
  '100::1',
  '2001::1',
  '2001:0:7f00:1::',
  '2001:2::1',
  '2001:10::1',
  '2001:20::1',
  '2001:1ff:ffff::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '2002:808:808::1',
  '3fff::1',
  '3fff:fff:ffff::1',
  '4000::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  '2606:4700::1111%eth0',
  'fec0::1',
  'ff02::1',
  'ffff::1',
];
const PUBLIC = [
  '1.0.0.1',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.1',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.1',
  '192.167.255.255',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '2001:200::1',
  '2001:4860:4860::8888',
  '2001:db7:ffff::1',
  '2003::1',
  '2606:4700::1111',
  '3ffe::1',
  '3fff:1000::1',
];

describe('without anything that the operator allows', () => {
  const rules = new AddressRules([]);
  test.each(NOT_PUBLIC)('%s may not be called (INV-41)', (address) => expect(rules.permits(address)).toBe(false));
  test.each(PUBLIC)('%s may be called', (address) => expect(rules.permits(address)).toBe(true));
  test.each(['', 'localhost', '127.1', '0x7f000001', '2130706433', '8.8.8.8 ', '[::1]', '8.8.8.8/32', '08.8.8.8'])(
    '%j is no address, and may not be called',
    (text) => expect(rules.permits(text)).toBe(false),
  );
});

test.each([
  ['127.0.0.0/8', '127.9.9.9', true],
  ['127.0.0.0/8', '::ffff:127.0.0.1', true],
  ['127.0.0.0/8', '::ffff:7f00:1', true],
  ['127.0.0.0/8', '::127.0.0.1', true],
  ['127.0.0.0/8', '64:ff9b::127.0.0.1', true],
  ['127.0.0.0/8', '64:ff9b::10.0.0.1', false],
  ['127.0.0.0/8', '2002:7f00:1::', false],
  ['127.0.0.0/8', '2001:0:7f00:1::', false],
  ['127.0.0.0/8', '::1', false],
  ['127.0.0.0/8', '10.0.0.1', false],
  ['127.0.0.0/8', '8.8.8.8', true],
  ['0.0.0.0/8', '::1', false],
  ['0.0.0.0/8', '::', false],
  ['10.1.2.3', '10.1.2.3', true],
  ['10.1.2.3', '10.1.2.4', false],
  ['::1/128', '::1', true],
  ['::1/128', '127.0.0.1', false],
  ['fe80::/10', 'fe80::1', true],
  ['fe80::/10', 'fe80::1%eth0', false],
  ['64:ff9b::/96', '64:ff9b::8.8.8.8', true],
])('with %s allowed, %s may be called: %s', (range, address, may) => {
  expect(new AddressRules([range]).permits(address)).toBe(may);
});

/** Hosts that end at this machine or its network, in every way to write them. */
const HOSTS = [
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0x7F.0x0.0x0.0x1',
  '0177.0.0.1',
  '017700000001',
  '0177.0.0.0x1',
  '%31%32%37.0.0.1',
  '①②⑦.0.0.1',
  '１２７.０.０.１',
  '127。0。0。1',
  '0',
  '0x0',
  '10.1',
  '167772161',
  '0xA9FEA9FE',
  '169.254.43518',
  '192.168.257',
  '4294967295',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b::169.254.169.254]',
  '[2002:7f00:1::]',
  '[2001:0:7f00:1::]',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '[ff02::1]',
  '[2001:db8::1]',
];

describe.each([
  ...HOSTS,
  'localhost',
  'LOCALHOST',
  'localhost.',
  'ｌｏｃａｌｈｏｓｔ',
  'db.localhost',
  'db.localhost.',
])('https://%s/', (host) => {
  test('is refused when it is saved, and never looked up (INV-41)', async () => {
    const resolve = jest.fn(resolveTo('8.8.8.8'));
    const egress = makeEgress({ webhookAllowCidrs: [], resolve });
    const fault = { code: 'blocked_address', detail: 'names an address that is not public' };
    expect(egress.checkUrl(new URL(`https://${host}/`))).toEqual(fault);
    expect(await egress.checkHost(new URL(`https://user-of-it.example@${host}/`))).toEqual({
      code: 'not_allowed',
      detail: 'must not hold a user name or password',
    });
    expect(await egress.checkHost(new URL(`https://${host}/`))).toEqual(fault);
    expect(resolve).not.toHaveBeenCalled();
  });

  test('is refused at the attempt, without an answer', async () => {
    const egress = makeEgress({ webhookAllowCidrs: [] });
    expect(await send(egress, `https://${host}/`)).toMatchObject({
      error: 'blocked_address',
      statusCode: null,
      responseBody: null,
      responseHeaders: {},
    });
  });
});

test('a refused attempt tells the address in its usual form', async () => {
  const egress = makeEgress({ webhookAllowCidrs: [] });
  expect((await send(egress, 'http://0x7f.1/')).remoteAddress).toBe('127.0.0.1');
  expect((await send(egress, 'http://[0::ffff:127.0.0.1]/')).remoteAddress).toBe('::ffff:7f00:1');
});

describe('checkUrl', () => {
  const egress = makeEgress({ webhookAllowCidrs: [], webhookAllowHttp: 'no' });
  test.each([
    ['http://example.com/', 'must be https'],
    ['ftp://example.com/', 'must be https'],
    ['file:///etc/passwd', 'must be https'],
    ['javascript:alert(1)', 'must be https'],
    ['data:text/plain,x', 'must be https'],
    ['https://user@example.com/', 'must not hold a user name or password'],
    ['https://:pass@example.com/', 'must not hold a user name or password'],
    ['https://8.8.8.8@127.0.0.1/', 'must not hold a user name or password'],
  ])('%s %s', (url, detail) => expect(egress.checkUrl(new URL(url))).toEqual({ code: 'not_allowed', detail }));

  test.each([
    'https://example.com/hook?a=b',
    'https://8.8.8.8:8443/',
    'https://[2606:4700::1111]/',
    'https://notlocalhost/',
    'https://localhost.example.com/',
    'https://127.0.0.1.example.com/',
  ])('%s is fine', (url) => expect(egress.checkUrl(new URL(url))).toBeUndefined());

  test.each([
    ['loopback', 'http://localhost:3000/', true],
    ['loopback', 'http://app.localhost/', true],
    ['loopback', 'http://127.0.0.1/', true],
    ['loopback', 'http://[::1]/', true],
    ['loopback', 'http://127.example.com/', false],
    ['loopback', 'http://example.com/', false],
    ['loopback', 'https://example.com/', true],
    ['no', 'http://localhost:3000/', false],
    ['no', 'https://localhost:3000/', true],
    ['yes', 'http://example.com/', true],
  ] as const)('with loopback allowed and http %s, %s is fine: %s', (webhookAllowHttp, url, isFine) => {
    const fault = makeEgress({ webhookAllowHttp }).checkUrl(new URL(url));
    expect(fault).toEqual(isFine ? undefined : { code: 'not_allowed', detail: 'must be https' });
  });

  test('what it refuses is not sent either', async () => {
    const resolve = jest.fn(resolveTo('127.0.0.1'));
    const strict = makeEgress({ webhookAllowHttp: 'no', resolve });
    for (const url of ['http://example.com/', 'ftp://example.com/', 'https://user@example.com/']) {
      expect(await send(strict, url)).toMatchObject({ error: 'blocked_address', remoteAddress: null });
    }
    expect(resolve).not.toHaveBeenCalled();
  });
});

describe('checkHost', () => {
  const check = (...addresses: string[]) =>
    makeEgress({ webhookAllowCidrs: [], resolve: resolveTo(...addresses) }).checkHost(new URL('https://example.com/'));
  const fault = { code: 'blocked_address', detail: 'names an address that is not public' };

  test('refuses a name when any of its addresses is not public', async () => {
    expect(await check('8.8.8.8', '2606:4700::1111')).toBeUndefined();
    expect(await check('8.8.8.8', '10.0.0.1')).toEqual(fault);
    expect(await check('2606:4700::1111', '::ffff:127.0.0.1', '8.8.8.8')).toEqual(fault);
    expect(await check('fe80::1%eth0')).toEqual(fault);
  });

  test('takes a name that nobody knows', async () => {
    const resolve = () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }));
    const egress = makeEgress({ webhookAllowCidrs: [], resolve });
    expect(await egress.checkHost(new URL('https://example.com/'))).toBeUndefined();
    expect(await check()).toBeUndefined();
  });

  test('does not wait for a silent server of names', async () => {
    const egress = makeEgress({ webhookAllowCidrs: [], resolve: () => new Promise(() => undefined) });
    const started = performance.now();
    expect(await egress.checkHost(new URL('https://example.com/'))).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('asks the system when no other resolver is given', async () => {
    const egress = makeEgress({ webhookAllowCidrs: ['127.0.0.1', '::1'], resolve: undefined });
    expect(await egress.checkHost(new URL('https://localhost/'))).toBeUndefined();
    expect(await egress.checkHost(new URL('https://name.invalid/'))).toBeUndefined();
  });
});
