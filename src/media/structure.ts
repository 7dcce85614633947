import type { Format } from './names';

/**
 * What can be told of an image without decoding it, and is to be told first: decoders spend memory and time on parts that
 * are repeated thousands of times, before they find that there are too many.
 */
export interface Structure {
  readonly format: Format;
  /** Pictures of an animation, of those that are shown; 1 for a still one. */
  readonly frames: number;
  /** Passes over all of the picture, of a progressive JPEG; 1 for the others. */
  readonly scans: number;
  /** What the decoder is to get. */
  readonly bytes: Buffer;
}

const PNG = Buffer.from('89504e470d0a1a0a', 'hex');
/** What of a PNG makes its pixels and how they stand: the rest is text, time, and pictures of an animation. */
const PNG_CHUNKS = new Set(['IHDR', 'PLTE', 'tRNS', 'gAMA', 'cHRM', 'sRGB', 'iCCP', 'eXIf', 'IDAT', 'IEND']);

const ascii = (bytes: Buffer, from: number, to: number): string => bytes.toString('latin1', from, to);

/** By the first bytes; undefined for what is none of the formats. */
export function structureOf(bytes: Buffer): Structure | undefined {
  const one = { frames: 1, scans: 1, bytes };
  if (bytes.subarray(0, PNG.length).equals(PNG)) return { ...one, format: 'png', bytes: bareOf(bytes) };
  if (bytes.length > 2 && bytes.readUIntBE(0, 3) === 0xffd8ff) return { ...one, format: 'jpeg', scans: scansOf(bytes) };
  if (/^GIF8[79]a$/.test(ascii(bytes, 0, 6))) return { ...one, format: 'gif', frames: gifFramesOf(bytes) };
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') {
    return { ...one, format: 'webp', frames: webpFramesOf(bytes) };
  }
  return undefined;
}

/** A PNG without the chunks that its picture does not need; texts in it may be packed a thousandfold. */
function bareOf(bytes: Buffer): Buffer {
  const parts: Buffer[] = [PNG];
  for (let at = PNG.length; at + 12 <= bytes.length; ) {
    const end = at + 12 + bytes.readUInt32BE(at);
    const type = ascii(bytes, at + 4, at + 8);
    if (PNG_CHUNKS.has(type)) parts.push(bytes.subarray(at, end));
    if (type === 'IEND') break;
    at = end;
  }
  return Buffer.concat(parts);
}

/** Markers that have no length: fill bytes, restarts, and what stands for a byte of pixels. */
const isBare = (marker: number): boolean =>
  marker === 0xff || marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8);

/** Begin with a marker of their own, and end where the next one begins. */
function scansOf(bytes: Buffer): number {
  let scans = 0;
  for (let at = bytes.indexOf(0xff, 2); at >= 0 && at + 4 <= bytes.length; at = bytes.indexOf(0xff, at)) {
    const marker = bytes.readUInt8(at + 1);
    if (marker === 0xd9) break;
    if (marker === 0xda) scans++;
    if (isBare(marker)) at += marker === 0xff ? 1 : 2;
    else at += 2 + bytes.readUInt16BE(at + 2);
  }
  return scans;
}

/** Bytes of a table of colours, as the flags before it tell. */
const colours = (flags: number): number => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);

function gifFramesOf(bytes: Buffer): number {
  const byte = (at: number): number => bytes[at] ?? 0;
  /** Behind a chain of blocks of up to 255 bytes, which an empty one ends. */
  const behindBlocks = (from: number): number => {
    let at = from;
    while (byte(at) > 0) at += 1 + byte(at);
    return at + 1;
  };
  let frames = 0;
  for (let at = 13 + colours(byte(10)); at < bytes.length; ) {
    if (byte(at) === 0x21) at = behindBlocks(at + 2);
    else if (byte(at) === 0x2c) {
      frames++;
      at = behindBlocks(at + 11 + colours(byte(at + 9)));
    } else break;
  }
  return frames;
}

function webpFramesOf(bytes: Buffer): number {
  let frames = 0;
  for (let at = 12; at + 8 <= bytes.length; ) {
    if (ascii(bytes, at, at + 4) === 'ANMF') frames++;
    const size = bytes.readUInt32LE(at + 4);
    at += 8 + size + (size % 2);
  }
  return Math.max(1, frames);
}
