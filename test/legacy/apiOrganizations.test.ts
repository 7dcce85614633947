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
import { fileOf, gif, type Multipart, multipart, plain } from '../support/images';
import { startMailSink } from '../support/mailSink';
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

describe('upload an avatar', () => {
  const send = (client: Client, path: string, { body, headers }: Multipart, more = {}) =>
    client.post(`${path}/upload-avatar`, body, { ...headers, ...more });
  const picture = async (width = 20) => fileOf(await plain(width, 20).png().toBuffer());

  test('200, “File uploaded successfully”, and the organization has it', async () => {
    const own = await made(owner);
    for (const client of [owner, own.key, app.platform]) {
      const answer = await send(client, own.path, await picture());
      const avatarUrl = expect.stringMatching(/^http:\/\/127\.0\.0\.1:3000\/media\/[0-9a-f]{64}\.png$/);
      expect(shown(answer)).toEqual([
        200,
        {
          success: true,
          message: 'File uploaded successfully',
          data: organization(own.id, { avatarUrl, owner: owner.id }),
        },
      ]);
      expect(answer.headers['content-type']).toBe('application/json');
      expect((await owner.get(own.path)).body).toEqual(answer.body.data);
      expect((await app.anonymous.get(new URL(answer.body.data.avatarUrl).pathname)).status).toBe(200);
    }
    expect(
      (await send(owner, `${own.path}/`.replace(/\/$/, ''), await picture(), { Accept: 'text/html' })).status,
    ).toBe(200);
  });

  test('with an Idempotency-Key it happens once', async () => {
    const own = await made(owner);
    const key = { 'Idempotency-Key': 'api-avatar' };
    const [first, again] = [
      await send(owner, own.path, await picture(), key),
      await send(owner, own.path, await picture(), key),
    ];
    expect([again.text, again.headers['idempotent-replayed']]).toEqual([first.text, 'true']);
    expect((await send(owner, own.path, await picture(21), key)).status).toBe(422);
  });

  test.each([
    ['no file', 422, { file: ['The part file with a file is missing.'] }, () => multipart({ name: 'a', content: 'b' })],
    ['a broken image', 422, { file: ['The image is broken or not whole.'] }, () => fileOf(gif(1).subarray(0, 15))],
    ['too many frames', 422, { file: ['The image must have at most 500 frames.'] }, () => fileOf(gif(501))],
    ['another format', 415, undefined, () => fileOf('<svg/>')],
    ['too large a file', 413, undefined, () => fileOf(Buffer.alloc(5 * 1_048_576 + 1))],
    ['a broken body', 400, undefined, () => ({ ...fileOf('x'), body: Buffer.from('x') })],
    ['JSON', 415, undefined, () => ({ body: Buffer.from('{}'), headers: { 'Content-Type': 'application/json' } })],
  ])('%s is %i, and nothing has changed', async (_what, status, errors, body) => {
    const own = await made(partner);
    const answer = await send(partner, own.path, body());
    expect(shown(answer)).toEqual([
      status,
      errors === undefined ? failed(expect.any(String) as never) : invalid(errors as never),
    ]);
    expect((await partner.get(own.path)).body.avatarUrl).toBeNull();
  });

  test('403 for a member, 404 for a stranger', async () => {
    const own = await made(owner);
    const member = await join(app, own.id, 'member');
    expect(shown(await send(member, own.path, await picture()))).toEqual([
      403,
      failed('Your roles here lack the permission organizations:update.'),
    ]);
    for (const client of [stranger, foreignPartner]) {
      const answer = await send(client, own.path, await picture());
      expect(shown(answer)).toEqual([404, missing]);
      expect(seen(await send(client, `/api/organizations/${NIL}`, await picture()))).toEqual(seen(answer));
      expect(seen(await send(client, '/api/organizations/x', await picture()))).toEqual(seen(answer));
    }
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

describe('update a member’s roles and workspaces in an organization', () => {
  let own: Made;
  let workspaces: Body[];
  let roles: Record<string, number>;
  beforeAll(async () => {
    own = await made(owner);
    const within = { organization: link('organizations', own.id) };
    const add = async (name: string) =>
      (await owner.post(`${S}/workspaces`, document('workspaces', { name }, { relationships: within }))).body.data;
    workspaces = [await add('North'), await add('South')];
    const attributes = { code: 'reader', name: 'Reader', permissions: ['organizations:read'] };
    await owner.post(`${S}/roles`, document('roles', attributes, { relationships: within }));
    const { body } = await owner.get(`${S}/roles?filter[organizationId]=${own.id}`);
    roles = Object.fromEntries(body.data.map(({ attributes: role }: Body) => [role.code, role.number]));
  });

  /** A new member, and where he is changed. */
  async function joined(...codes: string[]): Promise<[Person, string, number]> {
    const person = await join(app, own.id, ...codes);
    const number = (await memberNumbers(own))[person.id] as number;
    return [person, `${own.path}/members/${number}`, number];
  }
  const stored = async (person: Person) => {
    const { body } = await owner.get(`${own.path}/members?per_page=100`);
    return body.data.find(({ user }: Body) => user.id === person.id);
  };

  test('200 with the member; each list replaces what was there', async () => {
    const [person, path, number] = await joined('admin');
    const [north, south] = workspaces as [Body, Body];
    const sent = { workspaces: [north.id, south.id.toUpperCase()], roles: [roles.member, roles.reader] };
    const answer = await owner.put(path, sent);
    expect(shown(answer)).toEqual([
      200,
      {
        success: true,
        message: 'Member update',
        data: {
          id: number,
          user: { id: person.id, name: null, email: person.email },
          status: 'active',
          roles: [
            { id: roles.member, name: 'Member' },
            { id: roles.reader, name: 'Reader' },
          ],
          workspaces: [
            { id: north.id, name: 'North' },
            { id: south.id, name: 'South' },
          ].sort((a, b) => (a.id < b.id ? -1 : 1)),
          joinedAt: TIME,
        },
      },
    ]);
    expect(await stored(person)).toEqual(answer.body.data);
    const again = await owner.put(path, { workspaces: [south.id], roles: [roles.auditor] });
    expect(again.body.data).toMatchObject({
      roles: [{ id: roles.auditor, name: 'Auditor' }],
      workspaces: [{ id: south.id, name: 'South' }],
    });
    expect(await stored(person)).toEqual(again.body.data);
  });

  test('a member as it was read can be sent back, and nothing changes', async () => {
    const [person, path] = await joined('member');
    const { id: _, ...before } = (await app.platform.get(`${S}/members?filter[userId]=${person.id}`)).body.data[0];
    const read = await stored(person);
    const idsOf = (list: Body) => list.map(({ id }: Body) => id);
    const answer = await owner.put(path, { workspaces: idsOf(read.workspaces), roles: idsOf(read.roles) });
    expect(answer.body.data).toEqual(read);
    const { id: _id, ...after } = (await app.platform.get(`${S}/members?filter[userId]=${person.id}`)).body.data[0];
    expect(after).toEqual(before);
  });

  test.each([
    ['nothing', {}, { workspaces: ['workspaces is required.'], roles: ['roles is required.'] }],
    ['no roles', { workspaces: [] }, { roles: ['roles is required.'] }],
    ['an empty list of roles', { workspaces: [], roles: [] }, { roles: ['roles must NOT have fewer than 1 items.'] }],
    [
      'texts',
      { workspaces: 'x', roles: ['1'] },
      { workspaces: ['workspaces must be array.'], roles: ['roles.0 must be integer.'] },
    ],
    [
      'ids that are none',
      { workspaces: ['1'], roles: [0] },
      { workspaces: ['workspaces.0 must be a UUID.'], roles: ['roles.0 must be >= 1.'] },
    ],
  ])('422 for %s, all faults at once', async (_what, sent, errors) => {
    const [, path] = await joined('member');
    expect(shown(await owner.put(path, sent))).toEqual([422, invalid(errors)]);
  });

  test('404 for roles and workspaces that the organization does not have', async () => {
    const other = await made(owner);
    const within = { organization: link('organizations', other.id) };
    const attributes = { code: 'foreign', name: 'Foreign', permissions: ['organizations:read'] };
    const role = await owner.post(`${S}/roles`, document('roles', attributes, { relationships: within }));
    const workspace = await owner.get(`${S}/workspaces?filter[organizationId]=${other.id}`);
    const [person, path] = await joined('member');
    const before = await stored(person);
    for (const number of [role.body.data.attributes.number, 2147483647]) {
      expect(shown(await owner.put(path, { workspaces: [], roles: [roles.member, number] }))).toEqual([
        404,
        failed('There is no such role.'),
      ]);
    }
    for (const id of [workspace.body.data[0].id, NIL]) {
      expect(shown(await owner.put(path, { workspaces: [id], roles: [roles.member] }))).toEqual([
        404,
        failed('There is no such workspace.'),
      ]);
    }
    expect(await stored(person)).toEqual(before);
  });

  test('nobody grants what he lacks (INV-13), changes those above him (INV-14), or ends the last owner (INV-2)', async () => {
    const [admin, , number] = await joined('admin');
    const [, path] = await joined('member');
    const to = (...codes: string[]) => ({ workspaces: [], roles: codes.map((code) => roles[code]) });
    expect((await admin.put(path, to('owner'))).status).toBe(403);
    expect((await admin.put(`${own.path}/members/${number}`, to('owner'))).status).toBe(403);
    const primary = `${own.path}/members/${(await memberNumbers(own))[owner.id]}`;
    expect((await admin.put(primary, to('member'))).status).toBe(403);
    expect(shown(await owner.put(primary, to('admin')))).toEqual([
      409,
      failed('An organization keeps at least one owner: make another member owner first.'),
    ]);
    expect((await stored(owner)).roles).toEqual([{ id: roles.owner, name: 'Owner' }]);
  });

  test('403 for a member, 404 for a stranger and for a number of another organization', async () => {
    const [member, path] = await joined('member');
    const sent = { workspaces: [], roles: [roles.admin] };
    expect(shown(await member.put(path, sent))).toEqual([
      403,
      failed('Your roles here lack the permission members:update.'),
    ]);
    const other = await made(owner);
    const elsewhere = await join(app, other.id, 'member');
    const number = (await memberNumbers(other))[elsewhere.id];
    const answer = await owner.put(`${own.path}/members/${number}`, sent);
    expect(shown(answer)).toEqual([404, missing]);
    for (const client of [stranger, partner, other.key]) {
      expect(seen(await client.put(path, sent))).toEqual(seen(answer));
    }
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

describe('invite a new user to the organization', () => {
  let own: Made;
  let roles: Record<string, number>;
  beforeAll(async () => {
    own = await made(owner);
    const { body } = await owner.get(`${S}/roles`);
    roles = Object.fromEntries(body.data.map(({ attributes }: Body) => [attributes.code, attributes.number]));
  });
  const pending = async () =>
    (await owner.get(`${S}/invitations?filter[organizationId]=${own.id}&sort=-createdAt`)).body;

  test('200; without mail, data has the token and the link, once', async () => {
    const sent = { email: 'ada@example.com', name: 'Ada', roles: [roles.admin, roles.billing] };
    const answer = await owner.post(`${own.path}/invite`, sent);
    const { inviteToken } = answer.body.data;
    expect(shown(answer)).toEqual([
      200,
      {
        success: true,
        message: 'Invitation sent successfully.',
        data: {
          inviteToken: expect.stringMatching(/^inv_live_[0-9A-Za-z]{36}$/),
          acceptUrl: expect.stringContaining(inviteToken),
        },
      },
    ]);
    expect(answer.headers['cache-control']).toBe('no-store');
    const { data } = await pending();
    expect(data[0].attributes).toMatchObject({ email: sent.email, name: 'Ada', kind: 'email', status: 'pending' });
    expect(data[0].relationships.roles.data).toHaveLength(2);
    expect(JSON.stringify(app.logLines)).not.toContain(inviteToken);
  });

  test('a repeated answer holds neither (INV-30)', async () => {
    const headers = { 'Idempotency-Key': 'invite-once' };
    const first = await owner.post(`${own.path}/invite`, { email: 'once@example.com' }, headers);
    const again = await owner.post(`${own.path}/invite`, { email: 'once@example.com' }, headers);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(shown(again)).toEqual([
      200,
      { ...first.body, data: { inviteToken: null, acceptUrl: null }, meta: { secretWithheld: true } },
    ]);
    const [row] = await app.source.query("select body from idempotency_records where key = 'invite-once'");
    expect(row.body).not.toContain('inv_live_');
  });

  test('where mail is configured there is no data: the link is in the mail', async () => {
    const sink = await startMailSink();
    const mailing = await startApp({ SMTP_URL: sink.url, MAIL_FROM: 'Guildhall <noreply@example.com>' });
    try {
      const { id } = await createOrganization(mailing.platform);
      const answer = await mailing.platform.post(`/api/organizations/${id}/invite`, { email: 'mailed@example.com' });
      expect(shown(answer)).toEqual([200, { success: true, message: 'Invitation sent successfully.' }]);
      await mailing.runPendingJobs();
      expect(sink.mails.map(({ to }) => to)).toEqual(['mailed@example.com']);
    } finally {
      await mailing.close();
      await sink.close();
    }
  });

  test.each([
    ['no address', {}, { email: ['email is required.'] }],
    [
      'what is none',
      { email: 'ada', roles: [1.5] },
      { email: ['email must be an e-mail address.'], roles: ['roles.0 must be integer.'] },
    ],
  ])('422 for %s', async (_what, sent, errors) => {
    expect(shown(await owner.post(`${own.path}/invite`, sent))).toEqual([422, invalid(errors)]);
  });

  test('409 for somebody who is invited (INV-19) or a member (INV-20)', async () => {
    await owner.post(`${own.path}/invite`, { email: 'twice@example.com' });
    expect((await owner.post(`${own.path}/invite`, { email: 'Twice@example.com' })).status).toBe(409);
    const member = await join(app, own.id, 'member');
    expect((await owner.post(`${own.path}/invite`, { email: member.email })).status).toBe(409);
  });

  test('nobody invites with what he lacks (INV-13); 403 for a member, 404 for a stranger', async () => {
    const [admin, member] = [await join(app, own.id, 'admin'), await join(app, own.id, 'member')];
    const sent = { email: 'heir@example.com', roles: [roles.owner] };
    expect((await admin.post(`${own.path}/invite`, sent)).status).toBe(403);
    expect(shown(await member.post(`${own.path}/invite`, { email: 'friend@example.com' }))).toEqual([
      403,
      failed('Your roles here lack the permission invitations:create.'),
    ]);
    expect(shown(await owner.post(`${own.path}/invite`, { ...sent, roles: [2147483647] }))).toEqual([
      404,
      failed('There is no such role.'),
    ]);
    const answer = await stranger.post(`${own.path}/invite`, sent);
    expect(shown(answer)).toEqual([404, missing]);
    expect(seen(await stranger.post(`/api/organizations/${NIL}/invite`, sent))).toEqual(seen(answer));
    expect((await pending()).data.map(({ attributes }: Body) => attributes.email)).not.toContain(sent.email);
  });
});

describe('accept the invitation and set the password', () => {
  const password = 'correct horse battery';
  const both = { password, password_confirmation: password };
  let own: Made;
  let count = 0;
  beforeAll(async () => {
    own = await made(owner);
  });

  /** A new invitation: its address, and where it is accepted. */
  async function invited(
    email = `invitee-${++count}@example.com`,
  ): Promise<{ email: string; path: string; token: string }> {
    const { body } = await owner.post(`${own.path}/invite`, { email, name: 'Ida' });
    const token = body.data.inviteToken;
    return { email, token, path: `/api/organizations/invite/${token}/accept` };
  }
  const userOf = async (email: string) =>
    (await app.platform.get(`${S}/users?filter[email]=${encodeURIComponent(email)}`)).body.data[0];

  test('200 without a credential; the user is made with the password, and is a member (INV-24, INV-26)', async () => {
    const { email, path, token } = await invited();
    const answer = await app.anonymous.post(path, both);
    expect(shown(answer)).toEqual([200, { success: true, message: 'Password set successfully.' }]);
    const { id, attributes } = await userOf(email);
    expect(attributes).toMatchObject({ name: 'Ida', emailVerifiedAt: TIME });
    const { body } = await owner.get(`${own.path}/members?per_page=100`);
    expect(body.data.at(-1)).toMatchObject({
      user: { id, name: 'Ida', email },
      status: 'active',
      roles: [{ id: expect.any(Number), name: 'Member' }],
      workspaces: [],
    });
    const [row] = await app.source.query('select password_hash from users where id = $1', [id]);
    expect(row.password_hash).toMatch(/^\$argon2id\$/);
    expect(JSON.stringify(app.logLines)).not.toContain(password);
    expect(JSON.stringify(app.logLines)).not.toContain(token);
    const line = app.logLines.find(({ requestId }) => requestId === answer.headers['x-request-id']);
    expect(line).toMatchObject({ route: '/api/organizations/invite/{inviteToken}/accept' });
    expect(shown(await app.anonymous.post(path, both))).toEqual([
      410,
      failed('This invitation has been accepted already.'),
    ]);
  });

  test.each([
    [
      'nothing',
      undefined,
      { password: ['password is required.'], password_confirmation: ['password_confirmation is required.'] },
    ],
    [
      'another confirmation',
      { ...both, password_confirmation: `${password}.` },
      { password_confirmation: ['It is not the same as password.'] },
    ],
    ['a short one', { password: 'short', password_confirmation: 'short' }, { password: [expect.any(String)] }],
    [
      'a number',
      { password: 1, password_confirmation: 1 },
      { password: ['password must be string.'], password_confirmation: ['password_confirmation must be string.'] },
    ],
  ])('422 for %s, and the invitation stays (INV-25)', async (_what, sent, errors) => {
    const { email, path } = await invited();
    const { status, body } = await app.anonymous.post(path, sent);
    expect([status, body]).toEqual([422, { success: false, message: expect.any(String), errors }]);
    expect(await userOf(email)).toBeUndefined();
    expect((await app.anonymous.post(path, both)).status).toBe(200);
  });

  test('404 for every token that is none, all alike (INV-28)', async () => {
    const { token } = await invited();
    const [first, ...others] = await Promise.all(
      [`${token}x`, token.slice(0, -1), token.toUpperCase(), 'x', 'inv_live_', NIL, owner.key].map((each) =>
        app.anonymous.post(`/api/organizations/invite/${each}/accept`, both),
      ),
    );
    expect(shown(first as never)).toEqual([404, missing]);
    for (const other of others) expect(seen(other)).toEqual(seen(first as never));
  });

  test('410 for one that has been revoked or has expired', async () => {
    const { email, path } = await invited();
    const { body } = await owner.get(`${S}/invitations?filter[organizationId]=${own.id}&filter[email]=${email}`);
    await owner.delete(`${S}/invitations/${body.data[0].id}`);
    expect(shown(await app.anonymous.post(path, both))).toEqual([410, failed('This invitation has been revoked.')]);
    const other = await invited();
    await app.source.query("update invitations set expires_at = now() - interval '1 s' where email = $1", [
      other.email,
    ]);
    expect((await app.anonymous.post(other.path, both)).status).toBe(410);
    expect(await userOf(email)).toBeUndefined();
  });

  test('whoever has an account signs in first, and keeps his password (INV-24)', async () => {
    const person = await app.user();
    const { path, token } = await invited(person.email);
    const refused = await app.anonymous.post(path, both);
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect((await stranger.post(path, {})).status).toBe(403);
    expect((await app.as('not-a-credential').post(path, {})).status).toBe(401);
    const kept = 'An account that exists keeps its password.';
    expect(shown(await person.post(path, both))).toEqual([
      422,
      invalid({ password: [kept], password_confirmation: [kept] }),
    ]);
    const headers = { 'Idempotency-Key': 'accept-once' };
    const first = await person.post(path, {}, headers);
    expect(shown(first)).toEqual([200, { success: true, message: 'Password set successfully.' }]);
    expect(shown(await person.post(path, {}, headers))).toEqual(shown(first));
    const [row] = await app.source.query(
      "select path, headers, body from idempotency_records where key = 'accept-once'",
    );
    expect(JSON.stringify(row)).not.toContain(token);
    expect((await person.get(own.path)).status).toBe(200);
  });

  test('a link that is for everybody takes the address of whoever accepts', async () => {
    const within = { organization: link('organizations', own.id) };
    const { body } = await owner.post(
      `${S}/invitations`,
      document('invitations', { kind: 'link' }, { relationships: within }),
    );
    const path = `/api/organizations/invite/${body.data.attributes.token}/accept`;
    expect(shown(await app.anonymous.post(path, both))).toEqual([422, invalid({ email: ['email is required.'] })]);
    expect((await app.anonymous.post(path, { ...both, email: 'linked@example.com' })).status).toBe(200);
    expect((await userOf('linked@example.com')).attributes.emailVerifiedAt).toBe(null);
  });

  test('acceptance is limited by network, together with the look-up (INV-28)', async () => {
    const limited = await startApp({ RATE_LIMIT: '1000/60' });
    try {
      const path = `/api/organizations/invite/inv_live_${'0'.repeat(36)}/accept`;
      const answers = await Promise.all(Array.from({ length: 61 }, () => limited.anonymous.post(path, both)));
      const statuses = answers.map(({ status }) => status).sort();
      expect([statuses.filter((status) => status === 404).length, statuses.at(-1)]).toEqual([60, 429]);
      expect(answers.find(({ status }) => status === 429)?.body).toEqual(failed(expect.any(String) as never));
    } finally {
      await limited.close();
    }
  });
});
