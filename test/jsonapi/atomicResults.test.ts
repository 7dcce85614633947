import { registry } from '../../src/resources';
import { type Body, type Client, createOrganization, createUser, M, S, startApp, type TestApp } from '../support/app';
import { add, perform, remove, resultsOf, update } from './operations';
import { buildWorld, creationOf, masked, pathOf, pointed, sampleOf, TYPES, type World, withKeys } from './world';

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = withKeys(pointed(app.platform));
});
afterAll(() => app.close());

const creatable = TYPES.filter((type) => registry.get(type)?.operations.create !== undefined);
const changeable = TYPES.filter((type) => registry.get(type)?.operations.update !== undefined);

/** The attributes that are shown once, as every later answer has them. */
function withoutSecrets(resource: Body): Body {
  const attributes = { ...resource.attributes };
  for (const [name, { reveal }] of Object.entries(registry.get(resource.type)?.attributes ?? {})) {
    if (reveal === 'once') attributes[name] = null;
  }
  return { ...resource, attributes };
}

test.each(creatable)('%s: the result of add is what a GET shows, links and all [ATO-16, ATO-29]', async (type) => {
  const body = await creationOf(app, world, type);
  const [result] = resultsOf(await perform(platform, { op: 'add', data: body.data }));
  const said = Object.keys(registry.get(type)?.operations.create?.documentMeta ?? {});
  expect(Object.keys(result)).toEqual(['data', ...(said.length > 0 ? ['meta'] : [])]);
  expect(Object.keys(result.meta ?? {})).toEqual(said);
  const { body: shown } = await platform.get(result.data.links.self);
  expect(withoutSecrets(result.data)).toEqual(shown.data);
});

test.each(creatable)('%s: the result of add is what a POST answers [ATO-16, ATO-27]', async (type) => {
  const [one, other] = [await creationOf(app, world, type), await creationOf(app, world, type)];
  const [result] = resultsOf(await perform(platform, { op: 'add', data: one.data }));
  const posted = await platform.post(pathOf(type), other);
  const plain = ({
    number: _number,
    name: _name,
    code: _code,
    slug: _slug,
    email: _email,
    start: _start,
    tokenStart: _tokenStart,
    balanceAfter: _balanceAfter,
    asset: _asset,
    ...others
  }: Body) => others;
  const compared = ({ attributes, ...rest }: Body) => masked({ ...rest, attributes: plain(attributes) });
  expect(compared(result.data)).toEqual(compared(posted.body.data));
});

test.each(changeable)('%s: the result of update is what a GET shows [ATO-17, ATO-29]', async (type) => {
  const id = sampleOf(world, type);
  const values = { externalId: 'new', name: 'new', status: 'frozen', maxOverage: 7, notifyOnResolved: true };
  const found = Object.entries(values).find(([each]) => registry.get(type)?.attributes[each]?.write !== undefined);
  const [name, value] = found as [string, string];
  const [result] = resultsOf(await perform(platform, update(type, id, { [name]: value })));
  expect(result.data.attributes[name]).toBe(value);
  expect(result.data).toEqual((await platform.get(`${pathOf(type)}/${id}`)).body.data);
});

test('results stand where their operations stood; what has no data is an empty object [ATO-14, ATO-18]', async () => {
  const gone = await createOrganization(platform);
  const { id } = await createUser(platform);
  const roles = [{ type: 'roles', id: world.roles.admin.id }];
  const answer = await perform(
    platform,
    add('organizations', { name: 'First' }),
    remove('organizations', gone.id),
    add('users', { email: 'third@example.com' }),
    { op: 'add', ref: { type: 'members', id: world.members[2].id, relationship: 'roles' }, data: roles },
    update('organizations', world.organization.id, { kind: 'fifth' }),
  );
  const shown = resultsOf(answer).map(({ data }) => data && [data.type, data.attributes.name ?? data.attributes.email]);
  expect(shown).toEqual([
    ['organizations', 'First'],
    undefined,
    ['users', 'third@example.com'],
    undefined,
    ['organizations', 'Acme'],
  ]);
  expect(answer.body['atomic:results'][1]).toEqual({});
  expect((await platform.get(`${S}/users/${id}`)).status).toBe(200);
});

test('only removals: 200 with an empty result each [ATO-15, ATO-18]', async () => {
  const made = [await createOrganization(platform), await createOrganization(platform)];
  const answer = await perform(platform, ...made.map(({ id }) => remove('organizations', id)));
  expect(answer.text).toBe(
    '{"atomic:results":[{},{}],"jsonapi":{"version":"1.1","ext":["https://jsonapi.org/ext/atomic"]}}',
  );
  for (const { links } of made) expect((await platform.get(links.self)).status).toBe(404);
});

test('a result is of its moment: later operations are not in it [ATO-12, ATO-14]', async () => {
  const id = world.organization.id;
  const results = resultsOf(
    await perform(platform, ...['one', 'two', 'three'].map((kind) => update('organizations', id, { kind }))),
  );
  expect(results.map(({ data }) => data.attributes.kind)).toEqual(['one', 'two', 'three']);
  expect((await platform.get(world.organization.links.self)).body.data.attributes.kind).toBe('three');
});

test('operations are carried out in their order: a slug is freed, then taken [ATO-12]', async () => {
  const { id } = await createOrganization(platform, { slug: 'free-me' });
  const [freed, taken] = [
    update('organizations', id, { slug: 'freed' }),
    add('organizations', { name: 'x', slug: 'free-me' }),
  ];
  expect((await perform(platform, taken, freed)).status).toBe(409);
  expect(resultsOf(await perform(platform, freed, taken))[1].data.attributes.slug).toBe('free-me');
});

test('a platform caller may choose ids [ATO-16, CRE-10]', async () => {
  const id = '11111111-1111-4111-8111-111111111111';
  const made = { op: 'add', data: { type: 'organizations', id, attributes: { name: 'Chosen' } } };
  expect(resultsOf(await perform(platform, made))[0].data.id).toBe(id);
});

test('what is written comes with its totals [ATO-13]', async () => {
  const total = async () => (await world.partner.get(`${M}/organizations`)).body.meta.total;
  const before = await total();
  const made = Array.from({ length: 5 }, (_, i) => add('organizations', { name: `Counted ${i}` }));
  resultsOf(await perform(world.partner, ...made));
  expect(await total()).toBe(before + 5);
});

describe('secrets', () => {
  const secretsIn = (value: unknown): string[] =>
    JSON.stringify(value).match(/(?:sk|pk)_live_\w{36}|whsec_[\w+/=]{44}/g) ?? [];

  test('are in the answer that made them, which nobody may store [ATO-16, INV-30]', async () => {
    const url = 'https://example.com/hook';
    const answer = await perform(
      platform,
      add('organizations', { name: 'Secretive', webhookUrl: url }),
      add('apiKeys', { name: 'Key' }),
      update('organizations', world.other.id, { webhookUrl: url }),
    );
    const results = resultsOf(answer);
    expect(secretsIn(results)).toHaveLength(4);
    expect(answer.headers['cache-control']).toBe('no-store');
    for (const { data } of results) {
      expect(secretsIn((await platform.get(data.links.self)).body)).toEqual([]);
    }
    const key = app.as(results[1].data.attributes.secret);
    expect((await key.get(`${S}/me`)).body.data.attributes.level).toBe('platform');
  });

  test('without one the answer is as any other [INV-30]', async () => {
    const { headers } = await perform(platform, update('organizations', world.organization.id, { kind: 'plain' }));
    expect(headers['cache-control']).toBe('private, no-cache');
    expect(headers).not.toHaveProperty('etag');
    expect(headers).not.toHaveProperty('location');
  });
});
