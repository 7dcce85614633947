import { defaultEndpointId, defaultSecret, eventsOf, signingSecrets } from '../routes/webhooks';
import {
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  M,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { join, seen, shown } from './people';

/** Reads like the seed document of this surface: its sections, in its order. */

const UTC = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
const SECRET = expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/);
const URL = 'https://example.com/hook';

const organization = (name: string, role: string | null, id: unknown = expect.any(Number)) => ({
  id,
  name,
  role,
  created_at: UTC,
  updated_at: UTC,
});
const webhook = (url: string, secret: unknown = null) => ({ url, secret, created_at: UTC, updated_at: UTC });
const missing = { detail: 'There is no such resource.', code: 'not_found' };
const denied = (detail: string) => ({ detail, code: 'permission_denied' });

let app: TestApp;
let owner: Person;
let stranger: Person;
let partner: Client & { id: string };
/** The owner's organization, with the number that it has here. */
let acme: { id: string; number: number; path: string; key: Client };

/** An organization, as platform and partner make it, with its key. */
async function made(asker: Client, name = 'Acme'): Promise<typeof acme> {
  const { id, attributes } = await createOrganization(asker, { name });
  return { id, number: attributes.number, path: `/v1/orgs/${attributes.number}/`, key: app.as(attributes.token) };
}

beforeAll(async () => {
  app = await startApp({ WEBHOOK_ALLOW_HTTP: 'false' });
  [owner, stranger, partner] = [await app.user(), await app.user(), await app.partner()];
  acme = await made(owner);
});
afterAll(() => app.close());

describe('organization object', () => {
  test('has the number of the organization for its id, and times that end in Z', async () => {
    const { body } = await owner.get(`${M}/organizations/${acme.id}`);
    const { createdAt, updatedAt, number } = body.data.attributes;
    const answer = await owner.get(acme.path);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(shown(answer)).toEqual([
      200,
      {
        id: number,
        name: 'Acme',
        role: 'owner',
        created_at: createdAt.replace('+00:00', 'Z'),
        updated_at: updatedAt.replace('+00:00', 'Z'),
      },
    ]);
    expect(Object.keys(answer.body)).toEqual(['id', 'name', 'role', 'created_at', 'updated_at']);
  });

  test.each([
    [['admin'], 'admin'],
    [['member'], 'member'],
    [['member', 'admin'], 'admin'],
    [['owner', 'billing'], 'owner'],
    [['billing', 'auditor'], 'member'],
  ])('shows %j as the role %s', async (codes, role) => {
    const person = await join(app, acme.id, ...codes);
    expect((await person.get(acme.path)).body.role).toBe(role);
    expect((await person.get('/v1/orgs/')).body).toEqual([organization('Acme', role, acme.number)]);
  });

  test('shows no role to keys', async () => {
    const other = await made(partner, 'Parted');
    for (const key of [other.key, partner, app.platform]) {
      expect(shown(await key.get(other.path))).toEqual([200, organization('Parted', null, other.number)]);
    }
  });
});

describe('list organizations', () => {
  let person: Person;
  beforeAll(async () => {
    person = await app.user();
    for (const name of ['First', 'Second', 'Third']) await person.post('/v1/orgs/', { name });
  });

  test('returns every organization the caller is a member of, oldest first', async () => {
    const answer = await person.get('/v1/orgs/');
    expect(shown(answer)).toEqual([200, ['First', 'Second', 'Third'].map((name) => organization(name, 'owner'))]);
    expect(answer.headers).toMatchObject({
      'x-total-count': '3',
      link: '</v1/orgs/?page=1>; rel="first", </v1/orgs/?page=1>; rel="last"',
      'cache-control': 'private, no-cache',
    });
    expect(answer.headers).not.toHaveProperty('etag');
  });

  test('has one entry for a key', async () => {
    expect(shown(await acme.key.get('/v1/orgs/'))).toEqual([200, [organization('Acme', null, acme.number)]]);
  });

  test('is empty for somebody who belongs to none', async () => {
    const { status, body, headers } = await stranger.get('/v1/orgs/');
    expect([status, body, headers['x-total-count']]).toEqual([200, [], '0']);
  });

  test('has those of a partner, and all for the platform', async () => {
    const own = await made(partner, 'Of a partner');
    const { body } = await partner.get('/v1/orgs/');
    expect(body.at(-1)).toEqual(organization('Of a partner', null, own.number));
    expect(body.map(({ name }: Body) => name)).not.toContain('Acme');
    const all = await app.platform.get('/v1/orgs/');
    expect(all.body.map(({ name }: Body) => name)).toEqual(expect.arrayContaining(['Acme', 'Of a partner']));
  });

  test('has 100 a page, and says where the others are', async () => {
    const rich = await app.partner();
    await app.source.query(
      `insert into organizations (id, name, slug, partner_id, created_at)
       select gen_random_uuid(), 'Row ' || i, 'row-' || i, $1, timestamptz '2026-01-01' + i * interval '1 second'
       from generate_series(1, 201) i`,
      [rich.id],
    );
    const pages = [await rich.get('/v1/orgs/'), await rich.get('/v1/orgs/?page=2'), await rich.get('/v1/orgs?page=3')];
    expect(pages.map(({ body }) => [body.length, body[0].name])).toEqual([
      [100, 'Row 1'],
      [100, 'Row 101'],
      [1, 'Row 201'],
    ]);
    const to = (page: number, name: string) => `</v1/orgs/?page=${page}>; rel="${name}"`;
    expect(pages.map(({ headers }) => headers.link)).toEqual([
      [to(1, 'first'), to(2, 'next'), to(3, 'last')].join(', '),
      [to(1, 'first'), to(1, 'prev'), to(3, 'next'), to(3, 'last')].join(', '),
      [to(1, 'first'), to(2, 'prev'), to(3, 'last')].join(', '),
    ]);
    expect(pages.map(({ headers }) => headers['x-total-count'])).toEqual(['201', '201', '201']);
    const beyond = await rich.get('/v1/orgs/?page=9');
    expect([beyond.body, beyond.headers.link]).toEqual([[], [to(1, 'first'), to(3, 'prev'), to(3, 'last')].join(', ')]);
  });

  test.each(['0', '-1', '1.5', 'two', '', '99999999999', '1&page=2'])('refuses ?page=%s', async (page) => {
    const { status, body } = await owner.get(`/v1/orgs/?page=${page}`);
    expect([status, body]).toEqual([400, { detail: expect.any(String), code: 'invalid_parameter' }]);
  });

  test('takes as many statements for twelve organizations as for three', async () => {
    const statements = async (asker: Client) => {
      await asker.get('/v1/orgs/');
      const query = jest.spyOn(app.db, 'query');
      await asker.get('/v1/orgs/');
      const { length } = query.mock.calls.filter(([sql]) => !sql.includes('last_used_at'));
      query.mockRestore();
      return length;
    };
    const many = await app.user();
    for (let i = 0; i < 12; i++) await many.post('/v1/orgs/', { name: `Org ${i}` });
    expect(await statements(many)).toBe(await statements(person));
  });
});

describe('create organization', () => {
  test('201 with the new object; the creator becomes the owner automatically (INV-3)', async () => {
    const person = await app.user();
    const { status, body } = await person.post('/v1/orgs/', { name: ' New ' });
    expect([status, body]).toEqual([201, organization('New', 'owner')]);
    expect((await person.get(`/v1/orgs/${body.id}/`)).body).toEqual(body);
    const own = await person.get(`${M}/organizations`);
    expect(own.body.data[0].relationships.owner.data.id).toBe(person.id);
  });

  test('a platform or partner key makes one that has no owner yet', async () => {
    expect(shown(await partner.post('/v1/orgs', { name: 'Bought' }))).toEqual([201, organization('Bought', null)]);
  });

  test('a key of an organization makes none', async () => {
    expect(shown(await acme.key.post('/v1/orgs/', { name: 'No' }))).toEqual([
      403,
      denied('Only platform and partner and user credentials may do this.'),
    ]);
  });

  test.each([
    ['no name', {}, 'name_required', 'name is required.'],
    ['no body', undefined, 'name_required', 'name is required.'],
    ['an empty name', { name: ' ' }, 'name_too_short', 'name must NOT have fewer than 1 characters.'],
    ['121 characters', { name: 'x'.repeat(121) }, 'name_too_long', 'name must NOT have more than 120 characters.'],
    ['a number', { name: 1 }, 'name_invalid_format', 'name must be string.'],
    ['null', { name: null }, 'name_invalid_format', 'name must be string.'],
    ['control characters', { name: 'a\u0007' }, 'name_invalid_format', 'name must not hold control characters.'],
  ])('400 for %s, with the field', async (_what, sent, code, detail) => {
    expect(shown(await owner.post('/v1/orgs/', sent))).toEqual([400, { detail, code, errors: { name: [detail] } }]);
  });

  test('120 characters are taken, and members that it does not know are ignored', async () => {
    const name = '𝔸'.repeat(120);
    const { status, body } = await owner.post('/v1/orgs/', { name, slug: 'given', token: 'x', id: 1 });
    expect([status, body]).toEqual([201, organization(name, 'owner')]);
  });
});

describe('get organization', () => {
  test('200, with and without a slash at the end', async () => {
    const answers = [await owner.get(acme.path), await owner.get(acme.path.slice(0, -1))];
    expect(shown(answers[0] as never)).toEqual([200, organization('Acme', 'owner', acme.number)]);
    expect(seen(answers[0] as never)).toEqual(seen(answers[1] as never));
  });

  test('404 if the caller is not a member: the same as for one that is not there, or no number', async () => {
    const foreign = await made(partner, 'Foreign');
    for (const client of [stranger, acme.key, await app.partner()]) {
      const [answer, ...others] = await Promise.all(
        [foreign.number, 2147483647, 99999999999, 0, 'x', '1e1', '01', foreign.id, '%31x'].map((id) =>
          client.get(`/v1/orgs/${id}/`),
        ),
      );
      expect(shown(answer as never)).toEqual([404, missing]);
      for (const other of others) expect(seen(other)).toEqual(seen(answer as never));
    }
  });

  test('404 for a member who has been suspended or removed', async () => {
    const person = await join(app, acme.id, 'member');
    expect((await person.get(acme.path)).status).toBe(200);
    await app.source.query("update members set status = 'suspended' where user_id = $1", [person.id]);
    app.services.callers.forget();
    expect(shown(await person.get(acme.path))).toEqual([404, missing]);
  });

  test('401 without a credential', async () => {
    const answer = await app.anonymous.get(acme.path);
    expect(shown(answer)).toEqual([401, { detail: 'Send a key in Authorization.', code: 'missing_credential' }]);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });
});

describe('update organization', () => {
  test('200 with the updated object', async () => {
    const own = await made(owner, 'Old');
    const { status, body } = await owner.patch(own.path, { name: ' Newer ' });
    expect([status, body]).toEqual([200, organization('Newer', 'owner', own.number)]);
    expect((await owner.get(own.path)).body).toEqual(body);
  });

  test('what is left out stays', async () => {
    const own = await made(owner, 'Same');
    expect(shown(await owner.patch(own.path, { role: 'member', id: 7 }))).toEqual([
      200,
      organization('Same', 'owner', own.number),
    ]);
  });

  test('an admin, the key, the partner and the platform may; a member may not', async () => {
    const own = await made(partner, 'Shared');
    const [admin, member] = [await join(app, own.id, 'admin'), await join(app, own.id, 'member')];
    for (const client of [admin, own.key, partner, app.platform]) {
      expect((await client.patch(own.path, { name: 'Shared' })).status).toBe(200);
    }
    expect(shown(await member.patch(own.path, { name: 'Mine' }))).toEqual([
      403,
      denied('Your roles here lack the permission organizations:update.'),
    ]);
    expect(shown(await stranger.patch(own.path, { name: 'Mine' }))).toEqual([404, missing]);
    expect((await admin.get(own.path)).body.name).toBe('Shared');
  });

  test('a suspended organization is read, not written', async () => {
    const own = await made(partner, 'Still');
    const admin = await join(app, own.id, 'admin');
    const change = { id: own.id, type: 'organizations', attributes: { status: 'suspended', statusReason: 'Unpaid' } };
    await partner.patch(`${M}/organizations/${own.id}`, { data: change });
    for (const client of [admin, own.key]) {
      expect((await client.get(own.path)).status).toBe(200);
      expect(shown(await client.patch(own.path, { name: 'Moving' }))).toEqual([
        403,
        { detail: 'The organization is suspended.', code: 'organization_suspended' },
      ]);
    }
  });

  test('400 for what is no name', async () => {
    const detail = 'name must NOT have more than 120 characters.';
    expect(shown(await owner.patch(acme.path, { name: 'x'.repeat(121) }))).toEqual([
      400,
      { detail, code: 'name_too_long', errors: { name: [detail] } },
    ]);
  });
});

describe('delete organization', () => {
  test('204, and then it is not there', async () => {
    const own = await made(owner, 'Going');
    const answer = await owner.delete(own.path);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(shown(await owner.get(own.path))).toEqual([404, missing]);
    expect(shown(await owner.delete(own.path))).toEqual([404, missing]);
  });

  test('400 when other members are still present (INV-6)', async () => {
    const own = await made(owner, 'Peopled');
    await join(app, own.id, 'member');
    for (const client of [owner, own.key]) {
      expect(shown(await client.delete(own.path))).toEqual([
        400,
        { detail: 'The organization has other members: remove them first.', code: 'members_present' },
      ]);
    }
    expect((await owner.get(own.path)).status).toBe(200);
  });

  test('400 when it is the caller’s only one, told before the members (INV-7, INV-10)', async () => {
    const person = await app.user();
    const own = await made(person, 'Only');
    await join(app, own.id, 'member');
    expect(shown(await person.delete(own.path))).toEqual([
      400,
      { detail: 'This is your only organization: it stays.', code: 'only_organization' },
    ]);
    expect((await person.get(own.path)).status).toBe(200);
  });

  test('403 when the caller is not the owner (INV-5)', async () => {
    const own = await made(owner, 'Kept');
    for (const role of ['admin', 'member']) {
      const person = await join(app, own.id, role);
      expect(shown(await person.delete(own.path))).toEqual([
        403,
        { detail: 'Only an owner of the organization may do this.', code: 'owner_required' },
      ]);
    }
    expect(shown(await stranger.delete(own.path))).toEqual([404, missing]);
  });

  test('a partner is bound by neither', async () => {
    const own = await made(partner, 'Sold');
    await join(app, own.id, 'owner');
    await join(app, own.id, 'member');
    expect((await partner.delete(own.path)).status).toBe(204);
  });

  test('409 as elsewhere while it is protected (INV-8)', async () => {
    const own = await createOrganization(partner, { name: 'Safe', deleteProtection: true });
    const { status, body } = await partner.delete(`/v1/orgs/${own.attributes.number}`);
    expect([status, body.code]).toEqual([409, 'delete_protected']);
  });
});

describe('get webhook config', () => {
  test('404 if the organization has not configured one', async () => {
    expect(shown(await acme.key.get('/v1/webhook'))).toEqual([404, missing]);
  });

  test('200 with the row, never with the secret', async () => {
    const own = await made(owner, 'Hooked');
    await own.key.put('/v1/webhook', { url: URL });
    const answer = await own.key.get('/v1/webhook');
    expect(shown(answer)).toEqual([200, webhook(URL)]);
    expect(answer.headers['cache-control']).toBe('private, no-cache');
  });

  test('the times are those of the webhook, not of the organization', async () => {
    const own = await made(owner, 'Timed');
    await app.source.query(
      "update organizations set created_at = '2026-01-01', updated_at = '2026-01-01' where id = $1",
      [own.id],
    );
    const first = await own.key.put('/v1/webhook', { url: URL });
    expect(first.body.created_at > '2026-01-02').toBe(true);
    const past = "'2026-01-02T03:04:05Z'";
    await app.source.query(
      `update webhook_endpoints set created_at = ${past}, updated_at = ${past} where organization_id = $1`,
      [own.id],
    );
    await own.key.patch(own.path, { name: 'Renamed' });
    const kept = { created_at: '2026-01-02T03:04:05Z', updated_at: '2026-01-02T03:04:05Z' };
    expect((await own.key.patch('/v1/webhook', { url: URL })).body).toMatchObject(kept);
    const changed = await own.key.patch('/v1/webhook', { url: `${URL}/2` });
    expect(changed.body.created_at).toBe(kept.created_at);
    expect(changed.body.updated_at > kept.updated_at).toBe(true);
    const again = await own.key.put('/v1/webhook', { url: `${URL}/2` });
    expect(again.body.created_at).toBe(kept.created_at);
  });

  test('is the webhook of JSON:API', async () => {
    const own = await made(owner, 'Both');
    const path = `${M}/organizations/${own.id}`;
    const change = (webhookUrl: string | null) => ({
      data: { id: own.id, type: 'organizations', attributes: { webhookUrl } },
    });
    await owner.patch(path, change(URL));
    expect((await own.key.get('/v1/webhook')).body).toEqual(webhook(URL));
    await own.key.patch('/v1/webhook', { url: `${URL}/2` });
    expect((await owner.get(path)).body.data.attributes.webhookUrl).toBe(`${URL}/2`);
    await owner.patch(path, change(null));
    expect(shown(await own.key.get('/v1/webhook'))).toEqual([404, missing]);
  });
});

describe('set webhook URL', () => {
  const stored = ({ id }: { id: string }) => defaultSecret(app, id);

  test('PUT rotates the secret each time, and shows the new one', async () => {
    const own = await made(owner, 'Rotating');
    const answers = [await own.key.put('/v1/webhook', { url: URL }), await own.key.put('/v1/webhook', { url: URL })];
    for (const answer of answers) {
      expect(shown(answer)).toEqual([200, webhook(URL, SECRET)]);
      expect(answer.headers['cache-control']).toBe('no-store');
    }
    const [first, second] = answers.map(({ body }) => body.secret);
    expect(second).not.toBe(first);
    expect(await stored(own)).toBe(second);
  });

  test('PATCH keeps the secret, and makes the webhook with a shown secret when there was none', async () => {
    const own = await made(owner, 'Patched');
    const first = await own.key.patch('/v1/webhook', { url: URL });
    expect(shown(first)).toEqual([200, webhook(URL, SECRET)]);
    expect(first.headers['cache-control']).toBe('no-store');
    expect(shown(await own.key.patch('/v1/webhook', { url: `${URL}/2` }))).toEqual([200, webhook(`${URL}/2`)]);
    expect(await stored(own)).toBe(first.body.secret);
  });

  const endpointOf = async ({ id }: { id: string }) =>
    (await owner.get(`${S}/webhookEndpoints/${await defaultEndpointId(app, id)}`)).body.data.attributes;

  test('the secret before signs along for a day after PUT (INV-33), and is alone after PATCH', async () => {
    const own = await made(owner, 'Graceful');
    const first = (await own.key.put('/v1/webhook', { url: URL })).body.secret;
    const second = (await own.key.put('/v1/webhook', { url: `${URL}/2` })).body.secret;
    await own.key.patch('/v1/webhook', { url: URL });
    expect(await signingSecrets(app, (await defaultEndpointId(app, own.id)) as string)).toEqual([second, first]);
    const [{ expiresAt }] = (await endpointOf(own)).oldSecrets;
    expect(Math.abs(Date.parse(expiresAt) - Date.now() - 86_400_000)).toBeLessThan(60_000);
  });

  test('what is made here carries the signature header of its receivers; what was made elsewhere does not', async () => {
    for (const method of ['put', 'patch'] as const) {
      const own = await made(owner, 'Old receivers');
      await own.key[method]('/v1/webhook', { url: URL });
      expect((await endpointOf(own)).legacySignatureHeader).toBe('X-ThunderPhone-Signature');
    }
    const other = await createOrganization(owner, { name: 'New receivers', webhookUrl: URL });
    await app.as(other.attributes.token).put('/v1/webhook', { url: `${URL}/2` });
    expect((await endpointOf(other)).legacySignatureHeader).toBeNull();
  });

  test('each change is told, the organization first', async () => {
    const own = await made(owner, 'Told');
    const before = (await eventsOf(app, own.id)).length;
    await own.key.put('/v1/webhook', { url: URL });
    await own.key.put('/v1/webhook', { url: `${URL}/2` });
    await own.key.patch('/v1/webhook', { url: `${URL}/2` });
    expect((await eventsOf(app, own.id)).slice(before).map(({ type }) => type)).toEqual([
      'organization.updated',
      'webhook_endpoint.created',
      'organization.updated',
      'webhook_endpoint.updated',
      'webhook_endpoint.secret_rotated',
    ]);
  });

  test('sets it going again when the rule has switched it off', async () => {
    const own = await made(owner, 'Failed');
    await own.key.put('/v1/webhook', { url: URL });
    await app.source.query(
      'update webhook_endpoints set disabled = true, auto_disabled = true where organization_id = $1',
      [own.id],
    );
    await own.key.patch('/v1/webhook', { url: URL });
    expect(await endpointOf(own)).toMatchObject({ status: 'enabled' });
  });

  test('a secret is in no log line, and in no repeated answer (INV-30)', async () => {
    const own = await made(owner, 'Quiet');
    const headers = { 'Idempotency-Key': 'once-only' };
    const first = await own.key.put('/v1/webhook', { url: URL }, headers);
    const again = await own.key.put('/v1/webhook', { url: URL }, headers);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(shown(again)).toEqual([200, { ...first.body, secret: null, meta: { secretWithheld: true } }]);
    expect(await stored(own)).toBe(first.body.secret);
    expect(JSON.stringify(app.logLines)).not.toContain(first.body.secret);
    const [row] = await app.source.query("select body from idempotency_records where key = 'once-only'");
    expect(row.body).not.toContain('whsec_');
  });

  test.each([
    ['no url', {}, 'url_required', 'url is required.'],
    ['null', { url: null }, 'url_invalid_format', 'url must be string.'],
    [
      'no URL',
      { url: 'hook' },
      'url_invalid_format',
      'url must be an https URL without user information and fragment.',
    ],
    ['plain http', { url: 'http://example.com/hook' }, 'url_not_allowed', 'url must be https.'],
    ['http to localhost', { url: 'http://localhost:3000/hook' }, 'url_not_allowed', 'url must be https.'],
    [
      'a private address',
      { url: 'https://10.0.0.1/hook' },
      'url_blocked_address',
      'url names an address that is not public.',
    ],
  ])('400 for %s', async (_what, sent, code, detail) => {
    for (const method of ['put', 'patch'] as const) {
      expect(shown(await acme.key[method]('/v1/webhook', sent))).toEqual([
        400,
        { detail, code, errors: { url: [detail] } },
      ]);
    }
    expect((await acme.key.get('/v1/webhook')).status).toBe(404);
  });

  test('http to localhost, and only to it, where WEBHOOK_ALLOW_HTTP permits it', async () => {
    const local = await startApp();
    try {
      const { attributes } = await createOrganization(local.platform);
      const key = local.as(attributes.token);
      const url = 'http://localhost:3000/hook';
      expect(shown(await key.put('/v1/webhook', { url }))).toEqual([200, webhook(url, SECRET)]);
      expect((await key.put('/v1/webhook', { url: 'http://example.com/' })).status).toBe(400);
    } finally {
      await local.close();
    }
  });

  test('PUT takes the right to rotate secrets; PATCH that to change the organization alone', async () => {
    const own = await made(owner, 'Scoped');
    const scoped = async (...scopes: string[]) => {
      const relationships = { organization: link('organizations', own.id) };
      const { body } = await app.platform.post(
        `${S}/apiKeys`,
        document('apiKeys', { name: 'K', scopes }, { relationships }),
      );
      return app.as(body.data.attributes.secret);
    };
    const [reader, writer] = [await scoped('organizations:read'), await scoped('organizations:update')];
    expect(shown(await reader.patch('/v1/webhook', { url: URL }))).toEqual([
      403,
      denied('This credential lacks the permission organizations:update.'),
    ]);
    expect(shown(await writer.put('/v1/webhook', { url: URL }))).toEqual([
      403,
      denied('This credential lacks the permission webhooks:rotate.'),
    ]);
    expect(shown(await writer.patch('/v1/webhook', { url: URL }))).toEqual([200, webhook(URL, SECRET)]);
    expect((await writer.get('/v1/webhook')).status).toBe(403);
    expect(shown(await reader.get('/v1/webhook'))).toEqual([200, webhook(URL)]);
  });
});

describe('whose webhook it is', () => {
  test('that of the key, and of the only organization of a user', async () => {
    const person = await app.user();
    const own = await made(person, 'Only');
    await own.key.patch('/v1/webhook', { url: URL });
    expect(shown(await person.get('/v1/webhook'))).toEqual([200, webhook(URL)]);
    expect(shown(await own.key.get(`/v1/webhook?org=${own.number}`))).toEqual([200, webhook(URL)]);
    const second = await made(person, 'Second');
    expect(shown(await person.get('/v1/webhook'))).toEqual([
      400,
      { detail: 'Name the organization: ?org={number}.', code: 'invalid_parameter' },
    ]);
    expect(shown(await person.get(`/v1/webhook?org=${own.number}`))).toEqual([200, webhook(URL)]);
    expect(shown(await person.put(`/v1/webhook?org=${second.number}`, { url: URL }))).toEqual([
      200,
      webhook(URL, SECRET),
    ]);
  });

  test('platform and partner keys, and users of no organization, name it', async () => {
    const own = await made(partner, 'Named');
    for (const client of [partner, app.platform]) {
      for (const method of ['put', 'patch'] as const) {
        expect((await client[method]('/v1/webhook', { url: URL })).body.code).toBe('invalid_parameter');
        expect((await client[method](`/v1/webhook/?org=${own.number}`, { url: URL })).body.url).toBe(URL);
      }
    }
    expect((await stranger.get('/v1/webhook')).status).toBe(400);
    expect((await partner.get('/v1/webhook?org=x')).body.code).toBe('invalid_parameter');
  });

  test('one that the caller does not see is one that is not there', async () => {
    const foreign = await made(partner, 'Foreign');
    await foreign.key.put('/v1/webhook', { url: URL });
    for (const client of [stranger, owner, acme.key, await app.partner()]) {
      const answer = await client.put(`/v1/webhook?org=${foreign.number}`, { url: `${URL}/stolen` });
      expect(shown(answer)).toEqual([404, missing]);
      expect(seen(answer)).toEqual(seen(await client.put('/v1/webhook?org=2147483647', { url: `${URL}/stolen` })));
    }
    expect((await foreign.key.get('/v1/webhook')).body).toEqual(webhook(URL));
  });
});
