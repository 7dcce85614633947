import {
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { contentsOf } from '../support/contents';
import { add, at, errorOf, local, perform, remove, resultsOf, update, when } from './operations';
import { buildWorld, membership, pathOf, sampleOf, TYPES, type World } from './world';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

/** Sends operations that must leave nothing behind in any table. */
async function refusal(client: Client, ...operations: unknown[]) {
  const before = await contentsOf(app);
  const answer = await perform(client, ...operations);
  expect(await contentsOf(app)).toEqual(before);
  return errorOf(answer);
}

const keyOf = async (organization: Body, scopes: string[], asker = app.platform): Promise<Client> => {
  const owner = { relationships: { organization: link('organizations', organization.id) } };
  const { body } = await asker.post(`${S}/apiKeys`, document('apiKeys', { name: 'Narrow', scopes }, owner));
  return app.as(body.data.attributes.secret);
};

describe('all or nothing', () => {
  /** One operation of every kind that there is, and they all work. */
  async function everyKind(): Promise<unknown[]> {
    const [deleted, purged, kept] = [
      await createOrganization(app.platform),
      await createOrganization(app.platform),
      await createOrganization(app.platform),
    ];
    const people = [await createUser(app.platform), await createUser(app.platform)];
    const memberships: Body[] = [];
    for (const [i, { id }] of people.entries()) {
      const roles = i === 0 ? [world.roles.owner.id] : [];
      memberships.push((await app.platform.post(`${S}/members`, membership(kept.id, id, roles))).body.data);
    }
    const [first, second] = memberships;
    const key = await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'Ends' }));
    const owner = { type: 'users', id: people[1].id };
    return [
      add('organizations', { name: 'Made', webhookUrl: 'https://example.com/x' }, { lid: 'o' }),
      add('partners', { name: 'Made' }),
      add('users', { email: `${Math.random()}@example.com` }, { lid: 'u' }),
      add('apiKeys', { name: 'Made' }, { relationships: { organization: local('organizations', 'o') } }),
      add('members', {}, { relationships: { organization: local('organizations', 'o'), user: local('users', 'u') } }),
      update('organizations', kept.id, { name: 'Changed', status: 'suspended', statusReason: 'x', token: null }),
      update('partners', world.partner.id, { metadata: { a: 1 } }),
      update('members', second.id, { externalId: 'changed' }),
      { op: 'update', ref: { type: 'organizations', id: kept.id, relationship: 'owner' }, data: owner },
      { op: 'add', ref: { type: 'members', id: second.id, relationship: 'roles' }, data: [role('admin')] },
      { op: 'remove', ref: { type: 'members', id: second.id, relationship: 'roles' }, data: [role('member')] },
      remove('members', first.id),
      remove('apiKeys', key.body.data.id),
      remove('organizations', deleted.id),
      { op: 'remove', href: `${M}/organizations/${purged.id}?purgeNow=true` },
    ];
  }
  const role = (code: string) => ({ type: 'roles', id: world.roles[code].id });

  const userPointer = '/data/relationships/user/data';
  const acme = { name: 'Acme', slug: 'acme' };
  const membershipOf = (user: string) => ({
    relationships: { organization: link('organizations', world.other.id), user: link('users', user) },
  });

  test('the operations that are undone below all work by themselves [ATO-12, ATO-14]', async () => {
    const operations = await everyKind();
    expect(resultsOf(await perform(app.platform, ...operations))).toHaveLength(operations.length);
  });

  test.each<[string, () => unknown, [string, string, string]]>([
    ['422', () => add('users', { email: 'no address' }), ['422', 'invalid_format', '/data/attributes/email']],
    ['404', () => remove('members', NIL), ['404', 'not_found', '']],
    ['404 of another', () => add('members', {}, membershipOf(NIL)), ['404', 'not_found', userPointer]],
    ['409 of a constraint', () => add('organizations', acme), ['409', 'slug_taken', '/data/attributes/slug']],
    ['409 of a rule', () => remove('members', world.members[0].id), ['409', 'last_owner', '']],
    ['403', () => update('roles', world.roles.admin.id, { name: 'x' }), ['403', 'update_not_offered', '']],
    ['412', () => when('"9.x"', update('partners', world.partner.id)), ['412', 'version_mismatch', '/meta/ifMatch']],
    ['405', () => remove('permissions', 'members:read'), ['405', 'method_not_allowed', '']],
    ['400', () => ({ op: 'add', data: null }), ['400', 'malformed_document', '/data']],
  ])('%s of the last operation undoes fifteen of every kind [ATO-13, ATO-25]', async (_title, bad, fault) => {
    const operations = await everyKind();
    const [status, code, where] = fault;
    const refused = await refusal(app.platform, ...operations, bad());
    expect(refused).toEqual([status, code, at(operations.length, where)]);
  });
  test('what a failed request revoked and deleted goes on to work at once [ATO-13]', async () => {
    const organization = await createOrganization(app.platform);
    const key = app.as(organization.attributes.token);
    const me = async () => (await key.get(`${S}/me`)).status;
    expect(await me()).toBe(200);
    await refusal(app.platform, remove('organizations', organization.id), remove('organizations', NIL));
    expect(await me()).toBe(200);
    resultsOf(await perform(app.platform, remove('organizations', organization.id)));
    expect(await me()).toBe(401);
  });
});

describe('authorisation', () => {
  const callers: [string, () => Client][] = [
    ['an organization key', () => world.key],
    ['a partner', () => world.partner],
  ];

  test.each(
    callers.flatMap(([who, client]) =>
      ['organizations', 'members', 'apiKeys'].map((type) => [who, type, client] as const),
    ),
  )(
    '%s: foreign %s are missing, whatever is done to them; op 1 is undone [ATO-30, INV-18]',
    async (_who, type, client) => {
      const foreign = await foreignOf(type);
      for (const op of ['update', 'remove']) {
        const operation = (id: string) => ({ op, ref: { type, id }, data: op === 'update' ? { type, id } : undefined });
        const first = update('organizations', world.organization.id, { kind: 'undone' });
        const asked = await perform(client(), first, operation(foreign));
        const missing = await perform(client(), first, operation(NIL));
        expect(asked.body.errors.map(withoutId)).toEqual(missing.body.errors.map(withoutId));
        expect(await refusal(client(), first, operation(foreign))).toEqual(errorOf(missing));
      }
    },
  );
  const withoutId = ({ id: _id, ...error }: Body) => error;

  /** A row of the platform's organization, that neither the partner nor the organization's key sees. */
  async function foreignOf(type: string): Promise<string> {
    if (type === 'organizations') return world.other.id;
    const owner = { relationships: { organization: link('organizations', world.other.id) } };
    if (type === 'apiKeys') {
      return (await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'Foreign' }, owner))).body.data.id;
    }
    const { id } = await createUser(app.platform);
    return (await app.platform.post(`${S}/members`, membership(world.other.id, id))).body.data.id;
  }

  test.each(callers)(
    '%s: a foreign organization or user in linkage is missing [ATO-30, INV-18]',
    async (_who, client) => {
      const { id: stranger } = await createUser(app.platform);
      const key = add(
        'apiKeys',
        { name: 'x' },
        { relationships: { organization: link('organizations', world.other.id) } },
      );
      expect(await refusal(client(), key)).toEqual([
        '404',
        'not_found',
        at(0, '/data/relationships/organization/data'),
      ]);
      const ref = { type: 'organizations', id: world.organization.id, relationship: 'owner' };
      const owner = { op: 'update', ref, data: { type: 'users', id: stranger } };
      expect(await refusal(client(), owner)).toEqual(['404', 'not_found', at(0, '/data')]);
    },
  );

  test('what a credential may not do is 403 for the operation that does it, with the permission [ATO-27, ATO-30]', async () => {
    const narrow = await keyOf(world.organization, ['organizations:read', 'organizations:update', 'members:read']);
    const works = update('organizations', world.organization.id, { kind: 'undone' });
    const member = world.members[1].id;
    const roles = { op: 'add', ref: { type: 'members', id: member, relationship: 'roles' }, data: [] };
    for (const [operation, required] of [
      [update('members', member, { externalId: 'x' }), 'members:update'],
      [roles, 'members:update'],
      [remove('members', member), 'members:remove'],
      [remove('organizations', world.organization.id), 'organizations:delete'],
      [add('apiKeys', { name: 'x' }), 'apiKeys:create'],
    ] as const) {
      const answer = await perform(narrow, works, operation);
      expect([errorOf(answer), answer.body.errors[0].meta]).toEqual([
        ['403', 'permission_denied', at(1)],
        { required },
      ]);
    }
    expect(await refusal(narrow, works, remove('members', NIL))).toEqual(['404', 'not_found', at(1)]);
  });

  test('an organization key makes no organizations, users and memberships [ATO-30]', async () => {
    for (const type of ['organizations', 'users', 'members']) {
      expect(await refusal(world.key, add(type, { name: 'x' }))).toEqual(['403', 'permission_denied', at(0)]);
    }
  });

  test.each(TYPES)('%s: a suspended organization’s key writes nothing [ATO-30]', async (type) => {
    const organization = await createOrganization(app.platform);
    const key = app.as(organization.attributes.token);
    const suspension = { status: 'suspended', statusReason: 'unpaid' };
    resultsOf(await perform(app.platform, update('organizations', organization.id, suspension)));
    const id = type === 'organizations' ? organization.id : sampleOf(world, type);
    const patch = await key.patch(`${pathOf(type)}/${id}`, document(type, {}, { id }));
    const [status, code] = (await refusal(key, update(type, id))) ?? [];
    expect([status, code]).toEqual([String(patch.status), patch.body.errors[0].code]);
    if (type === 'organizations') expect(code).toBe('organization_suspended');
  });

  test('a credential that is no longer good does nothing', async () => {
    const { attributes, id } = await createOrganization(app.platform);
    resultsOf(await perform(app.platform, remove('organizations', id)));
    const answer = await perform(app.as(attributes.token), update('organizations', id));
    expect(errorOf(answer)).toEqual(['401', 'revoked_credential', 'Authorization']);
  });
});
