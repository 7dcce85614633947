import { type Client, createOrganization, document, link, M, S, startApp, type TestApp } from '../../support/app';
import { expectError, ORGANIZATION_KEY, organization } from '../documents';
import { GOOD_TOKENS } from './attributes';

const PATH = `${M}/organizations`;
const SOURCE = { pointer: '/data/attributes/token' };

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const patch = (id: string, attributes: object, asker: Client = app.platform, headers = {}) =>
  asker.patch(`${PATH}/${id}`, document('organizations', attributes, { id }), headers);
const fresh = () => `token-${Math.random().toString(36).slice(2)}-0123456789`;
/** What this token is told when it reads its own organization: 200, or the code of the error. */
const told = async (token: string, id: string) => {
  const { status, body } = await app.as(token).get(`${PATH}/${id}`);
  return status === 200 ? 200 : body.errors[0].code;
};
const tokensOf = async (id: string, status: string) =>
  (
    await app.platform.get(
      `${S}/apiKeys?filter[organizationId]=${id}&filter[isOrganizationToken]=true&filter[status]=${status}`,
    )
  ).body.data;

test('the made token reads its organization at once', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  expect(attributes.token).toEqual(ORGANIZATION_KEY);
  expect(await told(attributes.token, id)).toBe(200);
});

test.each(GOOD_TOKENS)('a client may give its own: %s', async (token) => {
  const { id, attributes } = await createOrganization(app.platform, { token });
  expect(attributes.token).toBe(token);
  expect(await told(token, id)).toBe(200);
});

test('is in the one answer that made it, and null in every other [INV-30]', async () => {
  const partner = await app.partner();
  const { id, attributes } = await createOrganization(partner);
  const answers = [
    await partner.get(`${PATH}/${id}`),
    await partner.get(PATH),
    await partner.get(`${PATH}/${id}?fields[organizations]=token`),
    await app.as(attributes.token).get(`${PATH}/${id}`),
    await patch(id, { name: 'Other' }),
    await app.platform.get(`${S}/apiKeys?filter[organizationId]=${id}&include=organization`),
  ];
  for (const { status, text } of answers) {
    expect(status).toBe(200);
    expect(text).toContain('"token":null');
    expect(text).not.toContain(attributes.token);
  }
});

test('null in a PATCH changes nothing [INV-31]', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  const { status, body } = await patch(id, { token: null });
  expect(status).toBe(200);
  expect(body.data.attributes.token).toBeNull();
  expect(await told(attributes.token, id)).toBe(200);
  expect(await tokensOf(id, 'active')).toHaveLength(1);
  const made = await createOrganization(app.platform, { token: null });
  expect(made.attributes.token).toEqual(ORGANIZATION_KEY);
});

test('a string in a PATCH replaces it at once: shown once, the old one is 401 revoked_credential [INV-34]', async () => {
  const { id, attributes } = await createOrganization(app.platform, { name: 'Acme', slug: 'replaced' });
  expect(await told(attributes.token, id)).toBe(200);
  const token = fresh();
  const answer = await patch(id, { token });
  expect(answer.status).toBe(200);
  expect(answer.headers['cache-control']).toBe('no-store');
  expect(answer.body.data).toEqual(organization(id, { name: 'Acme', slug: 'replaced', token }, null, null));
  expectError(await app.as(attributes.token).get(`${PATH}/${id}`), 401, 'revoked_credential', {
    source: { header: 'Authorization' },
  });
  expect(await told(token, id)).toBe(200);
  expect((await app.platform.get(`${PATH}/${id}`)).body.data.attributes.token).toBeNull();
  expect(await tokensOf(id, 'active')).toMatchObject([{ attributes: { start: token.slice(0, 4) } }]);
  expect(await tokensOf(id, 'revoked')).toMatchObject([{ attributes: { start: attributes.token.slice(0, 12) } }]);
});

test('an organization key may replace the token that it is', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  const token = fresh();
  expect((await patch(id, { token }, app.as(attributes.token))).body.data.attributes.token).toBe(token);
  expect(await told(attributes.token, id)).toBe('revoked_credential');
  expect(await told(token, id)).toBe(200);
});

test('a token that is known is 422, at creation and in a PATCH, also when it is revoked or a key of another kind', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  const replaced = attributes.token;
  await patch(id, { token: fresh() });
  const { id: other, attributes: own } = await createOrganization(app.platform, { name: 'Other' });
  const total = (await app.platform.get(PATH)).body.meta.total;
  for (const token of [replaced, app.platform.key as string, own.token]) {
    const answer = await app.platform.post(PATH, document('organizations', { name: 'A', token }));
    expectError(answer, 422, 'not_allowed', { source: SOURCE });
    if (token === own.token) continue;
    expectError(await patch(other, { name: 'Changed', token }), 422, 'not_allowed', { source: SOURCE });
  }
  expect((await app.platform.get(PATH)).body.meta.total).toBe(total);
  expect((await app.platform.get(`${PATH}/${other}`)).body.data.attributes.name).toBe('Other');
  expect(await told(own.token, other)).toBe(200);
});

test('the token sent back as it was shown changes nothing, and is not shown again', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  const answer = await patch(id, { ...attributes, name: 'Changed' });
  expect([answer.status, answer.body.data.attributes.token]).toEqual([200, null]);
  expect(await told(attributes.token, id)).toBe(200);
  expect(await tokensOf(id, 'active')).toHaveLength(1);
});

test('a PATCH that is refused leaves the old token alone', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  const token = fresh();
  expect((await patch(id, { token }, app.platform, { 'If-Match': '"99.x"' })).status).toBe(412);
  expect((await patch(id, { token, name: '' })).status).toBe(422);
  expect(await told(attributes.token, id)).toBe(200);
  expect(await told(token, id)).toBe('invalid_credential');
});

test('of 10 replacements at the same time one is left, and it works', async () => {
  const { id, attributes } = await createOrganization(app.platform);
  const tokens = Array.from({ length: 10 }, fresh);
  const answers = await Promise.all(tokens.map((token) => patch(id, { token })));
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
  const results = await Promise.all([attributes.token, ...tokens].map((token) => told(token, id)));
  expect(results.sort()).toEqual([200, ...Array(10).fill('revoked_credential')]);
  expect(await tokensOf(id, 'active')).toHaveLength(1);
});

describe('nobody gains rights by choosing a token [INV-32]', () => {
  const narrow = async (maker: Client, scopes: string[], relationships: object) => {
    const { body } = await maker.post(`${S}/apiKeys`, document('apiKeys', { name: 'N', scopes }, { relationships }));
    return app.as(body.data.attributes.secret);
  };
  const rights = async (token: string) => (await app.as(token).get(`${S}/me`)).body.data.attributes.permissions;
  const scopes = ['organizations:read', 'organizations:update'];

  test('a narrow key of the organization makes a token that may no more than itself', async () => {
    const { id } = await createOrganization(app.platform);
    const key = await narrow(app.platform, scopes, { organization: link('organizations', id) });
    const token = fresh();
    expect((await patch(id, { token }, key)).status).toBe(200);
    expect(await rights(token)).toEqual(scopes);
  });

  test('a narrow key of a partner makes organizations whose token may no more than itself', async () => {
    const { id } = await app.partner();
    const key = await narrow(app.platform, scopes, { partner: link('partners', id) });
    const { attributes } = await createOrganization(key);
    expect(await rights(attributes.token)).toEqual(scopes);
  });
});
