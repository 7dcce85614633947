import { type Answer, type Client, document, link, NIL, S, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError } from '../documents';
import { type Team, type Teammate, Teams } from '../team';

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
let teams: Teams;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
  teams = await Teams.of(app, partner);
});
afterAll(() => app.close());

const ATOMIC = 'application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"';
const keyOf = async (team: Team, scopes: string[]): Promise<Client> => {
  const relationships = { organization: link('organizations', team.id) };
  const { body } = await partner.post(`${S}/apiKeys`, document('apiKeys', { name: 'Key', scopes }, { relationships }));
  return app.as(body.data.attributes.secret);
};
const operation = (value: object) =>
  app.platform.post(`${S}/operations`, { 'atomic:operations': [value] }, { 'Content-Type': ATOMIC });
const patchWith = ({ id, self }: Teammate, roles: object) =>
  app.platform.patch(self, document('members', {}, { id, relationships: { roles } }));

/** Every way in which an owner ceases to be one. */
const DEMOTIONS: [string, (team: Team, one: Teammate) => Promise<Answer>][] = [
  ['DELETE of the member', (_team, { self }) => app.platform.delete(self)],
  ['DELETE of the role', (_team, { roles }) => app.platform.delete(roles, {}, teams.linkage('owner'))],
  ['PATCH of the roles', (_team, { roles }) => app.platform.patch(roles, teams.linkage('admin', 'member'))],
  ['PATCH of the member', (_team, one) => patchWith(one, teams.linkage('admin'))],
  ['atomic remove of the member', (_team, { id }) => operation({ op: 'remove', ref: { type: 'members', id } })],
  [
    'atomic remove of the role',
    (_team, { id }) =>
      operation({ op: 'remove', ref: { type: 'members', id, relationship: 'roles' }, ...teams.linkage('owner') }),
  ],
  [
    'atomic update of the roles',
    (_team, { id }) =>
      operation({ op: 'update', ref: { type: 'members', id, relationship: 'roles' }, ...teams.linkage('admin') }),
  ],
];

describe.each(DEMOTIONS)('%s', (_name, demote) => {
  test('is 409 for the last owner, whoever else is there, and nothing changes [INV-1, INV-2]', async () => {
    const team = await teams.make(['owner', 'admin'], ['admin'], ['member']);
    const [last] = team.members as [Teammate];
    const before = (await app.platform.get(last.self)).text;
    const { status, body } = await demote(team, last);
    expect([status, body.errors[0].code]).toEqual([409, 'last_owner']);
    expect((await app.platform.get(last.self)).text).toBe(before);
    expect(await teams.state(team)).toEqual(['*owner,admin', 'admin', 'member']);
    await teams.expectOwned(team);
  });

  test('is 409 while the only other owner is suspended [INV-1, INV-2]', async () => {
    const team = await teams.make(['owner', 'admin'], ['owner']);
    const [last, other] = team.members as [Teammate, Teammate];
    await app.source.query("update members set status = 'suspended' where id = $1", [other.id]);
    expect((await demote(team, last)).status).toBe(409);
    await teams.expectOwned(team);
  });

  test('hands over to the owner who joined first when the primary one goes [INV-4]', async () => {
    const team = await teams.make(['member'], ['owner', 'admin'], ['owner'], ['owner']);
    const [, first] = team.members as [Teammate, Teammate];
    expect((await teams.state(team))[1]).toBe('*owner,admin');
    expect((await demote(team, first)).status).toBeLessThan(300);
    expect((await teams.state(team))[2]).toBe('*owner');
    await teams.expectOwned(team);
  });

  test('leaves the primary owner alone when another one goes [INV-4]', async () => {
    const team = await teams.make(['owner'], ['owner', 'admin']);
    // The version: the rest of the tag is of what is shown, the number of members too.
    const version = async () => (await app.platform.get(team.self)).headers.etag?.split('.')[0];
    const before = await version();
    expect((await demote(team, team.members[1] as Teammate)).status).toBeLessThan(300);
    expect((await teams.state(team))[0]).toBe('*owner');
    expect(await version()).toBe(before);
  });
});

describe('two owners demoted at the same time', () => {
  test('in 100 rounds, in every pair of ways: one is left, who is the primary one, and no failure [INV-2]', async () => {
    const round = async (i: number) => {
      const team = await teams.make(['owner', 'admin'], ['owner', 'admin']);
      const [left, right] = team.members as [Teammate, Teammate];
      const [, one] = DEMOTIONS[i % DEMOTIONS.length] as (typeof DEMOTIONS)[number];
      const [, other] = DEMOTIONS[Math.floor(i / DEMOTIONS.length) % DEMOTIONS.length] as (typeof DEMOTIONS)[number];
      const answers = await Promise.all([one(team, left), other(team, right)]);
      await teams.expectOwned(team);
      const refused = answers.filter(({ status }) => status === 409);
      expect([refused.length, refused[0]?.body.errors[0].code]).toEqual([1, 'last_owner']);
      expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
    };
    for (let i = 0; i < 100; i += 5) await Promise.all([0, 1, 2, 3, 4].map((k) => round(i + k)));
  }, 120_000);

  test('and made owners again in between: there is always one', async () => {
    const team = await teams.make(['owner', 'admin'], ['owner', 'admin'], ['admin']);
    const owner = teams.linkage('owner');
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => {
        const { roles } = team.members[i % 3] as Teammate;
        return i % 4 === 0 ? app.platform.post(roles, owner) : app.platform.delete(roles, {}, owner);
      }),
    );
    expect([...new Set(answers.map(({ status }) => status))].sort()).toEqual([200, 409]);
    await teams.expectOwned(team);
  });
});

describe('becoming an owner', () => {
  test.each<[string, (one: Teammate) => Promise<Answer>]>([
    ['POST of the role', ({ roles }) => app.platform.post(roles, teams.linkage('owner'))],
    ['PATCH of the roles', ({ roles }) => app.platform.patch(roles, teams.linkage('owner', 'member'))],
    ['PATCH of the member', (one) => patchWith(one, teams.linkage('owner', 'member'))],
  ])('by %s: the first one is the primary one, the second is not [INV-1, INV-4]', async (_title, promote) => {
    const team = await teams.make(['member'], ['member']);
    expect((await app.platform.get(team.owner)).body.data).toBeNull();
    for (const one of [...team.members].reverse()) expect((await promote(one)).status).toBe(200);
    expect(await teams.state(team)).toEqual(['owner,member', '*owner,member']);
    await teams.expectOwned(team);
  });

  test('of 10 at the same time one is the primary one [INV-4]', async () => {
    const team = await teams.make(...Array.from({ length: 10 }, () => ['member']));
    const answers = await Promise.all(
      team.members.map(({ roles }) => app.platform.post(roles, teams.linkage('owner'))),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    await teams.expectOwned(team);
  });

  test('a suspended one is none: he is not the primary one, and gone without a trace', async () => {
    const team = await teams.make(['member']);
    const [one] = team.members as [Teammate];
    await app.source.query("update members set status = 'suspended' where id = $1", [one.id]);
    expect((await app.platform.post(one.roles, teams.linkage('owner'))).status).toBe(200);
    expect(await teams.state(team)).toEqual(['owner,member']);
    expect((await app.platform.delete(one.roles, {}, teams.linkage('owner'))).status).toBe(200);
  });
});

describe('at least one role', () => {
  test.each<[string, (one: Teammate) => Promise<Answer>]>([
    ['PATCH with none', ({ roles }) => app.platform.patch(roles, { data: [] })],
    ['DELETE of all', ({ roles }) => app.platform.delete(roles, {}, teams.linkage('member', 'admin'))],
    [
      'DELETE of all and more',
      ({ roles }) => app.platform.delete(roles, {}, teams.linkage('owner', 'member', 'admin')),
    ],
  ])('%s is 422 [INV-12]', async (_title, take) => {
    const team = await teams.make(['admin', 'member']);
    expectError(await take(team.members[0] as Teammate), 422, 'too_short', { source: { pointer: '/data' } });
    expect(await teams.state(team)).toEqual(['admin,member']);
  });

  test('of two who take the two last away at the same time one succeeds, 50 times [INV-12]', async () => {
    for (let i = 0; i < 50; i++) {
      const team = await teams.make(['admin', 'member']);
      const { roles } = team.members[0] as Teammate;
      const take = (code: string) => app.platform.delete(roles, {}, teams.linkage(code));
      const answers = await Promise.all([take('admin'), take('member')]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
      expect((await app.platform.get(roles)).body.data).toHaveLength(1);
    }
  }, 120_000);
});

describe('who may give what', () => {
  const reads = ['organizations:read', 'members:read', 'roles:read', 'workspaces:read'];

  test.each(['patch', 'post'] as const)(
    '%s: nobody gives what he lacks, and nothing is given then [INV-13]',
    async (method) => {
      const team = await teams.make(['owner'], ['member']);
      const { roles } = team.members[1] as Teammate;
      const clerk = await keyOf(team, [...reads, 'members:update']);
      for (const code of ['admin', 'owner']) {
        const answer = await clerk[method](roles, teams.linkage('member', code));
        expectError(answer, 403, 'cannot_grant', { source: { pointer: '/data/1' } });
      }
      expect(await teams.state(team)).toEqual(['*owner', 'member']);
    },
  );

  test('what he has may stay, and may be taken away [INV-13]', async () => {
    const team = await teams.make(['owner'], ['admin']);
    const { roles } = team.members[1] as Teammate;
    const clerk = await keyOf(team, [...reads, 'members:update']);
    expect((await clerk.post(roles, teams.linkage('admin', 'member'))).body.data).toEqual(
      teams.linkage('admin', 'member').data,
    );
    expect((await clerk.delete(roles, {}, teams.linkage('admin'))).body.data).toEqual(teams.linkage('member').data);
  });

  test('who has everything of the organization makes owners: its token, its partner, the platform', async () => {
    for (const asker of [(team: Team) => app.as(team.token), () => partner, () => app.platform]) {
      const team = await teams.make(['owner'], ['member']);
      const { roles } = team.members[1] as Teammate;
      expect((await asker(team).post(roles, teams.linkage('owner'))).status).toBe(200);
      expect(await teams.state(team)).toEqual(['*owner', 'owner,member']);
    }
  });

  test('an owner is not made with everything but one right [INV-13]', async () => {
    const team = await teams.make(['owner'], ['member']);
    const { roles } = team.members[1] as Teammate;
    const owner = (await app.platform.get(`${S}/roles?filter[code]=owner`)).body.data[0].attributes.permissions;
    const almost = await keyOf(
      team,
      owner.filter((each: string) => each !== 'data:erase'),
    );
    expectError(await almost.post(roles, teams.linkage('owner')), 403, 'cannot_grant', {
      source: { pointer: '/data/0' },
    });
    expect((await almost.post(roles, teams.linkage('admin'))).status).toBe(200);
  });

  test('without members:update it is 403, and of another organization 404', async () => {
    const team = await teams.make(['owner'], ['member']);
    const { roles } = team.members[1] as Teammate;
    expectDenied(await (await keyOf(team, reads)).post(roles, teams.linkage('member')), 'members:update');
    const other = await teams.make(['owner']);
    for (const stranger of [app.as(other.token), await app.partner()])
      for (const answer of [
        await stranger.patch(roles, teams.linkage('member')),
        await stranger.post(roles, teams.linkage('member')),
        await stranger.delete(roles, {}, teams.linkage('member')),
        await stranger.get(roles),
      ])
        expectError(answer, 404, 'not_found');
    expect(await teams.state(team)).toEqual(['*owner', 'member']);
  });

  test('a role that does not exist is 404 at its place, and none of the others is given', async () => {
    const team = await teams.make(['member']);
    const { roles } = team.members[0] as Teammate;
    for (const method of ['patch', 'post'] as const)
      expectError(await app.platform[method](roles, teams.linkage('admin', NIL)), 404, 'not_found', {
        source: { pointer: '/data/1' },
      });
    expect(await teams.state(team)).toEqual(['member']);
  });
});
