import { createOrganization, document, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { expectAttributeError, expectDenied, expectError, ID, TIME, WEBHOOK_SECRET } from '../documents';
import { colleague, founder } from '../people';
import { deliveriesOf, eventsOf, signingSecrets } from '../webhooks';
import { create, get, PATH, post, URL } from './endpoints';

let app: TestApp;
let organization: string;
beforeAll(async () => {
  app = await startApp();
  organization = (await createOrganization(app.platform)).id;
});
afterAll(() => app.close());

/** What an endpoint is when nothing but its URL was said. */
const USUAL = {
  createdAt: TIME,
  updatedAt: TIME,
  url: URL,
  description: null,
  eventTypes: [],
  status: 'enabled',
  disabled: false,
  disabledReason: null,
  failingSince: null,
  lastSuccessAt: null,
  isDefault: false,
  secret: null,
  oldSecrets: [],
  signature: 'v1',
  publicKey: null,
  headers: {},
  timeoutSeconds: 15,
  ratePerSecond: null,
  ordering: 'none',
  payload: 'full',
  retrySchedule: null,
  legacySignatureHeader: null,
  externalId: null,
  metadata: {},
};

describe('POST', () => {
  test('makes an endpoint of a URL alone; its secret is in this answer and no other (INV-30)', async () => {
    const { status, headers, body } = await post(app.platform, organization);
    const { id, type, attributes, relationships } = body.data;
    expect([status, headers.location, headers['cache-control'], id, type]).toEqual([
      201,
      `${PATH}/${id}`,
      'no-store',
      ID,
      'webhookEndpoints',
    ]);
    expect(attributes).toEqual({ ...USUAL, secret: WEBHOOK_SECRET });
    expect(relationships.organization.data).toEqual({ type: 'organizations', id: organization });
    expect((await get(app.platform, id)).attributes).toEqual(USUAL);
    expect(await signingSecrets(app, id)).toEqual([attributes.secret]);
    expect((await app.platform.get(PATH)).text).not.toContain('whsec_');
  });

  test('takes everything that can be set, and shows it', async () => {
    const given = {
      description: 'Ours',
      eventTypes: ['member.*', 'organization.updated'],
      disabled: true,
      headers: { 'X-Team': 'blue' },
      timeoutSeconds: 30,
      ratePerSecond: 1000,
      ordering: 'strict',
      payload: 'thin',
      retrySchedule: [1, 86_400],
      legacySignatureHeader: 'X-Signature',
      externalId: 'e-1',
      metadata: { a: { b: 1 } },
    };
    const { id, attributes } = await create(app.platform, organization, given);
    expect(attributes).toEqual({ ...USUAL, ...given, status: 'disabled', secret: WEBHOOK_SECRET });
    expect((await get(app.platform, id)).attributes).toEqual({ ...USUAL, ...given, status: 'disabled' });
  });

  test.each([
    ['whsec_ and 24 bytes', `whsec_${Buffer.alloc(24, 1).toString('base64')}`],
    ['whsec_ and 64 bytes', `whsec_${Buffer.alloc(64, 1).toString('base64')}`],
    ['any text of 16 characters', '  as it is: ä and 😀 '],
  ])('takes a secret of the client: %s', async (_what, secret) => {
    const { id, attributes } = await create(app.platform, organization, { secret });
    expect(attributes.secret).toBe(secret);
    expect(await signingSecrets(app, id)).toEqual([secret]);
  });

  test('with v1a there is a public key and no secret to be shown', async () => {
    const { headers, body } = await post(app.platform, organization, { signature: 'v1a', secret: null });
    const { id, attributes } = body.data;
    expect(attributes).toMatchObject({ signature: 'v1a', secret: null });
    expect(attributes.publicKey).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/);
    expect(headers['cache-control']).toBe('private, no-cache');
    expect((await get(app.platform, id)).attributes.publicKey).toBe(attributes.publicKey);
    expect(await signingSecrets(app, id)).toEqual([expect.stringMatching(/^whsk_/)]);
    expect((await app.platform.get(PATH)).text).not.toContain('whsk_');
  });

  test('needs no relationship from a caller of one organization', async () => {
    const { id, attributes } = await createOrganization(app.platform);
    const answer = await app.as(attributes.token).post(PATH, document('webhookEndpoints', { url: URL }));
    expect(answer.body.data.relationships.organization.data.id).toBe(id);
    expectError(await app.platform.post(PATH, document('webhookEndpoints', { url: URL })), 422, 'required', {
      source: { pointer: '/data' },
      meta: { attribute: 'organization' },
    });
  });

  test('is for those who manage webhooks; a stranger finds no organization (INV-18)', async () => {
    const { owner, organization: own } = await founder(app);
    expect((await post(owner, own.id)).status).toBe(201);
    expectDenied(await post(await colleague(app, own.id, 'auditor'), own.id), 'webhooks:manage');
    const source = { pointer: '/data/relationships/organization/data' };
    expectError(await post(await app.user(), own.id), 404, 'not_found', { source });
    expectError(await post(app.platform, NIL), 404, 'not_found', { source });
  });

  test('raises an event, which is not for the new endpoint and is for the others (INV-43)', async () => {
    const { id } = await createOrganization(app.platform);
    const first = await create(app.platform, id);
    const second = await create(app.platform, id);
    const events = (await eventsOf(app, id)).filter(({ type }) => type === 'webhook_endpoint.created');
    expect(events.map(({ data }) => data.id)).toEqual([first.id, second.id]);
    const { secret: _secret, ...shown } = (await get(app.platform, second.id)).attributes;
    expect(events[1].data.attributes).toEqual(shown);
    expect(await deliveriesOf(app, first.id)).toEqual([['webhook_endpoint.created', 'pending']]);
    expect(await deliveriesOf(app, second.id)).toEqual([]);
  });
});

describe('a fault', () => {
  const long = `https://hooks.example.com/${'x'.repeat(2048 - 26)}`;
  test.each<[string, object, string, string]>([
    ['a URL of 2049 characters', { url: `${long}x` }, 'too_long', 'url'],
    ['no URL', { url: 'hooks' }, 'invalid_format', 'url'],
    ['user information', { url: 'https://me:pw@hooks.example.com/' }, 'invalid_format', 'url'],
    ['a fragment', { url: 'https://hooks.example.com/#part' }, 'invalid_format', 'url'],
    ['another scheme', { url: 'ftp://hooks.example.com/' }, 'invalid_format', 'url'],
    ['plain http', { url: 'http://hooks.example.com/' }, 'not_allowed', 'url'],
    ['a private address', { url: 'https://192.168.1.1/' }, 'blocked_address', 'url'],
    ['a private address in another form', { url: 'https://0300.0250.1.1/' }, 'blocked_address', 'url'],
    ['a name with a private address', { url: 'https://private.example.com/' }, 'blocked_address', 'url'],
    ['an unknown type of event', { eventTypes: ['member.added', 'no.such'] }, 'unknown_event_type', 'eventTypes/1'],
    ['an unknown family of events', { eventTypes: ['members.*'] }, 'unknown_event_type', 'eventTypes/0'],
    ['a star alone', { eventTypes: ['*'] }, 'unknown_event_type', 'eventTypes/0'],
    ['a type twice', { eventTypes: ['member.added', 'member.added'] }, 'invalid_format', 'eventTypes'],
    ['a short secret', { secret: 'x'.repeat(15) }, 'too_short', 'secret'],
    ['a long secret', { secret: 'x'.repeat(257) }, 'too_long', 'secret'],
    ['whsec_ and too few bytes', { secret: `whsec_${'A'.repeat(28)}` }, 'invalid_format', 'secret'],
    ['what is like a private key', { secret: `whsk_${'A'.repeat(43)}=` }, 'invalid_format', 'secret'],
    ['a secret with v1a', { signature: 'v1a', secret: 'x'.repeat(16) }, 'not_allowed', 'secret'],
    ['another signature', { signature: 'v2' }, 'not_allowed', 'signature'],
    [
      'v1a with a signature for old receivers',
      { signature: 'v1a', legacySignatureHeader: 'X-Old' },
      'not_allowed',
      'legacySignatureHeader',
    ],
    ['no time', { timeoutSeconds: 0 }, 'not_allowed', 'timeoutSeconds'],
    ['31 seconds', { timeoutSeconds: 31 }, 'not_allowed', 'timeoutSeconds'],
    ['no request a second', { ratePerSecond: 0 }, 'not_allowed', 'ratePerSecond'],
    ['1001 requests a second', { ratePerSecond: 1001 }, 'not_allowed', 'ratePerSecond'],
    ['another order', { ordering: 'loose' }, 'not_allowed', 'ordering'],
    ['another payload', { payload: 'fat' }, 'not_allowed', 'payload'],
    ['16 steps', { retrySchedule: Array(16).fill(1) }, 'too_long', 'retrySchedule'],
    ['a step of no time', { retrySchedule: [1, 0] }, 'not_allowed', 'retrySchedule/1'],
    ['a step of more than a day', { retrySchedule: [86_401] }, 'not_allowed', 'retrySchedule/0'],
    ['a description of 501 characters', { description: 'x'.repeat(501) }, 'too_long', 'description'],
    ['disabled null', { disabled: null }, 'invalid_format', 'disabled'],
  ])('%s is 422 where it is', async (_what, attributes, code, pointer) => {
    expectAttributeError(await post(app.platform, organization, attributes), code, pointer);
  });

  test('what is at its limit is taken', async () => {
    await create(app.platform, organization, { url: long, description: 'x'.repeat(500), timeoutSeconds: 1 });
    await create(app.platform, organization, { ratePerSecond: 1, retrySchedule: [] });
  });

  test('a name that nobody tells the address of is taken, after 2 s at the most', async () => {
    const started = Date.now();
    await create(app.platform, organization, { url: 'https://silent.example.com/' });
    expect(Date.now() - started).toBeLessThan(4_000);
  });

  test.each<[string, Record<string, unknown>, string, string]>([
    ['host', { Host: 'x' }, 'not_allowed', 'Host'],
    ['a field of the connection', { 'Transfer-Encoding': 'chunked' }, 'not_allowed', 'Transfer-Encoding'],
    ['a field of the body', { 'content-type': 'text/plain' }, 'not_allowed', 'content-type'],
    ['a field of the signature', { 'Webhook-Id': '1' }, 'not_allowed', 'Webhook-Id'],
    ['our name', { 'User-Agent': 'me' }, 'not_allowed', 'User-Agent'],
    ['no name', { 'a b': 'x' }, 'invalid_format', 'a b'],
    ['a name twice', { 'X-A': '1', 'x-a': '2' }, 'not_allowed', 'x-a'],
    ['a line break', { 'X-A': '1\r\nX-B: 2' }, 'invalid_format', 'X-A'],
    ['a value beyond ASCII', { 'X-A': 'ä' }, 'invalid_format', 'X-A'],
    ['a long value', { 'X-A': 'x'.repeat(1025) }, 'too_long', 'X-A'],
    ['a number', { 'X-A': 1 }, 'invalid_format', 'X-A'],
    ['a mask for nothing', { Authorization: '***' }, 'not_allowed', 'Authorization'],
  ])('of the headers: %s', async (_what, headers, code, name) => {
    expectAttributeError(await post(app.platform, organization, { headers }), code, `headers/${name}`);
  });

  test('21 headers are too many; the header of the old signature is not one of them', async () => {
    const headers = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`X-${i}`, 'x']));
    expectAttributeError(await post(app.platform, organization, { headers }), 'too_long', 'headers');
    const legacySignatureHeader = 'x-0';
    for (const each of [legacySignatureHeader, 'Content-Length', 'webhook-signature']) {
      const attributes = { headers: { 'X-0': 'x' }, legacySignatureHeader: each };
      expectAttributeError(await post(app.platform, organization, attributes), 'not_allowed', 'legacySignatureHeader');
    }
  });

  test('all of them are told at once', async () => {
    const { body } = await post(app.platform, organization, {
      eventTypes: ['no.such', 'nor.this'],
      headers: { Host: 'x', Expect: 'y' },
    });
    expect(body.errors.map(({ source }: { source: { pointer: string } }) => source.pointer)).toEqual([
      '/data/attributes/eventTypes/0',
      '/data/attributes/eventTypes/1',
      '/data/attributes/headers/Host',
      '/data/attributes/headers/Expect',
    ]);
  });
});

describe('the quota', () => {
  test('is 50 for an organization, the default endpoint among them, unless it has one of its own', async () => {
    const { id } = await createOrganization(app.platform, { webhookUrl: URL });
    await app.db.query(
      `insert into webhook_endpoints (id, organization_id, url)
       select new_id(), $1, 'https://hooks.example.com/' || n from generate_series(1, 48) n`,
      [id],
    );
    const { id: last } = await create(app.platform, id);
    const meta = { limit: 50, used: 50 };
    expectError(await post(app.platform, id), 409, 'quota_exceeded', { meta });
    await app.platform.delete(`${PATH}/${last}`);
    await create(app.platform, id);
    const quotas = document('organizations', { quotas: { webhookEndpoints: null } }, { id });
    await app.platform.patch(`${M}/organizations/${id}`, quotas);
    await create(app.platform, id);
  });

  test('of one is for one of ten that come at the same time', async () => {
    const { id } = await createOrganization(app.platform, { quotas: { webhookEndpoints: 1 } });
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(app.platform, id)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
    const change = document('organizations', { webhookUrl: URL }, { id });
    const meta = { limit: 1, used: 1 };
    expectError(await app.platform.patch(`${M}/organizations/${id}`, change), 409, 'quota_exceeded', { meta });
  });

  test('of none leaves no room for the webhook of a new organization', async () => {
    const attributes = { name: 'Acme', webhookUrl: URL, quotas: { webhookEndpoints: 0 } };
    const answer = await app.platform.post(`${M}/organizations`, document('organizations', attributes));
    expectError(answer, 409, 'quota_exceeded', { meta: { limit: 0, used: 0 } });
    expect((await app.platform.get(`${S}/webhookEndpoints?filter[organization.name]=none`)).body.data).toEqual([]);
  });
});

test('WEBHOOK_TIMEOUT is what an endpoint has that says nothing else', async () => {
  const slow = await startApp({ WEBHOOK_TIMEOUT: '7' });
  try {
    const { id } = await createOrganization(slow.platform, { webhookUrl: URL });
    const made = await create(slow.platform, id);
    const { body } = await slow.platform.get(`${PATH}?filter[organizationId]=${id}`);
    expect(made.attributes.timeoutSeconds).toBe(7);
    expect(body.data.map((each: typeof made) => each.attributes.timeoutSeconds)).toEqual([7, 7]);
  } finally {
    await slow.close();
  }
});
