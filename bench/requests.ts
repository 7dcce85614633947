import { randomUUID } from 'node:crypto';
import { MEDIA_TYPE } from './barePage';
import { BUSY_PASSWORD, BUSY_USER } from './fill';

const ATOMIC_TYPE = `${MEDIA_TYPE};ext="https://jsonapi.org/ext/atomic"`;
/** Operations of one atomic request. */
export const OPERATIONS = 10;

/** What the load sends, as plain data: it is made into requests in the process that sends them. */
export interface Plan {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** In turn. */
  readonly paths: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  /** In turn with the paths, instead of the one that the server's requests have. */
  readonly credentials?: readonly string[];
  /** Ids of the wallets that the bodies name, in turn with the paths. */
  readonly wallets?: readonly string[];
  readonly body?: keyof typeof BODIES;
  /** Whether each request has an Idempotency-Key of its own. */
  readonly keyed?: boolean;
}

const organization = (name: string, _path: string) => ({ data: { type: 'organizations', attributes: { name } } });
const rename = (name: string, path: string) => ({
  data: { type: 'organizations', id: path.slice(path.lastIndexOf('/') + 1), attributes: { name } },
});
const user = (name: string, _path: string) => ({
  data: { type: 'users', attributes: { email: `${name.replaceAll(' ', '-')}@example.com`, name } },
});
const users = (name: string, path: string) => ({
  'atomic:operations': Array.from({ length: OPERATIONS }, (_, i) => ({ op: 'add', ...user(`${name} ${i}`, path) })),
});

const session = () => ({
  data: { type: 'accessTokens', attributes: { email: BUSY_USER, password: BUSY_PASSWORD } },
});

const posting = (attributes: object) => (_name: string, _path: string, wallet: string) => ({
  data: {
    type: 'walletTransactions',
    attributes,
    relationships: { wallet: { data: { type: 'wallets', id: wallet } } },
  },
});
const topUp = posting({ kind: 'topup', amount: 137 });
const charge = posting({ kind: 'charge', amount: 137 });
const unitCharge = posting({ kind: 'charge', amount: 137, service: 'sms', quantity: 3 });

/** Documents by the name under which a plan asks for them; each is made for a name that nobody else has. */
const BODIES = { organization, rename, user, users, session, topUp, charge, unitCharge };

export interface PlannedRequest {
  readonly method: Plan['method'];
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

/**
 * @param place in the plan, from 0 on without an end
 * @param name for what is written
 */
export function requestOf(plan: Plan, place: number, name: string): PlannedRequest {
  const { method, paths, credentials = [], wallets = [], body, keyed } = plan;
  const path = paths[place % paths.length] ?? '';
  const headers = { ...plan.headers };
  if (credentials.length > 0) headers.Authorization = `Bearer ${credentials[place % credentials.length]}`;
  if (body === undefined) return { method, path, headers };
  return {
    method,
    path,
    headers: {
      'Content-Type': body === 'users' ? ATOMIC_TYPE : MEDIA_TYPE,
      ...(keyed ? { 'Idempotency-Key': randomUUID() } : {}),
      ...headers,
    },
    body: JSON.stringify(BODIES[body](name, path, wallets[place % wallets.length] ?? '')),
  };
}
