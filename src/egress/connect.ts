import type { LookupAddress } from 'node:dns';
import { connect, isIP, type Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { connect as startTls } from 'node:tls';
import type { AddressRules } from './addressRules';
import type { Deadline } from './deadline';
import { Refusal } from './exchange';

/** Every address of a name. @throws Error when it has none, or nobody knows */
export type Resolve = (hostname: string) => Promise<Pick<LookupAddress, 'address'>[]>;

export interface Route {
  readonly rules: AddressRules;
  readonly resolve: Resolve;
  /** Certificate authorities instead of node's, in PEM. */
  readonly ca?: string;
}

/** More addresses of a name than this are judged, not tried. */
const MOST_TRIED = 4;
/** Milliseconds that an address may be silent while the name has others. */
const PATIENCE_MS = 2_000;

/** The host of a URL without the brackets of an IPv6 address and the dot of a full name. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/**
 * Connects to the host of a URL, with TLS when it is https. No byte is sent before the address at the other end was judged.
 * @param seen gets the address that is tried or refused
 * @throws Refusal, or the reason of the deadline
 */
export async function openSocket(
  url: URL,
  route: Route,
  deadline: Deadline,
  seen: { remoteAddress: string | null },
): Promise<Socket> {
  const host = hostOf(url);
  const isSecure = url.protocol === 'https:';
  const addresses = isIP(host) ? [host] : await addressesOf(host, route.resolve, deadline);
  const refused = addresses.find((address) => !route.rules.permits(address));
  if (refused !== undefined) return refuse(refused, seen);
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port);
  const socket = await connectToOne(addresses.slice(0, MOST_TRIED), port, deadline.signal, seen);
  const remote = socket.remoteAddress;
  if (remote === undefined || !route.rules.permits(remote)) {
    socket.destroy();
    return refuse(remote ?? null, seen);
  }
  seen.remoteAddress = remote;
  return isSecure ? secure(socket, host, route.ca, deadline.signal) : socket;
}

function refuse(address: string | null, seen: { remoteAddress: string | null }): never {
  seen.remoteAddress = address;
  throw new Refusal('blocked_address');
}

async function addressesOf(host: string, resolve: Resolve, deadline: Deadline): Promise<string[]> {
  const answers = await deadline.race(resolve(host)).catch(() => []);
  deadline.signal.throwIfAborted();
  if (answers.length === 0) throw new Refusal('dns_error');
  return [...new Set(answers.map(({ address }) => address))];
}

async function connectToOne(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
  seen: { remoteAddress: string | null },
): Promise<Socket> {
  let failure = new Refusal('connection_refused');
  for (const [index, address] of addresses.entries()) {
    seen.remoteAddress = address;
    const socket = connect({ host: address, port, signal, noDelay: true });
    if (index < addresses.length - 1) {
      socket.setTimeout(PATIENCE_MS, () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
    }
    try {
      await becomes(socket, 'connect');
      socket.setTimeout(0);
      return socket;
    } catch (error) {
      signal.throwIfAborted();
      const isSilent = (error as NodeJS.ErrnoException).code === 'ETIMEDOUT';
      failure = new Refusal(isSilent ? 'timeout' : 'connection_refused');
    }
  }
  throw failure;
}

async function secure(socket: Socket, host: string, ca: string | undefined, signal: AbortSignal): Promise<Socket> {
  const name = isIP(host) ? {} : { servername: host };
  // Said again, because NODE_TLS_REJECT_UNAUTHORIZED would change the default.
  const tls = startTls({ socket, host, ...name, ca, ALPNProtocols: ['http/1.1'], rejectUnauthorized: true });
  addAbortSignal(signal, tls);
  try {
    await becomes(tls, 'secureConnect');
    return tls;
  } catch (error) {
    tls.destroy();
    signal.throwIfAborted();
    const { code } = error as NodeJS.ErrnoException;
    throw new Refusal(code === 'ECONNRESET' || code === 'EPIPE' ? 'connection_reset' : 'tls_error');
  }
}

/** Leaves a listener for errors on the socket: until somebody else has one, they would end the process. */
function becomes(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.on('error', reject);
    socket.once('close', () => reject(Object.assign(new Error(), { code: 'ECONNRESET' })));
  });
}
