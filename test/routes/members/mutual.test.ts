import { type Answer, document, link, S, startApp, type TestApp } from '../../support/app';
import { Crews, type Mate, patch } from '../crew';

/** Two owners who take the organization from each other at the same time never leave it without one (INV-1, INV-2, INV-4). */

const ROUNDS = 200;
const ATOMIC_TYPE = 'application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"';
const ATOMIC = { 'Content-Type': ATOMIC_TYPE, Accept: ATOMIC_TYPE };

let app: TestApp;
let crews: Crews;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
});
afterAll(() => app.close());

const operate = (by: Mate, operation: object) =>
  by.post(`${S}/operations`, { 'atomic:operations': [operation] }, ATOMIC);
const member = ({ member: id }: Mate, more: object = {}) => ({ type: 'members', id, ...more });

/** What one owner does to the other, who is none any more when it succeeds. */
const WAYS: Record<string, (by: Mate, to: Mate) => Promise<Answer>> = {
  demotes: (by, to) => patch(by, 'members', to.self, {}, { roles: crews.linkage('admin') }),
  'demotes by linkage': (by, to) => by.patch(`${to.self}/relationships/roles`, crews.linkage('member')),
  removes: (by, to) => by.delete(to.self),
  suspends: (by, to) => patch(by, 'members', to.self, { status: 'suspended' }),
  'demotes atomically': (by, to) =>
    operate(by, { op: 'update', ref: member(to, { relationship: 'roles' }), ...crews.linkage('admin') }),
  'removes atomically': (by, to) => operate(by, { op: 'remove', ref: member(to) }),
  'suspends atomically': (by, to) =>
    operate(by, { op: 'update', data: member(to, { attributes: { status: 'suspended' } }) }),
};
const NAMES = Object.keys(WAYS);

async function ownersOf(organization: string): Promise<Record<string, unknown>[]> {
  return app.source.query(
    `select m.id, m.is_primary_owner, m.user_id = o.owner_id as is_named from members m join organizations o on o.id = m.organization_id
       join member_roles mr on mr.member_id = m.id join roles r on r.id = mr.role_id
     where o.id = $1 and m.status = 'active' and r.code = 'owner' and r.kind = 'system'`,
    [organization],
  );
}

/** Makes both of them owners again, whatever has become of them. */
async function restore(organization: string, mate: Mate): Promise<Mate> {
  const roles = crews.linkage('owner');
  if ((await app.platform.get(mate.self)).status === 200) {
    const { status } = await patch(app.platform, 'members', mate.self, { status: 'active' }, { roles });
    expect(status).toBe(200);
    return mate;
  }
  const relationships = { organization: link('organizations', organization), user: link('users', mate.id), roles };
  const { body } = await app.platform.post(`${S}/members`, document('members', {}, { relationships }));
  return { ...mate, member: body.data.id, self: body.data.links.self };
}

test(`in ${ROUNDS} rounds, in every pair of ways: one of them wins, and is the primary owner`, async () => {
  const crew = await crews.make();
  let [left, right] = [crew.owner, await crews.join(crew.id, ['owner'])];
  for (let i = 0; i < ROUNDS; i++) {
    const [one, other] = [NAMES[i % NAMES.length], NAMES[Math.floor(i / NAMES.length) % NAMES.length]] as [
      string,
      string,
    ];
    const answers = await Promise.all([WAYS[one]?.(left, right), WAYS[other]?.(right, left)]);
    const statuses = answers.map((answer) => answer?.status ?? 0);
    const won = statuses.filter((status) => status < 300);
    const lost = statuses.filter((status) => status >= 300);
    // Whoever comes second is no member any more, or no owner, or was suspended.
    expect([one, other, won.length, lost.every((status) => [403, 404, 409].includes(status))]).toEqual([
      one,
      other,
      1,
      true,
    ]);
    const owners = await ownersOf(crew.id);
    expect(owners).toEqual([{ id: expect.any(String), is_primary_owner: true, is_named: true }]);
    left = await restore(crew.id, left);
    right = await restore(crew.id, right);
    expect(await ownersOf(crew.id)).toHaveLength(2);
  }
}, 300_000);

test('two owners who leave at the same time: the second one is told that he is the last', async () => {
  for (let i = 0; i < 10; i++) {
    const crew = await crews.make();
    const other = await crews.join(crew.id, ['owner']);
    const answers = await Promise.all([crew.owner, other].map((mate) => mate.delete(mate.self)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
    expect(answers.find(({ status }) => status === 409)?.body.errors[0].code).toBe('last_owner');
    expect(await ownersOf(crew.id)).toHaveLength(1);
  }
});

test('in one atomic request too: all of it is undone', async () => {
  const crew = await crews.make();
  const other = await crews.join(crew.id, ['owner']);
  const operations = [other, crew.owner].map((mate) => ({ op: 'remove', ref: member(mate) }));
  const answer = await crew.owner.post(`${S}/operations`, { 'atomic:operations': operations }, ATOMIC);
  expect([answer.status, answer.body.errors[0].code]).toEqual([409, 'last_owner']);
  expect(await ownersOf(crew.id)).toHaveLength(2);
});

test.each([
  ['suspended', "update members set status = 'suspended' where id = $1"],
  ['removed', 'delete from members where id = $1'],
  ['without his role', 'delete from member_roles where member_id = $1'],
  ['not the primary one', 'update members set is_primary_owner = false where id = $1'],
])('past the service, the database refuses an only owner who is %s', async (_title, sql) => {
  const crew = await crews.make();
  await expect(app.source.query(sql, [crew.owner.member])).rejects.toThrow(/keeps its owner|at least one role/);
  expect(await ownersOf(crew.id)).toEqual([{ id: crew.owner.member, is_primary_owner: true, is_named: true }]);
});
