import type { Endpoint } from '../src/controllers/endpoints';
import { endpoints } from '../src/endpoints';
import { buildWorld, sampleOf, type World } from './jsonapi/world';
import { M, MEDIA_TYPE, NIL, type Person, S, startApp, type TestApp } from './support/app';
import { contractFaults, type Exchange } from './support/contract';
import { type Any, type Documented, operations, queryParameters } from './support/openapi';

/**
 * Every test holds its answers against the document. These make sure that every operation is asked for what the others
 * may leave out, and that the comparison finds what it is for.
 */

const PROFILE = `${MEDIA_TYPE};profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination"`;
const ofTypes = operations.filter(({ route }) => route !== undefined);
const reads = ofTypes.filter(({ method }) => method === 'get');
const named = (list: Documented[]) => list.map((each) => [each.operation.operationId as string, each] as const);

let app: TestApp;
let world: World;
let person: Person;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  person = await app.user();
});
afterAll(() => app.close());

/** Only somebody who has signed in sees a session, which alone leads to a user. */
const isOfSession = ({ route }: Documented): boolean =>
  route?.definition.type === 'accessTokens' && route.relationship === 'user';

/** A path with an id, of a resource where the relationship leads to something. */
async function pathOf(documented: Documented): Promise<string> {
  const { path, route } = documented;
  const type = route?.definition.type ?? '';
  if (type === 'accessTokens' && !isOfSession(documented)) return path.replace('{id}', world.keyToken.id);
  if (isOfSession(documented)) return path.replace('{id}', (await person.get(`${S}/me`)).body.data.id);
  if (type === 'walletTransactions' && route?.relationship === 'reverses') {
    const { reversedBy } = world.transaction.relationships;
    return path.replace('{id}', reversedBy.data.id);
  }
  if (type !== 'apiKeys' || route?.relationship !== 'partner') return path.replace('{id}', sampleOf(world, type));
  const { body } = await app.platform.get(`${S}/apiKeys?filter[partner]=${world.partner.id}`);
  return path.replace('{id}', body.data[0].id);
}

/** The operation without a body: what is asked here is refused before that is read. */
function refused({ method }: Documented, path: string, key?: string, headers: Record<string, string> = {}) {
  const client = app.as(key);
  if (method === 'get' || method === 'delete') return client[method](path, headers);
  return client[method as 'post' | 'patch'](path, undefined, headers);
}

describe('every operation', () => {
  test.each(named(ofTypes))(
    '%s refuses no credential, another media type and an unknown parameter with listed codes',
    async (_id, documented) => {
      const path = await pathOf(documented);
      const { key } = app.platform;
      const answers = [
        await refused(documented, path),
        await refused(documented, path, key, { Accept: 'text/html' }),
        await refused(documented, `${path}?unknown=1`, key),
      ];
      expect(answers.map(({ status, body }) => [status, body.errors[0].code])).toEqual([
        [401, 'missing_credential'],
        [406, 'not_acceptable'],
        [400, 'invalid_parameter'],
      ]);
    },
  );
});

describe('every endpoint beside the types', () => {
  const inPath = ({ params = {} }: Endpoint, name: string) => params[name]?.examples ?? [NIL];
  const pathWithIds = (endpoint: Endpoint) =>
    endpoint.path.replace(/\{(\w+)\}/g, (_all, name: string) => String([inPath(endpoint, name)].flat()[0]));

  test.each(endpoints.map((each) => [each.operationId, each] as const))(
    '%s refuses no credential where it needs one, another media type and an unknown parameter',
    async (_id, endpoint) => {
      const path = pathWithIds(endpoint);
      const documented = { method: endpoint.method.toLowerCase() } as Documented;
      const { key } = app.platform;
      const strange = await refused(documented, path, key, { Accept: 'text/html' });
      const unknown = await refused(documented, `${path}?unknown=1`, key);
      expect([strange.status, unknown.status]).toEqual([406, 400]);
      if (endpoint.credential === 'required') expect((await refused(documented, path)).status).toBe(401);
    },
  );
});

describe('cursors', () => {
  const withCursors = reads.filter(({ operation }) => operation.responses[200].content[PROFILE] !== undefined);

  test.each(named(withCursors))(
    '%s answers under the media type of the profile, when that is asked for',
    async (_id, documented) => {
      const { schema } = queryParameters(documented).find(({ name }) => name === 'include');
      const depthOf = (each: string) => each.split('.').length;
      // People are not shown partners.
      const isShown = (each: string) => !isOfSession(documented) || !each.includes('partner');
      const include = (schema.items.enum ?? []).filter((each: string) => depthOf(each) < 4 && isShown(each));
      include.sort((a: string, b: string) => depthOf(a) - depthOf(b));
      const path = await pathOf(documented);
      const asker = isOfSession(documented) ? person : app.platform;
      const isList = queryParameters(documented).some(({ name }) => name === 'page[after]');
      const types: (string | undefined)[] = [];
      for (const search of isList ? [''] : include.map((each: string) => `?include=${each}`)) {
        // Only as deep as it takes: some lead to lists behind their third name alone.
        if (depthOf(search) > 2 && types.includes(PROFILE)) break;
        const { status, headers } = await asker.get(`${path}${search}`, { Accept: PROFILE });
        expect([search, status]).toEqual([search, 200]);
        types.push(headers['content-type']);
      }
      expect(types).toContain(PROFILE);
    },
  );
});

describe('the comparison', () => {
  let good: Exchange;
  beforeAll(async () => {
    const path = `${M}/organizations/${world.organization.id}`;
    const { status, headers, text, body } = await app.platform.get(path);
    good = { method: 'get', path, contentType: undefined, sent: undefined, status, headers, text, body };
  });

  const spoiled = (change: (exchange: Exchange) => void): string => {
    const exchange = structuredClone(good);
    change(exchange);
    return contractFaults(exchange).join('; ');
  };
  const faulty = (status: number, code: string) => (exchange: Exchange) => {
    const error = { id: 'a', status: String(status), code, title: 'A', detail: 'B' };
    const body = { errors: [error], jsonapi: { version: '1.1' } };
    Object.assign(exchange, { status, body, headers: { ...exchange.headers, 'www-authenticate': 'Bearer' } });
  };

  test('has nothing to say of what is described', () => {
    expect(spoiled(() => undefined)).toBe('');
    expect(spoiled(faulty(404, 'not_found'))).toBe('');
  });

  /** Puts a value where the path leads; undefined takes away what is there. */
  const put = (path: string, value?: unknown) => (exchange: Exchange) => {
    const keys = path.split('.');
    const last = keys.pop() as string;
    const target = keys.reduce((from: Any, key) => from[key], exchange);
    if (value === undefined) delete target[last];
    else target[last] = value;
  };
  const SPOILERS: [string, string, (exchange: Exchange) => void][] = [
    ['an attribute that is not described', '"password"', put('body.data.attributes.password', 'x')],
    ['another member of the resource', '"extra"', put('body.data.extra', 1)],
    ['another member of a relationship', '"extra"', put('body.data.relationships.owner.extra', 1)],
    ['another relationship', '"friends"', put('body.data.relationships.friends', {})],
    ['another member of the document', '"extra"', put('body.extra', 1)],
    ['a relationship without links', "'links'", put('body.data.relationships.users.links')],
    ['a value of another type', 'name must be string', put('body.data.attributes.name', 1)],
    ['a field that is missing in the header', 'there is no ETag', put('headers.etag')],
    ['another media type', 'the media type text/csv is not described', put('headers.content-type', 'text/csv')],
    ['a profile that was not applied', 'body/links/self', put('headers.content-type', PROFILE)],
    ['a status', 'the status is not described', put('status', 202)],
    ['a code of another operation', 'the code slug_taken is not described for 409', faulty(409, 'slug_taken')],
    ['a code under another status', 'the code not_found is not described for 403', faulty(403, 'not_found')],
    ['a parameter', 'the parameter sort is not described', put('path', `${M}/organizations/${NIL}?sort=name`)],
    ['a value', 'include=token is not as described', put('path', `${M}/organizations/${NIL}?include=token`)],
    ['an unknown path', 'the path is not described', put('path', '/public/v2/nothing')],
    ['an unknown method', 'the method is not described', put('method', 'put')],
    ['a body where there is none', 'there is a body with 304', put('status', 304)],
  ];
  test.each(SPOILERS)('finds %s', (_what, fault, change) => {
    expect(spoiled(change)).toContain(fault);
  });

  test('finds a request that was carried out and is not described', () => {
    const patch = (data: Any) => (exchange: Exchange) =>
      void Object.assign(exchange, { method: 'patch', contentType: MEDIA_TYPE, sent: JSON.stringify({ data }) });
    const { id } = world.organization;
    expect(spoiled(patch({ type: 'organizations', id, attributes: { name: ' A ' } }))).toBe('');
    expect(spoiled(patch({ type: 'organizations', attributes: {} }))).toMatch("'id'");
    expect(spoiled(patch({ type: 'organizations', id, attributes: { name: ' ' } }))).toMatch('fewer than 1 characters');
    expect(spoiled((exchange) => void Object.assign(exchange, { method: 'patch' }))).toMatch('the request has no body');
  });

  test('takes operators and paths into JSON where the document offers them', () => {
    const list = (search: string) => {
      const exchange = { ...good, path: `${M}/organizations?${search}`, status: 304, text: '', body: undefined };
      return contractFaults(exchange).filter((fault) => fault.includes('parameter'));
    };
    expect(list('filter[owner.email][contains]=a&filter[metadata.a.b][ne]=c&filter[slug][]=a&filter[owner]=')).toEqual(
      [],
    );
    expect(list('filter[owner.email][lt]=a')).toHaveLength(1);
    expect(list('filter[owner.secret]=a')).toHaveLength(1);
    expect(list('filter[metadata.a][lt]=c')).toHaveLength(1);
    expect(list('filter[kind.a]=c')).toHaveLength(1);
  });
});
