import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import sharp from 'sharp';
import { expectError } from '../routes/documents';
import { createOrganization, M, startApp, type TestApp } from '../support/app';
import { fileOf, plain } from '../support/images';
import { until } from '../support/process';

/** Images as they are served: to everybody, and so that nothing in them is ever run. */

let app: TestApp;
let path: string;
let name: string;

async function upload(image: Buffer, to = app): Promise<string> {
  const { id } = await createOrganization(to.platform);
  const { body, headers } = fileOf(image);
  const answer = await to.platform.post(`${M}/organizations/${id}/avatar`, body, headers);
  return new URL(answer.body.data.attributes.avatarUrl).pathname;
}

beforeAll(async () => {
  app = await startApp();
  path = await upload(await plain(40, 30).jpeg().toBuffer());
  name = path.split('/').at(-1) as string;
});
afterAll(() => app.close());

const FIELDS = {
  'content-type': 'image/jpeg',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
  'content-disposition': 'inline',
  'cross-origin-resource-policy': 'cross-origin',
  'cache-control': 'public, max-age=31536000, immutable',
};

test('the bytes come whole, with the type of their content and what keeps browsers from running them (domain 9.7)', async () => {
  const answer = await fetch(`${app.url}${path}`, { headers: { Accept: 'image/avif,image/webp' } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  const headers = Object.fromEntries(answer.headers);
  expect(answer.status).toBe(200);
  expect(headers).toMatchObject({ ...FIELDS, 'content-length': String(bytes.length), etag: `"${name.slice(0, 64)}"` });
  expect(headers).not.toHaveProperty('vary');
  expect(headers).not.toHaveProperty('set-cookie');
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(name.slice(0, 64));
  expect(await sharp(bytes).metadata()).toMatchObject({ format: 'jpeg', width: 40, height: 30 });
});

test('HEAD has the same fields and no body; a slash at the end and a wrong credential change nothing', async () => {
  const [get, head] = [await app.anonymous.get(path), await app.anonymous.head(path)];
  const { date: _date, 'x-request-id': _id, ...fields } = get.headers;
  expect([head.status, head.text]).toEqual([200, '']);
  expect(head.headers).toMatchObject(fields);
  expect((await app.anonymous.get(`${path}/`)).status).toBe(200);
  expect((await app.as('wrong').get(path)).status).toBe(200);
});

test('If-None-Match with its tag is 304 without a body; another tag is not', async () => {
  const tag = `"${name.slice(0, 64)}"`;
  for (const given of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
    const answer = await app.anonymous.get(path, { 'If-None-Match': given });
    expect([answer.status, answer.text, answer.headers.etag]).toEqual([304, '', tag]);
  }
  expect((await app.anonymous.get(path, { 'If-None-Match': '"x"' })).status).toBe(200);
});

test.each([
  ['a name that nothing has', `/media/${'0'.repeat(64)}.jpg`],
  ['the name with another extension', () => path.replace('.jpg', '.png')],
  ['the name in capitals', () => path.toUpperCase().replace('/MEDIA/', '/media/')],
  ['the name without its extension', () => path.replace('.jpg', '')],
  ['a name with more behind it', () => `${path}.html`],
  ['a folder', '/media/drafts'],
  ['a way up', '/media/..%2f..%2fsecret.key'],
  ['a way up in dots', '/media/%2e%2e/secret.key'],
  ['a way up behind a name', () => `${path}%2f..%2f..%2fsecret.key`],
  ['a zero byte', () => `${path}%00.png`],
  ['a line break', () => `${path}%0a`],
  ['nothing', '/media/'],
  ['the place itself', '/media'],
  ['what is below a name', () => `${path}/x`],
])('%s is 404', async (_title, where) => {
  const target = typeof where === 'string' ? where : where();
  expectError(await app.anonymous.get(target), 404, 'not_found');
  expectError(await app.anonymous.get(target, { 'If-None-Match': '*' }), 404, 'not_found');
});

test('percent-encoding that is none is 400', async () => {
  expectError(await app.anonymous.get('/media/%ff'), 400, 'malformed_request');
});

test('other methods are 405 with Allow', async () => {
  for (const answer of [
    await app.platform.post(path, {}),
    await app.platform.put(path, {}),
    await app.platform.patch(path, {}),
    await app.platform.delete(path),
  ]) {
    expectError(answer, 405, 'method_not_allowed');
    expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS');
  }
  const options = await app.anonymous.options(path);
  expect([options.status, options.headers.allow]).toEqual([204, 'GET, HEAD, OPTIONS']);
});

test('requests are counted by address, as those of other strangers', async () => {
  const limited = await startApp({ RATE_LIMIT: '2/60' }, undefined, app);
  try {
    const answers = [
      await limited.anonymous.get(path),
      await limited.anonymous.get('/media/x'),
      await limited.anonymous.get(path),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 429]);
    expect(answers[0]?.headers).toMatchObject({ ratelimit: '"default";r=1;t=60' });
    expectError(answers[2] as never, 429, 'rate_limited');
  } finally {
    await limited.close();
  }
});

test('bytes that the store has lost are 404', async () => {
  const lost = await upload(await plain(41, 30).png().toBuffer());
  rmSync(join(app.services.config.dataDir, lost));
  expectError(await app.anonymous.get(lost), 404, 'not_found');
  expect((await app.anonymous.head(lost)).status).toBe(404);
});

test('a client that goes away in the middle is no failure, and leaves no file open', async () => {
  const noise = { type: 'gaussian', mean: 128, sigma: 60 } as const;
  const image = await sharp({ create: { width: 1_500, height: 1_500, channels: 3, background: 'red', noise } })
    .jpeg({ quality: 90 })
    .toBuffer();
  const large = await upload(image);
  const socket = connect(app.port, '127.0.0.1');
  socket.write(`GET ${large} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await new Promise((resolve) => socket.once('data', resolve));
  socket.destroy();
  await until(
    () => app.logLines.some(({ route, aborted }) => route === '/media/{name}' && aborted === true),
    'the end',
  );
  expect(app.logLines.filter(({ level }) => level === 'error')).toEqual([]);
});
