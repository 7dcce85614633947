import { perform, remove, update } from '../jsonapi/operations';
import { type Crew, Crews, patch, roleLinks } from '../routes/crew';
import {
  type Answer,
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';

/** What is left of a request that was refused (INV-54). The matrix of permissions looks at each operation by itself. */

const INSTALLATION = '00000000-0000-0000-0000-000000000000';

let app: TestApp;
let crews: Crews;
let crew: Crew;
let partner: Client & { id: string };
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  crew = await crews.make();
  partner = await app.partner();
});
afterAll(() => app.close());

interface Left {
  readonly chain: string;
  readonly action: string;
  readonly outcome: string;
  readonly permission: string;
  readonly code: string;
  readonly targets: { type: string; id: string }[];
}

/** The rows that a request has left, whatever they tell. */
async function leftBy({ headers }: Answer): Promise<Left[]> {
  const rows = await app.db.query(
    `select organization_id, action, outcome, metadata->>'permission', metadata->>'code', targets from audit_events
     where request_id = $1 order by sequence`,
    [headers['x-request-id']],
  );
  return rows.map(([chain, action, outcome, permission, code, targets]) => ({
    ...{ chain, action, outcome, permission, code, targets },
  })) as Left[];
}

const left = (
  chain: string,
  action: string,
  permission: string,
  [type, id]: [string?, string?],
  code: string,
): Left[] => [
  {
    ...{ chain, action, outcome: code === 'only_organization' ? 'failed' : 'denied', permission, code },
    targets: type === undefined ? [] : [{ type, id: id as string }],
  },
];

const numberOf = async (table: string, id: string) =>
  (await app.db.query(`select number from ${table} where id = $1`, [id]))[0]?.[0];

test('on the surfaces beside JSON:API as on it: who, where, what, and of which right', async () => {
  const member = `/api/organizations/${crew.id}/members/${await numberOf('members', crew.admin.member)}`;
  const roles = [await numberOf('roles', crews.roles.member as string)];
  const whose: [string, string] = ['members', crew.admin.member];
  const denied = 'permission_denied';
  expect(await leftBy(await crew.billing.put(member, { roles, workspaces: [] }))).toEqual(
    left(crew.id, 'members.update', 'members:update', whose, denied),
  );
  expect(await leftBy(await crew.billing.delete(member))).toEqual(
    left(crew.id, 'members.remove', 'members:remove', whose, denied),
  );
  const byUser = `/organization/${crew.id}/member/${crew.owner.id}`;
  expect(await leftBy(await crew.admin.delete(byUser))).toEqual(
    left(crew.id, 'members.remove', 'members:remove', ['members', crew.owner.member], 'rank_too_low'),
  );
  const number = await numberOf('organizations', crew.id);
  const itself: [string, string] = ['organizations', crew.id];
  expect(await leftBy(await crew.admin.delete(`/v1/orgs/${number}`))).toEqual(
    left(crew.id, 'organizations.remove', 'organizations:delete', itself, 'owner_required'),
  );
  expect(await leftBy(await crew.owner.delete(`/v1/orgs/${number}`))).toEqual(
    left(crew.id, 'organizations.remove', 'organizations:delete', itself, 'only_organization'),
  );
  expect(await leftBy(await crew.member.put('/v1/webhook', { url: 'https://hooks.example.com/' }))).toEqual([]);
});

test('an attribute that takes another right than the rest: that right', async () => {
  const itself: [string, string] = ['organizations', crew.id];
  expect(await leftBy(await patch(crew.owner, 'organizations', crew.self, { legalHold: true }))).toEqual(
    left(crew.id, 'organizations.hold', 'platform:admin', itself, 'permission_denied'),
  );
  const suspension = { status: 'suspended', statusReason: 'x' };
  expect(await leftBy(await patch(app.as(crew.token), 'organizations', crew.self, suspension))).toEqual(
    left(crew.id, 'organizations.suspend', 'organizations:suspend', itself, 'permission_denied'),
  );
  expect(await leftBy(await crew.owner.delete(`${crew.self}?purgeNow=true`))).toEqual(
    left(crew.id, 'organizations.purge', 'platform:admin', itself, 'permission_denied'),
  );
  const held = document('organizations', { name: 'H', legalHold: true });
  expect(await leftBy(await partner.post(`${M}/organizations`, held))).toEqual(
    left(INSTALLATION, 'organizations.hold', 'platform:admin', [], 'permission_denied'),
  );
  const address = `${S}/users/${crew.member.id}`;
  expect(await leftBy(await patch(crew.member, 'users', address, { email: 'other@example.com' }))).toEqual(
    left(INSTALLATION, 'users.email', 'platform:admin', ['users', crew.member.id], 'permission_denied'),
  );
});

test('of a new row: in the chain of the organization that it was for, if the caller sees that', async () => {
  const stranger = await createUser(app.platform);
  const into = (id: string) =>
    document(
      'members',
      {},
      { relationships: { organization: link('organizations', id), user: link('users', stranger.id) } },
    );
  const elsewhere = await createOrganization(app.platform);
  for (const [id, chain] of [
    [crew.id, crew.id],
    [elsewhere.id, INSTALLATION],
    [NIL, INSTALLATION],
  ] as const) {
    const answer = await crew.owner.post(`${S}/members`, into(id));
    expect([answer.status, await leftBy(answer)]).toEqual([
      403,
      left(chain, 'members.create', 'members:update', [], 'permission_denied'),
    ]);
  }
  expect(await leftBy(await crew.owner.post(`${S}/members`, '{'))).toEqual(
    left(INSTALLATION, 'members.create', 'members:update', [], 'permission_denied'),
  );
});

test('a partner leaves it with its organization; the linkage of a row is told by the row', async () => {
  const mine = await createOrganization(partner);
  const relationships = { partner: link('partners', partner.id) };
  const made = await app.platform.post(
    `${S}/apiKeys`,
    document('apiKeys', { name: 'K', scopes: ['members:read'] }, { relationships }),
  );
  const narrow = app.as(made.body.data.attributes.secret);
  expect(await leftBy(await narrow.delete(`${M}/organizations/${mine.id}`))).toEqual(
    left(mine.id, 'organizations.remove', 'organizations:delete', ['organizations', mine.id], 'permission_denied'),
  );
  const roles = `${crew.admin.self}/relationships/roles`;
  expect(await leftBy(await crew.admin.post(roles, roleLinks(crews.roles.owner as string)))).toEqual(
    left(crew.id, 'members.roles', 'members:update', ['members', crew.admin.member], 'owner_required'),
  );
});

test('of many operations: the one that was refused; those before it were not done', async () => {
  const answer = await perform(
    crew.admin,
    update('members', crew.member.member, { externalId: 'x' }),
    update('organizations', crew.id, { name: 'Other' }),
    remove('members', crew.owner.member),
  );
  expect([answer.status, await leftBy(answer)]).toEqual([
    403,
    left(crew.id, 'members.remove', 'members:remove', ['members', crew.owner.member], 'rank_too_low'),
  ]);
  const made = await perform(crew.admin, update('members', crew.member.member, { externalId: 'x' }), {
    op: 'add',
    data: { type: 'members', relationships: { organization: link('organizations', crew.id) } },
  });
  expect(await leftBy(made)).toEqual(left(crew.id, 'members.create', 'members:update', [], 'permission_denied'));
});

test('nothing of what is not seen, not understood, or not known by whom', async () => {
  const elsewhere = await crews.make();
  const answers = [
    await crew.owner.delete(elsewhere.self),
    await crew.owner.delete(`${elsewhere.self}?purgeNow=true`),
    await crew.owner.delete(elsewhere.owner.self),
    await app.anonymous.delete(crew.self),
    await crew.owner.patch(crew.admin.self, '{'),
    await crew.owner.patch(crew.admin.self, '{}', { 'Content-Type': 'text/plain' }),
    await crew.member.get(`${S}/members?sort=nothing`),
    await patch(crew.member, 'organizations', crew.self, { name: 'Other' }),
  ];
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 401, 400, 415, 400, 403]);
  for (const answer of answers) expect(await leftBy(answer)).toEqual([]);
});

describe('of a caller who is barred whatever he wants', () => {
  test('from an address that his key is not for: what the path says that he wanted', async () => {
    const relationships = { organization: link('organizations', crew.id) };
    const attributes = { name: 'Away', ipAllowList: ['192.0.2.1'] };
    const made = await app.platform.post(`${S}/apiKeys`, document('apiKeys', attributes, { relationships }));
    const key = made.body.data;
    const barred = app.as(key.attributes.secret);
    const elsewhere = await createOrganization(app.platform);
    const itself: [string, string] = ['organizations', crew.id];
    const member: [string, string] = ['members', crew.admin.member];
    const roles = `${crew.admin.self}/relationships/roles`;
    const number = await numberOf('organizations', crew.id);
    const tried: [Answer, string, string, [string?, string?]][] = [
      [await barred.delete(crew.self), 'organizations.remove', 'organizations:delete', itself],
      [await barred.post(`${S}/members`, '{'), 'members.create', 'members:update', []],
      [await barred.patch(crew.admin.self, {}), 'members.update', 'members:update', member],
      [await barred.patch(roles, { data: [] }), 'members.roles', 'members:update', member],
      [await barred.post(`${S}/apiKeys/${key.id}/rotate`), 'apiKeys.rotate', 'apiKeys:rotate', ['apiKeys', key.id]],
      [await barred.get(`${S}/wallets`), 'wallets.list', 'wallets:read', []],
      [await barred.get(`${crew.self}/wallets`), 'wallets.list', 'wallets:read', itself],
      [await barred.get(`${S}/auditEvents/export`), 'auditEvents.export', 'audit:export', []],
      [await barred.delete(`/v1/orgs/${number}`), 'organizations.remove', 'organizations:delete', []],
    ];
    for (const [answer, action, permission, target] of tried) {
      expect([answer.status, await leftBy(answer)]).toEqual([
        403,
        left(crew.id, action, permission, target, 'ip_not_allowed'),
      ]);
    }
    const untold = [
      await barred.get(crew.self),
      await barred.get(`${crew.self}/members`),
      await barred.get(`${S}/me`),
      await barred.delete(`${M}/organizations/${elsewhere.id}`),
      await barred.delete(`${M}/organizations/${NIL}`),
      await perform(barred, remove('organizations', crew.id)),
    ];
    for (const answer of untold) expect([answer.status, await leftBy(answer)]).toEqual([403, []]);
  });

  test('of a suspended partner: in the chain of its organization, and of no other', async () => {
    const client = await app.partner();
    const mine = await createOrganization(client);
    const other = await createOrganization(app.platform);
    await patch(app.platform, 'partners', `${S}/partners/${client.id}`, { status: 'suspended' });
    for (const [id, chain] of [
      [mine.id, mine.id],
      [other.id, INSTALLATION],
      [NIL, INSTALLATION],
    ]) {
      const answer = await client.delete(`${M}/organizations/${id}`);
      expect([answer.status, await leftBy(answer)]).toEqual([
        403,
        left(chain, 'organizations.remove', 'organizations:delete', ['organizations', id], 'partner_suspended'),
      ]);
    }
  });
});

describe('with an Idempotency-Key', () => {
  test('one row of a failure that is stored; none when it is told again', async () => {
    const headers = { 'Idempotency-Key': 'once' };
    const [first, again] = [await crew.owner.delete(crew.self, headers), await crew.owner.delete(crew.self, headers)];
    expect([first.status, again.status, again.headers['idempotent-replayed']]).toEqual([409, 409, 'true']);
    expect(await leftBy(first)).toHaveLength(1);
    expect(await leftBy(again)).toEqual([]);
  });

  test('one row of each that is not', async () => {
    const headers = { 'Idempotency-Key': 'twice' };
    for (let i = 0; i < 2; i++) {
      const answer = await crew.admin.delete(crew.self, headers);
      expect([answer.status, (await leftBy(answer)).length]).toEqual([403, 1]);
    }
  });
});

test('the answer comes also when the row can’t be written; that is in the log', async () => {
  const refuse = (outcome: string) =>
    app.db.query(`alter table audit_events add constraint no_row check (outcome <> '${outcome}') not valid`);
  const admit = () => app.db.query('alter table audit_events drop constraint no_row');
  const logged = () => app.logLines.filter(({ msg }) => msg === 'a refusal was not recorded').length;
  await refuse('denied');
  expect((await crew.admin.delete(crew.self)).status).toBe(403);
  await admit();
  expect(logged()).toBe(1);
  await refuse('failed');
  const headers = { 'Idempotency-Key': 'unwritten' };
  expect((await crew.owner.delete(crew.self, headers)).status).toBe(409);
  await admit();
  expect(logged()).toBe(2);
  const again = await crew.owner.delete(crew.self, headers);
  expect([again.status, again.headers['idempotent-replayed'], (await leftBy(again)).length]).toEqual([
    409,
    undefined,
    1,
  ]);
});

test('while the database is away nobody is refused for good: what he would be told would be nowhere', async () => {
  await app.db.query(`
    create function go_away() returns trigger language plpgsql as $$
    begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$`);
  await app.db.query(
    "create trigger audit_events_go_away before insert on audit_events for each row when (new.outcome <> 'success') execute function go_away()",
  );
  const headers = { 'Idempotency-Key': 'interrupted' };
  const ask = async () => [await crew.owner.delete(crew.self, headers), await crew.admin.delete(crew.self)] as const;
  const codes = (answers: readonly Answer[]) => answers.map(({ status, body }) => [status, body.errors[0].code]);
  expect(codes(await ask())).toEqual([
    [503, 'unavailable'],
    [503, 'unavailable'],
  ]);
  await app.db.query('drop function go_away cascade');
  const answers = await ask();
  expect(codes(answers)).toEqual([
    [409, 'only_organization'],
    [403, 'owner_required'],
  ]);
  for (const answer of answers) expect(await leftBy(answer)).toHaveLength(1);
  const [repeated] = await ask();
  expect([repeated.headers['idempotent-replayed'], repeated.text]).toEqual(['true', answers[0].text]);
});
