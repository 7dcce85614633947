import type { Request } from 'express';
import type { Caller, Services } from '../context';
import { AppError } from '../errors';

const SCHEME = /^bearer +/i;

/**
 * Who sends the request: `Authorization: <credential>` or `Authorization: Bearer <credential>`.
 * @throws AppError 401 without a valid credential, `partner_suspended`
 */
export function authenticate(services: Services, req: Request): Caller | Promise<Caller> {
  const { authorization } = req.headers;
  if (authorization === undefined || authorization.trim() === '') {
    throw new AppError('missing_credential', 'Send a key in Authorization.', { header: 'Authorization' });
  }
  return services.callers.find(authorization.replace(SCHEME, '').trim(), clientAddress(services, req));
}

/** The address of the client, behind as many proxies as TRUST_PROXY says; Express's getter costs more than the rest. */
function clientAddress({ config }: Services, req: Request): string {
  const address = config.trustProxy === 0 ? req.socket.remoteAddress : req.ip;
  return address ?? '0.0.0.0';
}
