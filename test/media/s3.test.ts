import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { readConfig } from '../../src/config';
import { Egress } from '../../src/egress/egress';
import { openStore } from '../../src/media/store';
import { createOrganization, M, startApp } from '../support/app';
import { fileOf, plain } from '../support/images';
import { cleanUp, temporaryFolder, until } from '../support/process';
import { type S3Server, startS3 } from '../support/s3';

/** Against a server that speaks the protocol of S3, and verifies signatures. */

const folder = temporaryFolder('guildhall s3 ');
let s3: S3Server;
const egress = Egress.ofOperator();
beforeAll(async () => {
  s3 = await startS3(join(folder, 'server'));
});
afterAll(async () => {
  egress.close();
  await s3.close().catch(() => undefined);
  await cleanUp(folder);
});

const storeAt = (url = s3.url()) => openStore(readConfig({ MEDIA_URL: url }), egress);
const pictureOf = (text: string) => {
  const bytes = Buffer.from(text);
  return { name: `${createHash('sha256').update(bytes).digest('hex')}.png`, mediaType: 'image/png', bytes };
};
const failure = (work: () => Promise<unknown>) =>
  work().then(
    () => undefined,
    ({ status, faults, cause }) => [status, faults[0].code, String(cause)],
  );

test('what was put is there, below its prefix, with its type, until it is removed', async () => {
  const store = storeAt();
  const picture = pictureOf('pixels');
  await store.put(picture);
  await store.put(picture);
  const stream = await store.open(picture.name);
  expect(stream === null ? null : await buffer(stream)).toEqual(picture.bytes);
  const files = readdirSync(join(s3.folder, 'ava-tars', '2'));
  expect(files.some((file) => file.startsWith(picture.name))).toBe(true);
  const direct = await fetch(`http://127.0.0.1:${s3.port}/pictures/ava-tars/2/${picture.name}`);
  expect([direct.headers.get('content-type'), await direct.text()]).toEqual(['image/png', 'pixels']);
  await store.remove(picture.name);
  expect(await store.open(picture.name)).toBeNull();
  await store.remove(picture.name);
});

test('many at once come out as they went in', async () => {
  const store = storeAt();
  const pictures = Array.from({ length: 20 }, (_, i) => pictureOf(String(i).repeat(50_000)));
  await Promise.all(pictures.map((picture) => store.put(picture)));
  const read = await Promise.all(pictures.map(async ({ name }) => store.open(name)));
  const contents = await Promise.all(read.map((stream) => buffer(stream as never)));
  expect(contents.map((each, i) => each.equals((pictures[i] as { bytes: Buffer }).bytes))).toEqual(
    Array(20).fill(true),
  );
});

test('a wrong secret is 503 to clients, and to the log what the server says', async () => {
  const store = storeAt(s3.url('wrong'));
  const { name } = pictureOf('pixels');
  for (const [method, work] of [
    ['PUT', () => store.put(pictureOf('x'))],
    ['GET', () => store.open(name)],
    ['DELETE', () => store.remove(name)],
  ] as const) {
    expect(await failure(work)).toEqual([503, 'unavailable', `Error: MEDIA_URL: ${method} 403 SignatureDoesNotMatch`]);
  }
});

test('a bucket that is not there is 503 for what is put, and a server that is not there for everything', async () => {
  const { name } = pictureOf('pixels');
  const elsewhere = storeAt(s3.url().replace('/pictures/', '/others/'));
  expect(await failure(() => elsewhere.put(pictureOf('x')))).toEqual([
    503,
    'unavailable',
    'Error: MEDIA_URL: PUT 404 NoSuchBucket',
  ]);
  const nobody = storeAt(s3.url().replace(/:\d+\/pictures/, ':1/pictures'));
  for (const work of [() => nobody.put(pictureOf('x')), () => nobody.open(name), () => nobody.remove(name)]) {
    expect(await failure(work)).toEqual([503, 'unavailable', expect.stringMatching(/connection_refused$/)]);
  }
});

test('an upload goes there and is served from there; while it is away both are 503, and nothing has changed', async () => {
  const place = join(folder, 'second');
  let server = await startS3(place);
  const app = await startApp({ MEDIA_URL: server.url(), PUBLIC_URL: 'https://orgs.example.com' });
  try {
    const { id } = await createOrganization(app.platform);
    const upload = async (size: number) => {
      const { body, headers } = fileOf(await plain(size, size).png().toBuffer());
      return app.platform.post(`${M}/organizations/${id}/avatar`, body, headers);
    };
    const { avatarUrl } = (await upload(20)).body.data.attributes;
    const { pathname } = new URL(avatarUrl);
    const image = await fetch(`${app.url}${pathname}`);
    expect([image.status, image.headers.get('content-type')]).toEqual([200, 'image/png']);
    const bytes = Buffer.from(await image.arrayBuffer());
    expect(pathname).toContain(createHash('sha256').update(bytes).digest('hex'));
    await server.close();
    const answers = [await upload(21), await app.anonymous.get(pathname)];
    expect(answers.map(({ status, body }) => [status, body.errors[0].code])).toEqual(
      Array(2).fill([503, 'unavailable']),
    );
    expect(answers.map(({ headers }) => headers['retry-after'])).toEqual(['5', '5']);
    const { body } = await app.platform.get(`${M}/organizations/${id}`);
    expect(body.data.attributes.avatarUrl).toBe(avatarUrl);
    server = await startS3(place, server.port);
    expect((await app.anonymous.get(pathname)).status).toBe(200);
  } finally {
    await app.close();
    await server.close();
  }
});

test('what is read goes through, and is not gathered: a slow client holds up the store, not the memory', async () => {
  const total = 40 * 1_048_576;
  let sent = 0;
  const endless = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Length': total });
    const write = () => {
      while (sent < total) {
        sent += 65_536;
        if (!response.write(Buffer.alloc(65_536))) return void response.once('drain', write);
      }
      response.end();
    };
    write();
  });
  await new Promise<void>((resolve) => endless.listen(0, '127.0.0.1', resolve));
  const { port } = endless.address() as AddressInfo;
  const store = storeAt(`s3://key:secret@127.0.0.1:${port}/bucket?tls=false`);
  const stream = await store.open(pictureOf('x').name);
  // What fits into the buffers of the sockets was sent; then nothing more is.
  let before = -1;
  await until(() => {
    const isStill = sent === before && sent > 0;
    before = sent;
    return isStill;
  }, 'the store waits');
  expect(sent).toBeLessThan(total / 2);
  expect((await buffer(stream as never)).length).toBe(total);
  await new Promise((resolve) => endless.close(resolve));
}, 30_000);
