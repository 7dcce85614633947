import { registry } from '../../src/resources';
import { ATOMIC, add, documentOf, OPERATIONS, update } from '../jsonapi/operations';
import { buildWorld, creationOf, pathOf, TYPES, type World } from '../jsonapi/world';
import { type Answer, type Body, createOrganization, document, M, startApp, type TestApp } from '../support/app';
import { isReplay, twice } from './keyed';

const ORGANIZATIONS = `${M}/organizations`;
const HOOK = 'https://example.com/hook';

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
});
afterAll(() => app.close());

/** Values of the secret attributes of a resource. */
const secretsOf = ({ type, attributes }: Body): string[] =>
  Object.entries(registry.get(type)?.attributes ?? {}).flatMap(([name, { reveal }]) =>
    reveal === 'once' && attributes[name] !== null ? [attributes[name]] : [],
  );

/** The whole table of records as text. */
const stored = async () => JSON.stringify(await app.db.query('select to_jsonb(r) from idempotency_records r'));

/** The secrets are in the first answer and nowhere else; the second says so. */
async function expectWithheld([first, second]: [Answer, Answer], secrets: string[]): Promise<void> {
  expect(secrets.length).toBeGreaterThan(0);
  expect([isReplay(first), isReplay(second)]).toEqual([false, true]);
  const table = await stored();
  const logs = JSON.stringify(app.logLines);
  for (const secret of secrets) {
    expect(first.text).toContain(secret);
    for (const text of [second.text, JSON.stringify(second.headers), table, logs]) expect(text).not.toContain(secret);
    // Nor a part of it that would tell it: bytea columns print as hex.
    expect(table).not.toContain(Buffer.from(secret).toString('hex'));
  }
  expect(first.body.meta?.secretWithheld).toBeUndefined();
  expect(second.body.meta.secretWithheld).toBe(true);
  expect(second.headers['cache-control']).toBe('no-store');
}

const withholding = TYPES.filter((type) => {
  const { attributes, operations } = registry.get(type) as NonNullable<ReturnType<typeof registry.get>>;
  return operations.create !== undefined && Object.values(attributes).some(({ reveal }) => reveal === 'once');
});

test.each(withholding)('%s: what is shown once is null in a repetition [INV-30]', async (type) => {
  const body = await creationOf(app, world, type);
  const answers = await twice((headers) => app.platform.post(pathOf(type), body, headers));
  const [first, second] = answers;
  await expectWithheld(answers, secretsOf(first.body.data));
  expect(secretsOf(second.body.data)).toEqual([]);
  const { meta, ...others } = first.body;
  const masked = JSON.parse(
    secretsOf(first.body.data).reduce((text, each) => text.replace(`"${each}"`, 'null'), JSON.stringify(others)),
  );
  expect(second.body).toEqual({ ...masked, meta: { ...meta, secretWithheld: true } });
});

test('a secret that the client gave is withheld as one that was made [INV-30]', async () => {
  const [token, webhookSecret] = ['given-by-the-client-himself', 'given as a text of its own'];
  const body = document('organizations', { name: 'Given', token, webhookUrl: HOOK, webhookSecret });
  const answers = await twice((headers) => app.platform.post(ORGANIZATIONS, body, headers));
  await expectWithheld(answers, [token, webhookSecret]);
});

test('a change that replaces or makes a secret [INV-30, INV-31]', async () => {
  const { id, links } = await createOrganization(app.platform);
  const token = 'another-token-of-the-client';
  const body = document('organizations', { token, webhookUrl: HOOK }, { id });
  const answers = await twice((headers) => app.platform.patch(links.self, body, headers));
  const { attributes } = answers[0].body.data;
  await expectWithheld(answers, [token, attributes.webhookSecret]);
  expect((await app.as(token).get(links.self)).status).toBe(200);
});

test('sparse fieldsets that leave it out have nothing to withhold [SPF-9]', async () => {
  const body = document('organizations', { name: 'Sparse' });
  const path = `${ORGANIZATIONS}?fields[organizations]=name`;
  const [, second] = await twice((headers) => app.platform.post(path, body, headers));
  expect(second.body.data.attributes).toEqual({ name: 'Sparse' });
});

test('operations: each result by itself [INV-30, ATO-16]', async () => {
  const { id } = await createOrganization(app.platform);
  const body = documentOf(
    add('organizations', { name: 'One' }),
    update('organizations', world.organization.id, { kind: 'plain' }),
    add('apiKeys', { name: 'Two' }),
    update('organizations', id, { webhookUrl: HOOK }),
  );
  const answers = await twice((headers) => app.platform.post(OPERATIONS, body, { ...ATOMIC, ...headers }));
  const results = answers[0].body['atomic:results'];
  await expectWithheld(
    answers,
    results.flatMap(({ data }: Body) => secretsOf(data)),
  );
  const again = answers[1].body['atomic:results'];
  expect(again.flatMap(({ data }: Body) => secretsOf(data))).toEqual([]);
  expect(again.map(({ data }: Body) => data.id)).toEqual(results.map(({ data }: Body) => data.id));
});

test('without a secret nothing is withheld, and nothing says so [INV-30]', async () => {
  const { id, links } = await createOrganization(app.platform);
  const body = document('organizations', { kind: 'plain', token: null, webhookSecret: null }, { id });
  const [first, second] = await twice((headers) => app.platform.patch(links.self, body, headers));
  expect([second.text, second.body.meta]).toEqual([first.text, undefined]);
});

test('of what was sent only a digest is kept [INV-30]', async () => {
  const name = 'A name that is looked for';
  const body = document('organizations', { name });
  await twice((headers) => app.platform.post(`${ORGANIZATIONS}?fields[organizations]=slug`, body, headers));
  expect(await stored()).not.toContain(name);
});
