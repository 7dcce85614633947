import { createHash } from 'node:crypto';
import type { Sharp, SharpOptions } from 'sharp';
import { AppError } from '../errors';
import { Turns } from '../turns';
import { FORMATS, type Format } from './names';
import { type Structure, structureOf } from './structure';

/** Pixels of a side at the most (domain sheet 9.7). */
export const MOST_SIDE = 4096;
/** The same of all frames together: an animation costs no more than one picture. */
const MOST_PIXELS = MOST_SIDE * MOST_SIDE;
const MOST_FRAMES = 500;
/** Encoders write ten; a scan costs a pass over the picture however few bytes it has. */
const MOST_SCANS = 100;
/** Seconds for one picture: the largest take five. */
const MOST_SECONDS = 20;

/** The largest picture takes 300 MB while it is redrawn, and one of libuv's four threads. */
const MOST_AT_ONCE = 1;
const LONGEST_QUEUE = 32;

/** The four decoders that are used, of the dozens that the library has. */
const DECODERS = ['Png', 'Jpeg', 'Webp', 'Nsgif'].map((name) => `VipsForeignLoad${name}Buffer`);

const SOURCE = { pointer: '/file' };
const refuse = (detail: string) => new AppError('not_allowed', detail, SOURCE);
const tooLarge = () => refuse(`The image must have at most ${MOST_SIDE} × ${MOST_SIDE} pixels, all frames together.`);

/** An image as it is stored. */
export interface Picture {
  /** SHA-256 of the bytes, with an extension. */
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** Redraws pictures, one after the other: one for each process, since the bound is the object's. */
export class Pictures {
  private readonly turns = new Turns({
    atOnce: MOST_AT_ONCE,
    waiting: LONGEST_QUEUE,
    refusal: 'Too many images are being read at once: try again later.',
  });

  /**
   * Decodes an image and encodes its pixels anew, upright and in sRGB: whatever else was in it or behind it is gone. What
   * it is is told by its first bytes. Animations stay, but those of PNG.
   * @throws AppError `unsupported_media_type`; `not_allowed` for one that is too large, `invalid_format` for one that is
   * broken or cut off; `unavailable` when too many wait
   */
  async redraw(file: Buffer): Promise<Picture> {
    const structure = structureOf(file);
    if (structure === undefined) {
      throw new AppError('unsupported_media_type', 'The file must be a PNG, JPEG, WebP or GIF image.', SOURCE);
    }
    const { format, frames, scans } = structure;
    if (frames > MOST_FRAMES) throw refuse(`The image must have at most ${MOST_FRAMES} frames.`);
    if (scans > MOST_SCANS) throw refuse(`The image must have at most ${MOST_SCANS} scans.`);
    loaded ??= load();
    const sharp = await loaded;
    const bytes = await this.turns.take(() => redrawn(sharp, structure).catch(judge));
    const { extension, mediaType } = FORMATS[format];
    return { name: `${createHash('sha256').update(bytes).digest('hex')}.${extension}`, mediaType, bytes };
  }
}

/** Whatever the decoder says is the image's fault, but for the memory of this machine. */
function judge(error: unknown): never {
  if (error instanceof AppError) throw error;
  const { message } = error as Error;
  if (/pixel limit|timeout/.test(message)) throw tooLarge();
  if (/out of memory/.test(message)) throw error;
  throw new AppError('invalid_format', 'The image is broken or not whole.', SOURCE);
}

let loaded: ReturnType<typeof load> | undefined;

/** Not when the process starts: it takes a tenth of a second, and most processes never need it. */
async function load() {
  const { default: sharp } = await import('sharp');
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: DECODERS });
  return sharp;
}

async function redrawn(sharp: Awaited<ReturnType<typeof load>>, structure: Structure): Promise<Buffer> {
  const { bytes, format, frames } = structure;
  // `failOn`: a file that was cut off is no picture, but one that a camera wrote a little wrong is.
  const options: SharpOptions = { limitInputPixels: MOST_PIXELS, failOn: 'error' };
  const { width, height, pages = 1, format: found } = await sharp(bytes, options).metadata();
  if (found !== format) throw new AppError('invalid_format', 'The image is broken.', SOURCE);
  if (Math.max(width, height) > MOST_SIDE || width * height * pages > MOST_PIXELS) throw tooLarge();
  const isAnimated = frames > 1 && pages > 1;
  const image = sharp(bytes, { ...options, animated: isAnimated }).timeout({ seconds: MOST_SECONDS });
  return encoded(isAnimated ? image : image.autoOrient(), format).toBuffer();
}

function encoded(image: Sharp, format: Format): Sharp {
  switch (format) {
    case 'png':
      return image.png();
    case 'jpeg':
      return image.jpeg({ quality: 90 });
    case 'webp':
      return image.webp({ quality: 90 });
    case 'gif':
      return image.gif({ effort: 3 });
  }
}
