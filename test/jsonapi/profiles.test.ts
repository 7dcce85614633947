import { ATOMIC, ATOMIC_TYPE, CURSOR_PROFILE, CURSOR_TYPE } from '../../src/jsonapi/negotiate';
import { registry } from '../../src/resources';
import { document, M, MEDIA_TYPE, S, startApp, type TestApp } from '../support/app';
import { buildWorld, errorsOf, pathOf, rowCounts, TYPES, type World } from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

/** The parameters of the JSON:API media type; its only ones are lists in quotes. */
function parametersOf(contentType: string | undefined): Record<string, string[]> {
  const [type, ...rest] = (contentType ?? '').split(';');
  expect(type).toBe(MEDIA_TYPE);
  return Object.fromEntries(
    rest.map((parameter) => {
      const [, name = '', value = ''] = /^(ext|profile)="([^"]+)"$/.exec(parameter) ?? [];
      return [name, value.split(' ')];
    }),
  );
}

test.each(TYPES)(
  'a list of %s applies the profile that is asked for, and names it once in quotes [CN-26, CN-29]',
  async (type) => {
    const asked = `${MEDIA_TYPE};profile="https://example.com/unknown ${CURSOR_PROFILE}"`;
    const { status, headers, body } = await app.platform.get(pathOf(type), { Accept: asked });
    expect(status).toBe(200);
    expect(parametersOf(headers['content-type'])).toEqual({ profile: [CURSOR_PROFILE] });
    expect(body.jsonapi).toEqual({ version: '1.1', profile: [CURSOR_PROFILE] });
  },
);

test('extensions and profiles that a body names are not applied because of that [CN-31, MEM-7]', async () => {
  const before = await rowCounts(app);
  const jsonapi = { version: '1.1', ext: [ATOMIC], profile: [CURSOR_PROFILE] };
  const operations = [{ op: 'add', data: { type: 'organizations', attributes: { name: 'Named' } } }];
  const refused = await app.platform.post(`${S}/operations`, { jsonapi, 'atomic:operations': operations });
  expect(errorsOf(refused)).toEqual([['415', 'unsupported_media_type', 'Content-Type']]);
  const unlabelled = await app.platform.post(`${M}/organizations`, { jsonapi, 'atomic:operations': operations });
  expect(errorsOf(unlabelled)).toEqual([['400', 'malformed_document', '']]);
  expect(await rowCounts(app)).toEqual(before);
  const made = await app.platform.post(`${M}/organizations`, {
    ...document('organizations', { name: 'Made' }),
    jsonapi,
  });
  expect([made.status, made.headers['content-type'], made.body.jsonapi]).toEqual([201, MEDIA_TYPE, { version: '1.1' }]);
});

test('media types of answers with an extension or a profile are what the specification says [CN-28, CN-29]', () => {
  expect(parametersOf(ATOMIC_TYPE)).toEqual({ ext: [ATOMIC] });
  expect(parametersOf(CURSOR_TYPE)).toEqual({ profile: [CURSOR_PROFILE] });
});

test.each(TYPES)('%s is spelled one way: in data, linkage, fieldsets and paths [RES-4, MEM-5, RCM-2]', async (type) => {
  const { body } = await app.platform.get(`${pathOf(type)}?page[size]=1&fields[${type}]=`);
  expect(body.data[0].type).toBe(type);
  expect(pathOf(type).split('/').at(-1)).toBe(type);
  for (const { type: from, relationships } of registry.values()) {
    for (const [name, relationship] of Object.entries(relationships)) {
      if (relationship.type !== type || relationship.include !== true) continue;
      const list = await app.platform.get(`${pathOf(from)}?include=${name}&page[size]=5`);
      for (const each of list.body.included) expect(each.type).toBe(type);
    }
  }
});

test.each(TYPES)(
  'a list of %s has links at the top, in each resource and in each relationship [LNK-7, RCM-6]',
  async (type) => {
    const { body } = await app.platform.get(pathOf(type));
    expect(typeof body.links.self).toBe('string');
    for (const { links, relationships = {} } of body.data) {
      expect(typeof links.self).toBe('string');
      for (const each of Object.values<{ links: object }>(relationships)) {
        expect(each.links).toEqual({ self: expect.any(String), related: expect.any(String) });
      }
    }
  },
);

test.each([
  ['numbers', {}],
  ['cursors', { Accept: CURSOR_TYPE }],
])('pages by %s are asked for with the page family, and totals are in meta [PAG-4, PAG-10]', async (_way, headers) => {
  const { body } = await app.platform.get(`${S}/members?page[size]=1`, headers);
  expect([body.meta.total, body.meta.totalUnfiltered]).toEqual([3, 3]);
  for (const name of ['first', 'last', 'next']) {
    const query = new URL(body.links[name], app.url).searchParams;
    expect([...query.keys()].every((key) => key.startsWith('page['))).toBe(true);
  }
});

test('keys of metadata are member names: others are refused where they stand [MEM-4, MEM-9]', async () => {
  const { id } = world.organization;
  for (const key of ['a.b', '_a', 'a:b', '']) {
    const attributes = { metadata: { [key]: 1 } };
    const answer = await app.platform.patch(`${M}/organizations/${id}`, document('organizations', attributes, { id }));
    expect(errorsOf(answer)).toEqual([['422', 'invalid_format', `/data/attributes/metadata/${key}`]]);
  }
});
