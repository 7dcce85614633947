import { resources } from '../../src/controllers/resources';
import type { ResourceDefinition } from '../../src/jsonapi/define';
import { boolean, choice, integer, text, uuid } from '../../src/jsonapi/schemas';
import { buildOpenApi } from '../../src/openapi/build';
import { registry } from '../../src/resources';
import type { Create, Remove } from '../../src/services/crud';
import { type Body, createUser, document, NIL, S, startApp, type TestApp } from '../support/app';
import { mounted, type Send } from '../support/mounted';
import { errorsOf } from './world';

/** Query parameters with a value that create and remove declare for themselves. */

/** What the last operation was given. */
let given: unknown;
const apiKeys = registry.get('apiKeys') as ResourceDefinition<never>;
const { create, remove } = apiKeys.operations as Required<ResourceDefinition<never>['operations']>;
const types = new Map(registry).set('apiKeys', {
  ...apiKeys,
  operations: {
    ...apiKeys.operations,
    create: {
      ...create,
      parameters: {
        onConflict: { ...choice('resend'), description: 'What to do' },
        count: { ...integer, minimum: 1, maximum: 9, description: 'How many' },
        loud: { ...boolean, description: 'Whether' },
      },
      run: ((ctx, input, parameters) => {
        given = parameters;
        return create.run(ctx, input);
      }) as Create<never>,
    },
    remove: {
      ...remove,
      parameters: {
        successor: { ...uuid, description: 'Another one' },
        reason: { ...text(1, 5), description: 'Why' },
      },
      run: ((ctx, id, ifMatch, parameters) => {
        given = parameters;
        return remove.run(ctx, id, ifMatch);
      }) as Remove,
    },
  },
});

let app: TestApp;
let send: Send;
beforeAll(async () => {
  app = await startApp();
  send = mounted(app, [resources(app.services, types)]);
});
afterAll(() => app.close());
beforeEach(() => {
  given = undefined;
});

const PATH = `${S}/apiKeys`;
const body = document('apiKeys', { name: 'K' });
const made = async (): Promise<string> => (await app.platform.post(PATH, body)).body.data.links.self;

test('are passed on as their schemas say, those that were given', async () => {
  const created = await send('post', `${PATH}?onConflict=resend&count=3&loud=false&fields[apiKeys]=name`, body);
  expect([created.status, created.body.data.attributes]).toEqual([201, { name: 'K' }]);
  expect(given).toEqual({ onConflict: 'resend', count: 3, loud: false });
  expect((await send('delete', `${await made()}?successor=${NIL.toUpperCase()}`)).status).toBe(204);
  expect(given).toEqual({ successor: NIL });
  expect((await send('delete', await made())).status).toBe(204);
  expect(given).toEqual({});
});

test.each(['onConflict=', 'onConflict=replace', 'count=0', 'count=x', 'count=1.5', 'loud=yes', 'successor=x'])(
  'POST with ?%s is 400, by its name',
  async (query) => {
    const answer = await send('post', `${PATH}?${query}`, body);
    expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', query.split('=')[0]]]);
    expect(given).toBeUndefined();
  },
);

test.each(['successor=x', 'successor=', 'reason=longer', 'onConflict=resend', `successor=${NIL}&successor=${NIL}`])(
  'DELETE with ?%s is 400, by its name',
  async (query) => {
    const answer = await send('delete', `${await made()}?${query}`);
    expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', query.split('=')[0]]]);
    expect(given).toBeUndefined();
  },
);

test('are of that operation alone', async () => {
  const url = await made();
  for (const path of [`${PATH}?onConflict=resend`, `${url}?successor=${NIL}`, `${S}/users?onConflict=resend`]) {
    expect((await send('get', path)).status).toBe(400);
  }
  const user = document('users', { email: `${Math.random()}@example.com` });
  expect((await send('post', `${S}/users?onConflict=resend`, user)).status).toBe(400);
  expect((await createUser(app.platform)).id).toEqual(expect.any(String));
});

test('are described', () => {
  const { paths, components }: Body = buildOpenApi(types, []);
  const names = ({ parameters }: Body) =>
    parameters.map(({ $ref }: Body) => components.parameters[$ref.split('/').at(-1)].name);
  expect(names(paths[PATH].post)).toEqual(expect.arrayContaining(['onConflict', 'count', 'loud']));
  expect(names(paths[`${PATH}/{id}`].delete)).toEqual(expect.arrayContaining(['successor', 'reason', 'If-Match']));
  expect(components.parameters.successor).toEqual({
    name: 'successor',
    in: 'query',
    description: 'Another one',
    schema: uuid,
  });
});
