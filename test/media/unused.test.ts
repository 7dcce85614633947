import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { MediaStore } from '../../src/media/store';
import { removeUnusedImages, storeImage } from '../../src/services/media';
import { type Client, createOrganization, document, M, startApp, type TestApp } from '../support/app';
import { fileOf, plain } from '../support/images';
import { until } from '../support/process';

/** How long an image stays: as long as an organization shows it, and a day. */

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ PUBLIC_URL: 'https://orgs.example.com' });
});
afterAll(() => app.close());

let width = 10;
/** A picture that no test has had before. */
const picture = () => plain(++width, 10).png().toBuffer();
const make = async () => (await createOrganization(app.platform)).id as string;
const pathOf = (id: string) => `${M}/organizations/${id}`;

/** Uploads and gives back the URL. */
async function upload(id: string, image: Buffer, headers = {}, asker: Client = app.platform): Promise<string> {
  const file = fileOf(image);
  const { body } = await asker.post(`${pathOf(id)}/avatar`, file.body, { ...file.headers, ...headers });
  return body.data?.attributes.avatarUrl;
}

const patch = async (id: string, avatarUrl: string | null) => {
  const answer = await app.platform.patch(pathOf(id), document('organizations', { avatarUrl }, { id }));
  expect(answer.status).toBe(200);
};
const nameOf = (url: string) => url.split('/').at(-1) as string;
const isThere = async (url: string): Promise<boolean> => {
  const { status } = await app.anonymous.get(new URL(url).pathname);
  const isStored = existsSync(join(app.services.config.dataDir, 'media', nameOf(url)));
  expect([200, 404]).toContain(status);
  expect(isStored).toBe(status === 200);
  return isStored;
};
const rows = async (url: string) =>
  (await app.db.query('select unused_since is null from media where name = $1', [nameOf(url)])).map(([each]) => each);

/** The sweep, so many hours later. */
async function sweep(hours: number, media: MediaStore = app.services.media): Promise<void> {
  await app.db.query(`update media set unused_since = unused_since - interval '${hours} hours'`);
  await removeUnusedImages({ ...app.services, media });
}

const RELEASES: [string, (id: string, url: string) => Promise<unknown>][] = [
  ['the avatar is removed', (id) => app.platform.delete(`${pathOf(id)}/avatar`)],
  ['another one is uploaded', async (id) => upload(id, await picture())],
  ['avatarUrl leads elsewhere', (id) => patch(id, 'https://example.com/a.png')],
  ['avatarUrl is null', (id) => patch(id, null)],
  ['the organization is purged', (id) => app.platform.delete(`${pathOf(id)}?purgeNow=true`)],
];

test.each(RELEASES)('a day after %s the image is gone', async (_title, release) => {
  const id = await make();
  const url = await upload(id, await picture());
  await sweep(100);
  expect(await isThere(url)).toBe(true);
  await release(id, url);
  await sweep(23);
  expect(await isThere(url)).toBe(true);
  await sweep(2);
  expect([await isThere(url), await rows(url)]).toEqual([false, []]);
});

test('an image that another organization shows stays', async () => {
  const [one, two] = [await make(), await make()];
  const image = await picture();
  const url = await upload(one, image);
  await upload(two, image);
  await app.platform.delete(`${pathOf(one)}/avatar`);
  await sweep(100);
  expect([await isThere(url), await rows(url)]).toEqual([true, [true]]);
  await app.platform.delete(`${pathOf(two)}/avatar`);
  await sweep(100);
  expect(await isThere(url)).toBe(false);
});

test('a PATCH with the URL as it was read, and one that leaves it out, keep the image', async () => {
  const id = await make();
  const url = await upload(id, await picture());
  await patch(id, url);
  await app.platform.patch(pathOf(id), document('organizations', { name: 'Other' }, { id }));
  await sweep(100);
  await sweep(100);
  expect(await isThere(url)).toBe(true);
});

test('an image whose URL is given back within the day, or to another organization, is shown again and stays', async () => {
  const [one, two] = [await make(), await make()];
  const url = await upload(one, await picture());
  await patch(one, null);
  await patch(two, url);
  await sweep(100);
  expect(await isThere(url)).toBe(true);
  await patch(two, 'https://example.com/a.png');
  await sweep(100);
  expect(await isThere(url)).toBe(false);
});

test('the URL of an image that is gone is a URL as any other', async () => {
  const id = await make();
  const url = `https://orgs.example.com/media/${'0'.repeat(64)}.png`;
  await patch(id, url);
  expect((await app.platform.get(pathOf(id))).body.data.attributes.avatarUrl).toBe(url);
});

describe('what is left of an upload that', () => {
  test('was refused when it was stored already is removed', async () => {
    const id = await make();
    expect(await upload(id, await picture(), { 'If-Match': '"99.x"' })).toBeUndefined();
    const left = async () =>
      (
        await app.db.query(
          'select count(*)::integer from media m where not exists (select 1 from organizations where avatar_media = m.name)',
        )
      )[0]?.[0];
    expect(await left()).toBe(1);
    await sweep(25);
    expect(await left()).toBe(0);
  });

  test('died after it was stored, or before, is removed', async () => {
    const ctx = app.services as never;
    const stored = await storeImage(ctx, await picture());
    await app.db.query('insert into media (name, size) values ($1, 5)', [`${'f'.repeat(64)}.gif`]);
    await sweep(25);
    expect(await isThere(`https://orgs.example.com/media/${stored}`)).toBe(false);
    expect(await rows(`/${'f'.repeat(64)}.gif`)).toEqual([]);
  });
});

test('while the store is away the image is still known, and removed the next time', async () => {
  const id = await make();
  const url = await upload(id, await picture());
  await patch(id, null);
  const away = { ...app.services.media, remove: () => Promise.reject(new Error('away')) } as MediaStore;
  await expect(sweep(25, away)).rejects.toThrow('away');
  expect(await isThere(url)).toBe(true);
  await sweep(0);
  expect(await isThere(url)).toBe(false);
});

test('an upload of the very image that is being removed waits, and then has it', async () => {
  const id = await make();
  const image = await picture();
  const url = await upload(id, image);
  await patch(id, null);
  let open: () => void = () => undefined;
  let isRemoving = false;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const slow = {
    remove: async (name: string) => {
      isRemoving = true;
      await gate;
      await app.services.media.remove(name);
    },
  } as MediaStore;
  const sweeping = sweep(25, slow);
  await until(() => isRemoving, 'the removal');
  const uploading = upload(id, image);
  await until(async () => {
    const [row] = await app.db.query(
      "select count(*)::integer from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return row?.[0] === 1;
  }, 'the upload waits');
  open();
  await sweeping;
  expect(await uploading).toBe(url);
  expect(await isThere(url)).toBe(true);
});

test('several sweeps at once, and uploads meanwhile, leave what is shown and nothing else', async () => {
  const images = await Promise.all(Array.from({ length: 8 }, picture));
  const ids = await Promise.all(images.map(make));
  const urls: string[] = [];
  for (const [i, id] of ids.entries()) urls.push(await upload(id, images[i] as Buffer));
  await Promise.all(ids.map((id) => patch(id, null)));
  const uploads = ids.slice(0, 4).map((id, i) => upload(id, images[i] as Buffer));
  await Promise.all([sweep(25), sweep(0), sweep(0), ...uploads]);
  await sweep(25);
  expect(await Promise.all(urls.map(isThere))).toEqual([true, true, true, true, false, false, false, false]);
});
