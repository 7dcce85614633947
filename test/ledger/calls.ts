import { randomUUID } from 'node:crypto';

// Nothing of the tests is imported: the bench runs this too.
const MEDIA_TYPE = 'application/vnd.api+json';
const S = '/public/v2';
const M = '/public/v2/management';

// biome-ignore lint/suspicious/noExplicitAny: whatever a server sends
export type Body = any;

export const PLATFORM_KEY = 'operator-chosen-key-of-more-than-32-characters';

/** One request that may move money or changes what limits it. */
export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  /** `Idempotency-Key`. */
  readonly key?: string;
  /** `X-Request-Id`, by which its events are found; made when left out. */
  readonly requestId?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Body;
  readonly isReplay: boolean;
  readonly requestId: string;
}

/** @returns undefined when the connection ended without an answer */
export async function call(origin: string, { method, path, body, key, requestId = randomUUID() }: Call) {
  try {
    const answer = await fetch(origin + path, {
      method,
      headers: {
        Authorization: PLATFORM_KEY,
        'X-Request-Id': requestId,
        ...(body === undefined ? {} : { 'Content-Type': path.startsWith(S) ? MEDIA_TYPE : 'application/json' }),
        ...(key === undefined ? {} : { 'Idempotency-Key': key }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      body: text === '' ? undefined : JSON.parse(text),
      isReplay: answer.headers.get('idempotent-replayed') === 'true',
      requestId,
    } as Answer;
  } catch {
    return undefined;
  }
}

/** @throws Error when the answer is no success */
export async function succeed(origin: string, wanted: Call): Promise<Body> {
  const answer = await call(origin, wanted);
  if (answer === undefined || answer.status >= 300) throw new Error(`${wanted.path}: ${JSON.stringify(answer)}`);
  return answer.body;
}

/** All resources of a list. */
export async function list(origin: string, path: string): Promise<Body[]> {
  const found: Body[] = [];
  for (let next: string | null = path; next !== null; ) {
    const { data, links } = await succeed(origin, { method: 'GET', path: next });
    found.push(...data);
    next = links.next;
  }
  return found;
}

export const to = (type: string, id: string) => ({ data: { type, id } });

const posting = (type: string, attributes: object, relationships: object, key: string): Call => ({
  method: 'POST',
  path: `${S}/${type}`,
  body: { data: { type, attributes, relationships } },
  key,
});

/** A posting at the wallet of an organization, which is named by the asset among the attributes. */
export const transact = (organizationId: string, attributes: object, key: string = randomUUID()): Call =>
  posting('walletTransactions', attributes, { organization: to('organizations', organizationId) }, key);

export const reverse = (id: string, attributes: object, key: string = randomUUID()): Call =>
  posting('walletTransactions', { kind: 'reversal', ...attributes }, { reverses: to('walletTransactions', id) }, key);

export const hold = (organizationId: string, attributes: object, key: string = randomUUID()): Call =>
  posting('holds', attributes, { organization: to('organizations', organizationId) }, key);

/** @param amount all of what is held when left out */
export const capture = (id: string, amount?: number, key: string = randomUUID()): Call => ({
  method: 'POST',
  path: `${S}/holds/${id}/capture`,
  ...(amount === undefined ? {} : { body: { meta: { amount } } }),
  key,
});

export const release = (id: string, key: string = randomUUID()): Call => ({
  method: 'POST',
  path: `${S}/holds/${id}/void`,
  key,
});

/** The charge of the surface `/api`, whose clients send no key. */
export const apiCharge = (organizationId: string, body: object): Call => ({
  method: 'POST',
  path: `/api/admin/organizations/${organizationId}/charge`,
  body,
});

/** @returns its id */
export async function makeOrganization(origin: string, name: string): Promise<string> {
  const body = { data: { type: 'organizations', attributes: { name } } };
  const { data } = await succeed(origin, { method: 'POST', path: `${M}/organizations`, body });
  return data.id;
}

export const walletsOf = (origin: string, organizationId: string): Promise<Body[]> =>
  list(origin, `${S}/wallets?filter[organizationId]=${organizationId}&page[size]=100`);

/** An event of an organization as clients read it. */
export const eventsOf = (origin: string, organizationId: string): Promise<Body[]> =>
  list(origin, `${S}/events?filter[organizationId]=${organizationId}&sort=sequence&page[size]=100`);

/** What the check of a wallet says (INV-45). */
export async function verify(origin: string, walletId: string): Promise<Body> {
  const { meta } = await succeed(origin, { method: 'GET', path: `${S}/wallets/${walletId}/verify` });
  return meta;
}
