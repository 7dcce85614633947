import {
  type Body,
  createOrganization,
  createUser,
  document,
  M,
  S,
  signIn,
  startApp,
  type TestApp,
} from '../../support/app';
import { type Crew, Crews, roleLinks, workspaceLinks } from '../crew';
import { expectAttributeError, expectError, ID, member, organization, user } from '../documents';
import {
  accept,
  expire,
  freshEmail,
  invited,
  PASSWORD,
  PASSWORDS,
  PATH,
  preview,
  settings,
  stateOf,
  tokenOf,
} from './inviting';

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
const userWith = async (email: string): Promise<Body> =>
  (await app.platform.get(`${S}/users?filter[email]=${email}`)).body.data[0];
const hashOf = async (id: string): Promise<string> =>
  (await app.db.query('select password_hash from users where id = $1', [id]))[0]?.[0] as string;
const rolesOf = ({ body }: { body: Body }): string[] =>
  body.data.relationships.roles.data.map(({ id }: Body) => id).sort();
const NOBODY = 'inv_live_0000000000000000000000000000003fJZt7';

describe('somebody new', () => {
  test('becomes a user and a member in one call, and the token is used up (INV-23, INV-24, INV-26)', async () => {
    const email = freshEmail();
    const workspace = await crews.workspace(crew.id);
    const given = { email, name: 'Ines', locale: 'de' };
    const made = await invited(crew.owner, crew.id, given, {
      roles: roleLinks(role('admin'), role('member')),
      workspaces: workspaceLinks(workspace),
    });
    const answer = await accept(app.anonymous, tokenOf(made));
    expect(answer.status).toBe(201);
    const { id } = answer.body.data;
    expect(id).toEqual(ID);
    const person = answer.body.data.relationships.user.data.id;
    expect(answer.headers.location).toBe(`${S}/members/${id}`);
    const of = { organization: crew.id, user: person, roles: [role('admin'), role('member')], workspaces: [workspace] };
    const { partner: _partner, ...relationships } = organization(crew.id, {}, crew.owner.id, null).relationships;
    expect(answer.body).toEqual({
      data: member(id, { ...of, invitedBy: crew.owner.id }, { joinMethod: 'invited', allWorkspaces: false }),
      included: [
        user(person, { hasPassword: true, email, name: 'Ines', locale: 'de', emailVerifiedAt: expect.any(String) }),
        {
          ...organization(crew.id, { name: 'Acme', slug: expect.any(String) }),
          relationships,
          meta: { role: ['admin', 'member'], memberCount: expect.any(Number) },
        },
      ],
      meta: {},
      jsonapi: { version: '1.1' },
    });
    expect(await app.services.passwords.verify(await hashOf(person), PASSWORD)).toBe(true);
    expect(await stateOf(app, made.id)).toMatchObject({
      status: 'accepted',
      useCount: 1,
      acceptedAt: expect.any(String),
    });
    const { body } = await app.platform.get(`${PATH}/${made.id}`);
    expect(body.data.relationships.acceptedBy.data).toEqual({ type: 'users', id: person });
    expectError(await accept(app.anonymous, tokenOf(made)), 410, 'invitation_used');
  });

  test('may give himself another name', async () => {
    const email = freshEmail();
    const made = await invited(crew.owner, crew.id, { email, name: 'I.' });
    await accept(app.anonymous, tokenOf(made), { ...PASSWORDS, name: 'Ines Novak' });
    expect((await userWith(email)).attributes.name).toBe('Ines Novak');
  });

  test('becomes primary owner of an organization that has none (INV-1, INV-4)', async () => {
    const own = await createOrganization(app.platform);
    const made = await invited(app.platform, own.id, {}, { roles: roleLinks(role('owner')) });
    const { body } = await accept(app.anonymous, tokenOf(made));
    expect(body.data.attributes.isPrimaryOwner).toBe(true);
    expect(body.included[1].relationships.owner.data).toEqual(body.data.relationships.user.data);
  });

  test.each<[string, object, string, string]>([
    [
      'a confirmation that differs (INV-25)',
      { ...PASSWORDS, passwordConfirmation: `${PASSWORD} ` },
      'confirmation_mismatch',
      'passwordConfirmation',
    ],
    ['a short password', { password: 'short', passwordConfirmation: 'short' }, 'too_short', 'password'],
    ['a long password', { password: 'xy'.repeat(100), passwordConfirmation: 'xy'.repeat(100) }, 'too_long', 'password'],
    [
      'a common password',
      { password: 'passwordpassword', passwordConfirmation: 'passwordpassword' },
      'weak_password',
      'password',
    ],
    ['another address', { ...PASSWORDS, email: 'somebody@else.example' }, 'not_allowed', 'email'],
  ])('with %s is 422, and nothing has changed', async (_what, attributes, code, name) => {
    const email = freshEmail();
    const made = await invited(crew.owner, crew.id, { email });
    expectAttributeError(await accept(app.anonymous, tokenOf(made), attributes), code, name);
    expect(await userWith(email)).toBeUndefined();
    expect(await stateOf(app, made.id)).toMatchObject({ status: 'pending', useCount: 0 });
  });

  test('may not take the address as password', async () => {
    const email = freshEmail();
    const made = await invited(crew.owner, crew.id, { email });
    const answer = await accept(app.anonymous, tokenOf(made), { password: email, passwordConfirmation: email });
    expectAttributeError(answer, 'weak_password', 'password');
  });

  test('is told of all that is missing at once', async () => {
    const made = await invited(crew.owner, crew.id);
    const missing = async (body: object) =>
      (await app.anonymous.post(`${PATH}/${tokenOf(made)}/accept`, body)).body.errors.map(
        ({ code, source, meta }: Body) => [code, source.pointer, meta.attribute],
      );
    expect(await missing({ data: { type: 'invitationAcceptances' } })).toEqual([
      ['required', '/data', 'password'],
      ['required', '/data', 'passwordConfirmation'],
    ]);
    expect(await missing(document('invitationAcceptances', { password: PASSWORD }))).toEqual([
      ['required', '/data/attributes', 'passwordConfirmation'],
    ]);
  });

  test('keeps a password as it is typed, blanks at its ends too', async () => {
    const email = freshEmail();
    const made = await invited(crew.owner, crew.id, { email });
    const password = `  ${PASSWORD} `;
    await accept(app.anonymous, tokenOf(made), { password, passwordConfirmation: password });
    const { id } = await userWith(email);
    expect(await app.services.passwords.verify(await hashOf(id), password)).toBe(true);
    expect(await app.services.passwords.verify(await hashOf(id), PASSWORD)).toBe(false);
  });
});

describe('somebody who has an account', () => {
  test('signs in first: 401 with a password or without, and the password is not his from then on (INV-24)', async () => {
    const person = await app.user();
    await app.db.query("update users set password_hash = 'as it was' where id = $1", [person.id]);
    const made = await invited(crew.owner, crew.id, { email: person.email.toUpperCase() });
    for (const attributes of [{}, PASSWORDS]) {
      const answer = await accept(app.anonymous, tokenOf(made), attributes);
      expectError(answer, 401, 'authentication_required', { source: { header: 'Authorization' } });
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
    expect(await hashOf(person.id)).toBe('as it was');
    expect((await stateOf(app, made.id)).status).toBe('pending');
  });

  test('one without a password, made by a partner, is no newcomer', async () => {
    const partner = await app.partner();
    const { id, attributes } = await createUser(partner);
    const made = await invited(crew.owner, crew.id, { email: attributes.email });
    expectError(await accept(app.anonymous, tokenOf(made)), 401, 'authentication_required', {
      source: { header: 'Authorization' },
    });
    expect(await hashOf(id)).toBeNull();
    expect((await accept(app.as(await signIn(app.db, id)), tokenOf(made), {})).status).toBe(201);
  });

  test('joins when he has signed in, without a password', async () => {
    const person = await app.user();
    const made = await invited(crew.owner, crew.id, { email: person.email.toUpperCase() });
    const answer = await accept(person, tokenOf(made), {});
    expect([answer.status, answer.body.data.relationships.user.data.id]).toEqual([201, person.id]);
    // He is one from the next request on (INV-34).
    expect((await person.get(`${M}/organizations/${crew.id}`)).status).toBe(200);
  });

  test('may send no password: 422 at each place (INV-24)', async () => {
    const person = await app.user();
    const made = await invited(crew.owner, crew.id, { email: person.email });
    const { status, body } = await accept(person, tokenOf(made));
    expect([status, body.errors.map(({ code, source }: Body) => [code, source.pointer])]).toEqual([
      422,
      [
        ['not_allowed', '/data/attributes/password'],
        ['not_allowed', '/data/attributes/passwordConfirmation'],
      ],
    ]);
  });

  test('can’t use an invitation for somebody else, whether that one has an account or not', async () => {
    const [person, other] = [await app.user(), await app.user()];
    for (const email of [other.email, freshEmail()]) {
      const made = await invited(crew.owner, crew.id, { email });
      expectError(await accept(person, tokenOf(made), {}), 403, 'permission_denied');
      expect((await stateOf(app, made.id)).status).toBe('pending');
    }
  });

  test('who is a member already is 409, and the invitation stays', async () => {
    const link = await invited(crew.owner, crew.id, { kind: 'link' });
    expectError(await accept(crew.member, tokenOf(link), {}), 409, 'already_member');
    expect(await stateOf(app, link.id)).toMatchObject({ status: 'pending', useCount: 0 });
  });

  test('a credential that is sent must be good, and of a person', async () => {
    const made = await invited(crew.owner, crew.id);
    expect((await accept(app.as('sk_live_nonsense'), tokenOf(made))).status).toBe(401);
    for (const asker of [app.platform, app.as(crew.token)]) {
      expectError(await accept(asker, tokenOf(made)), 403, 'permission_denied', {
        meta: { required: 'invitations.accept' },
      });
    }
  });
});

describe('a link', () => {
  test('is for whoever has it, so many times, and proves no address (INV-23, INV-26)', async () => {
    const made = await invited(crew.owner, crew.id, { kind: 'link', maxUses: 2 });
    const [one, two] = [freshEmail(), freshEmail()];
    expect((await accept(app.anonymous, tokenOf(made), { ...PASSWORDS, email: one })).status).toBe(201);
    expect(await stateOf(app, made.id)).toMatchObject({ status: 'pending', useCount: 1 });
    expect((await accept(app.anonymous, tokenOf(made), { ...PASSWORDS, email: two })).status).toBe(201);
    expect(await stateOf(app, made.id)).toMatchObject({ status: 'accepted', useCount: 2 });
    expect((await userWith(one)).attributes.emailVerifiedAt).toBeNull();
    expectError(
      await accept(app.anonymous, tokenOf(made), { ...PASSWORDS, email: freshEmail() }),
      410,
      'invitation_used',
    );
  });

  test('asks a stranger for his address, and somebody signed in for none or his own', async () => {
    const made = await invited(crew.owner, crew.id, { kind: 'link', maxUses: 9 });
    const answer = await accept(app.anonymous, tokenOf(made));
    expect([answer.status, answer.body.errors[0].code, answer.body.errors[0].meta.attribute]).toEqual([
      422,
      'required',
      'email',
    ]);
    const [one, two] = [await app.user(), await app.user()];
    expect((await accept(one, tokenOf(made), {})).status).toBe(201);
    expectAttributeError(await accept(two, tokenOf(made), { email: one.email }), 'not_allowed', 'email');
    expect((await accept(two, tokenOf(made), { email: two.email.toUpperCase() })).status).toBe(201);
  });

  test('takes over no account (INV-24)', async () => {
    const person = await app.user();
    const made = await invited(crew.owner, crew.id, { kind: 'link' });
    const answer = await accept(app.anonymous, tokenOf(made), { ...PASSWORDS, email: person.email.toUpperCase() });
    expectError(answer, 401, 'authentication_required', { source: { header: 'Authorization' } });
  });
});

describe('an invitation that can’t be accepted', () => {
  const refused = async (made: Body, status: number, code: string) => {
    expectError(await accept(app.anonymous, tokenOf(made)), status, code);
    expect(await userWith(made.attributes.email)).toBeUndefined();
  };

  test('has expired (INV-21)', async () => {
    const made = await invited(crew.owner, crew.id);
    await expire(app, made.id);
    await refused(made, 410, 'invitation_expired');
  });

  test('was declined', async () => {
    const made = await invited(crew.owner, crew.id);
    await app.anonymous.post(`${PATH}/${tokenOf(made)}/decline`);
    await refused(made, 410, 'invitation_used');
  });

  test('is of a suspended organization; it can be when that has ended (domain sheet 6.1)', async () => {
    const own = await crews.make();
    const made = await invited(own.owner, own.id);
    const set = (status: string) =>
      app.db.query('update organizations set status = $2, status_reason = $3 where id = $1', [
        own.id,
        status,
        status === 'active' ? null : 'x',
      ]);
    await set('suspended');
    await refused(made, 403, 'organization_suspended');
    await set('active');
    expect((await accept(app.anonymous, tokenOf(made))).status).toBe(201);
  });

  test('is of an organization that is being deleted: 404, as there is none', async () => {
    const own = await crews.make();
    const made = await invited(own.owner, own.id);
    await app.platform.delete(own.self);
    await refused(made, 404, 'not_found');
    expect((await preview(app.anonymous, tokenOf(made))).status).toBe(404);
  });

  test('is of an organization that is full', async () => {
    const own = await crews.make();
    const made = await invited(own.owner, own.id);
    await app.db.query(`update organizations set quotas = '{"members": 5}' where id = $1`, [own.id]);
    expectError(await accept(app.anonymous, tokenOf(made)), 409, 'quota_exceeded', { meta: { limit: 5, used: 5 } });
    expect((await stateOf(app, made.id)).status).toBe('pending');
  });

  test.each<[string, (own: Crew) => Promise<unknown>]>([
    ['has left', (own) => app.platform.delete(own.admin.self)],
    [
      'is suspended',
      (own) => app.db.query("update members set status = 'suspended' where id = $1", [own.admin.member]),
    ],
    [
      'can do less now',
      (own) => app.platform.patch(`${own.admin.self}/relationships/roles`, roleLinks(role('member'))),
    ],
  ])('is of somebody who %s (INV-27)', async (_what, change) => {
    const own = await crews.make();
    const made = await invited(own.admin, own.id, {}, { roles: roleLinks(role('admin')) });
    const plain = await invited(app.as(own.token), own.id, {}, { roles: roleLinks(role('admin')) });
    await change(own);
    await refused(made, 410, 'inviter_not_allowed');
    expect((await accept(app.anonymous, tokenOf(plain))).status).toBe(201);
    // Somebody else may vouch for it.
    const again = await own.owner.post(`${PATH}/${made.id}/resend`);
    expect((await accept(app.anonymous, tokenOf(again.body.data))).status).toBe(201);
  });

  test('offers workspaces that its sender is not in any more (INV-27)', async () => {
    const own = await crews.make();
    const [mine, other] = [await crews.workspace(own.id, 'Mine'), await crews.workspace(own.id, 'Other')];
    const made = await invited(own.admin, own.id, {}, { workspaces: workspaceLinks(mine) });
    await app.db.query('update members set all_workspaces = false where id = $1', [own.admin.member]);
    await app.db.query('insert into member_workspaces values ($1, $2)', [own.admin.member, other]);
    await refused(made, 410, 'inviter_not_allowed');
  });
});

describe('presets that have gone since (domain sheet 9.4)', () => {
  test('are left out; with no role left the default role takes their place', async () => {
    const own = await crews.make();
    await settings(app, own.id, { defaultRole: 'auditor' });
    const [one, two] = [await crews.role(own.id, ['members:read']), await crews.role(own.id, ['members:read'])];
    const [north, south] = [await crews.workspace(own.id, 'North'), await crews.workspace(own.id, 'South')];
    const presets = { roles: roleLinks(one, two), workspaces: workspaceLinks(north, south) };
    const [first, second] = [
      await invited(own.owner, own.id, {}, presets),
      await invited(own.owner, own.id, {}, presets),
    ];
    await own.owner.delete(`${S}/roles/${one}`);
    await own.owner.delete(`${S}/workspaces/${north}`);
    const answer = await accept(app.anonymous, tokenOf(first));
    expect(rolesOf(answer)).toEqual([two]);
    expect(answer.body.data.relationships.workspaces.data).toEqual([{ type: 'workspaces', id: south }]);
    await app.db.query(
      'delete from roles r where r.id = $1 and not exists (select 1 from member_roles where role_id = r.id)',
      [two],
    );
    await app.db.query('delete from invitation_roles where invitation_id = $1', [second.id]);
    expect(rolesOf(await accept(app.anonymous, tokenOf(second)))).toEqual([role('auditor')]);
  });

  test('limits do not open: without a workspace left the member is in none', async () => {
    const own = await crews.make();
    const north = await crews.workspace(own.id, 'North');
    const made = await invited(own.owner, own.id, {}, { workspaces: workspaceLinks(north) });
    await own.owner.delete(`${S}/workspaces/${north}`);
    const { data } = (await accept(app.anonymous, tokenOf(made))).body;
    expect([data.attributes.allWorkspaces, data.relationships.workspaces.data]).toEqual([false, []]);
  });
});

describe('a text that is no token is 404, byte for byte the same (INV-28)', () => {
  test.each(['preview', 'accept', 'decline'])('%s', async (name) => {
    const token = tokenOf(await invited(crew.owner, crew.id));
    const last = token.at(-1) === 'x' ? 'y' : 'x';
    const texts = [
      NOBODY,
      'inv_',
      'inv_live_',
      token.slice(0, -1),
      `${token}x`,
      token.slice(0, -1) + last,
      `${token}%00`,
      'inv_%F0%9F%98%80',
    ];
    const answers = [];
    for (const text of texts) {
      const answer =
        name === 'preview'
          ? await preview(app.anonymous, text)
          : name === 'accept'
            ? await accept(app.anonymous, text)
            : await app.anonymous.post(`${PATH}/${text}/decline`);
      const { id: _id, ...error } = answer.body.errors[0];
      answers.push(
        JSON.stringify([answer.status, error, answer.headers['content-length'], answer.headers['cache-control']]),
      );
    }
    expect(answers[0]).toContain('[404');
    expect(new Set(answers).size).toBe(1);
    expect((await preview(app.anonymous, token)).status).toBe(200);
  });
});
