import { hashKey, makeKey } from '../../src/secrets';
import { statementsOf } from '../jsonapi/world';
import { PASSWORD, person, refresh, tokensOf } from '../routes/accessTokens/people';
import { Keys } from '../routes/apiKeys/keys';
import { join } from '../routes/people';
import {
  type Body,
  createOrganization,
  createUser,
  document,
  type Person,
  S,
  setPassword,
  signInWith,
  startApp,
  type TestApp,
} from '../support/app';
import { actorOf, eventOf, inEvents, keyActor, shown, told, userActor } from './feed';

let app: TestApp;
let keys: Keys;
let platform: Body;
beforeAll(async () => {
  app = await startApp();
  keys = new Keys(app);
  platform = await actorOf(app.platform);
});
afterAll(() => app.close());

/** A person who is a member of two organizations, and a third organization. */
async function world(): Promise<{ user: Person; one: string; two: string; other: string }> {
  const user = await app.user({ name: 'Ada' });
  const made = await Promise.all([1, 2, 3].map(() => createOrganization(app.platform)));
  const [one, two, other] = made.map(({ id }) => id) as [string, string, string];
  await join(app, one, user.id, 'admin');
  await join(app, two, user.id, 'member');
  return { user, one, two, other };
}

/** What each of the organizations is told. */
async function toldEach(organizations: readonly string[], work: () => Promise<unknown>): Promise<Body[][]> {
  const [first, ...others] = organizations;
  if (first === undefined) {
    await work();
    return [];
  }
  const { events, answer } = await told(app, first, () => toldEach(others, work));
  return [events, ...answer];
}

describe('a change of a user', () => {
  const change = (user: Person, attributes: object, asker = user as Pick<Person, 'patch'>) =>
    asker.patch(`${S}/users/${user.id}`, document('users', attributes, { id: user.id }));

  test('is told to every organization that he is a member of, and to no other', async () => {
    const { user, one, two, other } = await world();
    let answer: Body;
    const events = await toldEach([one, two, other], async () => {
      answer = await change(user, { name: 'Ada L.' });
    });
    const data = await shown(app.platform, `${S}/users/${user.id}`);
    const previous = { attributes: { name: 'Ada' } };
    const expected = (id: string) => [eventOf('user.updated', id, { actor: userActor(user), answer, data, previous })];
    expect(events).toEqual([expected(one), expected(two), []]);
    expect(await toldEach([one, two], () => change(user, { name: 'Ada L.' }))).toEqual([[], []]);
  });

  test('by others names them', async () => {
    const { user, one } = await world();
    await app.db.query('update users set email_verified_at = now() where id = $1', [user.id]);
    const { events } = await told(app, one, () => change(user, { email: `new-${user.email}` }, app.platform));
    expect(events).toMatchObject([
      {
        type: 'user.updated',
        actor: platform,
        previous: { attributes: { email: user.email, emailVerifiedAt: expect.any(String) } },
      },
    ]);
  });

  test('is one statement, told or not; of somebody in very many organizations all are told', async () => {
    const { user, one } = await world();
    const nobody = await app.user();
    const writes = (asker: Person) =>
      statementsOf(async () => expect((await change(asker, { locale: 'de' })).status).toBe(200)).then((all) =>
        all.filter((text) => /update users/.test(text) && !/last_seen_at = date_trunc/.test(text)),
      );
    expect(await writes(nobody)).toHaveLength(1);
    expect(await writes(user)).toHaveLength(1);
    await app.db.query(
      `with made as (insert into organizations (id, name, slug) select gen_random_uuid(), 'O', 'many-' || n
         from generate_series(1, 1200) n returning id),
       joined as (insert into members (id, organization_id, user_id, join_method)
         select gen_random_uuid(), id, $1, 'admin' from made returning id)
       insert into member_roles (member_id, role_id) select joined.id, r.id from joined, roles r where r.code = 'member'`,
      [user.id],
    );
    const { answer, types } = await told(app, one, () => change(user, { locale: 'fr' }));
    expect([answer.status, types]).toEqual([200, ['user.updated']]);
    const [row] = await app.db.query(
      'select count(*)::int, count(distinct organization_id)::int from events where subject_id = $1 and body like \'%"fr"%\'',
      [user.id],
    );
    expect(row).toEqual([1_202, 1_202]);
  });

  test('by a new password is told when he had none, or when it proves his address; the password never', async () => {
    const { user, one } = await world();
    const first = await told(app, one, () =>
      user.post(`${S}/users/${user.id}/password`, {
        meta: { password: PASSWORD, passwordConfirmation: PASSWORD },
      }),
    );
    expect(first.answer.status).toBe(200);
    expect(first.events).toMatchObject([
      { type: 'user.updated', actor: userActor(user), previous: { attributes: { hasPassword: false } } },
    ]);
    const token = makeKey('pwr');
    await app.db.query(
      `insert into password_resets (id, user_id, email, hash, expires_at)
       values (gen_random_uuid(), $1, $2, $3, now() + interval '1 hour')`,
      [user.id, user.email, hashKey(token)],
    );
    const other = 'another horse battery staple';
    const { answer, events } = await told(app, one, () =>
      app.anonymous.post(
        `${S}/passwordResets/confirm`,
        document('passwordResets', { token, password: other, passwordConfirmation: other }),
      ),
    );
    expect(answer.status).toBeLessThan(300);
    expect(events).toEqual([
      eventOf('user.updated', one, {
        actor: userActor(user),
        answer,
        data: await shown(app.platform, `${S}/users/${user.id}`),
        previous: { attributes: { emailVerifiedAt: null } },
      }),
    ]);
    expect(JSON.stringify([first.events, events])).not.toMatch(/horse battery/);
  });
});

describe('an erasure', () => {
  test('is told to every organization, without anything that tells who he was (9.10)', async () => {
    const { user, one, two, other } = await world();
    const [row] = await app.db.query(
      `update members set external_id = 'secret-id', metadata = '{"a": "secret-note"}' where user_id = $1 and organization_id = $2 returning id`,
      [user.id, one],
    );
    let answer: Body;
    const [first, second, third] = (await toldEach([one, two, other], async () => {
      answer = await app.platform.post(`${S}/users/${user.id}/erase`);
    })) as [Body[], Body[], Body[]];
    const data = inEvents(answer.body.data);
    expect(first).toEqual([
      expect.objectContaining({
        type: 'member.removed',
        previous: null,
        data: expect.objectContaining({ id: row?.[0] }),
      }),
      eventOf('user.erased', one, { actor: platform, answer, data }),
    ]);
    expect(second.map(({ type }) => type)).toEqual(['member.removed', 'user.erased']);
    expect(third).toEqual([]);
    expect(first[1].data.attributes).toMatchObject({ status: 'erased', name: null });
    const text = JSON.stringify([first, second]);
    for (const personal of [user.email, 'Ada', 'secret-id', 'secret-note']) expect(text).not.toContain(personal);
  });

  test('of a primary owner tells who takes his place', async () => {
    const [owner, heir] = [await app.user(), await app.user()];
    const { id } = await createOrganization(owner);
    await join(app, id, heir.id, 'owner');
    const { events, types } = await told(app, id, () => app.platform.post(`${S}/users/${owner.id}/erase`));
    expect(types).toEqual(['member.removed', 'user.erased', 'member.updated', 'organization.ownership_transferred']);
    expect(events[3].data.relationships.owner.data).toEqual({ type: 'users', id: heir.id });
  });

  test('that is refused is told nobody', async () => {
    const owner = await app.user();
    const { id } = await createOrganization(owner);
    const { answer, types } = await told(app, id, () => app.platform.post(`${S}/users/${owner.id}/erase`));
    expect([answer.status, types]).toEqual([409, []]);
  });
});

describe('a refresh token that is used again (INV-35)', () => {
  /** Refreshes until the first token has been used up, and uses it again; the answer to that. */
  async function reuse(refreshToken: string): Promise<Body> {
    const second = (await refresh(app, refreshToken)).body.data.attributes.refreshToken;
    expect((await refresh(app, second)).status).toBe(201);
    return refresh(app, refreshToken);
  }

  test('of a person is told to all of his organizations, once', async () => {
    const { user, one, two, other } = await world();
    await setPassword(app, user.id, PASSWORD);
    const session = await signInWith(app, user.email, PASSWORD);
    let answer: Body;
    const events = await toldEach([one, two, other], async () => {
      answer = await reuse(session.refreshToken);
      expect((await refresh(app, session.refreshToken)).status).toBe(401);
    });
    expect(events.map((each) => each.map(({ type }) => type))).toEqual([
      ['access_token.reuse_detected'],
      ['access_token.reuse_detected'],
      [],
    ]);
    expect(events[0]?.[0]).toEqual(
      eventOf('access_token.reuse_detected', one, {
        actor: userActor(user),
        answer,
        data: {
          type: 'accessTokens',
          id: session.id,
          attributes: expect.objectContaining({ familyId: session.familyId, scopes: ['*'] }),
          relationships: {
            apiKey: { data: null },
            user: { data: { type: 'users', id: user.id } },
            organization: { data: null },
          },
        },
      }),
    );
    expect(JSON.stringify(events)).not.toContain(session.refreshToken);
  });

  test('of a key is told to its organization; of a personal key to all of its holder', async () => {
    const { user, one, two } = await world();
    const key = await keys.make(user, {}, one);
    const ofKey = await toldEach([one, two], async () => reuse((await tokensOf(key.client)).attributes.refreshToken));
    expect(ofKey).toMatchObject([[{ type: 'access_token.reuse_detected', actor: keyActor(key.id) }], []]);
    const personal = await keys.make(user);
    const ofPerson = await toldEach([one, two], async () =>
      reuse((await tokensOf(personal.client)).attributes.refreshToken),
    );
    expect(ofPerson).toMatchObject([
      [{ type: 'access_token.reuse_detected', actor: userActor(user) }],
      [{ type: 'access_token.reuse_detected' }],
    ]);
  });

  test('of the platform is told nobody, and revoked all the same', async () => {
    const { refreshToken } = (await tokensOf(app.platform)).attributes;
    expect((await reuse(refreshToken)).body.errors[0].code).toBe('revoked_credential');
  });
});

test('a user who is made is told nobody: he is a member of nothing', async () => {
  const count = async () => (await app.db.query('select count(*)::int from events'))[0]?.[0];
  const before = await count();
  await createUser(app.platform);
  await person(app);
  expect(await count()).toBe(before);
});
