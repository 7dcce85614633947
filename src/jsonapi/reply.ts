import { hash } from 'node:crypto';
import type { Page, Point, Selection } from '../selection';
import type { Cursors } from './cursor';
import { CURSOR_PROFILE, CURSOR_TYPE } from './negotiate';
import type { PageRequest, Query } from './query';

const JSONAPI = { version: '1.1' };
const JSONAPI_WITH_CURSORS = { version: '1.1', profile: [CURSOR_PROFILE] };

type Resource = Record<string, unknown>;
type Document = Record<string, unknown>;

/** The `jsonapi` member; `profile` says that the cursor pagination profile was applied. */
const jsonapi = (cursors: boolean) => (cursors ? JSONAPI_WITH_CURSORS : JSONAPI);

/** A document of one resource. The member order is the seed's: data, then what was added to it. */
export function resourceDocument(
  data: unknown,
  included: Resource[] | null,
  links: Document,
  cursors = false,
): Document {
  const shown = cursors ? { ...links, self: { href: links.self, type: CURSOR_TYPE } } : links;
  return { data, ...(included === null ? {} : { included }), links: shown, jsonapi: jsonapi(cursors) };
}

/** The answer to a create request (contract 6: `meta: {}`). */
export function createdDocument(
  data: Resource,
  included: Resource[] | null,
  meta: Document = {},
  cursors = false,
): Document {
  return { data, ...(included === null ? {} : { included }), meta, jsonapi: jsonapi(cursors) };
}

/** An answer that has no primary data. */
export const metaDocument = (meta: Document): Document => ({ meta, jsonapi: JSONAPI });

/** What a list answers beside its data. */
export interface ListReply {
  readonly path: string;
  readonly query: Query;
  readonly page: Page<unknown>;
  readonly seek: Selection['seek'];
  readonly cursors: Cursors;
  /** Of the document: the resources that a linkage stands for. */
  readonly related?: string;
}

/** A document of one page: numbered, with the seed's five meta members, or of the cursor pagination profile. */
export function pageDocument(reply: ListReply, data: Resource[], included: Resource[] | null): Document {
  const { query, page, related } = reply;
  const isSought = query.page.style === 'cursor';
  const { self, ...links } = isSought ? cursorLinks(reply) : numberLinks(reply);
  return {
    data,
    ...(included === null ? {} : { included }),
    meta: isSought ? cursorMeta(query, page) : numberMeta(query, page),
    links: { self, ...(related === undefined ? {} : { related }), ...links },
    jsonapi: jsonapi(isSought),
  };
}

function numberMeta({ page: { size, offset } }: Query, { total, totalUnfiltered }: Page<unknown>): Document {
  return {
    total,
    totalUnfiltered,
    currentSize: size,
    currentPage: Math.floor(offset / size) + 1,
    maxPage: Math.max(1, Math.ceil(total / size)),
  };
}

function cursorMeta({ page: { after, before } }: Query, { total, totalUnfiltered, more }: Page<unknown>): Document {
  const isTruncated = after !== undefined && before !== undefined && more === true;
  return { total, totalUnfiltered, page: { total, ...(isTruncated ? { rangeTruncated: true } : {}) } };
}

/** The URL of this answer: as it was asked for, in the form that links have. */
export const selfUrl = (path: string, { whole }: Query): string => (whole === '' ? path : `${path}?${whole}`);

const urlOf = (path: string, { rest }: Query, page: string): string =>
  `${path}?${rest}${rest === '' ? '' : '&'}${page}`;

function numberLinks({ path, query, page: { total } }: ListReply): Record<string, string | null> {
  const { size, offset } = query.page;
  const at = (rows: number) => urlOf(path, query, pageParameters(query.page, Math.max(0, rows)));
  const last = total === 0 ? 0 : Math.floor((total - 1) / size) * size;
  return {
    self: selfUrl(path, query),
    first: at(0),
    last: at(last),
    prev: offset > 0 ? at(Math.min(offset - size, last)) : null,
    next: offset + size < total ? at(offset + size) : null,
  };
}

function pageParameters({ style, size }: PageRequest, offset: number): string {
  if (style === 'offset') return `page[offset]=${offset}&page[limit]=${size}`;
  return `page[number]=${Math.floor(offset / size) + 1}&page[size]=${size}`;
}

/** What a cursor is bound to. */
export const orderOf = (path: string, { order }: Query): string => `${path}?${order}`;

/** `self` says by its type that the profile was applied (JSON:API 1.1, "Profiles"); the others are plain for simple clients. */
function cursorLinks(reply: ListReply): Document {
  const { path, query, cursors } = reply;
  const order = orderOf(path, query);
  const url = (key: 'after' | 'before', point: Point | undefined) =>
    point === undefined
      ? null
      : urlOf(path, query, `page[${key}]=${cursors.encode(point, order)}&page[size]=${query.page.size}`);
  const { prev, next } = neighbours(reply);
  return {
    self: { href: selfUrl(path, query), type: CURSOR_TYPE },
    first: url('after', END),
    last: url('before', END),
    prev: url('before', prev),
    next: url('after', next),
  };
}

/** The end of a list: its beginning for `after`, what is behind the last row for `before`. */
const END: Point = [];

/** Where the page before ends and the page behind begins; undefined where it is known that there is none. */
function neighbours({ seek = {}, page }: ListReply): { prev?: Point; next?: Point } {
  const { after, before } = seek;
  const [first, last] = [page.points?.[0], page.points?.at(-1)];
  const isRest = before !== undefined && before.length > 0;
  // Before a place in front of everything: all that there is comes behind it.
  if (before !== undefined && after === undefined) {
    return { prev: page.more ? first : undefined, next: isRest ? (last ?? END) : undefined };
  }
  const next = page.more || isRest ? last : undefined;
  if (after === undefined || after.length === 0) return { next };
  return { prev: first ?? (before === undefined ? END : undefined), next };
}

/** One relationship of a row whose others are included: the first of them, and where the rest is. */
export function linkedRelationship(
  links: Document,
  data: readonly Document[],
  total: number,
  next: string | null,
): Document {
  return { links: { ...links, prev: null, next }, data, meta: { page: { total } } };
}

/**
 * A strong ETag: the version of the row, which `If-Match` compares, and the bytes sent. The version alone would not do:
 * included resources, the last use of a key and its expiry change what is shown and leave the version as it is.
 */
export function entityTag(version: number, body: string): string {
  return `"${version}.${hash('sha1', body, 'base64url')}"`;
}

const tags = (header: string): string[] => header.split(',').map((tag) => tag.trim());

/** `If-None-Match`: weak comparison (RFC 9110, 13.1.2). */
export function isUnchanged(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return tags(header).some((each) => each === '*' || each.replace(/^W\//, '') === tag);
}

/**
 * Versions that `If-Match` allows. Strong comparison: weak tags and texts that are no tag of ours match nothing.
 * The representation is left out, because what is protected is the row.
 */
export function readIfMatch(header: string | undefined): (number | '*')[] | undefined {
  if (header === undefined) return undefined;
  return tags(header).flatMap((tag): (number | '*')[] => {
    if (tag === '*') return ['*'];
    const version = /^"(\d{1,9})\.[\w.-]+"$/.exec(tag)?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}
