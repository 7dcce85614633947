import { createHmac } from 'node:crypto';
import { move, walletOf } from '../routes/money';
import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  M,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { type Receiver, startReceiver } from '../support/receiver';
import { join, shown } from './people';

/** What the documents of the four surfaces print, sent as it is printed; answers are held against their samples. */

let app: TestApp;
let receiver: Receiver;
beforeAll(async () => {
  [app, receiver] = [await startApp(), await startReceiver()];
});
afterAll(async () => {
  await app.close();
  await receiver.end();
});

const USERS = '/public/v2/users?filter[organizationId]=';
/** As the sample of the JSON:API document prints an organization. */
const sampleOf = (id: string, name: string, token: string | null = null) => ({
  id,
  type: 'organizations',
  attributes: {
    createdAt: '2024-08-20T10:45:07+00:00',
    updatedAt: '2021-08-24T15:07:35+00:00',
    name,
    webhookUrl: null,
    webhookSecret: null,
    token,
  },
  relationships: { users: { links: { related: `${USERS}${id}` } } },
});

/** What an answer has of the members of a sample, in its own order: what is left when all that is ours is taken out. */
function cutTo(sample: Body, answer: Body): Body {
  if (Array.isArray(sample)) return answer.map((each: Body, i: number) => cutTo(sample[i], each));
  if (typeof sample !== 'object' || sample === null) return answer;
  const known = Object.entries(answer).filter(([name]) => Object.hasOwn(sample, name));
  // `meta: {}` is to be empty, not one of which nothing is known.
  if (Object.keys(sample).length === 0) return answer;
  return Object.fromEntries(known.map(([name, value]) => [name, cutTo(sample[name], value)]));
}

describe('the sample of the JSON:API document', () => {
  /** Its header fields: a bare key, and any media type. */
  const asPrinted = (client: Client) => ({ Authorization: client.key as string, Accept: '*/*' });
  const backdate = (ids: string[]) =>
    app.source.query(
      "update organizations set created_at = $1, updated_at = '2021-08-24T15:07:35Z' where id = any($2)",
      ['2024-08-20T10:45:07Z', ids],
    );

  test('GET answers the two organizations byte for byte, once what is ours is taken out', async () => {
    const partner = await app.partner();
    const expected = {
      data: [
        sampleOf('6e6816eb-fc1d-42bd-bb00-eff973ad207d', 'Recrubo_89495632'),
        sampleOf('54175e6c-ca94-4d47-a5f9-ab10c801e13d', 'Recrubo_82361056'),
      ],
      meta: { total: 2, totalUnfiltered: 2, currentSize: 25, currentPage: 1, maxPage: 1 },
    };
    for (const { id, attributes } of expected.data) {
      const data = { id, type: 'organizations', attributes: { name: attributes.name } };
      expect((await partner.post(`${M}/organizations/`, { data })).status).toBe(201);
    }
    await backdate(expected.data.map(({ id }) => id));
    const answer = await app.anonymous.get(`${M}/organizations/`, asPrinted(partner));
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/vnd.api+json']);
    expect(JSON.stringify(cutTo(expected, answer.body))).toBe(JSON.stringify(expected));
    for (const { attributes, relationships } of answer.body.data) {
      expect(Object.keys(attributes).slice(0, 6)).toEqual(Object.keys(expected.data[0]?.attributes ?? {}));
      expect(Object.keys(relationships)[0]).toBe('users');
    }
    // The link leads where it says.
    const { body } = await partner.get(answer.body.data[0].relationships.users.links.related);
    expect(body.meta).toEqual({ total: 0, totalUnfiltered: 0, currentSize: 25, currentPage: 1, maxPage: 1 });
  });

  test('POST answers its own, byte for byte, with the token in clear and an empty meta', async () => {
    const sent = sampleOf('303f151b-3f33-4ddd-9779-eb522f7225a9', 'Test Org', '5I9cezE6QPYl8v9jggrN3w');
    const { id, type, attributes } = sent;
    const { createdAt: _made, updatedAt: _changed, ...given } = attributes;
    const body = { data: { id, type, attributes: given } };
    const answer = await app.anonymous.post(`${M}/organizations/`, body, asPrinted(app.platform));
    const { createdAt, updatedAt } = answer.body.data.attributes;
    expect([answer.status, answer.headers.location]).toEqual([201, `${M}/organizations/${id}`]);
    for (const time of [createdAt, updatedAt]) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
    const expected = { data: { ...sent, attributes: { ...attributes, createdAt, updatedAt } }, meta: {} };
    expect(JSON.stringify(cutTo(expected, answer.body))).toBe(JSON.stringify(expected));
    const own = await app.as(given.token as string).get(`${M}/organizations/${id}`);
    expect([own.status, own.body.data.attributes.token]).toEqual([200, null]);
  });

  test('PATCH takes the same four attributes, DELETE nothing', async () => {
    const { id } = await createOrganization(app.platform);
    const given = {
      name: 'Test Org',
      webhookUrl: 'https://example.com/hook',
      webhookSecret: 'a secret of theirs',
      token: 'b-token-of-their-own-7',
    };
    const body = { data: { id, type: 'organizations', attributes: given } };
    const changed = await app.anonymous.patch(`${M}/organizations/${id}`, body, asPrinted(app.platform));
    expect([changed.status, changed.body.data.attributes]).toEqual([200, expect.objectContaining(given)]);
    const gone = await app.anonymous.delete(`${M}/organizations/${id}`, asPrinted(app.platform));
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect((await app.platform.get(`${M}/organizations/${id}`)).status).toBe(404);
  });
});

test('a key is taken bare, and behind Bearer in any case of letters', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  const plain = [`/v1/orgs/${attributes.number}/`, `/api/organizations/${id}`, `/organization/${id}`];
  for (const path of [`${M}/organizations/${id}`, ...plain]) {
    for (const scheme of ['', 'Bearer ', 'bearer ', 'BEARER ']) {
      const { status } = await app.anonymous.get(path, { Authorization: `${scheme}${attributes.token}` });
      expect([path, scheme, status]).toEqual([path, scheme, 200]);
    }
  }
});

describe('the webhook of /v1', () => {
  const digest = (secret: string, body: Buffer) => createHmac('sha256', secret).update(body).digest('hex');

  test('one URL gets every type of event, with the HMAC of its bytes in X-ThunderPhone-Signature', async () => {
    const { id, attributes } = await createOrganization(app.platform);
    const key = app.as(attributes.token);
    const set = await key.put('/v1/webhook', { url: receiver.url('/v1') });
    expect(set.status).toBe(200);
    const within = { organization: link('organizations', id) };
    const make = async (type: string, attributes: object) => {
      const answer = await key.post(`${S}/${type}`, document(type, attributes, { relationships: within }));
      expect(answer.status).toBe(201);
    };
    await key.patch(`/v1/orgs/${attributes.number}`, { name: 'Acme Ltd' });
    await make('workspaces', { name: 'North' });
    await make('roles', { code: 'reader', name: 'Reader', permissions: ['members:read'] });
    await make('invitations', { email: 'ada@example.com' });
    await app.runPendingDeliveries();
    const feed = await app.platform.get(`${S}/events?filter[organizationId]=${id}&sort=sequence&page[size]=100`);
    const types = feed.body.data.map(({ attributes: event }: Body) => event.eventType);
    // What was before it, and what is told of itself (INV-43), it does not get.
    const expected = types.slice(types.indexOf('webhook_endpoint.created') + 1);
    expect(new Set(expected).size).toBe(4);
    const requests = await receiver.requests('/v1');
    expect(requests.map(({ body }) => JSON.parse(body.toString()).type)).toEqual(
      expect.arrayContaining(['organization.updated', ...expected]),
    );
    expect(requests).toHaveLength(expected.length + 1);
    for (const { method, headers, body } of requests) {
      expect([method, headers['x-thunderphone-signature']]).toEqual(['POST', digest(set.body.secret, body)]);
    }
  });

  test('after PUT the new secret signs, after PATCH the one there was', async () => {
    const { attributes } = await createOrganization(app.platform);
    const key = app.as(attributes.token);
    await key.put('/v1/webhook', { url: receiver.url('/old') });
    const { secret } = (await key.put('/v1/webhook', { url: receiver.url('/rotated') })).body;
    await key.patch('/v1/webhook', { url: receiver.url('/moved') });
    await key.patch(`/v1/orgs/${attributes.number}/`, { name: 'Acme Ltd' });
    await app.runPendingDeliveries();
    const requests = await receiver.requests('/moved');
    expect(requests.length).toBeGreaterThan(0);
    for (const { headers, body } of requests) {
      expect(headers['x-thunderphone-signature']).toBe(digest(secret, body));
    }
  });
});

describe('the examples of /api', () => {
  const ada = { email: 'ada@example.com', name: 'John Doe' };
  let path: string;
  beforeAll(async () => {
    const made = await app.platform.post('/api/organizations', { name: 'My Organization', countryCode: 'US' });
    expect(made.status).toBe(201);
    path = made.headers.location as string;
  });

  test('all members of an update at once: status active, and a reason that has none to give', async () => {
    const sent = {
      name: 'Updated Organization Name',
      avatarUrl: 'https://example.com/avatar.jpg',
      status: 'active',
      statusReason: 'Violation of terms',
    };
    const { statusReason: _reason, ...kept } = sent;
    const { body } = await app.platform.get(path.replace('/api', M));
    for (const client of [app.platform, await join(app, body.data.id, 'owner')]) {
      const answer = await client.patch(path, sent);
      expect([answer.status, answer.body]).toEqual([200, expect.objectContaining(kept)]);
    }
    const { attributes } = (await app.platform.get(path.replace('/api', M))).body.data;
    expect(attributes).toMatchObject({ ...kept, statusReason: null });
  });

  test('a charge of an SMS package: the wallet has less, and the points are there', async () => {
    const { id } = await createOrganization(app.platform);
    await move(app.platform, id, 'topup', { amount: 2_500 });
    const sent = { amount: 1000, service: 'sms', sms_point: 100, reason: 'Monthly SMS package' };
    const answer = await app.platform.post(`/api/admin/organizations/${id}/charge`, sent);
    expect([answer.status, answer.text]).toEqual([
      200,
      '{"success":true,"message":"Charge processed successfully","data":null}',
    ]);
    const [money, points] = [await walletOf(app.platform, id), await walletOf(app.platform, id, 'SMS_POINT')];
    expect([money.attributes.balance, points.attributes.balance]).toEqual([1_500, 100]);
  });

  test('an invitation with a name and the number of a role, and its acceptance', async () => {
    const { body } = await app.platform.get(`${S}/roles?filter[code]=member`);
    const { number } = body.data[0].attributes;
    const invited = await app.platform.post(`${path}/invite`, { ...ada, roles: [number] });
    expect([invited.status, invited.body.message]).toEqual([200, 'Invitation sent successfully.']);
    const { inviteToken } = invited.body.data;
    const accept = (password: string): Promise<Answer> =>
      app.anonymous.post(`/api/organizations/invite/${inviteToken}/accept`, {
        password,
        password_confirmation: password,
      });
    // The example of the document is on every list of passwords.
    const refused = await accept('password123');
    expect([refused.status, Object.keys(refused.body.errors)]).toEqual([422, ['password']]);
    expect(shown(await accept('plum-Velvet-91-orbit'))).toEqual([
      200,
      { success: true, message: 'Password set successfully.' },
    ]);
    const members = await app.platform.get(`${path}/members?page=1&per_page=15`);
    expect(members.body.data.at(-1)).toMatchObject({ user: ada, roles: [{ id: number }] });
  });
});
