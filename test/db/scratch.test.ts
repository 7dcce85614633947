import { createOrganization, startApp, type TestApp } from '../support/app';
let app: TestApp;
beforeAll(async () => { app = await startApp(); });
afterAll(() => app.close());
test('x', async () => {
  const { id } = await createOrganization(app.platform);
  const post = async (asset: string, asked: object) => {
    const [row] = await app.db.query('select to_jsonb(p) from post_transaction($1, $2, $3) p', [id, asset, { scale: 2, unitScale: 0, actor: { type: 'system', id: null }, now: new Date().toISOString(), ...asked }]);
    return row?.[0] as any;
  };
  console.log(JSON.stringify(await post('USD', { kind: 'charge', amount: 5 })));
  console.log(JSON.stringify(await post('USD', { kind: 'topup', amount: 1000 })));
  const c = await post('USD', { kind: 'charge', amount: 100, service: 'sms', quantity: 7, unit: 'SMS_POINT' });
  console.log(JSON.stringify(c));
  const h = await post('USD', { kind: 'hold', amount: 300, expiresAt: '2030-01-01T00:00:00Z' });
  console.log(JSON.stringify(h));
  console.log(JSON.stringify(await post('USD', { kind: 'capture', holdId: h.now_hold.id, amount: 100 })));
  console.log(JSON.stringify(await post('USD', { kind: 'reversal', reversesId: c.posted.id, reason: 'x' })));
  console.log(JSON.stringify(await post('USD', { kind: 'reversal', reversesId: c.posted.id, reason: 'x' })));
  console.log(JSON.stringify(await post('USD', { kind: 'charge', amount: 901 })));
  await app.db.query("insert into overage_limits (id, organization_id, asset, max_overage) values (new_id(), $1, 'USD', 100)", [id]);
  await app.db.query("insert into wallet_alerts (id, organization_id, wallet_id, direction, value, last_side) select new_id(), $1, id, 'below', 50, 'above' from wallets where organization_id = $1 and asset = 'USD'", [id]);
  const [w] = await app.db.query("select to_jsonb(t) from wallets t where organization_id=$1 and asset='USD'", [id]);
  console.log(JSON.stringify(w));
  console.log(JSON.stringify(await post('USD', { kind: 'charge', amount: 1000 })));
  const rows = await app.db.query("select w.asset, a.name, a.balance, a.last_sequence, w.balance, w.held from ledger_accounts a join wallets w on w.id = a.wallet_id");
  console.log(rows);
  await expect(app.db.query('update ledger_entries set amount = 1')).rejects.toThrow(/never/);
});
