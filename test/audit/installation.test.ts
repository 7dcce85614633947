import { brokenLinks } from '../events/audited';
import { add, perform, update } from '../jsonapi/operations';
import { statementsOf } from '../jsonapi/world';
import { type Answer, createOrganization, document, M, NIL, S, startApp, type TestApp } from '../support/app';

/** The chain of what is of no organization: everybody's, and in nobody's way. */

const INSTALLATION = '00000000-0000-0000-0000-000000000000';

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ DATABASE_POOL_SIZE: '25' });
});
afterAll(() => app.close());

const statuses = (answers: Answer[]) => [...new Set(answers.map(({ status }) => status))].sort();
const lengthOf = async (): Promise<number> =>
  Number(
    (await app.db.query('select audit_last from event_sequences where organization_id = $1', [INSTALLATION]))[0]?.[0],
  );

test('who writes into it and into chains of organizations, in any order, waits for nobody in a circle (INV-36)', async () => {
  const [one, two] = [await createOrganization(app.platform), await createOrganization(app.platform)];
  const partner = await app.partner();
  const before = await lengthOf();
  let n = 0;
  const name = () => ({ name: `Name ${n++}` });
  const email = () => ({ email: `made-${n++}@example.com` });
  const round = () => [
    perform(
      app.platform,
      add('partners', name()),
      update('organizations', one.id, name()),
      update('organizations', two.id, name()),
    ),
    perform(
      app.platform,
      update('organizations', two.id, name()),
      update('partners', partner.id, name()),
      add('users', email()),
    ),
    perform(app.platform, add('users', email()), update('organizations', one.id, name())),
    perform(app.platform, update('partners', partner.id, name()), update('organizations', two.id, name())),
    app.platform.patch(`${M}/partners/${partner.id}`, document('partners', name(), { id: partner.id })),
    app.platform.patch(`${M}/organizations/${one.id}`, document('organizations', name(), { id: one.id })),
    app.platform.post(`${S}/users`, document('users', email())),
    app.platform.post(`${S}/apiKeys`, document('apiKeys', name())),
  ];
  const statements = await statementsOf(async () => {
    for (let i = 0; i < 5; i++) {
      expect(statuses(await Promise.all(Array.from({ length: 4 }, round).flat()))).toEqual([200, 201]);
    }
  });
  expect(statements.filter((text) => text === 'rollback')).toEqual([]);
  expect(await lengthOf()).toBe(before + 20 * 8);
  expect(await brokenLinks(app)).toEqual([]);
}, 60_000);

test('what is undone leaves nothing in it, and takes no number', async () => {
  const before = await lengthOf();
  const answer = await perform(app.platform, add('partners', { name: 'P' }), update('partners', NIL, { name: 'Q' }));
  expect([answer.status, await lengthOf()]).toEqual([404, before]);
  const key = { 'Idempotency-Key': 'once' };
  const document = { data: { type: 'partners', attributes: { name: 'Once', externalId: 'once' } } };
  const taken = { data: { type: 'partners', attributes: { name: 'Twice', externalId: 'once' } } };
  expect((await app.platform.post(`${M}/partners`, document, key)).status).toBe(201);
  expect((await app.platform.post(`${M}/partners`, taken, { 'Idempotency-Key': 'twice' })).status).toBe(409);
  const rows = await app.db.query(
    'select action, outcome from audit_events where organization_id = $1 and sequence > $2 order by sequence',
    [INSTALLATION, before],
  );
  expect(rows).toEqual([
    ['partner.created', 'success'],
    ['partners.create', 'failed'],
  ]);
});
