import { headSealer } from '../../src/services/auditCheckpoints';
import { verifyChain } from '../../src/services/auditVerification';
import { type Body, NIL, S, startApp, type TestApp } from '../support/app';
import { chainOfTwelve, tamper } from './tampering';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const ROW = 'update audit_events set';
const AT = 'where organization_id = $1 and sequence =';

/** What the API says is wrong with a chain: kind and number of each. */
async function problemsOf(id: string): Promise<[string, number][]> {
  const { status, body } = await app.platform.get(`${S}/auditEvents/verify?filter[organizationId]=${id}`);
  expect([status, body.meta.ok]).toEqual([200, body.meta.problems.length === 0]);
  return body.meta.problems.map(({ kind, sequence }: Body) => [kind, sequence]);
}

const sealed = () => headSealer(app.services)();

test('a chain as it was written is good, and says how far it goes (INV-53)', async () => {
  const id = await chainOfTwelve(app);
  await sealed();
  const { body } = await app.platform.get(`${S}/auditEvents/verify?filter[organizationId]=${id}`);
  expect(body.meta).toMatchObject({
    ok: true,
    checked: 12,
    firstSequence: 1,
    lastSequence: 12,
    checkpoints: 1,
    problems: [],
    truncated: false,
  });
  const [last] = await app.db.query(
    "select encode(hash, 'hex') from audit_events where organization_id = $1 and sequence = 12",
    [id],
  );
  expect(body.meta.lastHash).toBe(last?.[0]);
  expect(body.meta.publicKey).toBe(app.services.secrets.sealer.publicKey.text);
  // The verification has become a row.
  expect((await app.platform.get(`${S}/auditEvents/verify?filter[organizationId]=${id}`)).body.meta).toMatchObject({
    ok: true,
    checked: 13,
  });
});

test.each([
  ['action', "'role.updated'"],
  ['outcome', "'failed'"],
  ['occurred_at', "occurred_at + interval '1 millisecond'"],
  ['actor_type', "'system'"],
  ['actor_id', 'gen_random_uuid()'],
  ['credential_id', 'gen_random_uuid()'],
  ['method', "'GET'"],
  ['path', 'null'],
  ['request_id', "'another'"],
  ['targets', "'[]'"],
  ['changes', 'changes - 0'],
  ['metadata', "'{}'"],
  ['id', 'gen_random_uuid()'],
  ['actor_digest', "sha256('')"],
  ['prev_hash', "sha256('')"],
  ['hash', "sha256('')"],
  ['actor_personal', "replace(actor_personal, 'Ada', 'Eve')"],
  ['actor_salt', 'null'],
  ['subject_personal', "'{}'"],
  ['target_id', 'gen_random_uuid()'],
  ['target_type', "'members'"],
  ['person_id', 'gen_random_uuid()'],
])('a changed %s is found, and its row named', async (column, value) => {
  const id = await chainOfTwelve(app);
  await tamper(app, [`${ROW} ${column} = ${value} ${AT} 7`, [id]]);
  expect(await problemsOf(id)).toEqual([['changed', 7]]);
});

test('a changed row that was given a fitting hash is found by the next one', async () => {
  const id = await chainOfTwelve(app);
  const forge = `${ROW} hash = audit_hash(prev_hash, audit_record(audit_events)) ${AT}`;
  await tamper(app, [`${ROW} action = 'role.updated' ${AT} 7`, [id]], [`${forge} 7`, [id]]);
  expect(await problemsOf(id)).toEqual([['changed', 7]]);
  const other = await chainOfTwelve(app);
  await tamper(app, [`${ROW} action = 'role.updated' ${AT} 12`, [other]], [`${forge} 12`, [other]]);
  expect(await problemsOf(other)).toEqual([['changed', 12]]);
});

test('a chain that was written anew from a row on is found by what was signed of it', async () => {
  const id = await chainOfTwelve(app);
  await sealed();
  const rewrite = [7, 8, 9, 10, 11, 12].map((sequence): [string, unknown[]] => [
    `update audit_events a set prev_hash = b.hash, hash = audit_hash(b.hash, audit_record(a)) from audit_events b
     where a.organization_id = $1 and b.organization_id = $1 and a.sequence = $2 and b.sequence = $2 - 1`,
    [id, sequence],
  ]);
  const head = `update event_sequences s set audit_hash = a.hash from audit_events a where a.organization_id = $1
    and a.sequence = s.audit_last and s.organization_id = $1`;
  await tamper(app, [`${ROW} action = 'role.updated' ${AT} 7`, [id]], ...rewrite, [head, [id]]);
  expect(await problemsOf(id)).toEqual([['rewritten', 12]]);
});

test.each([[1], [6], [12]])('a row that was taken out is found and named: row %i', async (sequence) => {
  const id = await chainOfTwelve(app);
  await tamper(app, [`delete from audit_events ${AT} $2`, [id, sequence]]);
  expect(await problemsOf(id)).toEqual([[sequence === 12 ? 'cut_off' : 'missing', sequence]]);
});

test('a row that was taken out is found although the others were moved up', async () => {
  const id = await chainOfTwelve(app);
  await tamper(
    app,
    [`delete from audit_events ${AT} 5`, [id]],
    ['update audit_events set sequence = -sequence where organization_id = $1 and sequence > 5', [id]],
    ['update audit_events set sequence = -sequence - 1 where organization_id = $1 and sequence < 0', [id]],
    [`update event_sequences set audit_last = 11 where organization_id = $1`, [id]],
  );
  const problems = await problemsOf(id);
  expect(problems).toContainEqual(['missing', 5]);
  expect(problems).toContainEqual(['swapped', 11]);
});

test.each([
  [4, 5],
  [3, 10],
])('two rows that have changed places are found and named: %i and %i', async (one, other) => {
  const id = await chainOfTwelve(app);
  const move = `update audit_events set sequence = $3 ${AT} $2`;
  await tamper(app, [move, [id, one, -1]], [move, [id, other, one]], [move, [id, -1, other]]);
  expect(await problemsOf(id)).toEqual([
    ['swapped', one],
    ['swapped', other],
  ]);
});

/** A row with this number, made of another one, with hashes that fit. */
const forgery = (id: string, sequence: number): [string, unknown[]] => [
  `insert into audit_events
   select (jsonb_populate_record(x.f, jsonb_build_object('hash', audit_hash((x.f).prev_hash, audit_record(x.f))))).*
   from (select jsonb_populate_record(a, jsonb_build_object('id', gen_random_uuid(), 'sequence', $2::bigint, 'prev_hash', b.hash)) as f
     from audit_events a, audit_events b where a.organization_id = $1 and a.sequence = 7 and b.organization_id = $1
       and b.sequence = $2 - 1) x`,
  [id, sequence],
];

test('a row that was put in is found and named: behind the last one', async () => {
  const id = await chainOfTwelve(app);
  await tamper(app, forgery(id, 13));
  expect(await problemsOf(id)).toEqual([['inserted', 13]]);
});

test('a row that was put in is found and named: between others, which were moved down', async () => {
  const id = await chainOfTwelve(app);
  await tamper(
    app,
    ['update audit_events set sequence = -sequence where organization_id = $1 and sequence > 9', [id]],
    ['update audit_events set sequence = 1 - sequence where organization_id = $1 and sequence < 0', [id]],
    forgery(id, 10),
    ['update event_sequences set audit_last = 13 where organization_id = $1', [id]],
  );
  const problems = await problemsOf(id);
  expect(problems.filter(([kind]) => kind === 'inserted')).toEqual([['inserted', 10]]);
  expect(problems.filter(([kind]) => kind === 'missing')).toEqual([]);
});

test('a chain that was cut off is found by its head, and with a head set back by what was signed', async () => {
  const id = await chainOfTwelve(app);
  await sealed();
  await tamper(app, ['delete from audit_events where organization_id = $1 and sequence > 9', [id]]);
  const cut = [10, 11, 12].map((sequence) => ['cut_off', sequence]);
  expect((await verifyChain(app.services, id)).problems.map(({ kind, sequence }) => [kind, sequence])).toEqual(cut);
  const setBack = `update event_sequences s set audit_last = 9, audit_hash = a.hash from audit_events a
    where a.organization_id = $1 and a.sequence = 9 and s.organization_id = $1`;
  await tamper(app, [setBack, [id]]);
  expect((await verifyChain(app.services, id)).problems.map(({ kind, sequence }) => [kind, sequence])).toEqual(cut);
});

test('a head that was set back alone is found', async () => {
  const id = await chainOfTwelve(app);
  await sealed();
  await tamper(app, ['update event_sequences set audit_last = 10 where organization_id = $1', [id]]);
  const { problems } = await verifyChain(app.services, id);
  expect(problems.map(({ kind, sequence }) => [kind, sequence])).toEqual([
    ['changed', 10],
    ['bad_head', 11],
    ['bad_head', 12],
  ]);
});

test('rows that were taken from the beginning are missing, although the chain says that it begins later', async () => {
  const id = await chainOfTwelve(app);
  await sealed();
  await tamper(
    app,
    ['delete from audit_events where organization_id = $1 and sequence < 4', [id]],
    ['update event_sequences set audit_from = 4 where organization_id = $1', [id]],
  );
  expect(await problemsOf(id)).toEqual([1, 2, 3].map((sequence) => ['missing', sequence]));
});

test('a checkpoint that was forged is found', async () => {
  const id = await chainOfTwelve(app);
  await sealed();
  await tamper(app, ["update audit_checkpoints set hash = sha256('') where organization_id = $1", [id]]);
  expect(await problemsOf(id)).toEqual([['bad_checkpoint', 12]]);
  const other = await chainOfTwelve(app);
  await sealed();
  await tamper(app, ["update audit_checkpoints set key_id = '0123456789abcdef' where organization_id = $1", [other]]);
  expect(await problemsOf(other)).toEqual([['bad_checkpoint', 12]]);
});

test('a chain that is broken everywhere is told in a hundred problems', async () => {
  const id = await chainOfTwelve(app);
  await app.db.query(
    `select record_audit('audit.read', $1::uuid, 'success', null, null, 'system', null, null, null, null) from generate_series(1, 200)`,
    [id],
  );
  await tamper(app, [`${ROW} outcome = 'failed' where organization_id = $1`, [id]]);
  const { body } = await app.platform.get(`${S}/auditEvents/verify?filter[organizationId]=${id}`);
  expect([body.meta.ok, body.meta.truncated, body.meta.problems.length]).toEqual([false, true, 100]);
});

test('erasing somebody leaves the chain as it is (INV-53)', async () => {
  const id = await chainOfTwelve(app);
  const [user] = await app.db.query(`select actor_id from audit_events ${AT} 7`, [id]);
  await app.db.query('select forget_audited_person($1, $2, 1000)', [user?.[0], 'nobody@example.com']);
  const { body } = await app.platform.get(`${S}/auditEvents?filter[organizationId]=${id}&filter[sequence]=7`);
  expect(body.data[0].attributes.actor).toEqual({ type: 'user', id: user?.[0], name: null });
  expect(body.data[0].attributes.context).toMatchObject({ ip: null, userAgent: null, method: 'PATCH' });
  expect(await problemsOf(id)).toEqual([]);
});

describe('who may verify', () => {
  test('an organization’s own callers name it; the installation’s chain is the operator’s', async () => {
    const { body } = await app.platform.get(`${S}/auditEvents/verify`);
    expect(body.meta.ok).toBe(true);
    const partner = await app.partner();
    expect((await partner.get(`${S}/auditEvents/verify`)).body.errors[0]).toMatchObject({
      status: '400',
      code: 'invalid_parameter',
      source: { parameter: 'filter[organizationId]' },
    });
    const id = await chainOfTwelve(app);
    const [foreign, missing] = await Promise.all(
      [id, NIL].map((each) => partner.get(`${S}/auditEvents/verify?filter[organizationId]=${each}`)),
    );
    expect([foreign?.status, missing?.status]).toEqual([404, 404]);
    expect((await partner.get(`${S}/auditEvents/verify?filter[organizationId]=none`)).status).toBe(400);
  });
});
