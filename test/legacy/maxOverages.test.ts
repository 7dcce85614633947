import { told } from '../events/feed';
import { statementsOf } from '../jsonapi/world';
import { move, walletOf } from '../routes/money';
import {
  type Body,
  type Client,
  createOrganization,
  NIL,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { join, seen, shown } from './people';

/** The limit of the wallet that comes with an organization, as /organization sets it. */

let app: TestApp;
let owner: Person;
let stranger: Person;
let partner: Client & { id: string };

interface Made {
  id: string;
  key: Client;
  charge: string;
  limit: string;
}

/** An organization with this much in its wallet. */
async function made(asker: Client, balance = 0): Promise<Made> {
  const { id, attributes } = await createOrganization(asker);
  if (balance > 0) await move(app.platform, id, 'topup', { amount: balance });
  return {
    id,
    key: app.as(attributes.token),
    charge: `/api/admin/organizations/${id}/charge`,
    limit: `/organization/${id}/max-overages`,
  };
}
const balanceOf = async ({ id }: Made): Promise<number> => (await walletOf(app.platform, id)).attributes.balance;

beforeAll(async () => {
  app = await startApp();
  [owner, stranger, partner] = [await app.user(), await app.user(), await app.partner()];
});
afterAll(() => app.close());

const state = ({ id }: Made, more: object = {}) => ({
  organizationId: id,
  maxOverages: 0,
  overageUsed: 0,
  balance: 0,
  asset: 'USD',
  ...more,
});
const failed = (code: string, message: string, fields?: object) => ({
  error: { code, message, ...(fields && { fields }) },
});

test('200 with the limit and the wallet behind it; null is none', async () => {
  const own = await made(owner);
  for (const maxOverages of [500, null, 0, 9_007_199_254_740_991]) {
    const answer = await owner.patch(own.limit, { maxOverages });
    expect(shown(answer)).toEqual([200, state(own, { maxOverages })]);
    expect(Object.keys(answer.body)).toEqual(Object.keys(state(own)));
    expect((await owner.get(`/organization/${own.id}`)).body.maxOverages).toBe(maxOverages);
    const { body } = await owner.get(`${S}/overageLimits?filter[organizationId]=${own.id}`);
    expect(body.data.map(({ attributes }: Body) => [attributes.maxOverage, attributes.service])).toEqual([
      [maxOverages, null],
    ]);
  }
});

test('tells how far below zero it is; a limit that is lower than that takes nothing back (INV-46)', async () => {
  const own = await made(partner, 100);
  await partner.patch(own.limit, { maxOverages: 1000 });
  expect((await partner.post(own.charge, { amount: 500, service: 'sms', sms_point: 1 })).status).toBe(200);
  const lower = { maxOverages: 300, overageUsed: 400, balance: -400 };
  expect(shown(await partner.patch(own.limit, { maxOverages: 300 }))).toEqual([200, state(own, lower)]);
  expect((await partner.post(own.charge, { amount: 1, service: 'sms', sms_point: 1 })).status).toBe(402);
  expect((await move(app.platform, own.id, 'topup', { amount: 200 })).status).toBe(201);
  expect((await partner.post(own.charge, { amount: 100, service: 'sms', sms_point: 1 })).status).toBe(200);
  expect(await balanceOf(own)).toBe(-300);
});

test.each([
  ['nothing', {}, 'required', 'maxOverages is required.'],
  ['less than zero', { maxOverages: -1 }, 'not_allowed', 'maxOverages must be >= 0.'],
  ['a text', { maxOverages: '500' }, 'invalid_format', 'maxOverages must be integer or null.'],
])('400 for %s, with the field', async (_what, sent, code, message) => {
  const own = await made(owner);
  expect(shown(await owner.patch(own.limit, sent))).toEqual([400, failed(code, message, { maxOverages: message })]);
  expect((await owner.get(`/organization/${own.id}`)).body.maxOverages).toBe(0);
});

test('an owner, billing, the key, the partner and the platform may; 403 for the rest, 404 for strangers', async () => {
  const own = await made(partner);
  const allowed = [
    await join(app, own.id, 'owner'),
    await join(app, own.id, 'billing'),
    own.key,
    partner,
    app.platform,
  ];
  for (const client of allowed) expect((await client.patch(own.limit, { maxOverages: 7 })).status).toBe(200);
  for (const role of ['admin', 'auditor', 'member']) {
    const person = await join(app, own.id, role);
    expect(shown(await person.patch(own.limit, { maxOverages: 8 }))).toEqual([
      403,
      failed('permission_denied', 'Your roles here lack the permission overages:update.'),
    ]);
  }
  const answer = await stranger.patch(own.limit, { maxOverages: 8 });
  expect(shown(answer)).toEqual([404, failed('not_found', 'There is no such resource.')]);
  expect(seen(await stranger.patch(`/organization/${NIL}/max-overages`, { maxOverages: 8 }))).toEqual(seen(answer));
  expect((await partner.get(`/organization/${own.id}`)).body.maxOverages).toBe(7);
});

test('is told as a limit of JSON:API is, once', async () => {
  const own = await made(owner);
  const set = () => told(app, own.id, () => owner.patch(own.limit, { maxOverages: 500 }));
  expect((await set()).events).toMatchObject([
    {
      type: 'overage_limit.updated',
      data: { type: 'overageLimits', attributes: { asset: 'USD', service: null, maxOverage: 500 } },
      previous: { attributes: { maxOverage: 0 } },
    },
  ]);
  expect((await set()).types).toEqual([]);
});

test('every answer of the surface shows it', async () => {
  const own = await made(owner);
  await owner.patch(own.limit, { maxOverages: 70 });
  const path = `/organization/${own.id}`;
  const member = await join(app, own.id, 'member');
  for (const answer of [
    await owner.get(path),
    await member.get(path),
    await owner.put(path, { name: 'Other' }),
    await owner.delete(`${path}/member/${member.id}`),
  ]) {
    expect(answer.body.maxOverages).toBe(70);
  }
  const { body } = await owner.get('/organization/list');
  expect(body.find(({ id }: Body) => id === own.id).maxOverages).toBe(70);
});

test('a list takes as many statements, however long it is', async () => {
  const person = await app.user();
  const statements = async () => (await statementsOf(() => person.get('/organization/list'))).length;
  await createOrganization(person);
  const few = await statements();
  for (let i = 0; i < 4; i++) await createOrganization(person);
  expect(await statements()).toBe(few);
});

test('set by many at a time, there is one limit, and it is one of theirs', async () => {
  const own = await made(owner);
  const set = (maxOverages: number) => owner.patch(own.limit, { maxOverages });
  const answers = await Promise.all(Array.from({ length: 8 }, (_each, i) => set(i + 1)));
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
  const { body } = await owner.get(`${S}/overageLimits?filter[organizationId]=${own.id}`);
  const { maxOverages } = (await owner.get(`/organization/${own.id}`)).body;
  expect([body.meta.total, body.data[0].attributes.maxOverage]).toEqual([1, maxOverages]);
});
