import { type Client, document, M, NIL, S, startApp, type TestApp } from '../support/app';
import { ATOMIC, add, at, documentOf, errorOf, OPERATIONS, perform, resultsOf, update } from './operations';
import { ask, buildWorld, errorsOf, pathOf, pointed, rowCounts, sampleOf, TYPES, type World } from './world';

const ORGANIZATIONS = `${M}/organizations`;
const OWN_NAME = 'https://guildhall.example';

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp({ PUBLIC_URL: OWN_NAME });
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

const acme = () => `${ORGANIZATIONS}/${world.organization.id}`;
const data = (kind: string) => document('organizations', { kind }, { id: world.organization.id }).data;
const kindOf = async () => (await platform.get(acme())).body.data.attributes.kind;

/** Sends one operation that must be refused and change nothing. */
async function refusal(operation: unknown, client = platform) {
  const before = [await rowCounts(app), await kindOf()];
  const answer = await perform(client, operation);
  expect([await rowCounts(app), await kindOf()]).toEqual(before);
  return errorOf(answer);
}

describe('ref', () => {
  test('names what is updated, with or without type and id in the data [ATO-10, ATO-17]', async () => {
    const ref = { type: 'organizations', id: world.organization.id };
    for (const [kind, more] of Object.entries({ whole: {}, idless: { id: undefined } })) {
      const [result] = resultsOf(await perform(platform, { op: 'update', ref, data: { ...data(kind), ...more } }));
      expect([result.data.id, result.data.attributes.kind, await kindOf()]).toEqual([ref.id, kind, kind]);
    }
  });

  test('may be left out of an update: the data name it [ATO-17]', async () => {
    const [result] = resultsOf(await perform(platform, { op: 'update', data: data('by data') }));
    expect([result.data.id, await kindOf()]).toEqual([world.organization.id, 'by data']);
  });

  test('and data that contradict it are 409 [ATO-27, UPD-12]', async () => {
    const ref = { type: 'organizations', id: world.organization.id };
    const other = { ...data('never'), id: world.other.id };
    expect(await refusal({ op: 'update', ref, data: other })).toEqual(['409', 'id_mismatch', at(0, '/data/id')]);
    const type = { ...data('never'), type: 'users' };
    expect(await refusal({ op: 'update', ref, data: type })).toEqual(['409', 'type_mismatch', at(0, '/data/type')]);
  });

  test.each<[string, object, string]>([
    ['an unknown type', { type: 'nope', id: NIL }, '/ref/type'],
    ['a type in other case', { type: 'Organizations', id: NIL }, '/ref/type'],
    ['a name of Object.prototype', { type: 'constructor', id: NIL }, '/ref/type'],
    ['a missing resource', { type: 'organizations', id: NIL }, ''],
    ['an id that is no UUID', { type: 'organizations', id: 'nowhere' }, ''],
    ['an id that looks like a path', { type: 'organizations', id: `${NIL}/owner` }, ''],
    ['an id that looks like a query', { type: 'organizations', id: `${NIL}?purgeNow=true` }, ''],
    ['an unknown relationship', { type: 'members', id: NIL, relationship: 'nope' }, '/ref/relationship'],
    ['an empty relationship', { type: 'members', id: NIL, relationship: '' }, '/ref/relationship'],
    ['a relationship of a missing resource', { type: 'members', id: NIL, relationship: 'roles' }, ''],
  ])('to %s is 404 [ATO-10, ATO-25]', async (_title, ref, where) => {
    expect(await refusal({ op: 'remove', ref, data: [] })).toEqual(['404', 'not_found', at(0, where)]);
  });

  test('data of an unknown type are 404 as well [ATO-25]', async () => {
    expect(await refusal(add('nope'))).toEqual(['404', 'not_found', at(0, '/data/type')]);
    expect(await refusal(update('nope', NIL))).toEqual(['404', 'not_found', at(0, '/data/type')]);
  });

  test('to a resource is no place to add to [ATO-10]', async () => {
    const ref = { type: 'organizations', id: world.organization.id };
    expect(await refusal({ op: 'add', ref, data: data('never') })).toEqual(['400', 'malformed_document', at(0)]);
  });
});

describe('href', () => {
  /** Every form in which a client may write one of our paths. */
  const forms: [string, (path: string) => string][] = [
    ['a path', (path) => path],
    ['a path with a slash at the end', (path) => `${path}/`],
    ['a path from where operations are', (path) => path.slice(`${S}/`.length)],
    ['an absolute URL of PUBLIC_URL', (path) => OWN_NAME + path],
    ['an absolute URL as the client calls us', (path) => app.url + path],
    ['a URL without its scheme', (path) => app.url.slice('http:'.length) + path],
    ['a URL with a fragment', (path) => `${path}#here`],
  ];

  test.each(forms)('as %s names the target of add, update and remove [ATO-11]', async (_title, form) => {
    const made = { op: 'add', href: form(ORGANIZATIONS), data: add('organizations', { name: 'By href' }).data };
    const [{ data: first }] = resultsOf(await perform(platform, made));
    const patch = document('organizations', { kind: 'patched' }, { id: first.id }).data;
    const [changed, removed] = resultsOf(
      await perform(
        platform,
        { op: 'update', href: form(first.links.self), data: patch },
        { op: 'remove', href: form(first.links.self) },
      ),
    );
    expect([changed.data.attributes.kind, removed]).toEqual(['patched', {}]);
    expect((await platform.get(first.links.self)).status).toBe(404);
  });

  test('may be the kebab-case alias of a path [ATO-11, RCM-2]', async () => {
    const operation = { op: 'add', href: `${S}/api-keys`, data: add('apiKeys', { name: 'Alias' }).data };
    expect(resultsOf(await perform(platform, operation))[0].data.links.self).toMatch(`${S}/apiKeys/`);
  });

  test('with a query that the target takes is heeded: purgeNow [ATO-11]', async () => {
    const [{ data: made }] = resultsOf(await perform(platform, add('organizations', { name: 'Purged' })));
    const href = `${made.links.self}?purgeNow=true`;
    expect(resultsOf(await perform(platform, { op: 'remove', href }))).toEqual([{}]);
    const tombstones = await app.db.query('select id from organization_tombstones where id = $1', [made.id]);
    expect(tombstones).toEqual([[made.id]]);
  });

  test.each(['include=owner', 'fields[organizations]=name', 'foo=1', 'purgeNow=maybe', 'withCapabilities=true'])(
    'with the query ?%s is 400 [ATO-11, INC-1, QRY-12]',
    async (query) => {
      for (const op of ['update', 'remove']) {
        const operation = { op, href: `${acme()}?${query}`, data: data('never') };
        expect(await refusal(operation)).toEqual(['400', 'invalid_parameter', at(0, '/href')]);
      }
    },
  );

  test.each<[string, () => string]>([
    ['a foreign origin', () => `https://example.com${acme()}`],
    ['our name with another scheme', () => `http://guildhall.example${acme()}`],
    ['our name with another port', () => `${OWN_NAME}:8443${acme()}`],
    ['a foreign origin without its scheme', () => `//example.com${acme()}`],
    ['another scheme', () => `file://${acme()}`],
    ['a script', () => 'javascript:alert(1)'],
    ['nothing', () => ''],
    ['the endpoint of operations', () => OPERATIONS],
    ['a path that leaves ours', () => `${S}/../../etc/passwd`],
    ['an unknown path', () => `${S}/nope`],
    ['an unknown relationship', () => `${acme()}/relationships/nope`],
    ['a path that is no resource', () => `${S}/me`],
    ['no URL', () => 'http://['],
  ])('to %s is 404 [ATO-11]', async (_title, href) => {
    const operation = { op: 'update', href: href(), data: data('never') };
    expect(await refusal(operation)).toEqual(['404', 'not_found', at(0, '/href')]);
  });

  test.each<[string, string, (path: string) => string]>([
    ['add', 'a resource', (path) => path],
    ['add', 'an action', (path) => `${path}/restore`],
    ['add', 'a related collection', (path) => `${path}/members`],
    ['update', 'a collection', () => ORGANIZATIONS],
    ['update', 'an action', (path) => `${path}/restore`],
    ['update', 'a related resource', (path) => `${path}/owner`],
    ['remove', 'a collection', () => ORGANIZATIONS],
    ['remove', 'an action', (path) => `${path}/restore`],
    ['remove', 'a related resource', (path) => `${path}/owner`],
  ])('%s of %s is 400: no operation is for it [ATO-11]', async (op, _title, href) => {
    const operation = { op, href: href(acme()), data: data('never') };
    expect(await refusal(operation)).toEqual(['400', 'malformed_document', at(0, '/href')]);
  });

  test('with percent-encoding that is not UTF-8 is 400 [ATO-11, ERR-18]', async () => {
    const operation = { op: 'remove', href: `${ORGANIZATIONS}/%E0%A4%A` };
    expect(await refusal(operation)).toEqual(['400', 'malformed_request', at(0)]);
  });

  test('is ours by the name that the client used, not by the one that a header claims [ATO-11]', async () => {
    const operation = { op: 'update', href: `https://evil.example${acme()}`, data: data('never') };
    const headers = { ...ATOMIC, 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'https' };
    const answer = await platform.post(OPERATIONS, documentOf(operation), headers);
    expect(errorsOf(answer)).toEqual([['404', 'not_found', at(0, '/href')]]);
  });
});

test.each(TYPES)('%s: ref and href lead to the same resource, for everybody [ATO-10, ATO-11, ATO-27]', async (type) => {
  const id = sampleOf(world, type);
  for (const client of [app.platform, world.partner, world.key]) {
    const byRef = await perform(client, { op: 'update', ref: { type, id }, data: { type, id } });
    const byHref = await perform(client, { op: 'update', href: `${pathOf(type)}/${id}`, data: { type, id } });
    const plain = await client.patch(`${pathOf(type)}/${id}`, document(type, {}, { id }));
    expect([byRef.status, byHref.status]).toEqual([plain.status, plain.status]);
    const codes = [byRef, byHref, plain].map((answer) => answer.body.errors?.[0].code);
    expect(new Set(codes).size).toBe(1);
  }
  expect((await ask(app, 'GET', `${pathOf(type)}/${id}`)).status).toBe(200);
});
