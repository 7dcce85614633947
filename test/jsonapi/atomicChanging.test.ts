import { type Body, createOrganization, link, M, NIL, S, startApp, type TestApp } from '../support/app';
import { type Level, type Method, replay } from './replay';
import { buildWorld, type World } from './world';

let app: TestApp;
let world: World;
/** The partner's, under deletion protection. */
let guarded: Body;
/** The platform's. */
let foreignKey: Body;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  guarded = await createOrganization(world.partner, { deleteProtection: true });
  const key = { data: { type: 'apiKeys', attributes: { name: 'Foreign' } } };
  foreignKey = (await app.platform.post(`${S}/apiKeys`, key)).body.data;
});
afterAll(() => app.close());

const AT = '/data/attributes';

const updates: [rule: string, title: string, level: Level, more: () => object, error: string][] = [
  ['UPD-1', 'no id', 'platform', () => ({ id: undefined }), '400 malformed_document /data'],
  ['UPD-1', 'no type', 'platform', () => ({ type: undefined }), '400 malformed_document /data'],
  ['UPD-12', 'another id', 'platform', () => ({ id: world.other.id }), '409 id_mismatch /data/id'],
  ['UPD-12', 'another type', 'platform', () => ({ type: 'users' }), '409 type_mismatch /data/type'],
  ['UPD-9', 'a partner', 'platform', () => related('partner', 'partners'), update403('partner')],
  [
    'UPD-9',
    'members',
    'platform',
    () => related('members', 'members', [{ type: 'members', id: NIL }]),
    update403('members'),
  ],
  [
    'UPD-11',
    'no such owner',
    'platform',
    () => related('owner', 'users'),
    '404 not_found /data/relationships/owner/data',
  ],
  ['UPD-13', 'a slug that is taken', 'platform', () => ({ attributes: { slug: 'acme' } }), `409 slug_taken ${AT}/slug`],
  [
    'UPD-15',
    'one fault of two',
    'platform',
    () => ({ attributes: { kind: 'x', name: '' } }),
    `422 too_short ${AT}/name`,
  ],
  ['4.1', 'a hold', 'partner', () => ({ attributes: { legalHold: true } }), '403 permission_denied'],
  ['6.1', 'a deletion', 'platform', () => status('pending_deletion'), `422 not_allowed ${AT}/status`],
  ['6.1', 'a suspension without reason', 'platform', () => status('suspended'), `422 required ${AT}`],
  ['INV-18', 'a stranger', 'organization', () => ({}), '404 not_found'],
];
const status = (value: string) => ({ attributes: { status: value } });
const related = (name: string, type: string, data: unknown = { type, id: NIL }) => ({
  relationships: { [name]: { data } },
});
function update403(name: string): string {
  return `403 update_not_offered /data/relationships/${name}`;
}

test.each(updates)('an organization, [%s] %s: update fails as PATCH does [ATO-25, ATO-27]', async (...given) => {
  const [, , level, more, error] = given;
  const data = { type: 'organizations', id: guarded.id, attributes: {}, ...more() };
  expect(await replay(app, world, level, 'PATCH', guarded.links.self, data)).toEqual([error]);
});

test.each<[string, () => string, string, string]>([
  ['a missing organization', () => `${M}/organizations/${NIL}`, 'organizations', '404 not_found'],
  ['an id that is no UUID', () => `${M}/organizations/x`, 'organizations', '404 not_found'],
  ['a role', () => world.roles.admin.links.self, 'roles', '403 update_not_offered'],
  ['a permission', () => `${S}/permissions/members:read`, 'permissions', '403 update_not_offered'],
])('%s: update fails as PATCH does [UPD-9, UPD-10, ATO-27]', async (_title, path, type, error) => {
  const data = { type, id: path().split('/').at(-1) };
  expect(await replay(app, world, 'platform', 'PATCH', path(), data)).toEqual([error]);
});

const member = () => world.members[1].links.self;
const organization = () => world.organization.links.self;
const role = { type: 'roles', id: NIL };
const linkages: [rule: string, method: Method, name: string, of: () => string, data: unknown, error: string][] = [
  ['RUP-3', 'PATCH', 'roles', member, null, '400 malformed_document /data'],
  ['RUP-3', 'POST', 'roles', member, role, '400 malformed_document /data'],
  ['RUP-3', 'DELETE', 'roles', member, null, '400 malformed_document /data'],
  ['RID-5', 'POST', 'roles', member, [{ type: 'roles' }], '400 malformed_document /data/0'],
  ['RUP-4', 'PATCH', 'roles', member, [role], '404 not_found /data/0'],
  ['RUP-16', 'POST', 'roles', member, [role], '404 not_found /data/0'],
  ['RUP-15', 'POST', 'roles', member, [{ ...role, type: 'users' }], '409 type_mismatch /data/0/type'],
  ['INV-12', 'PATCH', 'roles', member, [], '422 too_short /data'],
  ['RUP-13', 'PATCH', 'roles', () => `${S}/members/${NIL}`, [], '404 not_found'],
  ['RUP-1', 'PATCH', 'owner', organization, [], '400 malformed_document /data'],
  ['RUP-14', 'PATCH', 'owner', organization, null, '409 last_owner'],
  ['RUP-14', 'PATCH', 'user', member, null, '403 update_not_offered'],
  ['RUP-12', 'POST', 'owner', organization, null, '403 update_not_offered'],
  ['RUP-12', 'DELETE', 'owner', organization, null, '403 update_not_offered'],
  ['RUP-12', 'POST', 'members', organization, [], '403 update_not_offered'],
  ['RUP-12', 'DELETE', 'users', organization, [], '403 update_not_offered'],
];

test.each(linkages)('[%s] %s of %s: an operation on linkage fails as at its URL [ATO-25, ATO-27]', async (...given) => {
  const [, method, name, of, data, error] = given;
  expect(await replay(app, world, 'platform', method, `${of()}/relationships/${name}`, data)).toEqual([error]);
});

test.each<[string, Level, () => string, string]>([
  ['what is missing', 'platform', () => `${S}/members/${NIL}`, '404 not_found'],
  ['what is foreign', 'partner', () => foreignKey.links.self, '404 not_found'],
  ['what is protected', 'platform', () => guarded.links.self, '409 delete_protected'],
  ['what has members, by itself', 'organization', organization, '409 members_present'],
  ['the last owner', 'platform', () => world.members[0].links.self, '409 last_owner'],
  ['what is never removed', 'platform', () => `${S}/permissions/members:read`, '405 method_not_allowed'],
  ['for good, by a partner', 'partner', () => `${organization()}?purgeNow=true`, '403 permission_denied'],
])('%s: remove fails as DELETE does [DEL-3, DEL-5, ATO-25, ATO-27]', async (_title, level, path, error) => {
  expect(await replay(app, world, level, 'DELETE', path())).toEqual([error]);
});

test('a role that the caller could not have is not given, by either way [INV-13, ATO-27]', async () => {
  const { body } = await app.platform.post(`${S}/apiKeys`, {
    data: {
      type: 'apiKeys',
      attributes: { name: 'Narrow', scopes: ['organizations:update', 'members:read', 'members:update'] },
      relationships: { organization: link('organizations', world.organization.id) },
    },
  });
  const narrow = { ...world, key: app.as(body.data.attributes.secret) };
  const data = [{ type: 'roles', id: world.roles.owner.id }];
  const path = `${member()}/relationships/roles`;
  expect(await replay(app, narrow, 'organization', 'POST', path, data)).toEqual(['403 cannot_grant /data/0']);
});
