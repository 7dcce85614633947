import { timingSafeEqual } from 'node:crypto';
import type { Point } from '../selection';
import { bad } from './parameters';

/** Bytes of the signature in front of each cursor. */
const SIGNATURE = 16;

/**
 * Cursors of the cursor pagination profile: places in an order, not rows, so that they outlive them. A cursor is signed
 * together with the list, sorting, filter and caller that it was made for: with others it is refused (CUR-27).
 */
export class Cursors {
  /**
   * @param sign makes at least 16 bytes that nobody without the secret key can make
   * @param scope which rows the caller sees
   */
  constructor(
    private readonly sign: (text: string) => Buffer,
    private readonly scope: string,
  ) {}

  /** @param order path, sorting and filter of the list */
  encode(point: Point, order: string): string {
    const text = JSON.stringify(point);
    return Buffer.concat([this.signature(text, order), Buffer.from(text)]).toString('base64url');
  }

  /**
   * @param parameter `page[after]` or `page[before]`
   * @throws AppError `invalid_parameter`
   */
  decode(parameter: string, cursor: string, order: string): Point {
    const bytes = Buffer.from(cursor, 'base64url');
    const text = bytes.subarray(SIGNATURE).toString('utf8');
    const isOurs =
      bytes.length > SIGNATURE &&
      bytes.toString('base64url') === cursor &&
      timingSafeEqual(bytes.subarray(0, SIGNATURE), this.signature(text, order));
    if (!isOurs) throw bad(parameter, 'This is no cursor of this list with this sorting and filter.');
    return JSON.parse(text);
  }

  private signature(text: string, order: string): Buffer {
    return this.sign(JSON.stringify([this.scope, order, text])).subarray(0, SIGNATURE);
  }
}
