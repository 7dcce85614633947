import { told } from '../../events/feed';
import { errorsOf } from '../../jsonapi/world';
import { createOrganization, document, M, NIL, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, ownedDocument } from '../crew';
import { created, ID, single, TIME } from '../documents';
import { moved, walletOf } from '../money';
import { limit, limited, PATH } from './limiting';

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp({ WALLET_SERVICES: 'storage' });
  crews = await Crews.of(app);
});
afterAll(() => app.close());
beforeEach(async () => {
  crew = await crews.make();
});

const availableIn = async (asset = 'USD') => (await walletOf(app.platform, crew.id, asset)).attributes.available;

test('the answer is 201 with the whole resource, and the wallet has more to spend at once [domain 4.13]', async () => {
  const before = await walletOf(app.platform, crew.id);
  const { answer, events } = await told(app, crew.id, () =>
    limit(crew.billing, crew.id, { asset: 'USD', maxOverage: 500 }),
  );
  expect(answer.status).toBe(201);
  const { id } = answer.body.data;
  const self = `${PATH}/${id}`;
  const resource = {
    id: ID,
    type: 'overageLimits',
    attributes: { createdAt: TIME, updatedAt: TIME, asset: 'USD', service: null, maxOverage: 500 },
    relationships: {
      organization: {
        links: { self: `${self}/relationships/organization`, related: `${self}/organization` },
        data: { type: 'organizations', id: crew.id },
      },
    },
    links: { self },
  };
  expect(answer.body).toEqual(created(resource));
  expect((await crew.auditor.get(self)).body).toEqual(single(resource));
  expect(events).toMatchObject([
    {
      type: 'overage_limit.updated',
      data: { type: 'overageLimits', id, attributes: { maxOverage: 500 } },
      previous: { attributes: { maxOverage: 0 } },
    },
  ]);
  const after = await app.platform.get(before.links.self);
  expect([before.attributes.available, after.body.data.attributes.available]).toEqual([0, 500]);
  // It is another version of the wallet.
  const unchanged = document('wallets', { status: 'frozen' }, { id: before.id });
  const tag = `"1.${'x'.repeat(10)}"`;
  expect((await app.platform.patch(before.links.self, unchanged, { 'If-Match': tag })).status).toBe(412);
});

test('without anything it is 0 in the asset of the wallet that comes with an organization', async () => {
  const { attributes } = await limited(crew.owner, crew.id, {});
  expect(attributes).toMatchObject({ asset: 'USD', service: null, maxOverage: 0 });
});

test('there is one for each asset and service, also when two are made at a time', async () => {
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_each, i) => limit(app.platform, crew.id, { maxOverage: i })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(5).fill(409)]);
  await limited(crew.owner, crew.id, { asset: 'EUR' });
  await limited(crew.owner, crew.id, { service: 'sms' });
  await limited(crew.owner, crew.id, { service: 'storage', maxOverage: null });
  expect(errorsOf(await limit(crew.owner, crew.id, {}))).toEqual([['409', 'limit_exists', '/data/attributes/asset']]);
  expect(errorsOf(await limit(crew.owner, crew.id, { service: 'sms' }))).toEqual([
    ['409', 'limit_exists', '/data/attributes/service'],
  ]);
  const other = await createOrganization(app.platform);
  await limited(app.platform, other.id, {});
  const { body } = await crew.owner.get(`${PATH}?filter[organizationId]=${crew.id}&filter[asset]=USD`);
  expect([body.meta.total, body.meta.totalUnfiltered]).toEqual([3, 4]);
  expect((await crew.owner.get(`${M}/organizations/${crew.id}/overageLimits`)).body.meta.total).toBe(4);
  expect((await app.platform.get(PATH)).body.meta.total).toBeGreaterThanOrEqual(5);
});

test('a limit of a service tells what was in force for it before', async () => {
  await limited(crew.owner, crew.id, { maxOverage: 100 });
  const { events } = await told(app, crew.id, () => limited(crew.owner, crew.id, { service: 'sms', maxOverage: null }));
  expect(events).toMatchObject([
    { data: { attributes: { maxOverage: null } }, previous: { attributes: { maxOverage: 100 } } },
  ]);
  // What one service may does not say what the wallet may.
  expect(await availableIn()).toBe(100);
});

test.each([
  ['less than nothing', { maxOverage: -1 }, ['422', 'not_allowed', '/data/attributes/maxOverage']],
  ['a part', { maxOverage: 0.5 }, ['422', 'invalid_format', '/data/attributes/maxOverage']],
  ['text', { maxOverage: '5' }, ['422', 'invalid_format', '/data/attributes/maxOverage']],
  ['more than can be kept exactly', { maxOverage: 2 ** 53 }, ['422', 'not_allowed', '/data/attributes/maxOverage']],
  ['no asset', { asset: 'usd' }, ['422', 'invalid_format', '/data/attributes/asset']],
  ['an unknown service', { service: 'fax' }, ['422', 'not_allowed', '/data/attributes/service']],
])('%s is refused', async (_title, attributes, expected) => {
  expect(errorsOf(await limit(crew.owner, crew.id, attributes))).toEqual([expected]);
});

test('only owners and billing set one, in their own organization, and everybody else is told what he lacks', async () => {
  for (const asker of [crew.admin, crew.auditor, crew.member]) {
    const { status, body } = await limit(asker, crew.id, {});
    expect([status, body.errors[0].meta.required]).toEqual([403, 'overages:update']);
  }
  const other = await createOrganization(app.platform);
  expect(errorsOf(await limit(crew.owner, other.id, {}))).toEqual([
    ['404', 'not_found', '/data/relationships/organization/data'],
  ]);
  expect((await limit(app.platform, NIL, {})).status).toBe(404);
  expect(errorsOf(await app.platform.post(PATH, document('overageLimits', {})))).toEqual([
    ['422', 'required', '/data'],
  ]);
  expect((await app.as(crew.token).post(PATH, document('overageLimits', {}))).status).toBe(201);
  expect((await crew.member.get(`${PATH}?filter[organizationId]=${crew.id}`)).status).toBe(403);
});

test('totals follow what is deleted, restored and purged', async () => {
  const partner = await app.partner();
  const { id, links } = await createOrganization(partner);
  await limited(partner, id, {});
  await limited(partner, id, { asset: 'EUR' });
  const totals = async () => (await partner.get(PATH)).body.meta.total;
  expect(await totals()).toBe(2);
  await partner.delete(links.self);
  expect(await totals()).toBe(0);
  await partner.post(`${links.self}/restore`);
  expect(await totals()).toBe(2);
  expect((await app.platform.delete(`${links.self}?purgeNow=true`)).status).toBe(204);
  expect(await totals()).toBe(0);
  expect((await app.platform.get(`${PATH}?filter[organizationId]=${id}`)).body.meta.total).toBe(0);
});

test('a charge goes below zero by it, and not by one more (INV-46)', async () => {
  await limited(crew.owner, crew.id, { maxOverage: 10 });
  await moved(app.platform, crew.id, 'charge', { amount: 10 });
  const refused = await app.platform.post(
    `${S}/walletTransactions`,
    ownedDocument('walletTransactions', crew.id, { kind: 'charge', amount: 1 }),
    { 'Idempotency-Key': 'x' },
  );
  expect(errorsOf(refused)).toEqual([['402', 'overage_limit_exceeded', undefined]]);
});
