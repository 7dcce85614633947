import { ATOMIC, add, at, documentOf, OPERATIONS, remove, update } from '../jsonapi/operations';
import { buildWorld, errorsOf, membership, type World } from '../jsonapi/world';
import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { contentsOf } from '../support/contents';
import { freshKey, isReplay, keyed, recordsOf } from './keyed';

const ORGANIZATIONS = `${M}/organizations`;

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = app.platform;
});
afterAll(() => app.close());

const organization = (attributes: object) => document('organizations', { name: 'Keyed', ...attributes });
const error = (answer: Answer) => errorsOf(answer)[0]?.slice(0, 2).join(' ');

describe('what was refused before it began is not kept: the mended request may have the same key [INV-57]', () => {
  type Attempt = (client: Client, headers: Record<string, string>) => Promise<Answer>;
  const attempts: [string, string, Attempt][] = [
    ['a body that is no JSON', '400 malformed_document', (client, headers) => client.post(ORGANIZATIONS, '{', headers)],
    [
      'an unknown parameter',
      '400 invalid_parameter',
      (client, headers) => client.post(`${ORGANIZATIONS}?foo=1`, {}, headers),
    ],
    [
      'no credential',
      '401 missing_credential',
      (_client, headers) => app.anonymous.post(ORGANIZATIONS, organization({}), headers),
    ],
    [
      'a missing right',
      '403 permission_denied',
      (_client, headers) => world.key.post(ORGANIZATIONS, organization({}), headers),
    ],
    [
      'a chosen id that is none',
      '403 client_id_not_allowed',
      (client, headers) => client.post(ORGANIZATIONS, document('organizations', { name: 'x' }, { id: 'x' }), headers),
    ],
    [
      'a missing partner',
      '404 not_found',
      (client, headers) =>
        client.post(
          ORGANIZATIONS,
          document('organizations', { name: 'x' }, { relationships: { partner: link('partners', NIL) } }),
          headers,
        ),
    ],
    [
      'another media type',
      '415 unsupported_media_type',
      (client, headers) =>
        client.post(ORGANIZATIONS, organization({}), { ...headers, 'Content-Type': 'application/json' }),
    ],
    [
      'a bad Accept',
      '406 not_acceptable',
      (client, headers) => client.post(ORGANIZATIONS, organization({}), { ...headers, Accept: 'text/html' }),
    ],
    [
      'a body that is too large',
      '413 too_large',
      (client, headers) => client.post(ORGANIZATIONS, 'x'.repeat(1_048_577), headers),
    ],
    [
      'a bad attribute',
      '422 too_short',
      (client, headers) => client.post(ORGANIZATIONS, organization({ name: '' }), headers),
    ],
    [
      'a value that only the service can judge',
      '422 not_allowed',
      (client, headers) => client.post(ORGANIZATIONS, organization({ webhookUrl: 'http://example.com' }), headers),
    ],
  ];

  test.each(attempts)('%s: %s', async (_title, code, attempt) => {
    const headers = keyed(freshKey());
    expect(error(await attempt(platform, headers))).toBe(code);
    expect(await recordsOf(app, headers['Idempotency-Key'])).toEqual([]);
    const again = await attempt(platform, headers);
    expect([error(again), isReplay(again)]).toEqual([code, false]);
    const mended = await platform.post(ORGANIZATIONS, organization({}), headers);
    expect([mended.status, isReplay(mended)]).toEqual([201, false]);
    expect(await recordsOf(app, headers['Idempotency-Key'])).toEqual([`POST ${ORGANIZATIONS} 201`]);
  });

  test('a method that is not offered: 405, and PATCH of what takes none: 403', async () => {
    const headers = keyed(freshKey());
    const permission = `${S}/permissions/members:read`;
    expect(error(await platform.delete(permission, headers))).toBe('405 method_not_allowed');
    expect(error(await platform.patch(permission, {}, headers))).toBe('403 update_not_offered');
    expect(await recordsOf(app, headers['Idempotency-Key'])).toEqual([]);
  });

  test('a missing resource: it may come to be', async () => {
    const id = '22222222-2222-4222-8222-222222222222';
    const headers = keyed(freshKey());
    const patch = () =>
      platform.patch(`${ORGANIZATIONS}/${id}`, document('organizations', { kind: 'x' }, { id }), headers);
    expect(error(await patch())).toBe('404 not_found');
    await platform.post(ORGANIZATIONS, document('organizations', { name: 'Late' }, { id }));
    expect((await patch()).status).toBe(200);
  });

  test('operations: faults of form and of what they ask for', async () => {
    const headers = { ...ATOMIC, ...keyed(freshKey()) };
    const send = (...operations: unknown[]) => platform.post(OPERATIONS, documentOf(...operations), headers);
    expect(error(await send({ op: 'move' }))).toBe('400 malformed_document');
    expect(error(await send(add('organizations', { name: '' })))).toBe('422 too_short');
    expect(error(await send(remove('organizations', NIL)))).toBe('404 not_found');
    expect((await send(add('organizations', { name: 'Mended' }))).status).toBe(200);
  });
});

describe('a failure that follows from how things stand is kept: it is told again when they have changed [INV-57]', () => {
  interface Failure {
    send: (headers: Record<string, string>) => Promise<Answer>;
    /** Makes that the same request would work. */
    clear: () => Promise<unknown>;
  }
  const patchOf =
    ({ id }: Body, attributes: object, more: Record<string, string> = {}) =>
    (headers: Record<string, string>) =>
      platform.patch(`${ORGANIZATIONS}/${id}`, document('organizations', attributes, { id }), { ...headers, ...more });
  const rename = ({ id }: Body) => patchOf({ id }, { slug: `was-${id.slice(-12)}` })({});

  const failures: [string, string, () => Promise<Failure>][] = [
    [
      'a slug that is taken',
      '409 slug_taken',
      async () => {
        const holder = await createOrganization(platform, { slug: 'held-by-one' });
        const send = (headers: object) =>
          platform.post(ORGANIZATIONS, organization({ slug: 'held-by-one' }), { ...headers });
        return { send, clear: () => rename(holder) };
      },
    ],
    [
      'a slug that is taken, in a change',
      '409 slug_taken',
      async () => {
        const holder = await createOrganization(platform, { slug: 'held-by-two' });
        return {
          send: patchOf(await createOrganization(platform), { slug: 'held-by-two' }),
          clear: () => rename(holder),
        };
      },
    ],
    [
      'an old version',
      '412 version_mismatch',
      async () => {
        const row = await createOrganization(platform);
        const stale = `"2.${'x'.repeat(27)}"`;
        return {
          send: patchOf(row, { kind: 'x' }, { 'If-Match': stale }),
          clear: () => patchOf(row, { kind: 'y' })({}),
        };
      },
    ],
    [
      'a protected organization',
      '409 delete_protected',
      async () => {
        const row = await createOrganization(platform, { deleteProtection: true });
        const send = (headers: Record<string, string>) => platform.delete(row.links.self, headers);
        return { send, clear: () => patchOf(row, { deleteProtection: false })({}) };
      },
    ],
    [
      'the last owner',
      '409 last_owner',
      async () => {
        const row = await createOrganization(platform);
        const [one, other] = [await createUser(platform), await createUser(platform)];
        const roles = [world.roles.owner.id];
        const made = await platform.post(`${S}/members`, membership(row.id, one.id, roles));
        const send = (headers: Record<string, string>) => platform.delete(made.body.data.links.self, headers);
        return { send, clear: () => platform.post(`${S}/members`, membership(row.id, other.id, roles)) };
      },
    ],
    [
      'a restoration of what is not deleted',
      '409 invalid_transition',
      async () => {
        const { links } = await createOrganization(platform);
        const send = (headers: Record<string, string>) => platform.post(`${links.self}/restore`, undefined, headers);
        return { send, clear: () => platform.delete(links.self) };
      },
    ],
  ];

  test.each(failures)('%s: %s', async (_title, code, make) => {
    const { send, clear } = await make();
    const headers = keyed(freshKey());
    const first = await send(headers);
    expect([error(first), isReplay(first)]).toEqual([code, false]);
    expect(first.body.errors[0].id).toBe(first.headers['x-request-id']);
    await clear();
    const second = await send(headers);
    expect([second.status, second.text, isReplay(second)]).toEqual([first.status, first.text, true]);
    // The body is the old one with its id, the request is a new one (rulings, "Answers").
    expect(second.body.errors[0].id).not.toBe(second.headers['x-request-id']);
    expect(second.headers).toMatchObject({ 'content-type': 'application/vnd.api+json', 'cache-control': 'no-store' });
    expect((await send(keyed(freshKey()))).status).toBeLessThan(300);
  });

  test('what was done before the failure is undone, and the failure kept: operations [ATO-13]', async () => {
    const headers = { ...ATOMIC, ...keyed(freshKey()) };
    const holder = await createOrganization(platform, { slug: 'held-by-three' });
    const body = documentOf(
      add('organizations', { name: 'Undone' }, { lid: 'a' }),
      update('organizations', world.organization.id, { kind: 'undone' }),
      add('organizations', { name: 'Never', slug: 'held-by-three' }),
    );
    const before = await contentsOf(app);
    const first = await platform.post(OPERATIONS, body, headers);
    expect(errorsOf(first)).toEqual([['409', 'slug_taken', at(2, '/data/attributes/slug')]]);
    const { idempotency_records: _old, ...others } = before;
    const { idempotency_records: kept, ...rest } = await contentsOf(app);
    expect(rest).toEqual(others);
    expect(JSON.stringify(kept)).toContain(headers['Idempotency-Key']);
    await rename(holder);
    const second = await platform.post(OPERATIONS, body, headers);
    expect([second.text, isReplay(second)]).toEqual([first.text, true]);
    expect((await platform.post(OPERATIONS, body, { ...ATOMIC, ...keyed(freshKey()) })).status).toBe(200);
  });

  test('a key that was used for another request does not cover what it was used for [INV-56]', async () => {
    const headers = keyed(freshKey());
    const body = organization({});
    const first = await platform.post(ORGANIZATIONS, body, headers);
    expect(error(await platform.post(ORGANIZATIONS, organization({ kind: 'x' }), headers))).toBe(
      '422 idempotency_key_reused',
    );
    expect((await platform.post(ORGANIZATIONS, body, headers)).body.data.id).toBe(first.body.data.id);
  });
});

test('a request that counts too many is not kept: 429 [INV-57]', async () => {
  const limited = await startApp({ RATE_LIMIT: '2/60' });
  try {
    const headers = keyed(freshKey());
    const send = () => limited.platform.post(ORGANIZATIONS, organization({}), headers);
    const answers = [await send(), await send(), await send()];
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 429]);
    expect(answers.map(isReplay)).toEqual([false, true, false]);
    // A repetition is counted as any other request, and says what is left now.
    expect(answers.map((answer) => answer.headers.ratelimit?.split(';')[1])).toEqual(['r=1', 'r=0', 'r=0']);
    expect(await recordsOf(limited, headers['Idempotency-Key'])).toEqual([`POST ${ORGANIZATIONS} 201`]);
  } finally {
    await limited.close();
  }
});

test('a failure of ours is not kept: afterwards the request works with its key [INV-57]', async () => {
  const headers = keyed(freshKey());
  await app.source.query('alter table organizations rename to organizations_away');
  const failed = await platform.post(ORGANIZATIONS, organization({}), headers);
  await app.source.query('alter table organizations_away rename to organizations');
  expect(failed.status).toBe(500);
  const again = await platform.post(ORGANIZATIONS, organization({}), headers);
  expect([again.status, isReplay(again)]).toEqual([201, false]);
});
