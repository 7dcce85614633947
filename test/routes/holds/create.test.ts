import { eventOf, inEvents, told, userActor } from '../../events/feed';
import { errorsOf } from '../../jsonapi/world';
import { createOrganization, document, link, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, patch } from '../crew';
import { ID, single, TIME } from '../documents';
import { keyed, moved, walletOf } from '../money';
import { limited } from '../overageLimits/limiting';
import { capture, expire, hold, holdDocument, PATH, place } from './holding';

const DAY_MS = 86_400_000;

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

const topUp = (amount: number) => moved(app.platform, crew.id, 'topup', { amount });
const stateOf = async () => {
  const { balance, held, available, overageUsed } = (await walletOf(app.platform, crew.id)).attributes;
  return { balance, held, available, overageUsed };
};

test('the answer is 201 with the whole hold and the wallet behind it: the balance stays, what is available falls (9.6)', async () => {
  await topUp(100);
  const given = { amount: 30, service: 'storage', reason: 'A stay' };
  const { answer, events } = await told(app, crew.id, () => hold(crew.billing, crew.id, given));
  expect([answer.status, answer.body.meta]).toEqual([
    201,
    { wallet: { balance: 100, held: 30, available: 70, overageUsed: 0 } },
  ]);
  const { id } = answer.body.data;
  const self = `${PATH}/${id}`;
  const links = (name: string) => ({ self: `${self}/relationships/${name}`, related: `${self}/${name}` });
  const wallet = await walletOf(app.platform, crew.id);
  const resource = {
    id: ID,
    type: 'holds',
    attributes: {
      createdAt: TIME,
      updatedAt: TIME,
      ...given,
      captured: 0,
      released: 0,
      asset: 'USD',
      status: 'open',
      expiresAt: TIME,
    },
    relationships: {
      organization: { links: links('organization'), data: { type: 'organizations', id: crew.id } },
      wallet: { links: links('wallet'), data: { type: 'wallets', id: wallet.id } },
      transactions: { links: links('transactions') },
    },
    links: { self },
  };
  expect(answer.body.data).toEqual(resource);
  expect(answer.headers.location).toBe(self);
  expect((await crew.auditor.get(self)).body).toEqual(single(resource));
  const ahead = Date.parse(answer.body.data.attributes.expiresAt) - Date.now();
  expect(ahead / DAY_MS).toBeCloseTo(7, 2);
  expect(events).toEqual([
    eventOf('wallet.hold_placed', crew.id, {
      actor: userActor(crew.billing),
      answer,
      data: inEvents(answer.body.data),
    }),
  ]);
  expect(wallet.attributes).toMatchObject({ balance: 100, held: 30, available: 70 });
  const { body } = await crew.billing.get(`${self}/transactions`);
  expect(body.data).toMatchObject([
    { attributes: { kind: 'hold', amount: 30, balanceAfter: 100 }, relationships: { hold: { data: { id } } } },
  ]);
});

test('it names a wallet, or an organization and an asset; a key of one organization need name nothing', async () => {
  await topUp(10);
  await moved(app.platform, crew.id, 'topup', { amount: 5, asset: 'EUR' });
  const wallet = await walletOf(app.platform, crew.id, 'EUR');
  const named = (attributes: object, more: object = {}) =>
    app.platform.post(
      PATH,
      document(
        'holds',
        { amount: 1, ...attributes },
        { relationships: { wallet: link('wallets', wallet.id), ...more } },
      ),
      keyed(),
    );
  expect((await named({})).body.data.attributes.asset).toBe('EUR');
  expect((await place(crew.owner, crew.id, { amount: 1, asset: 'EUR' })).relationships.wallet.data.id).toBe(wallet.id);
  const bare = await app.as(crew.token).post(PATH, document('holds', { amount: 1 }), keyed());
  expect([bare.status, bare.body.data.attributes.asset]).toEqual([201, 'USD']);
  expect(errorsOf(await named({ asset: 'USD' }))).toEqual([['422', 'not_allowed', '/data/attributes/asset']]);
  const other = await createOrganization(app.platform);
  expect(errorsOf(await named({}, { organization: link('organizations', other.id) }))).toEqual([
    ['422', 'not_allowed', '/data/relationships/organization/data'],
  ]);
  expect(errorsOf(await app.platform.post(PATH, document('holds', { amount: 1 }), keyed()))).toEqual([
    ['422', 'required', '/data'],
  ]);
  expect(errorsOf(await hold(crew.owner, other.id, { amount: 1 }))).toEqual([
    ['404', 'not_found', '/data/relationships/organization/data'],
  ]);
});

const ahead = (ms: number) => new Date(Date.now() + ms).toISOString();

test.each([
  ['no amount', () => ({}), ['422', 'required', '/data/attributes']],
  ['nothing', () => ({ amount: 0 }), ['422', 'not_allowed', '/data/attributes/amount']],
  ['a part', () => ({ amount: 1.5 }), ['422', 'invalid_format', '/data/attributes/amount']],
  ['an unknown service', () => ({ amount: 1, service: 'fax' }), ['422', 'not_allowed', '/data/attributes/service']],
  [
    'an end that is over',
    () => ({ amount: 1, expiresAt: ahead(-1_000) }),
    ['422', 'not_allowed', '/data/attributes/expiresAt'],
  ],
  [
    'an end in 31 days',
    () => ({ amount: 1, expiresAt: ahead(31 * DAY_MS) }),
    ['422', 'not_allowed', '/data/attributes/expiresAt'],
  ],
])('%s is refused', async (_title, attributes, expected) => {
  expect(errorsOf(await hold(app.platform, crew.id, attributes()))).toEqual([expected]);
});

test('an end up to 30 days ahead is taken, in whole seconds', async () => {
  await topUp(2);
  const end = new Date(Date.now() + 30 * DAY_MS - 1_000);
  const { attributes } = await place(app.platform, crew.id, { amount: 1, expiresAt: end.toISOString() });
  expect(attributes.expiresAt).toBe(`${end.toISOString().slice(0, 19)}+00:00`);
});

test('without an Idempotency-Key nothing is held and nothing captured; with one, once (INV-48)', async () => {
  await topUp(10);
  const refused = [['400', 'idempotency_key_required', 'Idempotency-Key']];
  const asked = holdDocument(crew.id, { amount: 4 });
  expect(errorsOf(await crew.owner.post(PATH, asked))).toEqual(refused);
  const headers = keyed();
  const first = await crew.owner.post(PATH, asked, headers);
  const again = await crew.owner.post(PATH, asked, headers);
  expect([again.text, again.headers['idempotent-replayed']]).toEqual([first.text, 'true']);
  const { self } = first.body.data.links;
  expect(errorsOf(await crew.owner.post(`${self}/capture`))).toEqual(refused);
  const key = keyed();
  const taken = await crew.owner.post(`${self}/capture`, undefined, key);
  expect([taken.status, (await crew.owner.post(`${self}/capture`, undefined, key)).text]).toEqual([200, taken.text]);
  expect(await stateOf()).toMatchObject({ balance: 6, held: 0 });
});

test('holds reach down to the limit, that of the service if there is one, and not one further (INV-46)', async () => {
  await topUp(10);
  expect(errorsOf(await hold(crew.owner, crew.id, { amount: 11 }))).toEqual([['402', 'insufficient_funds', undefined]]);
  await limited(crew.owner, crew.id, { maxOverage: 5 });
  await limited(crew.owner, crew.id, { service: 'storage', maxOverage: 8 });
  await place(crew.owner, crew.id, { amount: 15 });
  const refused = await hold(crew.owner, crew.id, { amount: 1 });
  expect([errorsOf(refused), refused.body.errors[0].meta]).toEqual([
    [['402', 'overage_limit_exceeded', undefined]],
    { asset: 'USD', amount: 1, available: 0 },
  ]);
  await place(crew.owner, crew.id, { amount: 3, service: 'storage' });
  expect((await hold(crew.owner, crew.id, { amount: 1, service: 'storage' })).status).toBe(402);
  // Held, not taken: nothing of the overage is used yet.
  expect(await stateOf()).toEqual({ balance: 10, held: 18, available: -3, overageUsed: 0 });
});

test('a frozen wallet and a suspended organization hold nothing (INV-50, domain 6.1)', async () => {
  await topUp(10);
  const { links } = await walletOf(app.platform, crew.id);
  await patch(app.platform, 'wallets', links.self, { status: 'frozen' });
  expect(errorsOf(await hold(crew.owner, crew.id, { amount: 1 }))).toEqual([['409', 'wallet_frozen', undefined]]);
  await patch(app.platform, 'wallets', links.self, { status: 'active' });
  await patch(app.platform, 'organizations', crew.self, { status: 'suspended', statusReason: 'late' });
  expect(errorsOf(await hold(app.platform, crew.id, { amount: 1 }))).toEqual([
    ['403', 'organization_suspended', undefined],
  ]);
});

test('owners, admins and billing hold, capture and void; auditors read', async () => {
  await topUp(10);
  const { links } = await place(crew.admin, crew.id, { amount: 1 });
  for (const refused of [
    await hold(crew.auditor, crew.id, { amount: 1 }),
    await capture(crew.auditor, links.self),
    await crew.auditor.post(`${links.self}/void`),
  ]) {
    expect([refused.status, refused.body.errors[0].meta.required]).toEqual([403, 'wallets:hold']);
  }
  expect((await crew.member.get(links.self)).status).toBe(403);
});

test('lists are filtered by wallet, status, service and end, and count what there is', async () => {
  await topUp(100);
  const [one, two, three] = [
    await place(app.platform, crew.id, { amount: 1, service: 'storage' }),
    await place(app.platform, crew.id, { amount: 2, expiresAt: ahead(DAY_MS) }),
    await place(app.platform, crew.id, { amount: 3 }),
  ];
  await capture(app.platform, three.links.self);
  const list = async (query: string) => {
    const { body } = await crew.auditor.get(`${PATH}?sort=createdAt,id&${query}`);
    return [body.data.map(({ id }: { id: string }) => id), body.meta.total, body.meta.totalUnfiltered];
  };
  const of = `filter[organizationId]=${crew.id}`;
  expect(await list(of)).toEqual([[one.id, two.id, three.id], 3, 3]);
  expect(await list('filter[status]=open')).toEqual([[one.id, two.id], 2, 3]);
  expect(await list('filter[service]=storage')).toEqual([[one.id], 1, 3]);
  expect(await list(`filter[expiresAt][lt]=${encodeURIComponent(ahead(2 * DAY_MS))}`)).toEqual([[two.id], 1, 3]);
  expect(await list(`filter[walletId]=${one.relationships.wallet.data.id}&filter[asset]=EUR`)).toEqual([[], 0, 3]);
  await expire(app, one.id);
  expect(await list('filter[status]=expired')).toEqual([[one.id], 1, 3]);
  expect((await crew.auditor.get(`${S}/wallets/${one.relationships.wallet.data.id}/holds`)).body.meta.total).toBe(3);
});
