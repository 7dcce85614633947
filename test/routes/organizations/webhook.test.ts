import { createOrganization, document, M, startApp, type TestApp } from '../../support/app';
import { expectError, organization, WEBHOOK_SECRET } from '../documents';
import { defaultEndpointId, defaultSecret, deliveriesOf, eventsOf } from '../webhooks';
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
