import { createOrganization, document, NIL, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, roleLinks, workspaceLinks } from '../crew';
import { created, expectAttributeError, expectDenied, expectError, ID, invitation, single } from '../documents';
import { expire, freshEmail, invitationDocument, invite, invited, PATH, settings, stateOf, TOKEN } from './inviting';

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp({
    PUBLIC_URL: 'https://guildhall.example.com',
    INVITATION_REDIRECT_ORIGINS: 'https://app.example.com',
  });
  crews = await Crews.of(app);
  crew = await crews.make();
});
afterAll(() => app.close());

const role = (code: string): string => crews.roles[code] as string;
const inHours = (hours: number): string =>
  `${new Date(Date.now() + hours * 3_600_000).toISOString().slice(0, 19)}+00:00`;
const EMAIL = { source: { pointer: '/data/attributes/email' } };

test('the answer is 201 with Location and the whole resource; the token is in it once, and only its hash is stored (INV-29, INV-30)', async () => {
  const given = {
    email: freshEmail(),
    name: 'Ines',
    expiresAt: inHours(48),
    message: 'Welcome',
    locale: 'de-AT',
    redirectUrl: 'https://app.example.com/join?x=1',
  };
  const answer = await invite(crew.owner, crew.id, given, { roles: roleLinks(role('admin')) });
  expect(answer.status).toBe(201);
  const { id, attributes } = answer.body.data;
  expect(id).toEqual(ID);
  expect(answer.headers.location).toBe(`${PATH}/${id}`);
  expect(answer.headers['cache-control']).toBe('no-store');
  const of = { organization: crew.id, roles: [role('admin')], invitedBy: crew.owner.id };
  const acceptUrl = `https://app.example.com/join?x=1&token=${attributes.token}`;
  expect(answer.body).toEqual(created(invitation(id, { ...given, token: TOKEN, acceptUrl }, of)));
  const read = await crew.owner.get(`${PATH}/${id}`);
  expect(read.body).toEqual(single(invitation(id, given, of)));
  const rows = await app.db.query(
    'select to_jsonb(i), i.hash = sha256($2::text::bytea) from invitations i where id = $1',
    [id, attributes.token],
  );
  expect(JSON.stringify(rows)).not.toContain(attributes.token);
  expect(rows[0]?.[1]).toBe(true);
  expect(JSON.stringify(app.logLines)).not.toContain(attributes.token);
});

test('what is left out takes its default: seven days, the role member, all workspaces, our own address', async () => {
  const before = Date.now();
  const { attributes, relationships } = await invited(app.platform, crew.id);
  const days = (Date.parse(attributes.expiresAt) - before) / 86_400_000;
  expect(days).toBeGreaterThan(6.999);
  expect(days).toBeLessThan(7.001);
  expect(relationships.roles.data).toEqual([{ type: 'roles', id: role('member') }]);
  expect(relationships.workspaces.data).toEqual([]);
  expect(relationships.invitedBy.data).toBeNull();
  expect(attributes.acceptUrl).toBe(`https://guildhall.example.com/public/v2/invitations/${attributes.token}`);
});

test('a redirectUrl without a query gets the token as one', async () => {
  const { attributes } = await invited(app.platform, crew.id, {
    email: freshEmail(),
    redirectUrl: 'https://app.example.com',
  });
  expect(attributes.acceptUrl).toBe(`https://app.example.com?token=${attributes.token}`);
});

test('a link is for nobody’s address and for up to a thousand uses', async () => {
  const { attributes } = await invited(crew.owner, crew.id, { kind: 'link', maxUses: 1000 });
  expect(attributes).toMatchObject({ kind: 'link', email: null, maxUses: 1000, useCount: 0, token: TOKEN });
});

test('an organization’s key invites without naming the organization; others must name one', async () => {
  const own = document('invitations', { email: freshEmail() });
  const { status, body } = await app.as(crew.token).post(PATH, own);
  expect([status, body.data.relationships.organization.data.id]).toEqual([201, crew.id]);
  expectError(await crew.owner.post(PATH, own), 422, 'required', {
    source: { pointer: '/data' },
    meta: { attribute: 'organization' },
  });
});

test.each<[string, object, string, string]>([
  ['an address for a link', { kind: 'link', email: 'a@example.com' }, 'not_allowed', 'email'],
  ['mail for a link', { kind: 'link', send: true }, 'not_allowed', 'send'],
  ['more than one use by mail', { email: 'a@example.com', maxUses: 2 }, 'not_allowed', 'maxUses'],
  ['no uses', { kind: 'link', maxUses: 0 }, 'not_allowed', 'maxUses'],
  ['too many uses', { kind: 'link', maxUses: 1001 }, 'not_allowed', 'maxUses'],
  ['an end that is near', { email: 'a@example.com', expiresAt: inHours(0.98) }, 'not_allowed', 'expiresAt'],
  ['an end that is far', { email: 'a@example.com', expiresAt: inHours(30 * 24 + 0.02) }, 'not_allowed', 'expiresAt'],
  ['an end that has been', { email: 'a@example.com', expiresAt: '2020-01-01T00:00:00Z' }, 'not_allowed', 'expiresAt'],
  [
    'a foreign redirectUrl',
    { email: 'a@example.com', redirectUrl: 'https://evil.example' },
    'not_allowed',
    'redirectUrl',
  ],
  [
    'a redirectUrl that begins like an allowed one',
    { email: 'a@example.com', redirectUrl: 'https://app.example.com.evil.example' },
    'not_allowed',
    'redirectUrl',
  ],
  [
    'a redirectUrl that is none',
    { email: 'a@example.com', redirectUrl: 'javascript:alert(1)' },
    'invalid_format',
    'redirectUrl',
  ],
  ['a long message', { email: 'a@example.com', message: 'x'.repeat(1001) }, 'too_long', 'message'],
  ['no address', { email: 'nobody' }, 'invalid_format', 'email'],
])('%s is 422, and nothing is made', async (_what, attributes, code, name) => {
  const before = await app.db.query('select count(*) from invitations');
  expectAttributeError(await invite(app.platform, crew.id, attributes), code, name);
  expect(await app.db.query('select count(*) from invitations')).toEqual(before);
});

test('an invitation by mail needs an address', async () => {
  const answer = await invite(app.platform, crew.id, { kind: 'email' });
  const [{ detail }] = answer.body.errors;
  expectError(answer, 422, 'required', {
    source: { pointer: '/data/attributes' },
    meta: { attribute: 'email', message: detail },
  });
});

test('the ends of the range are taken: an hour and thirty days', async () => {
  for (const expiresAt of [inHours(1), inHours(30 * 24)]) {
    expect((await invited(app.platform, crew.id, { email: freshEmail(), expiresAt })).attributes.expiresAt).toBe(
      expiresAt,
    );
  }
});

describe('a pending invitation', () => {
  test('stands in the way of a second one to the address, in any case of its letters: 409 with its id (INV-19)', async () => {
    const email = freshEmail();
    const { id } = await invited(crew.owner, crew.id, { email });
    for (const each of [email, email.toUpperCase()]) {
      expectError(await invite(crew.admin, crew.id, { email: each }), 409, 'already_invited', {
        ...EMAIL,
        meta: { invitationId: id },
      });
    }
  });

  test('does not in another organization, and many links may be open', async () => {
    const email = freshEmail();
    const other = await createOrganization(app.platform);
    await invited(app.platform, crew.id, { email });
    await invited(app.platform, other.id, { email });
    await invited(app.platform, other.id, { kind: 'link' });
    await invited(app.platform, other.id, { kind: 'link' });
  });

  test('is made anew with onConflict=resend: another token, the presets of the new request, the same id (INV-19)', async () => {
    const email = freshEmail();
    const first = await invited(crew.owner, crew.id, { email, message: 'Old' }, { roles: roleLinks(role('owner')) });
    const answer = await invite(
      crew.admin,
      crew.id,
      { email, name: 'New', expiresAt: inHours(100) },
      { roles: roleLinks(role('auditor')) },
      '?onConflict=resend',
    );
    expect([answer.status, answer.body.data.id]).toEqual([201, first.id]);
    const { attributes, relationships } = answer.body.data;
    expect(attributes).toMatchObject({ name: 'New', message: null, expiresAt: inHours(100), token: TOKEN });
    expect(relationships.roles.data).toEqual([{ type: 'roles', id: role('auditor') }]);
    expect(relationships.invitedBy.data.id).toBe(crew.admin.id);
    expect((await app.anonymous.get(`${PATH}/${first.attributes.token}`)).status).toBe(404);
    expect((await app.anonymous.get(`${PATH}/${attributes.token}`)).status).toBe(200);
    const [row] = await app.db.query('select count(*) from invitations where email = $1', [email]);
    expect(Number(row?.[0])).toBe(1);
  });

  test('whose time is over stands in nobody’s way, whether the sweeper has run or not (INV-21)', async () => {
    const email = freshEmail();
    const first = await invited(crew.owner, crew.id, { email });
    await expire(app, first.id);
    const second = await invited(crew.owner, crew.id, { email });
    expect(second.id).not.toBe(first.id);
    expect((await stateOf(app, first.id)).status).toBe('expired');
  });
});

test('onConflict takes resend and nothing else', async () => {
  expectError(await invite(app.platform, crew.id, {}, {}, '?onConflict=replace'), 400, 'invalid_parameter', {
    source: { parameter: 'onConflict' },
  });
});

test('a member can’t be invited, active or suspended (INV-20)', async () => {
  const mate = await crews.join(crew.id, ['member']);
  for (const status of ['active', 'suspended']) {
    await app.db.query('update members set status = $2 where id = $1', [mate.member, status]);
    const answer = await invite(crew.owner, crew.id, { email: mate.email.toUpperCase() });
    expectError(answer, 409, 'already_member', EMAIL);
  }
});

describe('nobody grants what he lacks (INV-13)', () => {
  const first = { source: { pointer: '/data/relationships/roles/data/0' } };

  test('an admin invites admins and members; not owners, nor roles that can do more', async () => {
    await invited(crew.admin, crew.id, {}, { roles: roleLinks(role('admin'), role('member')) });
    expectError(
      await invite(crew.admin, crew.id, {}, { roles: roleLinks(role('owner')) }),
      403,
      'owner_required',
      first,
    );
    expectError(
      await invite(crew.admin, crew.id, {}, { roles: roleLinks(role('billing')) }),
      403,
      'cannot_grant',
      first,
    );
  });

  test('only an owner invites an owner, whatever else somebody may; a key made for everything is one', async () => {
    await invited(crew.owner, crew.id, {}, { roles: roleLinks(role('owner')) });
    await invited(app.as(crew.token), crew.id, {}, { roles: roleLinks(role('owner')) });
    await invited(app.platform, crew.id, {}, { roles: roleLinks(role('owner')) });
  });

  test('a key gives no more than its scopes', async () => {
    const key = await crews.key(crew.id, ['invitations:create', 'members:read']);
    expectError(await invite(key, crew.id), 403, 'cannot_grant', { source: { pointer: '/data' } });
    const reader = await crews.role(crew.id, ['members:read']);
    await invited(key, crew.id, {}, { roles: roleLinks(reader) });
  });

  test('members invite members where membersMayInvite is on, and nobody above them', async () => {
    const other = await crews.make();
    expectDenied(await invite(other.member, other.id), 'invitations:create');
    await settings(app, other.id, { membersMayInvite: true });
    app.services.callers.forget();
    await invited(other.member, other.id);
    expectError(
      await invite(other.member, other.id, {}, { roles: roleLinks(role('auditor')) }),
      403,
      'cannot_grant',
      first,
    );
  });

  test('the default role is judged as any other', async () => {
    const other = await crews.make();
    await settings(app, other.id, { membersMayInvite: true, defaultRole: 'admin' });
    app.services.callers.forget();
    const { relationships } = await invited(other.admin, other.id);
    expect(relationships.roles.data).toEqual([{ type: 'roles', id: role('admin') }]);
    expectError(await invite(other.member, other.id), 403, 'cannot_grant', { source: { pointer: '/data' } });
  });

  test('a default role that is gone is the role member', async () => {
    const other = await crews.make();
    await settings(app, other.id, { defaultRole: 'was_here_once' });
    const { relationships } = await invited(other.owner, other.id);
    expect(relationships.roles.data).toEqual([{ type: 'roles', id: role('member') }]);
  });

  test('somebody limited to workspaces gives those alone, and nothing more when he names none', async () => {
    const [mine, others] = [await crews.workspace(crew.id, 'Mine'), await crews.workspace(crew.id, 'Others')];
    const limited = await crews.join(crew.id, ['admin'], [mine]);
    const { relationships } = await invited(limited, crew.id);
    expect(relationships.workspaces.data).toEqual([{ type: 'workspaces', id: mine }]);
    expectError(await invite(limited, crew.id, {}, { workspaces: workspaceLinks(mine, others) }), 403, 'cannot_grant', {
      source: { pointer: '/data/relationships/workspaces/data/1' },
    });
  });
});

test('roles and workspaces of another organization are 404, as those that do not exist, each at its place', async () => {
  const other = await crews.make();
  const theirs = await crews.role(other.id, ['members:read']);
  const place = await crews.workspace(other.id);
  for (const id of [theirs, NIL]) {
    expectError(await invite(crew.owner, crew.id, {}, { roles: roleLinks(role('member'), id) }), 404, 'not_found', {
      source: { pointer: '/data/relationships/roles/data/1' },
    });
  }
  for (const id of [place, NIL]) {
    expectError(await invite(crew.owner, crew.id, {}, { workspaces: workspaceLinks(id) }), 404, 'not_found', {
      source: { pointer: '/data/relationships/workspaces/data/0' },
    });
  }
});

test('an organization that the caller can’t see is 404 at its place', async () => {
  const other = await crews.make();
  const pointer = '/data/relationships/organization/data';
  for (const id of [other.id, NIL]) {
    for (const asker of [crew.owner, app.as(crew.token)]) {
      expectError(await invite(asker, id), 404, 'not_found', { source: { pointer } });
    }
  }
});

test('auditors and billing may not invite', async () => {
  for (const asker of [crew.auditor, crew.billing, crew.member]) {
    expectDenied(await invite(asker, crew.id), 'invitations:create');
  }
});

test('other domains than the allowed ones are 422, whatever the case', async () => {
  const other = await crews.make();
  await settings(app, other.id, { allowedInviteDomains: ['Example.com', 'xn--mnchen-3ya.example'] });
  await invited(other.owner, other.id, { email: 'one@EXAMPLE.COM' });
  await invited(other.owner, other.id, { email: 'zwei@münchen.example' });
  await invited(other.owner, other.id, { kind: 'link' });
  for (const email of ['a@example.org', 'a@sub.example.com', 'a@notexample.com']) {
    expectAttributeError(await invite(other.owner, other.id, { email }), 'not_allowed', 'email');
  }
});

test('a suspended organization invites nobody, whoever asks', async () => {
  const other = await crews.make();
  await app.db.query("update organizations set status = 'suspended', status_reason = 'x' where id = $1", [other.id]);
  app.services.callers.forget();
  for (const asker of [other.owner, app.as(other.token), app.platform]) {
    expectError(await invite(asker, other.id), 403, 'organization_suspended');
  }
});

test('a quota of open invitations holds, and those that are over do not count', async () => {
  const other = await crews.make();
  await app.db.query(`update organizations set quotas = '{"invitations": 1}' where id = $1`, [other.id]);
  const { id } = await invited(other.owner, other.id);
  expectError(await invite(other.owner, other.id), 409, 'quota_exceeded', { meta: { limit: 1, used: 1 } });
  await expire(app, id);
  await invited(other.owner, other.id);
});

test('parallel invitations of one address make one, the others are told (INV-19)', async () => {
  const email = freshEmail();
  const answers = await Promise.all(Array.from({ length: 10 }, () => invite(crew.owner, crew.id, { email })));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
});

test('an invitation is not changed: PATCH is 403', async () => {
  const { id } = await invited(crew.owner, crew.id);
  const answer = await crew.owner.patch(`${PATH}/${id}`, document('invitations', { name: 'X' }, { id }));
  expect([answer.status, answer.headers.allow]).toEqual([403, 'GET, HEAD, DELETE, OPTIONS']);
});

test('the organization has them as a relationship', async () => {
  const other = await crews.make();
  const { id } = await invited(other.owner, other.id);
  const { body } = await other.owner.get(`${other.self}/invitations`);
  expect(body.data.map((each: { id: string }) => each.id)).toEqual([id]);
  expect((await other.owner.get(`${S}/invitations?filter[organizationId]=${other.id}`)).body.data).toEqual(body.data);
});

test('an answer is stored without its token (INV-30)', async () => {
  const body = invitationDocument(crew.id);
  const key = { 'Idempotency-Key': 'once-only' };
  const [first, second] = [await crew.owner.post(PATH, body, key), await crew.owner.post(PATH, body, key)];
  expect([first.status, second.status, second.body.data.id]).toEqual([201, 201, first.body.data.id]);
  expect(second.body.meta).toEqual({ secretWithheld: true });
  expect(second.body.data.attributes).toMatchObject({ token: null, acceptUrl: null });
});
