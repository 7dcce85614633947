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
import { buildWorld, errorsOf, membership, pointed, rowCounts, type World } from './world';

const ORGANIZATIONS = `${M}/organizations`;
let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

/** Sends what must not create anything, and says what is wrong with it. */
async function refuse(path: string, body: unknown, client = platform) {
  const before = await rowCounts(app);
  const answer = await client.post(path, body);
  expect(await rowCounts(app)).toEqual(before);
  return errorsOf(answer);
}
const named = (attributes: object = {}, more: object = {}) =>
  document('organizations', { name: 'New', ...attributes }, more);

describe('relationships of what is created', () => {
  const key = (relationships: object) => document('apiKeys', { name: 'Key' }, { relationships });

  test.each([
    ['a to-one that is a list [CRE-19]', { data: [] }, '400', 'malformed_document', '/data'],
    ['an identifier that is text', { data: 'x' }, '400', 'malformed_document', '/data'],
    ['an identifier without type', { data: { id: NIL } }, '400', 'malformed_document', '/data'],
    ['an identifier without id [RID-5]', { data: { type: 'organizations' } }, '400', 'malformed_document', '/data'],
    [
      'an identifier with a number for id',
      { data: { type: 'organizations', id: 1 } },
      '400',
      'malformed_document',
      '/data',
    ],
    ['another type [CRE-19]', { data: { type: 'users', id: NIL } }, '409', 'type_mismatch', '/data/type'],
    ['one that does not exist [CRE-13]', { data: { type: 'organizations', id: NIL } }, '404', 'not_found', '/data'],
    ['an id that is no UUID [CRE-13]', { data: { type: 'organizations', id: 'x' } }, '404', 'not_found', '/data'],
    ['no data [CRE-14]', {}, '400', 'malformed_document', ''],
    ['a text', 'x', '400', 'malformed_document', ''],
    ['null', null, '400', 'malformed_document', ''],
  ])('%s', async (_title, relationship, status, code, pointer) => {
    expect(await refuse(`${S}/apiKeys`, key({ organization: relationship }))).toEqual([
      [status, code, `/data/relationships/organization${pointer}`],
    ]);
  });

  test('a to-many takes a list, and each fault in it has its place [CRE-19]', async () => {
    const { data }: Body = membership(world.other.id, world.user.id);
    const roles = (linkage: unknown) => ({
      data: { ...data, relationships: { ...data.relationships, roles: { data: linkage } } },
    });
    const at = '/data/relationships/roles/data';
    expect(await refuse(`${S}/members`, roles(null))).toEqual([['400', 'malformed_document', at]]);
    expect(await refuse(`${S}/members`, roles({ type: 'roles', id: NIL }))).toEqual([
      ['400', 'malformed_document', at],
    ]);
    const good = { type: 'roles', id: world.roles.member.id };
    expect(
      await refuse(`${S}/members`, roles([good, 5, { type: 'users', id: NIL }, { type: 'roles', id: 'x' }])),
    ).toEqual([
      ['400', 'malformed_document', `${at}/1`],
      ['409', 'type_mismatch', `${at}/2/type`],
      ['404', 'not_found', `${at}/3`],
    ]);
    expect(await refuse(`${S}/members`, roles([good, { type: 'roles', id: NIL }]))).toEqual([
      ['404', 'not_found', `${at}/1`],
    ]);
  });

  test('an identifier twice is meant once', async () => {
    const { id } = await createUser(app.platform);
    const role = world.roles.member.id;
    const { status, body } = await platform.post(`${S}/members`, membership(world.other.id, id, [role, role]));
    expect([status, body.data.relationships.roles.data]).toEqual([201, [{ type: 'roles', id: role }]]);
  });

  test.each([
    ['no relationships at all', undefined, '422', 'required', '/data'],
    ['no relationship', {}, '422', 'required', '/data/relationships'],
    ['null', { organization: { data: null } }, '422', 'required', '/data/relationships/organization/data'],
    [
      'links only',
      { organization: { links: { related: '/x' } } },
      '400',
      'malformed_document',
      '/data/relationships/organization',
    ],
    ['meta only', { organization: { meta: {} } }, '400', 'malformed_document', '/data/relationships/organization'],
  ])('a required one with %s [CRE-14, ERR-9]', async (_title, given, status, code, pointer) => {
    const user = given === undefined ? {} : { relationships: { ...given, user: link('users', world.user.id) } };
    const errors = await refuse(`${S}/members`, document('members', {}, user));
    expect(errors[0]).toEqual([status, code, pointer]);
  });

  test('one that no create request sets is 403, one with links only is ignored', async () => {
    const set = named({}, { relationships: { members: { data: [] } } });
    expect(await refuse(ORGANIZATIONS, set)).toEqual([['403', 'update_not_offered', '/data/relationships/members']]);
    const echoed = named({}, { relationships: { users: { links: { related: '/x' } }, owner: { meta: {} } } });
    expect((await platform.post(ORGANIZATIONS, echoed)).status).toBe(201);
  });

  test('what the caller can’t see does not exist [CRE-13, INV-18]', async () => {
    const stranger = pointed(await app.partner('Stranger'));
    const { id } = await createOrganization(stranger);
    const own = await createUser(stranger);
    const at = (name: string) => [['404', 'not_found', `/data/relationships/${name}/data`]];
    expect(await refuse(`${S}/members`, membership(world.organization.id, own.id), stranger)).toEqual(
      at('organization'),
    );
    expect(await refuse(`${S}/members`, membership(id, world.user.id), stranger)).toEqual(at('user'));
    const bound = key({ organization: link('organizations', world.organization.id) });
    expect(await refuse(`${S}/apiKeys`, bound, stranger)).toEqual(at('organization'));
    const partner = key({ partner: link('partners', world.partner.id) });
    expect(await refuse(`${S}/apiKeys`, partner, stranger)).toEqual(at('partner'));
    const foreign = named({}, { relationships: { partner: link('partners', world.partner.id) } });
    expect(await refuse(ORGANIZATIONS, foreign, stranger)).toEqual(at('partner'));
  });
});
