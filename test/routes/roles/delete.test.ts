import { type Body, type Client, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews } from '../crew';
import { expectDenied, expectError } from '../documents';

const PATH = `${S}/roles`;

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  crew = await crews.make();
});
afterAll(() => app.close());

const remove = (asker: Client, id: string, replaceWith?: string) =>
  asker.delete(`${PATH}/${id}${replaceWith === undefined ? '' : `?replaceWith=${replaceWith}`}`);
const isThere = async (id: string) => (await app.platform.get(`${PATH}/${id}`)).status === 200;
const invite = async (role: string, ...others: string[]): Promise<string> => {
  const [row] = await app.source.query(
    `with made as (insert into invitations (id, organization_id, email, expires_at, hash, token_start)
       values (gen_random_uuid(), $1, gen_random_uuid() || '@example.com', now() + interval '1 day', sha256(gen_random_uuid()::text::bytea), 'inv_')
       returning id), given as (insert into invitation_roles select id, unnest($2::uuid[]) from made)
     select id from made`,
    [crew.id, [role, ...others]],
  );
  return row.id;
};
const invitedAs = async (invitation: string) =>
  (await app.source.query('select role_id from invitation_roles where invitation_id = $1', [invitation])).map(
    (each: { role_id: string }) => each.role_id,
  );

test('one that nobody has is gone: 204, then 404; open invitations lose it', async () => {
  const id = await crews.role(crew.id, ['members:read']);
  const invitation = await invite(id, crews.roles.member as string);
  const answer = await remove(crew.owner, id);
  expect([answer.status, answer.text]).toEqual([204, '']);
  expectError(await crew.owner.get(`${PATH}/${id}`), 404, 'not_found');
  expectError(await remove(crew.owner, id), 404, 'not_found');
  expect(await invitedAs(invitation)).toEqual([crews.roles.member]);
});

test('system roles can’t be deleted: 403 for everybody [INV-15]', async () => {
  for (const id of Object.values(crews.roles)) {
    for (const asker of [app.platform, app.as(crew.token)]) {
      expectError(await remove(asker, id), 403, 'update_not_offered');
      expectError(await remove(asker, id, NIL), 403, 'update_not_offered');
    }
    expect((await remove(crew.owner, id)).status).toBe(403);
    expect(await isThere(id)).toBe(true);
  }
});

test('one that a member has is in use: 409, also when he is suspended [INV-15]', async () => {
  const id = await crews.role(crew.id, ['members:read']);
  const mate = await crews.join(crew.id, [id]);
  expectError(await remove(crew.owner, id), 409, 'role_in_use');
  await app.source.query("update members set status = 'suspended' where id = $1", [mate.member]);
  expectError(await remove(crew.owner, id), 409, 'role_in_use');
  expect(await crews.rolesOf(mate.self)).toEqual([id]);
});

test('given while it is deleted, one of the two wins and nobody has a role that is none [INV-15]', async () => {
  const mate = await crews.join(crew.id, ['member']);
  for (let i = 0; i < 10; i++) {
    const id = await crews.role(crew.id, ['members:read']);
    const add = app.platform.post(`${mate.self}/relationships/roles`, { data: [{ type: 'roles', id }] });
    const [given, removed] = await Promise.all([add, remove(app.platform, id)]);
    expect([
      [200, 409],
      [404, 204],
    ]).toContainEqual([given.status, removed.status]);
    expect((await crews.rolesOf(mate.self)).includes(id)).toBe(given.status === 200);
  }
});

describe('replaceWith', () => {
  test('members and open invitations get the other role, once, in the same transaction [INV-15]', async () => {
    const [id, other] = [await crews.role(crew.id, ['members:read'], 3), await crews.role(crew.id, ['roles:read'], 2)];
    const mates = [await crews.join(crew.id, [id]), await crews.join(crew.id, [id, other, 'member'])];
    const bystander = await crews.join(crew.id, ['member']);
    const [one, both] = [await invite(id), await invite(id, other)];
    const before = await app.platform.get(mates[0]?.self as string);
    expect((await remove(crew.admin, id, other)).status).toBe(204);
    expect(await isThere(id)).toBe(false);
    expect(await crews.rolesOf(mates[0]?.self as string)).toEqual([other]);
    expect(await crews.rolesOf(mates[1]?.self as string)).toEqual(['member', other]);
    expect(await crews.rolesOf(bystander.self)).toEqual(['member']);
    expect([await invitedAs(one), await invitedAs(both)]).toEqual([[other], [other]]);
    expect((await app.platform.get(`${PATH}/${other}`)).body.data.meta.memberCount).toBe(2);
    // His roles are others now: a version that was read before is out of date.
    expectError(
      await app.platform.delete(mates[0]?.self as string, { 'If-Match': before.headers.etag as string }),
      412,
      'version_mismatch',
      { source: { header: 'If-Match' } },
    );
  });

  test('a system role will do, and works from the next request on [INV-34]', async () => {
    const id = await crews.role(crew.id, ['members:read']);
    const mate = await crews.join(crew.id, [id]);
    expectDenied(await mate.get(`${S}/roles?filter[organizationId]=${crew.id}`), 'roles:read');
    expect((await remove(crew.owner, id, crews.roles.member)).status).toBe(204);
    expect((await mate.get(`${S}/roles?filter[organizationId]=${crew.id}`)).status).toBe(200);
  });

  test('what can do more than the caller is refused, and nothing is changed [INV-13]', async () => {
    const id = await crews.role(crew.id, ['members:read']);
    const mate = await crews.join(crew.id, [id]);
    const source = { parameter: 'replaceWith' };
    expectError(await remove(crew.admin, id, crews.roles.owner), 403, 'owner_required', { source });
    expectError(await remove(crew.admin, id, crews.roles.billing), 403, 'cannot_grant', { source });
    const clerk = await crews.join(crew.id, [await crews.role(crew.id, ['roles:manage', 'members:read'], 20)]);
    const above = await crews.role(crew.id, ['members:read'], 21);
    expectError(await remove(clerk, id, above), 403, 'cannot_grant', { source });
    expect([await isThere(id), await crews.rolesOf(mate.self)]).toEqual([true, [id]]);
  });

  test('an owner makes owners of them; the first one is the primary one [INV-4]', async () => {
    const { body } = await app.platform.post(`${M}/organizations`, {
      data: { type: 'organizations', attributes: { name: 'Ownerless' } },
    });
    const id = await crews.role(body.data.id, ['members:read']);
    const mate = await crews.join(body.data.id, [id]);
    expect((await remove(app.platform, id, crews.roles.owner)).status).toBe(204);
    const { data } = (await app.platform.get(`${M}/organizations/${body.data.id}/owner`)).body;
    expect(data.id).toBe(mate.id);
  });

  test('a role of another organization is 404, like a missing one; itself and no id are 400 [INV-18]', async () => {
    const id = await crews.role(crew.id, ['members:read']);
    const foreign = await crews.role((await crews.make()).id, ['members:read']);
    const source = { parameter: 'replaceWith' };
    for (const other of [foreign, NIL]) {
      for (const asker of [app.platform, crew.owner]) {
        expectError(await remove(asker, id, other), 404, 'not_found', { source });
      }
    }
    for (const other of [id, 'x', '']) {
      expectError(await remove(crew.owner, id, other), 400, 'invalid_parameter', { source });
    }
    expect(await isThere(id)).toBe(true);
  });
});

describe('who may', () => {
  test('whoever has roles:manage, not above his rank nor beyond his permissions [INV-13]', async () => {
    const id = await crews.role(crew.id, ['members:read'], 10);
    const clerk = await crews.join(crew.id, [await crews.role(crew.id, ['roles:manage', 'members:read'], 20)]);
    for (const asker of [crew.billing, crew.auditor, crew.member])
      expectDenied(await remove(asker, id), 'roles:manage');
    expectDenied(await remove(await crews.key(crew.id, ['roles:read']), id), 'roles:manage');
    expectError(await remove(clerk, await crews.role(crew.id, ['members:read'], 21)), 403, 'rank_too_low');
    expectError(await remove(clerk, await crews.role(crew.id, ['members:update'], 10)), 403, 'cannot_grant');
    expect((await remove(clerk, id)).status).toBe(204);
  });

  test('whoever does not see the organization finds nothing [INV-18]', async () => {
    const id = await crews.role(crew.id, ['members:read']);
    const foreign = await crews.make();
    for (const asker of [foreign.owner, app.as(foreign.token), await app.partner(), await app.user()]) {
      for (const each of [id, NIL]) expectError(await remove(asker, each), 404, 'not_found');
    }
    expect(await isThere(id)).toBe(true);
  });
});

test('a purge takes the roles of the organization, and leaves no total of them behind', async () => {
  const { id, owner } = await crews.make();
  const role = await crews.role(id, ['members:read']);
  await crews.join(id, [role]);
  expect((await owner.get(`${PATH}/${role}`)).body.data.meta.memberCount).toBe(1);
  expect((await app.platform.delete(`${M}/organizations/${id}?purgeNow=true`)).status).toBe(204);
  const left = await app.source.query(
    'select 1 from roles where id = $1 union all select 1 from row_counts where scope = $1',
    [role],
  );
  expect(left).toEqual([]);
  const { body } = await app.platform.get(PATH);
  expect(body.data.map((each: Body) => each.id)).not.toContain(role);
});
