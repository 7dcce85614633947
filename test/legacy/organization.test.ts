import { addMembers } from '../jsonapi/world';
import {
  type Body,
  type Client,
  createOrganization,
  M,
  NIL,
  type Person,
  startApp,
  type TestApp,
} from '../support/app';
import { join, seen, shown } from './people';

/** Reads like the seed document of this surface: its sections, in its order. */

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
const UUID = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

const failed = (code: string, message: string) => ({ error: { code, message } });
const missing = failed('not_found', 'There is no such resource.');
const organization = (more: object = {}) => ({
  id: UUID,
  name: 'Acme',
  domain: null,
  slug: expect.stringMatching(/^acme(-[a-z0-9]{6})?$/),
  status: 'active',
  countryCode: null,
  avatarUrl: null,
  ownerId: null,
  maxOverages: 0,
  createdAt: TIME,
  updatedAt: TIME,
  ...more,
});

interface Made {
  id: string;
  path: string;
  key: Client;
}

let app: TestApp;
let owner: Person;
let stranger: Person;
let partner: Client & { id: string };

async function made(asker: Client, attributes: object = {}): Promise<Made> {
  const { id, attributes: own } = await createOrganization(asker, attributes);
  return { id, path: `/organization/${id}`, key: app.as(own.token) };
}

beforeAll(async () => {
  app = await startApp();
  [owner, stranger, partner] = [await app.user({ name: 'Olga' }), await app.user(), await app.partner()];
});
afterAll(() => app.close());

describe('create organization', () => {
  test('201 with the new organization; the user owns it (INV-3)', async () => {
    const answer = await owner.post('/organization', { organizationName: ' Acme ', domain: 'acme.example' });
    const expected = organization({ domain: 'acme.example', ownerId: owner.id });
    expect(shown(answer)).toEqual([201, expected]);
    expect(Object.keys(answer.body)).toEqual(Object.keys(expected));
    expect(answer.headers['content-type']).toBe('application/json');
    expect(shown(await owner.get(`/organization/${answer.body.id}`))).toEqual([200, answer.body]);
    const { body } = await owner.get(`${M}/organizations/${answer.body.id}`);
    expect(body.data.attributes).toMatchObject({ name: 'Acme', primaryDomain: 'acme.example', slug: answer.body.slug });
  });

  test('the domain can be left out; keys of partners make one without an owner, those of organizations none', async () => {
    expect(shown(await partner.post('/organization/', { organizationName: 'Acme' }))).toEqual([201, organization()]);
    const own = await made(partner);
    expect(shown(await own.key.post('/organization', { organizationName: 'Acme' }))).toEqual([
      403,
      failed('permission_denied', 'Only platform and partner and user credentials may do this.'),
    ]);
  });

  test.each([
    ['no name', { name: 'Acme' }, 'required', { organizationName: 'organizationName is required.' }],
    [
      'a long name and domain',
      { organizationName: 'x'.repeat(121), domain: 'x'.repeat(254) },
      'too_long',
      {
        organizationName: 'organizationName must NOT have more than 120 characters.',
        domain: 'domain must NOT have more than 253 characters.',
      },
    ],
    ['a number', { organizationName: 7 }, 'invalid_format', { organizationName: 'organizationName must be string.' }],
  ])('400 for %s, with the fields', async (_what, sent, code, fields) => {
    expect(shown(await owner.post('/organization', sent))).toEqual([
      400,
      { error: { code, message: Object.values(fields)[0], fields } },
    ]);
  });
});

describe('list organizations', () => {
  test('200 with an array of the caller’s, newest first', async () => {
    const person = await app.user();
    for (const organizationName of ['Acme', 'Acme', 'Acme']) await person.post('/organization', { organizationName });
    const { body, status, headers } = await person.get('/organization/list');
    expect([status, body]).toEqual([200, Array(3).fill(organization({ ownerId: person.id }))]);
    expect([...body].sort((a, b) => (a.id < b.id ? 1 : -1))).toEqual(body);
    expect(headers).toMatchObject({
      'x-total-count': '3',
      link: '</organization/list?page=1>; rel="first", </organization/list?page=1>; rel="last"',
    });
    expect(shown(await stranger.get('/organization/list/'))).toEqual([200, []]);
  });

  test('has one for a key, and those of a partner alone', async () => {
    const own = await made(partner);
    expect(shown(await own.key.get('/organization/list'))).toEqual([200, [organization({ id: own.id })]]);
    const { body } = await partner.get('/organization/list');
    expect(body[0].id).toBe(own.id);
    expect(body.map(({ ownerId }: Body) => ownerId)).not.toContain(owner.id);
  });

  test('has 100 a page', async () => {
    const rich = await app.partner();
    await app.source.query(
      `insert into organizations (id, name, slug, partner_id, created_at)
       select gen_random_uuid(), 'Row ' || i, 'row-' || i, $1, timestamptz '2026-01-01' + i * interval '1 second'
       from generate_series(1, 101) i`,
      [rich.id],
    );
    const [first, second] = [await rich.get('/organization/list'), await rich.get('/organization/list?page=2')];
    expect([first.body.length, first.body[0].name, first.headers['x-total-count']]).toEqual([100, 'Row 101', '101']);
    expect(second.body.map(({ name }: Body) => name)).toEqual(['Row 1']);
    expect(second.headers.link).toBe(
      '</organization/list?page=1>; rel="first", </organization/list?page=1>; rel="prev", </organization/list?page=2>; rel="last"',
    );
    expect(shown(await rich.get('/organization/list?page=0'))).toEqual([
      400,
      failed('invalid_parameter', 'page must be >= 1.'),
    ]);
  });

  test('is no organization with the id list', async () => {
    const { status, headers, body } = await owner.put('/organization/list', { name: 'x' });
    expect([status, headers.allow, body.error.code]).toEqual([405, 'GET, HEAD, OPTIONS', 'method_not_allowed']);
  });
});

describe('get organization', () => {
  test('200 with the organization', async () => {
    const own = await made(owner, { countryCode: 'NL', avatarUrl: 'https://example.com/a.png', slug: 'the-acme' });
    const expected = organization({
      id: own.id,
      slug: 'the-acme',
      countryCode: 'NL',
      avatarUrl: 'https://example.com/a.png',
      ownerId: owner.id,
    });
    for (const client of [owner, own.key, app.platform, await join(app, own.id, 'member')]) {
      expect(shown(await client.get(own.path))).toEqual([200, expected]);
    }
  });

  test('404 for one that the caller can’t see: the same as for one that is not there, or no id', async () => {
    const foreign = await made(partner);
    for (const client of [stranger, (await made(owner)).key, await app.partner()]) {
      const answer = await client.get(foreign.path);
      expect(shown(answer)).toEqual([404, missing]);
      for (const id of [NIL, '7', 'lists', 'LIST']) {
        expect(seen(await client.get(`/organization/${id}`))).toEqual(seen(answer));
      }
    }
    expect(shown(await app.anonymous.get(foreign.path))).toEqual([
      401,
      failed('missing_credential', 'Send a key in Authorization.'),
    ]);
  });
});

describe('update organization', () => {
  test('200 with the organization; what is left out stays', async () => {
    const own = await made(owner, { primaryDomain: 'acme.example', slug: 'updated' });
    const same = { id: own.id, slug: 'updated', ownerId: owner.id };
    const put = async (body: object) => shown(await owner.put(own.path, body));
    expect(await put({ name: 'Acme Ltd' })).toEqual([
      200,
      organization({ ...same, name: 'Acme Ltd', domain: 'acme.example' }),
    ]);
    expect(await put({ domain: 'acme.test', slug: 'ignored' })).toEqual([
      200,
      organization({ ...same, name: 'Acme Ltd', domain: 'acme.test' }),
    ]);
    expect(await put({ organizationName: 'Acme' })).toEqual([200, organization({ ...same, domain: 'acme.test' })]);
    expect(await put({ domain: null })).toEqual([200, organization(same)]);
    expect(await put({})).toEqual([200, organization(same)]);
    expect(shown(await owner.get(own.path))).toEqual([200, organization(same)]);
  });

  test('name counts where organizationName is there, too', async () => {
    const own = await made(owner);
    expect((await owner.put(own.path, { organizationName: 'One', name: 'Other' })).body.name).toBe('Other');
  });

  test('400 for what is no name', async () => {
    const own = await made(owner);
    const [name, organizationName] = ['name', 'organizationName'].map((each) => `${each} must be string.`);
    expect(shown(await owner.put(own.path, { name: null, organizationName: 1 }))).toEqual([
      400,
      { error: { code: 'invalid_format', message: name, fields: { name, organizationName } } },
    ]);
  });

  test('403 for a member, 404 for a stranger, and nothing has changed', async () => {
    const own = await made(partner);
    const member = await join(app, own.id, 'member');
    expect(shown(await member.put(own.path, { name: 'Mine' }))).toEqual([
      403,
      failed('permission_denied', 'Your roles here lack the permission organizations:update.'),
    ]);
    const answer = await stranger.put(own.path, { name: 'Mine' });
    expect(shown(answer)).toEqual([404, missing]);
    expect(seen(await stranger.put(`/organization/${NIL}`, { name: 'Mine' }))).toEqual(seen(answer));
    expect((await member.get(own.path)).body.name).toBe('Acme');
  });
});

describe('remove team member', () => {
  const person = ({ id, email }: Person, roles: string[], name: string | null = null) => ({
    userId: id,
    name,
    email,
    roles,
  });

  test('200 with the organization and those who are left, by user id', async () => {
    const own = await made(owner);
    const admin = await join(app, own.id, 'admin', 'member');
    const member = await join(app, own.id, 'member');
    expect((await member.get(own.path)).status).toBe(200);
    const answer = await owner.delete(`${own.path}/member/${member.id}`);
    expect(shown(answer)).toEqual([
      200,
      {
        ...organization({ id: own.id, ownerId: owner.id }),
        members: [person(owner, ['owner'], 'Olga'), person(admin, ['admin', 'member'])],
      },
    ]);
    expect(shown(await member.get(own.path))).toEqual([404, missing]);
  });

  test('the first hundred of many are told', async () => {
    const own = await made(partner);
    await addMembers(app, own.id, 105);
    const leaving = await join(app, own.id, 'member');
    const { body } = await partner.delete(`${own.path}/member/${leaving.id}`);
    expect(body.members).toHaveLength(100);
  });

  test('whoever leaves is told what he has left, and nothing of it any more', async () => {
    const own = await made(owner);
    const member = await join(app, own.id, 'member');
    expect(shown(await member.delete(`${own.path}/member/${member.id}`))).toEqual([
      200,
      { ...organization({ id: own.id, ownerId: owner.id }), members: [] },
    ]);
    expect((await member.get(own.path)).status).toBe(404);
  });

  test('the next owner is told when the primary one goes (INV-4)', async () => {
    const own = await made(owner);
    const heir = await join(app, own.id, 'owner');
    const { body } = await heir.delete(`${own.path}/member/${owner.id}`);
    expect(body).toEqual({
      ...organization({ id: own.id, ownerId: heir.id }),
      members: [person(heir, ['owner'])],
    });
  });

  test('409 for the last owner (INV-2), 403 for a member', async () => {
    const own = await made(owner);
    const member = await join(app, own.id, 'member');
    for (const client of [owner, own.key]) {
      expect(shown(await client.delete(`${own.path}/member/${owner.id}`))).toEqual([
        409,
        failed('last_owner', 'An organization keeps at least one owner: make another member owner first.'),
      ]);
    }
    expect(shown(await member.delete(`${own.path}/member/${owner.id}`))).toEqual([
      403,
      failed('permission_denied', 'Your roles here lack the permission members:remove.'),
    ]);
  });

  test('404 for somebody who is no member here, in an organization that the caller can’t see too', async () => {
    const [own, foreign] = [await made(owner), await made(partner)];
    const elsewhere = await join(app, foreign.id, 'member');
    const answer = await owner.delete(`${own.path}/member/${elsewhere.id}`);
    expect(shown(answer)).toEqual([404, missing]);
    for (const path of [
      `${own.path}/member/${NIL}`,
      `${own.path}/member/7`,
      `${foreign.path}/member/${elsewhere.id}`,
      `${foreign.path}/member/${owner.id}`,
      `/organization/x/member/${owner.id}`,
    ]) {
      expect(seen(await owner.delete(path))).toEqual(seen(answer));
    }
    expect((await elsewhere.get(foreign.path)).status).toBe(200);
  });
});
