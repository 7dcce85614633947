import { createOrganization, createUser, link, M, NIL, S, startApp, type TestApp } from '../support/app';
import { type Level, replay } from './replay';
import { buildWorld, type World } from './world';

let app: TestApp;
let world: World;
let stranger: string;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  await createOrganization(world.partner, { slug: 'taken', externalId: 'taken' });
  stranger = (await createUser(app.platform)).id;
});
afterAll(() => app.close());

const organization = (attributes: unknown, more: object = {}) => ({ type: 'organizations', attributes, ...more });
/** An organization with a partner, told in this way. */
const withPartner = (partner: unknown) => organization({ name: 'x' }, { relationships: { partner } });
const AT = '/data/attributes';
const PARTNER = '/data/relationships/partner';

type Case = [rule: string, title: string, level: Level, data: () => unknown, ...errors: string[]];

const organizations: Case[] = [
  ['CRE-2', 'data that is null', 'platform', () => null, '400 malformed_document /data'],
  ['CRE-2', 'data that is a list', 'platform', () => [], '400 malformed_document /data'],
  ['CRE-9', 'an organization’s key', 'organization', () => organization({}, { id: NIL }), '403 permission_denied'],
  ['CRE-10', 'no UUID', 'platform', () => organization({}, { id: '1' }), '403 client_id_not_allowed /data/id'],
  ['CRE-11', 'an id that is taken', 'platform', () => takenId(), '409 id_taken /data/id'],
  ['CRE-11', 'a foreign id that is taken', 'partner', () => takenId(), '409 id_taken /data/id'],
  ['RES-8', 'an id that is no text', 'platform', () => numberId, '400 malformed_document /data/id'],
  ['CRE-12', 'another type', 'platform', () => ({ type: 'users' }), '409 type_mismatch /data/type'],
  ['CRE-13', 'no such partner', 'platform', () => withPartner(link('partners', NIL)), `404 not_found ${PARTNER}/data`],
  ['CRE-14', 'no linkage', 'platform', () => withPartner({}), `400 malformed_document ${PARTNER}`],
  ['CRE-19', 'a list', 'platform', () => withPartner({ data: [] }), `400 malformed_document ${PARTNER}/data`],
  ['CRE-19', 'a user', 'platform', () => withPartner(link('users', NIL)), `409 type_mismatch ${PARTNER}/data/type`],
  ['CRE-19', 'members', 'platform', () => withMembers(), '403 update_not_offered /data/relationships/members'],
  ['CRE-17', 'a slug that is taken', 'platform', () => organization(slug), `409 slug_taken ${AT}/slug`],
  ['CRE-17', 'an externalId', 'partner', () => organization(external), `409 external_id_taken ${AT}/externalId`],
  ['CRE-18', 'no name', 'platform', () => organization({}), `422 required ${AT}`],
  ['CRE-18', 'no attributes', 'platform', () => ({ type: 'organizations' }), '422 required /data'],
  ['CRE-18', 'two faults', 'platform', () => twoFaults(), `422 invalid_format ${AT}/kind`, `422 too_short ${AT}/name`],
  [
    'ERR-12',
    'two statuses',
    'platform',
    () => mixed(),
    `400 malformed_document ${PARTNER}`,
    `422 too_short ${AT}/name`,
  ],
  [
    'FLD-7',
    'an unknown attribute',
    'platform',
    () => organization({ name: 'x', nope: 1 }),
    `422 unknown_attribute ${AT}/nope`,
  ],
  ['6.1', 'a status to begin with', 'platform', () => organization(suspended), `422 not_allowed ${AT}/status`],
  [
    '9.2',
    'a token that is known',
    'platform',
    () => organization({ name: 'x', token: known }),
    `422 not_allowed ${AT}/token`,
  ],
];
const takenId = () => organization({ name: 'x' }, { id: world.other.id });
const numberId = organization({ name: 'x' }, { id: 5 });
const withMembers = () => organization({ name: 'x' }, { relationships: { members: { data: [] } } });
const slug = { name: 'x', slug: 'taken' };
const external = { name: 'x', externalId: 'taken' };
const twoFaults = () => organization({ name: '', kind: 5 });
const mixed = () => organization({ name: '' }, { relationships: { partner: 5 } });
const suspended = { name: 'x', status: 'suspended' };
const known = 'known-to-the-service-already';

test.each(organizations)('an organization, [%s] %s: add fails as POST does [ATO-25, ATO-27]', async (...given) => {
  const [, title, level, data, ...errors] = given;
  if (title === 'a token that is known') await createOrganization(app.platform, { token: known });
  expect(await replay(app, world, level, 'POST', `${M}/organizations`, data())).toEqual(errors);
});

const membership = (organizationId: string, user: string) => ({
  type: 'members',
  relationships: { organization: link('organizations', organizationId), user: link('users', user) },
});
const NO_ORGANIZATION = '404 not_found /data/relationships/organization/data';
const USER = '/data/relationships/user/data';
const REQUIRED = '422 required /data/relationships';

const members: Case[] = [
  ['CRE-18', 'no relationships', 'platform', () => ({ type: 'members', relationships: {} }), REQUIRED, REQUIRED],
  ['CRE-13', 'no such user', 'platform', () => membership(world.other.id, NIL), `404 not_found ${USER}`],
  ['CRE-13', 'a foreign user', 'partner', () => membership(world.organization.id, stranger), `404 not_found ${USER}`],
  ['CRE-13', 'no such organization', 'platform', () => membership(NIL, stranger), NO_ORGANIZATION],
  ['INV-18', 'a foreign one', 'partner', () => membership(world.other.id, world.user.id), NO_ORGANIZATION],
  [
    'INV-12',
    'a member',
    'platform',
    () => membership(world.organization.id, world.user.id),
    `409 already_member ${USER}`,
  ],
  ['2', 'an organization’s key', 'organization', () => ({ type: 'members' }), '403 permission_denied'],
];

test.each(members)('a membership, [%s] %s: add fails as POST does [ATO-25, ATO-27]', async (...given) => {
  const [, , level, data, ...errors] = given;
  expect(await replay(app, world, level, 'POST', `${S}/members`, data())).toEqual(errors);
});

test('a type that takes no creation: add fails as POST does [CRE-16, ATO-27]', async () => {
  const errors = await replay(app, world, 'platform', 'POST', `${S}/permissions`, { type: 'permissions' });
  expect(errors).toEqual(['405 method_not_allowed']);
});
