import {
  type Body,
  type Client,
  createOrganization,
  createUser,
  M,
  MEDIA_TYPE,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { buildWorld, errorsOf, masked, membership, pointed, type World } from './world';

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

const linkage = (...codes: string[]) => codes.map((code) => ({ type: 'roles', id: world.roles[code]?.id ?? code }));
const rolesOf = (id: string) => `${S}/members/${id}/relationships/roles`;
const ownerOf = (id: string) => `${M}/organizations/${id}/relationships/owner`;

/** A new member of the partner's organization; the path of his roles. */
async function member(...codes: string[]): Promise<string> {
  const { id } = await createUser(world.partner);
  const roles = linkage(...codes).map(({ id: role }) => role);
  const { body } = await app.platform.post(`${S}/members`, membership(world.organization.id, id, roles));
  return rolesOf(body.data.id);
}
const codesAt = async (path: string): Promise<string[]> =>
  (await app.platform.get(`${path}?include=roles`)).body.included.map(({ attributes }: Body) => attributes.code);

describe('a to-many', () => {
  test.each([
    [['admin'], ['admin']],
    [
      ['member', 'admin'],
      ['admin', 'member'],
    ],
    [['member'], ['member']],
    [
      ['admin', 'member', 'admin'],
      ['admin', 'member'],
    ],
  ])('PATCH with %j makes it exactly %j [RUP-2, RUP-3, RUP-4]', async (given, expected) => {
    const path = await member('member');
    const answer = await platform.patch(path, { data: linkage(...given) });
    expect([answer.status, answer.body.data]).toEqual([200, linkage(...expected)]);
    expect(await codesAt(path)).toEqual(expected);
  });

  test('POST adds what is not there yet, once each [RUP-5, RUP-6]', async () => {
    const path = await member('member');
    for (const given of [['admin'], ['admin'], ['member', 'admin', 'member'], []]) {
      const answer = await platform.post(path, { data: linkage(...given) });
      expect([answer.status, answer.body.data]).toEqual([200, linkage('admin', 'member')]);
      expect(await codesAt(path)).toEqual(['admin', 'member']);
    }
  });

  test('DELETE has a body, and takes away what is there [RUP-7, RUP-8]', async () => {
    const path = await member('admin', 'member');
    for (const given of [['admin'], ['admin'], ['admin', 'owner', 'admin'], []]) {
      const answer = await platform.delete(path, {}, { data: linkage(...given) });
      expect([answer.status, answer.body.data]).toEqual([200, linkage('member')]);
      expect(await codesAt(path)).toEqual(['member']);
    }
  });

  test('DELETE of what does not exist succeeds, for it is not there; what can’t be an id is a fault [RUP-7]', async () => {
    const path = await member('admin', 'member');
    const answer = await platform.delete(path, {}, { data: linkage(NIL, 'admin') });
    expect([answer.status, answer.body.data]).toEqual([200, linkage('member')]);
    const malformed = await platform.delete(path, {}, { data: linkage('member', 'not-a-uuid') });
    expect(errorsOf(malformed)).toEqual([['404', 'not_found', '/data/1']]);
    expect(await codesAt(path)).toEqual(['member']);
  });

  test('the answer is the whole linkage document, as GET has it [RUP-9, RUP-10]', async () => {
    const path = await member('member');
    const names = { [world.roles.admin.id]: 'ADMIN', [world.roles.member.id]: 'MEMBER' };
    for (const call of [
      () => platform.patch(path, { data: linkage('admin', 'member') }),
      () => platform.post(path, { data: linkage('admin') }),
      () => platform.delete(path, {}, { data: linkage('owner') }),
    ]) {
      const { headers, body } = await call();
      expect(headers).toMatchObject({ 'content-type': MEDIA_TYPE, 'cache-control': 'private, no-cache' });
      const got = await platform.get(path);
      expect([body, headers.etag]).toEqual([got.body, got.headers.etag]);
      expect(masked(body, names)).toEqual({
        data: [
          { type: 'roles', id: 'ADMIN' },
          { type: 'roles', id: 'MEMBER' },
        ],
        meta: { total: 2, totalUnfiltered: 2, currentSize: 25, currentPage: 1, maxPage: 1 },
        links: {
          self: `${S}/members/ID/relationships/roles`,
          related: `${S}/members/ID/roles`,
          first: `${S}/members/ID/relationships/roles?page[number]=1&page[size]=25`,
          last: `${S}/members/ID/relationships/roles?page[number]=1&page[size]=25`,
          prev: null,
          next: null,
        },
        jsonapi: { version: '1.1' },
      });
    }
  });

  test('a change is a new version and a new time of the resource, no change is neither [RUP-6, RUP-7]', async () => {
    const path = await member('admin', 'member');
    const self = path.replace('/relationships/roles', '');
    await app.source.query("update members set updated_at = '2026-01-01T00:00:00Z' where id = $1", [
      self.split('/').at(-1),
    ]);
    const before = await platform.get(self);
    await platform.patch(path, { data: linkage('member', 'admin') });
    await platform.post(path, { data: linkage('member') });
    await platform.delete(path, {}, { data: linkage('owner') });
    await platform.delete(path, {}, { data: [] });
    const same = await platform.get(self);
    expect([same.text, same.headers.etag]).toEqual([before.text, before.headers.etag]);
    await platform.delete(path, {}, { data: linkage('admin') });
    const after = await platform.get(self);
    expect(after.headers.etag).not.toBe(before.headers.etag);
    expect(after.body.data.attributes).toEqual({
      ...before.body.data.attributes,
      updatedAt: expect.stringMatching(/^20/),
    });
    expect(after.body.data.attributes.updatedAt).not.toBe(before.body.data.attributes.updatedAt);
  });

  test.each([
    ['meta in identifiers', (data: Body) => ({ data: data.map((each: Body) => ({ ...each, meta: { since: 1 } })) })],
    [
      'links and meta beside data',
      (data: Body) => ({ data, links: { self: '/x' }, meta: {}, jsonapi: { version: '1.1' } }),
    ],
    [
      'an id in capitals',
      (data: Body) => ({ data: data.map((each: Body) => ({ ...each, id: each.id.toUpperCase() })) }),
    ],
    ['members that begin with @ [MEM-6]', (data: Body) => ({ data, '@context': 1 })],
  ])('%s changes nothing about what is meant [UPD-18]', async (_title, body) => {
    const path = await member('member');
    expect((await platform.patch(path, body(linkage('admin')))).body.data).toEqual(linkage('admin'));
  });

  test('what GET answered can be sent back', async () => {
    const path = await member('admin', 'member');
    const got = await platform.get(path);
    for (const method of ['patch', 'post'] as const)
      expect((await platform[method](path, got.body)).body).toEqual(got.body);
  });

  test.each(['patch', 'post'] as const)(
    '%s with one that does not exist changes nothing [RUP-4, RUP-16]',
    async (method) => {
      const path = await member('member');
      const before = await platform.get(path);
      for (const wrong of [NIL, 'not-a-uuid', '']) {
        const answer = await platform[method](path, { data: linkage('admin', wrong) });
        expect(errorsOf(answer)).toEqual([['404', 'not_found', '/data/1']]);
      }
      expect((await platform.get(path)).headers.etag).toBe(before.headers.etag);
    },
  );

  test('20 additions and removals at the same time all succeed and leave no role twice [RUP-5]', async () => {
    const path = await member('member');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        i % 2 === 0
          ? platform.post(path, { data: linkage('admin') })
          : platform.delete(path, {}, { data: linkage('admin') }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect((await platform.post(path, { data: linkage('admin') })).body.data).toEqual(linkage('admin', 'member'));
  });
});

describe('a to-one', () => {
  const user = (id: string) => ({ data: { type: 'users', id } });

  test('PATCH takes an identifier, and answers the linkage document as GET has it [RUP-1, RUP-2, RUP-9]', async () => {
    const { id } = await createOrganization(app.platform);
    const heir = await createUser(app.platform);
    await app.platform.post(`${S}/members`, membership(id, heir.id));
    const { status, headers, body } = await platform.patch(ownerOf(id), user(heir.id));
    expect([status, headers['content-type']]).toEqual([200, MEDIA_TYPE]);
    expect(body).toEqual({
      ...user(heir.id),
      links: { self: ownerOf(id), related: `${M}/organizations/${id}/owner` },
      jsonapi: { version: '1.1' },
    });
    const got = await platform.get(ownerOf(id));
    expect([got.body, got.headers.etag]).toEqual([body, headers.etag]);
    expect((await platform.get(`${M}/organizations/${id}/owner`)).body.data.id).toBe(heir.id);
  });

  test('null is taken where there is nothing to lose, and again changes nothing [RUP-1]', async () => {
    const before = await platform.get(`${M}/organizations/${world.other.id}`);
    for (const _time of [1, 2]) {
      const { status, body } = await platform.patch(ownerOf(world.other.id), { data: null });
      expect([status, body.data]).toEqual([200, null]);
    }
    expect((await platform.get(before.body.links.self)).headers.etag).toBe(before.headers.etag);
  });

  test('the same once more changes nothing', async () => {
    const self = `${M}/organizations/${world.organization.id}`;
    const before = await platform.get(self);
    expect((await platform.patch(ownerOf(world.organization.id), user(world.owner.id))).status).toBe(200);
    const after = await platform.get(self);
    expect([after.text, after.headers.etag]).toEqual([before.text, before.headers.etag]);
  });
});
