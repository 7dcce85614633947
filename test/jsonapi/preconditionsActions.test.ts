import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { contentsOf } from '../support/contents';
import { buildWorld, errorsOf, membership, pointed, type World } from './world';

/** What `If-Match` means where more than one thing is changed, and where it is an action. */

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

const STALE = [['412', 'version_mismatch', 'If-Match']];
const tagOf = async (url: string): Promise<string> => (await app.platform.get(url)).headers.etag as string;
const roles = (...codes: string[]) => ({ data: codes.map((code) => ({ type: 'roles', id: world.roles[code].id })) });

/** Sends what must not change anything in any table. */
async function refuse(send: () => Promise<Answer>) {
  const before = await contentsOf(app);
  const errors = errorsOf(await send());
  expect(await contentsOf(app)).toEqual(before);
  return errors;
}

/** A member of the world's organization, an admin. */
async function newMember(): Promise<Body> {
  const { id } = await createUser(platform);
  const body = membership(world.organization.id, id, [world.roles.admin.id, world.roles.member.id]);
  return (await platform.post(`${S}/members`, body)).body.data;
}

describe('a member with his roles in the body', () => {
  const patch = ({ id, links }: Body, more: object, headers: Record<string, string>) =>
    platform.patch(links.self, document('members', { externalId: null }, { id, ...more }), headers);

  test('the tag is asked once for all that is changed [UPD-5, UPD-16]', async () => {
    const member = await newMember();
    const headers = { 'If-Match': await tagOf(member.links.self) };
    const answer = await patch(member, { relationships: { roles: roles('member') } }, headers);
    expect([answer.status, answer.body.data.relationships.roles.data]).toEqual([200, roles('member').data]);
    expect(answer.headers.etag).toBe(await tagOf(member.links.self));
    const again = { relationships: { roles: roles('admin') } };
    expect(await refuse(() => patch(member, again, headers))).toEqual(STALE);
    expect((await patch(member, again, { 'If-Match': answer.headers.etag as string })).status).toBe(200);
  });

  test('a stale one is 412 also when the roles are sent back as they are [UPD-16]', async () => {
    const member = await newMember();
    const echo = { relationships: member.relationships };
    expect(await refuse(() => patch(member, echo, { 'If-Match': '"999.x"' }))).toEqual(STALE);
  });
});

describe('linkage of many', () => {
  test('tags of its pages and of what includes it protect the same row [UPD-16]', async () => {
    for (const query of ['/relationships/roles?page[size]=1', '/relationships/roles?include=roles', '?include=roles']) {
      const { links } = await newMember();
      const headers = { 'If-Match': await tagOf(links.self + query) };
      const remove = () => platform.delete(`${links.self}/relationships/roles`, headers, roles('admin'));
      expect((await remove()).status).toBe(200);
      expect(await refuse(remove)).toEqual(STALE);
    }
  });

  test('POST and DELETE that would change nothing are judged, and leave the tag as it is [RUP-6, RUP-7, UPD-16]', async () => {
    const { links } = await newMember();
    const url = `${links.self}/relationships/roles`;
    const tag = await tagOf(url);
    const sends = (headers: Record<string, string>) => [
      () => platform.post(url, roles('admin'), headers),
      () => platform.delete(url, headers, roles('owner')),
      () => platform.post(url, roles(), headers),
      () => platform.delete(url, headers, roles()),
    ];
    for (const send of sends({ 'If-Match': '"999.x"' })) expect(await refuse(send)).toEqual(STALE);
    for (const send of sends({ 'If-Match': `W/${tag}` })) expect(await refuse(send)).toEqual(STALE);
    for (const send of sends({ 'If-Match': tag })) expect((await send()).status).toBe(200);
    expect(await tagOf(url)).toBe(tag);
  });
});

test('the tag is judged before what the owner must be, behind who may change him [UPD-16]', async () => {
  const url = `${world.organization.links.self}/relationships/owner`;
  const headers = { 'If-Match': '"999.x"' };
  expect(await refuse(() => platform.patch(url, { data: null }, headers))).toEqual(STALE);
  const { id } = await createUser(app.platform);
  expect(await refuse(() => platform.patch(url, { data: { type: 'users', id } }, headers))).toEqual(STALE);
  const narrow = await world.partner.post(`${S}/apiKeys`, {
    data: {
      type: 'apiKeys',
      attributes: { name: 'Reads', scopes: ['organizations:read', 'members:read'] },
      relationships: { organization: { data: { type: 'organizations', id: world.organization.id } } },
    },
  });
  const reader = app.as(narrow.body.data.attributes.secret);
  expect((await refuse(() => reader.patch(url, { data: null }, headers)))[0]?.[1]).toBe('permission_denied');
});

describe('actions', () => {
  test('a tag from before the deletion is old; a star fits, and the answer has the new one [UPD-16, INV-59]', async () => {
    const { id, links } = await createOrganization(platform);
    const tag = await tagOf(links.self);
    await platform.delete(links.self);
    const restore = (ifMatch: string) => platform.post(`${links.self}/restore`, undefined, { 'If-Match': ifMatch });
    for (const old of [tag, '"999.x"', `W/${tag}`, 'abc']) expect(await refuse(() => restore(old))).toEqual(STALE);
    const restored = await restore('*');
    expect([restored.status, restored.body.data.id, restored.headers.etag]).toEqual([200, id, await tagOf(links.self)]);
  });

  test('the tag that a list of deleted ones would have is the row’s version: with it the action works [UPD-16]', async () => {
    const { id, links } = await createOrganization(platform);
    await platform.delete(links.self);
    const [[version] = []] = await app.db.query('select version from organizations where id = $1', [id]);
    const restore = (tag: string) => platform.post(`${links.self}/restore`, undefined, { 'If-Match': tag });
    expect((await restore(`"${version}.x"`)).status).toBe(200);
  });

  test('the tag is judged before what stands in the way [UPD-16]', async () => {
    const { links } = await createOrganization(platform);
    const restore = (ifMatch: string) => platform.post(`${links.self}/restore`, undefined, { 'If-Match': ifMatch });
    expect(await refuse(() => restore('"999.x"'))).toEqual(STALE);
    expect(await refuse(() => restore('*'))).toEqual([['409', 'invalid_transition', undefined]]);
  });

  test('of ten who restore with one tag one does, and the others are told [INV-59]', async () => {
    const { id, links } = await createOrganization(platform);
    await platform.delete(links.self);
    const [[version] = []] = await app.db.query('select version from organizations where id = $1', [id]);
    const headers = { 'If-Match': `"${version}.x"` };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => platform.post(`${links.self}/restore`, undefined, headers)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
  });
});
