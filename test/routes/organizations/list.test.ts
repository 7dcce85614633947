import { createOrganization, document, link, M, S, startApp, type TestApp } from '../../support/app';
import { expectDenied, expectError, organization, page } from '../documents';

const PATH = `${M}/organizations`;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

test('the list has the members of the seed document, in its order', async () => {
  const created = await createOrganization(app.platform, { name: 'Recrubo_89495632' });
  const { status, body, text } = await app.platform.get(`${M}/organizations/`);
  expect(status).toBe(200);
  const [{ id, attributes }] = body.data;
  expect(id).toBe(created.id);
  expect(
    text.startsWith(
      `{"data":[{"id":"${id}","type":"organizations","attributes":{"createdAt":"${attributes.createdAt}"`,
    ),
  ).toBe(true);
  expect(Object.keys(attributes).slice(0, 6)).toEqual([
    'createdAt',
    'updatedAt',
    'name',
    'webhookUrl',
    'webhookSecret',
    'token',
  ]);
  expect(attributes.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
  expect(text).toContain(`"users":{"links":{"related":"/public/v2/users?filter[organizationId]=${id}",`);
  expect(body.meta).toEqual({ total: 1, totalUnfiltered: 1, currentSize: 25, currentPage: 1, maxPage: 1 });
});

test('every byte of a page is as the seed and this product fix it', async () => {
  const partner = await app.partner();
  const { id } = await createOrganization(partner, { name: 'Recrubo_82361056' });
  await app.db.query(
    "update organizations set created_at = '2024-08-20 10:45:07+00', updated_at = '2024-08-21' where id = $1",
    [id],
  );
  await app.db.query("update organizations set status_changed_at = '2024-08-20T12:45:07+02:00' where id = $1", [id]);
  const { text, body } = await partner.get(`${PATH}/`);
  expect(text).toBe(
    `{"data":[{"id":"${id}","type":"organizations","attributes":{"createdAt":"2024-08-20T10:45:07+00:00",` +
      '"updatedAt":"2024-08-21T00:00:00+00:00","name":"Recrubo_82361056","webhookUrl":null,"webhookSecret":null,' +
      `"token":null,"number":${body.data[0].attributes.number},"slug":"recrubo-82361056","externalId":null,` +
      '"kind":"business","countryCode":null,"status":"active","statusReason":null,' +
      '"statusChangedAt":"2024-08-20T10:45:07+00:00","avatarUrl":null,"primaryDomain":null,"metadata":{},' +
      '"settings":{"defaultRole":"member","membersMayInvite":false,"auditRetentionDays":null,"allowedInviteDomains":[],' +
      '"requireIdempotencyKey":false},"quotas":{},"deleteProtection":false,"legalHold":false,"deletedAt":null,"purgeAt":null},' +
      `"relationships":{"users":{"links":{"related":"/public/v2/users?filter[organizationId]=${id}",` +
      `"self":"${PATH}/${id}/relationships/users"}},` +
      `"members":{"links":{"related":"${PATH}/${id}/members","self":"${PATH}/${id}/relationships/members"}},` +
      `"roles":{"links":{"related":"${PATH}/${id}/roles","self":"${PATH}/${id}/relationships/roles"}},` +
      `"workspaces":{"links":{"related":"${PATH}/${id}/workspaces","self":"${PATH}/${id}/relationships/workspaces"}},` +
      `"invitations":{"links":{"related":"${PATH}/${id}/invitations","self":"${PATH}/${id}/relationships/invitations"}},` +
      `"apiKeys":{"links":{"related":"${PATH}/${id}/apiKeys","self":"${PATH}/${id}/relationships/apiKeys"}},` +
      `"events":{"links":{"related":"${PATH}/${id}/events","self":"${PATH}/${id}/relationships/events"}},` +
      `"webhookDeliveries":{"links":{"related":"${PATH}/${id}/webhookDeliveries","self":"${PATH}/${id}/relationships/webhookDeliveries"}},` +
      `"webhookEndpoints":{"links":{"related":"${PATH}/${id}/webhookEndpoints","self":"${PATH}/${id}/relationships/webhookEndpoints"}},` +
      `"wallets":{"links":{"related":"${PATH}/${id}/wallets","self":"${PATH}/${id}/relationships/wallets"}},` +
      `"overageLimits":{"links":{"related":"${PATH}/${id}/overageLimits","self":"${PATH}/${id}/relationships/overageLimits"}},` +
      `"auditEvents":{"links":{"related":"${PATH}/${id}/auditEvents","self":"${PATH}/${id}/relationships/auditEvents"}},` +
      `"owner":{"links":{"related":"${PATH}/${id}/owner","self":"${PATH}/${id}/relationships/owner"},"data":null}},` +
      `"links":{"self":"${PATH}/${id}"},"meta":{"memberCount":0}}],` +
      '"meta":{"total":1,"totalUnfiltered":1,"currentSize":25,"currentPage":1,"maxPage":1},' +
      `"links":{"self":"${PATH}","first":"${PATH}?page[number]=1&page[size]=25",` +
      `"last":"${PATH}?page[number]=1&page[size]=25","prev":null,"next":null},"jsonapi":{"version":"1.1"}}`,
  );
});

test('nothing there: an empty page, whose last page is the first', async () => {
  expect((await (await app.partner()).get(PATH)).body).toEqual(page(PATH, []));
});

test('a partner sees its own and no other, an organization key itself, newest first', async () => {
  const partner = await app.partner();
  await createOrganization(await app.partner(), { name: 'Of another partner' });
  const first = await createOrganization(partner, { name: 'First', slug: 'first-of-two' });
  const second = await createOrganization(partner, { name: 'Second', slug: 'second-of-two' });
  const shown = {
    first: organization(first.id, { name: 'First', slug: 'first-of-two' }),
    second: organization(second.id, { name: 'Second', slug: 'second-of-two' }),
  };
  expect((await partner.get(PATH)).body).toEqual(page(PATH, [shown.second, shown.first]));
  expect((await app.as(first.attributes.token).get(PATH)).body).toEqual(page(PATH, [shown.first]));
  const all = (await app.platform.get(`${PATH}?page[size]=100`)).body;
  const ids = all.data.map((each: { id: string }) => each.id);
  expect(ids.slice(0, 2)).toEqual([second.id, first.id]);
  expect(all.meta.total).toBe(ids.length);
});

test('a page has its links, and one beyond the end is empty', async () => {
  const partner = await app.partner();
  for (const name of ['A', 'B', 'C']) await createOrganization(partner, { name });
  const at = (number: number) => `${PATH}?sort=name&page[number]=${number}&page[size]=2`;
  const names = async (number: number) => {
    const { status, body } = await partner.get(at(number));
    expect(status).toBe(200);
    expect(body.meta).toEqual({ total: 3, totalUnfiltered: 3, currentSize: 2, currentPage: number, maxPage: 2 });
    return [body.data.map((each: { attributes: { name: string } }) => each.attributes.name), body.links];
  };
  const ends = { first: at(1), last: at(2) };
  expect(await names(1)).toEqual([['A', 'B'], { self: at(1), ...ends, prev: null, next: at(2) }]);
  expect(await names(2)).toEqual([['C'], { self: at(2), ...ends, prev: at(1), next: null }]);
  expect(await names(9)).toEqual([[], { self: at(9), ...ends, prev: at(2), next: null }]);
});

test('filters narrow the list, and totalUnfiltered counts what is there without them', async () => {
  const partner = await app.partner();
  const [alpha, beta, gamma] = await Promise.all([
    createOrganization(partner, { name: 'Alpha_1', externalId: 'x-1', metadata: { plan: { tier: 'gold' } } }),
    createOrganization(partner, { name: 'Beta%', kind: 'agency', countryCode: 'DE', primaryDomain: 'beta.example' }),
    createOrganization(partner, { name: 'Gamma', slug: 'third', deleteProtection: true }),
  ]);
  const found = async (query: string) => {
    const { status, body } = await partner.get(`${PATH}?sort=name&${query}`);
    expect(status).toBe(200);
    expect(body.meta).toMatchObject({ total: body.data.length, totalUnfiltered: 3 });
    return body.data.map((each: { id: string }) => each.id);
  };
  expect(await found('filter[name]=Gamma')).toEqual([gamma.id]);
  expect(await found('filter[name][contains]=_')).toEqual([alpha.id]);
  expect(await found('filter[name][startsWith]=Beta%25')).toEqual([beta.id]);
  expect(await found('filter[name][ne]=Gamma')).toEqual([alpha.id, beta.id]);
  expect(await found('filter[kind]=agency,business&filter[deleteProtection]=false')).toEqual([alpha.id, beta.id]);
  expect(await found('filter[countryCode][null]=false')).toEqual([beta.id]);
  expect(await found('filter[metadata.plan.tier]=gold')).toEqual([alpha.id]);
  expect(await found(`filter[number][gt]=${gamma.attributes.number}&filter[id]=${gamma.id}`)).toEqual([]);
  expect(await found(`filter[id]=${alpha.id},${gamma.id}`)).toEqual([alpha.id, gamma.id]);
  expect(await found('filter[createdAt][gte]=2020-01-01')).toHaveLength(3);
  expect(await found('filter[createdAt][lt]=2020-01-01')).toEqual([]);
  for (const [text, id] of Object.entries({ LPHA: alpha.id, 'x-1': alpha.id, third: gamma.id, 'beta.ex': beta.id })) {
    expect(await found(`filter[q]=${text}`)).toEqual([id]);
  }
});

test('a platform caller filters by partner, a partner can’t name what it does not see: 400', async () => {
  const partner = await app.partner();
  const { id } = await createOrganization(partner);
  const path = `${PATH}?filter[partnerId]=${partner.id}`;
  const { body } = await app.platform.get(path);
  expect(body.data.map((each: { id: string }) => each.id)).toEqual([id]);
  expectError(await partner.get(path), 400, 'invalid_parameter', { source: { parameter: 'filter[partnerId]' } });
});

test('secrets can be neither filtered nor sorted by: 400', async () => {
  for (const name of ['token', 'webhookSecret', 'webhookSecretCipher']) {
    const filter = `filter[${name}]`;
    expectError(await app.platform.get(`${PATH}?${filter}=x`), 400, 'invalid_parameter', {
      source: { parameter: filter },
    });
    const sort = await app.platform.get(`${PATH}?sort=${name}`);
    expectError(sort, 400, 'invalid_parameter', { source: { parameter: 'sort' } });
  }
});

test('a key without organizations:read is told so: 403', async () => {
  const { id } = await createOrganization(app.platform);
  const relationships = { organization: link('organizations', id) };
  const narrow = document('apiKeys', { name: 'N', scopes: ['members:read'] }, { relationships });
  const { body } = await app.platform.post(`${S}/apiKeys`, narrow);
  expectDenied(await app.as(body.data.attributes.secret).get(PATH), 'organizations:read');
});
