import { createOrganization, createUser, document, link, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { created, expectAttributeError, expectDenied, expectError, ID, page, single, user } from '../documents';

const PATH = `${S}/users`;
const x = (n: number) => 'x'.repeat(n);
const EMAIL = 'someone@example.com';

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

let last = 0;
const fresh = () => `fresh-${++last}@example.com`;
const create = (attributes: object, asker = app.platform) => asker.post(PATH, document('users', attributes));
const addMember = (organizationId: string, userId: string, asker = app.platform) => {
  const relationships = { organization: link('organizations', organizationId), user: link('users', userId) };
  return asker.post(`${S}/members`, document('members', {}, { relationships }));
};
const ids = (body: { data: { id: string }[] }) => body.data.map(({ id }) => id);

describe('POST', () => {
  test('answers 201 with Location and the whole resource, which can then be read', async () => {
    const attributes = {
      email: 'Jane.Doe@Example.com',
      name: ' Jane Doe ',
      avatarUrl: 'https://example.com/jane.png',
      locale: 'de-AT',
      externalId: 'u-1',
    };
    const answer = await create(attributes);
    expect(answer.status).toBe(201);
    const { id } = answer.body.data;
    expect(id).toEqual(ID);
    expect(answer.headers.location).toBe(`${PATH}/${id}`);
    const shown = user(id, { ...attributes, name: 'Jane Doe' });
    expect(answer.body).toEqual(created(shown));
    expect((await app.platform.get(`${PATH}/${id}`)).body).toEqual(single(shown));
  });

  test.each<[string, string, unknown]>([
    ['email', 'of 254 characters', `a@${x(63)}.${x(63)}.${x(63)}.${x(56)}.com`],
    ['email', 'with a plus and dots', 'a.b+c@mail.example.co.uk'],
    ['name', 'of 120 emoji', '😀'.repeat(120)],
    ['name', 'null', null],
    ['avatarUrl', 'null', null],
    ['locale', 'a language', 'de'],
    ['locale', 'null', null],
    ['externalId', 'of 255 characters', x(255)],
    ['externalId', 'null', null],
  ])('%s may be %s', async (attribute, _about, given) => {
    const { status, body } = await create({ email: fresh(), [attribute]: given });
    expect(status).toBe(201);
    expect(body.data.attributes[attribute]).toBe(given);
    expect((await app.platform.get(`${PATH}/${body.data.id}`)).body.data).toEqual(body.data);
  });

  test.each<[string, string, unknown, string]>([
    ['email', 'without an at', 'example.com', 'invalid_format'],
    ['email', 'with two', 'a@b@example.com', 'invalid_format'],
    ['email', 'with a blank', 'a b@example.com', 'invalid_format'],
    ['email', 'without a dot in its domain', 'a@localhost', 'invalid_format'],
    ['email', 'with a line break', 'a@example.com\nb', 'invalid_format'],
    ['email', 'of 255 characters', `a@${x(63)}.${x(63)}.${x(63)}.${x(57)}.com`, 'too_long'],
    ['email', 'null', null, 'invalid_format'],
    ['name', 'empty', '', 'too_short'],
    ['name', 'of 121 characters', x(121), 'too_long'],
    ['avatarUrl', 'http', 'http://example.com/a.png', 'invalid_format'],
    ['locale', 'a sentence', 'in german', 'invalid_format'],
    ['externalId', 'of 256 characters', x(256), 'too_long'],
    ['password', 'given', 'secret secret', 'unknown_attribute'],
  ])('%s may not be %s: 422', async (attribute, _about, given, code) => {
    expectAttributeError(await create({ email: fresh(), [attribute]: given }), code, attribute);
  });

  test('an e-mail address is required', async () => {
    const answer = await create({ name: 'A' });
    const meta = { attribute: 'email', message: answer.body.errors[0].detail };
    expectError(answer, 422, 'required', { source: { pointer: '/data/attributes' }, meta });
  });

  test('an e-mail address is one user’s, in any case of letters: 409, also for one of 10 at the same time', async () => {
    expect((await create({ email: EMAIL })).status).toBe(201);
    const source = { pointer: '/data/attributes/email' };
    expectError(await create({ email: 'SomeOne@EXAMPLE.com' }), 409, 'email_taken', { source });
    const same = Array.from({ length: 10 }, (_, i) => (i % 2 ? 'same@example.com' : 'SAME@example.com'));
    const answers = await Promise.all(same.map((email) => create({ email })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
  });

  test('status and times are the server’s: ignored, so that what was read can be sent', async () => {
    const given = { status: 'erased', emailVerifiedAt: '2026-01-01T00:00:00Z', createdAt: '2001-01-01T00:00:00Z' };
    const { body } = await create({ email: fresh(), ...given });
    expect(body.data.attributes).toMatchObject({ status: 'active', emailVerifiedAt: null });
    expect(body.data.attributes.createdAt).not.toMatch(/^2001/);
  });

  test('an organization key may not, a partner may, and sees what it made at once', async () => {
    const { attributes } = await createOrganization(partner);
    expectDenied(await create({ email: fresh() }, app.as(attributes.token)), 'members:update');
    const { id } = (await create({ email: fresh() }, partner)).body.data;
    expect((await partner.get(`${PATH}/${id}`)).status).toBe(200);
    expectError(await (await app.partner()).get(`${PATH}/${id}`), 404, 'not_found');
  });
});

describe('who sees whom', () => {
  test('an organization key sees the members of its organization and nobody else', async () => {
    const { id, attributes } = await createOrganization(partner);
    const inside = await createUser(partner);
    const outside = await createUser(partner);
    await addMember(id, inside.id, partner);
    const own = app.as(attributes.token);
    expect((await own.get(PATH)).body).toEqual(page(PATH, [user(inside.id, { email: inside.attributes.email })]));
    expect((await own.get(`${PATH}/${inside.id}`)).status).toBe(200);
    expectError(await own.get(`${PATH}/${outside.id}`), 404, 'not_found');
  });

  test('a partner sees whom it made and the members of its organizations', async () => {
    const other = await app.partner();
    const organization = await createOrganization(other);
    const made = await createUser(other);
    const shared = await createUser(app.platform);
    const foreign = await createUser(app.platform);
    await addMember(organization.id, shared.id);
    const { body } = await other.get(PATH);
    expect(ids(body).sort()).toEqual([made.id, shared.id].sort());
    expect(body.meta).toMatchObject({ total: 2, totalUnfiltered: 2 });
    expectError(await other.get(`${PATH}/${foreign.id}`), 404, 'not_found');
  });

  test('a user is seen no more when the membership ends', async () => {
    const { id, attributes } = await createOrganization(partner);
    const { id: userId } = await createUser(app.platform);
    const member = await addMember(id, userId);
    const own = app.as(attributes.token);
    for (const asker of [own, partner]) expect((await asker.get(`${PATH}/${userId}`)).status).toBe(200);
    await partner.delete(`${S}/members/${member.body.data.id}`);
    for (const asker of [own, partner]) expectError(await asker.get(`${PATH}/${userId}`), 404, 'not_found');
  });

  test('a key without members:read is told so', async () => {
    const { id } = await createOrganization(partner);
    const seen = await createUser(partner);
    await addMember(id, seen.id);
    const relationships = { organization: link('organizations', id) };
    const narrow = document('apiKeys', { name: 'N', scopes: ['organizations:read'] }, { relationships });
    const key = app.as((await app.platform.post(`${S}/apiKeys`, narrow)).body.data.attributes.secret);
    expectDenied(await key.get(PATH), 'members:read');
    expectDenied(await key.get(`${PATH}/${seen.id}`), 'members:read');
    expectError(await key.get(`${PATH}/${NIL}`), 404, 'not_found');
  });
});

describe('the list of an organization', () => {
  test('is behind the link that the organization prints, with its totals', async () => {
    const other = await app.partner();
    const { id } = await createOrganization(other);
    const path = (await other.get(`${M}/organizations/${id}`)).body.data.relationships.users.links.related;
    expect(path).toBe(`/public/v2/users?filter[organizationId]=${id}`);
    expect((await other.get(path)).body).toEqual(page(path, [], 0));
    const members = [await createUser(other), await createUser(other)];
    await createUser(other);
    for (const each of members) await addMember(id, each.id, other);
    const shown = members.map((each) => user(each.id, { email: each.attributes.email }));
    expect((await other.get(path)).body).toEqual(page(path, shown.reverse(), 3));
    expect((await app.platform.get(path)).body.meta.total).toBe(2);
  });

  test('is empty for a foreign, a deleted and a missing organization', async () => {
    const { id } = await createOrganization(app.platform);
    await addMember(id, (await createUser(app.platform)).id);
    const gone = await createOrganization(partner);
    await addMember(gone.id, (await createUser(partner)).id);
    await partner.delete(`${M}/organizations/${gone.id}`);
    for (const each of [id, gone.id, NIL]) {
      const { body } = await partner.get(`${PATH}?filter[organizationId]=${each}`);
      expect([body.data, body.meta.total]).toEqual([[], 0]);
    }
  });

  test('of several organizations has everybody once', async () => {
    const [a, b] = [await createOrganization(partner), await createOrganization(partner)];
    const both = await createUser(partner);
    const one = await createUser(partner);
    for (const [organization, each] of [
      [a, both],
      [b, both],
      [b, one],
    ]) {
      await addMember(organization.id, each.id);
    }
    const { body } = await partner.get(`${PATH}?filter[organizationId]=${a.id},${b.id}`);
    expect(ids(body).sort()).toEqual([both.id, one.id].sort());
    expect(body.meta.total).toBe(2);
  });
});

test('users are not deleted: 405 with Allow', async () => {
  const { id } = await createUser(app.platform);
  const deleted = await app.platform.delete(`${PATH}/${id}`);
  expectError(deleted, 405, 'method_not_allowed');
  expect(deleted.headers.allow).toBe('GET, HEAD, PATCH, OPTIONS');
});
