import type { Answer } from './client';
import { at, isObject, type Json, listOf, step } from './json';
import { urisOf } from './mediaType';

/** A piece of a document with the pointer to it. */
export interface Part<T = unknown> {
  readonly value: T;
  readonly at: string;
}

export type LinksOwner = 'document' | 'resource' | 'relationship' | 'error' | 'link';

/** A document taken to pieces once, so that a rule about links sees all links, wherever they were. */
export interface Seen {
  readonly answer: Answer;
  /** The root, whatever it is; `document` is the same when it is an object, else empty. */
  readonly root: unknown;
  readonly document: Json;
  /** Whether the primary data are resource identifiers, as the URL says. */
  readonly isLinkage: boolean;
  /** URIs of the extensions that the answer says were applied. */
  readonly extensions: readonly string[];
  readonly resources: readonly Part<Json>[];
  /** Values that stand where a resource object must, and are no objects. */
  readonly noResources: readonly Part[];
  readonly identifiers: readonly Part[];
  readonly relationships: readonly Part[];
  readonly links: readonly (Part & { readonly name: string; readonly owner: LinksOwner })[];
  readonly linksObjects: readonly (Part & { readonly owner: LinksOwner })[];
  readonly metas: readonly Part[];
  readonly errors: readonly Part[];
  /** Names that the API chose: of attributes and all below, relationships, members of meta, and types. */
  readonly names: readonly Part<string>[];
}

/** Whether a URL is one of linkage, by the path that the recommendations give and that servers print. */
export const isLinkageUrl = (url: string): boolean => /\/relationships\/[^/?]+\/?(?:\?|$)/.test(url);

export function takeApart(answer: Answer): Seen {
  return new Taker(answer).result();
}

class Taker {
  private readonly resources: Part<Json>[] = [];
  private readonly noResources: Part[] = [];
  private readonly identifiers: Part[] = [];
  private readonly relationships: Part[] = [];
  private readonly links: (Part & { name: string; owner: LinksOwner })[] = [];
  private readonly linksObjects: (Part & { owner: LinksOwner })[] = [];
  private readonly metas: Part[] = [];
  private readonly errors: Part[] = [];
  private readonly names: Part<string>[] = [];

  constructor(private readonly answer: Answer) {}

  result(): Seen {
    const root = this.answer.body;
    const document = isObject(root) ? root : {};
    const isLinkage = isLinkageUrl(this.answer.sent.url) && !('errors' in document);
    this.takePrimary(document.data, '/data', isLinkage);
    this.each(document.included, '/included', (value, where) => this.takeResource(value, where));
    this.each(document['atomic:results'], '/atomic:results', (result, where) => {
      if (!isObject(result)) return;
      this.takePrimary(result.data, `${where}/data`, false);
      this.takeMeta(result.meta, `${where}/meta`);
    });
    this.each(document.errors, '/errors', (value, where) => this.takeError(value, where));
    this.takeLinks(document.links, '/links', 'document');
    this.takeMeta(document.meta, '/meta');
    this.takeMeta(at(document, 'jsonapi', 'meta'), '/jsonapi/meta');
    return {
      answer: this.answer,
      root,
      document,
      isLinkage,
      extensions: urisOf(this.answer.headers['content-type'], 'ext'),
      resources: this.resources,
      noResources: this.noResources,
      identifiers: this.identifiers,
      relationships: this.relationships,
      links: this.links,
      linksObjects: this.linksObjects,
      metas: this.metas,
      errors: this.errors,
      names: this.names,
    };
  }

  private each(values: unknown, where: string, take: (value: unknown, where: string) => void): void {
    if (Array.isArray(values)) for (const [i, value] of values.entries()) take(value, where + step(i));
  }

  private takePrimary(data: unknown, where: string, isLinkage: boolean): void {
    const take = (value: unknown, place: string) =>
      isLinkage ? this.takeIdentifier(value, place) : this.takeResource(value, place);
    if (Array.isArray(data)) this.each(data, where, take);
    else if (data !== undefined && data !== null) take(data, where);
  }

  private takeResource(value: unknown, where: string): void {
    if (!isObject(value)) {
      this.noResources.push({ value, at: where });
      return;
    }
    this.resources.push({ value, at: where });
    if (typeof value.type === 'string') this.names.push({ value: value.type, at: `${where}/type` });
    this.takeNames(value.attributes, `${where}/attributes`);
    this.takeLinks(value.links, `${where}/links`, 'resource');
    this.takeMeta(value.meta, `${where}/meta`);
    if (!isObject(value.relationships)) return;
    for (const [name, relationship] of Object.entries(value.relationships)) {
      const place = `${where}/relationships${step(name)}`;
      this.names.push({ value: name, at: place });
      this.relationships.push({ value: relationship, at: place });
      if (!isObject(relationship)) continue;
      this.takeLinks(relationship.links, `${place}/links`, 'relationship');
      this.takeMeta(relationship.meta, `${place}/meta`);
      const many = Array.isArray(relationship.data);
      for (const [i, each] of listOf(relationship.data).entries())
        this.takeIdentifier(each, many ? `${place}/data/${i}` : `${place}/data`);
    }
  }

  private takeIdentifier(value: unknown, where: string): void {
    this.identifiers.push({ value, at: where });
    if (!isObject(value)) return;
    if (typeof value.type === 'string') this.names.push({ value: value.type, at: `${where}/type` });
    this.takeMeta(value.meta, `${where}/meta`);
  }

  private takeError(value: unknown, where: string): void {
    this.errors.push({ value, at: where });
    if (!isObject(value)) return;
    this.takeLinks(value.links, `${where}/links`, 'error');
    this.takeMeta(value.meta, `${where}/meta`);
  }

  private takeLinks(value: unknown, where: string, owner: LinksOwner): void {
    if (value === undefined) return;
    this.linksObjects.push({ value, at: where, owner });
    if (isObject(value)) for (const [name, link] of Object.entries(value)) this.takeLink(name, link, where, owner);
  }

  private takeLink(name: string, value: unknown, where: string, owner: LinksOwner): void {
    const place = where + step(name);
    this.links.push({ value, at: place, name, owner });
    if (!isObject(value)) return;
    this.takeMeta(value.meta, `${place}/meta`);
    // `describedby` of a link is itself a link.
    if (value.describedby !== undefined) this.takeLink('describedby', value.describedby, place, 'link');
  }

  private takeMeta(value: unknown, where: string): void {
    if (value === undefined) return;
    this.metas.push({ value, at: where });
    this.takeNames(value, where);
  }

  /** Names at any depth: nested objects of attributes and meta are bound by the same rules. */
  private takeNames(value: unknown, where: string): void {
    if (Array.isArray(value)) this.each(value, where, (each, place) => this.takeNames(each, place));
    if (!isObject(value)) return;
    for (const [name, below] of Object.entries(value)) {
      this.names.push({ value: name, at: where + step(name) });
      this.takeNames(below, where + step(name));
    }
  }
}

/** What a link points to, as it is written; undefined for null and for what is no link. */
export function hrefOf(link: unknown): string | undefined {
  if (typeof link === 'string') return link;
  const href = isObject(link) ? link.href : undefined;
  return typeof href === 'string' ? href : undefined;
}
