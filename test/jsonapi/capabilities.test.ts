import { hintOf } from '../../src/jsonapi/define';
import { sampleOf as sampleOfSchema } from '../../src/openapi/example';
import { registry } from '../../src/resources';
import { keyed } from '../routes/money';
import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { buildWorld, errorsOf, membership, pathOf, sampleOf, TYPES, type World } from './world';

const HINTS = 'withCapabilities=true';
const READS = ['organizations:read', 'members:read', 'roles:read', 'apiKeys:read'];

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

/** An organization of its own with two members and a key, since what is allowed is tried: and a caller who sees it. */
interface Scene {
  caller: Client;
  organization: Body;
  samples: Record<string, string>;
}

/** The scopes of a key of the organization, or who else asks. */
const CALLERS: Record<string, readonly string[] | 'platform' | 'partner' | 'suspended'> = {
  'the platform': 'platform',
  'the partner': 'partner',
  'the organization': ['*'],
  'a key that reads': READS,
  'a key that changes members': [...READS, 'members:update'],
  'a key that removes members and keys': [...READS, 'members:remove', 'apiKeys:revoke'],
  'a key that changes the organization': [...READS, 'organizations:update', 'organizations:restore'],
  'a key that hands it over': [...READS, 'organizations:transfer', 'organizations:delete'],
  'a key that reads organizations only': ['organizations:read'],
  'a suspended organization': 'suspended',
};

async function sceneFor(who: string): Promise<Scene> {
  const { partner, roles } = world;
  const organization = await createOrganization(partner);
  const [owner, user] = [await createUser(partner), await createUser(partner)];
  await partner.post(`${S}/members`, membership(organization.id, owner.id, [roles.owner.id]));
  const member = await partner.post(`${S}/members`, membership(organization.id, user.id));
  const keyWith = async (scopes: readonly string[]) => {
    const more = { relationships: { organization: link('organizations', organization.id) } };
    return (await partner.post(`${S}/apiKeys`, document('apiKeys', { name: 'Key', scopes }, more))).body.data;
  };
  const samples = {
    organizations: organization.id,
    partners: partner.id,
    users: owner.id,
    members: member.body.data.id,
    roles: roles.admin.id,
    apiKeys: (await keyWith(['*'])).id,
  };
  const kind = CALLERS[who] as (typeof CALLERS)[string];
  const others: Record<string, Client> = {
    platform: app.platform,
    partner,
    suspended: app.as(organization.attributes.token),
  };
  if (kind === 'suspended') {
    const suspension = document('organizations', { status: 'suspended', statusReason: 'x' }, { id: organization.id });
    await partner.patch(organization.links.self, suspension);
  }
  const caller = typeof kind === 'string' ? others[kind] : app.as((await keyWith(kind)).attributes.secret);
  return { caller: caller as Client, organization, samples };
}

const actionsOf = (type: string) => Object.entries(registry.get(type)?.actions ?? {});

/** The least settings that an action takes. */
const settingsOf = ({
  settings = {},
  requiredSettings = [],
}: {
  settings?: object;
  requiredSettings?: readonly string[];
}) => sampleOfSchema({ type: 'object', properties: settings, required: requiredSettings });

/** Tries one thing that hints are about: with what changes as little as there is. */
async function attempt({ caller }: Scene, url: string, type: string, id: string, name: string): Promise<Answer> {
  if (name === 'update') return caller.patch(url, document(type, {}, { id }));
  if (name === 'delete') return caller.delete(url);
  const [path, action] = actionsOf(type).find(([key, each]) => hintOf(key, each) === name) ?? [];
  if (action?.method === 'DELETE') return caller.delete(`${url}/${path}`);
  if (action !== undefined) {
    return caller.post(`${url}/${path}`, { meta: settingsOf(action) }, action.keyed === true ? keyed() : {});
  }
  const { body } = await app.platform.get(`${url}/relationships/${name}`);
  return caller.patch(`${url}/relationships/${name}`, { data: body.data });
}

/** What a type has that hints can be about, what deletes it last. */
function namesOf(type: string): { direct: string[]; relationships: string[] } {
  const { operations, relationships } = registry.get(type) as NonNullable<ReturnType<typeof registry.get>>;
  const plain = [...('update' in operations ? ['update'] : []), ...('remove' in operations ? ['delete'] : [])];
  const direct = [...actionsOf(type).map(([name, action]) => hintOf(name, action)), ...plain];
  const changeable = Object.entries(relationships).filter(([, { change }]) => change !== undefined);
  return { direct, relationships: changeable.map(([name]) => name) };
}

const MATRIX = TYPES.flatMap((type) => Object.keys(CALLERS).map((who) => [type, who] as const));

test.each(MATRIX)('%s, %s: hints and Allow agree with what happens when each thing is tried', async (type, who) => {
  const scene = await sceneFor(who);
  const id = scene.samples[type] ?? sampleOf(world, type);
  const url = `${pathOf(type)}/${id}`;
  const answer = await scene.caller.get(`${url}?${HINTS}`);
  const plain = await scene.caller.get(url);
  expect(answer.status).toBe(plain.status);
  const { direct, relationships } = namesOf(type);
  if (answer.status !== 200) {
    // Who can't read it gets no hints, and does nothing to it.
    expect(answer.headers).not.toHaveProperty('allow');
    for (const name of direct) expect((await attempt(scene, url, type, id, name)).status).toBeGreaterThanOrEqual(403);
    return;
  }
  const { can, ...meta } = answer.body.data.meta;
  expect(meta).toEqual(plain.body.data.meta ?? {});
  expect(Object.keys(can).sort()).toEqual([...direct, ...(relationships.length > 0 ? ['relationships'] : [])].sort());
  expect(Object.keys(can.relationships ?? {})).toEqual(relationships);
  const methods = ['GET', 'HEAD', ...(can.update ? ['PATCH'] : []), ...(can.delete ? ['DELETE'] : []), 'OPTIONS'];
  expect(answer.headers.allow).toBe(methods.join(', '));
  for (const name of [...relationships, ...direct]) {
    const isAllowed = direct.includes(name) ? can[name] : can.relationships[name];
    const { status, text } = await attempt(scene, url, type, id, name);
    // A rule that other rows decide may still stand in the way: 409, as of another member that is in it; or what the
    // least settings of an action name is not there.
    if (isAllowed) expect([200, 201, 204, 404, 409, 422]).toContain(status);
    else expect([name, [403, 409].includes(status), text]).toEqual([name, true, text]);
  }
});

const canDo = (update: boolean, remove: boolean, handOver: boolean, token: boolean) => ({
  restore: false,
  update,
  avatarDelete: update,
  delete: remove,
  transferOwnership: handOver,
  relationships: { owner: handOver },
  tokenRotate: token,
  tokenDelete: token,
});

test.each<[string, object]>([
  ['the platform', canDo(true, true, true, true)],
  ['the partner', canDo(true, true, true, true)],
  ['the organization', canDo(true, true, true, true)],
  ['a key that reads', canDo(false, false, false, false)],
  ['a key that changes the organization', canDo(true, false, false, false)],
  ['a key that hands it over', canDo(false, true, true, false)],
  ['a suspended organization', canDo(false, false, false, false)],
])('%s: what may be done with an organization', async (who, can) => {
  const { caller, organization } = await sceneFor(who);
  expect((await caller.get(`${organization.links.self}?${HINTS}`)).body.data.meta.can).toEqual({
    ...can,
    webhookSecretRotate: false,
  });
});

test.each([
  ['deleteProtection', 'delete_protected'],
  ['legalHold', 'legal_hold'],
])('%s makes delete false, whoever asks: %s', async (attribute, code) => {
  const { organization, caller } = await sceneFor('the partner');
  const set = (value: boolean) =>
    app.platform.patch(
      organization.links.self,
      document('organizations', { [attribute]: value }, { id: organization.id }),
    );
  const hints = async (client: Client, more = '') => {
    const { body, headers } = await client.get(`${organization.links.self}?${HINTS}${more}`);
    return [body.data.meta.can.delete, headers.allow];
  };
  const clients = [app.platform, caller, app.as(organization.attributes.token)];
  await set(true);
  for (const client of clients) {
    // Also when the attribute that decides is not shown.
    for (const more of ['', '&fields[organizations]=name', '&fields[organizations]=']) {
      expect(await hints(client, more)).toEqual([false, 'GET, HEAD, PATCH, OPTIONS']);
    }
  }
  expect(errorsOf(await app.platform.delete(organization.links.self))).toEqual([['409', code, undefined]]);
  await set(false);
  for (const client of clients) expect(await hints(client)).toEqual([true, 'GET, HEAD, PATCH, DELETE, OPTIONS']);
  expect((await app.platform.delete(organization.links.self)).status).toBe(204);
});

describe('the parameter', () => {
  const url = () => world.organization.links.self;

  test('false is as if it were not there', async () => {
    const answer = await app.platform.get(`${url()}?withCapabilities=false`);
    expect(answer.body.data).toEqual((await app.platform.get(url())).body.data);
    expect(answer.headers).not.toHaveProperty('allow');
  });

  test('true adds hints and nothing else; include, fields and self are as without', async () => {
    const query = 'include=owner,members&fields[users]=email';
    const [hinted, plain] = await Promise.all(
      [`${query}&${HINTS}`, query].map((each) => app.platform.get(`${url()}?${each}`)),
    );
    const { can, ...meta } = hinted?.body.data.meta ?? {};
    expect(can.update).toBe(true);
    expect({ ...hinted?.body.data, meta }).toEqual(plain?.body.data);
    expect(hinted?.body.included).toEqual(plain?.body.included);
    expect(hinted?.body.links.self).toBe(`${url()}?${query}&${HINTS}`);
  });

  test('HEAD has the header fields of GET, and a 304 has Allow', async () => {
    const got = await app.platform.get(`${url()}?${HINTS}`);
    const head = await app.platform.head(`${url()}?${HINTS}`);
    for (const name of ['allow', 'etag', 'content-type']) expect(head.headers[name]).toBe(got.headers[name]);
    const again = await app.platform.get(`${url()}?${HINTS}`, { 'If-None-Match': got.headers.etag as string });
    expect([again.status, again.headers.allow]).toEqual([304, got.headers.allow]);
  });

  test('the tag is that of what was shown, and protects the same row [UPD-16]', async () => {
    const [hinted, plain] = [await app.platform.get(`${url()}?${HINTS}`), await app.platform.get(url())];
    expect(hinted.headers.etag).not.toBe(plain.headers.etag);
    const body = document('organizations', {}, { id: world.organization.id });
    const patched = await app.platform.patch(url(), body, { 'If-Match': hinted.headers.etag as string });
    expect(patched.status).toBe(200);
  });

  test.each(['', '=', '=True', '=1', '=yes', '=true,true', '=null'])('%j is 400: true or false', async (value) => {
    const answer = await app.platform.get(`${url()}?withCapabilities${value}`);
    expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', 'withCapabilities']]);
  });

  test.each(['withcapabilities=true', 'withCapabilities[]=true', 'withCapabilities[a]=true', `${HINTS}&${HINTS}`])(
    '%s is 400',
    async (query) => {
      const answer = await app.platform.get(`${url()}?${query}`);
      expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', query.split(/[=&]/)[0]]]);
    },
  );

  test.each<[string, (type: string, id: string) => string]>([
    ['a collection', (type) => pathOf(type)],
    ...['related', 'linkage'].map((kind): [string, (type: string, id: string) => string] => [
      kind,
      (type, id) => {
        const [name] = Object.keys(registry.get(type)?.relationships ?? {});
        return `${pathOf(type)}/${id}/${kind === 'linkage' ? 'relationships/' : ''}${name}`;
      },
    ]),
  ])('GET of %s does not take it: 400 [QRY-2]', async (_title, pathFor) => {
    for (const type of TYPES) {
      if (Object.keys(registry.get(type)?.relationships ?? {}).length === 0) continue;
      const answer = await app.platform.get(`${pathFor(type, sampleOf(world, type))}?${HINTS}`);
      expect([type, ...errorsOf(answer)]).toEqual([type, ['400', 'invalid_parameter', 'withCapabilities']]);
    }
  });

  test('no write takes it: 400, and nothing is done [QRY-12]', async () => {
    const { organization, samples } = await sceneFor('the platform');
    const self = organization.links.self;
    const roles = `${S}/members/${samples.members}/relationships/roles`;
    const answers = [
      await app.platform.post(`${M}/organizations?${HINTS}`, document('organizations', { name: 'x' })),
      await app.platform.patch(`${self}?${HINTS}`, document('organizations', { kind: 'x' }, { id: organization.id })),
      await app.platform.delete(`${self}?${HINTS}`),
      await app.platform.post(`${self}/restore?${HINTS}`),
      await app.platform.patch(`${roles}?${HINTS}`, { data: [{ type: 'roles', id: world.roles.admin.id }] }),
    ];
    for (const answer of answers) expect(errorsOf(answer)).toEqual([['400', 'invalid_parameter', 'withCapabilities']]);
    expect((await app.platform.get(self)).body.data.attributes.kind).toBe('business');
  });
});
