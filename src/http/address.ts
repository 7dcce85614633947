import { isIPv4, isIPv6 } from 'node:net';
import type { Request } from 'express';
import type { Services } from '../context';

/** The address of the client, behind as many proxies as TRUST_PROXY says; Express's getter costs more than the rest. */
export function clientAddress({ config }: Services, req: Request): string {
  const address = config.trustProxy === 0 ? req.socket.remoteAddress : req.ip;
  return address ?? '0.0.0.0';
}

/**
 * Whom an address stands for: an IPv4 address for itself, also when it is written as IPv6; an IPv6 address for its /64,
 * since who has one of those has them all. Whatever a proxy writes that is no address is one and the same.
 */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=[\d.]+$)/i, '');
  if (isIPv4(plain)) return plain;
  const [bare = ''] = plain.split('%', 1);
  if (!isIPv6(bare)) return 'unknown';
  const [before, after] = bare.split('::').map((part) => (part === '' ? [] : part.split(':'))) as [string[], string[]?];
  // The last four bytes may be written as IPv4.
  const given = before.length + (after?.length ?? 0) + (bare.includes('.') ? 1 : 0);
  const groups = after === undefined ? before : [...before, ...Array(8 - given).fill('0'), ...after];
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}
