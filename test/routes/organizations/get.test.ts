import { createOrganization, createUser, document, link, M, NIL, S, startApp, type TestApp } from '../../support/app';
import {
  expectDenied,
  expectError,
  organization,
  partner as partnerResource,
  single,
  user as userResource,
} from '../documents';

const PATH = `${M}/organizations`;
const SHOWN = { name: 'Shown', slug: 'shown' };

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
let id: string;
let token: string;
let ownerId: string;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner('Reseller');
  const made = await createOrganization(partner, SHOWN);
  ({ id } = made);
  ({ token } = made.attributes);
  ownerId = (await createUser(partner, { email: 'owner@example.com' })).id;
  const roles = await app.platform.get(`${S}/roles?filter[code]=owner`);
  const relationships = {
    organization: link('organizations', id),
    user: link('users', ownerId),
    roles: { data: [{ type: 'roles', id: roles.body.data[0].id }] },
  };
  await partner.post(`${S}/members`, document('members', {}, { relationships }));
});
afterAll(() => app.close());

test('a platform caller sees the whole resource and its partner', async () => {
  const { status, body, headers } = await app.platform.get(`${PATH}/${id}`);
  expect(status).toBe(200);
  expect(headers).toMatchObject({ 'cache-control': 'private, no-cache', vary: 'Accept' });
  expect(body).toEqual(single(organization(id, SHOWN, ownerId, partner.id, 1)));
});

test('its partner and its own key see the same without the partner, of which they can’t read the type', async () => {
  const expected = single(organization(id, SHOWN, ownerId, undefined, 1));
  expect((await partner.get(`${PATH}/${id}`)).body).toEqual(expected);
  expect((await app.as(token).get(`${PATH}/${id}`)).body).toEqual(expected);
});

test('include brings the owner and the partner', async () => {
  const { body } = await app.platform.get(`${PATH}/${id}?include=owner,partner`);
  const byType = Object.fromEntries(body.included.map((each: { type: string }) => [each.type, each]));
  expect(Object.keys(byType).sort()).toEqual(['partners', 'users']);
  expect(byType.users).toEqual(userResource(ownerId, { email: 'owner@example.com' }));
  expect(byType.partners).toEqual(partnerResource(partner.id, { name: 'Reseller' }));
});

test('a partner can’t include what it is not shown: 400', async () => {
  const answer = await partner.get(`${PATH}/${id}?include=partner`);
  expectError(answer, 400, 'invalid_parameter', { source: { parameter: 'include' } });
});

test.each([
  ['slug', { slug: 'shown' }, undefined],
  ['users', undefined, ['users']],
  ['', undefined, undefined],
  ['webhookSecret,owner', { webhookSecret: null }, ['owner']],
])('fields[organizations]=%s shows just that', async (fields, attributes, relationships) => {
  const { body } = await app.platform.get(`${PATH}/${id}?fields[organizations]=${fields}`);
  expect(body.data.attributes ?? {}).toEqual(attributes ?? {});
  expect(Object.keys(body.data.relationships ?? {})).toEqual(relationships ?? []);
});

test('an id in capitals and a slash at the end name the same organization', async () => {
  const { body } = await app.platform.get(`${PATH}/${id}`);
  expect((await app.platform.get(`${PATH}/${id.toUpperCase()}/`)).body).toEqual(body);
});

test.each([
  ['missing', NIL],
  ['no uuid', 'shown'],
  ['a number', '1'],
  ['a uuid with something behind it', `${NIL}0`],
])('an id that is %s is 404', async (_about, wrong) => {
  expectError(await app.platform.get(`${PATH}/${wrong}`), 404, 'not_found');
});

test('a foreign one is 404 [INV-18]', async () => {
  const other = await createOrganization(app.platform);
  for (const asker of [partner, app.as(token)]) {
    expectError(await asker.get(`${PATH}/${other.id}`), 404, 'not_found');
  }
  expectError(await (await app.partner()).get(`${PATH}/${id}`), 404, 'not_found');
});

test('a key without organizations:read is told so where it sees the row: 403, else 404', async () => {
  const body = document(
    'apiKeys',
    { name: 'N', scopes: ['members:read'] },
    { relationships: { organization: link('organizations', id) } },
  );
  const key = app.as((await app.platform.post(`${S}/apiKeys`, body)).body.data.attributes.secret);
  expectDenied(await key.get(`${PATH}/${id}`), 'organizations:read');
  expectError(await key.get(`${PATH}/${NIL}`), 404, 'not_found');
});
