import { tellOfExpiry } from '../../src/jobs/keyExpiring';
import { endGraces } from '../../src/services/apiKeyRotation';
import { tellExpiredKeys } from '../../src/services/keyExpiry';
import { type Key, Keys, PATH } from '../routes/apiKeys/keys';
import { type Crew, Crews, workspaceLinks } from '../routes/crew';
import { type Body, document, startApp, type TestApp } from '../support/app';
import { type MailSink, startMailSink } from '../support/mailSink';
import { eventOf, inEvents, SYSTEM, shown, told, userActor } from './feed';

const DAY = 86_400_000;

let app: TestApp;
let sink: MailSink;
let crews: Crews;
let keys: Keys;
let crew: Crew;
let clock = Date.now();
beforeAll(async () => {
  sink = await startMailSink();
  app = await startApp({ SMTP_URL: sink.url, MAIL_FROM: 'keys@mail.example.com' }, () => new Date(clock));
  crews = await Crews.of(app);
  keys = new Keys(app);
});
afterAll(async () => {
  await app.close();
  await sink.close();
});
beforeEach(async () => {
  clock = Math.floor(Date.now() / 1000) * 1000;
  crew = await crews.make();
});

const inDays = (days: number) => new Date(clock + days * DAY).toISOString();
const read = (key: Pick<Key, 'self'>) => shown(app.platform, key.self);
const make = (attributes: object = {}) => keys.make(crew.owner, attributes, crew.id);
const owner = () => userActor(crew.owner);

test('one that is made is told, without its secret (INV-30)', async () => {
  const workspace = await crews.workspace(crew.id);
  const body = document(
    'apiKeys',
    { name: 'K', scopes: ['members:read'] },
    {
      relationships: {
        organization: { data: { type: 'organizations', id: crew.id } },
        workspaces: workspaceLinks(workspace),
      },
    },
  );
  const { answer, events } = await told(app, crew.id, () => crew.owner.post(PATH, body));
  const key = keys.read(answer.body.data);
  const data = await read(key);
  expect(events).toEqual([eventOf('api_key.created', crew.id, { actor: owner(), answer, data })]);
  expect(data.relationships.workspaces.data).toEqual([{ type: 'workspaces', id: workspace }]);
  expect(JSON.stringify(events)).not.toContain(key.secret);
});

describe('a change', () => {
  test('is told with what was there before; the same again is not', async () => {
    const key = await make();
    const change = () => keys.change(crew.owner, key, { name: 'Other', disabled: true });
    const { answer, events } = await told(app, crew.id, change);
    expect(events).toEqual([
      eventOf('api_key.updated', crew.id, {
        actor: owner(),
        answer,
        data: await read(key),
        previous: { attributes: { name: 'K', disabled: false, status: 'active' } },
      }),
    ]);
    expect((await told(app, crew.id, change)).types).toEqual([]);
  });

  test('of its workspaces is told, and of the limit that goes', async () => {
    const key = await make();
    const workspace = await crews.workspace(crew.id);
    const linkage = workspaceLinks(workspace);
    const limited = await told(app, crew.id, () => crew.owner.post(`${key.self}/relationships/workspaces`, linkage));
    expect(limited.events.map(({ type, previous }) => [type, previous])).toEqual([
      ['api_key.updated', { attributes: { allWorkspaces: true }, relationships: { workspaces: [] } }],
    ]);
    const freed = await told(app, crew.id, () => keys.change(crew.owner, key, { allWorkspaces: true }));
    expect(freed.events.map(({ previous }) => previous)).toEqual([
      { attributes: { allWorkspaces: false }, relationships: { workspaces: linkage.data } },
    ]);
  });
});

describe('a rotation', () => {
  test('is told of the new key, which names the old one; the one before that has ended (INV-33)', async () => {
    const key = await make();
    const first = await told(app, crew.id, () => keys.rotate(crew.owner, key));
    const second = keys.read(first.answer.body.data);
    expect(first.events).toEqual([
      eventOf('api_key.rotated', crew.id, { actor: owner(), answer: first.answer, data: await read(second) }),
    ]);
    expect(first.events[0].data.relationships.replaces).toEqual({ data: { type: 'apiKeys', id: key.id } });
    expect(JSON.stringify(first.events)).not.toContain(second.secret);
    const { answer, events } = await told(app, crew.id, () => keys.rotate(crew.owner, second));
    const third = keys.read(answer.body.data);
    expect(events.map(({ type, data }) => [type, data.id])).toEqual([
      ['api_key.rotated', third.id],
      ['api_key.revoked', key.id],
    ]);
    expect(events[1].previous.attributes).toMatchObject({ status: 'rotating', revokedAt: null });
  });

  test('without grace is told with the end of the old key', async () => {
    const key = await make();
    const { events } = await told(app, crew.id, () => keys.rotate(crew.owner, key, 0));
    expect(events).toMatchObject([
      { type: 'api_key.rotated', data: { relationships: { replaces: { data: { id: key.id } } } } },
      { type: 'api_key.revoked', data: { id: key.id }, previous: { attributes: { status: 'active' } } },
    ]);
  });

  test('that is refused is told nobody', async () => {
    const key = await make();
    await crew.owner.delete(key.self);
    const { answer, types } = await told(app, crew.id, () => keys.rotate(crew.owner, key));
    expect([answer.status, types]).toEqual([404, []]);
  });

  test('tells when its grace is over, once, by nobody', async () => {
    const key = await make();
    await keys.rotate(crew.owner, key);
    await app.db.query("update api_keys set grace_until = now() - interval '1 second' where id = $1", [key.id]);
    const { events } = await told(app, crew.id, () =>
      Promise.all(Array.from({ length: 3 }, () => endGraces(app.services))),
    );
    expect(events).toEqual([
      eventOf('api_key.revoked', crew.id, {
        actor: SYSTEM,
        answer: null,
        data: inEvents(await keys.shown(key)),
        previous: { attributes: { status: 'rotating', revokedAt: null, revokedReason: null } },
      }),
    ]);
  });
});

test('one that is revoked is told, with the reason', async () => {
  const key = await make();
  const { answer, events } = await told(app, crew.id, () => crew.owner.delete(`${key.self}?reason=lost`));
  expect(events).toEqual([
    eventOf('api_key.revoked', crew.id, {
      actor: owner(),
      answer,
      data: inEvents(await keys.shown(key)),
      previous: { attributes: { status: 'active', revokedAt: null, revokedReason: null } },
    }),
  ]);
  expect(events[0].data.attributes.revokedReason).toBe('lost');
});

describe('the end of a key', () => {
  /** Runs the job of the notice, `days` from now. */
  const runJobs = async (days: number) => {
    const before = clock;
    clock += days * DAY;
    await app.runPendingJobs();
    clock = before;
  };

  test('is told seven days before, once, with the mail', async () => {
    const key = await make({ expiresAt: inDays(10) });
    sink.mails.length = 0;
    const { events } = await told(app, crew.id, () => runJobs(3));
    expect(events).toEqual([
      eventOf('api_key.expiring', crew.id, { actor: SYSTEM, answer: null, data: await read(key) }),
    ]);
    expect(sink.mails).toHaveLength(1);
    const expiresAt = events[0].data.attributes.expiresAt as string;
    const again = await told(app, crew.id, async () => {
      const run = () =>
        tellOfExpiry({ ...app.services, log: {} as never, jobId: 'x' }, { apiKeyId: key.id, expiresAt });
      await Promise.all([run(), run()]);
      await runJobs(3);
    });
    expect([again.types, sink.mails.length]).toEqual([[], 1]);
  });

  test('is told again for another end', async () => {
    const key = await make({ expiresAt: inDays(10) });
    await runJobs(3);
    const { types } = await told(app, crew.id, async () => {
      await keys.change(crew.owner, key, { expiresAt: inDays(20) });
      await runJobs(13);
    });
    expect(types).toEqual(['api_key.updated', 'api_key.expiring']);
  });

  test.each<[string, object, string]>([
    ['one in use', {}, 'active'],
    ['one that was switched off', { disabled: true }, 'disabled'],
  ])('is told when it is there, once, by nobody: %s', async (_title, attributes, status) => {
    const key = await make({ ...attributes, expiresAt: inDays(1) });
    await app.db.query("update api_keys set expires_at = now() - interval '1 second' where id = $1", [key.id]);
    const { events } = await told(app, crew.id, () =>
      Promise.all(Array.from({ length: 3 }, () => tellExpiredKeys(app.services))),
    );
    expect(events).toEqual([
      eventOf('api_key.expired', crew.id, {
        actor: SYSTEM,
        answer: null,
        data: await read(key),
        previous: { attributes: { status } },
      }),
    ]);
    expect((await told(app, crew.id, () => tellExpiredKeys(app.services))).types).toEqual([]);
  });

  test('is not told of one that was revoked or replaced before', async () => {
    const [revoked, replaced] = [await make({ expiresAt: inDays(1) }), await make({ expiresAt: inDays(1) })];
    await crew.owner.delete(revoked.self);
    await keys.rotate(crew.owner, replaced);
    await app.db.query("update api_keys set expires_at = now() - interval '1 second' where id = any($1)", [
      [revoked.id, replaced.id],
    ]);
    const { types } = await told(app, crew.id, () => tellExpiredKeys(app.services));
    expect(types).toEqual([]);
  });

  test('is found in an index', async () => {
    const plan = await app.source.transaction(async (manager) => {
      await manager.query('set local enable_seqscan = off');
      return manager.query(`explain select organization_id from api_keys where expires_at <= now() and organization_id is not null
        and revoked_at is null and grace_until is null and expiry_told_at is null order by expires_at limit 1000`);
    });
    expect(JSON.stringify(plan)).toContain('api_keys_expired_idx');
  });
});

test('keys that are of no organization are told nobody', async () => {
  const count = async () => (await app.db.query('select count(*)::int from events'))[0]?.[0];
  const before = await count();
  const personal = await keys.make(crew.owner);
  const ofPlatform = await keys.make(app.platform);
  for (const [asker, key] of [
    [crew.owner, personal],
    [app.platform, ofPlatform],
  ] as const) {
    await keys.change(asker, key, { name: 'Other' });
    const rotated: Body = (await keys.rotate(asker, key)).body;
    await asker.delete(`${PATH}/${rotated.data.id}`);
  }
  expect(await count()).toBe(before);
});
