import { type BlockList, isIP } from 'node:net';
import { IPv6 } from 'ipaddr.js';
import { includesAddress, readAddresses } from '../addresses';

const list = (...ranges: string[]) => readAddresses(ranges) as BlockList;

/** IANA's special-purpose registry, multicast and the reserved rest; and what a cloud answers to its own machines. */
const NOT_PUBLIC_V4 = list(
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32', // Azure's platform, reached from every machine there
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4', // with 255.255.255.255
);
const GLOBAL_UNICAST = list('2000::/3');
/** What of it leads elsewhere or nowhere: Teredo, benchmarks, ORCHID (all in 2001::/23), 6to4, documentation. */
const NOT_PUBLIC_V6 = list('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20');

/** Which addresses may be called (INV-41): public ones, and those that the operator allows. */
export class AddressRules {
  private readonly allowed: BlockList | null;

  /** @param ranges as `isAddressRange` takes them */
  constructor(ranges: readonly string[]) {
    this.allowed = readAddresses(ranges);
  }

  /** @param address in its textual form; one with a zone is never allowed */
  permits(address: string): boolean {
    const family = isIP(address);
    if (family === 0 || address.includes('%')) return false;
    if (this.isAllowed(address)) return true;
    if (family === 4) return !includesAddress(NOT_PUBLIC_V4, address);
    const inside = embeddedAddress(address);
    if (inside !== null) return this.isAllowed(inside);
    return includesAddress(GLOBAL_UNICAST, address) && !includesAddress(NOT_PUBLIC_V6, address);
  }

  private isAllowed(address: string): boolean {
    return this.allowed !== null && includesAddress(this.allowed, address);
  }
}

/**
 * The IPv4 address that an IPv6 one stands for: mapped, compatible or behind a NAT64. They are refused although the inner
 * one may be public, since no name needs them; only the operator's list is asked for the inner one.
 */
function embeddedAddress(address: string): string | null {
  const bytes = IPv6.parse(address).toByteArray();
  const head = Buffer.from(bytes.slice(0, 12)).toString('hex');
  const inner = bytes.slice(12).join('.');
  // `::` and `::1` have the form of compatible addresses and are none.
  if (head === '0'.repeat(24)) return inner === '0.0.0.0' || inner === '0.0.0.1' ? null : inner;
  const isMapped = head === `${'0'.repeat(20)}ffff`;
  const isTranslated = head === '0064ff9b0000000000000000';
  return isMapped || isTranslated ? inner : null;
}
