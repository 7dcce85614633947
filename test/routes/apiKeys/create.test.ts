import { PERMISSIONS } from '../../../src/permissions';
import { isCredential } from '../../../src/secrets';
import {
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import {
  apiKey,
  created,
  expectAttributeError,
  expectDenied,
  expectError,
  ID,
  ORGANIZATION_KEY,
  PLATFORM_KEY,
  single,
} from '../documents';

const PATH = `${S}/apiKeys`;
const x = (n: number) => 'x'.repeat(n);
const MANAGEMENT = ['organizations:suspend', 'platform:admin'];

let app: TestApp;
let partner: Awaited<ReturnType<TestApp['partner']>>;
let organization: Body;
let own: Client;
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
  organization = await createOrganization(partner);
  own = app.as(organization.attributes.token);
});
afterAll(() => app.close());

const create = (attributes: object, relationships: object = {}, asker: Client = app.platform) =>
  asker.post(PATH, document('apiKeys', { name: 'K', ...attributes }, { relationships }));
const forOrganization = (id: string = organization.id) => ({ organization: link('organizations', id) });
const forPartner = (id: string = partner.id) => ({ partner: link('partners', id) });
const keyOf = async (answer: ReturnType<typeof create>) => app.as((await answer).body.data.attributes.secret);
const rights = async (client: Client) => (await client.get(`${S}/me`)).body.data.attributes.permissions;

describe('the key is for', () => {
  test.each<[string, () => Client, object, () => object, () => object]>([
    [
      'the platform, by a platform caller without a relationship',
      () => app.platform,
      { level: 'platform' },
      () => ({}),
      () => ({ partner: null }),
    ],
    [
      'a partner, by a platform caller',
      () => app.platform,
      { level: 'partner' },
      forPartner,
      () => ({ partner: partner.id }),
    ],
    [
      'an organization, by a platform caller',
      () => app.platform,
      { level: 'organization' },
      forOrganization,
      () => ({ organization: organization.id, partner: null }),
    ],
    [
      'an organization, by its partner',
      () => partner,
      { level: 'organization' },
      forOrganization,
      () => ({ organization: organization.id }),
    ],
    [
      'an organization, by its key',
      () => own,
      { level: 'organization' },
      forOrganization,
      () => ({ organization: organization.id }),
    ],
    [
      'an organization, by its key that leaves it out',
      () => own,
      { level: 'organization' },
      () => ({}),
      () => ({ organization: organization.id }),
    ],
  ])('%s', async (_title, asker, attributes, relationships, of) => {
    const answer = await create({ name: 'CI', metadata: { a: 1 } }, relationships(), asker());
    expect(answer.status).toBe(201);
    expect(answer.headers['cache-control']).toBe('no-store');
    const { id, attributes: got } = answer.body.data;
    expect(id).toEqual(ID);
    expect(answer.headers.location).toBe(`${PATH}/${id}`);
    const secret = (attributes as { level: string }).level === 'organization' ? ORGANIZATION_KEY : PLATFORM_KEY;
    const shown = { name: 'CI', metadata: { a: 1 }, start: got.secret.slice(0, 12), ...attributes };
    expect(answer.body).toEqual(created(apiKey(id, { ...shown, secret }, of())));
    expect(isCredential(got.secret)).toBe(true);
    const read = await asker().get(`${PATH}/${id}`);
    expect(read.body).toEqual(single(apiKey(id, shown, of())));
    expect(read.text).not.toContain(got.secret);
    const me = await app.as(got.secret).get(`${S}/me`);
    expect(me.body.data).toMatchObject({ id, attributes });
  });

  test('nobody, when a partner leaves the organization out: 422', async () => {
    expectError(await create({}, {}, partner), 422, 'required', {
      source: { pointer: '/data' },
      meta: { attribute: 'organization' },
    });
  });

  test('an organization or a partner, not both: 422', async () => {
    const answer = await create({}, { ...forOrganization(), ...forPartner() });
    expectError(answer, 422, 'not_allowed', { source: { pointer: '/data/relationships/partner' } });
  });
});

describe('what the caller can’t see is 404 with its pointer [INV-18]', () => {
  const source = (name: string) => ({ source: { pointer: `/data/relationships/${name}/data` } });

  test.each(['missing', 'foreign'])('a %s organization', async (kind) => {
    const foreign = await createOrganization(await app.partner());
    const id = kind === 'missing' ? NIL : foreign.id;
    for (const asker of [partner, own]) {
      expectError(await create({}, forOrganization(id), asker), 404, 'not_found', source('organization'));
    }
    if (kind === 'missing')
      expectError(await create({}, forOrganization(id)), 404, 'not_found', source('organization'));
    const { body } = await app.platform.get(`${PATH}?filter[organizationId]=${foreign.id}`);
    expect(body.meta.total).toBe(1);
  });

  test('a missing partner, and any partner for others than platform callers', async () => {
    expectError(await create({}, forPartner(NIL)), 404, 'not_found', source('partner'));
    for (const asker of [partner, own])
      expectError(await create({}, forPartner(), asker), 404, 'not_found', source('partner'));
  });
});

describe('attributes', () => {
  test.each<[string, string, unknown, unknown?]>([
    ['name', 'of 120 characters', x(120)],
    ['name', 'trimmed', '  K  ', 'K'],
    ['scopes', 'everything', ['*']],
    ['scopes', 'some', ['members:read', 'apiKeys:read']],
    ['expiresAt', 'null', null],
    ['expiresAt', 'in the future', '2099-12-31T23:59:59+02:00', '2099-12-31T21:59:59+00:00'],
    ['metadata', 'an object', { a: [1] }],
  ])('%s may be %s', async (attribute, _about, given, shown = given) => {
    const { status, body } = await create({ [attribute]: given }, forOrganization());
    expect(status).toBe(201);
    expect(body.data.attributes[attribute]).toEqual(shown);
    const read = await app.platform.get(`${PATH}/${body.data.id}`);
    expect(read.body.data.attributes).toEqual({ ...body.data.attributes, secret: null });
  });

  test.each<[string, string, unknown, string, string?]>([
    ['name', 'empty', '', 'too_short'],
    ['name', 'of 121 characters', x(121), 'too_long'],
    ['name', 'null', null, 'invalid_format'],
    ['scopes', 'none', [], 'too_short'],
    ['scopes', 'unknown', ['members:read', 'members:fly'], 'not_allowed', 'scopes/1'],
    ['scopes', 'given twice', ['members:read', 'members:read'], 'invalid_format'],
    ['scopes', 'a text', 'members:read', 'invalid_format'],
    ['expiresAt', 'a day', '2099-01-01', 'invalid_format'],
    ['metadata', 'null', null, 'invalid_format'],
    ['password', 'given', 'x', 'unknown_attribute'],
  ])('%s may not be %s: 422', async (attribute, _about, given, code, pointer = attribute) => {
    expectAttributeError(await create({ [attribute]: given }, forOrganization()), code, pointer);
  });

  test.each(['2020-01-01T00:00:00Z', '2020-01-01T00:00:00+00:00', new Date().toISOString()])(
    'expiresAt must be in the future, not %s: 422',
    async (expiresAt) => {
      const answer = await create({ expiresAt }, forOrganization());
      expectError(answer, 422, 'not_allowed', { source: { pointer: '/data/attributes/expiresAt' } });
    },
  );

  test('secret, level, start and hash are the server’s', async () => {
    const secret = 'chosen-by-the-client-0123456789';
    const { body } = await create(
      { secret, level: 'platform', start: 'abc', isOrganizationToken: true },
      forOrganization(),
    );
    expect(body.data.attributes).toMatchObject({
      level: 'organization',
      secret: ORGANIZATION_KEY,
      isOrganizationToken: false,
    });
    expect(body.data.attributes.start).not.toBe('abc');
    expect((await create({ hash: 'x' }, forOrganization())).body.errors[0].code).toBe('unknown_attribute');
  });
});

describe('scopes', () => {
  test('narrow what the key may do, and it is told what it lacks', async () => {
    const key = await keyOf(create({ scopes: ['members:read'] }, forOrganization()));
    expect(await rights(key)).toEqual(['members:read']);
    expect((await key.get(`${S}/members`)).status).toBe(200);
    expectDenied(await key.get(`${M}/organizations/${organization.id}`), 'organizations:read');
    expectDenied(await key.get(`${S}/roles`), 'roles:read');
    expectDenied(await key.get(PATH), 'apiKeys:read');
    expectDenied(await create({}, {}, key), 'apiKeys:create');
  });

  test.each<[string, () => Client, () => object, string[]]>([
    ['a platform caller can’t give an organization', () => app.platform, forOrganization, MANAGEMENT],
    ['a platform caller can’t give a partner', () => app.platform, forPartner, ['platform:admin']],
    ['a partner can’t give an organization', () => partner, forOrganization, MANAGEMENT],
    ['an organization key can’t give its organization', () => own, () => ({}), MANAGEMENT],
  ])('%s what that level never has: 403 cannot_grant [INV-32]', async (_title, asker, relationships, scopes) => {
    for (const scope of scopes) {
      const answer = await create({ scopes: ['members:read', scope] }, relationships(), asker());
      expectError(answer, 403, 'cannot_grant', { source: { pointer: '/data/attributes/scopes' } });
    }
  });

  test('with * the key has what its level may have', async () => {
    const all = [...PERMISSIONS];
    expect(await rights(await keyOf(create({})))).toEqual(all);
    expect(await rights(await keyOf(create({}, forPartner())))).toEqual(
      all.filter((each) => each !== 'platform:admin'),
    );
    expect(await rights(await keyOf(create({}, forOrganization())))).toEqual(
      all.filter((each) => !MANAGEMENT.includes(each)),
    );
  });

  test('nobody grants what he lacks: 403, and * stands for what he has, for ever and for all that come after [INV-13] [INV-32]', async () => {
    const scopes = ['organizations:read', 'members:read', 'apiKeys:read', 'apiKeys:create'];
    for (const relationships of [{}, forPartner(), forOrganization()]) {
      const maker = await keyOf(create({ scopes }, relationships));
      const inherited = 'organization' in relationships || !('partner' in relationships) ? {} : forOrganization();
      const answer = await create({ scopes: ['members:read', 'members:remove'] }, inherited, maker);
      expectError(answer, 403, 'cannot_grant', { source: { pointer: '/data/attributes/scopes' } });
      const child = await keyOf(create({ scopes: ['*'] }, inherited, maker));
      expect(await rights(child)).toEqual(scopes);
      const grandchild = await keyOf(create({ scopes: ['members:read', 'apiKeys:create'] }, inherited, child));
      expect(await rights(grandchild)).toEqual(['members:read', 'apiKeys:create']);
      const last = await keyOf(create({ scopes: ['*'] }, inherited, grandchild));
      expect(await rights(last)).toEqual(['members:read', 'apiKeys:create']);
      expect((await create({ scopes: ['apiKeys:read'] }, inherited, last)).body.errors[0].code).toBe('cannot_grant');
    }
  });

  test('a key for another organization is cut to its level, whatever * the maker has', async () => {
    const { id } = await createOrganization(app.platform);
    const key = await keyOf(create({ scopes: ['*'] }, forOrganization(id)));
    const seen = await key.get(`${M}/organizations`);
    expect(seen.body.data.map((each: { id: string }) => each.id)).toEqual([id]);
  });
});
