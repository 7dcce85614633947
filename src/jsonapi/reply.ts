import { hash } from 'node:crypto';
import type { Page } from '../selection';
import type { PageRequest, Query } from './query';

const JSONAPI = { version: '1.1' };

type Resource = Record<string, unknown>;
type Document = Record<string, unknown>;

/** A document of one resource. The member order is the seed's: data, then what was added to it. */
export function resourceDocument(data: Resource, included: Resource[] | null, self: string): Document {
  if (included === null) return { data, links: { self }, jsonapi: JSONAPI };
  return { data, included, links: { self }, jsonapi: JSONAPI };
}

/** The answer to a create request (contract 6: `meta: {}`). */
export function createdDocument(data: Resource, included: Resource[] | null): Document {
  if (included === null) return { data, meta: {}, jsonapi: JSONAPI };
  return { data, included, meta: {}, jsonapi: JSONAPI };
}

/** A document of one page, with the seed's five meta members and links to the other pages. */
export function pageDocument(
  path: string,
  query: Query,
  data: Resource[],
  included: Resource[] | null,
  { total, totalUnfiltered }: Page<unknown>,
): Document {
  const { size, offset } = query.page;
  return {
    data,
    ...(included === null ? {} : { included }),
    meta: {
      total,
      totalUnfiltered,
      currentSize: size,
      currentPage: Math.floor(offset / size) + 1,
      maxPage: Math.max(1, Math.ceil(total / size)),
    },
    links: pageLinks(path, query, total),
    jsonapi: JSONAPI,
  };
}

function pageLinks(path: string, { page, rest, whole }: Query, total: number): Record<string, string | null> {
  const { size, offset } = page;
  const at = (rows: number) => `${path}?${rest}${rest === '' ? '' : '&'}${pageParameters(page, Math.max(0, rows))}`;
  const last = total === 0 ? 0 : Math.floor((total - 1) / size) * size;
  return {
    self: whole === '' ? path : `${path}?${whole}`,
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
