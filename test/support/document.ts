/**
 * Says what is wrong with a JSON:API 1.1 document: top level, resource objects, relationships, links, identifiers,
 * compound documents, meta, member names and error objects (checklist chapters 2–10 and 23).
 */

/** By the media type. Lines of JSON are none. */
export const isJson = (type: string): boolean => /[/+]json\b/.test(type);

type Json = Record<string, unknown>;

const TOP = ['data', 'errors', 'meta', 'jsonapi', 'links', 'included'];
/** Of answers of the Atomic Operations extension. */
const ATOMIC_TOP = ['atomic:results', 'meta', 'jsonapi', 'links'];
const TOP_LINKS = ['self', 'related', 'describedby', 'first', 'last', 'prev', 'next'];
const RESOURCE = ['type', 'id', 'lid', 'attributes', 'relationships', 'links', 'meta'];
const LINK = ['href', 'rel', 'describedby', 'title', 'type', 'hreflang', 'meta'];
const ERROR = ['id', 'links', 'status', 'code', 'title', 'detail', 'source', 'meta'];
const NAME = /^[a-zA-Z0-9\u{80}-\u{10ffff}](?:[-a-zA-Z0-9_ \u{80}-\u{10ffff}]*[a-zA-Z0-9\u{80}-\u{10ffff}])?$/u;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A document whose primary data is linkage is the one that has a related link (JSON:API 1.1, "Top Level"). */
const isLinkage = ({ links }: Json): boolean => isObject(links) && 'related' in links;

class Checker {
  readonly faults: string[] = [];

  say(holds: boolean, fault: string): boolean {
    if (!holds) this.faults.push(fault);
    return holds;
  }

  members(value: Json, allowed: readonly string[], where: string): void {
    for (const name of Object.keys(value))
      this.say(allowed.includes(name) || name.startsWith('@'), `${where} has ${name}`);
  }

  names(value: unknown, where: string): void {
    if (Array.isArray(value)) for (const each of value) this.names(each, where);
    if (!isObject(value)) return;
    for (const [name, below] of Object.entries(value)) {
      this.say(NAME.test(name) || name.startsWith('@'), `${where} has the illegal name ${JSON.stringify(name)}`);
      this.names(below, where);
    }
  }

  meta(value: unknown, where: string): void {
    if (value !== undefined && this.say(isObject(value), `meta of ${where} is no object`))
      this.names(value, `meta of ${where}`);
  }

  links(value: unknown, where: string, allowed?: readonly string[]): void {
    if (value === undefined || !this.say(isObject(value), `links of ${where} is no object`)) return;
    for (const [name, link] of Object.entries(value as Json)) {
      this.say(allowed === undefined || allowed.includes(name), `links of ${where} has ${name}`);
      if (isObject(link)) {
        this.members(link, LINK, `link ${name} of ${where}`);
        this.say(typeof link.href === 'string', `link ${name} of ${where} has no href`);
      } else this.say(link === null || typeof link === 'string', `link ${name} of ${where} is neither text nor object`);
    }
  }

  identifier(value: unknown, where: string): void {
    if (!this.say(isObject(value), `${where} is no identifier`)) return;
    const identifier = value as Json;
    this.members(identifier, ['type', 'id', 'lid', 'meta'], where);
    this.say(typeof identifier.type === 'string' && typeof identifier.id === 'string', `${where} has no type and id`);
    this.meta(identifier.meta, where);
  }

  relationship(value: unknown, where: string): void {
    if (!this.say(isObject(value), `${where} is no object`)) return;
    const relationship = value as Json;
    this.members(relationship, ['links', 'data', 'meta'], where);
    this.say(Object.keys(relationship).length > 0, `${where} is empty`);
    this.links(relationship.links, where, ['self', 'related', 'first', 'last', 'prev', 'next']);
    const links = relationship.links as Json | undefined;
    if (links !== undefined)
      this.say('self' in links || 'related' in links, `links of ${where} has neither self nor related`);
    this.meta(relationship.meta, where);
    const { data } = relationship;
    if (Array.isArray(data)) for (const each of data) this.identifier(each, `${where}.data`);
    else if (data !== undefined && data !== null) this.identifier(data, `${where}.data`);
  }

  resource(value: unknown, where: string): void {
    if (!this.say(isObject(value), `${where} is no object`)) return;
    const resource = value as Json;
    this.members(resource, RESOURCE, where);
    this.say(typeof resource.type === 'string' && typeof resource.id === 'string', `${where} has no type and id`);
    this.say(/^[\w:.-]{1,100}$/.test(String(resource.id)), `${where} has a strange id`);
    const { attributes = {}, relationships = {} } = resource;
    this.say(isObject(attributes) && isObject(relationships), `fields of ${where} are no objects`);
    this.names(attributes, `attributes of ${where}`);
    const names = [...Object.keys(attributes as Json), ...Object.keys(relationships as Json)];
    this.say(new Set(names).size === names.length, `${where} has a name twice`);
    this.say(!names.includes('type') && !names.includes('id'), `${where} has a field type or id`);
    for (const [name, each] of Object.entries(relationships as Json)) {
      this.say(NAME.test(name), `${where} has the illegal name ${name}`);
      this.relationship(each, `${where}.${name}`);
    }
    this.links(resource.links, where);
    this.meta(resource.meta, where);
  }

  results(value: unknown): void {
    if (!this.say(Array.isArray(value), 'atomic:results is no list')) return;
    for (const result of value as unknown[]) {
      if (!this.say(isObject(result), 'a result is no object')) continue;
      const { data, meta } = result as Json;
      this.members(result as Json, ['data', 'meta'], 'a result');
      this.meta(meta, 'a result');
      if (data !== undefined && data !== null) this.resource(data, 'the resource of a result');
    }
  }

  errors(value: unknown): void {
    if (!this.say(Array.isArray(value) && value.length > 0, 'errors is no list')) return;
    for (const error of value as unknown[]) {
      if (!this.say(isObject(error) && Object.keys(error).length > 0, 'an error is no object')) continue;
      const { id, status, code, title, detail, source, links, meta } = error as Json;
      this.members(error as Json, ERROR, 'an error');
      for (const text of [id, status, code, title, detail]) this.say(typeof text === 'string', 'an error lacks text');
      this.links(links, 'an error', ['about', 'type']);
      this.meta(meta, 'an error');
      if (source === undefined) continue;
      this.say(isObject(source) && Object.keys(source).length === 1, 'the source of an error is not one thing');
      this.members(source as Json, ['pointer', 'parameter', 'header'], 'the source of an error');
    }
  }

  /** Each type + id once, and everything included is reached from the primary data, which may be linkage itself. */
  compound(document: Json): void {
    const data = [document.data].flat().filter(isObject);
    const primary = isLinkage(document) ? [] : data;
    const included = (document.included ?? []) as Json[];
    const all = [...primary, ...included];
    const keys = all.map(({ type, id }) => `${type} ${id}`);
    const named = data.map(({ type, id }) => `${type} ${id}`);
    const isOnce = [keys, named].every((each) => new Set(each).size === each.length);
    this.say(isOnce, 'a resource is there twice');
    const byKey = new Map(all.map((each, i) => [keys[i] as string, each]));
    const reached = new Set<string>();
    const follow = (identifiers: Json[]) => {
      for (const { type, id } of identifiers) {
        const key = `${type} ${id}`;
        if (!reached.has(key)) {
          reached.add(key);
          visit(byKey.get(key));
        }
      }
    };
    const visit = (resource: Json | undefined) => {
      for (const relationship of Object.values((resource?.relationships ?? {}) as Record<string, Json>))
        follow([relationship.data].flat().filter(isObject));
    };
    for (const each of primary) visit(each);
    if (isLinkage(document)) follow(data);
    this.linked = included.every(({ type, id }) => reached.has(`${type} ${id}`));
  }

  /** Whether full linkage holds; a request with sparse fieldsets may lack it, so the caller decides. */
  linked = true;
}

/** @param contentType of the answer; empty list: the document is valid */
export function faultsOf(body: unknown, contentType: string): string[] {
  const checker = new Checker();
  checker.say(!contentType.includes('charset'), 'the media type has a charset');
  if (!checker.say(isObject(body), 'the document is no object')) return checker.faults;
  const document = body as Json;
  const isAtomic = contentType.includes('ext="https://jsonapi.org/ext/atomic"');
  checker.members(document, isAtomic ? ATOMIC_TOP : TOP, 'the document');
  checker.say(
    isAtomic || 'data' in document || 'errors' in document || 'meta' in document,
    'the document has no data, errors or meta',
  );
  if (isAtomic) checker.results(document['atomic:results']);
  checker.say(!('data' in document && 'errors' in document), 'the document has data and errors');
  checker.say('data' in document || !('included' in document), 'the document has included without data');
  checker.links(document.links, 'the document', TOP_LINKS);
  checker.meta(document.meta, 'the document');
  if ('jsonapi' in document && checker.say(isObject(document.jsonapi), 'jsonapi is no object')) {
    checker.members(document.jsonapi as Json, ['version', 'ext', 'profile', 'meta'], 'jsonapi');
    checker.meta((document.jsonapi as Json).meta, 'jsonapi');
  }
  if ('errors' in document) checker.errors(document.errors);
  const { data } = document;
  for (const each of [data].flat().filter((given) => given !== undefined && given !== null)) {
    if (isLinkage(document)) checker.identifier(each, 'linkage');
    else checker.resource(each, 'a resource');
  }
  for (const each of (document.included ?? []) as unknown[]) checker.resource(each, 'an included resource');
  checker.compound(document);
  return checker.faults;
}

/** Whether every included resource is reached through linkage (JSON:API 1.1, "Full linkage"). */
export function isFullyLinked(body: unknown): boolean {
  const checker = new Checker();
  checker.compound(body as Json);
  return checker.linked;
}
