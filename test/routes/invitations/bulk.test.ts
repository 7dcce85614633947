import { statementsOf } from '../../jsonapi/world';
import { type Body, document, NIL, startApp, type TestApp } from '../../support/app';
import { type MailSink, startMailSink } from '../../support/mailSink';
import { type Crew, Crews, roleLinks } from '../crew';
import { expectDenied, expectError, ID } from '../documents';
import { accept, freshEmail, invitationDocument, invited, PASSWORDS, PATH, stateOf, TOKEN, tokenOf } from './inviting';

let app: TestApp;
let mailing: TestApp;
let sink: MailSink;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  crew = await crews.make();
  sink = await startMailSink();
  mailing = await startApp({ SMTP_URL: sink.url, MAIL_FROM: 'no-reply@guildhall.example.com' });
});
afterAll(async () => {
  await app.close();
  await mailing.close();
  await sink.close();
});

const BULK = `${PATH}/bulk`;
const item = (...given: Parameters<typeof invitationDocument>) => invitationDocument(...given).data;
const bulk = (asker: typeof app.platform, data: unknown, query = '', headers = {}) =>
  asker.post(`${BULK}${query}`, { data }, headers);
const many = (organization: string, count: number) => Array.from({ length: count }, () => item(organization));

test('each row is judged by itself, and told what came of it, in order (domain sheet 9.4)', async () => {
  const pending = await invited(crew.owner, crew.id);
  const other = await crews.make();
  const twice = freshEmail();
  const rows = [
    item(crew.id, {}, { roles: roleLinks(crews.roles.admin as string) }),
    item(crew.id, { email: pending.attributes.email.toUpperCase() }),
    item(crew.id, { email: crew.member.email }),
    item(crew.id, { email: 'nobody' }),
    item(crew.id, {}, { roles: roleLinks(crews.roles.owner as string) }),
    item(crew.id, {}, { roles: roleLinks(NIL) }),
    item(crew.id, { nonsense: 1 }),
    item(other.id),
    { type: 'users' },
    item(crew.id, { email: twice }),
    item(crew.id, { email: twice.toUpperCase() }),
    item(crew.id, { kind: 'link' }),
    document('invitations', { email: freshEmail() }).data,
  ];
  const { status, body, headers } = await bulk(crew.admin, rows);
  expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
  const made = (index: number) => ({ index, outcome: 'created', id: ID, token: TOKEN, acceptUrl: expect.any(String) });
  const refused = (index: number, code: string) => ({ index, outcome: 'refused', code });
  const { results } = body.meta;
  expect(results).toEqual([
    made(0),
    { index: 1, outcome: 'already_invited', id: pending.id },
    { index: 2, outcome: 'already_member' },
    refused(3, 'invalid_format'),
    refused(4, 'owner_required'),
    refused(5, 'not_found'),
    refused(6, 'unknown_attribute'),
    refused(7, 'not_allowed'),
    refused(8, 'type_mismatch'),
    made(9),
    { index: 10, outcome: 'already_invited', id: results[9].id },
    made(11),
    refused(12, 'required'),
  ]);
  expect((await accept(app.anonymous, results[0].token)).status).toBe(201);
  expect((await accept(app.anonymous, results[11].token, { ...PASSWORDS, email: freshEmail() })).status).toBe(201);
});

test('an organization’s key need not name the organization', async () => {
  const { body } = await bulk(app.as(crew.token), [document('invitations', { email: freshEmail() }).data]);
  expect(body.meta.results[0].outcome).toBe('created');
});

test('onConflict=resend makes pending ones anew', async () => {
  const pending = await invited(crew.owner, crew.id);
  const { body } = await bulk(
    crew.owner,
    [item(crew.id, { email: pending.attributes.email }), item(crew.id)],
    '?onConflict=resend',
  );
  expect(body.meta.results.map(({ outcome }: Body) => outcome)).toEqual(['resent', 'created']);
  expect(body.meta.results[0]).toMatchObject({ id: pending.id, token: TOKEN });
  expect((await app.anonymous.get(`${PATH}/${tokenOf(pending)}`)).status).toBe(404);
});

test('a thousand take as many statements as ten, but that 200 are told of in one, and not long', async () => {
  const own = await crews.make();
  const count = async (rows: number) => {
    const data = many(own.id, rows);
    let answer: Body;
    const statements = await statementsOf(async () => {
      answer = await bulk(own.owner, data);
    });
    expect(answer.body.meta.results.filter(({ outcome }: Body) => outcome === 'created')).toHaveLength(rows);
    return statements.length;
  };
  // Who asks is known from then on.
  await count(1);
  const few = await count(10);
  const start = performance.now();
  expect(await count(1000)).toBe(few + 4);
  // A second where nothing else runs.
  expect(performance.now() - start).toBeLessThan(15_000);
  const [row] = await app.db.query(
    'select count(*), count(distinct hash) from invitations where organization_id = $1',
    [own.id],
  );
  expect(row?.map(Number)).toEqual([1011, 1011]);
});

test('more than a thousand are 413, none at all 422, what is no list 400', async () => {
  expectError(await bulk(crew.owner, many(crew.id, 1001)), 413, 'too_large', { source: { pointer: '/data' } });
  expectError(await bulk(crew.owner, []), 422, 'too_short', { source: { pointer: '/data' } });
  expectError(await bulk(crew.owner, item(crew.id)), 400, 'malformed_document', { source: { pointer: '/data' } });
});

test('who may not invite, or does not see the organization, is refused as a whole', async () => {
  expectDenied(await bulk(crew.auditor, many(crew.id, 2)), 'invitations:create');
  const other = await crews.make();
  for (const id of [other.id, NIL]) {
    for (const asker of [crew.owner, app.as(crew.token)]) {
      expectError(await bulk(asker, many(id, 2)), 404, 'not_found', { source: { pointer: '/data/0' } });
    }
  }
});

test('a quota refuses those that there is no room for', async () => {
  const own = await crews.make();
  await app.db.query(`update organizations set quotas = '{"invitations": 2}' where id = $1`, [own.id]);
  const rows = many(own.id, 4);
  const { body } = await bulk(own.owner, [...rows, rows[0], rows[3]]);
  expect(body.meta.results.map(({ outcome, code }: Body) => code ?? outcome)).toEqual([
    'created',
    'created',
    'quota_exceeded',
    'quota_exceeded',
    'already_invited',
    'quota_exceeded',
  ]);
});

test('an answer is stored without its tokens (INV-30)', async () => {
  const data = many(crew.id, 2);
  const key = { 'Idempotency-Key': 'bulk-once' };
  const [first, second] = [await bulk(crew.owner, data, '', key), await bulk(crew.owner, data, '', key)];
  const withheld = first.body.meta.results.map((each: Body) => ({ ...each, token: null, acceptUrl: null }));
  expect(second.body.meta).toEqual({ results: withheld, secretWithheld: true });
  const stored = JSON.stringify(await app.db.query('select to_jsonb(r) from idempotency_records r'));
  for (const { token } of first.body.meta.results) {
    expect(stored).not.toContain(token);
    expect(stored).not.toContain(Buffer.from(token).toString('hex'));
  }
});

test('with a mail server each is mailed, and tokens are shown of those alone that are not', async () => {
  const own = await (await Crews.of(mailing)).make();
  const rows = [item(own.id), item(own.id, { email: freshEmail(), send: false }), item(own.id, { kind: 'link' })];
  const { body, headers } = await bulk(own.owner, rows);
  const { results } = body.meta;
  expect(results[0]).toEqual({ index: 0, outcome: 'created', id: ID });
  expect(results.slice(1)).toEqual([1, 2].map((index) => expect.objectContaining({ index, token: TOKEN })));
  expect(headers['cache-control']).toBe('no-store');
  expect(await mailing.runPendingJobs()).toBe(1);
  const mail = await sink.next();
  expect(mail.to).toBe((rows[0] as Body).attributes.email);
  const token = /inv_live_[0-9A-Za-z]{36}/.exec(mail.text)?.[0] as string;
  expect((await accept(mailing.anonymous, token)).status).toBe(201);
  expect(await stateOf(mailing, results[0].id)).toMatchObject({ status: 'accepted', sendCount: 1 });
});
