// The documents of the yardstick: what src/jsonapi/reply.ts makes, written out by hand.
import { createHmac, hkdfSync } from 'node:crypto';
import { organization, PATH, type Row } from './bareDocument';

export const PAGE_SIZE = 25;
export const MEDIA_TYPE = 'application/vnd.api+json';
const PROFILE = 'https://jsonapi.org/profiles/ethanresnick/cursor-pagination';
export const CURSOR_TYPE = `${MEDIA_TYPE};profile="${PROFILE}"`;
const JSONAPI = { version: '1.1' };
const JSONAPI_WITH_CURSORS = { version: '1.1', profile: [PROFILE] };

export const resourceDocument = (row: Row): object => ({
  data: organization(row, 0),
  links: { self: `${PATH}/${row[0]}` },
  jsonapi: JSONAPI,
});

export const createdDocument = (row: Row, token: string): object => ({
  data: organization(row, 0, { token }),
  meta: {},
  jsonapi: JSONAPI,
});

/** The first two columns of every row: rows in all, and those that fit when they were counted. */
function totalsOf(rows: readonly Row[]): { total: number; totalUnfiltered: number } {
  const totalUnfiltered = Number(rows[0]?.[0] ?? 0);
  const counted = rows[0]?.[1] ?? null;
  return { total: counted === null ? totalUnfiltered : Number(counted), totalUnfiltered };
}

interface NumberedPage {
  rows: readonly Row[];
  data: object[];
  included?: object[];
  page: number;
  /** The query as it came. */
  whole: string;
  /** The query without the page, ready for links. */
  rest: string;
}

export function pageDocument({ rows, data, included, page, whole, rest }: NumberedPage): object {
  const { total, totalUnfiltered } = totalsOf(rows);
  const maxPage = Math.max(1, Math.ceil(total / PAGE_SIZE));
  const at = (number: number) =>
    `${PATH}?${rest}${rest === '' ? '' : '&'}page[number]=${number}&page[size]=${PAGE_SIZE}`;
  const meta = { total, totalUnfiltered, currentSize: PAGE_SIZE, currentPage: page, maxPage };
  const links = {
    self: whole === '' ? PATH : `${PATH}?${whole}`,
    first: at(1),
    last: at(maxPage),
    prev: page > 1 ? at(Math.min(page - 1, maxPage)) : null,
    next: page < maxPage ? at(page + 1) : null,
  };
  if (included === undefined) return { data, meta, links, jsonapi: JSONAPI };
  return { data, included, meta, links, jsonapi: JSONAPI };
}

/** Cursors of the service in its default list, as a platform caller gets them. */
export class BareCursors {
  private readonly key: Buffer;

  constructor(secretKey: string) {
    this.key = Buffer.from(hkdfSync('sha256', Buffer.from(secretKey, 'base64'), '', 'signatures', 32));
  }

  encode(point: readonly unknown[]): string {
    const text = JSON.stringify(point);
    return Buffer.concat([this.sign(text), Buffer.from(text)]).toString('base64url');
  }

  decode(cursor: string): unknown[] {
    const bytes = Buffer.from(cursor, 'base64url');
    const text = bytes.toString('utf8', 16);
    if (!this.sign(text).equals(bytes.subarray(0, 16))) throw new Error('This is no cursor.');
    return JSON.parse(text);
  }

  private sign(text: string): Buffer {
    const signed = JSON.stringify(['platform,,,', `${PATH}?-createdAt?`, text]);
    return createHmac('sha256', this.key).update(signed).digest().subarray(0, 16);
  }
}

/** @param found the rows, then one more when there are others behind them; each with its point at the end */
export function cursorDocument(found: readonly Row[], after: string | null, cursors: BareCursors): object {
  const rows = found.slice(0, PAGE_SIZE);
  const { total, totalUnfiltered } = totalsOf(rows);
  const points = rows.map((row) => cursors.encode(row.slice(-2)));
  const url = (key: string, cursor: string) => `${PATH}?page[${key}]=${cursor}&page[size]=${PAGE_SIZE}`;
  return {
    data: rows.map((row, i) => organization(row, 2, { meta: { page: { cursor: points[i] } } })),
    meta: { total, totalUnfiltered, page: { total } },
    links: {
      self: { href: after === null ? PATH : `${PATH}?page[after]=${after}`, type: CURSOR_TYPE },
      first: url('after', cursors.encode([])),
      last: url('before', cursors.encode([])),
      prev: after === null ? null : url('before', points[0] as string),
      next: found.length > PAGE_SIZE ? url('after', points.at(-1) as string) : null,
    },
    jsonapi: JSONAPI_WITH_CURSORS,
  };
}
