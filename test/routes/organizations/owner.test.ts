import {
  type Answer,
  type Client,
  createUser,
  document,
  link,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
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
const linkage = (user: string | null) => ({ data: user === null ? null : { type: 'users', id: user } });
type Ask = (team: Team, user: string | null, asker?: Client) => Promise<Answer>;

/** Every way to name another owner, and where faults in the linkage are pointed at. */
const WAYS: [string, Ask, string][] = [
  ['PATCH of the linkage', ({ owner }, user, asker = app.platform) => asker.patch(owner, linkage(user)), '/data'],
  [
    'PATCH of the organization',
    ({ id, self }, user, asker = app.platform) =>
      asker.patch(self, document('organizations', { kind: 'club' }, { id, relationships: { owner: linkage(user) } })),
    '/data/relationships/owner/data',
  ],
  [
    'an atomic update',
    ({ id }, user, asker = app.platform) =>
      asker.post(
        `${S}/operations`,
        {
          'atomic:operations': [
            { op: 'update', ref: { type: 'organizations', id, relationship: 'owner' }, ...linkage(user) },
          ],
        },
        { 'Content-Type': ATOMIC },
      ),
    '/atomic:operations/0/data',
  ],
];

describe.each(WAYS)('%s', (_name, give, pointer) => {
  test('makes another member owner and primary owner, and the one before an admin [INV-4]', async () => {
    const team = await teams.make(['owner', 'member'], ['member'], ['admin']);
    const answer = await give(team, team.members[1]?.user as string);
    expect(answer.status).toBe(200);
    expect(await teams.state(team)).toEqual(['admin,member', '*owner,member', 'admin']);
    await teams.expectOwned(team);
    const { body } = await app.platform.get(`${team.self}?include=owner`);
    expect(body.data.relationships.owner.data).toEqual(linkage(team.members[1]?.user as string).data);
    expect(body.included.map(({ id }: { id: string }) => id)).toEqual([team.members[1]?.user]);
  });

  test('to another owner: only the one before becomes an admin [INV-4]', async () => {
    const team = await teams.make(['owner'], ['owner'], ['owner', 'admin']);
    expect((await give(team, team.members[2]?.user as string)).status).toBe(200);
    expect(await teams.state(team)).toEqual(['admin', 'owner', '*owner,admin']);
  });

  test('there and back again: both have both roles no more [INV-4]', async () => {
    const team = await teams.make(['owner'], ['member']);
    const [first, second] = team.members as [Teammate, Teammate];
    await give(team, second.user);
    await give(team, first.user);
    expect(await teams.state(team)).toEqual(['*owner,admin', 'admin,member']);
    await teams.expectOwned(team);
  });

  test('the first owner of an organization that has none [INV-1]', async () => {
    const team = await teams.make(['member'], ['admin']);
    expect((await give(team, null)).status).toBe(200);
    expect((await give(team, team.members[1]?.user as string)).status).toBe(200);
    expect(await teams.state(team)).toEqual(['member', '*owner,admin']);
    await teams.expectOwned(team);
  });

  test('the one who is it already changes nothing of him', async () => {
    const team = await teams.make(['owner'], ['member']);
    const [first] = team.members as [Teammate];
    const before = await app.platform.get(first.self);
    expect((await give(team, first.user)).status).toBe(200);
    expect((await app.platform.get(first.self)).headers.etag).toBe(before.headers.etag);
    expect(await teams.state(team)).toEqual(['*owner', 'member']);
  });

  test('null is 409 while there is an owner, also when there are others [INV-1, INV-2]', async () => {
    for (const roles of [[['owner']], [['owner'], ['owner']]]) {
      const team = await teams.make(...roles);
      const before = await app.platform.get(team.self);
      const { status, body } = await give(team, null);
      expect([status, body.errors[0].code]).toEqual([409, 'last_owner']);
      const after = await app.platform.get(team.self);
      expect([after.text, after.headers.etag]).toEqual([before.text, before.headers.etag]);
    }
  });

  test.each<[string, (team: Team) => Promise<string> | string, number, string]>([
    ['somebody who is no member', async () => (await createUser(partner)).id, 422, 'not_allowed'],
    ['a suspended member', (team) => suspended(team), 422, 'not_allowed'],
    [
      'a member of another organization',
      async () => (await teams.make(['owner'])).members[0]?.user as string,
      422,
      'not_allowed',
    ],
    ['a user who does not exist', () => NIL, 404, 'not_found'],
    ['a user of somebody else', async () => (await createUser(app.platform)).id, 404, 'not_found'],
    ['the id of the member', (team) => team.members[1]?.id as string, 404, 'not_found'],
  ])('%s is refused at his place, and nothing changes [INV-4, INV-18]', async (_title, whom, status, code) => {
    const team = await teams.make(['owner'], ['member']);
    const user = await whom(team);
    const before = await app.platform.get(team.self);
    expectErrorAt(await give(team, user, partner), status, code, pointer);
    const after = await app.platform.get(team.self);
    expect([after.text, after.headers.etag]).toEqual([before.text, before.headers.etag]);
    expect((await teams.state(team))[0]).toBe('*owner');
  });

  test('needs organizations:transfer', async () => {
    const team = await teams.make(['owner'], ['member']);
    const relationships = { organization: link('organizations', team.id) };
    const { body } = await partner.post(
      `${S}/apiKeys`,
      document('apiKeys', { name: 'Key', scopes: ['organizations:read', 'organizations:update'] }, { relationships }),
    );
    const clerk = app.as(body.data.attributes.secret);
    const denied = await give(team, team.members[1]?.user as string, clerk);
    expect([denied.status, denied.body.errors[0].meta]).toEqual([403, { required: 'organizations:transfer' }]);
    expect(await teams.state(team)).toEqual(['*owner', 'member']);
    expect((await give(team, team.members[1]?.user as string, app.as(team.token))).status).toBe(200);
  });
});

async function suspended({ members }: Team): Promise<string> {
  const [, one] = members as [Teammate, Teammate];
  await app.source.query("update members set status = 'suspended' where id = $1", [one.id]);
  return one.user;
}

function expectErrorAt(answer: Answer, status: number, code: string, pointer: string): void {
  const [error] = answer.body.errors;
  expect([answer.status, error.code, error.source]).toEqual([status, code, { pointer }]);
}

test('an organization goes back as it was read, by who may not hand it over as well [round trip]', async () => {
  const team = await teams.make(['owner']);
  const relationships = { organization: link('organizations', team.id) };
  const scopes = ['organizations:read', 'organizations:update'];
  const made = await partner.post(`${S}/apiKeys`, document('apiKeys', { name: 'Key', scopes }, { relationships }));
  const clerk = app.as(made.body.data.attributes.secret);
  const { body } = await clerk.get(team.self);
  expect(body.data.relationships.owner.data).not.toBeNull();
  expect((await clerk.patch(team.self, body)).status).toBe(200);
});

test('all three have new versions: the organization and both members [INV-59]', async () => {
  const team = await teams.make(['owner'], ['member'], ['member']);
  const paths = [team.self, ...team.members.map(({ self }) => self)];
  const tags = () => Promise.all(paths.map(async (path) => (await app.platform.get(path)).headers.etag));
  const before = await tags();
  await app.platform.patch(team.owner, linkage(team.members[1]?.user as string));
  const after = await tags();
  expect(after.map((tag, i) => tag === before[i])).toEqual([false, false, false, true]);
});

test('attributes that are refused keep the owner as well, and the other way round [UPD-15]', async () => {
  const team = await teams.make(['owner'], ['member']);
  const patch = (attributes: object, user: string) =>
    app.platform.patch(
      team.self,
      document('organizations', attributes, { id: team.id, relationships: { owner: linkage(user) } }),
    );
  const other = await teams.make();
  const { slug } = (await app.platform.get(other.self)).body.data.attributes;
  // Refused by the database, after the owner has been changed in the same transaction.
  expectError(await patch({ slug }, team.members[1]?.user as string), 409, 'slug_taken', {
    source: { pointer: '/data/attributes/slug' },
  });
  expect(await teams.state(team)).toEqual(['*owner', 'member']);
  expect((await patch({ kind: 'never' }, NIL)).status).toBe(404);
  expect((await app.platform.get(team.self)).body.data.attributes.kind).toBe('business');
});

test('with 20 transfers at the same time there is one primary owner, and no failure [INV-4]', async () => {
  const team = await teams.make(['owner'], ['member'], ['member'], ['admin']);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => app.platform.patch(team.owner, linkage(team.members[i % 4]?.user as string))),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  await teams.expectOwned(team);
  expect((await teams.state(team)).filter((roles) => roles.includes('owner'))).toHaveLength(1);
});

test('100 times, handing over while the heir is removed or demoted: never none, and no failure [INV-2, INV-4]', async () => {
  const round = async (i: number) => {
    const team = await teams.make(['owner'], ['owner', 'admin']);
    const [, heir] = team.members as [Teammate, Teammate];
    const other =
      i % 2 === 0 ? app.platform.delete(heir.self) : app.platform.patch(heir.roles, teams.linkage('member'));
    const [given, taken] = await Promise.all([app.platform.patch(team.owner, linkage(heir.user)), other]);
    await teams.expectOwned(team);
    // Whoever was removed first can't become owner; whoever became owner first can't be removed.
    expect([200, 422]).toContain(given.status);
    expect([200, 204, 409]).toContain(taken.status);
  };
  for (let i = 0; i < 100; i += 5) await Promise.all([0, 1, 2, 3, 4].map((k) => round(i + k)));
}, 120_000);

test('one who was handed over is seen without delay by the old URL and the related one [REL-7]', async () => {
  const team = await teams.make(['owner'], ['member']);
  const before = (await app.platform.get(team.self)).body.data.relationships.owner.links;
  await app.platform.patch(team.owner, linkage(team.members[1]?.user as string));
  expect((await app.platform.get(team.self)).body.data.relationships.owner.links).toEqual(before);
  expect((await app.platform.get(before.related)).body.data.id).toBe(team.members[1]?.user);
});

test('without a right to it and without seeing it, it is 404 and 403', async () => {
  const team = await teams.make(['owner'], ['member']);
  const user = team.members[1]?.user as string;
  for (const stranger of [await app.partner(), app.as((await teams.make()).token)])
    expectError(await stranger.patch(team.owner, linkage(user)), 404, 'not_found');
  const { body } = await app.platform.post(
    `${S}/apiKeys`,
    document('apiKeys', { name: 'K', scopes: ['members:read'] }),
  );
  const reader = app.as(body.data.attributes.secret);
  expectDenied(await reader.patch(team.owner, linkage(user)), 'organizations:transfer');
  expect(await teams.state(team)).toEqual(['*owner', 'member']);
});
