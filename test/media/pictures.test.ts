import { createHash } from 'node:crypto';
import sharp, { type Sharp } from 'sharp';
import { Pictures } from '../../src/media/pictures';
import { BLUE, bomb, gif, halves, isNear, pixel, plain, pngChunk, RED } from '../support/images';

/** What becomes of an image: nothing but its pixels stays. */

const pictures = new Pictures();
const FORMATS = ['png', 'jpeg', 'webp', 'gif'] as const;
const redraw = async (image: Sharp | Buffer) =>
  (await pictures.redraw(Buffer.isBuffer(image) ? image : await image.toBuffer())).bytes;
const refusal = (image: Buffer) =>
  pictures.redraw(image).then(
    () => undefined,
    ({ status, faults }) => `${status} ${faults[0].code} ${faults[0].source.pointer}`,
  );

const SCRIPT = '<script>alert(1)</script>';

describe.each(FORMATS)('a %s', (format) => {
  test('keeps its format, its size and its pixels, and is named by the hash of what it became', async () => {
    const { name, mediaType, bytes } = await pictures.redraw(await (await halves(64, 32))[format]().toBuffer());
    const extension = format === 'jpeg' ? 'jpg' : format;
    expect(name).toBe(`${createHash('sha256').update(bytes).digest('hex')}.${extension}`);
    expect(mediaType).toBe(`image/${format}`);
    expect(await sharp(bytes).metadata()).toMatchObject({ format, width: 64, height: 32 });
    expect(isNear(await pixel(bytes, 8, 16), RED)).toBe(true);
    expect(isNear(await pixel(bytes, 56, 16), BLUE)).toBe(true);
  });

  test('loses what stands behind its end', async () => {
    const image = await plain(20, 20)[format]().toBuffer();
    const bytes = await redraw(Buffer.concat([image, Buffer.from(SCRIPT)]));
    expect(bytes.includes('script')).toBe(false);
    expect(bytes).toEqual(await redraw(image));
  });

  test('that was cut off anywhere is 422', async () => {
    const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
    const image = await sharp({ create: { width: 100, height: 80, channels: 3, background: RED, noise } })
      [format]()
      .toBuffer();
    for (const part of [0.1, 0.5, 0.9, 0.99]) {
      expect(await refusal(image.subarray(0, Math.floor(image.length * part)))).toBe('422 invalid_format /file');
    }
    expect(await refusal(image.subarray(0, 12))).toBe('422 invalid_format /file');
  });

  test('of more than 4096 pixels in one direction is 422, of 4096 it is not', async () => {
    const wide = (width: number) => plain(width, 2)[format]().toBuffer();
    expect(await refusal(await wide(4_097))).toBe('422 not_allowed /file');
    expect(await refusal(await plain(2, 4_097)[format]().toBuffer())).toBe('422 not_allowed /file');
    expect(await sharp(await redraw(await wide(4_096))).metadata()).toMatchObject({ width: 4_096, height: 2 });
  });
});

describe('what cameras add', () => {
  test.each(['jpeg', 'webp', 'png'] as const)(
    'is gone from a %s, after its picture was put upright',
    async (format) => {
      const exif = {
        IFD0: { Make: 'Leica', Copyright: 'me' },
        IFD3: { GPSLatitude: '59/1 19/1 0/1', GPSLatitudeRef: 'N' },
      };
      const image = await (await halves(64, 32))
        .withMetadata({ orientation: 6 })
        .withExifMerge(exif)
        [format]()
        .toBuffer();
      expect((await sharp(image).metadata()).exif?.includes('Leica')).toBe(true);
      const bytes = await redraw(image);
      const { exif: kept, icc, xmp, iptc, orientation, width, height } = await sharp(bytes).metadata();
      expect({ kept, icc, xmp, iptc, orientation, width, height }).toEqual({ width: 32, height: 64 });
      for (const word of ['Leica', 'GPS', 'Exif']) expect(bytes.includes(word)).toBe(false);
      // Turned clockwise by a quarter: what was left is above.
      expect(isNear(await pixel(bytes, 16, 8), RED)).toBe(true);
      expect(isNear(await pixel(bytes, 16, 56), BLUE)).toBe(true);
    },
  );

  test('a profile is applied: the colours are those that were meant, in sRGB', async () => {
    const image = await plain(16, 16, { r: 0, g: 200, b: 0 }).withIccProfile('p3').png().toBuffer();
    const [raw] = [
      await sharp(image, { ignoreIcc: true } as never)
        .raw()
        .toBuffer(),
    ];
    // The numbers in the file are those of the wider space.
    expect([...raw.subarray(0, 3)]).not.toEqual([0, 200, 0]);
    const bytes = await redraw(image);
    expect((await sharp(bytes).metadata()).icc).toBeUndefined();
    expect(isNear(await pixel(bytes, 8, 8), { r: 0, g: 200, b: 0 })).toBe(true);
  });

  test('texts of a PNG and comments of a JPEG are gone', async () => {
    const text = pngChunk('tEXt', Buffer.from(`Comment\0${SCRIPT}`));
    const png = await plain(20, 20).png().toBuffer();
    const withText = Buffer.concat([png.subarray(0, 33), text, png.subarray(33)]);
    expect(await redraw(withText)).toEqual(await redraw(png));
    const jpeg = await plain(20, 20).jpeg().toBuffer();
    const comment = Buffer.from([0xff, 0xfe, 0, SCRIPT.length + 2, ...Buffer.from(SCRIPT)]);
    const withComment = Buffer.concat([jpeg.subarray(0, 2), comment, jpeg.subarray(2)]);
    expect(await redraw(withComment)).toEqual(await redraw(jpeg));
  });

  test('transparency stays', async () => {
    const image = plain(16, 16).ensureAlpha(0.5);
    for (const format of ['png', 'webp'] as const) {
      const { data } = await sharp(await redraw(await image.clone()[format]().toBuffer()))
        .raw()
        .toBuffer({ resolveWithObject: true });
      expect(data[3]).toBe(127);
    }
  });

  test('inks become colours', async () => {
    const image = await plain(16, 16).toColourspace('cmyk').jpeg().toBuffer();
    expect((await sharp(image).metadata()).space).toBe('cmyk');
    expect((await sharp(await redraw(image)).metadata()).space).toBe('srgb');
  });
});

describe('an animation', () => {
  const frames = (count: number) =>
    [...Array(count).keys()].map((i) =>
      plain(30, 20, i % 2 ? BLUE : RED)
        .png()
        .toBuffer(),
    );
  const animation = async (count: number) => sharp(await Promise.all(frames(count)), { join: { animated: true } });

  test.each(['gif', 'webp'] as const)('of a %s stays', async (format) => {
    const bytes = await redraw((await animation(3))[format]({ delay: [100, 200, 300], loop: 0 }));
    const { pages, pageHeight, delay } = await sharp(bytes, { animated: true }).metadata();
    expect({ pages, pageHeight, delay }).toEqual({ pages: 3, pageHeight: 20, delay: [100, 200, 300] });
    expect(isNear(await pixel(await sharp(bytes, { page: 1 }).png().toBuffer(), 5, 5), BLUE)).toBe(true);
  });

  test('of a PNG becomes its first frame', async () => {
    const png = await plain(20, 20).png().toBuffer();
    const control = pngChunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]));
    const bytes = await redraw(Buffer.concat([png.subarray(0, 33), control, png.subarray(33)]));
    expect(bytes.includes('acTL')).toBe(false);
    expect((await sharp(bytes).metadata()).pages).toBeUndefined();
  });

  test('of 500 frames is taken, of more it is 422', async () => {
    expect((await sharp(await redraw(gif(500)), { animated: true }).metadata()).pages).toBe(500);
    expect(await refusal(gif(501))).toBe('422 not_allowed /file');
  });

  test('counts with all its frames: 4096 × 4096 pixels together', async () => {
    expect((await sharp(gif(5, 2_048, 2_048)).metadata()).pages).toBe(5);
    expect(await refusal(gif(5, 2_048, 2_048))).toBe('422 not_allowed /file');
    expect(await refusal(gif(4, 2_048, 2_048))).toBeUndefined();
  });
});

test.each<[string, Buffer]>([
  ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')],
  ['SVG with a declaration', Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')],
  ['HTML', Buffer.from(`<!doctype html>${SCRIPT}`)],
  ['HTML behind blanks', Buffer.from(`\n\n  <html>${SCRIPT}`)],
  ['PDF', Buffer.from('%PDF-1.7\n\xff\xd8\xff', 'latin1')],
  ['HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')],
  ['AVIF', Buffer.from('\0\0\0\x1cftypavif\0\0\0\0avifmif1', 'latin1')],
  ['BMP', Buffer.concat([Buffer.from('BM'), Buffer.alloc(60)])],
  ['TIFF', Buffer.from('II*\0\x08\0\0\0', 'latin1')],
  ['ICO', Buffer.from('\0\0\x01\0\x01\0', 'latin1')],
  ['WAVE, which is RIFF as WebP is', Buffer.from('RIFF\x24\0\0\0WAVEfmt ', 'latin1')],
  ['ZIP', Buffer.from('PK\x03\x04', 'latin1')],
  ['text', Buffer.from('hello')],
  ['nothing', Buffer.alloc(0)],
  ['half a signature', Buffer.from('89504e47', 'hex')],
])('%s is 415', async (_title, file) => {
  expect(await refusal(file)).toBe('415 unsupported_media_type /file');
});

test.each<[string, Buffer]>([
  ['a script that begins like a GIF', Buffer.from(`GIF89a/*${SCRIPT}*/=1`)],
  ['a signature and noise', Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(200, 9)])],
  [
    'a PNG without its head',
    Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), pngChunk('IEND', Buffer.alloc(0))]),
  ],
  ['a JPEG of markers', Buffer.alloc(4_000, 0xff).fill(0xd8, 1, 2)],
  ['a WebP whose parts are longer than it', Buffer.from('RIFF\xff\xff\xff\x7fWEBPVP8 \xff\xff\xff\x7f', 'latin1')],
  [
    'a chunk that says to be 2 GiB long',
    Buffer.concat([bomb(10, 10).subarray(0, 33), Buffer.from('7fffffff49444154', 'hex')]),
  ],
])('%s is 422', async (_title, file) => {
  expect(await refusal(file)).toBe('422 invalid_format /file');
});

test('a progressive JPEG of a hundred scans is taken, of more it is 422', async () => {
  const jpeg = await (await halves(64, 64)).jpeg({ progressive: true }).toBuffer();
  expect(isNear(await pixel(await redraw(jpeg), 8, 8), RED)).toBe(true);
  const scan = Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
  expect(await refusal(Buffer.concat([jpeg.subarray(0, 2), ...Array(101).fill(scan), jpeg.subarray(2)]))).toBe(
    '422 not_allowed /file',
  );
});

test('one is redrawn at once, 32 wait, and those beyond are refused with 503', async () => {
  const image = await plain(8, 8).png().toBuffer();
  const answers = await Promise.allSettled(Array.from({ length: 36 }, () => pictures.redraw(image)));
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(33);
  for (const answer of answers.slice(33)) {
    expect((answer as PromiseRejectedResult).reason).toMatchObject({ status: 503, faults: [{ code: 'unavailable' }] });
  }
  expect(await refusal(image)).toBeUndefined();
});
