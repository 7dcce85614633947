import { Client as PgClient, type Pool } from 'pg';
import { addsUp, keyed, move, moved, setLimit, transaction, walletOf } from '../routes/money';
import { type Answer, type Body, createOrganization, S, startApp, type TestApp } from '../support/app';

/** The last line: what the tables themselves refuse, and what the check finds when somebody has gone round them. */

let app: TestApp;
let organization: string;
let wallet: string;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());
beforeEach(async () => {
  organization = (await createOrganization(app.platform)).id;
  wallet = (await walletOf(app.platform, organization)).id;
  await moved(app.platform, organization, 'topup', { amount: 1_000 });
  await moved(app.platform, organization, 'charge', { amount: 300, service: 'sms', quantity: 5 });
});

const check = async (id = wallet) => (await app.platform.get(`${S}/wallets/${id}/verify`)).body.meta;

describe('the tables refuse', () => {
  test.each(['wallet_transactions', 'ledger_entries'])(
    'any change or removal of rows of %s (INV-47)',
    async (table) => {
      for (const sql of [
        `update ${table} set amount = amount`,
        `update ${table} set amount = 1 where false`,
        `delete from ${table}`,
        `truncate ${table} cascade`,
      ]) {
        await expect(app.db.query(sql)).rejects.toThrow(/never changed or removed/);
      }
      expect(await check()).toMatchObject({ ok: true });
    },
  );

  const insertEntries = (legs: string) =>
    app.db.query(
      `insert into ledger_entries (id, organization_id, wallet_id, transaction_id, account_id, account, direction, amount, asset,
         balance_after, sequence, occurred_at)
       select new_id(), a.organization_id, a.wallet_id, t.id, a.id, a.name, l.direction, l.amount, a.asset, 0, a.last_sequence + 1, now()
       from (values ${legs}) l (name, direction, amount) join ledger_accounts a on a.name = l.name and a.wallet_id = $1
       cross join lateral (select id from wallet_transactions where wallet_id = $1 limit 1) t`,
      [wallet],
    );

  test('a transaction whose debits are not its credits (INV-44)', async () => {
    await expect(insertEntries("('wallet', 'credit', 5), ('funding', 'debit', 4)")).rejects.toMatchObject({
      constraint: 'ledger_entries_balance_check',
    });
    await expect(insertEntries("('wallet', 'credit', 5)")).rejects.toMatchObject({
      constraint: 'ledger_entries_balance_check',
    });
  });

  test.each([
    ["('wallet', 'credit', 0), ('funding', 'debit', 0)", 'ledger_entries_amount_check'],
    ["('wallet', 'credit', -1), ('funding', 'debit', -1)", 'ledger_entries_amount_check'],
    ["('wallet', 'both', 1), ('funding', 'debit', 1)", 'ledger_entries_direction_check'],
  ])('entries that are none: %s', async (legs, constraint) => {
    await expect(insertEntries(legs)).rejects.toMatchObject({ constraint });
  });

  test('a number of an account that is taken', async () => {
    await expect(
      app.db.query(
        `insert into ledger_entries select new_id(), organization_id, wallet_id, transaction_id, account_id, account, direction,
           amount, asset, balance_after, sequence, occurred_at from ledger_entries where wallet_id = $1`,
        [wallet],
      ),
    ).rejects.toMatchObject({ constraint: 'ledger_entries_account_id_sequence_key' });
  });

  test('a wallet below the most generous limit of its asset (INV-46)', async () => {
    const fall = (by: number) => app.db.query('update wallets set balance = balance - $2 where id = $1', [wallet, by]);
    const refused = { constraint: 'wallets_overage_check' };
    await expect(fall(701)).rejects.toMatchObject(refused);
    await setLimit(app, organization, 10);
    await setLimit(app, organization, 30, 'USD', 'sms');
    await expect(fall(731)).rejects.toMatchObject(refused);
    await fall(730);
    await setLimit(app, organization, 0);
    await setLimit(app, organization, 0, 'USD', 'sms');
    // It may rise although it is too low.
    await fall(-5);
    await expect(fall(1)).rejects.toMatchObject(refused);
    await expect(
      app.db.query(
        "insert into wallets (id, organization_id, asset, scale, balance) values (new_id(), $1, 'EUR', 2, -1)",
        [organization],
      ),
    ).rejects.toMatchObject(refused);
  });

  test.each([
    ['balance = 9007199254740992', 'not_allowed'],
    ['held = -1', 'wallets_held_check'],
    ["status = 'gone'", 'wallets_status_check'],
    ["status = 'closed'", 'wallets_closed_check'],
  ])('a wallet with %s', async (change, expected) => {
    const error = await app.db
      .query(`update wallets set ${change} where id = $1`, [wallet])
      .catch((each: Body) => each);
    expect([error.constraint, error.faults?.[0].code]).toContain(expected);
  });

  test('the removal of a wallet with transactions', async () => {
    await expect(app.db.query('delete from wallets where id = $1', [wallet])).rejects.toMatchObject({
      constraint: expect.stringMatching(/wallet_id_fkey$/),
    });
  });
});

describe('what somebody changes past the tables is found and named by the check (INV-45)', () => {
  /** As an administrator of the database, with triggers off. */
  async function tamper(sql: string, values: unknown[] = [wallet]): Promise<void> {
    const { master } = app.source.driver as unknown as { master: Pool };
    const client = new PgClient({ ...master.options });
    await client.connect();
    await client.query('set session_replication_role = replica');
    const { rowCount } = await client.query(sql, values);
    await client.end();
    if (rowCount !== 1) throw new Error(`${rowCount} rows were changed`);
  }
  const entryOf = async (account: string, sequence: number) =>
    (
      await app.db.query('select id from ledger_entries where wallet_id = $1 and account = $2 and sequence = $3', [
        wallet,
        account,
        sequence,
      ])
    )[0]?.[0];
  const named = async (id?: string) => {
    const { ok, problems } = await check(id);
    expect(ok).toBe(false);
    return problems.map(({ code, type, id: row }: Body) => [code, type, row]);
  };

  test('an untouched wallet is whole', async () => {
    expect(await check()).toEqual({ ok: true, problems: [], accounts: 3, transactions: 2, entries: 4 });
    const points = await walletOf(app.platform, organization, 'SMS_POINT');
    expect(await check(points.id)).toEqual({ ok: true, problems: [], accounts: 2, transactions: 0, entries: 2 });
  });

  test('the amount of an entry', async () => {
    const entry = await entryOf('wallet', 2);
    await tamper('update ledger_entries set amount = 299 where id = $1', [entry]);
    const found = await named();
    expect(found).toContainEqual(['balance_chain', 'ledgerEntries', entry]);
    expect(found).toContainEqual(['unbalanced', 'walletTransactions', expect.any(String)]);
    expect(found).toContainEqual(['amount', 'walletTransactions', expect.any(String)]);
    expect(found).toContainEqual(['account_balance', 'wallets', wallet]);
  });

  test('both amounts of a transaction, and the transaction with them', async () => {
    await tamper(
      `with t as (update wallet_transactions set amount = 999 where wallet_id = $1 and kind = 'topup' returning id),
         e as (update ledger_entries set amount = 999 where transaction_id = (select id from t))
       select 1`,
    );
    expect(await named()).toEqual(
      expect.arrayContaining([
        ['balance_chain', 'ledgerEntries', await entryOf('wallet', 1)],
        ['balance_chain', 'ledgerEntries', await entryOf('funding', 1)],
      ]),
    );
  });

  test('a balance behind an entry, and behind a transaction', async () => {
    const entry = await entryOf('revenue:sms', 1);
    await tamper('update ledger_entries set balance_after = 301 where id = $1', [entry]);
    expect(await named()).toEqual([['balance_chain', 'ledgerEntries', entry]]);
    await tamper('update ledger_entries set balance_after = 300 where id = $1', [entry]);
    await tamper("update wallet_transactions set balance_after = 701 where wallet_id = $1 and kind = 'charge'");
    expect(await named()).toEqual([['balance_after', 'walletTransactions', expect.any(String)]]);
  });

  test('an entry that is gone, and a transaction without entries', async () => {
    const entry = await entryOf('wallet', 1);
    await tamper('delete from ledger_entries where id = $1', [entry]);
    expect(await named()).toEqual(
      expect.arrayContaining([
        ['sequence_gap', 'ledgerEntries', await entryOf('wallet', 2)],
        ['account_entries', 'wallets', wallet],
        ['unbalanced', 'walletTransactions', expect.any(String)],
      ]),
    );
    await tamper('delete from ledger_entries where id = $1', [await entryOf('funding', 1)]);
    expect(await named()).toContainEqual(['no_entries', 'walletTransactions', expect.any(String)]);
  });

  test('a transaction that is gone with its entries', async () => {
    await tamper(
      `with e as (delete from ledger_entries where transaction_id in (select id from wallet_transactions where wallet_id = $1 and kind = 'charge'))
       delete from wallet_transactions where wallet_id = $1 and kind = 'charge'`,
    );
    expect(await named()).toContainEqual(['transaction_count', 'wallets', wallet]);
  });

  test('an entry that was moved to another account', async () => {
    const entry = await entryOf('funding', 1);
    await tamper("update ledger_entries set account = 'adjustments' where id = $1", [entry]);
    expect(await named()).toEqual([['stray_entry', 'ledgerEntries', entry]]);
  });

  test('the balance of the wallet, of what is held, and of an account', async () => {
    await tamper('update wallets set balance = balance + 1 where id = $1');
    expect(await named()).toEqual([['wallet_balance', 'wallets', wallet]]);
    await tamper('update wallets set balance = balance - 1, held = 1 where id = $1');
    expect((await named()).map(([code]: string[]) => code)).toEqual(['wallet_held', 'open_holds']);
    await tamper('update wallets set held = 0 where id = $1');
    await tamper("update ledger_accounts set balance = balance - 1 where wallet_id = $1 and name = 'funding'");
    expect((await named()).map(([code]: string[]) => code)).toEqual(['account_balance', 'accounts_sum']);
  });

  test('an account of the platform is not named to others', async () => {
    await tamper("update ledger_accounts set balance = balance - 1 where wallet_id = $1 and name = 'funding'");
    const partner = await app.partner();
    await app.db.query('update organizations set partner_id = $2 where id = $1', [organization, partner.id]);
    const { problems } = (await partner.get(`${S}/wallets/${wallet}/verify`)).body.meta;
    expect(problems.map(({ code }: Body) => code)).toEqual(['platform_account', 'accounts_sum']);
    expect(JSON.stringify(problems)).not.toContain('funding');
  });
});

describe('at a time', () => {
  const statuses = (answers: Answer[], status: number) => answers.filter((each) => each.status === status).length;

  test('sixty charges take what there is and not more (INV-46)', async () => {
    await moved(app.platform, organization, 'topup', { amount: 300 });
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => move(app.platform, organization, 'charge', { amount: 37 })),
    );
    expect([statuses(answers, 201), statuses(answers, 402)]).toEqual([27, 33]);
    expect((await walletOf(app.platform, organization)).attributes.balance).toBe(1);
    expect(await addsUp(app.platform, organization)).toEqual([]);
  });

  test('charges with units and top-ups of the units do not wait for each other for ever', async () => {
    await moved(app.platform, organization, 'topup', { amount: 10_000 });
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_each, i) =>
        i % 3 === 0
          ? move(app.platform, organization, 'topup', { amount: 1, asset: 'SMS_POINT' })
          : move(app.platform, organization, 'charge', { amount: 10, service: 'sms', quantity: 2 }),
      ),
    );
    expect(statuses(answers, 201)).toBe(30);
    expect((await walletOf(app.platform, organization, 'SMS_POINT')).attributes.balance).toBe(5 + 10 + 40);
    expect(await addsUp(app.platform, organization)).toEqual([]);
  });

  test('the first postings of an asset make one wallet', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => move(app.platform, organization, 'topup', { amount: 1, asset: 'EUR' })),
    );
    expect(statuses(answers, 201)).toBe(12);
    expect((await walletOf(app.platform, organization, 'EUR')).attributes.balance).toBe(12);
  });

  test('a transaction is reversed once (INV-47)', async () => {
    const { id } = await moved(app.platform, organization, 'topup', { amount: 50 });
    const reverses = { reverses: { data: { type: 'walletTransactions', id } } };
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => move(app.platform, organization, 'reversal', { reason: 'x' }, reverses)),
    );
    expect([statuses(answers, 201), statuses(answers, 409)]).toEqual([1, 5]);
  });

  test('a limit that is lowered and charges come one after the other', async () => {
    await setLimit(app, organization, 1_000);
    const charges = Array.from({ length: 20 }, () => move(app.platform, organization, 'charge', { amount: 70 }));
    await app.db.query('update overage_limits set max_overage = 0 where organization_id = $1', [organization]);
    const answers = await Promise.all(charges);
    const taken = statuses(answers, 201);
    expect((await walletOf(app.platform, organization)).attributes.balance).toBe(700 - 70 * taken);
    expect(await addsUp(app.platform, organization)).toEqual([]);
  });

  test('a charge that fails behind its posting leaves nothing', async () => {
    const query = jest.spyOn(app.db, 'transaction').mockImplementationOnce(async (work) => {
      query.mockRestore();
      return app.db.transaction(async (db) => {
        await work(db);
        throw new Error('the process dies');
      }) as never;
    });
    const answer = await app.platform.post(
      `${S}/walletTransactions`,
      transaction(organization, 'charge', { amount: 1 }),
      keyed(),
    );
    expect([answer.status, (await walletOf(app.platform, organization)).attributes.balance]).toEqual([500, 700]);
    expect(await check()).toMatchObject({ ok: true, transactions: 2 });
  });
});
