import { BlockList, isIPv4, isIPv6 } from 'node:net';

const RANGE = /^([^/]+)(?:\/(0|[1-9]\d{0,2}))?$/;
const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');

/**
 * Whether a text is an IPv4 or IPv6 address or a CIDR range of either. Without zones, which are of one machine only;
 * IPv4 written as IPv6 would never fit, since clients are compared in their plain form.
 */
export function isAddressRange(text: string): boolean {
  const [, address = '', bits] = RANGE.exec(text) ?? [];
  if (isIPv4(address)) return Number(bits ?? 32) <= 32;
  return isIPv6(address) && !address.includes('%') && !MAPPED.check(address, 'ipv6') && Number(bits ?? 128) <= 128;
}

/** The addresses that are in one of these ranges; null for no ranges, which stand for any address. */
export function readAddresses(ranges: readonly string[]): BlockList | null {
  if (ranges.length === 0) return null;
  const addresses = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) addresses.addAddress(address, family);
    else addresses.addSubnet(address, Number(bits), family);
  }
  return addresses;
}

/** @param ip as the connection or a proxy names it: IPv4 maybe as IPv6, IPv6 maybe with a zone */
export function includesAddress(addresses: BlockList, ip: string): boolean {
  const plain = ip.replace(/^::ffff:(?=[\d.]+$)/i, '').replace(/%.*$/, '');
  return addresses.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}
