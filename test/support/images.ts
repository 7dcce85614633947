import { randomUUID } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';

/** Images as people and attackers send them, and the bodies that bring them. */

/** One part of a body; with a `filename` it is a file. */
interface Part {
  readonly name: string;
  readonly filename?: string;
  readonly type?: string;
  readonly content: Buffer | string;
}

export interface Multipart {
  readonly body: Buffer;
  readonly headers: { 'Content-Type': string };
}

/** A multipart body with a boundary of its own, as every client makes it anew for each request. */
export function multipart(...parts: Part[]): Multipart {
  const boundary = `----${randomUUID()}`;
  const chunks = parts.flatMap(({ name, filename, type, content }) => [
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n`,
    `${type === undefined ? '' : `Content-Type: ${type}\r\n`}\r\n`,
    content,
    '\r\n',
  ]);
  const body = Buffer.concat([...chunks, `--${boundary}--\r\n`].map((each) => Buffer.from(each as string)));
  return { body, headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` } };
}

/** A body with a file in the part `file`, named and typed as something else than it is. */
export const fileOf = (content: Buffer | string): Multipart =>
  multipart({ name: 'file', filename: 'me.txt', type: 'text/plain', content });

export const RED = { r: 200, g: 30, b: 30 };
export const BLUE = { r: 30, g: 30, b: 200 };

/** One colour all over. */
export const plain = (width: number, height: number, background: object = RED): Sharp =>
  sharp({ create: { width, height, channels: 3, background: background as never } });

/** The left half is red, the right one blue. */
export async function halves(width: number, height: number): Promise<Sharp> {
  const right = await plain(width / 2, height, BLUE)
    .png()
    .toBuffer();
  return plain(width, height).composite([{ input: right, left: width / 2, top: 0 }]);
}

/** The colour of one pixel, whatever the image has of channels. */
export async function pixel(image: Buffer, x: number, y: number): Promise<number[]> {
  const { data, info } = await sharp(image).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const at = (y * info.width + x) * info.channels;
  return [...data.subarray(at, at + 3)];
}

/** Whether a colour is nearly this one: JPEG keeps none exactly. */
export const isNear = (colour: readonly number[], { r, g, b }: typeof RED): boolean =>
  [r, g, b].every((value, i) => Math.abs(value - (colour[i] as number)) <= 12);

export function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(8 + body.length);
  chunk.writeUInt32BE(data.length);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), 4 + body.length);
  return chunk;
}

/** A PNG of one bit a pixel that says to be so large, with 8 MB of pixels at the most, and what else it is given. */
export function bomb(width: number, height: number, more: readonly Buffer[] = []): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.writeUInt8(1, 8);
  const rows = Buffer.alloc(Math.min((Math.ceil(width / 8) + 1) * height, 8_000_000));
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    ...more,
    pngChunk('IDAT', deflateSync(rows)),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A GIF of so many frames, each of which has another colour than the one before; of its pixels there is one at the most. */
export function gif(frames: number, width = 1, height = 1): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt16LE(width, 0);
  size.writeUInt16LE(height, 2);
  const frame = (pixel: string) =>
    Buffer.concat([Buffer.from('21f90400010000002c00000000', 'hex'), size, Buffer.from(`000202${pixel}0100`, 'hex')]);
  const both = [frame('44'), frame('4c')];
  const all = Array.from({ length: frames }, (_, i) => both[i % 2] as Buffer);
  const colours = Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
  return Buffer.concat([Buffer.from('GIF89a'), size, colours, ...all, Buffer.from([0x3b])]);
}
