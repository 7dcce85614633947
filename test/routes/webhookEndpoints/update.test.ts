import { createOrganization, document, M, startApp, type TestApp } from '../../support/app';
import { expectAttributeError, expectDenied, expectError } from '../documents';
import { colleague, founder } from '../people';
import { defaultEndpointId, deliveriesOf, eventsOf, signingSecrets } from '../webhooks';
import { addDeliveries, create, get, PATH, patch, URL } from './endpoints';

const OTHER = 'https://hooks.example.com/other';

let app: TestApp;
let organization: string;
beforeAll(async () => {
  app = await startApp();
  organization = (await createOrganization(app.platform)).id;
});
afterAll(() => app.close());

/** What is told of endpoints since `after` events: type, and what it was before. */
const told = async (id: string, after = 0) =>
  (await eventsOf(app, id)).slice(after).map(({ type, previous }) => [type, previous?.attributes ?? null]);
const count = async (id: string) => (await eventsOf(app, id)).length;
const sentHeaders = async (id: string) => {
  const [row] = await app.db.query('select headers_cipher, headers from webhook_endpoints where id = $1', [id]);
  const [cipher, shown] = row as [Buffer | null, object];
  const sent = cipher && JSON.parse(app.services.secrets.decrypt(cipher, `webhookEndpoints/${id}/headers`));
  return { sent, shown };
};

describe('PATCH', () => {
  test.each<[string, unknown]>([
    ['url', OTHER],
    ['description', 'Ours'],
    ['description', null],
    ['eventTypes', ['member.added', 'role.*']],
    ['headers', { 'X-Team': 'blue' }],
    ['timeoutSeconds', 3],
    ['ratePerSecond', 7],
    ['ordering', 'strict'],
    ['payload', 'thin'],
    ['retrySchedule', [1, 2]],
    ['legacySignatureHeader', 'X-Old'],
    ['externalId', 'e-2'],
    ['metadata', { a: 1 }],
  ])('changes %s to %j, tells of it once, and nothing else is another', async (name, value) => {
    const first = { description: 'First', headers: {}, metadata: {} };
    const { id, attributes: before } = await create(app.platform, organization, first);
    const events = await count(organization);
    const { status, body } = await patch(app.platform, id, { [name]: value });
    expect([status, body.data.attributes]).toEqual([
      200,
      { ...before, secret: null, updatedAt: body.data.attributes.updatedAt, [name]: value },
    ]);
    expect((await get(app.platform, id)).attributes).toEqual(body.data.attributes);
    await patch(app.platform, id, { [name]: value });
    expect(await told(organization, events)).toEqual([['webhook_endpoint.updated', { [name]: before[name] }]]);
  });

  test('another URL keeps the secret (INV-42)', async () => {
    const { id, attributes } = await create(app.platform, organization);
    await patch(app.platform, id, { url: OTHER });
    expect(await signingSecrets(app, id)).toEqual([attributes.secret]);
  });

  test('what was read can be sent back and changes nothing, null for the secret neither (INV-31)', async () => {
    const { id } = await create(app.platform, organization, {
      headers: { Authorization: 'Bearer abc', 'X-Team': 'blue' },
      retrySchedule: [5],
      disabled: true,
    });
    const { text, body } = await app.platform.get(`${PATH}/${id}`);
    const [headers, secrets, events] = [
      await sentHeaders(id),
      await signingSecrets(app, id),
      await count(organization),
    ];
    const sent = await app.platform.patch(`${PATH}/${id}`, text);
    const { updatedAt } = sent.body.data.attributes;
    expect([sent.status, sent.body.data.attributes]).toEqual([200, { ...body.data.attributes, updatedAt }]);
    expect([await sentHeaders(id), await signingSecrets(app, id)]).toEqual([headers, secrets]);
    expect(await count(organization)).toBe(events);
  });

  test('what only the server sets is ignored, as is another signature', async () => {
    const { id, attributes } = await create(app.platform, organization);
    const { body } = await patch(app.platform, id, {
      isDefault: true,
      status: 'auto_disabled',
      disabledReason: 'mine',
      failingSince: '2026-01-01T00:00:00+00:00',
      publicKey: 'x',
      oldSecrets: [],
      signature: 'v1a',
    });
    const { updatedAt } = body.data.attributes;
    expect(body.data.attributes).toEqual({ ...attributes, secret: null, updatedAt });
  });

  test('a secret is replaced by secret/rotate alone', async () => {
    const { id, attributes } = await create(app.platform, organization);
    const answer = await patch(app.platform, id, { secret: 'a secret of the client' });
    expectAttributeError(answer, 'not_allowed', 'secret');
    expect(await signingSecrets(app, id)).toEqual([attributes.secret]);
  });

  test('the same rules hold as for a new one', async () => {
    const headers = { 'X-Team': 'blue' };
    const { id } = await create(app.platform, organization, { headers, legacySignatureHeader: 'X-Old' });
    for (const [attributes, code, pointer] of [
      [{ url: 'http://hooks.example.com/' }, 'not_allowed', 'url'],
      [{ url: 'https://[::ffff:10.0.0.1]/' }, 'blocked_address', 'url'],
      [{ eventTypes: ['x.y'] }, 'unknown_event_type', 'eventTypes/0'],
      [{ headers: { Host: 'x' } }, 'not_allowed', 'headers/Host'],
      [{ headers: { 'x-old': 'x' } }, 'not_allowed', 'legacySignatureHeader'],
      [{ legacySignatureHeader: 'x-team' }, 'not_allowed', 'legacySignatureHeader'],
    ] as const) {
      expectAttributeError(await patch(app.platform, id, attributes), code, pointer);
    }
    const { id: modern } = await create(app.platform, organization, { signature: 'v1a' });
    const legacy = await patch(app.platform, modern, { legacySignatureHeader: 'X-Old' });
    expectAttributeError(legacy, 'not_allowed', 'legacySignatureHeader');
  });

  test('an address that is not allowed any more can be sent back, and the rest be changed', async () => {
    const { id } = await create(app.platform, organization);
    await app.db.query("update webhook_endpoints set url = 'https://10.0.0.1/' where id = $1", [id]);
    const answer = await patch(app.platform, id, { url: 'https://10.0.0.1/', description: 'old' });
    expect([answer.status, answer.body.data.attributes.description]).toEqual([200, 'old']);
  });

  test('is for those who manage webhooks; others read it or do not find it', async () => {
    const { owner, organization: own } = await founder(app);
    const { id } = await create(owner, own.id);
    const auditor = await colleague(app, own.id, 'auditor');
    expect((await auditor.get(`${PATH}/${id}`)).status).toBe(200);
    expectDenied(await patch(auditor, id, { description: 'x' }), 'webhooks:manage');
    const member = await colleague(app, own.id, 'member');
    expectDenied(await member.get(`${PATH}/${id}`), 'webhooks:read');
    expectError(await patch(await app.user(), id, { description: 'x' }), 404, 'not_found');
  });

  test('of ten with the same If-Match one is carried out (INV-59)', async () => {
    const { id } = await create(app.platform, organization);
    const { headers } = await app.platform.get(`${PATH}/${id}`);
    const ifMatch = { 'If-Match': headers.etag as string };
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => patch(app.platform, id, { description: `${i}` }, ifMatch)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
  });
});

describe('headers', () => {
  test('whose names look secret are masked, and stored encrypted', async () => {
    const headers = { Authorization: 'Bearer abc', 'X-Api-Key': 'k-123', 'X-Team': 'blue' };
    const { id, attributes } = await create(app.platform, organization, { headers });
    const masked = { Authorization: '***', 'X-Api-Key': '***', 'X-Team': 'blue' };
    expect(attributes.headers).toEqual(masked);
    expect((await get(app.platform, id)).attributes.headers).toEqual(masked);
    expect(await sentHeaders(id)).toEqual({ sent: headers, shown: masked });
    const event = (await eventsOf(app, organization)).at(-1);
    expect(event.data.attributes.headers).toEqual(masked);
  });

  test('a mask sent back keeps the value, in whatever case its name is; what is not sent is gone', async () => {
    const headers = { Authorization: 'Bearer abc', 'X-Api-Key': 'k-123', 'X-Team': '***' };
    const { id } = await create(app.platform, organization, { headers });
    await patch(app.platform, id, { headers: { authorization: '***', 'X-Team': '***', 'X-New-Token': 'n' } });
    expect((await sentHeaders(id)).sent).toEqual({ authorization: 'Bearer abc', 'X-Team': '***', 'X-New-Token': 'n' });
    const answer = await patch(app.platform, id, { headers: { 'X-Api-Key': '***' } });
    expectAttributeError(answer, 'not_allowed', 'headers/X-Api-Key');
    await patch(app.platform, id, { headers: {} });
    expect(await sentHeaders(id)).toEqual({ sent: null, shown: {} });
  });

  test('another secret value is told of, although both are masked', async () => {
    const { id } = await create(app.platform, organization, { headers: { Authorization: 'one' } });
    const events = await count(organization);
    await patch(app.platform, id, { headers: { Authorization: 'two' } });
    expect(await told(organization, events)).toEqual([['webhook_endpoint.updated', null]]);
  });
});

describe('the switch', () => {
  const LIVE = ['pending', 'retrying'];
  const statuses = async (id: string) => (await deliveriesOf(app, id)).map(([, status]) => status).sort();

  test('off: status and event, and what is on its way ends, but for what is being sent (6.4, 6.5)', async () => {
    const { id: own } = await createOrganization(app.platform);
    const { id } = await create(app.platform, own);
    const other = await create(app.platform, own);
    await addDeliveries(app, id, [...LIVE, 'sending', 'succeeded', 'exhausted']);
    const events = await count(own);
    const { body } = await patch(app.platform, id, { disabled: true });
    expect(body.data.attributes).toMatchObject({ status: 'disabled', disabled: true, disabledReason: null });
    expect(await told(own, events)).toEqual([['webhook_endpoint.disabled', { disabled: false, status: 'enabled' }]]);
    // The one that is told of the other endpoint was on its way, too.
    expect(await statuses(id)).toEqual(['cancelled', 'cancelled', 'cancelled', 'exhausted', 'sending', 'succeeded']);
    expect(await deliveriesOf(app, other.id)).toEqual([['webhook_endpoint.disabled', 'pending']]);
    const [row] = await app.db.query(
      "select count(*)::int from webhook_deliveries where endpoint_id = $1 and status = 'cancelled' and next_attempt_at is null and version = 2",
      [id],
    );
    expect(row).toEqual([3]);
    await patch(app.platform, id, { disabled: true });
    expect(await told(own, events)).toHaveLength(1);
  });

  test('off: events are skipped from then on; on: they are due again (INV-37)', async () => {
    const { id: own } = await createOrganization(app.platform);
    const { id } = await create(app.platform, own, { disabled: true, eventTypes: ['organization.*'] });
    const rename = (name: string) =>
      app.platform.patch(`${M}/organizations/${own}`, document('organizations', { name }, { id: own }));
    await rename('One');
    const events = await count(own);
    await patch(app.platform, id, { disabled: false });
    await rename('Two');
    expect(await told(own, events)).toEqual([
      ['webhook_endpoint.enabled', { disabled: true, status: 'disabled' }],
      ['organization.updated', { name: 'One' }],
    ]);
    expect((await deliveriesOf(app, id)).map(([, status]) => status)).toEqual(['skipped', 'pending']);
  });

  test('on: what the rule has switched off begins without its failures; off, sent back, changes nothing', async () => {
    const { id } = await create(app.platform, organization);
    await app.db.query(
      `update webhook_endpoints set disabled = true, auto_disabled = true, disabled_reason = 'It failed.', failing_since = now(),
         failing_delivery_id = new_id(), failing_apart = true where id = $1`,
      [id],
    );
    const read = await app.platform.get(`${PATH}/${id}`);
    expect(read.body.data.attributes).toMatchObject({ status: 'auto_disabled', disabled: true });
    expect((await app.platform.patch(`${PATH}/${id}`, read.text)).body.data.attributes).toMatchObject({
      status: 'auto_disabled',
      disabledReason: 'It failed.',
    });
    const { body } = await patch(app.platform, id, { disabled: false });
    expect(body.data.attributes).toMatchObject({
      status: 'enabled',
      disabled: false,
      disabledReason: null,
      failingSince: null,
    });
    const [row] = await app.db.query('select failing_delivery_id, failing_apart from webhook_endpoints where id = $1', [
      id,
    ]);
    expect(row).toEqual([null, false]);
  });

  test('with something else tells of both, each with its own', async () => {
    const { id } = await create(app.platform, organization);
    const events = await count(organization);
    await patch(app.platform, id, { disabled: true, description: 'Off' });
    expect(await told(organization, events)).toEqual([
      ['webhook_endpoint.updated', { description: null }],
      ['webhook_endpoint.disabled', { disabled: false, status: 'enabled' }],
    ]);
  });

  test('off ends more than fit into one statement', async () => {
    const { id } = await create(app.platform, organization);
    await addDeliveries(app, id, Array(5_001).fill('retrying'));
    expect((await patch(app.platform, id, { disabled: true })).status).toBe(200);
    expect(new Set(await statuses(id))).toEqual(new Set(['cancelled']));
  });

  test('off, while others write: no delivery is left that is due', async () => {
    const { id: own } = await createOrganization(app.platform);
    const { id } = await create(app.platform, own);
    const rename = (name: string) =>
      app.platform.patch(`${M}/organizations/${own}`, document('organizations', { name }, { id: own }));
    const answers = await Promise.all([
      ...Array.from({ length: 10 }, (_, i) => rename(`Name ${i}`)),
      patch(app.platform, id, { disabled: true }),
      ...Array.from({ length: 10 }, (_, i) => rename(`Other ${i}`)),
    ]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await statuses(id)).filter((status) => status !== 'cancelled' && status !== 'skipped')).toEqual([]);
  });
});

describe('of the default endpoint', () => {
  test('another URL is that of the organization, which is told first and is another version (INV-59)', async () => {
    const { id: own } = await createOrganization(app.platform, { webhookUrl: URL });
    const id = (await defaultEndpointId(app, own)) as string;
    const before = await app.platform.get(`${M}/organizations/${own}`);
    const events = await count(own);
    expect((await patch(app.platform, id, { url: OTHER })).status).toBe(200);
    const after = await app.platform.get(`${M}/organizations/${own}`);
    expect(after.body.data.attributes.webhookUrl).toBe(OTHER);
    expect(after.headers.etag).not.toBe(before.headers.etag);
    expect(await told(own, events)).toEqual([
      ['organization.updated', { webhookUrl: URL }],
      ['webhook_endpoint.updated', { url: URL }],
    ]);
  });

  test('anything else leaves the organization alone', async () => {
    const { id: own } = await createOrganization(app.platform, { webhookUrl: URL });
    const id = (await defaultEndpointId(app, own)) as string;
    const before = await app.platform.get(`${M}/organizations/${own}`);
    await patch(app.platform, id, { url: URL, disabled: true, description: 'x', eventTypes: ['member.*'] });
    const after = await app.platform.get(`${M}/organizations/${own}`);
    expect(after.headers.etag).toBe(before.headers.etag);
  });
});
