import type { Request } from 'express';
import type { Services } from '../context';
import type { Origin } from '../db/shape';
import { clientAddress } from './address';

/** A token in a path: of an invitation that is accepted. */
const TOKEN_IN_PATH = /\/inv_[^/]*/g;
/** Characters of what is kept of a path and a user agent. */
const MOST_KEPT = 512;

/** What is stored of a path: secrets are in no record (INV-30). */
export function withoutToken(path: string): string {
  const plain = path.includes('%') ? decoded(path) : path;
  return plain.search(TOKEN_IN_PATH) < 0 ? path : plain.replace(TOKEN_IN_PATH, '/{token}');
}

/** With each character in the one form that it has in a path, however the client has written it. */
function decoded(path: string): string {
  try {
    return encodeURI(decodeURIComponent(path));
  } catch {
    return path;
  }
}

/** Where a request comes from; looked up when it is asked for. */
export const originOf = (services: Services, req: Request) => (): Origin => ({
  ip: clientAddress(services, req),
  userAgent: req.headers['user-agent']?.slice(0, MOST_KEPT) ?? null,
  method: req.method,
  path: withoutToken(req.originalUrl.split('?', 1)[0] as string).slice(0, MOST_KEPT),
});
