import { type Answer, type Body, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, roleLinks } from '../crew';
import { accept, freshEmail, invited, PASSWORDS, PATH, stateOf, tokenOf } from './inviting';

/** What happens at once: whatever comes first, the database holds one truth, and no answer is a fault of ours. */

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp({ DATABASE_TIMEOUT_MS: '20000' });
  crews = await Crews.of(app);
  crew = await crews.make();
});
afterAll(() => app.close());

/** How many of each status and code there are. */
function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const name = `${status} ${body?.errors?.[0].code ?? ''}`.trim();
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
const times = <T>(count: number, run: (i: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => run(i)));
const membersOf = async (email: string): Promise<number> => {
  const [row] = await app.db.query(
    'select count(*) from members m join users u on u.id = m.user_id where lower(u.email) = lower($1) and m.organization_id = $2',
    [email, crew.id],
  );
  return Number(row?.[0]);
};

test('50 parallel acceptances of one invitation make one user and one membership (INV-23)', async () => {
  const email = freshEmail();
  const made = await invited(crew.owner, crew.id, { email });
  const answers = await times(50, () => accept(app.anonymous, tokenOf(made)));
  expect(tally(answers)).toEqual({ '201': 1, '410 invitation_used': 49 });
  expect(await membersOf(email)).toBe(1);
  expect(await stateOf(app, made.id)).toMatchObject({ status: 'accepted', useCount: 1 });
});

test('50 parallel acceptances by somebody who has signed in make one membership', async () => {
  const person = await app.user();
  const made = await invited(crew.owner, crew.id, { email: person.email });
  const answers = await times(50, () => accept(person, tokenOf(made), {}));
  expect(tally(answers)).toEqual({ '201': 1, '410 invitation_used': 49 });
  expect(await membersOf(person.email)).toBe(1);
});

test('of two people who take the last use of a link one wins (INV-23)', async () => {
  for (let i = 0; i < 5; i++) {
    const made = await invited(crew.owner, crew.id, { kind: 'link' });
    const emails = [freshEmail(), freshEmail()];
    const answers = await Promise.all(
      emails.map((email) => accept(app.anonymous, tokenOf(made), { ...PASSWORDS, email })),
    );
    expect(tally(answers)).toEqual({ '201': 1, '410 invitation_used': 1 });
    expect((await Promise.all(emails.map(membersOf))).sort()).toEqual([0, 1]);
  }
});

test('a link is used as often as it may be, by however many at once', async () => {
  const made = await invited(crew.owner, crew.id, { kind: 'link', maxUses: 5 });
  const people = await times(12, () => app.user());
  const answers = await Promise.all(people.map((person) => accept(person, tokenOf(made), {})));
  expect(tally(answers)).toEqual({ '201': 5, '410 invitation_used': 7 });
  expect(await stateOf(app, made.id)).toMatchObject({ status: 'accepted', useCount: 5 });
});

test('one person who uses a link many times at once is a member once', async () => {
  const person = await app.user();
  const made = await invited(crew.owner, crew.id, { kind: 'link', maxUses: 100 });
  const answers = await times(10, () => accept(person, tokenOf(made), {}));
  expect(tally(answers)).toEqual({ '201': 1, '409 already_member': 9 });
  expect((await stateOf(app, made.id)).useCount).toBe(1);
});

test('two invitations of one new address, accepted at once, make one account: the other one asks to sign in (INV-24)', async () => {
  const other = await crews.make();
  const email = freshEmail();
  const mine = await invited(crew.owner, crew.id, { email });
  const theirs = await invited(other.owner, other.id, { email });
  const answers = await Promise.all([mine, theirs].map((made) => accept(app.anonymous, tokenOf(made))));
  expect(tally(answers)).toEqual({ '201': 1, '401 authentication_required': 1 });
  const [row] = await app.db.query('select count(*) from users where email = $1', [email]);
  expect(Number(row?.[0])).toBe(1);
});

test('an acceptance and a revocation: one of them comes first, and the other is told', async () => {
  for (let i = 0; i < 10; i++) {
    const person = await app.user();
    const made = await invited(crew.owner, crew.id, { email: person.email });
    const [accepted, revoked] = await Promise.all([
      accept(person, tokenOf(made), {}),
      crew.owner.delete(`${PATH}/${made.id}`),
    ]);
    const won = accepted.status === 201;
    expect(tally([accepted, revoked])).toEqual(
      won ? { '201': 1, '409 invalid_transition': 1 } : { '204': 1, '410 invitation_revoked': 1 },
    );
    expect((await stateOf(app, made.id)).status).toBe(won ? 'accepted' : 'revoked');
    expect(await membersOf(person.email)).toBe(won ? 1 : 0);
  }
});

test('an acceptance and a new token: the old one is good until it is dead, and never both (INV-22)', async () => {
  for (let i = 0; i < 10; i++) {
    const person = await app.user();
    const made = await invited(crew.owner, crew.id, { email: person.email });
    const [accepted, resent] = await Promise.all([
      accept(person, tokenOf(made), {}),
      crew.owner.post(`${PATH}/${made.id}/resend`),
    ]);
    const won = accepted.status === 201;
    expect(tally([accepted, resent])).toEqual(
      won ? { '201': 1, '409 invalid_transition': 1 } : { '200': 1, '404 not_found': 1 },
    );
    expect(await membersOf(person.email)).toBe(won ? 1 : 0);
  }
});

test('an acceptance and the deletion of its role: the member has it and it stays, or he has the default one', async () => {
  for (let i = 0; i < 10; i++) {
    const person = await app.user();
    const role = await crews.role(crew.id, ['members:read']);
    const made = await invited(crew.owner, crew.id, { email: person.email }, { roles: roleLinks(role) });
    const [accepted, deleted] = await Promise.all([
      accept(person, tokenOf(made), {}),
      crew.owner.delete(`${S}/roles/${role}`),
    ]);
    expect(accepted.status).toBe(201);
    const held = accepted.body.data.relationships.roles.data.map(({ id }: Body) => id);
    expect([deleted.status, held]).toEqual(deleted.status === 204 ? [204, [crews.roles.member]] : [409, [role]]);
  }
});

test('an acceptance and the removal of who invited: no member comes from somebody who has gone (INV-27)', async () => {
  for (let i = 0; i < 10; i++) {
    const [person, inviter] = [await app.user(), await crews.join(crew.id, ['admin'])];
    const made = await invited(inviter, crew.id, { email: person.email });
    const [accepted, removed] = await Promise.all([
      accept(person, tokenOf(made), {}),
      app.platform.delete(inviter.self),
    ]);
    expect(removed.status).toBe(204);
    expect(['201', '410 inviter_not_allowed']).toContain(Object.keys(tally([accepted]))[0]);
    expect(await membersOf(person.email)).toBe(accepted.status === 201 ? 1 : 0);
  }
});

test('many at once fill an organization to its quota and no further', async () => {
  const own = await crews.make();
  await app.db.query(`update organizations set quotas = '{"members": 8}' where id = $1`, [own.id]);
  const made = await invited(own.owner, own.id, { kind: 'link', maxUses: 100 });
  const people = await times(10, () => app.user());
  const answers = await Promise.all(people.map((person) => accept(person, tokenOf(made), {})));
  expect(tally(answers)).toEqual({ '201': 3, '409 quota_exceeded': 7 });
});
