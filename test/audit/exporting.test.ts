import { type ExportVerdict, verifyExport } from '../../src/audit/exportCheck';
import { PublicKey, Sealer } from '../../src/audit/seal';
import { headSealer } from '../../src/services/auditCheckpoints';
import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { chainOfTwelve } from './tampering';

let app: TestApp;
/** An export of a chain of thirteen rows, of which the ninth was signed on its way; and its lines. */
let id: string;
let lines: string[];
let key: PublicKey;
beforeAll(async () => {
  app = await startApp();
  key = app.services.secrets.sealer.publicKey;
  id = await chainOfTwelve(app);
  await headSealer(app.services)();
  lines = linesOf(await exported(app.platform, `filter[organizationId]=${id}`));
});
afterAll(() => app.close());

async function exported(asker: Client, query: string): Promise<Answer> {
  const answer = await asker.get(`${S}/auditEvents/export?${query}`);
  expect([query, answer.status]).toEqual([query, 200]);
  return answer;
}

const linesOf = ({ text }: Answer): string[] => text.split('\n').slice(0, -1);

async function verdictOf(text: readonly string[], by: PublicKey | null = key): Promise<ExportVerdict> {
  return verifyExport(
    (async function* () {
      yield* text;
    })(),
    by,
  );
}

/** Kind, line and row of each problem. */
const problemsOf = async (text: readonly string[], by: PublicKey | null = key) =>
  (await verdictOf(text, by)).problems.map(({ kind, line, sequence }) => [kind, line, sequence]);

/** The index of the line of a row. */
const at = (sequence: number): number =>
  lines.findIndex((line) => JSON.parse(line).type === 'auditEvents' && JSON.parse(line).sequence === sequence);
const without = (...sequences: number[]) => lines.filter((_line, i) => !sequences.map(at).includes(i));
/** The lines with that of a row changed. */
const withRow = (sequence: number, change: (row: Body) => object) =>
  lines.map((line, i) =>
    i === at(sequence) ? JSON.stringify({ ...JSON.parse(line), ...change(JSON.parse(line)) }) : line,
  );

describe('an export', () => {
  test('has every row as the API shows it, what is hashed of it, and at the end what it says of itself', async () => {
    const { headers } = await exported(app.platform, `filter[organizationId]=${id}&filter[sequence][lte]=1`);
    expect(headers['content-type']).toBe('application/x-ndjson');
    const parsed = lines.map((line) => JSON.parse(line));
    expect(parsed.map(({ type, kind, sequence }) => (type === 'auditEvents' ? sequence : kind))).toEqual([
      ...Array.from({ length: 12 }, (_, i) => i + 1),
      'passed',
      13,
      'end',
    ]);
    const list = await app.platform.get(
      `${S}/auditEvents?filter[organizationId]=${id}&filter[sequence][lte]=13&sort=sequence`,
    );
    for (const [i, { attributes, id: rowId }] of list.body.data.entries()) {
      const { record, actorPersonal, actorSalt, subjectPersonal, subjectSalt, ...shown } = JSON.parse(
        lines[at(i + 1)] as string,
      );
      expect(shown).toEqual({ type: 'auditEvents', id: rowId, organizationId: id, ...attributes });
      expect(JSON.parse(record).action).toBe(attributes.action);
      expect([typeof actorPersonal, typeof actorSalt]).toEqual(['string', 'string']);
      expect(subjectPersonal === null).toBe(subjectSalt === null);
    }
    const end = parsed.at(-1);
    expect(JSON.parse(end.statement)).toMatchObject({
      organizationId: id,
      partial: false,
      filter: null,
      rows: 13,
      firstSequence: 1,
      lastSequence: 13,
    });
    expect([end.sequence, end.hash, end.publicKey]).toEqual([13, parsed.at(-2).hash, key.text]);
  });

  test('is told in its own chain before it begins (INV-54)', () => {
    const row = JSON.parse(lines[at(13)] as string);
    expect(row).toMatchObject({
      action: 'audit.exported',
      outcome: 'success',
      metadata: { format: 'ndjson', rows: '1–13', chain: id },
    });
  });

  test('is good, by our key and by its own', async () => {
    expect(await verdictOf(lines)).toMatchObject({
      problems: [],
      rows: 13,
      checkpoints: 2,
      organizationId: id,
      lastSequence: 13,
      isPartial: false,
      isOwnKey: false,
      isForeign: false,
    });
    expect(await verdictOf(lines, null)).toMatchObject({ problems: [], isOwnKey: true, keyId: key.keyId });
  });

  test('of many rows is read in parts, and good', async () => {
    const { id: many } = await createOrganization(app.platform);
    await app.db.query(
      `select record_audit('audit.read', $1::uuid, 'success', null, null, 'system', null, null, null, null) from generate_series(1, 1200)`,
      [many],
    );
    await headSealer(app.services)();
    const text = linesOf(await exported(app.platform, `filter[organizationId]=${many}`));
    expect(await verdictOf(text)).toMatchObject({ problems: [], rows: 1204, checkpoints: 2 });
  });

  test('of the installation is the operator’s', async () => {
    const text = linesOf(await exported(app.platform, 'format=ndjson'));
    expect(await verdictOf(text)).toMatchObject({ problems: [], organizationId: null });
    const partner = await app.partner();
    expect((await partner.get(`${S}/auditEvents/export`)).status).toBe(400);
    expect((await partner.get(`${S}/auditEvents/export?filter[organizationId]=${id}`)).status).toBe(404);
    expect((await partner.get(`${S}/auditEvents/export?filter[organizationId]=${NIL}`)).status).toBe(404);
  });

  test('hides from an organization what tells of keys that are not its own, and can be verified still', async () => {
    const { id: own, attributes } = await createOrganization(app.platform);
    const text = linesOf(await exported(app.as(attributes.token), `filter[organizationId]=${own}`));
    const first = JSON.parse(text[0] as string);
    expect([first.actor.name, first.context.ip, first.actorPersonal, first.actorSalt]).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(JSON.parse(text[3] as string).actor.name).toBe('Organization token');
    expect(await problemsOf(text)).toEqual([]);
  });

  test('of somebody who was erased is good (INV-53)', async () => {
    const other = await chainOfTwelve(app);
    const [row] = await app.db.query('select actor_id from audit_events where organization_id = $1 and sequence = 7', [
      other,
    ]);
    await app.db.query('select forget_audited_person($1, $2, 1000)', [row?.[0], 'grace@example.com']);
    const text = linesOf(await exported(app.platform, `filter[organizationId]=${other}`));
    expect(text.join()).not.toContain('Ada');
    expect(await problemsOf(text)).toEqual([]);
  });
});

describe('a file in which', () => {
  const FIELDS: Record<string, (row: Body) => object> = {
    action: () => ({ action: 'role.updated' }),
    outcome: () => ({ outcome: 'failed' }),
    actor: ({ actor }) => ({ actor: { ...actor, name: 'Eve' } }),
    targets: () => ({ targets: [] }),
    context: ({ context }) => ({ context: { ...context, ip: '192.0.2.1' } }),
    changes: ({ changes }) => ({ changes: changes.slice(1) }),
    metadata: () => ({ metadata: { level: 'platform' } }),
    occurredAt: () => ({ occurredAt: '2026-01-02T03:04:05.678+00:00' }),
    id: () => ({ id: NIL }),
    organizationId: () => ({ organizationId: null }),
    hash: () => ({ hash: '0'.repeat(64) }),
    prevHash: () => ({ prevHash: '0'.repeat(64) }),
    record: ({ record }) => ({ record: record.replace('success', 'failed') }),
    actorPersonal: ({ actorPersonal }) => ({ actorPersonal: actorPersonal.replace('Ada', 'Eve') }),
    actorSalt: () => ({ actorSalt: null }),
  };
  test.each(Object.entries(FIELDS))('%s of a row was changed is bad, and the row named', async (_name, change) => {
    expect(await problemsOf(withRow(7, change))).toEqual([['changed', at(7) + 1, 7]]);
  });

  test.each([[1], [6], [12], [13]])('row %i is missing is bad, and it is named', async (sequence) => {
    const [problem, ...others] = await problemsOf(without(sequence));
    expect([problem, others]).toEqual([[sequence === 13 ? 'cut_off' : 'missing', null, sequence], []]);
  });

  test('rows have changed places is bad, and they are named', async () => {
    const swap = (one: number, other: number) =>
      lines.map((line, i) => (i === at(one) ? lines[at(other)] : i === at(other) ? lines[at(one)] : line)) as string[];
    expect(await problemsOf(swap(4, 5))).toEqual([
      ['swapped', 5, 4],
      ['swapped', 4, 5],
    ]);
    expect(await problemsOf(swap(3, 10))).toEqual([
      ['swapped', 10, 3],
      ['swapped', 3, 10],
    ]);
  });

  test('a row was put in is bad, and it is named', async () => {
    const copy = [...lines.slice(0, 6), lines[2] as string, ...lines.slice(6)];
    expect(await problemsOf(copy)).toEqual([['inserted', 7, 3]]);
    const forged = JSON.parse(lines[at(7)] as string);
    const record = forged.record.replace('"path":"', '"path":"/forged');
    const hash = require('node:crypto')
      .createHash('sha256')
      .update(forged.prevHash + record)
      .digest('hex');
    const context = { ...forged.context, path: `/forged${forged.context.path}` };
    const line = JSON.stringify({ ...forged, record, hash, context });
    expect(await problemsOf([...lines.slice(0, 6), line, ...lines.slice(6)])).toEqual([['inserted', 7, 7]]);
    // In its place: what follows was made behind another one.
    expect(await problemsOf([...lines.slice(0, 6), line, ...lines.slice(7)])).toEqual([['changed', 7, 7]]);
    expect(await problemsOf([...lines, lines[0] as string])).toEqual([['inserted', lines.length + 1, null]]);
    expect(await problemsOf([...lines.slice(0, 3), '{"type":"other"}', ...lines.slice(3)])).toEqual([
      ['changed', 4, 4],
    ]);
  });

  test('the end is missing is bad', async () => {
    expect(await problemsOf(lines.slice(0, -1))).toEqual([['cut_off', null, 14]]);
    expect(await problemsOf(lines.slice(0, 7))).toEqual([['cut_off', null, 8]]);
    expect(await problemsOf([...lines.slice(0, 9), lines.at(-1) as string])).toEqual(
      [10, 11, 12, 13].map((row) => ['cut_off', null, row]),
    );
    expect((await problemsOf([...lines.slice(0, 5), (lines[5] as string).slice(0, 90)]))[0]).toEqual(['changed', 6, 6]);
  });

  test('a checkpoint was forged is bad', async () => {
    const i = lines.findIndex((line) => JSON.parse(line).kind === 'passed');
    const forged = lines.map((line, n) => (n === i ? line.replace(/"hash":"../, '"hash":"ff') : line));
    expect(await problemsOf(forged)).toEqual([['bad_checkpoint', i + 1, 12]]);
    const other = new Sealer(Buffer.alloc(32, 8)).publicKey;
    expect((await problemsOf(lines, other)).map(([kind]) => kind)).toEqual([
      'bad_checkpoint',
      'bad_checkpoint',
      'bad_checkpoint',
    ]);
  });

  test('the chain was written anew with hashes that fit is bad by what was signed', async () => {
    let hash = JSON.parse(lines[at(6)] as string).hash;
    const anew = lines.map((line) => {
      const row = JSON.parse(line);
      if (row.type !== 'auditEvents' || row.sequence < 7) return line;
      const record = row.sequence === 7 ? row.record.replace('"outcome":"success"', '"outcome":"failed"') : row.record;
      const made = { ...row, outcome: row.sequence === 7 ? 'failed' : row.outcome, record, prevHash: hash };
      hash = require('node:crypto')
        .createHash('sha256')
        .update(hash + record)
        .digest('hex');
      return JSON.stringify({ ...made, hash });
    });
    expect(await problemsOf(anew)).toEqual([
      ['rewritten', at(12) + 1, 12],
      ['changed', at(13) + 1, 13],
    ]);
  });

  test('an export says falsely that it is partial is bad', async () => {
    const end = JSON.parse(lines.at(-1) as string);
    const statement = JSON.stringify({ ...JSON.parse(end.statement), partial: true });
    const text = [...without(5).slice(0, -1), JSON.stringify({ ...end, statement })];
    expect((await problemsOf(text)).map(([kind]) => kind)).toContain('bad_checkpoint');
  });

  test('there is no export is told from one that is bad', async () => {
    expect((await verdictOf([])).isForeign).toBe(true);
    expect((await verdictOf(['hello', '{}', '[1]', 'null'])).isForeign).toBe(true);
  });
});

describe('an export with filters', () => {
  test.each([
    ['filter[action]=organization.*', 7],
    ['filter[action]=organization.updated', 6],
    ['filter[outcome]=denied', 0],
    ['filter[sequence][gte]=5&filter[sequence][lte]=8', 4],
    ['filter[occurredAt][lt]=2020-01-01T00:00:00+00:00', 0],
    ['filter[occurredAt][gte]=2020-01-01T00:00:00Z&filter[sequence][lte]=12', 12],
  ])('%s is partial, and says so: each of its rows is verified by itself', async (filter, rows) => {
    const text = linesOf(await exported(app.platform, `filter[organizationId]=${id}&${filter}`));
    expect(await verdictOf(text)).toMatchObject({ problems: [], rows, isPartial: true });
    const { statement } = JSON.parse(text.at(-1) as string);
    expect(JSON.parse(statement).partial).toBe(true);
    if (rows === 0) return;
    // A row that is taken out can't be named, and is missed.
    expect((await verdictOf(text.slice(1))).problems).toMatchObject([{ kind: 'missing', sequence: null }]);
  });

  test('what is no filter is refused', async () => {
    for (const query of [
      'filter[name]=x',
      'format=xml',
      'filter[outcome]=fine',
      'filter[sequence][gte]=0',
      'filter[actorId]=x',
    ]) {
      const { status, body } = await app.platform.get(`${S}/auditEvents/export?filter[organizationId]=${id}&${query}`);
      expect([query, status, body.errors[0].source.parameter]).toEqual([query, 400, query.split('=')[0]]);
    }
  });
});

/** RFC 4180, as a reader has it. */
function cells(text: string): string[][] {
  const rows: string[][] = [];
  for (const [line] of text.matchAll(/(?:"(?:[^"]|"")*"|[^\r\n"])*\r\n/g)) {
    const row = [...line.slice(0, -2).matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,"]*))/g)];
    rows.push(row.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? ''));
  }
  return rows;
}

test('as CSV every row is a line of RFC 4180, and nothing in it a formula', async () => {
  const person = await app.user({ name: '=HYPERLINK("http://x","y")' });
  const { id: own } = await createOrganization(person, { name: 'Acme, "Inc"' });
  await person.patch(
    `${M}/organizations/${own}`,
    { data: { type: 'organizations', id: own, attributes: { name: '@SUM(A1)' } } },
    { 'User-Agent': '+cmd' },
  );
  const { headers, text } = await exported(app.platform, `filter[organizationId]=${own}&format=csv`);
  expect(headers['content-type']).toBe('text/csv; charset=utf-8');
  const [header = [], ...rows] = cells(text);
  const list = await app.platform.get(`${S}/auditEvents?filter[organizationId]=${own}&sort=sequence`);
  expect(rows.length).toBe(6);
  const column = (name: string) => rows.map((row) => row[header.indexOf(name)]);
  expect(column('sequence')).toEqual(['1', '2', '3', '4', '5', '6']);
  expect(column('hash')).toEqual(list.body.data.slice(0, 6).map(({ attributes }: Body) => attributes.hash));
  expect(column('actorName')[0]).toBe('\'=HYPERLINK("http://x","y")');
  expect([column('targetName')[0], column('targetName')[4]]).toEqual(['Acme, "Inc"', "'@SUM(A1)"]);
  expect(column('userAgent')[4]).toBe("'+cmd");
  expect(JSON.parse(column('changes')[4] as string)).toEqual(list.body.data[4].attributes.changes);
  for (const row of rows) expect(row).toHaveLength(header.length);
});

test('Accept says what is taken: each of its forms, and JSON:API for errors', async () => {
  const path = `${S}/auditEvents/export?filter[organizationId]=${id}&format=csv`;
  expect((await app.platform.get(path, { Accept: 'text/csv' })).status).toBe(200);
  expect((await app.platform.get(path, { Accept: 'image/png' })).status).toBe(406);
});
