import { type Body, type Client, NIL, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, patch } from '../crew';
import { expectAttributeError, expectDenied, expectError, single, workspace } from '../documents';

const PATH = `${S}/workspaces`;

let app: TestApp;
let crews: Crews;
let crew: Crew;
let first: string;
beforeEach(async () => {
  crew = await crews.make();
  first = (await app.platform.get(`${PATH}?filter[organizationId]=${crew.id}`)).body.data[0].id;
});
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
});
afterAll(() => app.close());

const change = (asker: Client, id: string, attributes: object) =>
  patch(asker, 'workspaces', `${PATH}/${id}`, attributes);
const read = async (id: string): Promise<Body> => (await app.platform.get(`${PATH}/${id}`)).body.data;
const defaults = async (): Promise<string[]> => {
  const { body } = await app.platform.get(`${PATH}?filter[organizationId]=${crew.id}&filter[isDefault]=true`);
  return body.data.map(({ id }: Body) => id);
};
const IS_DEFAULT = { source: { pointer: '/data/attributes/isDefault' } };
const STATUS = { source: { pointer: '/data/attributes/status' } };

test('the answer is 200 with the whole resource, and what was not named stays', async () => {
  const id = await crews.workspace(crew.id, 'North');
  const answer = await change(crew.owner, id, { description: 'Cold' });
  const shown = workspace(id, { name: 'North', slug: 'north', description: 'Cold' }, crew.id);
  expect([answer.status, answer.body]).toEqual([200, single(shown)]);
  const all = { name: 'N', slug: 'nn', description: null, externalId: 'x', metadata: { a: 1 } };
  expect((await change(crew.admin, id, all)).body.data.attributes).toMatchObject(all);
  expect((await read(id)).attributes).toMatchObject(all);
});

test('what was read may be sent back, the default one too [round trip]', async () => {
  const before = await read(first);
  expect((await crew.admin.patch(`${PATH}/${first}`, { data: before })).status).toBe(200);
  expect((await read(first)).attributes).toEqual({ ...before.attributes, updatedAt: expect.any(String) });
});

test.each<[string, unknown, string]>([
  ['name', null, 'invalid_format'],
  ['slug', 'A', 'too_short'],
  ['status', 'gone', 'not_allowed'],
])('%s: %j is 422', async (name, value, code) => {
  const [error] = (await change(crew.owner, first, { [name]: value })).body.errors;
  expect([error.code, error.source.pointer]).toEqual([code, `/data/attributes/${name}`]);
});

test('a slug of another one is 409; an unknown attribute 422', async () => {
  await crews.workspace(crew.id, 'North');
  expectError(await change(crew.owner, first, { slug: 'north' }), 409, 'slug_taken', {
    source: { pointer: '/data/attributes/slug' },
  });
  expectAttributeError(await change(crew.owner, first, { nope: 1 }), 'unknown_attribute', 'nope');
});

test('it is archived and taken back; both may be asked for again', async () => {
  const id = await crews.workspace(crew.id);
  for (const status of ['archived', 'archived', 'active', 'active']) {
    expect((await change(crew.admin, id, { status })).body.data.attributes.status).toBe(status);
    expect((await read(id)).attributes.status).toBe(status);
  }
});

describe('the default one', () => {
  test('is not archived [INV-16]', async () => {
    expectError(
      await change(crew.owner, first, { status: 'archived', name: 'Never' }),
      409,
      'invalid_transition',
      STATUS,
    );
    expect((await read(first)).attributes).toMatchObject({ status: 'active', name: 'Default' });
  });

  test('moves to another active one, and there is always one', async () => {
    const id = await crews.workspace(crew.id);
    const before = (await app.platform.get(`${PATH}/${first}`)).headers.etag;
    expect((await change(crew.admin, id, { isDefault: true })).body.data.attributes.isDefault).toBe(true);
    expect(await defaults()).toEqual([id]);
    expect((await app.platform.get(`${PATH}/${first}`)).headers.etag).not.toBe(before);
    expect((await change(crew.admin, first, { status: 'archived' })).status).toBe(200);
    expect((await change(crew.admin, id, { isDefault: true })).status).toBe(200);
    expect(await defaults()).toEqual([id]);
  });

  test('can’t be given up but to another one: 422', async () => {
    expectError(await change(crew.owner, first, { isDefault: false }), 422, 'not_allowed', IS_DEFAULT);
    const id = await crews.workspace(crew.id);
    expect((await change(crew.owner, id, { isDefault: false })).status).toBe(200);
    expect(await defaults()).toEqual([first]);
  });

  test('is none that is archived: 409; taken back and made the default in one it is [INV-16]', async () => {
    const id = await crews.workspace(crew.id, 'Old', { status: 'archived' });
    expectError(await change(crew.owner, id, { isDefault: true }), 409, 'invalid_transition', IS_DEFAULT);
    const both = { isDefault: true, status: 'archived' };
    expectError(await change(crew.owner, id, both), 409, 'invalid_transition', IS_DEFAULT);
    expect(await defaults()).toEqual([first]);
    expect((await change(crew.owner, id, { isDefault: true, status: 'active' })).status).toBe(200);
    expect(await defaults()).toEqual([id]);
  });

  test('of 10 that are made it at the same time one is it', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, (_each, i) => crews.workspace(crew.id, `W${i}`)));
    const answers = await Promise.all(ids.map((id) => change(crew.owner, id, { isDefault: true })));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(await defaults()).toHaveLength(1);
  });
});

test('billing, auditor and member are told the permission that they lack; a narrow key too', async () => {
  const narrow = await crews.key(crew.id, ['workspaces:read']);
  for (const asker of [crew.billing, crew.auditor, crew.member, narrow]) {
    expectDenied(await change(asker, first, { name: 'X' }), 'workspaces:manage');
  }
  expect((await change(app.as(crew.token), first, { name: 'Own' })).status).toBe(200);
});

test('whoever does not see the organization finds nothing [INV-18]', async () => {
  const foreign = await crews.make();
  for (const asker of [foreign.owner, app.as(foreign.token), await app.partner(), await app.user()]) {
    for (const id of [first, NIL]) expectError(await change(asker, id, { name: 'X' }), 404, 'not_found');
  }
});

test('it belongs to its organization for ever [INV-18]', async () => {
  const organization = { data: { type: 'organizations', id: (await crews.make()).id } };
  const answer = await patch(app.platform, 'workspaces', `${PATH}/${first}`, {}, { organization });
  expectError(answer, 403, 'update_not_offered', { source: { pointer: '/data/relationships/organization' } });
});

test('If-Match that does not fit is 412 [INV-59]', async () => {
  const { etag = '' } = (await app.platform.get(`${PATH}/${first}`)).headers;
  await change(app.platform, first, { name: 'Newer' });
  const late = { data: { type: 'workspaces', id: first, attributes: { name: 'Late' } } };
  expect((await app.platform.patch(`${PATH}/${first}`, late, { 'If-Match': etag })).status).toBe(412);
  expect((await read(first)).attributes.name).toBe('Newer');
});
