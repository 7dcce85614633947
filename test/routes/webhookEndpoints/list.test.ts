import { type Body, type Client, createOrganization, M, startApp, type TestApp } from '../../support/app';
import { colleague, founder } from '../people';
import { defaultEndpointId } from '../webhooks';
import { create, PATH, patch, URL } from './endpoints';

let app: TestApp;
let partner: Client;
let organization: string;
let token: string;
/** Ids by what they are. */
const made: Record<string, string> = {};
beforeAll(async () => {
  app = await startApp();
  partner = await app.partner();
  const own = await createOrganization(partner, { webhookUrl: URL });
  organization = own.id;
  token = own.attributes.token;
  made.default = (await defaultEndpointId(app, organization)) as string;
  for (const [name, attributes] of Object.entries({
    plain: { externalId: 'e-1', metadata: { team: 'blue' } },
    strict: { ordering: 'strict', payload: 'thin', signature: 'v1a' },
    off: { disabled: true, url: 'https://off.example.com/' },
    gone: {},
  })) {
    made[name] = (await create(partner, organization, attributes)).id;
  }
  await partner.delete(`${PATH}/${made.gone}`);
  await app.db.query(
    'update webhook_endpoints set disabled = true, auto_disabled = true, failing_since = now() where id = $1',
    [made.strict],
  );
  await create(app.platform, (await createOrganization(app.platform)).id);
});
afterAll(() => app.close());

const namesIn = ({ data }: Body) =>
  data.map(({ id }: Body) => Object.entries(made).find(([, each]) => each === id)?.[0]).sort();

test.each([
  ['filter[status]=enabled', ['default', 'plain']],
  ['filter[status]=auto_disabled', ['strict']],
  ['filter[status][in]=disabled,auto_disabled', ['off', 'strict']],
  ['filter[disabled]=true', ['off', 'strict']],
  ['filter[isDefault]=true', ['default']],
  ['filter[signature]=v1a', ['strict']],
  ['filter[ordering]=strict', ['strict']],
  ['filter[payload]=thin', ['strict']],
  ['filter[url][startsWith]=https://off.', ['off']],
  ['filter[externalId]=e-1', ['plain']],
  ['filter[metadata.team]=blue', ['plain']],
  ['filter[failingSince][null]=false', ['strict']],
])('a list is filtered: ?%s', async (query, expected) => {
  const { body } = await partner.get(`${PATH}?${query}`);
  expect(namesIn(body)).toEqual(expected);
  expect([body.meta.total, body.meta.totalUnfiltered]).toEqual([expected.length, 4]);
});

test('everybody sees those of his organizations, and nobody the deleted ones', async () => {
  const all = ['default', 'off', 'plain', 'strict'];
  for (const asker of [partner, app.as(token)]) {
    const { body } = await asker.get(PATH);
    expect([namesIn(body), body.meta.total]).toEqual([all, 4]);
  }
  const { body } = await app.platform.get(PATH);
  expect([body.data.length, body.meta.total]).toEqual([5, 5]);
  const related = await partner.get(`${M}/organizations/${organization}/webhookEndpoints`);
  expect(namesIn(related.body)).toEqual(all);
  const included = await partner.get(`${M}/organizations/${organization}?include=webhookEndpoints`);
  expect(namesIn({ data: included.body.included })).toEqual(all);
});

test('a user sees those of the organizations where he may read them', async () => {
  const { owner, organization: own } = await founder(app);
  const { id } = await create(owner, own.id);
  const admin = await colleague(app, own.id, 'admin');
  expect((await admin.get(PATH)).body.data.map((each: Body) => each.id)).toEqual([id]);
  const member = await colleague(app, own.id, 'member');
  expect((await member.get(PATH)).body.data).toEqual([]);
  expect((await member.get(`${PATH}?filter[organizationId]=${own.id}`)).status).toBe(403);
});

test('totals follow what is deleted, and what becomes of its organization', async () => {
  const { id } = await createOrganization(partner, { webhookUrl: URL });
  const other = await create(partner, id);
  const total = async () => (await partner.get(`${PATH}?page[size]=1`)).body.meta.total;
  const before = await total();
  await partner.delete(`${PATH}/${other.id}`);
  expect(await total()).toBe(before - 1);
  await partner.delete(`${M}/organizations/${id}`);
  expect(await total()).toBe(before - 2);
  await partner.post(`${M}/organizations/${id}/restore`);
  expect(await total()).toBe(before - 1);
  await app.platform.delete(`${M}/organizations/${id}?purgeNow=true`);
  expect(await total()).toBe(before - 2);
});

test('newest first, or as it is asked', async () => {
  await app.db.query(
    "update webhook_endpoints set created_at = '2026-01-01', updated_at = '2026-01-01' where id = $1",
    [made.plain],
  );
  expect((await partner.get(PATH)).body.data.at(-1).id).toBe(made.plain);
  await patch(partner, made.plain as string, { description: 'Newest change' });
  expect((await partner.get(`${PATH}?sort=createdAt`)).body.data[0].id).toBe(made.plain);
});
