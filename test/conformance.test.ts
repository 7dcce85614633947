import { allRoutes } from '../src/controllers/routes';
import { endpoints } from '../src/endpoints';
import type { ResourceDefinition } from '../src/jsonapi/define';
import { OPEN_OPERATIONS, OPERATIONS } from '../src/permissions';
import { checkRegistry, registry } from '../src/resources';
import { place } from './routes/holds/holding';
import { moved } from './routes/money';
import { limited } from './routes/overageLimits/limiting';
import { watched } from './routes/walletAlerts/watching';
import {
  type Body,
  createOrganization,
  createUser,
  document,
  link,
  M,
  MEDIA_TYPE,
  NIL,
  S,
  startApp,
  stopTellingReads,
  type TestApp,
} from './support/app';
import { addDelivery } from './support/deliveries';
import { isFullyLinked } from './support/document';

/** What every resource type does because it stands in the registry: a new one is tested by being there. */

type Definition = ResourceDefinition<never>;
const DEFINITIONS = [...registry.values()];
const TYPES = DEFINITIONS.map((each): [string, Definition] => [each.type, each]);
const ROUTES = allRoutes(registry);
const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE'];
const ALL = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS'];
/** Rows of each type, at the least. */
const ROWS = 3;

let app: TestApp;
/** Secrets that were shown once. */
const secrets: string[] = [];
/** Type → id of one of its rows. */
const some: Record<string, string> = {};

beforeAll(async () => {
  app = await startApp();
  await stopTellingReads(app);
  for (let i = 0; i < ROWS; i++) {
    const partner = await app.partner(`Partner ${i}`);
    const { id, attributes } = await createOrganization(partner, {
      name: `Organization ${i}`,
      webhookUrl: 'https://example.com/in',
      ...(i === 0 ? {} : { externalId: `e-${i}`, countryCode: 'DE', primaryDomain: `d${i}.example` }),
    });
    const user = await createUser(partner, i === 0 ? {} : { name: `User ${i}` });
    const roles = await app.platform.get(`${S}/roles?filter[code]=owner`);
    const member = document(
      'members',
      {},
      {
        relationships: {
          organization: link('organizations', id),
          user: link('users', user.id),
          roles: { data: [{ type: 'roles', id: roles.body.data[0].id }] },
        },
      },
    );
    expect((await partner.post(`${S}/members`, member)).status).toBe(201);
    const invitation = document(
      'invitations',
      { email: `invitee-${i}@example.com` },
      { relationships: { organization: link('organizations', id) } },
    );
    await addDelivery(app, id);
    const topUp = await moved(partner, id, 'topup', { amount: 100, ...(i === 0 ? {} : { reference: `r-${i}` }) });
    await place(partner, id, { amount: 1 + i });
    await limited(partner, id, { maxOverage: i });
    await watched(partner, topUp.relationships.wallet.data.id, { direction: 'below', value: i });
    const invited = await partner.post(`${S}/invitations`, invitation);
    secrets.push(attributes.token, attributes.webhookSecret, partner.key as string, invited.body.data.attributes.token);
    const pair = (await app.platform.post(`${S}/accessTokens`, document('accessTokens'))).body.data.attributes;
    secrets.push(pair.accessToken, pair.refreshToken);
  }
  secrets.push(app.platform.key as string);
  await app.services.callers.drain();
  for (const { type, path } of DEFINITIONS) some[type] = (await app.platform.get(path)).body.data[0].id;
});
afterAll(() => app.close());

const get = async (path: string): Promise<Body> => {
  const { status, body } = await app.platform.get(path);
  expect([path, status]).toEqual([path, 200]);
  return body;
};
const idsOf = (body: Body): string[] => body.data.map(({ id }: Body) => id);
const refused = async (path: string, parameter: string) => {
  const { status, body } = await app.platform.get(path);
  expect([path, status, body.errors?.[0].code, body.errors?.[0].source]).toEqual([
    path,
    400,
    'invalid_parameter',
    { parameter },
  ]);
};

describe('the registry', () => {
  test('does not contradict itself', () => {
    expect(checkRegistry).not.toThrow();
  });

  test.each(TYPES)('%s: every operation and action has a row in permissions', (type, { operations, actions }) => {
    for (const name of [...Object.keys(operations), ...Object.keys(actions)]) {
      expect(OPERATIONS).toHaveProperty([`${type}.${name}`]);
    }
  });

  test('every row in permissions is of a type that exists, or of an endpoint', () => {
    const beside = new Set(endpoints.map(({ operation }) => operation));
    const strange = (name: string) => !registry.has(name.split('.')[0] as string) && !beside.has(name);
    expect(Object.keys(OPERATIONS).filter(strange)).toEqual([]);
    expect([...OPEN_OPERATIONS].filter((name) => !beside.has(name))).toEqual([]);
  });
});

describe.each(TYPES)('%s', (type, definition) => {
  const { path, attributes, relationships } = definition;
  const fieldNames = [...Object.keys(attributes), ...Object.keys(relationships)];

  test('answers in the JSON:API media type without parameters, and names Accept in Vary', async () => {
    for (const each of [path, `${path}/`, `${path}/${some[type]}`, `${path}/${NIL}`]) {
      const { headers } = await app.platform.get(each);
      expect([headers['content-type'], headers.vary]).toEqual([MEDIA_TYPE, 'Accept']);
      expect((await app.platform.get(each, { Accept: `${MEDIA_TYPE}; charset=utf-8` })).status).toBe(406);
    }
    if (definition.operations.create === undefined) return;
    expect((await app.platform.post(path, {}, { 'Content-Type': 'application/json' })).status).toBe(415);
  });

  test('has the same at its path with a slash, and HEAD has the headers of GET', async () => {
    for (const each of [path, `${path}/${some[type]}`]) {
      const plain = await app.platform.get(each);
      expect((await app.platform.get(`${each}/`)).body).toEqual(plain.body);
      const headers = { Authorization: app.platform.key as string };
      const head = await fetch(`${app.url}${each}`, { method: 'HEAD', headers });
      expect([head.status, await head.text()]).toEqual([200, '']);
      for (const name of ['content-type', 'content-length', 'etag', 'cache-control', 'vary']) {
        expect([name, head.headers.get(name)]).toEqual([name, plain.headers[name] ?? null]);
      }
    }
  });

  test('refuses a parameter that it does not know, by its name', async () => {
    for (const parameter of ['nonsense', 'Sort', 'filter', 'page', 'fields', 'filter[nonsense]', 'page[nonsense]']) {
      await refused(`${path}?${parameter}=1`, parameter);
    }
    for (const parameter of ['nonsense', 'sort', 'filter[id]', 'page[size]']) {
      await refused(`${path}/${some[type]}?${parameter}=1`, parameter);
    }
  });

  const sortable = ['id', ...Object.keys(attributes).filter((name) => attributes[name]?.sort === true)];

  test.each(sortable)('sorts by %s, up and down', async (name) => {
    const values = (body: Body) => body.data.map((row: Body) => (name === 'id' ? row.id : row.attributes[name]));
    const up = await get(`${path}?sort=${name}&page[size]=100`);
    const down = await get(`${path}?sort=-${name}&page[size]=100`);
    const known = values(up).filter((value: unknown) => value !== null);
    expect(known).toEqual([...known].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    expect(values(down).filter((value: unknown) => value !== null)).toEqual([...known].reverse());
    // Ties are broken by the id in the same direction, so that one is the other turned round.
    expect(idsOf(down)).toEqual(idsOf(up).reverse());
    expect(up.data.length).toBe(up.meta.total);
  });

  test('refuses to sort by anything else', async () => {
    const others = fieldNames.filter((name) => !sortable.includes(name));
    for (const name of [...others, 'version', 'nonsense', '']) await refused(`${path}?sort=${name}`, 'sort');
  });

  test('is walked through page by page, by number and by offset, forth and back, each row once', async () => {
    const whole = await get(`${path}?page[size]=100`);
    for (const first of [`${path}?page[size]=1`, `${path}?page[limit]=1`]) {
      const walked: string[] = [];
      let page = await get(first);
      for (; ; page = await get(page.links.next)) {
        walked.push(...idsOf(page));
        if (page.links.next === null) break;
      }
      expect(walked).toEqual(idsOf(whole));
      expect(page.meta).toEqual({
        total: walked.length,
        totalUnfiltered: walked.length,
        currentSize: 1,
        currentPage: walked.length,
        maxPage: walked.length,
      });
      expect(idsOf(await get(page.links.last))).toEqual(walked.slice(-1));
      expect(idsOf(await get(page.links.prev))).toEqual(walked.slice(-2, -1));
      expect(idsOf(await get(page.links.first))).toEqual(walked.slice(0, 1));
      expect((await get(page.links.first)).links.prev).toBeNull();
    }
  });

  test('has pages of 25, and of 100 at the most', async () => {
    expect((await get(path)).meta.currentSize).toBe(25);
    const { status, body } = await app.platform.get(`${path}?page[size]=101`);
    expect([status, body.errors[0].code]).toEqual([400, 'page_size_too_large']);
    for (const value of ['0', '-1', 'x', '1.5', '']) await refused(`${path}?page[size]=${value}`, 'page[size]');
  });

  test('shows the fields that are asked for and no other', async () => {
    const whole = (await get(`${path}/${some[type]}`)).data;
    const of = (resource: Body) => ({ ...resource.attributes, ...resource.relationships });
    for (const name of fieldNames) {
      const { data } = await get(`${path}/${some[type]}?fields[${type}]=${name}`);
      expect(of(data)).toEqual({ [name]: of(whole)[name] });
      expect((await get(`${path}?fields[${type}]=${name}`)).data.map((row: Body) => Object.keys(of(row)))).toEqual(
        Array((await get(path)).data.length).fill([name]),
      );
    }
    expect(of((await get(`${path}/${some[type]}?fields[${type}]=`)).data)).toEqual({});
    await refused(`${path}?fields[${type}]=nonsense`, `fields[${type}]`);
    await refused(`${path}?fields[nonsense]=name`, 'fields[nonsense]');
  });

  test('includes the relationships that can be included, with full linkage, and refuses the others', async () => {
    for (const [name, relationship] of Object.entries(relationships)) {
      for (const each of [path, `${path}/${some[type]}`]) {
        if (relationship.include !== true) {
          await refused(`${each}?include=${name}`, 'include');
          continue;
        }
        const body = await get(`${each}?include=${name}`);
        expect(isFullyLinked(body)).toBe(true);
        const linked = [body.data].flat().flatMap((row: Body) => [row.relationships[name].data ?? []].flat());
        // What is primary data is there already.
        const wanted = new Set(linked.map(({ id }: Body) => id));
        for (const { id } of [body.data].flat()) wanted.delete(id);
        expect(new Set(body.included.map(({ id }: Body) => id))).toEqual(wanted);
        for (const row of body.included) expect(row.type).toBe(relationship.type);
      }
    }
    expect((await get(`${path}?include=`)).included).toEqual([]);
    await refused(`${path}?include=nonsense`, 'include');
  });

  test('links every relationship to its linkage and to what that stands for', async () => {
    const { data } = await get(`${path}/${some[type]}`);
    for (const relationship of Object.values<Body>(data.relationships ?? {})) {
      const [linkage, related] = [await get(relationship.links.self), await get(relationship.links.related)];
      const keys = (each: Body) => [each].flat().map((row) => row && `${row.type} ${row.id}`);
      expect(keys(related.data)).toEqual(keys(linkage.data));
      if (relationship.data !== undefined) expect(linkage.data).toEqual(relationship.data);
    }
    expect((await get(data.links.self)).data).toEqual(data);
  });

  test('shows no secret again: null on every GET [INV-30]', async () => {
    const once = Object.keys(attributes).filter((name) => attributes[name]?.reveal === 'once');
    for (const each of [path, `${path}/${some[type]}`, ...once.map((name) => `${path}?fields[${type}]=${name}`)]) {
      const { text, body } = await app.platform.get(each);
      for (const secret of secrets) expect(text).not.toContain(secret);
      for (const row of [body.data].flat()) {
        for (const name of once) if (name in row.attributes) expect([name, row.attributes[name]]).toEqual([name, null]);
      }
    }
    for (const name of once) await refused(`${path}?filter[${name}]=x`, `filter[${name}]`);
  });
});

describe.each(ROUTES.map((route): [string, (typeof ROUTES)[number]] => [route.template, route]))(
  '%s',
  (template, route) => {
    const { definition, methods, kind } = route;
    /** JSON:API wants 403 for an update that is not offered, where others are 405. */
    const updates = { resource: ['PATCH'], linkage: ['PATCH', 'POST', 'DELETE'] }[kind as string] ?? [];
    /** An endpoint at the same path adds its method; who may ask it is its own matter. */
    const beside = endpoints.filter((each) => each.path === template).map((each): string => each.method);
    const both = ALL.filter((method) => methods.includes(method) || beside.includes(method));
    const allowed = (beside.length === 0 ? methods : both).join(', ');
    const call = (method: string, key?: string) =>
      fetch(`${app.url}${template.replace('{id}', some[definition.type] ?? NIL)}`, {
        method,
        headers: { ...(key === undefined ? {} : { Authorization: key }) },
      });

    test('tells its methods with OPTIONS, without a credential', async () => {
      const { status, headers } = await call('OPTIONS');
      expect([status, headers.get('allow')]).toEqual([204, allowed]);
    });

    test.each(METHODS.filter((method) => !methods.includes(method) && !beside.includes(method)))(
      'refuses %s with Allow',
      async (method) => {
        const { status, headers } = await call(method, app.platform.key);
        expect([status, headers.get('allow')]).toEqual([updates.includes(method) ? 403 : 405, allowed]);
      },
    );

    test.each(methods.filter((method) => method !== 'OPTIONS'))(
      'asks for a credential before %s: 401',
      async (method) => {
        const { status, headers } = await call(method);
        expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
        if (method !== 'HEAD') expect(headers.get('content-type')).toBe(MEDIA_TYPE);
      },
    );
  },
);

test('the paths are those of the mount table', () => {
  for (const { type, path } of DEFINITIONS) {
    expect(path).toBe(`${['organizations', 'partners'].includes(type) ? M : S}/${type}`);
  }
});
