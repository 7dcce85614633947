import { includesAddress, isAddressRange, readAddresses } from '../../src/addresses';

test.each([
  '192.0.2.1',
  '192.0.2.0/24',
  '192.0.2.77/24',
  '0.0.0.0/0',
  '192.0.2.1/32',
  '2001:db8::1',
  '2001:db8::/32',
  '::/0',
  '::1/128',
  '::192.0.2.1',
])('%s is an address or a range, and can be looked up in', (range) => {
  expect(isAddressRange(range)).toBe(true);
  expect(() => readAddresses([range])).not.toThrow();
});

test.each([
  '',
  'localhost',
  '192.0.2',
  '192.0.2.256',
  '192.0.2.1/33',
  '192.0.2.1/',
  '192.0.2.1/08',
  '192.0.2.1/-1',
  '192.0.2.1/1.5',
  '192.0.2.1/24/24',
  '192.0.2.1/255.255.255.0',
  '010.0.0.1',
  '0x7f.1',
  '2001:db8::/129',
  '2001:db8:::1',
  'fe80::1%eth0',
  'fe80::1%eth0/64',
  '::ffff:192.0.2.1',
  '::FFFF:c000:201',
  '::ffff:0:0/96',
  ' 192.0.2.1',
  '192.0.2.1 ',
  '192.0.2.1\n',
  '*',
])('%j is neither', (range) => expect(isAddressRange(range)).toBe(false));

test.each([
  ['192.0.2.0/24', '192.0.2.255', true],
  ['192.0.2.77/24', '192.0.2.1', true],
  ['192.0.2.0/24', '192.0.3.0', false],
  ['192.0.2.1', '::ffff:192.0.2.1', true],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['::/0', '2001:db8::1', true],
  ['2001:db8::/32', '2001:DB8:0:0::1', true],
  ['2001:db8::/32', '2001:db9::1', false],
  ['fe80::/10', 'fe80::1%eth0', true],
])('in %s is %s: %s', (range, ip, is) => {
  const addresses = readAddresses(['198.51.100.7', range]);
  expect(addresses !== null && includesAddress(addresses, ip)).toBe(is);
});

test('no ranges are no limit', () => expect(readAddresses([])).toBeNull());
