import { addMembers } from '../jsonapi/world';
import {
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  M,
  NIL,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { join, seen, shown } from './people';

/** Reads like the seed document of this surface: its sections, in its order. */

const missing = { success: false, message: 'There is no such resource.' };
const failed = (message: string) => ({ success: false, message });
const invalid = (errors: Record<string, string[]>) => ({
  success: false,
  message: Object.values(errors)[0]?.[0],
  errors,
});
const organization = (id: unknown, more: object = {}) => ({
  id,
  name: 'My Organization',
  avatarUrl: null,
  status: 'active',
  type: 'business',
  owner: null,
  ...more,
});
const UUID = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);

interface Made {
  id: string;
  path: string;
  key: Client;
}

let app: TestApp;
let owner: Person;
let stranger: Person;
let partner: Client & { id: string };
let foreignPartner: Client & { id: string };

async function made(asker: Client, attributes: object = {}): Promise<Made> {
  const { id, attributes: own } = await createOrganization(asker, { name: 'My Organization', ...attributes });
  return { id, path: `/api/organizations/${id}`, key: app.as(own.token) };
}

/** The numbers by which this surface knows the members of an organization: user id → number. */
async function memberNumbers({ id }: Made): Promise<Record<string, number>> {
  const { body } = await app.platform.get(`${S}/members?filter[organizationId]=${id}&page[size]=100`);
  return Object.fromEntries(
    body.data.map((member: Body) => [member.relationships.user.data.id, member.attributes.number]),
  );
}

beforeAll(async () => {
  app = await startApp();
  [owner, stranger] = [await app.user({ name: 'Olga' }), await app.user()];
  [partner, foreignPartner] = [await app.partner(), await app.partner('Another')];
});
afterAll(() => app.close());

describe('create a new organization', () => {
  const sent = { name: ' My Organization ', countryCode: 'US' };

  test('201 with the organization, bare, and where it is; the user owns it (INV-3)', async () => {
    const answer = await owner.post('/api/organizations', sent);
    expect(shown(answer)).toEqual([201, organization(UUID, { owner: owner.id })]);
    expect(Object.keys(answer.body)).toEqual(['id', 'name', 'avatarUrl', 'status', 'type', 'owner']);
    expect(answer.headers).toMatchObject({
      location: `/api/organizations/${answer.body.id}`,
      'content-type': 'application/json',
    });
    expect(shown(await owner.get(answer.headers.location as string))).toEqual([200, answer.body]);
    const { body } = await owner.get(`${M}/organizations/${answer.body.id}`);
    expect(body.data.attributes).toMatchObject({ name: 'My Organization', countryCode: 'US' });
  });

  test('a partner’s has no owner yet; a key of an organization makes none', async () => {
    const { body, status } = await partner.post('/api/organizations/', sent);
    expect([status, body]).toEqual([201, organization(UUID)]);
    const own = await made(partner);
    expect(shown(await own.key.post('/api/organizations', sent))).toEqual([
      403,
      failed('Only platform and partner and user credentials may do this.'),
    ]);
  });

  test.each([
    ['neither', {}, { name: ['name is required.'], countryCode: ['countryCode is required.'] }],
    ['no country', { name: 'A' }, { countryCode: ['countryCode is required.'] }],
    [
      'another country',
      { name: 'A', countryCode: 'us' },
      { countryCode: ['countryCode must be the code of a country, ISO 3166-1 alpha-2, in upper case.'] },
    ],
    [
      'a long name',
      { name: 'x'.repeat(121), countryCode: 'US' },
      { name: ['name must NOT have more than 120 characters.'] },
    ],
    ['null', { name: null, countryCode: 'US' }, { name: ['name must be string.'] }],
  ])('422 for %s, all faults at once', async (_what, body, errors) => {
    expect(shown(await owner.post('/api/organizations', body))).toEqual([422, invalid(errors)]);
  });
});

describe('get an organization by ID', () => {
  test('200 with the organization, bare', async () => {
    const own = await made(owner, { avatarUrl: 'https://example.com/avatar.png', kind: 'school' });
    const expected = organization(own.id, {
      avatarUrl: 'https://example.com/avatar.png',
      type: 'school',
      owner: owner.id,
    });
    for (const client of [owner, own.key, app.platform, await join(app, own.id, 'member')]) {
      const answer = await client.get(own.path);
      expect(shown(answer)).toEqual([200, expected]);
      expect(answer.headers).not.toHaveProperty('etag');
      expect(answer.headers['cache-control']).toBe('private, no-cache');
    }
    expect(shown(await owner.get(`${own.path.replace(own.id, own.id.toUpperCase())}/`))).toEqual([200, expected]);
  });

  test('404 for one that the caller can’t see: the same as for one that is not there, or no id', async () => {
    const foreign = await made(partner);
    const own = await made(foreignPartner);
    for (const client of [stranger, own.key, foreignPartner]) {
      const answer = await client.get(foreign.path);
      expect(shown(answer)).toEqual([404, missing]);
      for (const id of [NIL, '7', 'x', `${NIL}0`]) {
        expect(seen(await client.get(`/api/organizations/${id}`))).toEqual(seen(answer));
      }
    }
    expect(shown(await app.anonymous.get(foreign.path))).toEqual([401, failed('Send a key in Authorization.')]);
  });
});

describe('update an organization’s details', () => {
  test('200 with the organization; what is left out stays', async () => {
    const own = await made(owner);
    const changed = { name: 'Updated Organization Name', avatarUrl: 'https://example.com/avatar.jpg' };
    expect(shown(await owner.patch(own.path, { ...changed, type: 'x', owner: null, id: NIL }))).toEqual([
      200,
      organization(own.id, { ...changed, owner: owner.id }),
    ]);
    expect((await owner.get(own.path)).body).toEqual(organization(own.id, { ...changed, owner: owner.id }));
    expect((await owner.patch(own.path, { avatarUrl: null })).body.avatarUrl).toBe(null);
    expect((await owner.patch(own.path, {})).body.name).toBe(changed.name);
  });

  test('platform and partner suspend it with a reason, and take it back', async () => {
    const own = await made(partner);
    for (const client of [partner, app.platform]) {
      const suspended = await client.patch(own.path, { status: 'suspended', statusReason: 'Violation of terms' });
      expect(shown(suspended)).toEqual([200, organization(own.id, { status: 'suspended' })]);
      const { body } = await partner.get(`${M}/organizations/${own.id}`);
      expect(body.data.attributes.statusReason).toBe('Violation of terms');
      expect(shown(await client.patch(own.path, { status: 'active' }))).toEqual([200, organization(own.id)]);
    }
  });

  test('422 without a reason, for a reason alone, and for another status', async () => {
    const own = await made(partner);
    expect(shown(await partner.patch(own.path, { status: 'suspended' }))).toEqual([
      422,
      invalid({ statusReason: ['statusReason is required to suspend.'] }),
    ]);
    expect(shown(await partner.patch(own.path, { statusReason: 'Why' }))).toEqual([
      422,
      invalid({ statusReason: ['statusReason goes with the status suspended.'] }),
    ]);
    expect(shown(await partner.patch(own.path, { status: 'pending_deletion', avatarUrl: 'http://a.example' }))).toEqual(
      [
        422,
        invalid({
          avatarUrl: ['avatarUrl must be an https URL without user information and fragment.'],
          status: ['status must be one of active, suspended.'],
        }),
      ],
    );
    expect((await partner.get(own.path)).body).toEqual(organization(own.id));
  });

  test('403 for the status from anybody of the organization; as it is it may be sent back', async () => {
    const own = await made(owner);
    for (const client of [owner, own.key]) {
      const { status, body } = await client.patch(own.path, { status: 'suspended', statusReason: 'Me' });
      expect([status, body]).toEqual([403, failed('Only platform and partner credentials may do this.')]);
      expect((await client.patch(own.path, { status: 'active', name: 'My Organization' })).status).toBe(200);
    }
  });

  test('403 for a member, 404 for a stranger, and nothing has changed', async () => {
    const own = await made(owner);
    const member = await join(app, own.id, 'member');
    expect(shown(await member.patch(own.path, { name: 'Mine' }))).toEqual([
      403,
      failed('Your roles here lack the permission organizations:update.'),
    ]);
    for (const client of [stranger, partner]) {
      const answer = await client.patch(own.path, { name: 'Mine' });
      expect(shown(answer)).toEqual([404, missing]);
      expect(seen(await client.patch(`/api/organizations/${NIL}`, { name: 'Mine' }))).toEqual(seen(answer));
    }
    expect((await owner.get(own.path)).body.name).toBe('My Organization');
  });
});

describe('get all members of an organization with pagination', () => {
  let own: Made;
  let admin: Person;
  beforeAll(async () => {
    own = await made(owner);
    admin = await join(app, own.id, 'admin', 'member');
  });

  test('200 in an envelope, oldest first, 15 a page', async () => {
    const numbers = await memberNumbers(own);
    const answer = await admin.get(`${own.path}/members`);
    const { body } = await app.platform.get(`${S}/roles`);
    const role = (code: string) => {
      const { number, name } = body.data.find((each: Body) => each.attributes.code === code).attributes;
      return { id: number, name };
    };
    const member = (person: Person, name: string | null, ...codes: string[]) => ({
      id: numbers[person.id],
      user: { id: person.id, name, email: person.email },
      status: 'active',
      roles: codes.map(role),
      workspaces: [],
      joinedAt: TIME,
    });
    expect(shown(answer)).toEqual([
      200,
      {
        success: true,
        message: 'All Organization Members',
        data: [member(owner, 'Olga', 'owner'), member(admin, null, 'admin', 'member')],
        meta: { current_page: 1, per_page: 15, total: 2, last_page: 1 },
      },
    ]);
    for (const client of [own.key, app.platform, owner]) {
      expect((await client.get(`${own.path}/members/`)).body).toEqual(answer.body);
    }
  });

  test('page and per_page', async () => {
    const large = await made(partner);
    await addMembers(app, large.id, 33);
    const page = async (search: string) => (await partner.get(`${large.path}/members${search}`)).body;
    const [first, second, third] = [await page(''), await page('?page=2'), await page('?page=3')];
    expect([first, second, third].map(({ data, meta }) => [data.length, meta])).toEqual([
      [15, { current_page: 1, per_page: 15, total: 33, last_page: 3 }],
      [15, { current_page: 2, per_page: 15, total: 33, last_page: 3 }],
      [3, { current_page: 3, per_page: 15, total: 33, last_page: 3 }],
    ]);
    const ids = [first, second, third].flatMap(({ data }) => data.map(({ id }: Body) => id));
    expect(new Set(ids).size).toBe(33);
    const whole = await page('?per_page=100');
    expect([whole.data.map(({ id }: Body) => id), whole.meta.last_page]).toEqual([ids, 1]);
    expect((await page('?page=9')).data).toEqual([]);
  });

  test('takes as many statements for a hundred members as for one', async () => {
    const large = await made(partner);
    await addMembers(app, large.id, 100);
    const statements = async (search: string) => {
      await partner.get(`${large.path}/members${search}`);
      const query = jest.spyOn(app.db, 'query');
      await partner.get(`${large.path}/members${search}`);
      const { length } = query.mock.calls;
      query.mockRestore();
      return length;
    };
    expect(await statements('?per_page=100')).toBe(await statements('?per_page=1'));
  });

  test.each([
    ['page=0', 'page must be >= 1.'],
    ['page=x', 'page must be integer.'],
    ['per_page=0', 'per_page must be >= 1.'],
    ['per_page=101', 'per_page must be <= 100.'],
    ['per_page=15&per_page=16', 'This parameter is given twice.'],
  ])('400 for ?%s', async (search, message) => {
    expect(shown(await owner.get(`${own.path}/members?${search}`))).toEqual([400, failed(message)]);
  });

  test('404 for a stranger, 403 for a key that may not read members', async () => {
    for (const client of [stranger, partner]) {
      const answer = await client.get(`${own.path}/members`);
      expect(shown(answer)).toEqual([404, missing]);
      expect(seen(await client.get(`/api/organizations/${NIL}/members`))).toEqual(seen(answer));
    }
    const relationships = { organization: link('organizations', own.id) };
    const attributes = { name: 'K', scopes: ['organizations:read'] };
    const { body } = await app.platform.post(`${S}/apiKeys`, document('apiKeys', attributes, { relationships }));
    expect(shown(await app.as(body.data.attributes.secret).get(`${own.path}/members`))).toEqual([
      403,
      failed('This credential lacks the permission members:read.'),
    ]);
  });
});

describe('delete a member from an organization', () => {
  test('200 in an envelope; he is gone at once (INV-34)', async () => {
    const own = await made(owner);
    const member = await join(app, own.id, 'member');
    const path = `${own.path}/members/${(await memberNumbers(own))[member.id]}`;
    expect((await member.get(own.path)).status).toBe(200);
    expect(shown(await owner.delete(path))).toEqual([200, { success: true, message: 'Member deleted successfully' }]);
    expect(shown(await member.get(own.path))).toEqual([404, missing]);
    expect((await owner.get(`${own.path}/members`)).body.meta.total).toBe(1);
    expect(shown(await owner.delete(path))).toEqual([404, missing]);
  });

  test('whoever is a member may leave; others need the right', async () => {
    const own = await made(owner);
    const [one, other] = [await join(app, own.id, 'member'), await join(app, own.id, 'member')];
    const numbers = await memberNumbers(own);
    expect(shown(await one.delete(`${own.path}/members/${numbers[other.id]}`))).toEqual([
      403,
      failed('Your roles here lack the permission members:remove.'),
    ]);
    expect((await one.delete(`${own.path}/members/${numbers[one.id]}`)).body).toEqual({
      success: true,
      message: 'Member deleted successfully',
    });
  });

  test('409 for the last owner (INV-2)', async () => {
    const own = await made(owner);
    const path = `${own.path}/members/${(await memberNumbers(own))[owner.id]}`;
    for (const client of [owner, own.key, app.platform]) {
      expect(shown(await client.delete(path))).toEqual([
        409,
        failed('An organization keeps at least one owner: make another member owner first.'),
      ]);
    }
  });

  test('404 for a number of another organization: the same as for one that nobody has', async () => {
    const [own, other] = [await made(owner), await made(owner)];
    const elsewhere = await join(app, other.id, 'member');
    const number = (await memberNumbers(other))[elsewhere.id] as number;
    const answer = await owner.delete(`${own.path}/members/${number}`);
    expect(shown(answer)).toEqual([404, missing]);
    for (const id of [2147483647, 99999999999, 0, 'x', NIL]) {
      expect(seen(await owner.delete(`${own.path}/members/${id}`))).toEqual(seen(answer));
    }
    for (const client of [stranger, partner, own.key]) {
      expect(seen(await client.delete(`${other.path}/members/${number}`))).toEqual(seen(answer));
    }
    expect((await elsewhere.get(other.path)).status).toBe(200);
  });
});
