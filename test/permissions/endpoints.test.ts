import { makeKey } from '../../src/secrets';
import { type Answer, createUser, document, link, NIL, S } from '../support/app';
import { type Any, type Documented, operations, resolve } from '../support/openapi';
import { admits, type Caller, FOREIGN_WORD, foreignState, makeWorld, type World } from './world';

/** The operations beside the resource types, as every kind of caller. */

let world: World;
beforeAll(async () => {
  world = await makeWorld();
}, 60_000);
afterEach(async () => expect(await world.trail.faults()).toEqual([]));
afterAll(() => world.close());

const OUTSIDE = [`${S}/openapi.json`];
const beside = operations.filter(
  ({ path, route }) => route === undefined && path.startsWith(S) && !OUTSIDE.includes(path),
);
const titled = (list: readonly Documented[]) =>
  list.map((each) => [`${each.method.toUpperCase()} ${each.path}`, each] as const);

const exampleOf = ({ operation }: Documented): Any => {
  const [content] = Object.values(resolve(operation.requestBody)?.content ?? {}) as Any[];
  return content?.example;
};

function send({ client }: Caller, documented: Documented, path: string, body = exampleOf(documented)) {
  if (documented.method === 'get') return client.get(path);
  const [type] = Object.keys(resolve(documented.operation.requestBody)?.content ?? {});
  return client[documented.method as 'post'](path, body, type === undefined ? {} : { 'Content-Type': type });
}

/** Whether a credential that opens nothing is refused here: `security` lists what is asked for, `{}` is nothing. */
function refuses({ operation: { security } }: Documented, { refusal }: Caller): boolean {
  if (refusal === undefined || security?.length === 0) return false;
  const isOptional = security?.some((each: object) => Object.keys(each).length === 0) === true;
  return !(isOptional && refusal === 'missing_credential');
}

const leaks = (caller: Caller, { text }: Answer): boolean =>
  caller.foreign === null && (text.includes(FOREIGN_WORD) || text.includes(world.foreign.organizations as string));

/** All that a client gets to see, without what differs from request to request. */
function seen({ status, headers, text }: Answer, id: string): string {
  const { 'x-request-id': requestId = '' } = headers;
  return `${status} ${text.replaceAll(requestId, '<request>').replaceAll(id, '<id>')}`;
}

test.each(titled(beside.filter(({ path }) => !path.includes('{'))))('%s', async (_title, documented) => {
  const { operation } = documented;
  const before = await foreignState(world);
  const faults: string[] = [];
  for (const caller of world.callers) {
    const answer = await send(caller, documented, documented.path);
    const [error] = answer.body?.errors ?? [];
    const told = `${caller.name}: ${answer.status} ${error?.code} ${error?.detail}`;
    if (leaks(caller, answer) || answer.status >= 500) faults.push(told);
    if (refuses(documented, caller)) {
      if (answer.status !== 401 || error?.code !== caller.refusal) faults.push(told);
      continue;
    }
    if (caller.refusal !== undefined || operation['x-levels'] === undefined) continue;
    const isDenied = answer.status === 403 && error?.code === 'permission_denied';
    if (!admits(caller, operation) && !isDenied) faults.push(`${told}, but may not`);
    // Whoever holds a token that was made from a credential can't make another one.
    if (admits(caller, operation) && isDenied && documented.path !== `${S}/accessTokens`)
      faults.push(`${told}, but may`);
  }
  expect(faults).toEqual([]);
  expect(await foreignState(world)).toBe(before);
});

describe('with the token of an invitation', () => {
  const acceptance = document('invitationAcceptances', {
    password: 'plum-Velvet-91-orbit',
    passwordConfirmation: 'plum-Velvet-91-orbit',
  });

  test.each(titled(beside.filter(({ path }) => path.includes('{token}'))))('%s', async (_title, documented) => {
    const body = documented.path.endsWith('/accept') ? acceptance : undefined;
    const unknown = makeKey('inv');
    const tokens = [unknown, `${unknown}x`, unknown.slice(0, -1), 'inv_live_x', `inv_test_${'0'.repeat(36)}`];
    const faults: string[] = [];
    for (const caller of world.callers) {
      const answers = new Set<string>();
      for (const token of tokens) {
        const answer = await send(caller, documented, documented.path.replace('{token}', token), body);
        answers.add(seen(answer, token));
        const expected = refuses(documented, caller) ? 401 : [403, 404];
        if (![expected].flat().includes(answer.status)) faults.push(`${caller.name}: ${answer.text}`);
      }
      // INV-28: wrong, unknown and malformed tokens are one thing.
      if (answers.size !== 1) faults.push(`${caller.name}: ${[...answers].join('\n')}`);
    }
    expect(faults).toEqual([]);
  });
});

describe('on one person', () => {
  /** Somebody whom the partner of the first tenant has made a member of its organization. */
  async function subject(): Promise<string> {
    const { client } = world.callers.find(({ name }) => name === 'partner') as Caller;
    const { id } = await createUser(client);
    const relationships = {
      organization: link('organizations', world.own.organizations as string),
      user: link('users', id),
    };
    await client.post(`${S}/members`, document('members', {}, { relationships }));
    return id;
  }

  test.each(titled(beside.filter(({ path }) => path.startsWith(`${S}/users/{id}`))))(
    '%s',
    async (_title, documented) => {
      const { operation } = documented;
      const before = await foreignState(world);
      const faults: string[] = [];
      for (const caller of world.callers) {
        const ask = async (id: string) => send(caller, documented, documented.path.replace('{id}', id));
        const missing = await ask(NIL);
        const foreign = caller.foreign === null ? (world.foreign.users as string) : NIL;
        for (const id of [foreign, 'not-an-id']) {
          const answer = await ask(id);
          if (seen(answer, id) !== seen(missing, NIL))
            faults.push(`${caller.name}: not what a missing id is: ${answer.text}`);
        }
        const own = await ask(await subject());
        const told = `${caller.name}: ${own.status} ${own.text}`;
        if (leaks(caller, own)) faults.push(told);
        const isSeen = caller.own !== null && (caller.own === 'all' || caller.own.has('members:read'));
        const isManaging = caller.level === 'platform' || caller.level === 'partner';
        const expected = refuses(documented, caller)
          ? 401
          : !admits(caller, operation)
            ? 403
            : !isSeen
              ? 404
              : isManaging
                ? 200
                : 403;
        if (own.status !== expected) faults.push(`${told}, expected ${expected}`);
      }
      expect(faults).toEqual([]);
      expect(await foreignState(world)).toBe(before);
    },
  );
});

describe('on one webhook endpoint', () => {
  beforeAll(async () => {
    // A port where nobody listens: the answer comes at once.
    await world.app.db.query("update webhook_endpoints set url = 'http://127.0.0.1:1/' where id = $1", [
      world.own.webhookEndpoints,
    ]);
  });

  test.each(titled(beside.filter(({ path }) => path.startsWith(`${S}/webhookEndpoints/{id}`))))(
    '%s',
    async (_title, documented) => {
      const { operation } = documented;
      const before = await foreignState(world);
      const faults: string[] = [];
      for (const caller of world.callers) {
        const ask = async (id: string) => send(caller, documented, documented.path.replace('{id}', id));
        const missing = await ask(NIL);
        const foreign = caller.foreign === null ? (world.foreign.webhookEndpoints as string) : NIL;
        for (const id of [foreign, 'not-an-id']) {
          const answer = await ask(id);
          if (seen(answer, id) !== seen(missing, NIL))
            faults.push(`${caller.name}: not what a missing id is: ${answer.text}`);
        }
        const own = await ask(world.own.webhookEndpoints as string);
        const told = `${caller.name}: ${own.status} ${own.text}`;
        if (leaks(caller, own)) faults.push(told);
        const may = caller.own === 'all' || caller.own?.has(operation['x-permission']);
        const refused = refuses(documented, caller) ? 401 : !admits(caller, operation) ? 403 : undefined;
        const expected = refused ?? (caller.own === null ? 404 : may ? [200, 202] : 403);
        if (![expected].flat().includes(own.status)) faults.push(`${told}, expected ${expected}`);
      }
      expect(faults).toEqual([]);
      expect(await foreignState(world)).toBe(before);
    },
  );
});
