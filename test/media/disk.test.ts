import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { DiskStore } from '../../src/media/disk';
import { temporaryFolder } from '../support/process';

const folder = temporaryFolder('guildhall media ');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let place: string;
let store: DiskStore;
let made = 0;
beforeEach(() => {
  place = join(folder, String(++made), 'media');
  store = new DiskStore(place);
});

const name = `${'a'.repeat(64)}.png`;
const picture = { name, mediaType: 'image/png', bytes: Buffer.from('pixels') };
const drafts = () => readdirSync(join(place, 'drafts'));

test('what was put is there, and nobody else on the machine can read it', async () => {
  await store.put(picture);
  const stream = await store.open(name);
  expect(stream === null ? null : await buffer(stream)).toEqual(picture.bytes);
  expect(statSync(join(place, name)).mode & 0o777).toBe(0o600);
  expect(statSync(place).mode & 0o777).toBe(0o700);
  expect(drafts()).toEqual([]);
});

test('the same one can be put again, by many at once, and is whole at any time', async () => {
  const large = { ...picture, bytes: Buffer.alloc(1_000_000, 7) };
  await store.put(large);
  let isPutting = true;
  const putting = Promise.all(Array.from({ length: 20 }, () => store.put(large))).finally(() => {
    isPutting = false;
  });
  while (isPutting) {
    expect(readFileSync(join(place, name)).equals(large.bytes)).toBe(true);
    await new Promise(setImmediate);
  }
  await putting;
  expect(drafts()).toEqual([]);
});

test('what is not there is null, and is removed already', async () => {
  expect(await store.open(name)).toBeNull();
  await store.remove(name);
  await store.put(picture);
  await store.remove(name);
  expect(await store.open(name)).toBeNull();
});

test('a removal takes what killed processes have left along, and leaves what is just being written', async () => {
  await store.put(picture);
  for (const [file, hours] of [
    ['old', 2],
    ['new', 0],
  ] as const) {
    writeFileSync(join(place, 'drafts', file), 'half');
    const time = new Date(Date.now() - hours * 3_600_000);
    utimesSync(join(place, 'drafts', file), time, time);
  }
  await store.remove(name);
  expect(drafts()).toEqual(['new']);
});

test('a disk that refuses is 503, and says why to the log alone', async () => {
  mkdirSync(join(folder, String(made)), { recursive: true });
  writeFileSync(place, 'a file where the folder should be');
  for (const work of [() => store.put(picture), () => store.open(name), () => store.remove(name)]) {
    const error = await work().then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toMatchObject({ status: 503, cause: { code: expect.stringMatching(/ENOTDIR|EEXIST/) } });
    expect(error.faults[0].detail).not.toContain(place);
  }
});
