import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { bomb, gif, halves, plain, pngChunk } from '../support/images';
import { cleanUp, run, temporaryFolder } from '../support/process';

/** Small files that want much: how far the memory of a process grows that is given one after the other. */

const ROOT = join(__dirname, '..', '..');
const folder = temporaryFolder('guildhall bombs ');
afterAll(() => cleanUp(folder));

/** MiB by which all of them together may raise the highest memory of a process that has redrawn pictures before. */
const MOST_GROWTH_MIB = 40;

/** Packed a thousandfold. */
const zeros = (mib: number) => deflateSync(Buffer.alloc(mib * 1_048_576));
const text = (packed: Buffer) => pngChunk('zTXt', Buffer.concat([Buffer.from('Comment\0\0'), packed]));

async function bombs(): Promise<Record<string, Buffer>> {
  const [small, large] = [zeros(50), zeros(900)];
  const jpeg = await (await halves(64, 64)).jpeg({ progressive: true }).toBuffer();
  const size = jpeg.indexOf(Buffer.from([0xff, 0xc2])) + 5;
  const wide = Buffer.from(jpeg);
  wide.fill(0xff, size, size + 4);
  const webp = await plain(64, 64).webp({ lossless: true }).toBuffer();
  const canvas = Buffer.from('VP8X\x0a\0\0\0\x02\0\0\0\xff\xff\xff\xff\xff\xff', 'latin1');
  const frame = Buffer.concat([Buffer.from('ANMF\x10\0\0\0', 'latin1'), Buffer.alloc(16)]);
  const riff = (...parts: Buffer[]) => {
    const head = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1');
    head.writeUInt32LE(4 + Buffer.concat(parts).length, 4);
    return Buffer.concat([head, ...parts]);
  };
  return {
    'PNG of 30,000 × 30,000': bomb(30_000, 30_000),
    'PNG of 2³¹ − 1 × 2³¹ − 1': bomb(2 ** 31 - 1, 2 ** 31 - 1),
    'PNG with 90 texts of 50 MiB': bomb(8, 8, Array(90).fill(text(small))),
    'PNG with a text of 900 MiB': bomb(8, 8, [text(large)]),
    'PNG with a profile of 900 MiB': bomb(8, 8, [pngChunk('iCCP', Buffer.concat([Buffer.from('x\0\0'), large]))]),
    'PNG of 4096 × 4096 with pixels for more': bomb(4_096, 4_096, [pngChunk('IDAT', large)]),
    'GIF of 5,000 frames': gif(5_000),
    'GIF of 190,000 frames': gif(190_000),
    'GIF of 65,535 × 65,535': gif(1, 65_535, 65_535),
    'JPEG of 65,535 × 65,535': wide,
    'JPEG of 400,000 scans': Buffer.concat([
      jpeg.subarray(0, 2),
      ...Array(400_000).fill(Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0])),
      jpeg.subarray(2),
    ]),
    'WebP of 16,777,216 × 16,777,216': riff(canvas, webp.subarray(12)),
    'WebP of 200,000 frames': riff(canvas, Buffer.concat(Array(200_000).fill(frame))),
  };
}

const SCRIPT = `
  const { readFileSync } = require('node:fs');
  const { Pictures } = require(${JSON.stringify(join(ROOT, 'dist', 'src', 'media', 'pictures.js'))});
  const read = (file) => readFileSync(file);
  const grown = () => Math.round(process.resourceUsage().maxRSS / 1024);
  (async () => {
    const pictures = new Pictures();
    const [warm, ...files] = process.argv.slice(1);
    for (let i = 0; i < 3; i++) await pictures.redraw(read(warm));
    const before = grown();
    const told = [];
    for (const file of files) {
      const started = Date.now();
      const status = await pictures.redraw(read(file)).then(() => 200, (error) => error.status ?? String(error));
      told.push([status, Date.now() - started]);
    }
    console.log(JSON.stringify({ growth: grown() - before, told }));
  })();
`;

test('what wants much is refused, or taken without what wants it: at once and without memory', async () => {
  const files = Object.entries(await bombs());
  const paths = files.map(([, bytes], i) => {
    expect(bytes.length).toBeLessThan(5 * 1_048_576);
    writeFileSync(join(folder, String(i)), bytes);
    return join(folder, String(i));
  });
  // As large as the largest bomb, so that reading files is no growth.
  const warm = join(folder, 'warm');
  writeFileSync(warm, Buffer.concat([await plain(1_000, 1_000).png().toBuffer(), Buffer.alloc(4_900_000)]));
  const child = run(['-e', SCRIPT, warm, ...paths], {});
  expect([await child.ended, child.output()]).toEqual([0, expect.anything()]);
  const { growth, told } = JSON.parse(child.output());
  const statuses = Object.fromEntries(files.map(([name], i) => [name, told[i][0]]));
  const taken = files.filter(([name]) => / with /.test(name)).map(([name]) => name);
  expect(taken).toHaveLength(4);
  expect(statuses).toEqual(Object.fromEntries(files.map(([name]) => [name, taken.includes(name) ? 200 : 422])));
  expect(Math.max(...told.map(([, ms]: [number, number]) => ms))).toBeLessThan(10_000);
  expect(growth).toBeLessThan(MOST_GROWTH_MIB);
}, 60_000);
