import {
  type Client,
  createOrganization,
  createUser,
  document,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectAttributeError, expectDenied, expectError, single, user } from '../documents';
import { join } from '../people';

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
});
afterAll(() => app.close());

const path = (id: string) => `${S}/users/${id}`;
const patch = (id: string, attributes: object, asker: Client, headers = {}) =>
  asker.patch(path(id), document('users', attributes, { id }), headers);

test('somebody changes his own profile; the answer is 200 with the whole resource', async () => {
  const person = await app.user({ name: 'Before' });
  const given = { name: ' After ', locale: 'de-AT', avatarUrl: 'https://example.com/me.png' };
  const { status, body } = await patch(person.id, given, person);
  const { lastSeenAt } = body.data.attributes;
  const shown = user(person.id, { ...given, name: 'After', email: person.email, lastSeenAt });
  expect([status, body]).toEqual([200, single({ ...shown, relationships: body.data.relationships })]);
  expect((await app.platform.get(path(person.id))).body.data.attributes.name).toBe('After');
  expect((await patch(person.id, { name: null, locale: null, avatarUrl: null }, person)).status).toBe(200);
});

test('he changes neither his address nor the id that others know him by; sent back as read they change nothing', async () => {
  const person = await app.user();
  await app.db.query("update users set external_id = 'e-1', email_verified_at = now() where id = $1", [person.id]);
  const { attributes } = (await person.get(path(person.id))).body.data;
  expect((await patch(person.id, attributes, person)).body.data.attributes.emailVerifiedAt).toBe(
    attributes.emailVerifiedAt,
  );
  expectDenied(await patch(person.id, { email: 'new@example.com' }, person), 'platform:admin');
  expectDenied(await patch(person.id, { email: person.email.toUpperCase() }, person), 'platform:admin');
  expectDenied(await patch(person.id, { externalId: null }, person), 'members:update');
  expect((await person.get(path(person.id))).body.data.attributes).toMatchObject({
    email: person.email,
    externalId: 'e-1',
  });
});

test('an operator changes everything; another address is not verified, another spelling of it is', async () => {
  const { id, attributes } = await createUser(app.platform);
  await app.db.query('update users set email_verified_at = now() where id = $1', [id]);
  const spelled = await patch(id, { email: attributes.email.toUpperCase(), externalId: 'x-1' }, app.platform);
  expect(spelled.body.data.attributes).toMatchObject({ email: attributes.email.toUpperCase(), externalId: 'x-1' });
  expect(spelled.body.data.attributes.emailVerifiedAt).not.toBeNull();
  const changed = await patch(id, { email: 'other@example.com' }, app.platform);
  expect(changed.body.data.attributes).toMatchObject({ email: 'other@example.com', emailVerifiedAt: null });
});

test('an address is unique whatever its case: 409', async () => {
  const { attributes } = await createUser(app.platform);
  const { id } = await createUser(app.platform);
  expectError(await patch(id, { email: attributes.email.toUpperCase() }, app.platform), 409, 'email_taken', {
    source: { pointer: '/data/attributes/email' },
  });
});

describe('a partner', () => {
  test('changes users that it made, but for their address', async () => {
    const { id } = await createUser(partner);
    const own = await createOrganization(partner);
    await join(app, own.id, id, 'member');
    const { status, body } = await patch(id, { name: 'By the partner', externalId: 'p-1' }, partner);
    expect([status, body.data.attributes.name, body.data.attributes.externalId]).toEqual([
      200,
      'By the partner',
      'p-1',
    ]);
    expectDenied(await patch(id, { email: 'taken-over@example.com' }, partner), 'platform:admin');
  });

  test('takes over nobody: 403 once he is in an organization of another, or was made by another', async () => {
    const { id } = await createUser(partner);
    await join(app, (await createOrganization(app.platform)).id, id, 'member');
    expectDenied(await patch(id, { name: 'X' }, partner), 'platform:admin');
    const other = await app.user();
    await join(app, (await createOrganization(partner)).id, other.id, 'owner');
    expectDenied(await patch(other.id, { name: 'X' }, partner), 'platform:admin');
    const unseen = await createUser(await app.partner());
    expectError(await patch(unseen.id, { name: 'X' }, partner), 404, 'not_found');
  });
});

test('nobody else changes him: 403 for those who see him, 404 for the others', async () => {
  const person = await app.user();
  const { id: organization, attributes } = await createOrganization(app.platform);
  await join(app, organization, person.id, 'member');
  const colleague = await app.user();
  await join(app, organization, colleague.id, 'owner');
  for (const asker of [colleague, app.as(attributes.token)]) {
    expect((await asker.get(path(person.id))).status).toBe(200);
    const answer = await patch(person.id, { name: 'X' }, asker);
    expect([answer.status, answer.body.errors[0].code]).toEqual([403, 'permission_denied']);
  }
  expectError(await patch(person.id, { name: 'X' }, await app.user()), 404, 'not_found');
  expectError(await patch(NIL, { name: 'X' }, app.platform), 404, 'not_found');
});

test.each([
  ['name', 'x'.repeat(121), 'too_long'],
  ['locale', 'nonsense!', 'invalid_format'],
  ['avatarUrl', 'http://example.com/a.png', 'invalid_format'],
  ['email', 'nobody', 'invalid_format'],
  ['colour', 'red', 'unknown_attribute'],
])('a bad %s is 422', async (name, value, code) => {
  const { id } = await createUser(app.platform);
  expectAttributeError(await patch(id, { [name]: value }, app.platform), code, name);
});

test('read-only attributes are ignored, and If-Match is heeded [INV-59]', async () => {
  const person = await app.user();
  const { body } = await patch(person.id, { status: 'suspended', createdAt: '2000-01-01T00:00:00+00:00' }, person);
  expect(body.data.attributes.status).toBe('active');
  expectError(await patch(person.id, { name: 'X' }, person, { 'If-Match': '"99.x"' }), 412, 'version_mismatch', {
    source: { header: 'If-Match' },
  });
});

test('who is asked for by name is shown by the new one at once', async () => {
  const person = await app.user({ name: 'Old name' });
  expect((await person.get(`${S}/me`)).body.data.attributes.name).toBe('Old name');
  await patch(person.id, { name: 'New name' }, person);
  expect((await person.get(`${S}/me`)).body.data.attributes.name).toBe('New name');
  expect((await app.platform.get(`${M}/organizations?page[size]=1`)).status).toBe(200);
});
