import { createOrganization, document, link, M, S, startApp, type TestApp } from '../../support/app';
import { defaultSecret } from '../webhooks';

const PATH = `${M}/organizations`;
const URL = 'https://example.com/in';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ LOG_LEVEL: 'trace' });
});
afterAll(() => app.close());

/** Every table as text; bytes are in it as hexadecimal digits. */
async function dump(): Promise<string> {
  const tables = await app.db.query("select tablename from pg_tables where schemaname = 'public'");
  const texts = await Promise.all(
    tables.map(async ([table]) => {
      const [row] = await app.db.query(`select string_agg(t::text, chr(10)) from ${table} t`);
      return `${table}: ${row?.[0] ?? ''}`;
    }),
  );
  return texts.join('\n');
}

/** The forms in which a text could be there: as it is, in base64, in hexadecimal digits. */
const forms = (secret: string) => {
  const bytes = Buffer.from(secret);
  return [secret, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex')];
};

test('no table, log line or later answer holds a secret: keys are hashed, webhook secrets encrypted [INV-29] [INV-30]', async () => {
  const secrets: string[] = [];
  const keep = (attributes: Record<string, string | null>) =>
    secrets.push(
      ...[attributes.token, attributes.webhookSecret, attributes.secret].filter((each) => typeof each === 'string'),
    );
  const patch = async (id: string, attributes: object) =>
    keep(
      (await app.platform.patch(`${PATH}/${id}`, document('organizations', attributes, { id }))).body.data.attributes,
    );

  const made = await createOrganization(app.platform, { webhookUrl: URL });
  keep(made.attributes);
  const given = { webhookUrl: URL, token: 'given-at-creation-0123456789', webhookSecret: 'secret-given-at-creation' };
  keep((await createOrganization(app.platform, given)).attributes);
  await patch(made.id, { token: 'given-in-a-patch-0123456789', webhookSecret: 'secret-given-in-a-patch' });
  await patch(made.id, { webhookUrl: null });
  await patch(made.id, { webhookUrl: URL });
  for (const relationships of [{}, { organization: link('organizations', made.id) }]) {
    const key = await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' }, { relationships }));
    keep(key.body.data.attributes);
    await app.as(key.body.data.attributes.secret).get(`${S}/me`);
  }
  // A refused one must not be quoted.
  const taken = await app.platform.post(PATH, document('organizations', { name: 'A', token: given.token }));
  const wrong = await app.platform.post(
    PATH,
    document('organizations', { name: 'A', webhookSecret: `${given.token}\n` }),
  );
  expect([taken.status, wrong.status]).toEqual([422, 422]);
  expect(secrets).toHaveLength(9);
  expect(new Set(secrets).size).toBe(9);

  await app.services.callers.drain();
  const places = {
    tables: await dump(),
    log: JSON.stringify(app.logLines),
    answers: [
      await app.platform.get(PATH),
      await app.platform.get(`${PATH}/${made.id}`),
      await app.platform.get(`${S}/apiKeys`),
      await app.platform.get(`${S}/apiKeys?filter[status]=revoked`),
      taken,
      wrong,
    ]
      .map(({ text }) => text)
      .join('\n'),
  };
  expect(places.tables).toContain(made.id);
  expect(places.log).toContain('/public/v2/apiKeys');
  for (const secret of [...secrets, app.platform.key as string]) {
    for (const [place, text] of Object.entries(places)) {
      for (const form of forms(secret)) expect([place, secret, text.includes(form)]).toEqual([place, secret, false]);
    }
  }
});

test('a key is found by its SHA-256 alone, and a webhook secret can be read again with SECRET_KEY alone', async () => {
  const { id, attributes } = await createOrganization(app.platform, { webhookUrl: URL });
  const [key] = await app.db.query("select count(*)::int from api_keys where hash = sha256(convert_to($1, 'utf8'))", [
    attributes.token,
  ]);
  expect(key).toEqual([1]);
  expect(await defaultSecret(app, id)).toBe(attributes.webhookSecret);
});
