import { effectivePermissions } from '../../../src/permissions';
import { statementsOf } from '../../jsonapi/world';
import { createOrganization, S, startApp, type TestApp } from '../../support/app';
import { signedIn, tokensOf } from '../accessTokens/people';

const PATH = `${S}/me`;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

test('somebody who has signed in is told his session, himself, and where his organizations are', async () => {
  const { familyId, userId, email, ...session } = await signedIn(app);
  const { status, body } = await session.get(PATH);
  expect(status).toBe(200);
  expect(body).toEqual({
    data: {
      id: familyId,
      type: 'callers',
      attributes: { level: 'user', name: email, permissions: [...effectivePermissions('user', ['*'])] },
      relationships: {
        user: { data: { type: 'users', id: userId } },
        organizations: { links: { related: `${S}/users/${userId}/organizations` } },
      },
      links: { self: PATH },
    },
    links: { self: PATH },
    jsonapi: { version: '1.1' },
  });
  const organization = await createOrganization(session);
  const own = await session.get(body.data.relationships.organizations.links.related);
  expect(own.body.data.map(({ id }: { id: string }) => id)).toEqual([organization.id]);
});

test('a token of a key is told its scopes and the organization of the key', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  const made = await tokensOf(app.as(attributes.token), { scopes: ['members:read'] });
  const { data } = (await app.as(made.attributes.accessToken).get(PATH)).body;
  expect(data).toMatchObject({ id: made.id, attributes: { level: 'organization', permissions: ['members:read'] } });
  expect(data.relationships).toEqual({ organization: { data: { type: 'organizations', id } } });
});

test('it costs a user of 10,000 organizations no more than one of none', async () => {
  const session = await signedIn(app);
  await session.get(PATH);
  await app.services.callers.drain();
  const ask = async () => {
    app.services.callers.forget();
    const { text } = await session.get(PATH);
    return text.length;
  };
  const before = { statements: await statementsOf(ask), length: await ask() };
  const join = (from: number) =>
    app.db.query(
      `with made as (
       insert into organizations (id, name, slug)
         select gen_random_uuid(), 'Many', 'many-' || i from generate_series($2::int, $2::int + 499) i returning id
     ), joined as (
       insert into members (id, organization_id, user_id, join_method) select gen_random_uuid(), id, $1, 'admin' from made returning id
     )
     insert into member_roles (member_id, role_id) select joined.id, r.id from joined, roles r where r.code = 'member' and r.organization_id is null`,
      [session.userId, from],
    );
  for (let from = 0; from < 10_000; from += 500) await join(from);
  expect({ statements: await statementsOf(ask), length: await ask() }).toEqual(before);
  const { body } = await session.get(`${S}/users/${session.userId}/organizations?page[size]=1`);
  expect(body.meta.total).toBe(10_000);
});
