import { perform, update } from '../jsonapi/operations';
import { statementsOf } from '../jsonapi/world';
import { ownedDocument } from '../routes/crew';
import { join } from '../routes/people';
import { type Answer, type Body, createOrganization, document, M, S, startApp, type TestApp } from '../support/app';

/** Those who tell of what several organizations hear wait for each other, and never in a circle. */

const ROUNDS = 40;
const AT_ONCE = 5;

let app: TestApp;
beforeAll(async () => {
  // Many wait for each other here: on a busy machine longer than a request may.
  app = await startApp({ DATABASE_POOL_SIZE: '25', DATABASE_TIMEOUT_MS: '20000' });
});
afterAll(() => app.close());

const statuses = (answers: Answer[]) => [...new Set(answers.map(({ status }) => status))].sort();

async function rollbacksOf(work: () => Promise<unknown>): Promise<number> {
  return (await statementsOf(work)).filter((text) => text === 'rollback').length;
}

/** Organizations whose numbers have a gap, or whose events are not in the order of their times. */
const gaps = () =>
  app.db.query(
    `select organization_id, count(*), max(sequence), min(sequence) from events group by 1
     having count(*) <> max(sequence) or min(sequence) <> 1
       or max(sequence) <> (select last from event_sequences s where s.organization_id = events.organization_id)
     union all
     select organization_id, sequence, null, null from (select organization_id, sequence, occurred_at,
       lag(occurred_at) over (partition by organization_id order by sequence) as before from events) e where before > occurred_at`,
  );

test('people and organizations that change at the same time, in any order, are all told of, and nobody is in a circle (INV-36)', async () => {
  const [ada, bob] = [await app.user(), await app.user()];
  const [one, two] = (await Promise.all([1, 2].map(() => createOrganization(app.platform)))) as [Body, Body];
  for (const { id } of [one, two]) for (const { id: user } of [ada, bob]) await join(app, id, user, 'admin');
  const name = (i: number, who: string) => ({ name: `Name ${who} ${i}` });
  const round = async (i: number): Promise<void> => {
    const answers = await Promise.all([
      app.platform.patch(`${S}/users/${ada.id}`, document('users', name(i, 'a'), { id: ada.id })),
      bob.patch(`${S}/users/${bob.id}`, document('users', name(i, 'b'), { id: bob.id })),
      perform(
        app.platform,
        update('organizations', two.id, name(i, 'c')),
        update('organizations', one.id, name(i, 'd')),
      ),
      perform(app.platform, update('organizations', one.id, name(i, 'e')), update('users', ada.id, name(i, 'f'))),
      perform(app.platform, update('users', bob.id, name(i, 'g')), update('organizations', two.id, name(i, 'h'))),
      perform(app.platform, update('users', bob.id, name(i, 'i')), update('users', ada.id, name(i, 'j'))),
      app.platform.patch(`${M}/organizations/${one.id}`, document('organizations', name(i, 'k'), { id: one.id })),
      ada.post(`${S}/workspaces`, ownedDocument('workspaces', two.id, name(i, 'l'))),
    ]);
    expect(statuses(answers)).toEqual([200, 201]);
  };
  const rollbacks = await rollbacksOf(async () => {
    for (let i = 0; i < ROUNDS; i += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => round(i + n)));
    }
  });
  expect(rollbacks).toBe(0);
  expect(await gaps()).toEqual([]);
}, 120_000);
