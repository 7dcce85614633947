import { statementsOf } from '../../jsonapi/world';
import { createOrganization, document, M, S, startApp, type TestApp } from '../../support/app';
import { expectError, organization, WEBHOOK_SECRET } from '../documents';
import { defaultEndpointId, defaultSecret, deliveriesOf, eventsOf, signingSecrets } from '../webhooks';
import { GOOD_SECRETS } from './attributes';

const PATH = `${M}/organizations`;
const URL = 'https://hooks.example.com/in';
const OTHER = 'https://hooks.example.com/other';
const GIVEN = 'a secret of the client';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const patch = async (id: string, attributes: object) => {
  const answer = await app.platform.patch(`${PATH}/${id}`, document('organizations', attributes, { id }));
  expect(answer.status).toBe(200);
  const read = await app.platform.get(`${PATH}/${id}`);
  expect(read.body.data.attributes).toEqual({ ...answer.body.data.attributes, webhookSecret: null });
  return answer.body.data.attributes;
};

const patchOnly = (id: string, attributes: object) =>
  app.platform.patch(`${PATH}/${id}`, document('organizations', attributes, { id }));
const stored = (id: string) => defaultSecret(app, id);

test('an organization without a URL has no secret', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  expect(attributes).toMatchObject({ webhookUrl: null, webhookSecret: null });
  expect(await stored(id)).toBeNull();
});

test('one made with a URL gets a secret, which its answer shows and no other [INV-30]', async () => {
  const answer = await app.platform.post(
    PATH,
    document('organizations', { name: 'Acme', slug: 'with-url', webhookUrl: URL }),
  );
  const { id, attributes } = answer.body.data;
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(attributes.webhookSecret).toEqual(WEBHOOK_SECRET);
  expect(await stored(id)).toBe(attributes.webhookSecret);
  const { body } = await app.platform.get(`${PATH}/${id}`);
  expect(body.data).toEqual(organization(id, { name: 'Acme', slug: 'with-url', webhookUrl: URL }, null, null));
  expect((await app.platform.get(PATH)).text).not.toContain('whsec_');
});

test.each(GOOD_SECRETS)('a client may give its own, at creation and in a PATCH: %s', async (webhookSecret) => {
  const { id, attributes } = await createOrganization(app.platform, { webhookUrl: URL, webhookSecret });
  expect(attributes.webhookSecret).toBe(webhookSecret);
  expect(await stored(id)).toBe(webhookSecret);
  const { id: other } = await createOrganization(app.platform, { webhookUrl: URL });
  expect((await patch(other, { webhookSecret })).webhookSecret).toBe(webhookSecret);
  expect(await stored(other)).toBe(webhookSecret);
});

test('the first URL makes a secret, shown once; another URL keeps it and shows none [INV-42]', async () => {
  const { id } = await createOrganization(app.platform);
  const first = await patch(id, { webhookUrl: URL, webhookSecret: null });
  expect(first).toMatchObject({ webhookUrl: URL, webhookSecret: WEBHOOK_SECRET });
  expect(await stored(id)).toBe(first.webhookSecret);
  expect(await patch(id, { webhookUrl: OTHER })).toMatchObject({ webhookUrl: OTHER, webhookSecret: null });
  expect(await patch(id, { webhookUrl: OTHER })).toMatchObject({ webhookUrl: OTHER, webhookSecret: null });
  expect(await stored(id)).toBe(first.webhookSecret);
});

test('null for the secret changes nothing [INV-31]', async () => {
  const { id } = await createOrganization(app.platform, { webhookUrl: URL, webhookSecret: GIVEN });
  expect(await patch(id, { webhookSecret: null })).toMatchObject({ webhookUrl: URL, webhookSecret: null });
  expect(await patch(id, { webhookUrl: URL, webhookSecret: null })).toMatchObject({ webhookSecret: null });
  expect(await stored(id)).toBe(GIVEN);
});

test('null for the URL ends the secret, and the next URL gets another', async () => {
  const { id } = await createOrganization(app.platform, { webhookUrl: URL, webhookSecret: GIVEN });
  expect(await patch(id, { webhookUrl: null })).toMatchObject({ webhookUrl: null, webhookSecret: null });
  expect(await stored(id)).toBeNull();
  const { webhookSecret } = await patch(id, { webhookUrl: URL });
  expect(webhookSecret).toEqual(WEBHOOK_SECRET);
  expect(await stored(id)).toBe(webhookSecret);
});

test('a secret may come before its URL; neither that URL nor a null sent back takes it away', async () => {
  const { id } = await createOrganization(app.platform, { webhookSecret: GIVEN });
  expect(await patch(id, { webhookUrl: null, webhookSecret: null })).toMatchObject({ webhookSecret: null });
  expect(await stored(id)).toBeNull();
  expect(await patch(id, { webhookUrl: URL })).toMatchObject({ webhookUrl: URL, webhookSecret: null });
  expect(await stored(id)).toBe(GIVEN);
});

test('of first URLs set at the same time one makes the secret, and only its answer shows it', async () => {
  const { id } = await createOrganization(app.platform);
  const urls = Array.from({ length: 10 }, (_, i) => `${URL}/${i}`);
  const answers = await Promise.all(
    urls.map((webhookUrl) => app.platform.patch(`${PATH}/${id}`, document('organizations', { webhookUrl }, { id }))),
  );
  const shown = answers.map(({ body }) => body.data.attributes.webhookSecret).filter((each) => each !== null);
  expect(shown).toEqual([await stored(id)]);
});

test('the encrypted secret of one organization is of no use in the row of another', async () => {
  const { id } = await createOrganization(app.platform, { webhookUrl: URL });
  const { id: other } = await createOrganization(app.platform, { webhookUrl: URL });
  await app.db.query(
    `update webhook_secrets set cipher = (select cipher from webhook_secrets where endpoint_id = $1) where endpoint_id = $2`,
    [await defaultEndpointId(app, id), await defaultEndpointId(app, other)],
  );
  await expect(stored(other)).rejects.toThrow();
});

describe('it is one of the endpoints', () => {
  const endpoint = async (id: string) =>
    (await app.platform.get(`${S}/webhookEndpoints/${await defaultEndpointId(app, id)}`)).body.data.attributes;
  const told = async (id: string, after = 0) => (await eventsOf(app, id)).slice(after).map(({ type }) => type);

  test('from the first event of its organization on, which it gets, but for those about itself (INV-36, INV-43)', async () => {
    const { id } = await createOrganization(await app.user(), { webhookUrl: URL });
    expect(await endpoint(id)).toMatchObject({ url: URL, isDefault: true, eventTypes: [], status: 'enabled' });
    expect(await told(id)).toEqual([
      'organization.created',
      'workspace.created',
      'api_key.created',
      'member.added',
      'webhook_endpoint.created',
    ]);
    expect(await deliveriesOf(app, (await defaultEndpointId(app, id)) as string)).toEqual([
      ['organization.created', 'pending'],
      ['workspace.created', 'pending'],
      ['api_key.created', 'pending'],
      ['member.added', 'pending'],
    ]);
  });

  test('an organization whose slug was taken has one endpoint, and one of each event', async () => {
    await createOrganization(app.platform, { name: 'Taken name' });
    const { id } = await createOrganization(app.platform, { name: 'Taken name', webhookUrl: URL });
    expect((await told(id)).filter((type) => /created/.test(type))).toHaveLength(4);
    expect(await endpoint(id)).toMatchObject({ url: URL });
  });

  test('a refused organization leaves none behind', async () => {
    const [before] = await app.db.query('select count(*)::int from webhook_endpoints');
    await createOrganization(app.platform, { slug: 'only-once' });
    const again = document('organizations', { name: 'Acme', slug: 'only-once', webhookUrl: URL });
    expect((await app.platform.post(PATH, again)).status).toBe(409);
    expect((await app.db.query('select count(*)::int from webhook_endpoints'))[0]).toEqual(before);
  });

  test('a first URL, another one, another secret and none: each is told, the organization first', async () => {
    const { id } = await createOrganization(app.platform);
    const steps: [object, string[]][] = [
      [{ webhookUrl: URL, kind: 'club' }, ['organization.updated', 'webhook_endpoint.created']],
      [{ webhookUrl: OTHER }, ['organization.updated', 'webhook_endpoint.updated']],
      [{ webhookSecret: GIVEN }, ['webhook_endpoint.secret_rotated']],
      [
        { webhookUrl: URL, webhookSecret: GIVEN },
        ['organization.updated', 'webhook_endpoint.updated', 'webhook_endpoint.secret_rotated'],
      ],
      [{ webhookUrl: URL, webhookSecret: null }, []],
      [{ webhookUrl: null }, ['organization.updated', 'webhook_endpoint.deleted']],
      [{ webhookUrl: null }, []],
    ];
    for (const [attributes, expected] of steps) {
      const events = (await eventsOf(app, id)).length;
      await patch(id, attributes);
      expect([attributes, await told(id, events)]).toEqual([attributes, expected]);
    }
    const changes = (await eventsOf(app, id)).filter(({ type }) => type === 'organization.updated');
    expect(changes.map(({ previous }) => previous.attributes)).toEqual([
      { webhookUrl: null, kind: 'business' },
      { webhookUrl: URL },
      { webhookUrl: OTHER },
      { webhookUrl: URL },
    ]);
  });

  test('a given secret takes the place of the one before at once', async () => {
    const { id } = await createOrganization(app.platform, { webhookUrl: URL });
    await patch(id, { webhookSecret: GIVEN });
    expect(await signingSecrets(app, (await defaultEndpointId(app, id)) as string)).toEqual([GIVEN]);
    expect((await endpoint(id)).oldSecrets).toEqual([]);
  });

  test('without a URL what was on its way ends', async () => {
    const { id } = await createOrganization(app.platform, { webhookUrl: URL });
    const old = (await defaultEndpointId(app, id)) as string;
    await patch(id, { webhookUrl: null });
    expect(new Set((await deliveriesOf(app, old)).map(([, status]) => status))).toEqual(new Set(['cancelled']));
  });

  test('a suspension with another URL is told as a suspension, with both', async () => {
    const { id } = await createOrganization(app.platform, { webhookUrl: URL });
    const events = (await eventsOf(app, id)).length;
    await patch(id, { status: 'suspended', statusReason: 'late', webhookUrl: OTHER });
    const told = (await eventsOf(app, id)).slice(events);
    expect(told.map(({ type }) => type)).toEqual([
      'organization.suspended',
      'organization.updated',
      'webhook_endpoint.updated',
    ]);
    expect(told[0].previous.attributes).toMatchObject({ status: 'active', statusReason: null });
    expect(told[1].previous).toEqual({ attributes: { webhookUrl: URL } });
  });

  test('another URL switches on what the rule has switched off, and leaves alone what a person has', async () => {
    for (const isByRule of [true, false]) {
      const { id } = await createOrganization(app.platform, { webhookUrl: URL });
      await app.db.query(
        'update webhook_endpoints set disabled = true, auto_disabled = $2 where organization_id = $1',
        [id, isByRule],
      );
      await patch(id, { webhookUrl: URL });
      expect(await endpoint(id)).toMatchObject({ disabled: true });
      await patch(id, { webhookUrl: OTHER });
      expect(await endpoint(id)).toMatchObject({ disabled: !isByRule });
    }
  });

  test('its attributes in the body of a version that is over change nothing (INV-59)', async () => {
    const { id } = await createOrganization(app.platform, { webhookUrl: URL });
    const { headers } = await app.platform.get(`${PATH}/${id}`);
    await patch(id, { kind: 'club' });
    const stale = { 'If-Match': headers.etag as string };
    for (const attributes of [{ webhookUrl: null }, { webhookUrl: OTHER }, { webhookSecret: GIVEN }]) {
      const answer = await app.platform.patch(`${PATH}/${id}`, document('organizations', attributes, { id }), stale);
      expect(answer.status).toBe(412);
    }
    expect(await endpoint(id)).toMatchObject({ url: URL, oldSecrets: [] });
  });

  test('a change that has nothing to do with it is one statement', async () => {
    const { id } = await createOrganization(app.platform, { webhookUrl: URL });
    const statements = await statementsOf(() => patchOnly(id, { kind: 'club' }));
    expect(statements).toHaveLength(1);
    const made = await statementsOf(() =>
      app.platform.post(PATH, document('organizations', { name: 'One statement' })),
    );
    expect(made).toHaveLength(1);
  });
});

describe.each([
  ['false', ['http://localhost/in', 'http://127.0.0.1/in', 'http://example.com/in'], []],
  ['true', [], ['http://localhost/in', 'http://example.com/in']],
])('WEBHOOK_ALLOW_HTTP=%s', (WEBHOOK_ALLOW_HTTP, refused, accepted) => {
  let strict: TestApp;
  beforeAll(async () => {
    strict = await startApp({ WEBHOOK_ALLOW_HTTP });
  });
  afterAll(() => strict.close());
  const create = (webhookUrl: string) =>
    strict.platform.post(PATH, document('organizations', { name: 'Acme', webhookUrl }));

  test(`refuses [${refused}], takes [${accepted}] and https`, async () => {
    for (const url of refused) {
      expectError(await create(url), 422, 'not_allowed', {
        source: { pointer: '/data/attributes/webhookUrl' },
        meta: { attribute: 'webhookUrl', message: 'webhookUrl must be https.' },
      });
    }
    for (const url of [...accepted, URL]) expect((await create(url)).status).toBe(201);
  });
});
