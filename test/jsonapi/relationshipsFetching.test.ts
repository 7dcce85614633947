import { OPERATIONS, PERMISSIONS } from '../../src/permissions';
import { registry } from '../../src/resources';
import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  document,
  M,
  MEDIA_TYPE,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { ask, buildWorld, errorsOf, pathOf, RELATIONSHIPS, sampleOf, seesSample, type World } from './world';

let app: TestApp;
let world: World;
let stranger: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  stranger = await app.partner('Stranger');
});
afterAll(() => app.close());

const NOT_FOUND = [['404', 'not_found', undefined]];
const ofRow = (type: string, id = sampleOf(world, type)) => `${pathOf(type)}/${id}`;
const linkageOf = (type: string, name: string, id?: string) => `${ofRow(type, id)}/relationships/${name}`;
const identifiers = (resources: Body[]) => resources.map(({ type, id }) => ({ type, id }));
/** The id of the error is the only thing in which two refusals differ. */
const withoutId = ({ status, body }: Answer) => ({
  status,
  errors: body.errors.map((error: object) => ({ ...error, id: undefined })),
});

describe.each(RELATIONSHIPS)('%s/{id}/relationships/%s', (type, name, relationship) => {
  const isMany = 'many' in relationship;
  const url = () => linkageOf(type, name);

  test('is where the resource says, and answers linkage [FRL-1, FRL-2, REL-8]', async () => {
    const shown = (await app.platform.get(ofRow(type))).body.data.relationships[name];
    const { status, headers, body } = await app.platform.get(shown.links.self);
    expect([status, headers['content-type'], shown.links.self]).toEqual([200, MEDIA_TYPE, url()]);
    const { data } = (await app.platform.get(shown.links.related)).body;
    expect(body.data).toEqual(isMany ? identifiers(data) : data === null ? null : identifiers([data])[0]);
    if ('data' in shown) expect(body.data).toEqual(shown.data);
    expect(body).not.toHaveProperty('included');
  });

  test('has links to itself and to the resources [FRL-6]', async () => {
    const { links, data } = (await app.platform.get(url())).body;
    expect(links).toMatchObject({ self: url(), related: `${ofRow(type)}/${name}` });
    expect(Object.keys(links).sort()).toEqual(
      (isMany ? ['first', 'last', 'next', 'prev', 'related', 'self'] : ['related', 'self']).sort(),
    );
    const related = await app.platform.get(links.related);
    expect(related.status).toBe(200);
    expect(identifiers([related.body.data].flat().filter(Boolean))).toEqual([data].flat().filter(Boolean));
  });

  test('of a missing row, a malformed id or a row that the caller can’t see is the same 404 [FRL-5, FET-10]', async () => {
    const missing = await app.platform.get(linkageOf(type, name, NIL));
    expect(errorsOf(missing)).toEqual(NOT_FOUND);
    for (const id of ['not-a-uuid', '1', `${NIL}%20`, '%00'])
      expect(withoutId(await app.platform.get(linkageOf(type, name, id)))).toEqual(withoutId(missing));
    const hidden = await stranger.get(linkageOf(type, name));
    expect(errorsOf(hidden)).toEqual(NOT_FOUND);
    expect(withoutId(hidden)).toEqual(withoutId(await stranger.get(linkageOf(type, name, NIL))));
  });

  test('HEAD is GET without a body [FET-11]', async () => {
    const got = await ask(app, 'GET', url());
    const { status, text, headers } = await ask(app, 'HEAD', url());
    expect([status, text, headers['content-length'], headers.etag, headers['content-type']]).toEqual([
      200,
      '',
      got.headers['content-length'],
      got.headers.etag,
      MEDIA_TYPE,
    ]);
  });

  test('has a strong ETag of the row’s version, and answers 304 [FET-14]', async () => {
    const own = (await app.platform.get(ofRow(type))).headers.etag;
    const { headers } = await app.platform.get(url());
    expect(headers.etag).toMatch(/^"\d+\.[\w-]+"$/);
    expect(headers.etag?.split('.')[0]).toBe(own?.split('.')[0]);
    const again = await app.platform.get(url(), { 'If-None-Match': headers.etag as string });
    expect([again.status, again.text, again.headers.etag]).toEqual([304, '', headers.etag]);
    expect((await app.platform.get(url(), { 'If-None-Match': own as string })).status).toBe(200);
  });

  test('a slash behind it and the kebab-case path are the same [RCM-2]', async () => {
    const { text } = await app.platform.get(url());
    const kebab = url().replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    expect((await app.platform.get(`${url()}/`)).text).toBe(text);
    expect((await app.platform.get(kebab)).text).toBe(text);
  });

  const { list, get } = { list: `${relationship.type}.list`, get: `${type}.get` };
  const right = isMany && relationship.keys === undefined ? list : get;
  const needed = OPERATIONS[right]?.permission ?? '';

  test(`needs ${needed}, and tells so only of rows that the caller sees`, async () => {
    // What was made from a key takes no permission: another key does not see it.
    if (type === 'accessTokens') return expect(needed).toBe('');
    const key = async (own: string[]) => {
      const { body } = await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'Narrow', scopes: own }));
      return app.as(body.data.attributes.secret);
    };
    const lacking = await key(PERMISSIONS.filter((scope) => scope !== needed));
    const denied = await lacking.get(url());
    expect([denied.status, denied.body.errors[0].meta]).toEqual([403, { required: needed }]);
    expect(errorsOf(await lacking.get(linkageOf(type, name, NIL)))).toEqual(NOT_FOUND);
    const row = OPERATIONS[get]?.permission ?? needed;
    expect((await (await key([...new Set([needed, row])])).get(url())).status).toBe(200);
  });

  test.each(['partner', 'organization'])(
    'a caller of the level %s finds it where his level reads both types',
    async (level) => {
      const caller = level === 'partner' ? world.partner : world.key;
      const isRead = [type, relationship.type].every((each) =>
        OPERATIONS[`${each}.get`]?.levels.includes(level as never),
      );
      const isSeen = isRead && seesSample(level, type);
      const answer = await caller.get(url());
      expect(answer.status).toBe(isSeen ? 200 : 404);
      if (!isSeen) return expect(errorsOf(answer)).toEqual(NOT_FOUND);
      const shown = (await caller.get(ofRow(type))).body.data.relationships[name];
      expect([shown.links.self, 'data' in shown ? shown.data : answer.body.data]).toEqual([url(), answer.body.data]);
    },
  );

  if (isMany) return;

  test.each(['sort=id', 'page[size]=1', 'page[after]=x', `filter[id]=${NIL}`])(
    'a to-one takes no %s [QRY-2, PAG-8, SRT-3]',
    async (query) => {
      const parameter = query.split('=')[0];
      expect(errorsOf(await app.platform.get(`${url()}?${query}`))).toEqual([['400', 'invalid_parameter', parameter]]);
    },
  );

  test('include begins with its own name [FRL-7]', async () => {
    const { data } = (await app.platform.get(url())).body;
    const { status, body } = await app.platform.get(`${url()}?include=${name}`);
    expect([status, body.data]).toEqual([200, data]);
    expect(identifiers(body.included)).toEqual([data].flat().filter(Boolean));
    const path = pathOf(relationship.type);
    for (const each of body.included) expect(each).toEqual((await app.platform.get(`${path}/${each.id}`)).body.data);
  });
});

describe('what is empty', () => {
  const empty = RELATIONSHIPS.filter(
    ([type, name]) =>
      type === 'organizations' &&
      !['roles', 'apiKeys', 'workspaces', 'events', 'wallets', 'auditEvents'].includes(name),
  );

  test.each(empty)(
    '%s/{id}/relationships/%s is 200 with null or an empty list [FRL-3, FRL-4, REL-6]',
    async (type, name, relationship) => {
      const nothing = 'many' in relationship ? [] : null;
      for (const query of ['', `?include=${name}`]) {
        const { status, body } = await app.platform.get(`${linkageOf(type, name, world.other.id)}${query}`);
        expect([status, body.data, body.included]).toEqual([200, nothing, query === '' ? undefined : []]);
        if (nothing !== null) expect(body.meta).toMatchObject({ total: 0, totalUnfiltered: 0 });
      }
      const related = await app.platform.get(`${ofRow(type, world.other.id)}/${name}`);
      expect([related.status, related.body.data]).toEqual([200, nothing]);
    },
  );

  test('the whole documents', async () => {
    const at = ofRow('organizations', world.other.id);
    const jsonapi = { version: '1.1' };
    const links = (name: string) => ({ self: `${at}/relationships/${name}`, related: `${at}/${name}` });
    expect((await app.platform.get(links('owner').self)).body).toEqual({ data: null, links: links('owner'), jsonapi });
    const { self, related } = links('members');
    const only = `${self}?page[number]=1&page[size]=25`;
    expect((await app.platform.get(self)).body).toEqual({
      data: [],
      meta: { total: 0, totalUnfiltered: 0, currentSize: 25, currentPage: 1, maxPage: 1 },
      links: { self, related, first: only, last: only, prev: null, next: null },
      jsonapi,
    });
  });
});

test.each([...registry.keys()])('a relationship that %s do not have is 404 [FRL-5]', async (type) => {
  for (const name of ['nope', 'constructor', '__proto__', 'id', 'createdAt', ''])
    expect(errorsOf(await app.platform.get(linkageOf(type, name)))).toEqual(NOT_FOUND);
});

test('those of a deleted organization are 404, and it is gone from the linkage of others [DEL-6]', async () => {
  const { id } = await createOrganization(world.partner);
  const ofPartner = `${linkageOf('partners', 'organizations')}?filter[id]=${id}`;
  expect((await app.platform.get(ofPartner)).body.data).toEqual([{ type: 'organizations', id }]);
  await world.partner.delete(`${M}/organizations/${id}`);
  expect((await app.platform.get(ofPartner)).body.data).toEqual([]);
  for (const [type, name] of RELATIONSHIPS.filter(([each]) => each === 'organizations'))
    expect(errorsOf(await app.platform.get(linkageOf(type, name, id)))).toEqual(NOT_FOUND);
});
