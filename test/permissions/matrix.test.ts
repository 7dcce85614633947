import { levelReads } from '../../src/permissions';
import { keyed } from '../routes/money';
import type { Answer, Body } from '../support/app';
import { NIL } from '../support/app';
import { type Any, type Documented, needsKey, operations, resolve } from '../support/openapi';
import { admits, type Caller, FOREIGN_WORD, foreignState, makeWorld, type Rights, type World } from './world';

/**
 * Every operation of the OpenAPI document, as every kind of caller, on own, foreign, missing and malformed ids: what the
 * document says of permissions and levels is what happens, and what a caller can't see is not there (INV-18).
 */

let world: World;
beforeAll(async () => {
  world = await makeWorld();
}, 60_000);
afterEach(async () => expect(await world.trail.faults()).toEqual([]));
afterAll(() => world.close());

const VARIANTS = ['own', 'foreign', 'missing', 'malformed'] as const;
type Variant = (typeof VARIANTS)[number];
const MALFORMED = 'not-an-id';

/** Of JSON:API types: the others have no ids, or tokens in the place of ids. */
const ofTypes = operations.filter(({ route }) => route !== undefined);
const withId = ofTypes.filter(({ path }) => path.includes('{id}'));
const withoutId = ofTypes.filter(({ path }) => !path.includes('{id}'));

const idOf = (type: string, variant: Variant): string => {
  if (variant === 'malformed') return type === 'permissions' ? 'not an id' : MALFORMED;
  if (variant === 'missing') return type === 'permissions' ? 'nothing:at-all' : NIL;
  return world[variant][type] ?? NIL;
};

const holds = (rights: Rights, permission: string | null): boolean =>
  rights !== null && (rights === 'all' || permission === null || rights.has(permission));

/** Whether the caller sees the row at all, by what the documents say of each type. */
function sees(caller: Caller, type: string, variant: Variant): boolean {
  if (variant === 'missing' || variant === 'malformed') return false;
  const rights = caller[variant];
  switch (type) {
    case 'permissions':
      return true;
    case 'partners':
      return caller.level === 'platform';
    case 'users':
      return holds(rights, caller.level === 'user' ? 'members:read' : null);
    case 'accessTokens':
      // A personal key has its own tokens alone.
      return caller.userId === world.owners[variant] && caller.scopes === undefined;
    default:
      return rights !== null;
  }
}

/** What must come of it: a refusal, or whatever the operation says to somebody who may. */
type Expectation = { status: 401; code: string } | { status: 403; required: string } | { status: 404 } | 'admitted';

function expectation(caller: Caller, { method, operation, route }: Documented, variant: Variant): Expectation {
  const { 'x-permission': permission, 'x-levels': levels } = operation;
  const type = route?.definition.type ?? '';
  if (caller.refusal !== undefined) return { status: 401, code: caller.refusal };
  if (!sees(caller, type, variant)) return { status: 404 };
  const other = route?.definition.relationships[route.relationship ?? '']?.type;
  // A relationship to what a level can't read is not there.
  if (other !== undefined && !levelReads(caller.level ?? 'user', other)) return { status: 404 };
  const required = permission ?? operationName(route);
  if (!levels.includes(caller.level)) return { status: 403, required };
  // Roles of the installation and permissions belong to nobody; a session is its holder's.
  if (type === 'permissions' || type === 'accessTokens' || type === 'partners') return 'admitted';
  if (permission === null) return 'admitted';
  // A person's profile is his own to change.
  if (type === 'users' && caller.level === 'user' && method !== 'get') return { status: 403, required };
  const rights = caller[variant as 'own'];
  // The row is read first, then what hangs on it.
  const needed = [operation['x-row-permission'] ?? null, permission].find((each) => !holds(rights, each));
  return needed === undefined ? 'admitted' : { status: 403, required: needed };
}

const operationName = (route: Documented['route']): string => `${route?.definition.type}.${route?.action ?? ''}`;

/** A body that the document gives as example, with another name each time, for whom the request is about. */
let count = 0;
function bodyOf({ operation, route }: Documented, id: string): Body | undefined {
  const content = Object.values(resolve(operation.requestBody)?.content ?? {})[0] as Any;
  if (content === undefined) return undefined;
  const text = JSON.stringify(content.example ?? { data: { type: route?.definition.type, id } });
  const body = JSON.parse(text.replaceAll('"Example"', `"Example ${++count}"`));
  if (body.data !== undefined && !Array.isArray(body.data) && body.data?.id !== undefined) body.data.id = id;
  // Whose address changes is for the platform to say.
  if (route?.definition.type === 'users' && body.data?.id !== undefined) body.data.attributes = { name: 'Other' };
  return body;
}

/** `If-Match` of no version: whoever may do it is told so by 412, and nothing is changed. */
const NO_VERSION = { 'If-Match': '"999999999.x"' };

async function send({ client }: Caller, documented: Documented, id: string): Promise<Answer> {
  const { method, path } = documented;
  const url = path.replace('{id}', encodeURIComponent(id));
  if (method === 'get') return client.get(url);
  const body = bodyOf(documented, id);
  if (method === 'delete') return client.delete(url, NO_VERSION, body);
  return client[method as 'post'](url, body, { ...NO_VERSION, ...(needsKey(documented) ? keyed() : {}) });
}

/** All that a client gets to see, without what differs from request to request. */
function seen({ status, headers, text }: Answer, id: string): string {
  const { date: _date, 'x-request-id': requestId = '', ...others } = headers;
  const plain = (part: string) => part.replaceAll(requestId, '<request>').replaceAll(encodeURIComponent(id), '<id>');
  return JSON.stringify([status, plain(JSON.stringify(others)), plain(text)]);
}

/** What only owners may is told by a code of its own (INV-5). */
const OWNERS = ['organizations:delete', 'organizations:restore'];

/** What of an answer is not as expected; undefined: nothing. */
function fault(expected: Expectation, { status, body }: Answer): string | undefined {
  const [error] = body?.errors ?? [];
  if (expected === 'admitted') {
    const isRefused = status === 401 || status === 404 || (status === 403 && error?.code === 'permission_denied');
    return isRefused || status >= 500 ? `admitted, but ${status} ${error?.code} ${error?.detail}` : undefined;
  }
  if (status !== expected.status) return `expected ${expected.status}, got ${status} ${error?.code ?? ''}`;
  if ('code' in expected && error?.code !== expected.code) return `expected ${expected.code}, got ${error?.code}`;
  if (error?.code === 'owner_required' && 'required' in expected && OWNERS.includes(expected.required))
    return undefined;
  if ('required' in expected && error?.meta?.required !== expected.required) {
    return `expected ${expected.required} to be required, got ${error?.code} ${error?.meta?.required}`;
  }
  return undefined;
}

/** Names of the other tenant must not reach those who don't see it. */
const leaks = (caller: Caller, { text }: Answer): boolean => {
  // What a caller has asked for by a filter stands in the audit trail in his own words.
  const told = text.replaceAll(/"query":"[^"]*"/g, '');
  return (
    caller.foreign === null && [FOREIGN_WORD, world.foreign.organizations as string].some((each) => told.includes(each))
  );
};

const title = ({ method, path }: Documented): string => `${method.toUpperCase()} ${path}`;

describe('on one row', () => {
  test.each(withId.map((each) => [title(each), each] as const))('%s', async (_title, documented) => {
    const type = documented.route?.definition.type ?? '';
    const before = await foreignState(world);
    const faults: string[] = [];
    for (const caller of world.callers) {
      const missing = await send(caller, documented, idOf(type, 'missing'));
      for (const variant of VARIANTS) {
        const id = idOf(type, variant);
        const answer = variant === 'missing' ? missing : await send(caller, documented, id);
        const expected = expectation(caller, documented, variant);
        const wrong = fault(expected, answer);
        if (wrong !== undefined) faults.push(`${caller.name}, ${variant}: ${wrong}`);
        const isNothing = expected !== 'admitted' && expected.status === 404;
        if (isNothing && seen(answer, id) !== seen(missing, idOf(type, 'missing'))) {
          faults.push(`${caller.name}, ${variant}: not what a missing id is: ${answer.text}`);
        }
        if (!(variant === 'foreign' && isNothing) && leaks(caller, answer)) {
          faults.push(`${caller.name}, ${variant}: holds a text of the other tenant`);
        }
      }
    }
    expect(faults).toEqual([]);
    expect(await foreignState(world)).toBe(before);
  });
});

describe('on lists', () => {
  const lists = withoutId.filter(({ method }) => method === 'get');

  test.each(lists.map((each) => [title(each), each] as const))('%s', async (_title, documented) => {
    const { path, operation, route } = documented;
    const { 'x-permission': permission } = operation;
    const hasTenant = route?.definition.tenant === 'organizationId' || route?.definition.filters.organizationId;
    const faults: string[] = [];
    for (const caller of world.callers) {
      const answer = await caller.client.get(`${path}?page[size]=100`);
      const may = admits(caller, operation);
      const expected: Expectation =
        caller.refusal !== undefined
          ? { status: 401, code: caller.refusal }
          : may
            ? 'admitted'
            : { status: 403, required: permission ?? '' };
      const wrong = fault(expected, answer);
      if (wrong !== undefined) faults.push(`${caller.name}: ${wrong}`);
      if (leaks(caller, answer)) faults.push(`${caller.name}: holds a text of the other tenant`);
      if (expected !== 'admitted' || !hasTenant) continue;
      for (const variant of ['own', 'foreign', 'missing'] as const) {
        const of = idOf('organizations', variant);
        const filtered = await caller.client.get(`${path}?filter[organizationId]=${of}`);
        const rights = variant === 'missing' ? null : caller[variant];
        // An organization that he can't see has nothing; one that he sees and may not read is 403.
        const isDenied = rights !== null && !holds(rights, permission) && route?.definition.tenant === 'organizationId';
        if (filtered.status !== (isDenied ? 403 : 200))
          faults.push(`${caller.name}, of ${variant}: ${filtered.status}`);
        if (rights === null && filtered.body.data?.length !== 0) faults.push(`${caller.name}, of ${variant}: rows`);
      }
    }
    expect(faults).toEqual([]);
  });
});

describe('that create', () => {
  const creates = withoutId.filter(({ method }) => method === 'post');

  test.each(creates.map((each) => [title(each), each] as const))('%s', async (_title, documented) => {
    const { operation, route } = documented;
    const { 'x-any-permission': some } = operation;
    // The example of a type with kinds is of the first.
    const permission = operation['x-permission'] ?? some?.[0] ?? null;
    const definition = route?.definition;
    const isOwned = definition?.relationships.organization?.write === 'create';
    const before = await foreignState(world);
    const faults: string[] = [];
    for (const caller of world.callers) {
      for (const variant of isOwned ? VARIANTS : (['own'] as const)) {
        if (variant === 'foreign' && caller.foreign !== null) continue;
        const body = bodyOf(documented, NIL);
        const { data } = body;
        if (isOwned) {
          const id = idOf('organizations', variant);
          data.relationships = { ...data.relationships, organization: { data: { type: 'organizations', id } } };
        }
        if (definition?.type === 'members') {
          const id = await world.stranger(caller.client);
          data.relationships.user = { data: { type: 'users', id } };
        }
        if (definition?.type === 'walletAlerts') {
          data.relationships.wallet = { data: { type: 'wallets', id: idOf('wallets', 'own') } };
        }
        if (data.attributes?.email !== undefined) data.attributes.email = `made-${++count}@example.com`;
        if (data.attributes?.code !== undefined) data.attributes.code = `made_${++count}`;
        if (data.attributes?.permissions !== undefined) data.attributes.permissions = ['members:read'];
        const answer = await caller.client.post(documented.path, body, needsKey(documented) ? keyed() : {});
        const rights = isOwned && variant !== 'own' ? null : (caller.own ?? (isOwned ? null : caller.foreign));
        const isStatic = admits(caller, operation);
        const expected: Expectation =
          caller.refusal !== undefined
            ? { status: 401, code: caller.refusal }
            : !isStatic
              ? { status: 403, required: some?.join(', ') ?? permission ?? `${definition?.type}.create` }
              : isOwned && rights === null
                ? { status: 404 }
                : caller.level === 'user' && isOwned && !holds(rights, permission)
                  ? { status: 403, required: permission ?? '' }
                  : 'admitted';
        const wrong = fault(expected, answer);
        if (wrong !== undefined) faults.push(`${caller.name}, ${variant}: ${wrong}`);
        if (leaks(caller, answer) && variant !== 'foreign')
          faults.push(`${caller.name}, ${variant}: holds a foreign text`);
      }
    }
    expect(faults).toEqual([]);
    expect(await foreignState(world)).toBe(before);
  });
});
