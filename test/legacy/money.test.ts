import { freshKey, isReplay, keyed } from '../http/keyed';
import { addsUp, move, walletOf } from '../routes/money';
import {
  type Body,
  type Client,
  createOrganization,
  M,
  NIL,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { join, seen, shown } from './people';

/** The two calls of the other surfaces that are about money: the charge of /api, the limit of /organization. */

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
const balanceOf = async ({ id }: Made, asset = 'USD'): Promise<number | undefined> =>
  (await walletOf(app.platform, id, asset))?.attributes.balance;

beforeAll(async () => {
  app = await startApp();
  [owner, stranger, partner] = [await app.user(), await app.user(), await app.partner()];
});
afterAll(() => app.close());

describe('charge an organization’s wallet', () => {
  const sent = { amount: 1000, service: 'sms', sms_point: 100, reason: 'Monthly SMS package' };
  const done = { success: true, message: 'Charge processed successfully', data: null };
  const failed = (message: string, fields?: object) => ({ success: false, message, ...(fields && { errors: fields }) });
  const invalid = (errors: Record<string, string[]>) => failed(Object.values(errors)[0]?.[0] as string, errors);

  test('200 in an envelope without data; the wallet has less, and the points are there', async () => {
    for (const asker of [partner, app.platform]) {
      const own = await made(partner, 2500);
      const answer = await asker.post(own.charge, sent);
      expect(shown(answer)).toEqual([200, done]);
      expect(Object.keys(answer.body)).toEqual(['success', 'message', 'data']);
      expect([await balanceOf(own), await balanceOf(own, 'SMS_POINT')]).toEqual([1500, 100]);
      const { body } = await asker.get(`${S}/walletTransactions?filter[organizationId]=${own.id}&filter[kind]=charge`);
      const charged = body.data.find(({ attributes }: Body) => attributes.asset === 'USD');
      expect(charged.attributes).toMatchObject({
        ...{ amount: 1000, service: 'sms', quantity: 100, quantityAsset: 'SMS_POINT', balanceAfter: 1500 },
        reason: 'Monthly SMS package',
      });
      expect(await addsUp(app.platform, own.id)).toEqual([]);
    }
  });

  test('needs no Idempotency-Key, and charges again without one; with one it charges once', async () => {
    const own = await made(partner, 5000);
    const { reason: _, ...least } = sent;
    for (let i = 0; i < 2; i++) expect((await partner.post(`${own.charge}/`, least)).status).toBe(200);
    const headers = keyed(freshKey());
    const [first, again] = [
      await partner.post(own.charge, sent, headers),
      await partner.post(own.charge, sent, headers),
    ];
    expect([shown(first), isReplay(first)]).toEqual([[200, done], false]);
    expect([shown(again), isReplay(again)]).toEqual([[200, done], true]);
    expect(await balanceOf(own)).toBe(2000);
  });

  test('402 for more than there is, and nothing has moved', async () => {
    const own = await made(partner, 999);
    expect(shown(await partner.post(own.charge, sent))).toEqual([
      402,
      failed('1000 USD are more than the 999 that are available.'),
    ]);
    await partner.patch(own.limit, { maxOverages: 1 });
    expect((await partner.post(own.charge, sent)).status).toBe(200);
    expect((await partner.post(own.charge, { ...sent, amount: 1 })).status).toBe(402);
    expect([await balanceOf(own), await balanceOf(own, 'SMS_POINT')]).toEqual([-1, 100]);
  });

  test.each([
    ['nothing', {}, { amount: ['amount is required.'], service: ['service is required.'] }],
    [
      'sms without points',
      { amount: 1, service: 'sms' },
      { sms_point: ['sms_point is required for the service sms.'] },
    ],
    ['another service', { amount: 1, service: 'fax' }, { service: ['service must be one of sms.'] }],
    [
      'no whole numbers from 1 on',
      { ...sent, amount: 0, sms_point: 1.5 },
      { amount: ['amount must be >= 1.'], sms_point: ['sms_point must be integer.'] },
    ],
    ['an amount as a text', { ...sent, amount: '1000' }, { amount: ['amount must be integer.'] }],
  ])('422 for %s, and nothing has moved', async (_what, body, errors) => {
    const own = await made(partner, 5000);
    expect(shown(await partner.post(own.charge, body))).toEqual([422, invalid(errors)]);
    expect(await balanceOf(own)).toBe(5000);
  });

  test('403 for everybody of the organization, 404 for another partner: the same as for one that is not there', async () => {
    const own = await made(partner, 5000);
    const people = [await join(app, own.id, 'owner'), await join(app, own.id, 'billing'), own.key];
    for (const client of people) {
      expect(shown(await client.post(own.charge, sent))).toEqual([
        403,
        failed('Only platform and partner credentials may do this.'),
      ]);
    }
    const answer = await (await app.partner()).post(own.charge, sent);
    expect(shown(answer)).toEqual([404, failed('There is no such resource.')]);
    expect(seen(await partner.post(`/api/admin/organizations/${NIL}/charge`, sent))).toEqual(seen(answer));
    expect(seen(await partner.post('/api/admin/organizations/7/charge', sent))).toEqual(seen(answer));
    expect(await balanceOf(own)).toBe(5000);
  });

  test('403 while the organization is suspended, 409 while the wallet is frozen (INV-50)', async () => {
    const own = await made(partner, 5000);
    const path = `/api/organizations/${own.id}`;
    await partner.patch(path, { status: 'suspended', statusReason: 'Unpaid' });
    expect(shown(await partner.post(own.charge, sent))).toEqual([403, failed('The organization is suspended.')]);
    await partner.patch(path, { status: 'active' });
    const { id } = await walletOf(app.platform, own.id);
    const frozen = { data: { type: 'wallets', id, attributes: { status: 'frozen' } } };
    expect((await app.platform.patch(`${S}/wallets/${id}`, frozen)).status).toBe(200);
    expect((await partner.post(own.charge, sent)).status).toBe(409);
    expect(await balanceOf(own)).toBe(5000);
  });
});

describe('set max overages', () => {
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
    expect((await partner.get(`${M}/organizations/${own.id}`)).status).toBe(200);
    expect((await partner.get(`/organization/${own.id}`)).body.maxOverages).toBe(7);
  });
});
