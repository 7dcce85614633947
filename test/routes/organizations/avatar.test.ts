import sharp from 'sharp';
import { eventOf, keyActor, shown, told, userActor } from '../../events/feed';
import { freshKey, isReplay, keyed } from '../../http/keyed';
import { requestOf, talk } from '../../http/rawSocket';
import {
  type Answer,
  type Client,
  createOrganization,
  document,
  M,
  NIL,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { fileOf, multipart, plain } from '../../support/images';
import { type Crew, Crews } from '../crew';
import { expectDenied, expectError } from '../documents';

/** Upload and removal; what becomes of the image itself is in test/media. */

let app: TestApp;
let crew: Crew;
let png: Buffer;
let other: Buffer;
beforeAll(async () => {
  app = await startApp();
  crew = await (await Crews.of(app)).make();
  png = await plain(32, 32).png().toBuffer();
  other = await plain(32, 48).png().toBuffer();
});
afterAll(() => app.close());

const MISSING = { source: { pointer: '' }, meta: { attribute: 'file', message: expect.any(String) } };
const FILE = { source: { pointer: '/file' } };
const pathOf = (id: string) => `${M}/organizations/${id}/avatar`;
const make = async () => (await createOrganization(app.platform)).id as string;
const send = (id: string, { body, headers }: ReturnType<typeof multipart>, asker: Client = app.platform, more = {}) =>
  asker.post(pathOf(id), body, { ...headers, ...more });
const urlOf = ({ body }: Answer): string => body.data.attributes.avatarUrl;
const read = async (id: string) => (await app.platform.get(`${M}/organizations/${id}`)).body.data;
const stored = async () => (await app.db.query('select count(*)::integer from media'))[0]?.[0] as number;

describe('an upload', () => {
  test('is answered with the organization, whose avatarUrl anybody can get', async () => {
    const id = await make();
    const answer = await send(id, fileOf(png));
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/vnd.api+json']);
    expect(urlOf(answer)).toMatch(/^http:\/\/127\.0\.0\.1:3000\/media\/[0-9a-f]{64}\.png$/);
    expect(answer.body).toEqual((await app.platform.get(`${M}/organizations/${id}`)).body);
    expect(answer.headers.etag).toBe((await app.platform.get(`${M}/organizations/${id}`)).headers.etag);
    expect((await app.anonymous.get(new URL(urlOf(answer)).pathname)).status).toBe(200);
  });

  test('is a PNG, JPEG, WebP or GIF by its content, whatever name and type say (domain 9.7)', async () => {
    const id = await make();
    for (const format of ['png', 'jpeg', 'webp', 'gif'] as const) {
      const answer = await send(id, fileOf(await plain(16, 16)[format]().toBuffer()));
      expect(urlOf(answer)).toMatch(new RegExp(`[.]${format === 'jpeg' ? 'jpg' : format}$`));
    }
  });

  test('may have other parts; the path may be that of the type', async () => {
    const id = await make();
    const parts = multipart(
      { name: 'note', content: 'hello' },
      { name: 'file', filename: '', content: '' },
      { name: 'file', filename: 'a.png', content: png },
    );
    expect((await app.platform.post(`${S}/organizations/${id}/avatar/`, parts.body, parts.headers)).status).toBe(200);
  });

  test('of the same picture by two organizations is one image', async () => {
    const [one, two] = [await make(), await make()];
    const image = await plain(77, 33).png().toBuffer();
    const before = await stored();
    const answers = await Promise.all([send(one, fileOf(image)), send(two, fileOf(image))]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(urlOf(answers[0] as Answer)).toBe(urlOf(answers[1] as Answer));
    expect(await stored()).toBe(before + 1);
  });
});

describe('a body is refused', () => {
  const big = Buffer.alloc(5 * 1_048_576 + 1, 1);
  const REFUSED: [string, number, string, object, () => ReturnType<typeof multipart>][] = [
    ['without the part', 422, 'required', MISSING, () => multipart({ name: 'a', content: 'b' })],
    ['with text in the part', 422, 'required', MISSING, () => multipart({ name: 'file', content: 'text' })],
    ['with no part at all', 422, 'required', MISSING, () => multipart()],
    [
      'with the file in another part',
      400,
      'malformed_request',
      {},
      () => multipart({ name: 'avatar', filename: 'a.png', content: png }),
    ],
    [
      'with two files',
      400,
      'malformed_request',
      {},
      () =>
        multipart({ name: 'file', filename: 'a.png', content: png }, { name: 'file', filename: 'b.png', content: png }),
    ],
    [
      'with many fields',
      400,
      'malformed_request',
      {},
      () => multipart(...Array(30).fill({ name: 'a', content: 'b' }), { name: 'file', filename: 'a', content: png }),
    ],
    [
      'with a large field',
      413,
      'too_large',
      {},
      () => multipart({ name: 'a', content: 'b'.repeat(1_025) }, { name: 'file', filename: 'a', content: png }),
    ],
    [
      'with a field of a strange name',
      400,
      'malformed_request',
      {},
      () => multipart({ name: 'a[b][c]', content: 'b' }, { name: 'file', filename: 'a', content: png }),
    ],
    ['with a file of more than 5 MiB', 413, 'too_large', FILE, () => fileOf(big)],
    ['with a file of 5 MiB that is none', 415, 'unsupported_media_type', FILE, () => fileOf(big.subarray(1))],
    ['with an empty file', 415, 'unsupported_media_type', FILE, () => fileOf('')],
    [
      'that ends too early',
      400,
      'malformed_request',
      {},
      () => {
        const { body, headers } = fileOf(png);
        return { body: body.subarray(0, body.length - 30), headers };
      },
    ],
    [
      'without its boundary',
      400,
      'malformed_request',
      {},
      () => ({ body: fileOf(png).body, headers: { 'Content-Type': 'multipart/form-data' } }),
    ],
    [
      'with a boundary that is not in it',
      400,
      'malformed_request',
      {},
      () => ({ body: fileOf(png).body, headers: { 'Content-Type': 'multipart/form-data; boundary=x' } }),
    ],
    [
      'with a broken head of a part',
      400,
      'malformed_request',
      {},
      () => ({
        body: Buffer.from('--x\r\n\0\xff: :;\r\n\r\n1\r\n--x--'),
        headers: { 'Content-Type': 'multipart/form-data; boundary=x' },
      }),
    ],
    ['of garbage', 400, 'malformed_request', {}, () => ({ ...fileOf(png), body: Buffer.alloc(1_000, 7) })],
    [
      'that is JSON:API',
      415,
      'unsupported_media_type',
      { source: { header: 'Content-Type' } },
      () => ({ body: Buffer.from('{}'), headers: { 'Content-Type': 'application/vnd.api+json' } }),
    ],
    [
      'of another kind of multipart',
      415,
      'unsupported_media_type',
      { source: { header: 'Content-Type' } },
      () => ({ body: fileOf(png).body, headers: { 'Content-Type': 'multipart/mixed; boundary=x' } }),
    ],
  ];

  test.each(REFUSED)('%s: %i', async (_title, status, code, more, body) => {
    const id = await make();
    const before = await stored();
    const answer = await send(id, body());
    expectError(answer, status, code, more);
    expect([(await read(id)).attributes.avatarUrl, await stored()]).toEqual([null, before]);
    expect(app.logLines.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('that is packed: 415', async () => {
    const answer = await send(await make(), fileOf(png), app.platform, { 'Content-Encoding': 'gzip' });
    expectError(answer, 415, 'unsupported_media_type', { source: { header: 'Content-Encoding' } });
  });

  test('that is not there: 422', async () => {
    expectError(await app.platform.post(pathOf(await make())), 422, 'required', MISSING);
  });

  test('of more than 5 MiB without a length: 413, when all of it has come', async () => {
    const { body, headers } = fileOf(big);
    const fields = ['Transfer-Encoding: chunked', `Content-Type: ${headers['Content-Type']}`, 'Connection: close'];
    const request = requestOf('POST', pathOf(await make()), [`Authorization: ${app.platform.key}`, ...fields]);
    const chunk = [`${body.length.toString(16)}\r\n`, body, '\r\n0\r\n\r\n'];
    const { answers } = await talk(app.port, [request, ...chunk]);
    expect(answers.map(({ status }) => status)).toEqual([413]);
  });

  test('a client that goes away in the middle leaves nothing behind', async () => {
    const id = await make();
    const { body, headers } = fileOf(await sharp(png).resize(500, 500).png().toBuffer());
    const fields = [`Authorization: ${app.platform.key}`, `Content-Type: ${headers['Content-Type']}`];
    const request = requestOf('POST', pathOf(id), [...fields, `Content-Length: ${body.length}`]);
    await talk(app.port, [request, body.subarray(0, 300)], { end: true });
    expect((await read(id)).attributes.avatarUrl).toBeNull();
    expect(app.logLines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('who may', () => {
  test.each([
    ['an owner', () => crew.owner],
    ['an admin', () => crew.admin],
    ['the organization’s own key', () => app.as(crew.token)],
  ])('%s may', async (_title, asker) => {
    expect((await send(crew.id, fileOf(png), asker())).status).toBe(200);
    expect((await asker().delete(pathOf(crew.id))).status).toBe(204);
  });

  test('a member may not: 403, and another tenant’s does not exist: 404', async () => {
    expectDenied(await send(crew.id, fileOf(png), crew.member), 'organizations:update');
    expectDenied(await crew.member.delete(pathOf(crew.id)), 'organizations:update');
    const stranger = await app.user();
    expectError(await send(crew.id, fileOf(png), stranger), 404, 'not_found');
    expectError(await send(NIL, fileOf(png), stranger), 404, 'not_found');
    expectError(await send('x', fileOf(png), stranger), 404, 'not_found');
    expectError(await stranger.delete(pathOf(crew.id)), 404, 'not_found');
  });

  test.each([
    ['a stranger', 401, () => undefined],
    ['a member', 403, () => crew.member.key],
  ])('%s is refused before a byte of the file was read: %i', async (_title, status, key) => {
    const fields = ['Content-Type: multipart/form-data; boundary=x', 'Content-Length: 5000000', 'Connection: close'];
    const credential = key() === undefined ? [] : [`Authorization: ${key()}`];
    const { answers } = await talk(app.port, requestOf('POST', pathOf(crew.id), [...credential, ...fields]));
    expect(answers.map((answer) => answer.status)).toEqual([status]);
  });

  test('nobody in a suspended organization, but the platform', async () => {
    const { id, attributes } = await createOrganization(app.platform);
    const change = (more: object) =>
      app.platform.patch(`${M}/organizations/${id}`, document('organizations', more, { id }));
    await change({ status: 'suspended', statusReason: 'late' });
    expectError(await send(id, fileOf(png), app.as(attributes.token)), 403, 'organization_suspended');
    expect((await send(id, fileOf(png))).status).toBe(200);
  });

  test('whose organization asks for an Idempotency-Key needs one', async () => {
    const { id, attributes } = await createOrganization(app.platform, { settings: { requireIdempotencyKey: true } });
    const own = app.as(attributes.token);
    expectError(await send(id, fileOf(png), own), 400, 'idempotency_key_required', {
      source: { header: 'Idempotency-Key' },
    });
    expect((await send(id, fileOf(png), own, keyed(freshKey()))).status).toBe(200);
  });
});

describe('with an Idempotency-Key', () => {
  test('the same file is one upload, though clients make the body anew; another file is another request [INV-56]', async () => {
    const id = await make();
    const key = keyed(freshKey());
    const first = await send(id, fileOf(png), app.platform, key);
    const { events } = await told(app, id, async () => {
      const again = await send(id, fileOf(png), app.platform, key);
      expect([isReplay(first), isReplay(again), again.text]).toEqual([false, true, first.text]);
    });
    expect(events).toEqual([]);
    expectError(await send(id, fileOf(other), app.platform, key), 422, 'idempotency_key_reused', {
      source: { header: 'Idempotency-Key' },
    });
    expect(urlOf({ body: { data: await read(id) } } as Answer)).toBe(urlOf(first));
  });

  test('what was refused can be tried again with the same key [INV-57]', async () => {
    const id = await make();
    const key = keyed(freshKey());
    expect((await send(id, fileOf('no image'), app.platform, key)).status).toBe(415);
    expect((await send(id, fileOf(png), app.platform, key)).status).toBe(200);
  });
});

test('If-Match is judged on the organization: 412 for an old version [INV-59]', async () => {
  const id = await make();
  const { etag } = (await app.platform.get(`${M}/organizations/${id}`)).headers;
  const first = await send(id, fileOf(png), app.platform, { 'If-Match': etag as string });
  expect(first.status).toBe(200);
  expectError(await send(id, fileOf(other), app.platform, { 'If-Match': etag as string }), 412, 'version_mismatch', {
    source: { header: 'If-Match' },
  });
  const { status } = await app.platform.delete(pathOf(id), { 'If-Match': etag as string });
  expect([status, urlOf({ body: { data: await read(id) } } as Answer)]).toEqual([412, urlOf(first)]);
  expect((await app.platform.delete(pathOf(id), { 'If-Match': first.headers.etag as string })).status).toBe(204);
});

describe('what is told (INV-36)', () => {
  test('one event for an upload, one for a removal, and none for what changes nothing', async () => {
    const before = await shown(app.platform, crew.self);
    const uploaded = await told(app, crew.id, () => send(crew.id, fileOf(png), crew.owner));
    const data = await shown(app.platform, crew.self);
    const { avatarUrl } = data.attributes;
    const actor = userActor(crew.owner);
    expect(uploaded.events).toEqual([
      eventOf('organization.avatar_updated', crew.id, {
        actor,
        answer: uploaded.answer,
        data,
        previous: { attributes: { avatarUrl: before.attributes.avatarUrl } },
      }),
    ]);
    expect((await told(app, crew.id, () => send(crew.id, fileOf(png), crew.owner))).types).toEqual([]);
    const removed = await told(app, crew.id, () => crew.owner.delete(pathOf(crew.id)));
    expect(removed.events).toEqual([
      eventOf('organization.avatar_removed', crew.id, {
        actor,
        answer: removed.answer,
        data: await shown(app.platform, crew.self),
        previous: { attributes: { avatarUrl } },
      }),
    ]);
    const again = await told(app, crew.id, () => crew.owner.delete(pathOf(crew.id)));
    expectError(again.answer, 404, 'not_found');
    expect(again.events).toEqual([]);
  });

  test('a PATCH of avatarUrl is organization.updated', async () => {
    const patch = (avatarUrl: string | null) =>
      app.platform.patch(crew.self, document('organizations', { avatarUrl }, { id: crew.id }));
    expect((await told(app, crew.id, () => patch('https://example.com/a.png'))).types).toEqual([
      'organization.updated',
    ]);
    const removed = await told(app, crew.id, () => app.platform.delete(pathOf(crew.id)));
    expect(removed.types).toEqual(['organization.avatar_removed']);
    expect(removed.events[0].actor).toEqual(keyActor(expect.any(String) as never));
  });
});

describe('where it is', () => {
  const patch = async (id: string, avatarUrl: string | null) =>
    app.platform.patch(`${M}/organizations/${id}`, document('organizations', { avatarUrl, name: 'N' }, { id }));

  test('can be sent back as it was read, without TLS, too', async () => {
    const id = await make();
    const url = urlOf(await send(id, fileOf(png)));
    expect((await patch(id, url)).body.data.attributes.avatarUrl).toBe(url);
  });

  test('can’t be made another place without TLS', async () => {
    const id = await make();
    const name = urlOf(await send(id, fileOf(png)))
      .split('/')
      .at(-1);
    for (const url of [
      'http://example.com/a.png',
      `http://example.com/media/${name}`,
      'http://127.0.0.1:3000/media/x',
    ]) {
      expectError(await patch(id, url), 422, 'invalid_format', {
        source: { pointer: '/data/attributes/avatarUrl' },
        meta: { attribute: 'avatarUrl', message: expect.any(String) },
      });
    }
    const attributes = { name: 'N', avatarUrl: `http://example.com/media/${name}` };
    expect((await app.platform.post(`${M}/organizations`, document('organizations', attributes))).status).toBe(422);
  });

  test('follows PUBLIC_URL, whatever Host says', async () => {
    const beside = await startApp({ PUBLIC_URL: 'https://orgs.example.com/base/' }, undefined, app);
    try {
      const { body, headers } = fileOf(png);
      const answer = await beside
        .as(app.platform.key)
        .post(pathOf(await make()), body, { ...headers, Host: 'evil.example' });
      expect(urlOf(answer)).toMatch(/^https:\/\/orgs\.example\.com\/base\/media\/[0-9a-f]{64}\.png$/);
    } finally {
      await beside.close();
    }
  });
});
