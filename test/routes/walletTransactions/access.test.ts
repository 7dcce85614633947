import { CURSORS } from '../../jsonapi/cursors';
import { errorsOf, statementsOf } from '../../jsonapi/world';
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
import { type Crew, Crews } from '../crew';
import { keyed, move, moved, transaction, walletOf } from '../money';

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  crew = await crews.make();
});
afterAll(() => app.close());

const PATH = `${S}/walletTransactions`;
const KINDS = {
  topup: { amount: 10 },
  charge: { amount: 1 },
  adjustment: { amount: 1, direction: 'credit', reason: 'x' },
} as const;

const keyWith = (...scopes: string[]): Promise<Client> => crews.key(crew.id, scopes);

describe('each kind needs its permission', () => {
  test.each([
    ['owner', ['topup', 'charge', 'adjustment']],
    ['admin', ['topup', 'charge']],
    ['member', []],
  ] as const)('a person who is %s', async (who, allowed) => {
    await moved(app.platform, crew.id, 'topup', { amount: 10 });
    for (const [kind, attributes] of Object.entries(KINDS)) {
      const { status, body } = await move(crew[who], crew.id, kind, attributes);
      const required = kind === 'adjustment' ? 'wallets:adjust' : `wallets:${kind}`;
      const expected = (allowed as readonly string[]).includes(kind) ? [201, undefined] : [403, required];
      expect([kind, status, body.errors?.[0].meta.required]).toEqual([kind, ...expected]);
    }
  });

  test.each([
    ['wallets:topup', 'topup'],
    ['wallets:charge', 'charge'],
    ['wallets:adjust', 'adjustment'],
  ])('a key with %s alone', async (scope, own) => {
    await moved(app.platform, crew.id, 'topup', { amount: 10 });
    const key = await keyWith(scope);
    for (const [kind, attributes] of Object.entries(KINDS)) {
      expect([kind, (await move(key, crew.id, kind, attributes)).status]).toEqual([kind, kind === own ? 201 : 403]);
    }
    expect((await key.get(PATH)).status).toBe(403);
  });

  test('who may move nothing is told so before anything else', async () => {
    const key = await keyWith('wallets:read');
    const { status, body } = await key.post(PATH, { data: 'nonsense' });
    expect([status, body.errors[0].meta.required]).toEqual([403, 'wallets:topup, wallets:charge, wallets:adjust']);
  });
});

describe('what is not there and what is another’s is one thing (INV-18)', () => {
  test.each(['wallet', 'organization', 'reverses'])('%s', async (name) => {
    const other = await createOrganization(app.platform);
    const foreign = await moved(app.platform, other.id, 'topup', { amount: 1 });
    const ids: Record<string, [string, string]> = {
      wallet: ['wallets', (await walletOf(app.platform, other.id)).id],
      organization: ['organizations', other.id],
      reverses: ['walletTransactions', foreign.id],
    };
    const [type, id] = ids[name] as [string, string];
    const asked = (of: string) =>
      document(
        'walletTransactions',
        { kind: name === 'reverses' ? 'reversal' : 'charge', amount: 1, reason: 'x' },
        { relationships: { [name]: link(type, of) } },
      );
    const topUpOnly = await keyWith('wallets:topup');
    for (const asker of [crew.owner, app.as(crew.token), topUpOnly, await app.partner()]) {
      const [missing, others] = [
        await asker.post(PATH, asked(NIL), keyed()),
        await asker.post(PATH, asked(id), keyed()),
      ];
      expect([missing.status, errorsOf(missing)]).toEqual([
        404,
        [['404', 'not_found', `/data/relationships/${name}/data`]],
      ]);
      expect(errorsOf(others)).toEqual(errorsOf(missing));
      expect(others.body.errors[0].detail).toBe(missing.body.errors[0].detail);
    }
    expect((await walletOf(app.platform, other.id)).attributes.balance).toBe(1);
  });

  test('an organization that is being deleted is not there for anybody', async () => {
    const { id } = await createOrganization(app.platform);
    const wallet = await walletOf(app.platform, id);
    await app.platform.delete(`${M}/organizations/${id}`);
    expect(errorsOf(await move(app.platform, id, 'topup', { amount: 1 }))).toEqual([
      ['404', 'not_found', '/data/relationships/organization/data'],
    ]);
    expect((await app.platform.get(`${S}/wallets/${wallet.id}`)).status).toBe(404);
    await app.platform.post(`${M}/organizations/${id}/restore`);
    await moved(app.platform, id, 'topup', { amount: 1 });
  });
});

describe('lists', () => {
  test('are filtered, sorted and paged with cursors, newest first', async () => {
    const { id, attributes } = await createOrganization(app.platform);
    const key = app.as(attributes.token);
    const made: Body[] = [];
    for (let i = 0; i < 3; i++) made.push(await moved(key, id, 'topup', { amount: 10 + i, reference: `r-${i}` }));
    made.push(await moved(key, id, 'charge', { amount: 5, service: 'sms', quantity: 2 }));
    const wallet = await walletOf(key, id);
    const ids = async (query: string) =>
      (await key.get(`${PATH}?${query}`)).body.data.map((each: Body) => each.id).sort();
    const idsOf = (...list: Body[]) => list.map((each) => each.id).sort();
    expect(await ids('filter[kind]=charge')).toEqual(idsOf(made[3]));
    expect(await ids('filter[service]=sms')).toEqual(idsOf(made[3]));
    expect(await ids('filter[service][null]=true')).toEqual(idsOf(...made.slice(0, 3)));
    expect(await ids('filter[reference]=r-0,r-2')).toEqual(idsOf(made[0], made[2]));
    expect(await ids(`filter[walletId]=${wallet.id}`)).toEqual(idsOf(...made));
    expect(await ids(`filter[organizationId]=${id}&filter[occurredAt][gte]=2000-01-01`)).toEqual(idsOf(...made));
    expect(await ids('filter[occurredAt][lt]=2000-01-01')).toEqual([]);
    expect(await ids('filter[wallet.asset]=SMS_POINT')).toEqual([]);
    const related = await key.get(`${S}/wallets/${wallet.id}/transactions`);
    expect([related.body.data.length, related.body.meta.total]).toEqual([4, 4]);
    const first = await key.get(`${PATH}?sort=occurredAt&page[size]=3`, CURSORS);
    const next = await key.get(first.body.links.next, CURSORS);
    expect([first.body.data.length, next.body.data.length, first.body.meta.total]).toEqual([3, 1, 4]);
    expect(idsOf(...first.body.data, ...next.body.data)).toEqual(idsOf(...made));
  });

  test('have totals for every level, also while an organization is being deleted and when it is gone (INV-47)', async () => {
    const partner = await app.partner();
    const [one, two] = [await createOrganization(partner), await createOrganization(partner)];
    for (const { id } of [one, two, two]) await moved(partner, id, 'topup', { amount: 100 });
    await moved(partner, two.id, 'charge', { amount: 1, service: 'sms', quantity: 1 });
    const totals = async (asker: Client, query = '') => {
      const answers = await Promise.all(
        ['wallets', 'walletTransactions', 'ledgerEntries'].map((type) =>
          asker.get(`${S}/${type}?page[size]=100${query}`),
        ),
      );
      for (const { body } of answers) expect(body.data.length).toBe(Math.min(100, body.meta.total));
      return answers.map(({ body }) => body.meta.total);
    };
    // Nothing has ever moved in this one.
    expect((await move(partner, two.id, 'charge', { amount: 1, asset: 'EUR' })).status).toBe(402);
    const all = await totals(app.platform);
    expect(await totals(partner)).toEqual([4, 4, 5]);
    expect(await totals(app.as(two.attributes.token))).toEqual([3, 3, 4]);
    expect(await totals(app.platform, `&filter[organizationId]=${two.id}`)).toEqual([3, 3, 8]);
    await partner.delete(`${M}/organizations/${two.id}`);
    expect(await totals(partner)).toEqual([1, 1, 1]);
    expect(await totals(app.platform)).toEqual([all[0] - 3, all[1] - 3, all[2] - 8]);
    await app.platform.delete(`${M}/organizations/${two.id}?purgeNow=true`);
    // The ledger outlives it, and the operator alone sees it then; the wallet that is empty goes.
    expect(await totals(partner)).toEqual([1, 1, 1]);
    expect(await totals(app.platform)).toEqual([all[0] - 1, all[1], all[2]]);
    expect(await totals(app.platform, `&filter[organizationId]=${two.id}`)).toEqual([2, 3, 8]);
    const [wallet] = (await app.platform.get(`${S}/wallets?filter[organizationId]=${two.id}&filter[asset]=USD`)).body
      .data;
    expect((await app.platform.get(`${S}/wallets/${wallet.id}/verify`)).body.meta.ok).toBe(true);
    expect((await partner.get(`${S}/wallets/${wallet.id}`)).status).toBe(404);
    const asked = document(
      'walletTransactions',
      { kind: 'topup', amount: 1 },
      { relationships: { wallet: link('wallets', wallet.id) } },
    );
    expect((await app.platform.post(PATH, asked, keyed())).status).toBe(404);
  });

  test('a person sees those of the organizations in which he may', async () => {
    expect((await crew.member.get(PATH)).body.meta.total).toBe(0);
    expect((await crew.member.get(`${PATH}?filter[organizationId]=${crew.id}`)).status).toBe(403);
    const { body } = await crew.owner.get(`${PATH}?page[size]=100`);
    expect([body.data.length > 0, body.meta.total]).toEqual([true, body.data.length]);
  });
});

test('a posting is one statement among those of its request', async () => {
  const key = app.as(crew.token);
  const statements = await statementsOf(() => key.post(PATH, transaction(crew.id, 'topup', { amount: 1 }), keyed()));
  expect(statements.filter((text) => text.includes('post_transaction'))).toHaveLength(1);
  expect(statements.length).toBeLessThanOrEqual(8);
});
