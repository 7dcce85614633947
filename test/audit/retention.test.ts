import { verifyExport } from '../../src/audit/exportCheck';
import { headSealer } from '../../src/services/auditCheckpoints';
import { endAuditRetention } from '../../src/services/auditRetention';
import { verifyChain } from '../../src/services/auditVerification';
import { createOrganization, document, M, S, startApp, type TestApp } from '../support/app';
import { chainOfTwelve, tamper } from './tampering';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const checkpoints = async (id: string) =>
  app.db.query(
    'select sequence, is_start from audit_checkpoints where organization_id = $1 order by sequence, is_start',
    [id],
  );

describe('the newest row of a chain', () => {
  test('is signed once, whoever looks and how often', async () => {
    const id = await chainOfTwelve(app);
    await Promise.all([headSealer(app.services)(), headSealer(app.services)()]);
    await headSealer(app.services)();
    expect(await checkpoints(id)).toEqual([[12, false]]);
    expect(await verifyChain(app.services, id)).toMatchObject({ ok: true, checkpoints: 1 });
  });

  test('is signed when the chain has grown, and what has not is left alone', async () => {
    const sweep = headSealer(app.services);
    await sweep();
    const [one, other] = [await createOrganization(app.platform), await createOrganization(app.platform)];
    await sweep();
    expect([await checkpoints(one.id), await checkpoints(other.id)]).toEqual([[[3, false]], [[3, false]]]);
    await app.platform.patch(
      `${M}/organizations/${one.id}`,
      document('organizations', { name: 'New' }, { id: one.id }),
    );
    const query = jest.spyOn(app.db, 'query');
    await sweep();
    // However many chains there are: a part of the trail, its heads, and what is signed.
    expect(query).toHaveBeenCalledTimes(3);
    query.mockRestore();
    expect(await checkpoints(one.id)).toEqual([
      [3, false],
      [4, false],
    ]);
    expect(await checkpoints(other.id)).toEqual([[3, false]]);
    const [installation] = await app.db.query(
      "select count(*)::int from audit_checkpoints where organization_id = '00000000-0000-0000-0000-000000000000'",
    );
    expect(installation?.[0]).toBeGreaterThan(0);
  });

  test('is found in more than one part of what was written', async () => {
    const sweep = headSealer(app.services);
    await sweep();
    const { id } = await createOrganization(app.platform);
    await app.db.query(
      `select record_audit('audit.read', $1::uuid, 'success', null, null, 'system', null, null, null, null) from generate_series(1, 2500)`,
      [id],
    );
    const late = await createOrganization(app.platform);
    await sweep();
    expect([await checkpoints(id), await checkpoints(late.id)]).toEqual([[[2503, false]], [[3, false]]]);
  });
});

/** Makes the first rows of a chain, and their hashes, older. */
async function age(id: string, upto: number, interval: string): Promise<void> {
  await tamper(
    app,
    [
      `update audit_events set occurred_at = occurred_at - $3::interval where organization_id = $1 and sequence <= $2`,
      [id, upto, interval],
    ],
    ...Array.from({ length: 13 }, (_, i): [string, unknown[]] => [
      `update audit_events a set hash = audit_hash(a.prev_hash, audit_record(a)) where a.organization_id = $1 and a.sequence = $2`,
      [id, i + 1],
    ]).flatMap((rehash, i): [string, unknown[]][] => [
      rehash,
      [
        `update audit_events a set prev_hash = b.hash from audit_events b where a.organization_id = $1 and b.organization_id = $1
           and a.sequence = $2::bigint + 1 and b.sequence = $2::bigint`,
        [id, i + 1],
      ],
    ]),
    [
      `update event_sequences s set audit_hash = a.hash from audit_events a where a.organization_id = $1 and s.organization_id = $1
         and a.sequence = s.audit_last`,
      [id],
    ],
  );
}

const keepFor = (id: string, auditRetentionDays: number | null, more: object = {}) =>
  app.platform.patch(
    `${M}/organizations/${id}`,
    document('organizations', { settings: { auditRetentionDays }, ...more }, { id }),
  );

describe('rows that are over by the settings of their organization', () => {
  test('are removed, and the rest is a chain that verifies, here and in an export', async () => {
    const id = await chainOfTwelve(app);
    await keepFor(id, 30);
    await age(id, 7, '31 days');
    await headSealer(app.services)();
    await endAuditRetention(app.services);
    expect(await checkpoints(id)).toEqual([
      [7, true],
      [13, false],
    ]);
    expect(await verifyChain(app.services, id)).toMatchObject({
      ok: true,
      checked: 6,
      firstSequence: 8,
      lastSequence: 13,
    });
    const { body } = await app.platform.get(`${S}/auditEvents?filter[organizationId]=${id}`);
    expect([body.meta.total, body.data.length, body.data.at(-1).attributes.sequence]).toEqual([6, 6, 8]);
    const { text } = await app.platform.get(`${S}/auditEvents/export?filter[organizationId]=${id}`);
    const lines = text.split('\n').slice(0, -1);
    const verify = (some: string[]) =>
      verifyExport(
        (async function* () {
          yield* some;
        })(),
        app.services.secrets.sealer.publicKey,
      );
    expect(await verify(lines)).toMatchObject({ problems: [], rows: 8 });
    // Without what says that the rows before were removed in their time, they are missing.
    expect((await verify(lines.slice(1))).problems.map(({ kind, sequence }) => [kind, sequence])).toEqual(
      [1, 2, 3, 4, 5, 6, 7].map((sequence) => ['missing', sequence]),
    );
  });

  test('again later: of what was signed before only the last stays', async () => {
    const id = await chainOfTwelve(app);
    await keepFor(id, 30);
    await age(id, 3, '31 days');
    await endAuditRetention(app.services);
    await tamper(app, [
      `update audit_events set occurred_at = occurred_at - interval '31 days' where organization_id = $1 and sequence <= 6`,
      [id],
    ]);
    await endAuditRetention(app.services);
    expect(await checkpoints(id)).toEqual([[6, true]]);
    expect(await verifyChain(app.services, id)).toMatchObject({ ok: true, firstSequence: 7, checked: 7 });
  });

  test('go but for the newest one, without which there is nothing to continue', async () => {
    const id = await chainOfTwelve(app);
    await keepFor(id, 1);
    await age(id, 13, '3 days');
    await endAuditRetention(app.services);
    expect(await verifyChain(app.services, id)).toMatchObject({ ok: true, checked: 1, firstSequence: 13 });
    await keepFor(id, null);
    expect(await verifyChain(app.services, id)).toMatchObject({ ok: true, checked: 2, lastSequence: 14 });
  });

  test('stay under legal hold, and when nothing says how long', async () => {
    const [held, kept] = [await chainOfTwelve(app), await chainOfTwelve(app)];
    await keepFor(held, 30, { legalHold: true });
    await age(held, 7, '31 days');
    await age(kept, 7, '31 days');
    await endAuditRetention(app.services);
    for (const id of [held, kept])
      expect(await verifyChain(app.services, id)).toMatchObject({ ok: true, firstSequence: 1 });
  });

  test('are removed by the database only when their time is over and it was signed (INV-52)', async () => {
    const id = await chainOfTwelve(app);
    await keepFor(id, 30);
    await headSealer(app.services)();
    await expect(app.db.query('select end_audit_retention($1, 5)', [id])).rejects.toThrow('row 5 is not over');
    await age(id, 7, '31 days');
    await expect(app.db.query('select end_audit_retention($1, 5)', [id])).rejects.toThrow('row 5 is not over');
    for (const sql of [
      'update audit_events set path = null',
      'delete from audit_events',
      'delete from audit_checkpoints',
    ]) {
      await expect(app.db.query(`${sql} where organization_id = $1`, [id])).rejects.toThrow(
        'the audit log is never changed',
      );
    }
  });
});

test('the chain of an organization outlives its purge, for the operator to read in full (INV-55)', async () => {
  const partner = await app.partner();
  const { id } = await createOrganization(partner);
  const listed = async (asker: typeof app.platform) => {
    const { body } = await asker.get(`${S}/auditEvents?filter[organizationId]=${id}`);
    return [body.data.map(({ attributes }: { attributes: { action: string } }) => attributes.action), body.meta.total];
  };
  const written = ['organization.created', 'workspace.created', 'api_key.created'];
  await app.platform.delete(`${M}/organizations/${id}?purgeNow=true`);
  const [actions, total] = await listed(app.platform);
  expect(actions[0]).toBe('organization.purged');
  expect(actions).toEqual(expect.arrayContaining(written));
  expect(total).toBe(actions.length);
  expect(await listed(partner)).toEqual([[], 0]);
  expect((await partner.get(`${S}/auditEvents`)).body.meta).toMatchObject({ total: 0, totalUnfiltered: 0 });
  expect((await app.platform.get(`${S}/auditEvents/verify?filter[organizationId]=${id}`)).body.meta).toMatchObject({
    ok: true,
  });
  expect((await partner.get(`${S}/auditEvents/verify?filter[organizationId]=${id}`)).status).toBe(404);
});
