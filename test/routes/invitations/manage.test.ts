import { expireInvitations } from '../../../src/services/invitationExpiry';
import { type Body, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, roleLinks } from '../crew';
import { expectDenied, expectError, invitation, NUMBER, single, TIME } from '../documents';
import { accept, expire, freshEmail, invite, invited, PASSWORDS, PATH, stateOf, TOKEN, tokenOf } from './inviting';

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  crew = await crews.make();
});
afterAll(() => app.close());

const role = (code: string): string => crews.roles[code] as string;
const ids = ({ body }: { body: Body }): string[] => body.data.map(({ id }: Body) => id).sort();
const resend = (asker: typeof app.platform, id: string, meta?: object) =>
  asker.post(`${PATH}/${id}/resend`, meta === undefined ? undefined : { meta });
const statusOf = async (token: string): Promise<number> => (await app.anonymous.get(`${PATH}/${token}`)).status;

describe('a list', () => {
  test('is filtered by status as it reads now: expired as soon as the time is over (INV-21)', async () => {
    const own = await crews.make();
    const [open, over] = [await invited(own.owner, own.id), await invited(own.owner, own.id)];
    await expire(app, over.id);
    const of = async (status: string) =>
      ids(await own.owner.get(`${PATH}?filter[organizationId]=${own.id}&filter[status]=${status}`));
    const check = async () => {
      expect([await of('pending'), await of('expired'), await of('revoked')]).toEqual([[open.id], [over.id], []]);
      expect(await stateOf(app, over.id)).toMatchObject({ status: 'expired' });
    };
    await check();
    const tag = (await own.owner.get(`${PATH}/${over.id}`)).headers.etag;
    await expireInvitations(app.services);
    await check();
    expect((await own.owner.get(`${PATH}/${over.id}`)).headers.etag).toBe(tag);
    const [row] = await app.db.query('select status from invitations where id = $1', [over.id]);
    expect(row).toEqual(['expired']);
  });

  test('holds those of organizations alone in which the caller may read them; one that he sees and may not read is 403', async () => {
    const own = await crews.make();
    const { id } = await invited(own.owner, own.id);
    expect(ids(await own.auditor.get(PATH))).toEqual([id]);
    expect(ids(await own.member.get(PATH))).toEqual([]);
    expectDenied(await own.member.get(`${PATH}/${id}`), 'invitations:read');
    expectError(await crew.owner.get(`${PATH}/${id}`), 404, 'not_found');
    expect(ids(await crew.owner.get(`${PATH}?filter[organizationId]=${own.id}`))).toEqual([]);
  });

  test('finds an address in any case', async () => {
    const email = freshEmail();
    const { id } = await invited(crew.owner, crew.id, { email });
    expect(ids(await crew.owner.get(`${PATH}?filter[email]=${email.toUpperCase()}`))).toEqual([id]);
  });

  test('includes what an invitation leads to', async () => {
    const { id } = await invited(crew.owner, crew.id, {}, { roles: roleLinks(role('auditor')) });
    const { body } = await crew.owner.get(`${PATH}/${id}?include=organization,roles,invitedBy`);
    expect(body.included.map(({ type }: Body) => type).sort()).toEqual(['organizations', 'roles', 'users']);
    expect(ids(await crew.owner.get(`${PATH}/${id}/roles`))).toEqual([role('auditor')]);
  });
});

describe('DELETE', () => {
  test('revokes: 204, the row stays with who and when, and the token is over', async () => {
    const made = await invited(crew.owner, crew.id);
    expect((await crew.admin.delete(`${PATH}/${made.id}`)).status).toBe(204);
    const { body } = await crew.owner.get(`${PATH}/${made.id}`);
    const { email } = made.attributes;
    const of = { organization: crew.id, roles: [role('member')], invitedBy: crew.owner.id, revokedBy: crew.admin.id };
    expect(body).toEqual(single(invitation(made.id, { email, status: 'revoked', revokedAt: TIME }, of)));
    expectError(await accept(app.anonymous, tokenOf(made)), 410, 'invitation_revoked');
    await invited(crew.owner, crew.id, { email });
  });

  test('takes pending and expired ones; what has ended is 409 and stays as it is', async () => {
    const over = await invited(crew.owner, crew.id);
    await expire(app, over.id);
    expect((await crew.owner.delete(`${PATH}/${over.id}`)).status).toBe(204);
    expectError(await crew.owner.delete(`${PATH}/${over.id}`), 409, 'invalid_transition');
    const used = await invited(crew.owner, crew.id);
    expect((await accept(app.anonymous, tokenOf(used))).status).toBe(201);
    expectError(await crew.owner.delete(`${PATH}/${used.id}`), 409, 'invalid_transition');
    expect((await stateOf(app, used.id)).status).toBe('accepted');
  });

  test('needs invitations:revoke, and is 404 for strangers', async () => {
    const { id } = await invited(crew.owner, crew.id);
    expectDenied(await crew.auditor.delete(`${PATH}/${id}`), 'invitations:revoke');
    const other = await crews.make();
    for (const asker of [other.owner, app.as(other.token)]) {
      expectError(await asker.delete(`${PATH}/${id}`), 404, 'not_found');
    }
    expect((await stateOf(app, id)).status).toBe('pending');
  });

  test('with an If-Match that does not fit changes nothing', async () => {
    const { id } = await invited(crew.owner, crew.id);
    expect((await crew.owner.delete(`${PATH}/${id}`, { 'If-Match': '"9.x"' })).status).toBe(412);
    expect((await stateOf(app, id)).status).toBe('pending');
  });

  test('is the operator’s to do in a suspended organization', async () => {
    const own = await crews.make();
    const { id } = await invited(own.owner, own.id);
    await app.db.query("update organizations set status = 'suspended', status_reason = 'x' where id = $1", [own.id]);
    app.services.callers.forget();
    expectError(await own.owner.delete(`${PATH}/${id}`), 403, 'organization_suspended');
    expect((await app.platform.delete(`${PATH}/${id}`)).status).toBe(204);
  });
});

describe('resend', () => {
  test('makes a new token and expiry; the old token is dead at once (INV-22)', async () => {
    const made = await invited(crew.owner, crew.id);
    await app.db.query("update invitations set expires_at = now() + interval '1 hour' where id = $1", [made.id]);
    const { status, body, headers } = await resend(crew.admin, made.id);
    expect([status, body.data.id, headers['cache-control']]).toEqual([200, made.id, 'no-store']);
    const { attributes, relationships } = body.data;
    expect(attributes).toMatchObject({
      status: 'pending',
      token: TOKEN,
      acceptUrl: expect.stringContaining(attributes.token),
    });
    expect(Date.parse(attributes.expiresAt) - Date.now()).toBeGreaterThan(6.9 * 86_400_000);
    // Whoever sends it again vouches for it.
    expect(relationships.invitedBy.data.id).toBe(crew.admin.id);
    expect([await statusOf(tokenOf(made)), await statusOf(attributes.token)]).toEqual([404, 200]);
    expect((await stateOf(app, made.id)).token).toBeNull();
  });

  test('takes an expired one back, and none that has ended (INV-22)', async () => {
    const made = await invited(crew.owner, crew.id);
    await expire(app, made.id);
    const { body } = await resend(crew.owner, made.id);
    expect(body.data.attributes.status).toBe('pending');
    expect((await accept(app.anonymous, body.data.attributes.token)).status).toBe(201);
    expectError(await resend(crew.owner, made.id), 409, 'invalid_transition');
    const other = await invited(crew.owner, crew.id);
    await crew.owner.delete(`${PATH}/${other.id}`);
    expectError(await resend(crew.owner, other.id), 409, 'invalid_transition');
  });

  test('of an expired one is 409 when another is pending, or its address has become a member (INV-19, INV-20)', async () => {
    const email = freshEmail();
    const old = await invited(crew.owner, crew.id, { email });
    await expire(app, old.id);
    const young = await invited(crew.owner, crew.id, { email });
    expectError(await resend(crew.owner, old.id), 409, 'already_invited', { meta: { invitationId: young.id } });
    await accept(app.anonymous, tokenOf(young));
    expectError(await resend(crew.owner, old.id), 409, 'already_member');
  });

  test('shows no token to somebody who could not give its roles himself (INV-13)', async () => {
    const made = await invited(crew.owner, crew.id, {}, { roles: roleLinks(role('owner')) });
    expectError(await resend(crew.admin, made.id), 403, 'owner_required');
    const strong = await invited(crew.owner, crew.id, {}, { roles: roleLinks(role('billing')) });
    expectError(await resend(crew.admin, strong.id), 403, 'cannot_grant');
    expect([await statusOf(tokenOf(made)), await statusOf(tokenOf(strong))]).toEqual([200, 200]);
  });

  test('counts against the quota when it opens one again', async () => {
    const own = await crews.make();
    const old = await invited(own.owner, own.id);
    await expire(app, old.id);
    await invited(own.owner, own.id);
    await app.db.query(`update organizations set quotas = '{"invitations": 1}' where id = $1`, [own.id]);
    expectError(await resend(own.owner, old.id), 409, 'quota_exceeded', { meta: { limit: 1, used: 1 } });
  });

  test('of a link keeps its uses', async () => {
    const made = await invited(crew.owner, crew.id, { kind: 'link', maxUses: 3 });
    await accept(app.anonymous, tokenOf(made), { ...PASSWORDS, email: freshEmail() });
    const { body } = await resend(crew.owner, made.id);
    expect(body.data.attributes).toMatchObject({ useCount: 1, maxUses: 3, sendCount: 0, token: TOKEN });
  });
});

test('erasing somebody removes what is pending to him everywhere, and his address from the rest (domain sheet 9.10)', async () => {
  const other = await crews.make();
  const person = await app.user();
  const email = person.email.toUpperCase();
  const [mine, theirs] = [
    await invited(crew.owner, crew.id, { email, name: 'Ines' }),
    await invited(other.owner, other.id, { email }),
  ];
  await crew.owner.delete(`${PATH}/${mine.id}`);
  const kept = await invited(crew.owner, crew.id);
  expect((await app.platform.post(`${S}/users/${person.id}/erase`)).status).toBe(200);
  expectError(await app.platform.get(`${PATH}/${theirs.id}`), 404, 'not_found');
  expect(await stateOf(app, mine.id)).toMatchObject({
    status: 'revoked',
    email: expect.stringMatching(/^[0-9a-f-]{36}@erased\.invalid$/),
    name: null,
  });
  expect((await stateOf(app, kept.id)).status).toBe('pending');
});

test('deleting an organization revokes what is pending in it, and a restore leaves it so (domain sheet 6.1)', async () => {
  const own = await crews.make();
  const [open, declined] = [await invited(own.owner, own.id), await invited(own.owner, own.id)];
  await app.anonymous.post(`${PATH}/${tokenOf(declined)}/decline`);
  await app.platform.delete(own.self);
  expect(await statusOf(tokenOf(open))).toBe(404);
  await app.platform.post(`${own.self}/restore`);
  expect([(await stateOf(app, open.id)).status, (await stateOf(app, declined.id)).status]).toEqual([
    'revoked',
    'declined',
  ]);
  expectError(await accept(app.anonymous, tokenOf(open)), 410, 'invitation_revoked');
});

test('meta.total of an organization’s list is a number that triggers keep', async () => {
  const before = (await app.platform.get(PATH)).body.meta;
  await invite(crew.owner, crew.id);
  const after = (await app.platform.get(PATH)).body.meta;
  expect(after.total).toEqual(NUMBER);
  expect(after.total - before.total).toBe(1);
  expect((await app.platform.get(`${S}/invitations?filter[organizationId]=${crew.id}`)).body.meta.totalUnfiltered).toBe(
    after.total,
  );
});
