import type { Organization } from '../../entities';
import { resources } from '../../src/controllers/resources';
import type { Action, ResourceDefinition } from '../../src/jsonapi/define';
import { boolean, choice, integer, text } from '../../src/jsonapi/schemas';
import { buildOpenApi } from '../../src/openapi/build';
import { OPERATIONS } from '../../src/permissions';
import { registry } from '../../src/resources';
import { createOrganization as insertOrganization } from '../../src/services/organizationCreation';
import { updateOrganization } from '../../src/services/organizations';
import { type Body, createOrganization, document, M, MEDIA_TYPE, NIL, S, startApp, type TestApp } from '../support/app';
import { mounted, type Send } from '../support/mounted';
import { compiled } from '../support/openapi';

/** What the protocol does for actions of every kind, on a type that has one of each. */

/** Settings that the last action was run with. */
let given: unknown;

const ACTIONS: Record<string, Action<Organization>> = {
  'brand/rename': {
    summary: 'Give it another name',
    settings: {
      name: text(1, 10),
      password: { type: 'string', minLength: 3, maxLength: 20, writeOnly: true },
      count: { ...integer, minimum: 0 },
      loud: boolean,
      tone: choice('high', 'low'),
    },
    requiredSettings: ['name'],
    run: (ctx, id, settings, ifMatch) => {
      given = settings;
      return updateOrganization(ctx, id, { attributes: { name: settings.name }, relationships: {} }, ifMatch);
    },
  },
  copy: {
    summary: 'Make another one like it',
    settings: { name: text(1, 10) },
    status: 201,
    run: (ctx, _id, { name = 'Copy' }) => insertOrganization(ctx, { attributes: { name }, relationships: {} }),
  },
  externalId: {
    method: 'DELETE',
    summary: 'Forget its external id',
    possible: ({ externalId }) => externalId !== null,
    run: (ctx, id, settings, ifMatch) => {
      given = settings;
      return updateOrganization(ctx, id, { attributes: { externalId: null }, relationships: {} }, ifMatch);
    },
  },
  touch: {
    summary: 'Change nothing',
    run: (ctx, id, settings, ifMatch) => {
      given = settings;
      return updateOrganization(ctx, id, { attributes: {}, relationships: {} }, ifMatch);
    },
  },
};

const organizations = registry.get('organizations') as ResourceDefinition<never>;
const types = new Map(registry).set('organizations', { ...organizations, actions: ACTIONS as never });
const rows = Object.keys(ACTIONS).map((name) => [`organizations.${name}`, OPERATIONS['organizations.update']]);
Object.assign(OPERATIONS, Object.fromEntries(rows));

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

const errorsOf = (body: Body) => body.errors.map(({ status, code, source }: Body) => [status, code, source?.pointer]);
const made = async (attributes = {}): Promise<string> =>
  (await createOrganization(app.platform, attributes)).links.self;

describe('settings', () => {
  test('are the values in meta, trimmed and in NFC, but for secrets', async () => {
    const url = await made();
    const meta = { name: ' Cafe\u0301 ', password: ' pass ', count: 0, loud: true, '@x': 1 };
    const { status, body } = await send('post', `${url}/brand/rename`, { meta });
    expect([status, body.data.attributes.name]).toEqual([200, 'Caf\u00e9']);
    expect(given).toEqual({ name: 'Caf\u00e9', password: ' pass ', count: 0, loud: true });
  });

  test('that are wrong, unknown or missing are reported at once, where they are', async () => {
    const url = await made();
    const refuse = async (body: unknown) => {
      const answer = await send('post', `${url}/brand/rename`, body);
      expect([answer.status, given]).toEqual([422, undefined]);
      return errorsOf(answer.body);
    };
    const meta = { name: ' ', password: 'ab', count: -1, loud: 'yes', tone: 'flat', volume: 3, 'a~b': 1 };
    expect(new Set(await refuse({ meta }))).toEqual(
      new Set([
        ['422', 'unknown_attribute', '/meta/volume'],
        ['422', 'unknown_attribute', '/meta/a~0b'],
        ['422', 'too_short', '/meta/name'],
        ['422', 'too_short', '/meta/password'],
        ['422', 'not_allowed', '/meta/count'],
        ['422', 'invalid_format', '/meta/loud'],
        ['422', 'not_allowed', '/meta/tone'],
      ]),
    );
    expect(await refuse({ meta: {} })).toEqual([['422', 'required', '/meta']]);
    expect(await refuse({ meta: { loud: 1 } })).toHaveLength(2);
    expect(await refuse({})).toEqual([['422', 'required', '']]);
    expect(await refuse(undefined)).toEqual([['422', 'required', '']]);
  });

  test('name the attribute for client libraries, as faults of attributes do', async () => {
    const { body } = await send('post', `${await made()}/brand/rename`, { meta: { name: '', color: 1 } });
    expect(body.errors.map(({ meta }: Body) => meta)).toEqual([
      { attribute: 'color', message: 'There is no setting color.' },
      { attribute: 'name', message: expect.stringMatching(/^name must/) },
    ]);
  });

  test.each([
    ['a list', [], ''],
    ['text', '"x"', ''],
    ['meta that is a list', { meta: [] }, '/meta'],
    ['meta that is null', { meta: null }, '/meta'],
  ])('%s is no document with settings: 400', async (_what, body, pointer) => {
    const answer = await send('post', `${await made()}/touch`, body);
    expect(errorsOf(answer.body)).toEqual([['400', 'malformed_document', pointer]]);
    expect(given).toBeUndefined();
  });

  test('of an action that has none are unknown; no body, and no meta, are the defaults', async () => {
    const url = await made();
    const { status, body } = await send('post', `${url}/touch`, { meta: { now: true } });
    expect([status, errorsOf(body)]).toEqual([422, [['422', 'unknown_attribute', '/meta/now']]]);
    for (const none of [undefined, {}, { meta: {} }]) {
      given = undefined;
      expect((await send('post', `${url}/touch`, none)).status).toBe(200);
      expect(given).toEqual({});
    }
  });
});

describe('a path of two segments', () => {
  test('is the action, with a slash at the end and in kebab case too', async () => {
    const url = await made();
    for (const path of [`${url}/brand/rename`, `${url}/brand/rename/`, `${url.replace(M, S)}/brand/rename`]) {
      expect((await send('post', path, { meta: { name: 'N' } })).status).toBe(200);
    }
    expect((await send('delete', `${url}/external-id`)).status).toBe(204);
    for (const path of [`${url}/brand`, `${url}/brand/other`, `${url}/rename`, `${url}/brand/rename/x`]) {
      expect((await send('post', path)).status).toBe(404);
    }
  });

  test('tells its methods, and refuses others', async () => {
    const url = await made();
    const options = await send('options', `${url}/brand/rename`);
    expect([options.status, options.headers.allow]).toEqual([204, 'POST, OPTIONS']);
    const refused = await send('delete', `${url}/brand/rename`);
    expect([refused.status, refused.headers.allow]).toEqual([405, 'POST, OPTIONS']);
  });

  test('leaves the linkages of the type where they are', async () => {
    const { status, body } = await send('get', `${await made()}/relationships/owner`);
    expect([status, body.data]).toEqual([200, null]);
  });
});

describe('an action that makes a resource', () => {
  test('answers 201 with it, its URL and its tag, secrets shown once', async () => {
    const { status, headers, body } = await send('post', `${await made()}/copy`, { meta: { name: 'Two' } });
    expect([status, headers.location, headers['cache-control']]).toEqual([201, body.data.links.self, 'no-store']);
    expect(body).toMatchObject({
      data: { attributes: { name: 'Two', token: expect.stringMatching(/^sk_/) } },
      meta: {},
    });
    const tag = { 'If-None-Match': headers.etag };
    expect((await send('get', headers.location as string)).body.data.attributes).toMatchObject({
      name: 'Two',
      token: null,
    });
    expect(tag['If-None-Match']).toMatch(/^"1\./);
  });

  test('withholds the secrets from a repetition [INV-30]', async () => {
    const url = `${await made()}/copy`;
    const headers = { 'Idempotency-Key': 'copy-1' };
    const first = await send('post', url, undefined, headers);
    const again = await send('post', url, undefined, headers);
    expect([again.status, again.headers.location]).toEqual([201, first.headers.location]);
    expect(again.body).toMatchObject({ data: { attributes: { token: null } }, meta: { secretWithheld: true } });
  });
});

describe('an action with DELETE', () => {
  test('answers 204, with If-Match only over what was read', async () => {
    const url = await made({ externalId: `e-${Math.random()}` });
    const { headers } = await send('get', url);
    expect((await send('delete', `${url}/externalId`, undefined, { 'If-Match': '"99.x"' })).status).toBe(412);
    const answer = await send('delete', `${url}/externalId`, undefined, { 'If-Match': headers.etag as string });
    expect([answer.status, answer.body, given]).toEqual([204, undefined, {}]);
    expect((await send('get', url)).body.data.attributes.externalId).toBeNull();
    expect((await send('delete', `${url.replace(/[^/]+$/, NIL)}/externalId`)).status).toBe(404);
    expect((await send('post', `${url}/externalId`)).headers.allow).toBe('DELETE, OPTIONS');
  });

  test('is among the hints by names that JSON:API allows', async () => {
    const hints = async (url: string) => (await send('get', `${url}?withCapabilities=true`)).body.data.meta.can;
    const expected = { brandRename: true, copy: true, touch: true, externalIdDelete: false };
    expect(await hints(await made())).toMatchObject(expected);
    expect(await hints(await made({ externalId: `e-${Math.random()}` }))).toMatchObject({ externalIdDelete: true });
  });
});

test('who may not change the row is told so before the settings are judged', async () => {
  const url = await made();
  const id = url.split('/').at(-1) as string;
  const relationships = { organization: { data: { type: 'organizations', id } } };
  const narrow = document('apiKeys', { name: 'N', scopes: ['organizations:read'] }, { relationships });
  const { secret } = (await app.platform.post(`${S}/apiKeys`, narrow)).body.data.attributes;
  const answer = await send('post', `${url}/brand/rename`, { meta: { bad: 1 } }, { Authorization: secret });
  expect(errorsOf(answer.body)).toEqual([['403', 'permission_denied', undefined]]);
  expect((await send('delete', `${url}/externalId`, undefined, { Authorization: secret })).status).toBe(403);
});

test('atomic operations have no actions', async () => {
  const url = await made();
  const operation = { op: 'add', href: `${url}/restore`, data: { type: 'organizations' } };
  const headers = { 'Content-Type': `${MEDIA_TYPE};ext="https://jsonapi.org/ext/atomic"` };
  const { body } = await app.platform.post(`${S}/operations`, { 'atomic:operations': [operation] }, headers);
  expect(errorsOf(body)).toEqual([['400', 'malformed_document', '/atomic:operations/0/href']]);
});

describe('the description', () => {
  const { paths, components }: Body = buildOpenApi(types, []);
  const at = (path: string) => paths[`${M}/organizations/{id}/${path}`];
  const codes = (operation: Body, status: number) =>
    components.responses[operation.responses[status].$ref.split('/').at(-1)]['x-codes'];

  test('has the settings, required where one of them is, and what they can do wrong', () => {
    const { post } = at('brand/rename');
    const { required, content } = post.requestBody;
    const { schema, example } = content[MEDIA_TYPE];
    const settings = components.schemas[schema.$ref.split('/').at(-1)];
    expect([post.operationId, required, example]).toEqual([
      'renameOrganizationBrand',
      true,
      { meta: { name: 'Example' } },
    ]);
    expect(Object.keys(settings.properties.meta.properties)).toEqual(['name', 'password', 'count', 'loud', 'tone']);
    expect(compiled(settings)(example)).toBe(true);
    expect(codes(post, 422)).toEqual(
      expect.arrayContaining([
        'required',
        'too_short',
        'too_long',
        'invalid_format',
        'not_allowed',
        'unknown_attribute',
      ]),
    );
    expect(codes(at('touch').post, 422)).toEqual(['unknown_attribute', 'idempotency_key_reused']);
  });

  test('has 201 with Location, and 204 of DELETE', () => {
    expect(Object.keys(at('copy').post.responses)).toEqual(expect.arrayContaining(['201']));
    expect(at('copy').post.responses[201].headers).toHaveProperty('Location');
    expect(at('copy').post.responses).not.toHaveProperty('200');
    const { delete: remove } = at('externalId');
    expect([remove.operationId, remove.requestBody]).toEqual(['deleteOrganizationExternalId', undefined]);
    expect(Object.keys(remove.responses)).toEqual(expect.arrayContaining(['204', '404', '412']));
  });
});
