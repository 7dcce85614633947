import { eventOf, inEvents, told, userActor } from '../../events/feed';
import { errorsOf } from '../../jsonapi/world';
import { type Body, createOrganization, document, link, NIL, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, patch } from '../crew';
import { created, ID, single, TIME } from '../documents';
import { moved, walletOf } from '../money';
import { limited } from '../overageLimits/limiting';
import { PATH, watch, watched } from './watching';

let app: TestApp;
let crews: Crews;
let crew: Crew;
let wallet: string;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
});
afterAll(() => app.close());
beforeEach(async () => {
  crew = await crews.make();
  wallet = (await walletOf(app.platform, crew.id)).id;
});

const BELOW = { direction: 'below', value: 100 };

test('the answer is 201 with the whole resource, and it is told [domain 4.13]', async () => {
  const { answer, events } = await told(app, crew.id, () =>
    watch(crew.billing, wallet, { ...BELOW, recurringStep: 10 }),
  );
  expect(answer.status).toBe(201);
  const { id } = answer.body.data;
  const self = `${PATH}/${id}`;
  const toOne = (name: string, type: string, to: string) => ({
    links: { self: `${self}/relationships/${name}`, related: `${self}/${name}` },
    data: { type, id: to },
  });
  const resource = {
    id: ID,
    type: 'walletAlerts',
    attributes: {
      createdAt: TIME,
      updatedAt: TIME,
      direction: 'below',
      value: 100,
      percentOfLimit: null,
      recurringStep: 10,
      notifyOnResolved: false,
      lastSide: 'below',
      lastValue: null,
      lastThreshold: null,
    },
    relationships: {
      organization: toOne('organization', 'organizations', crew.id),
      wallet: toOne('wallet', 'wallets', wallet),
    },
    links: { self },
  };
  expect(answer.body).toEqual(created(resource));
  expect((await crew.auditor.get(self)).body).toEqual(single(resource));
  expect(events).toEqual([
    eventOf('wallet_alert.created', crew.id, {
      actor: userActor(crew.billing),
      answer,
      data: inEvents(answer.body.data),
    }),
  ]);
});

test.each([
  ['no direction', { value: 1 }, ['422', 'required', '/data/attributes']],
  ['no threshold', { direction: 'below' }, ['422', 'required', '/data/attributes']],
  ['two thresholds', { ...BELOW, percentOfLimit: 50 }, ['422', 'not_allowed', '/data/attributes/percentOfLimit']],
  ['0 %', { direction: 'below', percentOfLimit: 0 }, ['422', 'not_allowed', '/data/attributes/percentOfLimit']],
  ['101 %', { direction: 'below', percentOfLimit: 101 }, ['422', 'not_allowed', '/data/attributes/percentOfLimit']],
  ['half of one', { direction: 'below', value: 0.5 }, ['422', 'invalid_format', '/data/attributes/value']],
  ['a step of 0', { ...BELOW, recurringStep: 0 }, ['422', 'not_allowed', '/data/attributes/recurringStep']],
  ['another direction', { direction: 'beside', value: 1 }, ['422', 'not_allowed', '/data/attributes/direction']],
])('%s is refused', async (_title, attributes, expected) => {
  expect(errorsOf(await watch(crew.owner, wallet, attributes))).toEqual([expected]);
});

test('a wallet is named that the caller sees, in its own organization', async () => {
  const other = await createOrganization(app.platform);
  const theirs = (await walletOf(app.platform, other.id)).id;
  for (const id of [theirs, NIL]) {
    expect(errorsOf(await watch(crew.owner, id, BELOW))).toEqual([
      ['404', 'not_found', '/data/relationships/wallet/data'],
    ]);
  }
  const relationships = { wallet: link('wallets', wallet), organization: link('organizations', other.id) };
  expect(errorsOf(await app.platform.post(PATH, document('walletAlerts', BELOW, { relationships })))).toEqual([
    ['422', 'not_allowed', '/data/relationships/organization/data'],
  ]);
  expect(errorsOf(await app.platform.post(PATH, document('walletAlerts', BELOW)))).toEqual([
    ['422', 'required', '/data'],
  ]);
});

test('owners and billing set them, whoever reads wallets reads them', async () => {
  for (const asker of [crew.admin, crew.auditor]) {
    const { status, body } = await watch(asker, wallet, BELOW);
    expect([status, body.errors[0].meta.required]).toEqual([403, 'overages:update']);
  }
  const { links } = await watched(crew.owner, wallet, BELOW);
  expect([(await crew.admin.get(links.self)).status, (await crew.member.get(links.self)).status]).toEqual([200, 403]);
  expect((await crew.admin.delete(links.self)).status).toBe(403);
});

test('a wallet has 20 at the most, however many are made at a time', async () => {
  for (let i = 0; i < 17; i++) await watched(app.platform, wallet, { direction: 'below', value: i });
  const answers = await Promise.all(Array.from({ length: 6 }, () => watch(app.platform, wallet, BELOW)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 409, 409, 409]);
  const refused = await watch(crew.owner, wallet, BELOW);
  expect([errorsOf(refused), refused.body.errors[0].meta]).toEqual([
    [['409', 'quota_exceeded', undefined]],
    { limit: 20, used: 20 },
  ]);
  const { body } = await crew.owner.get(`${PATH}?filter[walletId]=${wallet}&filter[direction]=below&sort=createdAt`);
  expect(body.meta).toMatchObject({ total: 20, totalUnfiltered: 20 });
  const related = await crew.owner.get(`/public/v2/wallets/${wallet}/alerts`);
  expect(related.body.meta.total).toBe(20);
  await crew.owner.delete(body.data[0].links.self);
  expect((await watch(crew.owner, wallet, BELOW)).status).toBe(201);
});

describe('a change', () => {
  test('takes another threshold, and keeps to one', async () => {
    const { id, links } = await watched(crew.owner, wallet, { ...BELOW, notifyOnResolved: true });
    const change = (attributes: object) => patch(crew.owner, 'walletAlerts', links.self, attributes);
    expect(errorsOf(await change({ percentOfLimit: 50 }))).toEqual([
      ['422', 'not_allowed', '/data/attributes/percentOfLimit'],
    ]);
    expect(errorsOf(await change({ value: null }))).toEqual([['422', 'required', '/data/attributes']]);
    const { answer, events } = await told(app, crew.id, () => change({ value: null, percentOfLimit: 50 }));
    expect(answer.body.data.attributes).toMatchObject({ value: null, percentOfLimit: 50, notifyOnResolved: true });
    expect(events).toMatchObject([
      {
        type: 'wallet_alert.updated',
        data: { id },
        previous: { attributes: { value: 100, percentOfLimit: null, lastSide: 'below' } },
      },
    ]);
    await change({ recurringStep: 5, direction: 'above' });
    expect((await change({ recurringStep: null })).body.data.attributes).toMatchObject({
      recurringStep: null,
      direction: 'above',
    });
  });

  test('of a version that is not the one read any more is refused (INV-59)', async () => {
    const { links } = await watched(crew.owner, wallet, BELOW);
    const old = { 'If-Match': (await crew.owner.get(links.self)).headers.etag as string };
    await patch(crew.owner, 'walletAlerts', links.self, { value: 1 });
    expect((await crew.owner.delete(links.self, old)).status).toBe(412);
  });
});

test('deleted, it is told and gone', async () => {
  const alert = await watched(crew.owner, wallet, BELOW);
  const { answer, events } = await told(app, crew.id, () => crew.owner.delete(alert.links.self));
  expect(answer.status).toBe(204);
  expect(events).toMatchObject([{ type: 'wallet_alert.deleted', data: inEvents(alert) }]);
  expect((await crew.owner.get(alert.links.self)).status).toBe(404);
  expect((await told(app, crew.id, () => moved(app.platform, crew.id, 'topup', { amount: 200 }))).types).toEqual([
    'wallet.topped_up',
  ]);
});

test('where the wallet is is known from the first, and follows each change of the threshold', async () => {
  await limited(crew.owner, crew.id, { maxOverage: 100 });
  await moved(app.platform, crew.id, 'charge', { amount: 60 });
  const sideOf = async (attributes: object) => (await watched(crew.owner, wallet, attributes)).attributes.lastSide;
  expect([
    await sideOf({ direction: 'below', value: -59 }),
    await sideOf({ direction: 'below', value: -60 }),
    await sideOf({ direction: 'above', value: -60 }),
    await sideOf({ direction: 'above', value: -61 }),
    await sideOf({ direction: 'below', percentOfLimit: 60 }),
    await sideOf({ direction: 'below', percentOfLimit: 61 }),
    await sideOf({ direction: 'above', percentOfLimit: 60 }),
    await sideOf({ direction: 'above', percentOfLimit: 61 }),
  ]).toEqual(['below', 'above', 'below', 'above', 'below', 'above', 'below', 'above']);
  const { links } = await watched(crew.owner, wallet, BELOW);
  const { body } = (await patch(crew.owner, 'walletAlerts', links.self, { value: -80 })) as { body: Body };
  expect(body.data.attributes.lastSide).toBe('above');
});
